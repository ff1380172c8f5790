package proxy

import (
	"errors"
	"net/http"
	"strconv"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

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
