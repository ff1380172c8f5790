// Package mirror is the tap for requests that a proxy mirrors: Envoy's and
// Istio's request_mirror_policies, nginx's mirror. They show requests only and
// throw the answer away, so a record has no primary's answer: the twin shadow
// supplies one, and agreement is unknown.
package mirror

import (
	"io"
	"log/slog"
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
const Name = "mirror"

// Settings is what a Handler is made of. Sampler, Observer, Emit and Budget
// are required.
type Settings struct {
	Sampler   exchange.Sampler
	Observer  exchange.Observer
	Emit      func(*record.Capture) // never blocks; owns the capture
	Budget    buffer.Budget         // queue.Queue.Budget()
	BodyLimit int64                 // 8 MiB where 0
	KeyHeader string
	Headers   []string                                              // of requests, that records keep as metadata
	Route     func(method, escapedPath string) (route.Target, bool) // route.HTTP where nil
	Logger    *slog.Logger
	Now       func() time.Time
}

// Handler takes mirrored requests and answers 204 at once. Safe for concurrent
// use.
type Handler struct {
	s       Settings
	watcher *exchange.Watcher
	buffers sync.Pool
}

// New returns a Handler.
func New(s Settings) *Handler {
	if s.BodyLimit <= 0 {
		s.BodyLimit = 8 << 20
	}
	if s.Route == nil {
		s.Route = route.HTTP
	}
	h := &Handler{s: s, watcher: exchange.New(exchange.Settings{Headers: s.Headers,
		Tap: Name, Sampler: s.Sampler, Observer: s.Observer, Emit: s.Emit, Budget: s.Budget, BodyLimit: s.BodyLimit, Logger: s.Logger, Now: s.Now,
	})}
	h.buffers.New = func() any { b := make([]byte, 32<<10); return &b }
	return h
}

// ServeHTTP takes one mirrored request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	target, inference := h.s.Route(r.Method, r.URL.EscapedPath())
	if inference {
		h.watch(r, target)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h *Handler) watch(r *http.Request, target route.Target) {
	key := ""
	if h.s.KeyHeader != "" {
		key = r.Header.Get(h.s.KeyHeader)
	}
	x := h.watcher.Begin(target, key, r.Header.Get("Traceparent"))
	x.Note(r.Header)
	x.RequestHead(exchange.BodyOf(r.Header), r.ContentLength)
	buffer := h.buffers.Get().(*[]byte)
	defer h.buffers.Put(buffer)
	for {
		n, err := r.Body.Read(*buffer)
		x.Request((*buffer)[:n])
		if err == io.EOF {
			x.RequestEnd()
			x.Finish(exchange.End{Outcome: record.Success})
			return
		}
		if err != nil {
			x.Finish(exchange.End{Outcome: record.Cancelled})
			return
		}
	}
}

// Host is the host that a mirrored request was for: Envoy adds -shadow to it.
func Host(host string) string {
	name, port, found := strings.Cut(host, ":")
	name = strings.TrimSuffix(name, "-shadow")
	if found {
		return name + ":" + port
	}
	return name
}
