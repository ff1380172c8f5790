// Package exchange watches one request and its answer go by: it decides
// whether they are sampled, keeps a copy within the byte budget, and in the
// end emits a capture and reports what became of the request.
//
// All proxies share it. It never blocks, never decodes, and no fault of it
// can reach the request.
package exchange

import (
	"encoding/binary"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/tap/buffer"
	"github.com/gnomon-dev/gnomon/exporter/tap/route"
)

// Sampler decides by key. sampler.Hash is one.
type Sampler interface {
	Keep(key string) bool
	Rate() float64
}

// Observer is told about every inference request. Its methods are called in
// the request path from many goroutines: they must be quick.
type Observer interface {
	// Begin counts a request in; the function it returns counts it out.
	Begin() (end func())
	// Request is called once for every request, when it ended.
	Request(record.Done)
	// Dropped is called for a sampled request that is not emitted.
	Dropped(reason string)
}

// The reasons of Dropped.
const (
	DroppedOversize   = "oversize"   // a body longer than the limit
	DroppedMemory     = "memory"     // the byte budget was used up while the bodies passed
	DroppedIncomplete = "incomplete" // the request or its answer broke off
)

// DropReasons lists every reason, for pre-created series.
func DropReasons() []string {
	return []string{DroppedOversize, DroppedMemory, DroppedIncomplete}
}

// Settings is what a Watcher is made of.
type Settings struct {
	Tap       string
	Sampler   Sampler
	Observer  Observer
	Emit      func(*record.Capture) // never blocks; owns the capture
	Budget    buffer.Budget         // queue.Queue.Budget()
	BodyLimit int64                 // of each body
	Logger    *slog.Logger          // may be nil
	Now       func() time.Time      // time.Now where nil
	// Headers are those of a request that its records keep as metadata.
	Headers []string
}

// Watcher makes the Exchanges of one tap. Safe for concurrent use.
type Watcher struct {
	s    Settings
	buf  *buffer.Pool
	pool sync.Pool
}

// New returns a Watcher.
func New(s Settings) *Watcher {
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	w := &Watcher{s: s, buf: buffer.NewPool(s.Budget)}
	w.pool.New = func() any { return &Exchange{w: w} }
	return w
}

type decision uint8

const (
	undecided decision = iota
	keep
	skip
)

// Exchange is one request on its way. Request* and Response* may be called
// from two goroutines; Finish is called once, after both.
type Exchange struct {
	w      *Watcher
	end    func()
	target route.Target
	start  time.Time
	trace  string
	meta   [2]record.Body // what is known beside the bytes: request, response
	noted  map[string]string

	mu       sync.Mutex // between the request's side and the response's
	decision decision
	begun    bool // the request's body has begun
	complete bool // and was seen to its end
	key, id  string
	request  tee
	response tee
	hash     xxhash.Digest
	message  [512]byte // of an answer that is an error
	said     int
}

// Begin starts an exchange. header is the cohort key that the client sent, ""
// where there is none.
func (w *Watcher) Begin(target route.Target, header, traceparent string) *Exchange {
	x := w.pool.Get().(*Exchange)
	x.target, x.start, x.trace, x.noted = target, w.s.Now(), traceparent, nil
	x.decision, x.key, x.id, x.said, x.begun, x.complete = undecided, header, "", 0, false, false
	x.meta = [2]record.Body{{JSONLength: -1}, {JSONLength: -1}}
	x.request = tee{pool: w.buf, limit: w.s.BodyLimit}
	x.response = tee{pool: w.buf, limit: w.s.BodyLimit}
	x.begin()
	if x.decision != skip && header == "" {
		x.request.hash = &x.hash
	}
	return x
}

// maxHeader bounds the value of a header that is kept.
const maxHeader = 256

// Note keeps the request's headers that were asked for.
func (x *Exchange) Note(h http.Header) {
	for _, name := range x.w.s.Headers {
		v := h.Get(name)
		if v == "" || x.decision == skip {
			continue
		}
		if x.noted == nil {
			x.noted = make(map[string]string, len(x.w.s.Headers))
		}
		x.noted[name] = strings.ToValidUTF8(v[:min(len(v), maxHeader)], "")
	}
}

func (x *Exchange) begin() {
	defer x.contain()
	x.end = func() {}
	x.end = x.w.s.Observer.Begin()
	switch rate := x.w.s.Sampler.Rate(); {
	case rate <= 0:
		x.decide(false)
	case x.key != "":
		x.decide(x.w.s.Sampler.Keep(x.key))
	case rate >= 1:
		x.decision = keep // the key is found in the end
	}
}

// Sampled reports whether the exchange may still be emitted.
func (x *Exchange) Sampled() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.decision != skip
}

func (x *Exchange) decide(sampled bool) {
	x.decision = skip
	if sampled {
		x.decision = keep
		return
	}
	x.request.stop()
	x.response.stop()
}

// RequestHead says what is known of the request's body before its bytes;
// length is -1 where it is not known.
func (x *Exchange) RequestHead(b record.Body, length int64) {
	x.mu.Lock()
	x.meta[0] = b
	x.request.expect(length)
	x.mu.Unlock()
}

// Request sees the next bytes of the request's body.
func (x *Exchange) Request(p []byte) {
	x.mu.Lock()
	if !x.begun && len(p) > 0 {
		x.begun = true
		x.first(p)
	}
	x.request.write(p)
	x.mu.Unlock()
}

// first looks at the first bytes of the request's body for what its head does
// not say.
func (x *Exchange) first(p []byte) {
	if x.target.GRPC() {
		x.target.Model, x.target.Version = findModel(x.target.Format, p)
	}
	if !x.request.off {
		x.id = findID(x.target.Format, p)
	}
}

// RequestEnd says that the request's body is complete: the cohort key is known.
func (x *Exchange) RequestEnd() {
	defer x.contain()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.complete = true
	x.settleKey()
}

// settleKey finds the key of a request that came without one in a header: its
// id, else the digest of its body.
func (x *Exchange) settleKey() {
	if x.decision == skip {
		return
	}
	if x.id == "" && x.request.lost == none {
		// The first piece of the body may have been too short to show it.
		x.id = findID(x.target.Format, x.request.buf)
	}
	if x.key != "" {
		return
	}
	if x.key = x.id; x.key == "" {
		x.key = strconv.FormatUint(x.request.digest(), 16)
	}
	if x.decision == undecided {
		x.decide(x.w.s.Sampler.Keep(x.key))
	}
}

// ResponseHead is RequestHead for the answer.
func (x *Exchange) ResponseHead(b record.Body, length int64) {
	x.mu.Lock()
	x.meta[1] = b
	x.response.expect(length)
	x.mu.Unlock()
}

// Response sees the next bytes of the answer's body.
func (x *Exchange) Response(p []byte) {
	x.mu.Lock()
	x.response.write(p)
	x.mu.Unlock()
}

// Message sees the bytes of an answer that is an error: their start says
// whose fault it was.
func (x *Exchange) Message(p []byte) {
	x.said += copy(x.message[x.said:], p)
}

// End is how an exchange ended.
type End struct {
	Status  int
	Outcome record.Outcome
}

// ErrorMessage is the start of the answer that Message saw.
func (x *Exchange) ErrorMessage() []byte { return x.message[:x.said] }

// Finish reports the request and, where it is sampled and went well, emits
// the capture. The exchange must not be used any more.
func (x *Exchange) Finish(e End) {
	defer x.contain()
	x.mu.Lock()
	defer x.mu.Unlock()
	latency := x.w.s.Now().Sub(x.start)
	x.end()
	x.w.s.Observer.Request(record.Done{
		Tap: x.w.s.Tap, Model: x.target.Model, Version: x.target.Version,
		Outcome: e.Outcome, Status: e.Status, Latency: latency, TraceParent: x.trace,
	})
	x.settleKey()
	if x.decision == keep {
		x.deliver(e, latency)
	}
	x.request.free()
	x.response.free()
	x.w.pool.Put(x)
}

// contain keeps a fault of ours away from the request.
func (x *Exchange) contain() {
	if fault := recover(); fault != nil {
		x.w.s.Logger.Error("a tap's observer failed; the request went on", "tap", x.w.s.Tap, "fault", fault)
	}
}

// whole reports whether a gRPC call's messages are there to their ends: a server
// may answer a message before its client has closed its side of the call.
func (x *Exchange) whole() bool {
	if !x.target.GRPC() || x.request.lost != none {
		return false
	}
	b := x.request.buf
	for len(b) >= 5 {
		n := int64(binary.BigEndian.Uint32(b[1:5])) + 5
		if n > int64(len(b)) {
			return false
		}
		if b = b[n:]; len(b) == 0 {
			return true
		}
	}
	return false
}

// deliver emits what was kept, or says why not. Failed requests are no
// inferences: they are counted by outcome and nothing else.
func (x *Exchange) deliver(e End, latency time.Duration) {
	s := &x.w.s
	switch lost := max(x.request.lost, x.response.lost); {
	case e.Outcome == record.Cancelled || e.Outcome == record.InfraError, e.Outcome == record.Success && !x.complete && !x.whole():
		s.Observer.Dropped(DroppedIncomplete)
		return
	case e.Outcome != record.Success:
		return
	case lost == oversize:
		s.Observer.Dropped(DroppedOversize)
		return
	case lost == memory || !s.Budget.Acquire(record.Overhead):
		s.Observer.Dropped(DroppedMemory)
		return
	}
	c := &record.Capture{
		Tap: s.Tap, Format: x.target.Format, Model: x.target.Model, Version: x.target.Version,
		Key: x.key, ID: x.id, Time: x.start, Latency: latency, Status: e.Status, Outcome: e.Outcome,
		TraceParent: x.trace, Metadata: x.noted, Request: x.meta[0], Response: x.meta[1],
	}
	if rate := s.Sampler.Rate(); rate > 0 {
		c.Weight = 1 / rate
	}
	c.Request.Bytes, c.Response.Bytes = x.request.take(), x.response.take()
	c.Charged = c.Size()
	request, answer, w := c.Request.Bytes, c.Response.Bytes, x.w
	c.OnRelease(func() {
		w.buf.Put(request)
		w.buf.Put(answer)
		w.s.Budget.Release(record.Overhead)
	})
	s.Emit(c)
}
