// Package record holds what travels through the pipeline: a Capture (one
// request and the primary's answer as bytes on the wire), the Records decoded
// from it (one a row), and the Observation that replay and comparison make of
// a Record.
//
// The tap makes Captures and nothing else, so that the request path never
// decodes: only the sampled ones are decoded, later, on gnomon's own time.
package record

import (
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Outcome classes what became of a request, by whose fault.
type Outcome uint8

// The outcomes, in the order of their metric labels.
const (
	Success Outcome = iota
	ClientError
	ModelError
	InfraError
	Cancelled
)

// Outcomes lists every outcome, for pre-created series.
func Outcomes() []Outcome { return []Outcome{Success, ClientError, ModelError, InfraError, Cancelled} }

// String is the value of the outcome label.
func (o Outcome) String() string {
	switch o {
	case Success:
		return "success"
	case ClientError:
		return "client_error"
	case ModelError:
		return "model_error"
	case InfraError:
		return "infra_error"
	case Cancelled:
		return "cancelled"
	}
	return "unknown"
}

// Body is one captured message body.
type Body struct {
	Bytes []byte
	// ContentType, Encoding (Content-Encoding) and JSONLength (the binary
	// tensor extension's Inference-Header-Content-Length, -1 where absent) are
	// what a decoder must know beside the bytes.
	ContentType string
	Encoding    string
	JSONLength  int
	// Truncated: the body was longer than the cap; Bytes is a prefix.
	Truncated bool
}

// Capture is one sampled request with the primary's response, undecoded. The
// tap owns it until it is emitted; then the pipeline does and calls Release
// when the bytes are no longer needed.
type Capture struct {
	Tap     string // "http", "grpc", "file", "push", ...
	Format  string // wire format, names the decoder: "oip", ...
	Model   string // from the path; empty where only the body knows
	Version string
	Key     string // cohort key: configured header, else the id, else a digest of the body
	ID      string // from a header; the body's id wins

	Time        time.Time // the request's arrival
	Latency     time.Duration
	Status      int
	Outcome     Outcome
	TraceParent string
	Metadata    map[string]string // headers that were asked for; shared by the records

	Request  Body
	Response Body // empty Bytes where no response was seen (mirror)

	// Records is set instead of the bodies by taps that receive records
	// already decoded (file, push).
	Records []Record

	// Weight is 1 / the probability that the request was sampled; 0 where
	// unknown.
	Weight float64
	// Charged is how much of Size the source has charged to the queue's budget
	// already, and gives back on Release.
	Charged int64

	release func()
}

// Done is one finished inference request as a tap saw it, sampled or not.
type Done struct {
	Tap         string
	Model       string
	Version     string // from the path; empty where the client named none
	Outcome     Outcome
	Status      int
	Latency     time.Duration
	TraceParent string
}

// OnRelease adds what gives the capture's buffers back to their pool; what was
// added last runs first.
func (c *Capture) OnRelease(f func()) {
	if prev := c.release; prev != nil {
		c.release = func() { f(); prev() }
		return
	}
	c.release = f
}

// Release gives the capture's buffers back. Safe to call once more.
func (c *Capture) Release() {
	if f := c.release; f != nil {
		c.release = nil
		f()
	}
}

// Overhead is the part of Size that no body accounts for.
const Overhead = captureOverhead

// captureOverhead is what a capture costs beside its bodies: the structure
// itself, its strings and the queue's slot, rounded up.
const captureOverhead = 512

// Size is the bytes that the capture is charged against the queue's budget.
func (c *Capture) Size() int64 {
	n := int64(captureOverhead + cap(c.Request.Bytes) + cap(c.Response.Bytes))
	for i := range c.Records {
		n += c.Records[i].size()
	}
	return n
}

// Record is one row of one inference: its inputs and, where known, the
// primary's answer and the truth.
type Record struct {
	ID      string // "id" or, in a batch of more than one row, "id#i"
	Model   string
	Version string
	Tap     string
	Key     string

	Time        time.Time
	Latency     time.Duration
	Outcome     Outcome
	TraceParent string

	Inputs  []tensor.Tensor // leading dimension 1
	Outputs []tensor.Tensor // the primary's; nil where unknown
	Label   *Label          // where it came with the record

	// Weight is 1 / the probability that the record was sampled.
	Weight float64
	// Metadata holds configured headers and the log's metadata.
	Metadata map[string]string
	// EventTime is when the data says that it happened, if it does.
	EventTime time.Time
}

func (r *Record) size() int64 {
	n := int64(captureOverhead)
	for _, t := range r.Inputs {
		n += int64(t.Bytes())
	}
	for _, t := range r.Outputs {
		n += int64(t.Bytes())
	}
	return n
}

// Observation is a record with what the shadow and the comparison say of it.
type Observation struct {
	Record
	Primary *compare.Prediction // nil where the primary's answer is unknown or unreadable
	// Supplied: the tap has not seen the primary's answer; Primary is the twin's.
	Supplied bool
	Shadows  []ShadowAnswer
}

// ShadowAnswer is one shadow's answer to one record.
type ShadowAnswer struct {
	Shadow     string // configured name
	Role       string // twin, candidate, baseline, reference-precision
	Prediction *compare.Prediction
	Err        error // why there is no answer
	Compared   bool  // the primary's answer was there to compare with
	Delta      compare.Delta
}

// Covers reports whether an id is the one that is asked for, or that of a row
// of its batch.
func Covers(asked, id string) bool {
	row, ok := strings.CutPrefix(id, asked)
	if !ok || row == "" {
		return ok
	}
	return row[0] == '#' && !strings.Contains(row[1:], "#")
}
