package proxy

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// ender is a request's body that can be ended while somebody reads it.
type ender interface {
	io.ReadCloser
	end()
}

// callBody is the request's body of a call that is not watched.
type callBody struct{ io.ReadCloser }

func (b callBody) end() { _ = b.Close() } // fails only where it has ended already

// pass passes a call on. A server may end a call while its client's side is
// open, and the client then sends nothing more. The transport meanwhile waits
// for the client's next message, and ReverseProxy, which shields the request's
// body from being closed, for the transport: the end of the answer must end the
// request, or the client never learns of it.
func (p *Proxy) pass(w http.ResponseWriter, r *http.Request, body ender) {
	call := *p.reverse
	call.ModifyResponse = func(answer *http.Response) error {
		answer.Body = &callAnswer{answer.Body, body}
		return nil
	}
	out := *r
	out.Body = body
	call.ServeHTTP(w, &out)
}

// callAnswer ends the request with the answer.
type callAnswer struct {
	io.ReadCloser
	request ender
}

func (a *callAnswer) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if err != nil {
		a.request.end()
	}
	return n, err
}

// grpcFailed is gRPC's way to say that the model server gave no answer.
func grpcFailed(w http.ResponseWriter, r *http.Request, err error) {
	h := w.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set("Grpc-Status", strconv.Itoa(int(failureCode(r, err))))
	h.Set("Grpc-Message", "model server did not answer")
	w.WriteHeader(http.StatusOK)
}

// failureCode is the status that a client would have made of the same failure
// itself: gRPC's table of HTTP/2 error codes. A server resets a stream whose
// deadline has passed with CANCEL.
func failureCode(r *http.Request, err error) codes.Code {
	var reset http2.StreamError
	if !errors.As(err, &reset) {
		return codes.Unavailable
	}
	switch reset.Code {
	case http2.ErrCodeRefusedStream:
		return codes.Unavailable
	case http2.ErrCodeCancel:
		if r.Header.Get("Grpc-Timeout") != "" {
			return codes.DeadlineExceeded
		}
		return codes.Canceled
	case http2.ErrCodeEnhanceYourCalm:
		return codes.ResourceExhausted
	case http2.ErrCodeInadequateSecurity:
		return codes.PermissionDenied
	}
	return codes.Internal
}

// grpcStatus is the status of a call, which is a trailer, or a field of the
// head where there is no message.
func grpcStatus(h http.Header) (codes.Code, bool) {
	for _, name := range [...]string{http.TrailerPrefix + "Grpc-Status", "Grpc-Status"} {
		if v := h[name]; len(v) > 0 {
			n, err := strconv.ParseUint(v[0], 10, 32)
			if err != nil {
				return codes.Unknown, true
			}
			return codes.Code(n), true
		}
	}
	return 0, false
}

// ClassifyGRPC says whose fault a call's status is.
func ClassifyGRPC(c codes.Code) record.Outcome {
	switch c {
	case codes.OK:
		return record.Success
	case codes.Canceled:
		return record.Cancelled
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.PermissionDenied, codes.Unauthenticated,
		codes.FailedPrecondition, codes.OutOfRange, codes.Unimplemented:
		return record.ClientError
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted:
		return record.InfraError
	}
	return record.ModelError
}
