package proxy

import (
	"net/http"
	"strconv"

	"google.golang.org/grpc/codes"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// unavailable is gRPC's way to say that the model server gave no answer.
func unavailable(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set("Grpc-Status", strconv.Itoa(int(codes.Unavailable)))
	h.Set("Grpc-Message", "model server did not answer")
	w.WriteHeader(http.StatusOK)
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
