// Package capacity says how much of the model server is in use and how much
// room is left, from the requests' rate and duration alone.
//
// Little's law: over an interval, the mean number of requests in the server is
// their rate times their mean duration, L = lambda W, whatever the
// distributions. What a request takes when nobody else is there, W0, is the
// lowest mean duration of the window's intervals (its tenth percentile); of L,
// lambda W0 are being worked on and the rest waits. The working ones, over the
// requests that the server can work on at once (its slots), are the
// utilisation of the server; the room is what is left of the utilisation that
// is still well at the window's peak.
package capacity

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Settings is what an Estimator is made of.
type Settings struct {
	// Totals is the requests that have ended and the sum of their durations in
	// seconds, since start.
	Totals     func() (requests, seconds float64)
	Slots      float64 // requests that the server works on at once; 0: not known
	Target     float64 // utilisation that is still well
	Window     time.Duration
	Now        func() time.Time
	Registerer prometheus.Registerer
}

// Estimate is what is known of the last interval and the window.
type Estimate struct {
	Concurrency float64 // L
	Service     float64 // W0, seconds
	Working     float64 // lambda W0
	Waiting     float64 // L - lambda W0
	Utilization float64 // Working / Slots; NaN without slots
	Headroom    float64 // 1 - peak of the window / (Slots x Target); NaN without slots
}

// Estimator takes an interval in with every Tick.
type Estimator struct {
	s Settings

	mu                sync.Mutex
	at                time.Time
	requests, seconds float64
	intervals         []interval
	last              Estimate
	known             bool
}

type interval struct {
	at         time.Time
	rate, mean float64
}

// maxIntervals bounds the window: more are thinned out by their age.
const maxIntervals = 4096

// fewRequests is below how many requests an interval says nothing of W0.
const fewRequests = 5

// New registers the metrics.
func New(s Settings) *Estimator {
	e := &Estimator{s: s, at: s.Now()}
	e.requests, e.seconds = s.Totals()
	s.Registerer.MustRegister(e)
	return e
}

// Tick takes the interval since the last one in.
func (e *Estimator) Tick() {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.s.Now()
	requests, seconds := e.s.Totals()
	passed, n, sum := now.Sub(e.at).Seconds(), requests-e.requests, seconds-e.seconds
	if passed <= 0 {
		return
	}
	e.at, e.requests, e.seconds = now, requests, seconds
	i := interval{at: now, rate: max(n, 0) / passed, mean: math.NaN()}
	if n >= fewRequests {
		i.mean = sum / n
	}
	e.intervals = append(e.intervals, i)
	first := max(0, len(e.intervals)-maxIntervals)
	for now.Sub(e.intervals[first].at) > e.s.Window {
		first++
	}
	e.intervals = slices.Delete(e.intervals, 0, first)
	e.estimate(max(sum, 0)/passed, i.rate)
}

func (e *Estimator) estimate(concurrency, rate float64) {
	var means []float64
	peak := 0.
	for _, i := range e.intervals {
		peak = max(peak, i.rate)
		if !math.IsNaN(i.mean) {
			means = append(means, i.mean)
		}
	}
	if len(means) == 0 {
		e.known = false
		return
	}
	slices.Sort(means)
	service := means[len(means)/10]
	working := min(rate*service, concurrency)
	e.last = Estimate{Concurrency: concurrency, Service: service, Working: working, Waiting: concurrency - working, Utilization: math.NaN(), Headroom: math.NaN()}
	if e.s.Slots > 0 {
		e.last.Utilization = working / e.s.Slots
		e.last.Headroom = 1 - peak*service/(e.s.Slots*e.s.Target)
	}
	e.known = true
}

// Last is the last estimate; ok is false before there was enough traffic.
func (e *Estimator) Last() (Estimate, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last, e.known
}

type family struct {
	name, help string
	value      func(Estimate) float64
}

func families() []family {
	return []family{
		{"gnomon_server_concurrency_requests", "Mean number of requests in the model server over the last interval: rate x duration (Little's law).", func(e Estimate) float64 { return e.Concurrency }},
		{"gnomon_server_working_requests", "Of those, the ones that are worked on: rate x gnomon_server_service_seconds.", func(e Estimate) float64 { return e.Working }},
		{"gnomon_server_waiting_requests", "Of those, the ones that wait for others.", func(e Estimate) float64 { return e.Waiting }},
		{"gnomon_server_service_seconds", "Duration of a request that does not wait: tenth percentile of the intervals' mean durations over the window.", func(e Estimate) float64 { return e.Service }},
		{"gnomon_server_utilization_ratio", "gnomon_server_working_requests over capacity.slots; absent where they are not set.", func(e Estimate) float64 { return e.Utilization }},
		{"gnomon_server_headroom_ratio", "Room left at the window's peak: 1 - peak rate x service / (slots x target); below 0 the peak was more than is well.", func(e Estimate) float64 { return e.Headroom }},
	}
}

// Describe implements prometheus.Collector.
func (e *Estimator) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range families() {
		ch <- prometheus.NewDesc(f.name, f.help, nil, nil)
	}
	ch <- slots()
}

func slots() *prometheus.Desc {
	return prometheus.NewDesc("gnomon_server_slots", "Requests that the model server works on at once, as capacity.slots says.", nil, nil)
}

// Collect implements prometheus.Collector.
func (e *Estimator) Collect(ch chan<- prometheus.Metric) {
	if e.s.Slots > 0 {
		ch <- prometheus.MustNewConstMetric(slots(), prometheus.GaugeValue, e.s.Slots)
	}
	last, ok := e.Last()
	if !ok {
		return
	}
	for _, f := range families() {
		if v := f.value(last); !math.IsNaN(v) {
			ch <- prometheus.MustNewConstMetric(prometheus.NewDesc(f.name, f.help, nil, nil), prometheus.GaugeValue, v)
		}
	}
}
