package ruletest

import (
	"fmt"
	"math"
	"time"
)

// pair feeds a gauge of two machines that serve the model, each with two
// series: the level, and otherwise what is better than it.
func pair(metric, label string, better func(level float64) float64) feedFunc {
	return func(s *scene, w who, level func(int) float64) {
		good := func(i int) float64 { return better(level(i)) }
		for _, x := range []struct {
			w         who
			one, also func(int) float64
		}{{w, level, good}, {w.at(w.instance + "z"), good, good}} {
			s.gauge(fmt.Sprintf(`gnomon_model_info{digest="d", %s}`, x.w), constant(1, level))
			for i, at := range []func(int) float64{x.one, x.also} {
				labels := ""
				if label != "" {
					labels = fmt.Sprintf("%s=%q, ", label, string(rune('a'+i)))
				} else if i > 0 {
					continue
				}
				s.gauge(fmt.Sprintf(`%s{%sjob="gnomon", instance=%q}`, metric, labels, x.w.instance), at)
			}
		}
	}
}

func (b *bench) capacity() []*probe {
	const left = "gnomon_memory_limit_reached_seconds"
	more := func(v float64) float64 { return v + 1e6 }
	memory := func(class string, limit, hold, keep time.Duration) *probe {
		v := limit.Seconds()
		return &probe{alert: "MemoryLimitPredicted", class: class, step: minute, feed: pair(left, "process", more), holds: func(h *history) bool { return h.now() < v },
			why:      fmt.Sprintf("Memory lasts %.6g s, then %.6g s: below %.6g s for %s is told, while another process and another machine have plenty.", v*1.03, v*.97, v, hold),
			segments: around(v*40, v*1.03, v*.97, hold+keep+20*minute)}
	}
	return []*probe{
		memory("ticket", b.t.MemoryLeft.Std(), 15*minute, 30*minute),
		memory("page", b.t.MemoryLeftPage.Std(), 5*minute, 10*minute),
		{alert: "ServerHeadroomLow", class: "ticket", step: minute, feed: pair("gnomon_server_headroom_ratio", "", more), holds: func(h *history) bool { return h.now() < 0 },
			why: "2 % of room is left, then 2 % too little: below 0 for 15m is told, for an hour more.", segments: around(.4, .02, -.02, 140*minute)},
	}
}

// training: each figure is of two jobs, of which one is well, on two replicas.
func (b *bench) training() []*probe {
	labels := map[string]string{"model_version": "training", "job_name": "nightly"}
	of := func(name, instance string, w who) string {
		return fmt.Sprintf(`job_name=%q, model=%q, job="gnomon", instance=%q`, name, w.model, instance)
	}
	state := func(metric string) feedFunc {
		return func(s *scene, w who, level func(int) float64) {
			s.gauge(fmt.Sprintf("%s{%s}", metric, of("nightly", w.instance, w)), level)
			s.gauge(fmt.Sprintf("%s{%s}", metric, of("nightly", w.instance+"z", w)), constant(0, level))
			s.gauge(fmt.Sprintf("%s{%s}", metric, of("other", w.instance, w)), constant(0, level))
		}
	}
	is := func(alert, metric, why string) *probe {
		return &probe{alert: alert, class: "ticket", step: minute, why: why, labels: labels, feed: state(metric), holds: func(h *history) bool { return h.now() == 1 },
			segments: []segment{{5 * minute, 0}, {25 * minute, 1}, {30 * minute, 0}}}
	}
	finite := counted("TrainingLossNotFinite", "ticket", "", 0, 1)
	finite.labels = labels
	finite.feed = func(s *scene, w who, level func(int) float64) {
		s.counter(fmt.Sprintf("gnomon_training_non_finite_losses_total{%s}", of("nightly", w.instance, w)), scaled(level, 1/s.step.Seconds()), w.resets...)
		s.counter(fmt.Sprintf("gnomon_training_non_finite_losses_total{%s}", of("other", w.instance, w)), constant(0, level))
	}
	return []*probe{
		is("TrainingStalled", "gnomon_training_stalled", "A job that makes no steps, beside one that does: a ticket after 2m, held for 5m."),
		is("TrainingDiverged", "gnomon_training_diverged", "A loss that rises, beside one that does not: a ticket after 5m, held for 10m."),
		is("TrainingCheckpointStale", "gnomon_training_checkpoint_overdue", "No checkpoint for too long: a ticket after 5m, held for 5m."),
		finite,
	}
}

// quietSelf: states of the sidecar and of what it looks at, on two replicas, of
// which one is well.
func (b *bench) quietSelf() []*probe {
	on := func(h *history) bool { return h.now() >= 1 }
	course := []segment{{10 * minute, 0}, {70 * minute, 1}, {80 * minute, 0}}
	state := func(metric, label string) feedFunc {
		return func(s *scene, w who, level func(int) float64) {
			for i, value := range []string{"a", "b"} {
				s.gauge(fmt.Sprintf("%s{%s=%q, %s}", metric, label, value, w), func(k int) float64 {
					if v := level(k); math.IsNaN(v) {
						return gone
					} else if v > float64(i) {
						return 1
					}
					return 0
				})
				s.gauge(fmt.Sprintf("%s{%s=%q, %s}", metric, label, value, w.at(w.instance+"z")), constant(0, level))
			}
		}
	}
	store := pair("gnomon_label_store_up", "", func(float64) float64 { return 1 })
	return []*probe{
		{alert: "InputsSuspicious", class: "ticket", step: minute, feed: state("gnomon_suspect_alarm", "kind"), holds: on, segments: course,
			why: "One of two signs alarms, on one of two replicas: a ticket after 5m, held for 30m."},
		{alert: "ShadowSourceStale", class: "ticket", step: minute, feed: state("gnomon_shadow_source_stale", "shadow"), holds: on, segments: course,
			why: "One of two shadows runs on an old copy: a ticket after 30m, held for 10m."},
		{alert: "LabelStoreDown", class: "ticket", step: minute, holds: on, segments: course, why: "One of two replicas cannot keep what waits for labels: a ticket after 5m, held for 10m.",
			feed: func(s *scene, w who, level func(int) float64) {
				store(s, w, func(i int) float64 { return 1 - level(i) })
			}},
	}
}
