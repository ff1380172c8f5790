package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/tsdb"
)

var nilLabels = labels.EmptyLabels()

func sorted(m map[string]*rules.Group) []*rules.Group {
	var out []*rules.Group
	for _, g := range m {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *rules.Group) int { return strings.Compare(a.File()+a.Name(), b.File()+b.Name()) })
	return out
}

// incident is what somebody should be told of.
type incident struct {
	name       string
	from, to   time.Time
	page       bool    // wakes somebody; a ticket is enough for others
	bad, slow  float64 // share of requests that fail, and that take too long
	ramp       bool    // from nothing to that at the end
	mentioning string
}

func at(day int, hour, minute int) time.Time {
	return begin.AddDate(0, 0, day).Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

// incidents: two that must page, a leak that must at least make a ticket.
func incidents() []incident {
	return []incident{
		{name: "a dependency fails, Friday 11:00, 40 minutes", from: at(4, 11, 0), to: at(4, 11, 40), page: true, bad: .2, slow: .25},
		{name: "everything fails, Saturday 02:30, an hour", from: at(12, 2, 30), to: at(12, 3, 30), page: true, bad: 1},
		{name: "a slow leak, 36 hours until a restart", from: at(8, 0, 0), to: at(9, 12, 0), bad: .012, slow: .03, ramp: true},
	}
}

// disturbance is what nobody should be woken for.
func disturbances() []incident {
	out := []incident{{name: "a bad hour", from: at(2, 14, 0), to: at(2, 15, 0), bad: .006, slow: .02}}
	for _, day := range []int{1, 3, 8, 10} { // deploys: a minute of refused connections
		out = append(out, incident{name: "deploy", from: at(day, 10, 0), to: at(day, 10, 1), bad: .05, slow: .1})
	}
	return out
}

// world makes the series that a scrape finds.
type world struct {
	random   *rand.Rand
	counters map[string]float64
	refs     map[string]labels.Labels
	loaded   time.Time
	carry    float64
}

func newWorld() *world {
	return &world{random: rand.New(rand.NewPCG(7, 11)), counters: map[string]float64{}, refs: map[string]labels.Labels{}, loaded: begin.Add(-time.Hour)}
}

// rate of requests a second: a daily cycle, half on weekends; at night some a
// minute, and between 4 and 5 none.
func rate(t time.Time) float64 {
	h := float64(t.Hour()) + float64(t.Minute())/60
	weekend := 1.0
	if d := t.Weekday(); d == time.Saturday || d == time.Sunday {
		weekend = .5
	}
	switch {
	case h >= 4 && h < 5:
		return 0
	case h >= 1 && h < 6:
		return .03 * weekend
	}
	return weekend * (1 + 20*math.Pow(math.Sin(math.Pi*(h-5)/20), 2))
}

// scrape adds a minute's requests and appends every series.
func (w *world) scrape(ctx context.Context, db *tsdb.DB, t time.Time) error {
	if deployed(t) {
		clear(w.counters)
		w.loaded = t
	}
	bad, slow := .0001, .002
	for _, i := range append(incidents(), disturbances()...) {
		if !t.Before(i.from) && t.Before(i.to) {
			share := 1.0
			if i.ramp {
				share = t.Sub(i.from).Seconds() / i.to.Sub(i.from).Seconds()
			}
			bad, slow = max(bad, i.bad*share), max(slow, i.slow*share)
		}
	}
	if h := t.Hour(); h >= 1 && h < 6 && h != 4 {
		bad = max(bad, .008) // what comes at night is odd, and one in 125 fails
	}
	n := w.poisson(rate(t) * step.Seconds())
	failed, late := 0, 0
	for range n {
		if w.random.Float64() < bad {
			failed++
		}
		if w.random.Float64() < slow {
			late++
		}
	}
	add := func(name string, v int) { w.counters[name] += float64(v) }
	add(`gnomon_requests_total|outcome=success`, n-failed)
	add(`gnomon_requests_total|outcome=infra_error`, failed)
	add(`gnomon_requests_total|outcome=client_error`, n/50)
	add(`gnomon_request_duration_seconds_count`, n)
	add(`gnomon_request_duration_seconds_bucket|le=0.2`, n-late-n/40)
	add(`gnomon_request_duration_seconds_bucket|le=0.5`, n-late)
	add(`gnomon_request_duration_seconds_bucket|le=+Inf`, n)
	add(`gnomon_records_sampled_total|`, n)
	add(`gnomon_records_dropped_total|reason=queue_full`, 0)
	if n > 0 {
		w.carry = float64(t.Unix())
	}
	gauges := map[string]float64{`gnomon_model_info|digest=d`: 1, `gnomon_build_info|version=v`: 1, `gnomon_shadow_up|shadow=twin`: 1, `gnomon_model_identity_match`: 1,
		`gnomon_evaluation_last_timestamp_seconds|`: float64(t.Unix()), `gnomon_last_record_timestamp_seconds`: w.carry}
	app := db.Appender(ctx)
	for _, m := range []map[string]float64{w.counters, gauges} {
		for name, v := range m {
			if _, err := app.Append(0, w.labels(name), t.UnixMilli(), v); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return app.Commit()
}

// deployed: a new process, all counters at 0.
func deployed(t time.Time) bool {
	for _, d := range disturbances() {
		if d.name == "deploy" && t.Equal(d.from) {
			return true
		}
	}
	return false
}

// poisson draws a count.
func (w *world) poisson(mean float64) int {
	if mean > 200 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*w.random.NormFloat64())))
	}
	n, p, limit := 0, 1.0, math.Exp(-mean)
	for {
		if p *= w.random.Float64(); p <= limit {
			return n
		}
		n++
	}
}

// labels of "name|label=value"; a name without | is a model's.
func (w *world) labels(name string) labels.Labels {
	if l, ok := w.refs[name]; ok {
		return l
	}
	metric, extra, _ := strings.Cut(name, "|")
	set := map[string]string{"__name__": metric, "job": "gnomon", "instance": "a", "model": "m", "model_version": "1"}
	if k, v, ok := strings.Cut(extra, "="); ok {
		set[k] = v
	}
	w.refs[name] = labels.FromMap(set)
	return w.refs[name]
}
