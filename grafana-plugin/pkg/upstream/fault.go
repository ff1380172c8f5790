package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// Kind is why an upstream gave no answer.
type Kind string

// The kinds of faults.
const (
	Unreachable    Kind = "unreachable"
	Timeout        Kind = "timeout"
	Cancelled      Kind = "cancelled"
	Unauthorized   Kind = "unauthorized"
	Forbidden      Kind = "forbidden"
	NotFound       Kind = "not_found"
	RateLimited    Kind = "rate_limited"
	ServerError    Kind = "server_error"
	Refused        Kind = "refused" // the upstream understood and says no: a query that it cannot run
	NotJSON        Kind = "not_json"
	Truncated      Kind = "truncated"
	TooLarge       Kind = "too_large"
	TooManySeries  Kind = "too_many_series"
	UnexpectedForm Kind = "unexpected_form"
	NoTargets      Kind = "no_targets"
)

// Fault is a failure of an upstream.
type Fault struct {
	Kind     Kind
	Upstream string // "Prometheus", "gnomon http://..."
	Status   int    // of HTTP, where there was an answer
	Detail   string // the upstream's own words, cut
	Fix      string
	// Ours marks a request that this plugin should not have made: the source of
	// the error is the plugin.
	Ours  bool
	cause error
}

// Error names the upstream, the cause and the fix.
func (f *Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.Upstream + " " + f.words())
	if f.Detail != "" {
		b.WriteString(": " + f.Detail)
	}
	if f.Fix != "" {
		b.WriteString(" (" + f.Fix + ")")
	}
	return b.String()
}

// Unwrap gives the cause, such as context.DeadlineExceeded.
func (f *Fault) Unwrap() error { return f.cause }

func (f *Fault) words() string {
	status := ""
	if f.Status != 0 {
		status = fmt.Sprintf(" (%d %s)", f.Status, http.StatusText(f.Status))
	}
	switch f.Kind {
	case Unreachable:
		return "cannot be reached"
	case Timeout:
		return "did not answer in time"
	case Cancelled:
		return "was not waited for: the query was cancelled"
	case Unauthorized:
		return "does not accept the credentials" + status
	case Forbidden:
		return "forbids this to the user of the data source" + status
	case NotFound:
		return "has nothing at this address" + status
	case RateLimited:
		return "limits the rate of queries" + status
	case ServerError:
		return "failed" + status
	case Refused:
		return "refused the query" + status
	case NotJSON:
		return "answered with something that is not JSON" + status
	case Truncated:
		return "broke off its answer"
	case TooLarge:
		return "answered with more than the data source takes"
	case TooManySeries:
		return "answered with more series than the data source takes"
	case NoTargets:
		return "was not found"
	default:
		return "answered in an unexpected form" + status
	}
}

// ErrorSource tells Grafana who is to blame.
func (f *Fault) ErrorSource() backend.ErrorSource {
	if f.Ours {
		return backend.ErrorSourcePlugin
	}
	return backend.ErrorSourceDownstream
}

// DataStatus is the status of a response that holds the fault.
func (f *Fault) DataStatus() backend.Status {
	switch f.Kind {
	case Unauthorized:
		return backend.StatusUnauthorized
	case Forbidden:
		return backend.StatusForbidden
	case NotFound, NoTargets:
		return backend.StatusNotFound
	case Timeout:
		return backend.StatusTimeout
	case RateLimited:
		return backend.StatusTooManyRequests
	case TooManySeries, TooLarge, Refused:
		return backend.StatusBadRequest
	case Cancelled:
		return backend.Status(499)
	default:
		return backend.StatusBadGateway
	}
}

// fixes is what a person can do about a fault.
func fix(k Kind) string {
	switch k {
	case Unreachable:
		return "check the URL, the network and that it runs"
	case Timeout:
		return "shorten the time range, load the recording rules, or raise the data source's timeout"
	case Unauthorized:
		return "check user, password or token in the data source's settings"
	case NotFound:
		return "check the URL's path: it must be the root of the API, without /api/v1"
	case RateLimited:
		return "raise the refresh interval or the upstream's limit"
	case NotJSON:
		return "the URL probably leads to a login page or a proxy"
	case TooLarge, TooManySeries:
		return "choose fewer features or a shorter range, or raise the cap in the data source's settings"
	}
	return ""
}

// transportFault reads the error of a round trip.
func transportFault(name string, err error) *Fault {
	f := &Fault{Kind: Unreachable, Upstream: name, cause: err}
	var dns *net.DNSError
	var netErr net.Error
	switch {
	case errors.Is(err, context.Canceled):
		f.Kind = Cancelled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		f.Kind = Timeout
	case errors.As(err, &dns):
		f.Detail = fmt.Sprintf("no such host %q", dns.Name)
	default:
		f.Detail = shorten(innermost(err).Error())
	}
	f.Fix = fix(f.Kind)
	return f
}

func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// statusFault reads an answer that is no success.
func statusFault(name string, status int, detail string) *Fault {
	f := &Fault{Upstream: name, Status: status, Detail: shorten(detail)}
	switch {
	case status == http.StatusUnauthorized:
		f.Kind = Unauthorized
	case status == http.StatusForbidden:
		f.Kind = Forbidden
	case status == http.StatusNotFound:
		f.Kind = NotFound
	case status == http.StatusTooManyRequests:
		f.Kind = RateLimited
	case status == http.StatusServiceUnavailable && strings.Contains(detail, "timed out"), status == http.StatusGatewayTimeout:
		f.Kind = Timeout
	case status == http.StatusUnprocessableEntity:
		f.Kind = Refused
	case status >= 500:
		f.Kind = ServerError
	case status == http.StatusBadRequest:
		f.Kind, f.Ours = Refused, true
	default:
		f.Kind = UnexpectedForm
	}
	f.Fix = fix(f.Kind)
	return f
}

// shorten keeps the words of others short and on one line.
func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 300 {
		s = string(r[:300]) + "..."
	}
	return s
}
