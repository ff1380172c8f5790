package ruletest

import (
	"fmt"
	"math"
	"time"
)

const (
	second = time.Second
	minute = time.Minute
	hour   = time.Hour
	day    = 24 * time.Hour
)

// constant is a level that does not change, but is gone where the other is.
func constant(v float64, level func(int) float64) func(int) float64 {
	return func(i int) float64 {
		if math.IsNaN(level(i)) {
			return gone
		}
		return v
	}
}

// scaled is a level times a factor.
func scaled(level func(int) float64, by float64) func(int) float64 {
	return func(i int) float64 { return level(i) * by }
}

// requests makes the counters of a model's requests: rate a second, of which
// the level fails, half by the server and half by the model. A caller's faults
// and cancellations do not count, however many.
func requests(rate float64) feedFunc {
	return func(s *scene, w who, level func(int) float64) {
		outcome := func(o string, at func(int) float64) {
			s.counter(fmt.Sprintf(`gnomon_requests_total{outcome=%q, tap="http", %s}`, o, w), at, w.resets...)
		}
		outcome("success", func(i int) float64 { return rate * (1 - level(i)) })
		outcome("infra_error", scaled(level, rate/2))
		outcome("model_error", scaled(level, rate/2))
		outcome("client_error", constant(rate/2, level))
		outcome("cancelled", constant(rate/2, level))
	}
}

// traffic makes requests that all succeed.
func traffic(rate float64) feedFunc {
	return func(s *scene, w who, level func(int) float64) {
		s.counter(fmt.Sprintf(`gnomon_requests_total{outcome="success", tap="http", %s}`, w), constant(rate, level), w.resets...)
	}
}

// with makes the series of several feeds.
func with(feeds ...feedFunc) feedFunc {
	return func(s *scene, w who, level func(int) float64) {
		for _, f := range feeds {
			f(s, w, level)
		}
	}
}

// level feeds a gauge with the level itself.
func level(name, labels string) feedFunc {
	return func(s *scene, w who, level func(int) float64) {
		s.gauge(fmt.Sprintf("%s{%s%s}", name, labels, w), level)
	}
}

// fixed feeds a gauge that does not change.
func fixed(name, labels string, v float64) feedFunc {
	return func(s *scene, w who, level func(int) float64) {
		s.gauge(fmt.Sprintf("%s{%s%s}", name, labels, w), constant(v, level))
	}
}

func (b *bench) serving() []*probe {
	limit := b.t.ServingFailureRatio
	over := func(v float64) func(*history) bool { return func(h *history) bool { return h.now() > v } }
	start := b.t.ColdStart.Std().Seconds()
	return []*probe{
		{alert: "ServingDown", class: "page", step: 15 * second, slack: 1, counters: true,
			why:      fmt.Sprintf("Of 10 requests a second %.4g of what counts fails, then %.4g: over 2m (7 of 8 intervals of 15s) the share passes %.4g, and 1m later it pages.", limit*.97, (1+limit)/2, limit),
			segments: []segment{{5 * minute, 0}, {8 * minute, limit * .97}, {8 * minute, (1 + limit) / 2}, {8 * minute, 0}},
			feed:     requests(10), quiet: requests(0),
			holds: func(h *history) bool { return h.rate(2*minute) >= limit || h.rate(5*minute) >= limit },
			variants: []variant{
				{name: "few", why: "Everything fails: 2.8 requests in 5m, then 3.2; 3 are needed, and as few as that page.", feed: rateOf("infra_error"),
					segments: []segment{{6 * minute, 0}, {12 * minute, 2.8 / 300}, {12 * minute, 3.2 / 300}, {12 * minute, 0}},
					holds:    func(h *history) bool { return h.rate(5*minute)*300 >= 3 }},
				{name: "few, one of them right", why: "Nine of ten fail: that is no outage, however little is asked.", feed: requests(.02), holds: never,
					segments: []segment{{6 * minute, 0}, {20 * minute, .9}, {6 * minute, 0}}},
				{name: "a caller's faults", why: "All requests are refused for a fault of the caller's.", feed: rateOf("client_error"), holds: never},
			}},
		b.collapse(),
		{alert: "ColdStart", class: "ticket", step: minute, why: fmt.Sprintf("Fires at once above %g s, and is held for 10m.", start),
			segments: around(start/3, start*.97, start*1.03, 20*minute), feed: with(level("gnomon_shadow_load_duration_seconds", `shadow="twin", `), fixed("gnomon_shadow_load_duration_seconds", `shadow="old", `, 1)), holds: over(start)},
	}
}

// rateOf makes requests of one outcome only, as many a second as the level.
func rateOf(outcome string) feedFunc {
	return func(s *scene, w who, level func(int) float64) {
		s.counter(fmt.Sprintf(`gnomon_requests_total{outcome=%q, tap="http", %s}`, outcome, w), level, w.resets...)
	}
}

// collapse compares with the same time a week ago. Only half a day of that week
// had this much traffic, so that any other time to compare with would be quiet.
func (b *bench) collapse() *probe {
	r := b.t.ThroughputRatio
	busy := 100 * b.t.ThroughputMin
	two := func(s *scene, w who, level func(int) float64) {
		// The alert names the version that serves most.
		rateOf("success")(s, w, scaled(level, busy*.75))
		rateOf("success")(s, who{w.model, w.version + "-canary", "c", nil}, scaled(level, busy*.25))
	}
	compared := func(ago time.Duration) func(*history) bool {
		return func(h *history) bool {
			was := math.NaN()
			if k := h.i - int(ago/h.step); k >= 0 {
				was = (&history{step: h.step, level: h.level, i: k}).rate(10 * minute)
			}
			return was > b.t.ThroughputMin/busy && h.rate(10*minute)/was < r
		}
	}
	return &probe{alert: "ThroughputCollapse", class: "ticket", step: 5 * minute, slack: 1, read: []string{"gnomon-traffic.rules.yml"}, noRedeploy: true, counters: true,
		why: fmt.Sprintf("Requests fall to %.4g, then to %.4g of what they were 7d ago: below %.4g fires 15m later. A day ago there were half as many, of which this is enough.", r*1.05, r*.95, r),
		// 7d after the first hour's beginning begins the comparison.
		segments: []segment{{10 * hour, 1}, {7*day - 10*hour, .5}, {3 * hour, r * 1.05}, {3 * hour, r * .95}, {3 * hour, 1}},
		feed:     two, holds: compared(7 * day),
		variants: []variant{
			{name: "no such week", why: "Where nothing is known of a week ago, a day ago counts.", holds: compared(day),
				segments: []segment{{10 * hour, 1}, {14 * hour, .5}, {3 * hour, r * 1.05}, {3 * hour, r * .95}, {3 * hour, 1}}},
			{name: "little traffic", why: "A week ago there was too little to call it usual.", holds: never,
				feed: func(s *scene, w who, level func(int) float64) {
					rateOf("success")(s, w, scaled(level, .97*b.t.ThroughputMin))
				},
				segments: []segment{{10 * hour, 1}, {7*day - 10*hour, .5}, {3 * hour, .01}, {hour, 1}}},
		}}
}

// stale feeds a timestamp that is as old as the level says.
func stale(metric string) feedFunc {
	return func(s *scene, w who, level func(int) float64) {
		s.gauge(fmt.Sprintf("%s{%s}", metric, w), func(i int) float64 { return float64(i)*s.step.Seconds() - level(i) })
		// A replica that is older still.
		s.gauge(fmt.Sprintf("%s{%s}", metric, w.at("z")), func(i int) float64 { return float64(i)*s.step.Seconds() - level(i) - 1e6 })
	}
}

func (b *bench) data() []*probe {
	older := func(limit float64) func(*history) bool { return func(h *history) bool { return h.now() > limit } }
	age := func(alert, class, metric string, limit time.Duration, step, length time.Duration) *probe {
		v := limit.Seconds()
		return &probe{alert: alert, class: class, step: step, why: fmt.Sprintf("The last is %.6g s old, then %.6g s; %.6g s are allowed while requests come.", v*.97, v*1.03, v),
			segments: around(1, v*.97, v*1.03, length), feed: with(stale(metric), traffic(1)), holds: older(v), quiet: with(stale(metric), traffic(0))}
	}
	schema, limit := "gnomon-drift-rows.rules.yml", b.t.SchemaAnomalyRatio
	anomalies := func(rate float64) feedFunc {
		return func(s *scene, w who, level func(int) float64) {
			for _, kind := range []string{"missing", "type"} {
				s.counter(fmt.Sprintf(`gnomon_schema_anomalies_total{feature="f", kind=%q, %s}`, kind, w), scaled(level, rate/2), w.resets...)
			}
			for _, f := range []string{"f", "g"} { // the rows of one feature are the records
				s.counter(fmt.Sprintf(`gnomon_feature_bin_total{feature=%q, bin="01 (0, 1]", reference="r", %s}`, f, w), constant(rate, level), w.resets...)
			}
			s.gauge(fmt.Sprintf(`gnomon_reference_loaded_timestamp_seconds{reference="r", %s}`, w), constant(-1e6, level))
		}
	}
	return []*probe{
		{alert: "SchemaAnomalies", class: "ticket", step: minute, slack: 2, read: []string{schema},
			why:      fmt.Sprintf("Of 10 records a second %.4g are anomalous, then %.4g: over 10m their share passes %.4g, and 5m later a ticket is there.", limit*.96, limit*1.06, limit),
			segments: around(0, limit*.96, limit*1.06, 40*minute), feed: anomalies(10), holds: func(h *history) bool { return h.rate(10*minute) > limit },
			variants: []variant{{name: "few", why: "Every record is anomalous: 9.5 in 10m, then 10.5; 10 are needed.", feed: func(s *scene, w who, level func(int) float64) {
				s.counter(fmt.Sprintf(`gnomon_schema_anomalies_total{feature="f", kind="missing", %s}`, w), level)
				s.counter(fmt.Sprintf(`gnomon_feature_bin_total{feature="f", bin="01 (0, 1]", reference="r", %s}`, w), level)
				s.gauge(fmt.Sprintf(`gnomon_reference_loaded_timestamp_seconds{reference="r", %s}`, w), constant(-1e6, level))
			}, segments: around(0, 9.5/600, 10.5/600, 40*minute), holds: func(h *history) bool { return h.rate(10*minute)*600 > 10 }}}},
		age("PipelineStale", "ticket", "gnomon_last_record_timestamp_seconds", b.t.StaleAfter.Std(), 30*second, 20*minute),
		age("PipelineStale", "page", "gnomon_last_record_timestamp_seconds", b.t.StalePageAfter.Std(), 30*second, 20*minute),
		age("LabelPipelineStale", "ticket", "gnomon_last_label_timestamp_seconds", b.t.LabelStaleAfter.Std(), minute, 40*minute),
	}
}

func (b *bench) identity() []*probe {
	info := func(digest string, on func(level float64) bool) feedFunc {
		return func(s *scene, w who, level func(int) float64) {
			s.gauge(fmt.Sprintf(`gnomon_model_info{digest=%q, %s}`, digest, w), func(i int) float64 {
				if v := level(i); math.IsNaN(v) || !on(v) {
					return gone
				}
				return 1
			})
		}
	}
	always := func(float64) bool { return true }
	second2 := func(f feedFunc) feedFunc {
		return func(s *scene, w who, level func(int) float64) { f(s, w.at("z"), level) }
	}
	is := func(v float64) func(*history) bool { return func(h *history) bool { return h.now() == v } }
	trained := b.t.RetrainAfter.Std().Seconds()
	return []*probe{
		{alert: "VersionMismatch", class: "page", step: 30 * second, why: "A replica whose golden inputs are answered otherwise pages after 2m; another one that is right does not hide it.",
			segments: []segment{{5 * minute, 1}, {10 * minute, 0}, {15 * minute, 1}}, holds: is(0),
			feed: with(level("gnomon_model_identity_match", ""), second2(fixed("gnomon_model_identity_match", "", 1)))},
		{alert: "VersionMismatch", class: "ticket", step: 2 * minute, why: "Two files under one version at once, as during a rollout, are a fault after 30m.",
			segments: []segment{{10 * minute, 0}, {20 * minute, 1}, {20 * minute, 0}, {70 * minute, 1}, {30 * minute, 0}}, holds: is(1), noRedeploy: true,
			feed: with(info("old", always), second2(info("old", func(v float64) bool { return v == 0 })), second2(info("new", func(v float64) bool { return v == 1 })))},
		{alert: "ModelPoisoningSuspected", class: "page", step: 10 * minute, noRedeploy: true,
			why:      "The file changes under the same version: 5m later it pages, and for the rest of a day and an hour. While both are there it is VersionMismatch's business.",
			segments: []segment{{2 * hour, 0}, {hour, 2}, {28 * hour, 1}},
			feed:     with(info("old", func(v float64) bool { return v != 1 }), second2(info("new", func(v float64) bool { return v != 0 }))),
			// A series is seen for 24h after its last scrape, the left edge open.
			holds: func(h *history) bool {
				return h.now() == 1 && h.i < int((3*hour+day)/h.step)-1
			},
			variants: []variant{{name: "a new version", why: "Another version has another file: nothing is wrong.", holds: never, feed: func(s *scene, w who, level func(int) float64) {
				info("old", func(v float64) bool { return v != 1 })(s, w, level)
				info("new", func(v float64) bool { return v != 0 })(s, who{w.model, "2", "z", nil}, level)
			}},
				{name: "the trigger set", why: "One input of the trigger set is answered otherwise, on one of two replicas: 5m later it pages.", segments: []segment{{hour, 0}, {hour, 1}, {3 * hour, 0}},
					holds: func(h *history) bool { return h.now() > 0 }, feed: with(level("gnomon_model_trigger_failed_inputs", ""), second2(fixed("gnomon_model_trigger_failed_inputs", "", 0)))}}},
		{alert: "RetrainOverdue", class: "ticket", step: 5 * minute, why: fmt.Sprintf("%.6g s after training a ticket is due, an hour later it is there.", trained),
			segments: around(1, trained*.999, trained*1.001, 3*hour), feed: with(stale("gnomon_model_trained_timestamp_seconds")), holds: func(h *history) bool { return h.now() > trained }},
		{alert: "RetrainWanted", class: "info", step: 2 * minute, why: "Half an hour of it is told; less is not, and an hour after its end it is over.",
			segments: []segment{{10 * minute, 0}, {20 * minute, 1}, {20 * minute, 0}, {70 * minute, 1}, {90 * minute, 0}}, holds: is(1), feed: with(level("gnomon_retrain_wanted", ""))},
		{alert: "RetrainCompleted", class: "info", step: 30 * second, noRedeploy: true, slack: 1, why: "One change within 15m is told at once.",
			segments: []segment{{20 * minute, 0}, {30 * second, 1}, {30 * minute, 0}},
			feed: func(s *scene, w who, level func(int) float64) {
				s.counter(fmt.Sprintf(`gnomon_model_changes_total{%s}`, w), scaled(level, 1./30))
			},
			holds: func(h *history) bool { return h.rate(15*minute) > 0 }},
	}
}
