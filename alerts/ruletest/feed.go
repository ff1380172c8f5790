package ruletest

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/alerts/spec"
)

// series builds the values of one input series.
type series struct {
	name  string
	parts []string
	value float64
	at    int // scrapes so far
	gone  bool
}

func newSeries(name string) *series { return &series{name: name} }

func (s *series) done() Series { return Series{s.name, strings.Join(s.parts, " ")} }

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// line appends n scrapes that begin at a value and grow by a step.
func (s *series) line(start, step float64, n int) {
	if n <= 0 {
		return
	}
	s.parts = append(s.parts, fmt.Sprintf("%s+%sx%d", number(start), number(step), n-1))
	s.value, s.at, s.gone = start+step*float64(n-1), s.at+n, false
}

// count appends n scrapes of a counter.
func (s *series) count(step float64, n int) {
	if s.at == 0 {
		s.line(0, 0, 1)
		n--
	}
	step = math.Round(step*(1<<20)) / (1 << 20) // exact sums: an error in the last digit would be a reset
	s.line(s.value+step, step, n)
}

// hold appends n scrapes of a gauge.
func (s *series) hold(v float64, n int) { s.line(v, 0, n) }

// absent appends n scrapes at which there is nothing.
func (s *series) absent(n int) {
	if n > 0 && !s.gone {
		s.parts = append(s.parts, "stale")
		n--
		s.at++
	}
	if n > 0 {
		s.parts = append(s.parts, "_x"+strconv.Itoa(n))
		s.at += n
	}
	s.gone = true
}

// identity are the labels of the model that the cases are about.
const identity = `model="m", model_version="1", job="gnomon", instance="a"`

// feed makes the input series of an SLO's kind for the phases. The first scrape
// is at time 0, so the first phase has one more.
func feed(s *spec.SLO, phases []phase, scrape time.Duration) []Series {
	f := feeder{slo: s, scrape: scrape}
	switch s.Kind {
	case "availability":
		return f.events(phases, `gnomon_requests_total{outcome="success", tap="http", `+identity+"}", `gnomon_requests_total{outcome="infra_error", tap="http", `+identity+"}", false)
	case "latency":
		return f.events(phases, fmt.Sprintf(`gnomon_request_duration_seconds_bucket{le="%s", tap="http", %s}`, number(s.Limit()), identity), `gnomon_request_duration_seconds_count{tap="http", `+identity+"}", true)
	case "accuracy":
		return f.events(phases, `gnomon_calibration_bin_correct_total{bin="01 (0, 1]", `+identity+"}", `gnomon_calibration_bin_total{bin="01 (0, 1]", `+identity+"}", true)
	case "agreement":
		info := newSeries(`gnomon_shadow_info{shadow="twin", role="twin", digest="d", provider="cpu", ` + identity + "}")
		other := newSeries(`gnomon_shadow_comparisons_total{shadow="old", ` + identity + "}")
		f.each(phases, func(p phase, n int) { f.gauge(info, p, 1, n); f.counter(other, p, 1, n) })
		comparisons := f.events(phases, `gnomon_shadow_disagreements_total{shadow="twin", `+identity+"}", `gnomon_shadow_comparisons_total{shadow="twin", `+identity+"}", true)
		return append(f.inverted(phases, comparisons), info.done(), other.done())
	}
	return f.slice(phases)
}

type feeder struct {
	slo    *spec.SLO
	scrape time.Duration
}

// each calls visit with the number of scrapes of each phase.
func (f feeder) each(phases []phase, visit func(p phase, n int)) {
	for i, p := range phases {
		n := int(p.length / f.scrape)
		if i == 0 {
			n++
		}
		visit(p, n)
	}
}

func (f feeder) gauge(s *series, p phase, v float64, n int) {
	if p.gone {
		s.absent(n)
	} else {
		s.hold(v, n)
	}
}

func (f feeder) counter(s *series, p phase, rate float64, n int) {
	if p.reset {
		s.value = 0
	}
	if p.gone {
		s.absent(n)
	} else {
		s.count(rate*f.scrape.Seconds(), n)
	}
}

// events makes a counter of good events and one of bad ones, or of all where
// whole.
func (f feeder) events(phases []phase, good, other string, whole bool) []Series {
	a, b := newSeries(good), newSeries(other)
	f.each(phases, func(p phase, n int) {
		f.counter(a, p, p.rate*(1-p.bad), n)
		if whole {
			f.counter(b, p, p.rate, n)
		} else {
			f.counter(b, p, p.rate*p.bad, n)
		}
	})
	return []Series{a.done(), b.done()}
}

// inverted makes the first counter that of the bad events.
func (f feeder) inverted(phases []phase, in []Series) []Series {
	bad := newSeries(in[0].Name)
	f.each(phases, func(p phase, n int) { f.counter(bad, p, p.rate*p.bad, n) })
	return []Series{bad.done(), in[1]}
}

// slice makes what is looked at again and again: bad all the time or not at
// all, or for drift in a share of four features.
func (f feeder) slice(phases []phase) []Series {
	limit := f.slo.Limit()
	gauge := func(name string, good, bad float64) []Series {
		s := newSeries(name)
		f.each(phases, func(p phase, n int) { f.gauge(s, p, good+(bad-good)*p.bad, n) })
		return []Series{s.done()}
	}
	switch f.slo.Kind {
	case "calibration":
		return append(gauge(`gnomon_calibration_error_ratio{scheme="debiased", `+identity+"}", limit*.98, limit*1.02),
			gauge(`gnomon_calibration_error_ratio{scheme="equal_width", `+identity+"}", 1, 0)...)
	case "cold_start":
		return gauge(`gnomon_shadow_load_duration_seconds{shadow="twin", `+identity+"}", limit*.98, limit*1.02)
	case "drift":
		var out []Series
		for i := range 4 {
			out = append(out, gauge(fmt.Sprintf(`gnomon_feature_drifted{feature="f%d", %s}`, i, identity), 0, 1)...)
		}
		// A second replica that has not seen it.
		return append(out, gauge(`gnomon_feature_drifted{feature="f0", `+strings.Replace(identity, `"a"`, `"b"`, 1)+"}", 0, 0)...)
	case "cost":
		inferences, cost := newSeries(`gnomon_cost_inferences_total{`+identity+"}"), newSeries(`gnomon_cost_total{component="gpu", currency="EUR", `+identity+"}")
		training := newSeries(`gnomon_cost_total{component="training", currency="EUR", ` + identity + "}") // is no inference's
		f.each(phases, func(p phase, n int) {
			f.counter(training, p, p.rate*limit/1000, n)
			f.counter(inferences, p, p.rate, n)
			f.counter(cost, p, p.rate*limit/1000*(.98+.04*p.bad), n)
		})
		return []Series{inferences.done(), cost.done(), training.done()}
	}
	return f.freshness(phases)
}

// freshness: the last record is two thresholds old, or just under one.
func (f feeder) freshness(phases []phase) []Series {
	last, requests := newSeries(`gnomon_last_record_timestamp_seconds{`+identity+"}"), newSeries(`gnomon_requests_total{outcome="success", tap="http", `+identity+"}")
	f.each(phases, func(p phase, n int) {
		f.counter(requests, p, p.rate, n)
		if p.gone {
			last.absent(n)
			return
		}
		age := f.slo.Limit() * (.98 + .04*p.bad)
		last.line(float64(last.at)*f.scrape.Seconds()-age, f.scrape.Seconds(), n)
	})
	return []Series{last.done(), requests.done()}
}
