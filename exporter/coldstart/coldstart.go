// Package coldstart watches the model server's starts from outside: how long it
// takes from its process's start to its readiness, and how much longer than
// usual the first requests after a start or a change of version take.
package coldstart

import (
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Settings is what a Watcher is made of.
type Settings struct {
	ReadyURL string // that answers 200 once the server is ready
	// Triton is its /metrics; "" where there is none.
	Triton   string
	Interval time.Duration // between probes
	Client   *http.Client
	// Started is when the server's process started; zero where it is not known.
	Started    func() time.Time
	MaxModels  int
	Now        func() time.Time
	Registerer prometheus.Registerer
}

// The causes of a cold start.
const (
	started = "start"   // the server was started
	changed = "version" // it serves another version
)

// Watcher probes readiness and follows requests. Safe for concurrent use.
type Watcher struct {
	s Settings

	up      prometheus.Gauge
	starts  prometheus.Counter
	load    prometheus.Gauge
	cold    *prometheus.CounterVec
	first   *prometheus.GaugeVec
	penalty *prometheus.GaugeVec
	warm    *prometheus.GaugeVec
	triton  *prometheus.GaugeVec

	mu      sync.Mutex
	ready   bool
	probed  bool
	down    time.Time // since when it has not been ready
	models  map[string]*served
	scraped time.Time
}

// served is one model's requests.
type served struct {
	version string
	cause   string    // of the cold start that waits for its first request
	cold    float64   // its first request's latency; 0: none waits for a baseline
	warm    []float64 // latencies of the last requests that were not first
	next    int
	count   int // since the cold start
}

const (
	warmUp   = 3  // requests after the first that are neither cold nor warm
	baseline = 50 // warm latencies that are kept
	least    = 10 // of them for a baseline
)

// New registers the metrics.
func New(s Settings) *Watcher {
	w := &Watcher{s: s, models: map[string]*served{}}
	w.up = prometheus.NewGauge(prometheus.GaugeOpts{Name: "gnomon_server_ready", Help: "1 while the model server says that it is ready, else 0."})
	w.starts = prometheus.NewCounter(prometheus.CounterOpts{Name: "gnomon_server_starts_total", Help: "Times that the model server became ready after it was not, as seen from outside."})
	w.load = prometheus.NewGauge(prometheus.GaugeOpts{Name: "gnomon_server_load_duration_seconds", Help: "Time from the start of the model server's process (from the first failed probe where that is not known) to its readiness, at its last start."})
	labels := []string{"model", "model_version"}
	w.cold = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gnomon_cold_starts_total", Help: "First requests after a start of the server or a change of version."}, append(labels, "cause"))
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	w.first = gauge("gnomon_cold_start_first_request_seconds", "Latency of the first request after the last cold start.")
	w.penalty = gauge("gnomon_cold_start_penalty_seconds", "By how much that was longer than the median of the warm requests; 0 where it was not.")
	w.warm = gauge("gnomon_warm_request_seconds", "Median latency of the last 50 warm requests.")
	w.triton = gauge("gnomon_model_load_duration_seconds", "Load time of the model as Triton says (nv_model_load_duration_secs).")
	s.Registerer.MustRegister(w.cold, w.first, w.penalty, w.warm)
	if s.ReadyURL != "" {
		s.Registerer.MustRegister(w.up, w.starts, w.load)
	}
	if s.Triton != "" {
		s.Registerer.MustRegister(w.triton)
	}
	return w
}

// Run probes until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	tick := time.NewTicker(w.s.Interval)
	defer tick.Stop()
	for {
		if w.s.ReadyURL != "" {
			w.see(w.probe(ctx))
		}
		if w.s.Triton != "" {
			w.scrape(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// probe reports whether the server is ready. One that does not know the path
// but answers is.
func (w *Watcher) probe(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, max(w.s.Interval, time.Second))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.s.ReadyURL, nil)
	if err != nil {
		return false
	}
	resp, err := w.s.Client.Do(req)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4096)) // so that the connection is used again
	resp.Body.Close()
	return resp.StatusCode < 400 || resp.StatusCode == http.StatusNotFound
}

// see takes a probe's answer in.
func (w *Watcher) see(ready bool) {
	var process time.Time
	if w.s.Started != nil && ready && w.probed && !w.ready { // only this goroutine writes them
		process = w.s.Started() // slow: requests must not wait for it
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.s.Now()
	was, known := w.ready, w.probed
	w.ready, w.probed = ready, true
	if !ready {
		w.up.Set(0)
		if was || !known {
			w.down = now
		}
		return
	}
	w.up.Set(1)
	if was || !known {
		return // it ran before we did: nothing is known of its start
	}
	w.starts.Inc()
	began := w.down
	if process.After(began) { // one from before the outage was never gone
		began = process
	}
	w.load.Set(max(0, now.Sub(began).Seconds()))
	for _, m := range w.models {
		m.begin(started)
	}
}

func (m *served) begin(cause string) { m.cause, m.count = cause, 0 }

// Request follows a request that has succeeded.
func (w *Watcher) Request(name, version string, latency time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.models[name]
	if m == nil {
		if len(w.models) >= w.s.MaxModels {
			return
		}
		m = &served{version: version}
		w.models[name] = m
	}
	if m.version != version {
		m.version = version
		m.begin(changed)
	}
	seconds := latency.Seconds()
	m.count++
	switch {
	case m.count == 1 && m.cause != "":
		w.cold.WithLabelValues(name, version, m.cause).Inc()
		w.first.WithLabelValues(name, version).Set(seconds)
		m.cold = seconds
	case m.count <= 1+warmUp:
		return
	default:
		m.keep(seconds)
		if m.cold == 0 && m.count%16 != 0 { // the median is not for every request
			return
		}
	}
	if median, ok := m.median(); ok {
		w.warm.WithLabelValues(name, version).Set(median)
		if m.cold > 0 {
			w.penalty.WithLabelValues(name, version).Set(max(0, m.cold-median))
			m.cold = 0
		}
	}
}

// keep takes a warm latency into the ring.
func (m *served) keep(seconds float64) {
	if len(m.warm) < baseline {
		m.warm = append(m.warm, seconds)
		return
	}
	m.warm[m.next] = seconds
	m.next = (m.next + 1) % baseline
}

func (m *served) median() (float64, bool) {
	if len(m.warm) < least {
		return 0, false
	}
	sorted := slices.Clone(m.warm)
	slices.Sort(sorted)
	return sorted[len(sorted)/2], true
}

// scrapeEvery is how often Triton's metrics are read.
const scrapeEvery = 15 * time.Second

// scrape takes over what Triton says of its models' load times.
func (w *Watcher) scrape(ctx context.Context) {
	if now := w.s.Now(); now.Sub(w.scraped) < scrapeEvery {
		return
	}
	w.scraped = w.s.Now()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.s.Triton, nil)
	if err != nil {
		return
	}
	resp, err := w.s.Client.Do(req)
	if err != nil {
		return // it is not up: the ready probe says so
	}
	defer resp.Body.Close()
	for _, l := range loads(io.LimitReader(resp.Body, 16<<20), w.s.MaxModels) {
		w.triton.WithLabelValues(l.model, l.version).Set(l.seconds)
	}
}

type loaded struct {
	model, version string
	seconds        float64
}

// loads reads nv_model_load_duration_secs of an exposition.
func loads(r io.Reader, most int) []loaded {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, _ := parser.TextToMetricFamilies(r) // what was read before a fault is used
	f := families["nv_model_load_duration_secs"]
	var out []loaded
	for _, m := range f.GetMetric() {
		if len(out) == most {
			break
		}
		out = append(out, loaded{label(m, "model"), label(m, "version"), m.GetGauge().GetValue() + m.GetUntyped().GetValue()})
	}
	return out
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.Label {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}
