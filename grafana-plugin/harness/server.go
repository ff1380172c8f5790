package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/gtime"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/plugin"
)

// Files says where what the browser loads lies.
type Files struct {
	Dist       string // the built plugin
	Browser    string // the stand-in's page and its node_modules
	Bundle     string // the stand-in's built host.js and host.css
	Dashboards string
}

// Handler is the part of Grafana's HTTP interface that DataSourceWithBackend
// and a Prometheus data source use, and the page of the stand-in.
func (s *Source) Handler(prometheus string, f Files) (http.Handler, error) {
	target, err := url.Parse(prometheus)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/ds/query", s.serveQuery)
	mux.HandleFunc("GET /api/datasources/uid/{uid}/health", s.serveHealth)
	mux.HandleFunc("/api/datasources/uid/{uid}/resources/{path...}", s.serveResource)
	mux.HandleFunc("GET /api/live/{path...}", s.serveLive)
	mux.Handle("/api/datasources/proxy/uid/prometheus/", http.StripPrefix("/api/datasources/proxy/uid/prometheus", httputil.NewSingleHostReverseProxy(target)))
	static := func(prefix, dir string) { mux.Handle(prefix, http.StripPrefix(prefix, http.FileServer(http.Dir(dir)))) }
	static("/public/plugins/"+plugin.ID+"/", f.Dist)
	static("/public/build/img/", filepath.Join(f.Browser, "..", "..", "node_modules", "@grafana", "ui", "dist", "public", "img"))
	mux.HandleFunc("/public/fonts/inter/{name}", func(w http.ResponseWriter, r *http.Request) { // text is measured in it
		weight := map[string]string{"Inter-Medium.woff2": "500"}[r.PathValue("name")]
		if weight == "" {
			weight = "400"
		}
		http.ServeFile(w, r, filepath.Join(f.Browser, "node_modules", "@fontsource", "inter", "files", "inter-latin-"+weight+"-normal.woff2"))
	})
	mux.HandleFunc("/public/fonts/", nothing)
	static("/systemjs/", filepath.Join(f.Browser, "node_modules", "systemjs", "dist"))
	static("/bundle/", f.Bundle)
	static("/dashboards/", f.Dashboards)
	mux.HandleFunc("/favicon.ico", nothing)
	mux.Handle("/{$}", http.FileServer(http.Dir(f.Browser)))
	return mux, nil
}

func nothing(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

// moment reads what a front end sends as the end of a range: milliseconds or
// now-1h.
func moment(v any) (int64, error) {
	text := fmt.Sprint(v)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	t, err := gtime.NewTimeRange(text, text).ParseFrom()
	return t.UnixMilli(), err
}

func (s *Source) serveQuery(w http.ResponseWriter, r *http.Request) {
	var body struct {
		From, To string
		Queries  []json.RawMessage
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	from, err1 := moment(body.From)
	to, err2 := moment(body.To)
	if err := errors.Join(err1, err2); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out, err := s.Query(r.Context(), time.UnixMilli(from), time.UnixMilli(to), nil, body.Queries...)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	for _, answer := range out.Responses {
		if answer.Error != nil { // as Grafana: some of the queries failed
			w.WriteHeader(http.StatusMultiStatus)
			break
		}
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (s *Source) serveHealth(w http.ResponseWriter, r *http.Request) {
	h, err := s.Health(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if h.Status != pluginv2.CheckHealthResponse_OK {
		w.WriteHeader(http.StatusBadRequest)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"status": h.Status.String(), "message": h.Message, "details": json.RawMessage(h.JsonDetails)})
}

func (s *Source) serveResource(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	path := strings.TrimPrefix(r.URL.RequestURI(), "/api/datasources/uid/"+r.PathValue("uid")+"/resources/")
	code, headers, answer, err := s.Resource(r.Context(), r.Method, r.PathValue("path"), path, r.Header, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for k, v := range headers {
		w.Header()[k] = v
	}
	w.WriteHeader(code)
	_, _ = w.Write(answer)
}

// serveLive sends a channel's packets as server-sent events; Grafana Live has a
// websocket there.
func (s *Source) serveLive(w http.ResponseWriter, r *http.Request) {
	path := r.PathValue("path")
	if status, err := s.Subscribe(r.Context(), path); err != nil || status != pluginv2.SubscribeStreamResponse_OK {
		http.Error(w, fmt.Sprint(status, err), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	_ = s.Stream(r.Context(), path, func(packet []byte) error {
		if _, err := fmt.Fprintf(w, "data: %s\n\n", packet); err != nil {
			return err
		}
		return http.NewResponseController(w).Flush()
	})
}
