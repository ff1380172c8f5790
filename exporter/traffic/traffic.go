// Package traffic counts what passes the tap: requests by outcome, latency,
// drops and oddities. It is the only part of gnomon that the request path
// writes to, so it takes no lock that anything slow holds, and it cannot
// panic into a handler.
package traffic

import (
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// overflow is the model label of models beyond the bound: their names come
// from clients and must not become series without end.
const overflow = "_other"

// Traffic implements what the taps report to. Safe for concurrent use.
type Traffic struct {
	requests  *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	inFlight  prometheus.Gauge
	sampled   *prometheus.CounterVec
	dropped   map[string]prometheus.Counter
	anomalies map[string]prometheus.Counter

	done  func(record.Done, string)
	now   func() time.Time
	start time.Time
	span  time.Duration
	limit int

	mu     sync.RWMutex
	models map[string]*model
}

// Settings is what a Traffic is made of.
type Settings struct {
	Registerer prometheus.Registerer
	Now        func() time.Time
	Span       time.Duration // of recent rates and quantiles
	MaxModels  int
	Reasons    []string // of drops
	Kinds      []string // of payload anomalies
	// Done, where given, is told of every request that ended. It must not block.
	Done func(record.Done, string)
}

// model is one model's series, looked up once.
type model struct {
	version string
	recent  *recent
	sampled prometheus.Counter
	taps    map[string]*tapSeries
}

type tapSeries struct {
	outcomes [5]prometheus.Counter
	duration prometheus.Observer
}

// New registers the metrics and pre-creates every series that is known.
func New(s Settings) *Traffic {
	t := &Traffic{done: s.Done, now: s.Now, start: s.Now(), span: s.Span, limit: s.MaxModels, models: map[string]*model{}}
	t.register(s)
	return t
}

func (t *Traffic) register(s Settings) {
	t.requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gnomon_requests_total", Help: "Inference requests at the tap by outcome: success, client_error (the caller's fault), model_error (the model's), infra_error (the server's or the network's), cancelled (the caller left).",
	}, []string{"model", "model_version", "tap", "outcome"})
	t.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gnomon_request_duration_seconds", Help: "Time from the request's arrival at the tap to the end of the response.",
		Buckets:                        []float64{.001, .0025, .005, .01, .025, .05, .1, .2, .5, 1, 2.5, 5, 10},
		NativeHistogramBucketFactor:    1.1,
		NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
	}, []string{"model", "model_version", "tap"})
	t.inFlight = prometheus.NewGauge(prometheus.GaugeOpts{Name: "gnomon_requests_in_flight", Help: "Requests between the tap and the model server now."})
	t.sampled = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gnomon_records_sampled_total", Help: "Requests that were sampled and queued for the monitors.",
	}, []string{"model", "model_version"})
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gnomon_records_dropped_total", Help: "Sampled requests that were dropped before the monitors, by reason.",
	}, []string{"reason"})
	anomalies := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gnomon_payload_anomalies_total", Help: "Oddities of captured payloads by kind; the primary was not disturbed.",
	}, []string{"kind"})
	s.Registerer.MustRegister(t.requests, t.duration, t.inFlight, t.sampled, dropped, anomalies)
	t.dropped = precreate(dropped, s.Reasons)
	t.anomalies = precreate(anomalies, s.Kinds)
}

func precreate(v *prometheus.CounterVec, values []string) map[string]prometheus.Counter {
	out := make(map[string]prometheus.Counter, len(values))
	for _, x := range append(values, "other") {
		out[x] = v.WithLabelValues(x)
	}
	return out
}

// Watch makes a model's series exist at 0, and names the version that its
// requests are counted under from now on.
func (t *Traffic) Watch(name, version string, taps ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.models[name]
	if m == nil {
		m = &model{recent: newRecent(t.span)}
		t.models[name] = m
	}
	if m.taps == nil || m.version != version {
		m.version, m.taps = version, map[string]*tapSeries{}
		m.sampled = t.sampled.WithLabelValues(name, version)
	}
	for _, tap := range taps {
		t.tap(m, name, tap)
	}
}

// tap is a model's series at one tap; t.mu is held.
func (t *Traffic) tap(m *model, name, tap string) *tapSeries {
	s := m.taps[tap]
	if s == nil {
		s = &tapSeries{duration: t.duration.WithLabelValues(name, m.version, tap)}
		for _, o := range record.Outcomes() {
			s.outcomes[o] = t.requests.WithLabelValues(name, m.version, tap, o.String())
		}
		m.taps[tap] = s
	}
	return s
}

// lookup admits a model by name, or the overflow where too many are known or
// the request did not succeed: a scanner's 404s make no series.
func (t *Traffic) lookup(name, tap string, o record.Outcome) (*model, *tapSeries) {
	t.mu.RLock()
	m := t.models[name]
	if m != nil {
		if s := m.taps[tap]; s != nil {
			t.mu.RUnlock()
			return m, s
		}
	}
	full := len(t.models) >= t.limit
	t.mu.RUnlock()
	if m == nil && (full || o != record.Success || !utf8.ValidString(name)) {
		name = overflow
	}
	t.Watch(name, t.Version(name), tap)
	t.mu.RLock()
	defer t.mu.RUnlock()
	m = t.models[name]
	return m, m.taps[tap]
}

// Version is the version that a model's requests are counted under.
func (t *Traffic) Version(name string) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if m := t.models[name]; m != nil {
		return m.version
	}
	return ""
}

// Begin counts a request in; the function it returns counts it out.
func (t *Traffic) Begin() (end func()) {
	t.inFlight.Inc()
	return t.inFlight.Dec
}

// Request counts a finished request.
func (t *Traffic) Request(d record.Done) {
	m, s := t.lookup(d.Model, d.Tap, d.Outcome)
	s.outcomes[d.Outcome].Inc()
	seconds := d.Latency.Seconds()
	if id := record.TraceID(d.TraceParent); id != "" {
		s.duration.(prometheus.ExemplarObserver).ObserveWithExemplar(seconds, prometheus.Labels{"trace_id": id})
	} else {
		s.duration.Observe(seconds)
	}
	m.recent.add(t.now(), seconds, d.Outcome == record.ModelError || d.Outcome == record.InfraError)
	if t.done != nil {
		t.done(d, m.version)
	}
}

// Sampled counts a request that was queued.
func (t *Traffic) Sampled(name string) {
	if m := t.admit(name); m != nil {
		m.sampled.Inc()
	}
}

// admit finds a model, or begins to count it: taps that see no requests, such
// as posted records, meet models that nobody has watched before.
func (t *Traffic) admit(name string) *model {
	t.mu.RLock()
	m, full := t.models[name], len(t.models) >= t.limit
	t.mu.RUnlock()
	if m != nil {
		return m
	}
	if full || name == "" || !utf8.ValidString(name) {
		name = overflow
	}
	t.Watch(name, t.Version(name))
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.models[name]
}

// Dropped counts a sampled request that was lost, by reason.
func (t *Traffic) Dropped(reason string) { inc(t.dropped, reason) }

// Anomaly counts an oddity of a payload, by kind.
func (t *Traffic) Anomaly(kind string) { inc(t.anomalies, kind) }

func inc(m map[string]prometheus.Counter, key string) {
	c, ok := m[key]
	if !ok {
		c = m["other"]
	}
	c.Inc()
}

// Recent is a model's traffic of the last span; ok is false where the model is
// not known.
func (t *Traffic) Recent(name string) (r Recent, ok bool) {
	t.mu.RLock()
	m := t.models[name]
	t.mu.RUnlock()
	if m == nil {
		return Recent{}, false
	}
	return m.recent.stats(t.now(), t.start), true
}

// Totals is a model's requests by outcome since start, all taps together.
func (t *Traffic) Totals(name string) map[string]uint64 {
	out := map[string]uint64{}
	for _, o := range record.Outcomes() {
		out[o.String()] = 0
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if m := t.models[name]; m != nil {
		for _, s := range m.taps {
			for _, o := range record.Outcomes() {
				out[o.String()] += read(s.outcomes[o])
			}
		}
	}
	return out
}

// Health is what was sampled, and what was dropped or odd by reason or kind,
// since start.
func (t *Traffic) Health() (sampled uint64, dropped, anomalies map[string]uint64) {
	t.mu.RLock()
	for _, m := range t.models {
		sampled += read(m.sampled)
	}
	t.mu.RUnlock()
	return sampled, values(t.dropped), values(t.anomalies)
}

func values(m map[string]prometheus.Counter) map[string]uint64 {
	out := make(map[string]uint64, len(m))
	for k, c := range m {
		out[k] = read(c)
	}
	return out
}

func read(c prometheus.Counter) uint64 {
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		return 0 // cannot be: it is a counter
	}
	return uint64(m.GetCounter().GetValue())
}
