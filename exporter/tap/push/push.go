// Package push is the tap for programs that send what they have inferred:
// POST with one record, a list of them or JSON Lines, as package jsonl
// describes them, plain or compressed. It needs no SDK.
package push

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/tap/exchange"
	"github.com/gnomon-dev/gnomon/exporter/tap/jsonl"
)

// Name is the tap's name in metrics and records.
const Name = "push"

// maxErrors is how many refusals an answer explains.
const maxErrors = 10

// Settings is what a Handler is made of. Emit is required.
type Settings struct {
	Emit      func(*record.Capture) // never blocks; owns the capture
	Sampler   exchange.Sampler      // nil: all
	Observer  oip.Observer
	BodyLimit int64 // of a request, before and after decompression; 32 MiB where 0
	Now       func() time.Time
}

// Handler answers POST requests. Safe for concurrent use.
type Handler struct {
	s        Settings
	decoder  *jsonl.Decoder
	inflater *oip.Inflater
}

// New returns a Handler.
func New(s Settings) *Handler {
	if s.BodyLimit <= 0 {
		s.BodyLimit = 32 << 20
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	return &Handler{s: s, decoder: jsonl.NewDecoder(Name, s.Observer, s.Now), inflater: oip.NewInflater(s.BodyLimit)}
}

// Answer is what the handler says.
type Answer struct {
	Accepted int     `json:"accepted"` // records taken, sampled or not
	Rejected int     `json:"rejected"`
	Errors   []Error `json:"errors,omitempty"` // of the first that were rejected
	Message  string  `json:"error,omitempty"`  // where nothing could be read
}

// Error says why a record was rejected.
type Error struct {
	Index int    `json:"index"` // in the list, or the number of the line, from 0
	Error string `json:"error"`
}

// ServeHTTP takes the records: 202 where at least one was taken, 400 where
// none could be.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		answer(w, http.StatusMethodNotAllowed, Answer{Message: "records are sent with POST"})
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.s.BodyLimit))
	if err == nil {
		body, err = h.inflater.Inflate(body, r.Header.Get("Content-Encoding"))
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		answer(w, http.StatusRequestEntityTooLarge, Answer{Message: "body too large; send fewer records at once"})
		return
	case errors.Is(err, oip.ErrCompression):
		h.anomaly(oip.Compression)
		answer(w, http.StatusUnsupportedMediaType, Answer{Message: err.Error()})
		return
	case err != nil:
		return // the client left
	}
	a := h.take(body, r.Header.Get("Traceparent"))
	status := http.StatusAccepted
	if a.Accepted == 0 {
		status = http.StatusBadRequest
		if a.Rejected == 0 {
			a.Message = "no record in the body"
		}
	}
	answer(w, status, a)
}

func answer(w http.ResponseWriter, status int, a Answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(a) // fails only where the client left
}

func (h *Handler) anomaly(k oip.Kind) {
	if h.s.Observer != nil {
		h.s.Observer.Anomaly(k.String())
	}
}

func (h *Handler) take(body []byte, traceparent string) Answer {
	var a Answer
	index := 0
	one := func(text []byte) {
		c, err := h.decoder.Decode(text)
		switch {
		case err != nil:
			a.Rejected++
			if len(a.Errors) < maxErrors {
				a.Errors = append(a.Errors, Error{index, err.Error()})
			}
		default:
			a.Accepted += len(c.Records)
			h.emit(c, traceparent)
		}
		index++
	}
	body = bytes.TrimSpace(body)
	if len(body) > 0 && body[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(body, &list); err != nil {
			h.anomaly(oip.InvalidJSON)
			return Answer{Rejected: 1, Message: err.Error()}
		}
		for _, text := range list {
			one(text)
		}
		return a
	}
	// A stream of values reads one record, pretty-printed or not, and lines of
	// them alike; where it breaks, lines are all there is to go by.
	d := json.NewDecoder(bytes.NewReader(body))
	for {
		var text json.RawMessage
		at := d.InputOffset()
		if err := d.Decode(&text); err == io.EOF {
			return a
		} else if err != nil {
			for text := range bytes.Lines(body[at:]) {
				if text = bytes.TrimSpace(text); len(text) > 0 {
					one(text)
				}
			}
			return a
		}
		one(text)
	}
}

func (h *Handler) emit(c *record.Capture, traceparent string) {
	c.Weight = 1
	if h.s.Sampler != nil {
		if !h.s.Sampler.Keep(c.Key) {
			return
		}
		c.Weight = 1 / h.s.Sampler.Rate()
	}
	if c.TraceParent == "" {
		c.TraceParent = traceparent
	}
	for i := range c.Records {
		c.Records[i].Weight, c.Records[i].TraceParent = c.Weight, c.TraceParent
	}
	h.s.Emit(c)
}
