// Package cloudevents is the tap for payload loggers that send CloudEvents:
// the KServe agent, Seldon Core v1's request logger, a Knative broker. A
// request and its response are two events, paired here by id.
//
// Halves that wait for the other are bounded in bytes (the queue's budget),
// in number and in time; what is lost is counted.
package cloudevents

import (
	"bytes"
	"container/list"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/tap/buffer"
	"github.com/gnomon-dev/gnomon/exporter/tap/exchange"
	"github.com/gnomon-dev/gnomon/exporter/tap/route"
)

// Name is the tap's name in metrics and records.
const Name = "cloudevents"

// The reasons of Dropped, beside those of package exchange.
const (
	DroppedOrphanRequest  = "orphan_request"  // no response within the TTL: loggers do not send failed ones
	DroppedOrphanResponse = "orphan_response" // no request within the TTL
	DroppedRepeated       = "repeated"        // the same half twice
	DroppedEvent          = "unknown_event"   // not a CloudEvent, or of no type that is known
)

// DropReasons lists every reason, for pre-created series.
func DropReasons() []string {
	return []string{DroppedOrphanRequest, DroppedOrphanResponse, DroppedRepeated, DroppedEvent, exchange.DroppedMemory, exchange.DroppedOversize}
}

// Settings is what a Receiver is made of. Sampler, Observer, Emit and Budget
// are required.
type Settings struct {
	Sampler    exchange.Sampler
	Observer   exchange.Observer
	Emit       func(*record.Capture) // never blocks; owns the capture
	Label      func(record.Label)    // takes feedback events; nil: they are dropped
	Budget     buffer.Budget         // queue.Queue.Budget()
	BodyLimit  int64                 // of a request; 8 MiB where 0
	TTL        time.Duration         // that a half waits for the other; 1 min where 0
	MaxPending int                   // halves that wait; 10,000 where 0
	Now        func() time.Time
}

// Receiver answers POST requests with events. Safe for concurrent use.
type Receiver struct {
	s       Settings
	buffers *buffer.Pool

	mu      sync.Mutex
	pending map[string]*list.Element
	oldest  *list.List // of *half, in the order of arrival
}

// half is one event of a pair.
type half struct {
	id       string
	response bool
	arrived  time.Time
	event    event // data in a lent buffer
}

// New returns a Receiver.
func New(s Settings) *Receiver {
	if s.BodyLimit <= 0 {
		s.BodyLimit = 8 << 20
	}
	if s.TTL <= 0 {
		s.TTL = time.Minute
	}
	if s.MaxPending <= 0 {
		s.MaxPending = 10_000
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	return &Receiver{s: s, buffers: buffer.NewPool(s.Budget), pending: map[string]*list.Element{}, oldest: list.New()}
}

// ServeHTTP takes the events of one request. It answers 202 also for events
// that are dropped: a logger that retries would only make it worse.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "events are sent with POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, r.s.BodyLimit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		r.s.Observer.Dropped(exchange.DroppedOversize)
		http.Error(w, "event too large", http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		return // the sender left
	}
	events, err := parse(q.Header, body)
	for _, e := range events {
		r.take(e)
	}
	if err != nil {
		r.s.Observer.Dropped(DroppedEvent)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (r *Receiver) take(e event) {
	switch {
	case strings.HasSuffix(e.kind, ".inference.request"):
		r.pair(e, false)
	case strings.HasSuffix(e.kind, ".inference.response"):
		r.pair(e, true)
	case strings.HasSuffix(e.kind, ".feedback"):
		if label, ok := feedback(e); ok && r.s.Label != nil {
			r.s.Label(label)
			return
		}
		r.s.Observer.Dropped(DroppedEvent)
	default:
		r.s.Observer.Dropped(DroppedEvent)
	}
}

// requestID is what a request and its response have in common.
func (e *event) requestID() string {
	if id := e.attributes["requestid"]; id != "" {
		return id // Seldon's; the event's own id may differ
	}
	return e.id
}

func (r *Receiver) pair(e event, response bool) {
	id := e.requestID()
	if !r.s.Sampler.Keep(id) {
		return
	}
	now := r.s.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sweep(now)
	if waiting, ok := r.pending[id]; ok {
		other := waiting.Value.(*half)
		if other.response == response {
			r.s.Observer.Dropped(DroppedRepeated)
			return
		}
		r.remove(waiting)
		h, ok := r.keep(e, id, response, now)
		if !ok {
			r.buffers.Put(other.event.data)
			return
		}
		if response {
			r.emit(other, h)
		} else {
			r.emit(h, other)
		}
		return
	}
	for len(r.pending) >= r.s.MaxPending {
		r.drop(r.oldest.Front())
	}
	if h, ok := r.keep(e, id, response, now); ok {
		r.pending[id] = r.oldest.PushBack(h)
	}
}

// keep copies an event's data into a buffer that is charged to the budget.
func (r *Receiver) keep(e event, id string, response bool, now time.Time) (*half, bool) {
	b := r.buffers.Get(max(len(e.data), 1))
	if b == nil {
		r.s.Observer.Dropped(exchange.DroppedMemory)
		return nil, false
	}
	e.data = append(b, e.data...)
	return &half{id: id, response: response, arrived: now, event: e}, true
}

// Sweep drops the halves that have waited too long. It is called by every
// event; call it from a ticker too, so that the last ones go when none come.
func (r *Receiver) Sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sweep(r.s.Now())
}

func (r *Receiver) sweep(now time.Time) {
	for front := r.oldest.Front(); front != nil; front = r.oldest.Front() {
		if now.Sub(front.Value.(*half).arrived) < r.s.TTL {
			return
		}
		r.drop(front)
	}
}

func (r *Receiver) drop(e *list.Element) {
	h := e.Value.(*half)
	r.remove(e)
	r.buffers.Put(h.event.data)
	if h.response {
		r.s.Observer.Dropped(DroppedOrphanResponse)
	} else {
		r.s.Observer.Dropped(DroppedOrphanRequest)
	}
}

func (r *Receiver) remove(e *list.Element) {
	r.oldest.Remove(e)
	delete(r.pending, e.Value.(*half).id)
}

// Pending is the number of halves that wait.
func (r *Receiver) Pending() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pending)
}

func (r *Receiver) emit(request, response *half) {
	a, b := request.event, response.event
	c := &record.Capture{
		Tap: Name, Format: format(a.data), Model: a.model(), Key: request.id, ID: request.id,
		Time: a.time, Status: http.StatusOK, Outcome: record.Success, TraceParent: a.attributes["traceparent"],
		Request: record.Body{Bytes: a.data, ContentType: a.contentType, JSONLength: -1},
		// Loggers send the response under the request's content type.
		Response: record.Body{Bytes: b.data, ContentType: a.contentType, JSONLength: -1},
	}
	if c.Model == "" {
		c.Model = b.model()
	}
	if c.Time.IsZero() {
		c.Time = request.arrived
	}
	if d := b.time.Sub(a.time); !a.time.IsZero() && !b.time.IsZero() && d > 0 {
		c.Latency = d // pods' clocks may be apart: a negative one says nothing
	}
	if rate := r.s.Sampler.Rate(); rate > 0 {
		c.Weight = 1 / rate
	}
	c.Charged = c.Size() - record.Overhead
	c.OnRelease(func() {
		r.buffers.Put(a.data)
		r.buffers.Put(b.data)
	})
	end := r.s.Observer.Begin()
	end()
	r.s.Observer.Request(record.Done{Tap: Name, Model: c.Model, Outcome: record.Success, Status: c.Status, Latency: c.Latency, TraceParent: c.TraceParent})
	r.s.Emit(c)
}

// model is the name that the logger knows: KServe's inference service,
// Seldon's model.
func (e *event) model() string {
	for _, name := range []string{"modelid", "inferenceservicename"} {
		if v := e.attributes[name]; v != "" {
			return v
		}
	}
	return ""
}

// format tells the protocol of a logged body, whose path did not travel.
func format(body []byte) string {
	start := body[:min(len(body), 1024)]
	if bytes.Contains(start, []byte(`"instances"`)) && !bytes.Contains(start, []byte(`"inputs"`)) {
		return route.V1
	}
	return route.OIP
}
