package ruletest

import (
	"fmt"
	"math"
	"time"

	"github.com/gnomon-dev/gnomon/alerts/rules"
	"github.com/gnomon-dev/gnomon/alerts/spec"
)

// accuracy feeds two replicas whose labelled windows pool to the level.
func accuracy(n float64) feedFunc {
	return func(s *scene, w who, level func(int) float64) {
		one := func(w who, n, off float64) {
			s.gauge(fmt.Sprintf("gnomon_accuracy_window_samples{%s}", w), constant(n, level))
			s.gauge(fmt.Sprintf("gnomon_accuracy_ratio{%s}", w), func(i int) float64 { return level(i) + off })
		}
		one(w, n*.4, .03)
		one(w.at("z"), n*.6, -.02) // .4 x .03 = .6 x .02
	}
}

// wilson is the upper end of Wilson's interval of p of n at z.
func wilson(p, n, z float64) float64 {
	return (p + z*z/(2*n) + z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))) / (1 + z*z/n)
}

// solve finds where an increasing function is 0.
func solve(low, high float64, f func(float64) float64) float64 {
	for range 60 {
		if middle := (low + high) / 2; f(middle) < 0 {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

func (b *bench) quality() []*probe {
	n := b.t.MinSamples
	rows := 2 * n
	read := []string{"gnomon-models.rules.yml"}
	below := func(limit, z, n float64) func(*history) bool {
		return func(h *history) bool { return wilson(h.now(), n, z) < limit }
	}
	at := func(limit, z float64) float64 { // the accuracy whose upper end is the limit
		return solve(0, limit, func(p float64) float64 { return wilson(p, rows, z) - limit })
	}
	floor, target := at(b.t.AccuracyFloor, 2.575829), at(b.t.AccuracyTarget, 1.959964)
	ece, clear := b.t.CalibrationError, b.t.CalibrationClear
	bad := .5 * b.t.AccuracyFloor
	few := func(minutes int) []segment {
		return []segment{{5 * minute, .95}, {minute * time.Duration(minutes), bad}}
	}
	return []*probe{
		{alert: "AccuracyCatastrophic", class: "page", step: minute, read: read,
			why:      fmt.Sprintf("%.0f labels pooled from two replicas. The upper end of the 99 %% interval is %.3g at an accuracy of %.5g: 0.2 %% above it is quiet, 0.2 %% below pages after 5m.", rows, b.t.AccuracyFloor, floor),
			segments: around(.95, floor*1.002, floor*.998, 25*minute), feed: accuracy(rows), holds: below(b.t.AccuracyFloor, 2.575829, rows),
			variants: []variant{
				{name: "too few labels", why: fmt.Sprintf("%.0f labels are %.0f too few.", n*.98, n*.02), segments: few(25), feed: accuracy(n * .98), holds: never},
				{name: "just enough labels", segments: few(25), feed: accuracy(n), holds: func(h *history) bool { return h.now() == bad }}}},
		{alert: "AccuracyDegraded", class: "ticket", step: minute, read: read,
			why:      fmt.Sprintf("%.0f labels. The upper end of the 95 %% interval is %.3g at an accuracy of %.5g: 0.2 %% above it is quiet, 0.2 %% below is a ticket after 10m.", rows, b.t.AccuracyTarget, target),
			segments: around(.99, target*1.002, target*.998, 45*minute), feed: with(accuracy(rows), fixed("gnomon_accuracy_alarm", "", 0)), holds: below(b.t.AccuracyTarget, 1.959964, rows),
			variants: []variant{
				{name: "a sequential alarm", why: "Accuracy is above the target, but a sequential test says that it fell.", segments: []segment{{10 * minute, 0}, {30 * minute, 1}, {50 * minute, 0}},
					feed: func(s *scene, w who, level func(int) float64) {
						accuracy(rows)(s, w, constant(.97, level))
						s.gauge(fmt.Sprintf("gnomon_accuracy_alarm{%s}", w), level)
						s.gauge(fmt.Sprintf("gnomon_accuracy_alarm{%s}", w.at("z")), constant(0, level))
					}, holds: func(h *history) bool { return h.now() == 1 }},
				{name: "too few labels", segments: few(30), feed: accuracy(n * .98), holds: never},
				{name: "just enough labels", segments: few(30), feed: accuracy(n), holds: func(h *history) bool { return h.now() == bad }}}},
		b.silent(),
		b.versions(),
		{alert: "CalibrationDrift", class: "ticket", step: minute, read: read,
			why:      fmt.Sprintf("An error of %.3g is quiet, %.3g is a ticket after 10m; it stays one above %.3g and ends below.", ece*.97, ece*1.03, clear),
			segments: []segment{{10 * minute, ece / 2}, {20 * minute, ece * .97}, {20 * minute, ece * 1.03}, {20 * minute, clear * 1.03}, {10 * minute, clear * .97}, {20 * minute, clear * 1.03}},
			feed:     calibration(n),
			holds: func(h *history) bool {
				return h.now() > ece || h.now() > clear && h.firing
			},
			variants: []variant{{name: "too few labels", segments: []segment{{5 * minute, ece / 2}, {25 * minute, ece * 2}}, feed: calibration(n * .98), holds: never}}},
	}
}

// calibration feeds the debiased error; that of another scheme does not count.
func calibration(n float64) feedFunc {
	return func(s *scene, w who, error func(int) float64) {
		accuracy(n)(s, w, constant(.9, error))
		level("gnomon_calibration_error_ratio", `scheme="debiased", `)(s, w, error)
		fixed("gnomon_calibration_error_ratio", `scheme="equal_width", `, .9)(s, w, error)
	}
}

// silent is the regression that neither latency nor errors show.
func (b *bench) silent() *probe {
	const floor = .02
	limit := b.t.Disagreement
	feed := func(role string, alarm, failing, burn float64) feedFunc {
		return func(s *scene, w who, level func(int) float64) {
			labels := `shadow="twin", `
			s.gauge(fmt.Sprintf("gnomon_shadow_disagreement_ratio{%s%s}", labels, w), func(i int) float64 { return floor + level(i) })
			fixed("gnomon_shadow_noise_floor_ratio", labels, floor)(s, w, level)
			fixed("gnomon_shadow_disagreement_alarm", labels, alarm)(s, w, level)
			fixed("gnomon_shadow_info", labels+fmt.Sprintf("role=%q, ", role), 1)(s, w, level)
			requests(10)(s, w, constant(failing, level))
			if l := b.latency(); l != nil {
				s.gauge(fmt.Sprintf(`gnomon:slo_burn:ratio%s{slo=%q, model=%q, model_version=%q}`, spec.Duration(rules.Tiers(l)[0].Long), l.Name, w.model, w.version), constant(burn, level))
			}
		}
	}
	holds := func(h *history) bool { return h.now() > limit }
	course := []segment{{15 * minute, 0}, {30 * minute, 2 * limit}}
	p := &probe{alert: "SilentRegression", class: "ticket", step: minute,
		why:      fmt.Sprintf("Primary and twin disagree %.4g, then %.4g above the noise floor; above %.4g, with the sequential alarm, is a ticket after 5m.", limit*.97, limit*1.03, limit),
		segments: around(0, limit*.97, limit*1.03, 30*minute), feed: feed("twin", 1, .018, .97), holds: holds,
		variants: []variant{
			{name: "no evidence", why: "The sequential test has not decided.", segments: course, feed: feed("twin", 0, 0, 0), holds: never},
			{name: "another role", why: "A challenger is meant to answer otherwise.", segments: course, feed: feed("challenger", 1, 0, 0), holds: never},
			{name: "requests fail", why: "1.03 % of all requests fail (2 of 20 are a caller's): not silent.", segments: course, feed: feed("twin", 1, .0103*2, 0), holds: never},
		}}
	if b.latency() != nil {
		p.variants = append(p.variants, variant{name: "latency burns", why: "The latency budget burns at 1.03: not silent.", segments: course, feed: feed("twin", 1, 0, 1.03), holds: never})
	}
	return p
}

// latency is the SLO of latency that SilentRegression looks at.
func (b *bench) latency() *spec.SLO {
	for i := range b.f.SLOs {
		if s := &b.f.SLOs[i]; s.Kind == "latency" && s.Model == "" {
			return s
		}
	}
	return nil
}

// versions compares the accuracy of two versions by a confidence sequence: the
// normal mixture with variance 2400 at 1 %, on the information of the labels.
func (b *bench) versions() *probe {
	const rho, alpha = 2400, .01
	n := 4 * b.t.MinSamples
	information := func(best, delta, n float64) float64 {
		v := func(p float64) float64 { return math.Max(p*(1-p), .0025) / n }
		return 1 / (v(best-delta) + v(best))
	}
	certain := func(best, delta, n float64) float64 {
		i := information(best, delta, n)
		return delta*i - math.Sqrt((i+rho)*math.Log((i+rho)/(rho*alpha*alpha)))
	}
	feed := func(best, n float64) feedFunc {
		return func(s *scene, w who, level func(int) float64) {
			one := func(w who, p func(int) float64) {
				for _, x := range []struct {
					bin   string
					share float64
				}{{"01 (0, .5]", .25}, {"02 (.5, 1]", .75}} {
					bin, share := x.bin, x.share
					s.gauge(fmt.Sprintf("gnomon_calibration_bin_total{bin=%q, %s}", bin, w), constant(n*share, level))
					s.gauge(fmt.Sprintf("gnomon_calibration_bin_correct_total{bin=%q, %s}", bin, w), func(i int) float64 { return n * share * p(i) })
				}
			}
			one(w, func(i int) float64 { return best - level(i) })
			one(who{w.model, w.version + "-b", "b", nil}, constant(best, level))
		}
	}
	limit := func(best, n float64) float64 {
		return solve(.001, .5, func(d float64) float64 { return certain(best, d, n) })
	}
	course := func(d float64) []segment { return around(0, d*.97, d*1.03, 45*minute) }
	holds := func(best, n float64) func(*history) bool {
		return func(h *history) bool { return h.now() > .01 && certain(best, h.now(), n) > 0 }
	}
	many := 1e6
	return &probe{alert: "ABDeltaNegative", class: "ticket", step: minute, read: []string{"gnomon-models.rules.yml"}, noRedeploy: true,
		why:      fmt.Sprintf("%.0f labels a version, the better one at 0.9. The confidence sequence excludes 0 at a difference of %.4f: 3 %% less is quiet, 3 %% more is a ticket after 5m.", n, limit(.9, n)),
		segments: course(limit(.9, n)), feed: feed(.9, n), holds: holds(.9, n),
		variants: []variant{
			{name: "certain but small", why: "A million labels each: certain at once, but below 0.01 it does not matter.", segments: course(.01), feed: feed(.9, many), holds: holds(.9, many)},
			{name: "never wrong", why: "The better one was never wrong: its variance is taken as that of 1 in 400.", segments: course(limit(1, n)), feed: feed(1, n), holds: holds(1, n)},
			{name: "too few labels", why: "All wrong, but too few labels to compare.", segments: []segment{{5 * minute, 0}, {20 * minute, .9}}, feed: feed(.9, b.t.MinSamples*.98), holds: never},
			{name: "just enough labels", segments: []segment{{5 * minute, 0}, {20 * minute, .8}}, feed: feed(.9, b.t.MinSamples), holds: func(h *history) bool { return h.now() > 0 }},
		}}
}
