// Package web is gnomon's own web server: /metrics, the API, the page, health
// and readiness. Clients' inference requests never come here.
package web

import (
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Settings is what the server shows.
type Settings struct {
	Metrics    http.Handler
	Registerer prometheus.Registerer // for what is counted of /metrics itself
	API        http.Handler
	Page       http.Handler
	Ready      *Ready
	Logger     *slog.Logger
}

// Ready says whether gnomon passes traffic. It is not about models: a model
// that does not load must not take the proxy out of service.
type Ready struct{ ok atomic.Bool }

// Set changes the answer.
func (r *Ready) Set(ok bool) { r.ok.Store(ok) }

// New returns the handler.
func New(s Settings) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.InstrumentMetricHandler(s.Registerer, s.Metrics))
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "gnomon is healthy\n") })
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if s.Ready.ok.Load() {
			text(w, http.StatusOK, "gnomon is ready\n")
			return
		}
		text(w, http.StatusServiceUnavailable, "gnomon is starting\n")
	})
	mux.Handle("/api/", s.API)
	mux.Handle("/", s.Page)
	return mux
}

func text(w http.ResponseWriter, code int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(body)) // the client has gone: nothing to do
}
