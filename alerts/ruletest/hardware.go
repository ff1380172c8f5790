package ruletest

import (
	"fmt"
	"math"
	"time"
)

// machine feeds what a replica's machine reports, for the model that it serves:
// the labels of a GPU carry no model.
func machine(series func(s *scene, labels string, level func(int) float64)) feedFunc {
	return func(s *scene, w who, level func(int) float64) {
		s.gauge(fmt.Sprintf(`gnomon_model_info{digest="d", %s}`, w), constant(1, level))
		series(s, fmt.Sprintf(`job="gnomon", instance=%q`, w.instance), level)
	}
}

// errors are counters of which the level is how many came at a scrape.
func errors(names ...string) feedFunc {
	return machine(func(s *scene, labels string, level func(int) float64) {
		for _, name := range names {
			s.counter(fmt.Sprintf(name, labels), scaled(level, 1/s.step.Seconds()))
		}
	})
}

// counted is a test of errors counted over 15 minutes: above one threshold less
// a half, as increase() extrapolates.
func counted(alert, class, series string, quiet, fires float64, others ...variant) *probe {
	limit := quiet + .5
	return &probe{alert: alert, class: class, step: 30 * second, slack: 1,
		why:      fmt.Sprintf("%g in 15m is quiet and %g fires at once; 15m later it is out of the window and held for another 15m.", quiet, fires),
		segments: []segment{{20 * minute, 0}, {30 * second, quiet}, {20 * minute, 0}, {30 * second, fires}, {40 * minute, 0}},
		feed:     errors(series), holds: func(h *history) bool { return h.rate(15*minute)*30 > limit }, variants: others}
}

func (b *bench) gpu() []*probe {
	const (
		oom   = `gnomon_gpu_out_of_memory_total{gpu="0", %s}`
		ecc   = `gnomon_gpu_ecc_errors_total{gpu="0", type="uncorrected", %s}`
		fixed = `gnomon_gpu_ecc_errors_total{gpu="0", type="corrected", %s}`
	)
	xid := func(code string) string { return `gnomon_gpu_xid_errors_total{gpu="0", xid="` + code + `", %s}` }
	var fatal, harmless []variant
	for _, code := range []string{"13", "31", "48", "62", "63", "64", "74", "79", "92", "94", "95", "119", "120"} {
		fatal = append(fatal, variant{name: "xid " + code, feed: errors(xid(code))})
		harmless = append(harmless, variant{name: "xid " + code, feed: errors(xid(code)), holds: never})
	}
	fatal = append(fatal, variant{name: "a harmless one", feed: errors(xid("43")), holds: never})
	ratio := func(alert, used, of string, limit float64, hold time.Duration, labels string) *probe {
		return &probe{alert: alert, class: "ticket", step: minute, why: fmt.Sprintf("%.4g of it is used, then %.4g; above %.4g for %s is a ticket.", limit*.98, limit*1.02, limit, hold),
			segments: around(limit/2, limit*.98, limit*1.02, hold+20*minute), holds: func(h *history) bool { return h.now() > limit },
			feed: machine(func(s *scene, l string, level func(int) float64) {
				s.gauge(fmt.Sprintf("%s{%s%s}", used, labels, l), scaled(level, 1e9))
				s.gauge(fmt.Sprintf("%s{%s%s}", of, labels, l), constant(1e9, level))
			})}
	}
	memory := ratio("HostMemoryHigh", "gnomon_memory_used_bytes", "gnomon_memory_limit_bytes", b.t.HostMemoryRatio, 10*minute, "")
	memory.variants = []variant{{name: "no limit", why: "Without a limit there is no share of it.", holds: never, feed: machine(func(s *scene, l string, level func(int) float64) {
		s.gauge("gnomon_memory_used_bytes{"+l+"}", scaled(level, 1e9))
		s.gauge("gnomon_memory_limit_bytes{"+l+"}", constant(0, level))
	})}}
	return []*probe{
		counted("GPUOOM", "ticket", oom, 0, 1),
		counted("GPUOOM", "page", oom, 4, 5),
		ratio("GPUMemoryHigh", "gnomon_gpu_memory_used_bytes", "gnomon_gpu_memory_total_bytes", b.t.GPUMemoryRatio, 15*minute, `gpu="0", `),
		counted("GPUXidFatal", "page", xid("79"), 0, 1, fatal...),
		counted("GPUXidFatal", "ticket", xid("43"), 0, 1, harmless...),
		counted("GPUECC", "page", ecc, 0, 1, variant{name: "corrected", why: "What was corrected is no fault.", feed: errors(fixed), holds: never}),
		b.thermal(),
		b.underused(),
		b.cost(),
	}
}

// thermal: throttled for a share of ten minutes.
func (b *bench) thermal() *probe {
	feed := func(reason string) feedFunc {
		return machine(func(s *scene, l string, level func(int) float64) {
			s.gauge(fmt.Sprintf(`gnomon_gpu_throttle_active{gpu="0", reason=%q, %s}`, reason, l), level)
		})
	}
	// A level between 0 and 1 stands for throttling now and then.
	holds := func(h *history) bool { return h.avg(10*minute) > .1 }
	return &probe{alert: "GPUThermal", class: "ticket", step: 30 * second, slack: 1, why: "Throttled for 9.7 % of 10m is quiet, for 10.3 % is a ticket 5m later.",
		segments: around(0, .097, .103, 30*minute), feed: feed("hw_thermal"), holds: holds,
		variants: []variant{{name: "by the driver", feed: feed("sw_thermal")}, {name: "power cap", why: "A power cap is configured, not a fault.", feed: feed("power_cap"), holds: never}}}
}

// underused: the busiest GPU of a model has little to do for hours.
func (b *bench) underused() *probe {
	limit := b.t.GPUIdleRatio
	return &probe{alert: "GPUUnderused", class: "info", step: 5 * minute, slack: 1, why: fmt.Sprintf("The busier of two is used %.4g of 6h, then %.4g; below %.4g for 1h is told.", limit*1.04, limit*.96, limit),
		segments: []segment{{7 * hour, limit * 3}, {14 * hour, limit * 1.04}, {14 * hour, limit * .96}, {9 * hour, limit * 3}},
		feed: machine(func(s *scene, l string, level func(int) float64) {
			s.gauge(fmt.Sprintf(`gnomon_gpu_utilization_ratio{gpu="0", %s}`, l), level)
			s.gauge(fmt.Sprintf(`gnomon_gpu_utilization_ratio{gpu="1", %s}`, l), scaled(level, .1))
		}), holds: func(h *history) bool { return h.avg(6*hour) < limit }}
}

// cost: the price of a thousand inferences over an hour.
func (b *bench) cost() *probe {
	limit := b.t.CostPer1k
	feed := func(rate float64) feedFunc {
		return func(s *scene, w who, level func(int) float64) {
			s.counter(fmt.Sprintf("gnomon_cost_inferences_total{%s}", w), constant(rate*.7, level), w.resets...)
			s.counter(fmt.Sprintf("gnomon_cost_inferences_total{%s}", w.at(w.instance+"z")), constant(rate*.3, level), w.resets...)
			for _, component := range []string{"gpu", "host", "training"} { // what a training costs is no inference's
				s.counter(fmt.Sprintf(`gnomon_cost_total{component=%q, currency="EUR", %s}`, component, w), scaled(level, rate/1000/2), w.resets...)
			}
		}
	}
	return &probe{alert: "CostPer1k", class: "ticket", step: minute, slack: 2, counters: true, why: fmt.Sprintf("1,000 inferences cost %.4g, then %.4g: over 1h the price passes %.4g, and 30m later a ticket is there.", limit*.97, limit*1.03, limit),
		segments: []segment{{70 * minute, limit / 2}, {150 * minute, limit * .97}, {150 * minute, limit * 1.03}, {180 * minute, limit / 2}},
		feed:     feed(100), quiet: feed(0), holds: func(h *history) bool { return h.rate(hour) > limit },
		variants: []variant{{name: "little traffic", why: "0.8 inferences a second, for 0.8 and 1.5 times the price that is planned.", feed: feed(.8),
			segments: []segment{{70 * minute, limit / 2}, {150 * minute, limit * .8}, {150 * minute, limit * 1.5}, {180 * minute, limit / 2}}}}}
}

// driftAlerts read the verdicts of sidecars and of the fleet's rules.
func (b *bench) driftAlerts() []*probe {
	drifted := func(h *history) bool { return h.now() >= 1 }
	feature := func(s *scene, w who, level func(int) float64) {
		for i, name := range []string{"f", "g", "h"} {
			s.gauge(fmt.Sprintf("gnomon_feature_drifted{feature=%q, %s}", name, w), func(k int) float64 {
				if v := level(k); math.IsNaN(v) {
					return gone
				} else if v > float64(i) {
					return 1
				}
				return 0
			})
		}
		s.gauge(fmt.Sprintf(`gnomon_feature_drifted{feature="f", %s}`, w.at("z")), constant(0, level))
	}
	fleet := func(s *scene, w who, level func(int) float64) {
		feature(s, w, constant(0, level))
		s.gauge(fmt.Sprintf(`gnomon:feature:drifted1h{model=%q, model_version=%q, reference="r", feature="f"}`, w.model, w.version), level)
	}
	course := []segment{{10 * minute, 0}, {40 * minute, 2}, {30 * minute, 0}}
	skew := func(class string, limit float64, hold time.Duration) *probe {
		feed := func(drifted float64) feedFunc {
			return with(level("gnomon_prediction_psi", ""), fixed("gnomon_prediction_drifted", "", drifted))
		}
		return &probe{alert: "PredictionSkew", class: class, step: minute, why: fmt.Sprintf("A PSI of %.4g is quiet, %.4g fires after %s.", limit*.97, limit*1.03, hold),
			segments: around(limit/5, limit*.97, limit*1.03, hold+20*minute), feed: feed(1), holds: func(h *history) bool { return h.now() > limit },
			variants: []variant{{name: "no evidence", why: "Large, but the detector has not decided: chance.", feed: feed(0), holds: never}}}
	}
	return []*probe{
		{alert: "FeatureDrift", class: "ticket", step: minute, why: "Two of three features have drifted, on one of two replicas: one ticket a model, after 10m, held for 15m.",
			segments: course, feed: feature, holds: drifted,
			variants: []variant{{name: "by the fleet's counters", why: "No sidecar alone sees it.", segments: []segment{{10 * minute, 0}, {40 * minute, 1}, {30 * minute, 0}}, feed: fleet}}},
		skew("ticket", b.t.DriftPSI, 10*minute),
		skew("page", b.t.SkewPagePSI, 5*minute),
		b.labels(),
	}
}

// labels: the classes of the last day's labels against those of the week before.
func (b *bench) labels() *probe {
	limit, rate := b.t.DriftPSI, 4*b.t.MinSamples/day.Seconds()
	const usual = .3
	psi := func(q, p float64) float64 {
		one := func(q, p float64) float64 { return (q - p) * math.Log(q/p) }
		return one(q, p) + one(1-q, 1-p)
	}
	far := func(v float64) float64 {
		return solve(usual, .99, func(q float64) float64 { return psi(q, usual) - v })
	}
	feed := func(rate float64) feedFunc {
		return func(s *scene, w who, level func(int) float64) {
			class := func(c string, at func(int) float64) {
				s.counter(fmt.Sprintf("gnomon_label_class_total{class=%q, %s}", c, w), at, w.resets...)
			}
			class("a", scaled(level, rate))
			class("b", func(i int) float64 { return rate * (1 - level(i)) })
			s.gauge(fmt.Sprintf(`gnomon:model_serving:info{model=%q, model_version=%q}`, w.model, w.version), constant(1, level))
		}
	}
	// The records step by ten minutes over the day and the week before it.
	holds := func(h *history) bool {
		from := max(2, h.i-int(8*day/h.step)+1)
		if h.i-int(day/h.step) < from {
			return false
		}
		cut := h.i - int(day/h.step) + 1
		return psi(mean(h.level[cut:h.i+1]), mean(h.level[from:cut])) > limit
	}
	return &probe{alert: "LabelDrift", class: "ticket", step: 5 * minute, slack: 4, noRedeploy: true, counters: true, read: []string{"gnomon-labels.rules.yml"},
		why:      fmt.Sprintf("A week with %.3g of class a, then a day with %.4g (PSI %.3g), a day with %.4g: as the day fills, its PSI passes %.3g.", usual, far(limit*.9), limit*.9, far(limit*1.3), limit),
		segments: []segment{{7 * day, usual}, {day, far(limit * .9)}, {day, far(limit * 1.5)}, {12 * hour, usual}}, feed: feed(rate), holds: holds,
		variants: []variant{{name: "few labels", why: "The same with too few labels a day.", feed: feed(rate / 4.2), holds: never,
			segments: []segment{{7 * day, usual}, {day, .8}}}}}
}

// selfAlerts: what watches the watcher.
func (b *bench) selfAlerts() []*probe {
	info := func(s *scene, w who, level func(int) float64) {
		s.gauge(fmt.Sprintf(`gnomon_model_info{digest="d", %s}`, w), constant(1, level))
		s.gauge(fmt.Sprintf(`gnomon_build_info{version="v", job="gnomon", instance=%q}`, w.instance), constant(1, level))
	}
	limit := b.t.DropRatio
	drops := func(s *scene, w who, level func(int) float64) {
		info(s, w, level)
		labels := fmt.Sprintf(`job="gnomon", instance=%q`, w.instance)
		for _, reason := range []string{"queue_full", "oversize"} {
			s.counter(fmt.Sprintf("gnomon_records_dropped_total{reason=%q, %s}", reason, labels), scaled(level, 5), w.resets...)
		}
		s.counter(fmt.Sprintf("gnomon_records_sampled_total{%s}", labels), func(i int) float64 { return 10 * (1 - level(i)) }, w.resets...)
	}
	down := func(s *scene, w who, level func(int) float64) {
		info(s, w, level)
		s.gauge(fmt.Sprintf(`gnomon_shadow_up{shadow="twin", %s}`, w), func(i int) float64 { return 1 - level(i) })
		s.gauge(fmt.Sprintf(`gnomon_shadow_up{shadow="other", %s}`, w), constant(1, level))
	}
	idle := func(s *scene, w who, level func(int) float64) {
		info(s, w, level)
		s.gauge(fmt.Sprintf(`gnomon_evaluation_last_timestamp_seconds{job="gnomon", instance=%q}`, w.instance), func(i int) float64 { return float64(i)*s.step.Seconds() - level(i) })
	}
	on := func(h *history) bool { return h.now() >= 1 }
	all := map[string]string{"model": "all", "model_version": "all"}
	return []*probe{
		{alert: "MonitorBlind", class: "ticket", step: 30 * second, slack: 1, counters: true,
			why:      fmt.Sprintf("Of 10 sampled requests a second %.4g are dropped, then %.4g: over 10m the share passes %.4g, and 10m later a ticket is there.", limit*.97, limit*1.03, limit),
			segments: around(0, limit*.97, limit*1.03, 45*minute), feed: drops, holds: func(h *history) bool { return h.rate(10*minute) > limit },
			variants: []variant{
				{name: "a shadow is down", segments: []segment{{10 * minute, 0}, {30 * minute, 1}, {30 * minute, 0}}, feed: down, holds: on},
				{name: "nothing is evaluated", why: "The last evaluation is 290 s old, then 310 s; 300 are allowed.", segments: around(1, 290, 310, 25*minute), feed: idle, holds: func(h *history) bool { return h.now() > 300 }}}},
		{alert: "ExporterAbsent", class: "ticket", step: minute, why: "No replica has anything to say of the model for 5m: a ticket. For an hour more its name is known, then only that there is no exporter at all.",
			variants: []variant{b.missing(info), {name: "never there", why: "Nothing was ever scraped: said of all models.", segments: []segment{{30 * minute, gone}}, feed: func(*scene, who, func(int) float64) {}, labels: all,
				holds: func(*history) bool { return true }}, b.replica(info)}},
		{alert: "Watchdog", class: "info", step: minute, labels: all, why: "Always.",
			variants: []variant{{name: "always", segments: []segment{{5 * minute, 1}}, feed: func(*scene, who, func(int) float64) {}, labels: all, holds: func(*history) bool { return true }}}},
	}
}

// missing: every replica goes and comes back.
func (b *bench) missing(info feedFunc) variant {
	return variant{name: "gone and back", segments: []segment{{90 * minute, 0}, {30 * minute, gone}, {20 * minute, 0}}, feed: info, holds: func(h *history) bool { return math.IsNaN(h.now()) }}
}

// replica: one of two is enough.
func (b *bench) replica(info feedFunc) variant {
	return variant{name: "one of two", why: "One replica is gone, another is there.", segments: []segment{{90 * minute, 0}, {30 * minute, gone}}, holds: never, feed: func(s *scene, w who, level func(int) float64) {
		info(s, w, level)
		info(s, w.at("z"), func(int) float64 { return 0 })
	}}
}
