// Package api is gnomon's HTTP API: the evaluator's results as JSON, a stream
// of them, and the door for labels and records. docs/api.md describes it.
package api

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// State is what there is to show. history.Store is one.
type State interface {
	Snapshot() *result.Snapshot
	History(model, version string, since time.Time) []result.Point
	Events(since time.Time) []result.Event
	Changed() <-chan struct{}
}

// Labels takes labels. watch.Set is one.
type Labels interface {
	// Accept takes labels and returns, of each that it did not, why.
	Accept([]record.Label) []error
	// Rejected is told how many could not be read.
	Rejected(n int)
}

// Deleter removes a record and those of its batch from whatever keeps them.
type Deleter interface {
	Delete(id string) (removed int, err error)
}

// Worst lists and explains the records that are kept as the worst. watch.Set is
// one.
type Worst interface {
	Worst(model, version, reason string, limit int) []result.Record
	Explain(ctx context.Context, model, version, id string) (result.Explanation, error)
}

// Settings is what the API is made of.
type Settings struct {
	State   State
	Labels  Labels
	Backup  func(io.Writer) error // GET /api/v1/labels/backup; nil: labels wait in memory
	Kept    Deleter               // DELETE /api/v1/records/{id}
	Records http.Handler          // POST /api/v1/records
	Worst   Worst
	Logger  *slog.Logger
	// MaxStreams bounds the clients that follow the results; more are refused.
	MaxStreams int
}

type api struct {
	s       Settings
	streams chan struct{}
}

// New returns the handler of everything under /api/.
func New(s Settings) http.Handler {
	a := &api{s: s, streams: make(chan struct{}, max(s.MaxStreams, 1))}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/status", a.status)
	mux.HandleFunc("GET /api/v1/models", a.models)
	mux.HandleFunc("GET /api/v1/models/{model}", a.model)
	mux.HandleFunc("GET /api/v1/models/{model}/history", a.history)
	mux.HandleFunc("GET /api/v1/models/{model}/features/{feature}", a.feature)
	mux.HandleFunc("GET /api/v1/models/{model}/worst", a.worst)
	mux.HandleFunc("GET /api/v1/models/{model}/explain", a.explain)
	mux.HandleFunc("GET /api/v1/events", a.events)
	mux.HandleFunc("GET /api/v1/stream", a.stream)
	mux.HandleFunc("POST /api/v1/labels", a.labels)
	mux.HandleFunc("GET /api/v1/labels/backup", a.backup)
	mux.Handle("POST /api/v1/records", s.Records)
	mux.HandleFunc("DELETE /api/v1/records/{id}", a.forget)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, http.StatusNotFound, fmt.Errorf("no such resource: %s %s; see /api/v1/status", r.Method, r.URL.Path))
	})
	return secure(mux)
}

// secure sets the headers that every answer has.
func secure(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		h.ServeHTTP(w, r)
	})
}

func (a *api) write(w http.ResponseWriter, r *http.Request, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		a.fail(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if len(body) > 1024 && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		zw := gzip.NewWriter(w)
		_, _ = zw.Write(body) // the client has gone: nothing to do
		_ = zw.Close()
		return
	}
	_, _ = w.Write(body)
}

func (a *api) fail(w http.ResponseWriter, code int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	body, _ := json.Marshal(map[string]string{"error": err.Error()}) // strings always marshal
	_, _ = w.Write(body)
}

// forget removes a record, and those of its batch, from all that keeps it: the
// inference log, what waits for labels, the worst records.
func (a *api) forget(w http.ResponseWriter, r *http.Request) {
	n, err := a.s.Kept.Delete(r.PathValue("id"))
	if err != nil {
		a.s.Logger.Error("a deletion failed; it is to be sent again", "error", err)
		a.fail(w, http.StatusInternalServerError, fmt.Errorf("%d removed, not all: send it again: %w", n, err))
		return
	}
	a.write(w, r, map[string]int{"removed": n})
}

func (a *api) status(w http.ResponseWriter, r *http.Request) { a.write(w, r, a.s.State.Snapshot()) }

func (a *api) models(w http.ResponseWriter, r *http.Request) {
	type row struct {
		Name    string         `json:"name"`
		Version string         `json:"version"`
		Verdict result.Verdict `json:"verdict"`
	}
	list := []row{}
	for _, m := range a.s.State.Snapshot().Models {
		list = append(list, row{m.Name, m.Version, m.Verdict})
	}
	a.write(w, r, map[string]any{"models": list})
}

// find answers 404, naming what there is, where the model is not watched.
func (a *api) find(w http.ResponseWriter, r *http.Request) (*result.Model, bool) {
	name, version := r.PathValue("model"), r.URL.Query().Get("version")
	var known []string
	for _, m := range a.s.State.Snapshot().Models {
		if m.Name == name && (version == "" || m.Version == version) {
			return &m, true
		}
		known = append(known, fmt.Sprintf("%s (version %q)", m.Name, m.Version))
	}
	a.fail(w, http.StatusNotFound, fmt.Errorf("model %q, version %q is not watched; watched are: %s", name, version, strings.Join(known, ", ")))
	return nil, false
}

func (a *api) model(w http.ResponseWriter, r *http.Request) {
	if m, ok := a.find(w, r); ok {
		a.write(w, r, m)
	}
}

func (a *api) history(w http.ResponseWriter, r *http.Request) {
	m, ok := a.find(w, r)
	if !ok {
		return
	}
	since, err := sinceParameter(r)
	if err != nil {
		a.fail(w, http.StatusBadRequest, err)
		return
	}
	a.write(w, r, map[string]any{"points": a.s.State.History(m.Name, m.Version, since)})
}

func (a *api) feature(w http.ResponseWriter, r *http.Request) {
	m, ok := a.find(w, r)
	if !ok {
		return
	}
	name := r.PathValue("feature")
	for _, f := range m.Features {
		if f.Name == name {
			a.write(w, r, f)
			return
		}
	}
	a.fail(w, http.StatusNotFound, fmt.Errorf("model %q has no feature %q", m.Name, name))
}

func (a *api) events(w http.ResponseWriter, r *http.Request) {
	since, err := sinceParameter(r)
	if err != nil {
		a.fail(w, http.StatusBadRequest, err)
		return
	}
	a.write(w, r, map[string]any{"events": a.s.State.Events(since)})
}

func sinceParameter(r *http.Request) (time.Time, error) {
	text := r.URL.Query().Get("since")
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, fmt.Errorf("since: %q is no time; write it as RFC 3339, such as 2026-03-01T12:00:00Z", text)
	}
	return t, nil
}

// stream sends every snapshot as a server-sent event. A client that cannot
// keep up misses some: each is complete.
func (a *api) stream(w http.ResponseWriter, r *http.Request) {
	select {
	case a.streams <- struct{}{}:
		defer func() { <-a.streams }()
	default:
		a.fail(w, http.StatusServiceUnavailable, fmt.Errorf("%d clients follow already; poll /api/v1/status instead", cap(a.streams)))
		return
	}
	rc := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	for {
		changed := a.s.State.Changed()
		body, err := json.Marshal(a.s.State.Snapshot())
		if err != nil {
			a.s.Logger.Error("snapshot does not marshal", "error", err)
			return
		}
		_ = rc.SetWriteDeadline(time.Now().Add(10 * time.Second)) // not every writer has one
		if _, err := fmt.Fprintf(w, "data: %s\n\n", body); err != nil {
			return
		}
		if err := rc.Flush(); err != nil {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}
