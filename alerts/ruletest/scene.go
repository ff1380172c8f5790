package ruletest

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// scene is what the rules of a case see: series as functions of the number of
// the scrape.
type scene struct {
	step   time.Duration
	n      int // scrapes; the first is at 0
	series []Series
}

// gone is the value of a series that is not scraped.
var gone = math.NaN()

// gauge adds a series of values.
func (s *scene) gauge(name string, at func(i int) float64) {
	values := make([]float64, s.n)
	for i := range values {
		values[i] = at(i)
	}
	s.series = append(s.series, Series{name, runs(values)})
}

// counter adds a series that grows by a rate a second, taken at the end of each
// interval; gone is a stretch without scrapes, after which it begins at 0. At
// the scrapes in resets the process has restarted.
func (s *scene) counter(name string, rate func(i int) float64, resets ...int) {
	v, was := 0.0, false
	s.gauge(name, func(i int) float64 {
		r := rate(i)
		if math.IsNaN(r) {
			v, was = 0, false
			return gone
		}
		for _, k := range resets {
			if k == i {
				v = 0
			}
		}
		if was {
			v += math.Round(r*s.step.Seconds()*(1<<10)) / (1 << 10) // exact sums, in few digits: an error in the last would be a reset
		}
		was = true
		return v
	})
}

// runs writes values in promtool's notation: stretches that grow by a constant
// step, and what is not scraped.
func runs(values []float64) string {
	var parts []string
	for i := 0; i < len(values); {
		j := i + 1
		if math.IsNaN(values[i]) {
			for j < len(values) && math.IsNaN(values[j]) {
				j++
			}
			if n := j - i; i == 0 {
				parts = append(parts, "_x"+strconv.Itoa(n))
			} else if parts = append(parts, "stale"); n > 1 {
				parts = append(parts, "_x"+strconv.Itoa(n-1))
			}
			i = j
			continue
		}
		step := 0.0
		if j < len(values) && !math.IsNaN(values[j]) {
			step = tidy(values[j] - values[i])
			for j < len(values) && near(values[j], values[i]+step*float64(j-i)) {
				j++
			}
		}
		if j == i+1 {
			parts = append(parts, plain(values[i]))
		} else {
			sign := "+"
			if step < 0 {
				sign = ""
			}
			parts = append(parts, plain(values[i])+sign+plain(step)+"x"+strconv.Itoa(j-i-1))
		}
		i = j
	}
	return strings.Join(parts, " ")
}

// tidy drops what subtraction left in the last digits.
func tidy(v float64) float64 {
	t, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 14, 64), 64)
	return t
}

func near(a, b float64) bool {
	return !math.IsNaN(a) && math.Abs(a-b) <= 1e-9*(1+math.Abs(b))
}

func plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// segment is a stretch of time at one level of what an alert watches.
type segment struct {
	length time.Duration
	level  float64
}

// timeline is the level at every scrape.
func timeline(step time.Duration, segments []segment) []float64 {
	var out []float64
	for _, s := range segments {
		for range int(s.length / step) {
			out = append(out, s.level)
		}
	}
	return out
}

// history is the level so far, as an alert's condition sees it.
type history struct {
	step   time.Duration
	level  []float64
	i      int
	firing bool // at the evaluation before
}

func (h *history) now() float64 { return h.level[h.i] }

// back is the level a time ago; gone before the beginning.
func (h *history) back(d time.Duration) float64 {
	if k := h.i - int(d/h.step); k >= 0 {
		return h.level[k]
	}
	return gone
}

// rate is the mean over the intervals that a left-open window of scrapes holds,
// one fewer than its scrapes.
func (h *history) rate(w time.Duration) float64 {
	n := int(w/h.step) - 1
	return mean(h.level[max(1, h.i-n+1) : h.i+1])
}

// avg is the mean of the scrapes in a window.
func (h *history) avg(w time.Duration) float64 {
	return mean(h.level[max(0, h.i-int(w/h.step)+1) : h.i+1])
}

// fire plays an alert's condition through its two holds.
func fire(step time.Duration, level []float64, hold, keep time.Duration, holds func(*history) bool) []bool {
	out := make([]bool, len(level))
	since, kept := -1, -1
	h := &history{step: step, level: level}
	for i := range level {
		h.i = i
		switch {
		case holds(h):
			kept = -1
			if since < 0 {
				since = i
			}
			out[i] = time.Duration(i-since)*step >= hold
		case since >= 0 && i > 0 && out[i-1] && keep > 0:
			if kept < 0 {
				kept = i
			}
			out[i] = time.Duration(i-kept)*step < keep
		}
		if !out[i] && !holds(h) {
			since, kept = -1, -1
		}
		h.firing = out[i]
	}
	return out
}
