package ruletest

import (
	"math"
	"time"

	"github.com/gnomon-dev/gnomon/alerts/rules"
	"github.com/gnomon-dev/gnomon/alerts/spec"
)

// phase is a stretch of time in which a model gets traffic of which a share is
// bad.
type phase struct {
	length time.Duration
	rate   float64 // events a second
	bad    float64 // share
	reset  bool    // counters restart at its beginning
	gone   bool    // no scrapes
}

// simulation is what the records of an SLO are at every evaluation.
type simulation struct {
	step, base time.Duration
	bad, total []float64 // base records; NaN where there is none
	longest    time.Duration
}

// simulate computes the base records: events of the last base window less one
// scrape, which is what a rate over a left-open window of regular scrapes sees;
// for a slice the mean of the last window's looks.
func simulate(phases []phase, step, scrape, base time.Duration, slice bool) *simulation {
	s := &simulation{step: step, base: base}
	var bad, total []float64 // of each scrape interval
	for _, p := range phases {
		for range int(p.length / scrape) {
			b, t := p.rate*p.bad, p.rate
			if slice {
				b, t = p.bad, 1
			}
			if p.gone {
				b, t = math.NaN(), math.NaN()
			}
			bad, total = append(bad, b), append(total, t)
		}
	}
	span := int(base/scrape) - 1
	if slice {
		span = int(base / scrape)
	}
	every := int(step / scrape)
	for i := 0; i <= len(bad); i += every {
		s.bad, s.total = append(s.bad, mean(bad[max(0, i-span):i])), append(s.total, mean(total[max(0, i-span):i]))
	}
	return s
}

// mean of what is a number; NaN of nothing.
func mean(values []float64) float64 {
	sum, n := 0.0, 0
	for _, v := range values {
		if !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	return sum / float64(n)
}

// over is the mean of the base records in the window that ends at evaluation i.
func (s *simulation) over(values []float64, i int, w time.Duration) float64 {
	if w == s.base {
		return values[i]
	}
	from := max(0, i-int(w/s.step)+1)
	return mean(values[from : i+1])
}

// fires says for every evaluation whether a tier's condition holds.
func (s *simulation) fires(o *spec.SLO, t rules.Tier, slice bool) []bool {
	out := make([]bool, len(s.bad))
	budget := 1 - o.Target()
	for i := range out {
		burn := func(w time.Duration) float64 { return s.over(s.bad, i, w) / s.over(s.total, i, w) / budget }
		out[i] = burn(t.Long) > t.Factor && burn(t.Short) > t.Factor && (slice || s.over(s.bad, i, t.Long)*t.Long.Seconds() >= *o.MinFailures)
	}
	return out
}

// interval is when the condition first holds and when it ends for good.
func interval(holds []bool, step time.Duration) (begin, end time.Duration, ok bool) {
	first, last := -1, -1
	for i, h := range holds {
		if h {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	return time.Duration(first) * step, time.Duration(last+1) * step, first >= 0
}
