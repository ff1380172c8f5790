package memory

import "github.com/prometheus/client_golang/prometheus"

// family is one metric of the collector.
type family struct {
	name, help string
	kind       prometheus.ValueType
	label      string // beside process; "" for none
	samples    func(*State, func(v float64, label ...string))
}

// families is every metric that is read from State: a new one is a row.
func families() []family {
	group := func(f func(*Reading) uint64) func(*State, func(float64, ...string)) {
		return func(s *State, e func(float64, ...string)) {
			if s.HasReading {
				e(float64(f(&s.Reading)))
			}
		}
	}
	running := func(f func(*State) float64) func(*State, func(float64, ...string)) {
		return func(s *State, e func(float64, ...string)) {
			if len(s.PIDs) > 0 {
				e(f(s))
			}
		}
	}
	growth := func(f func(*Growth) *float64) func(*State, func(float64, ...string)) {
		return func(s *State, e func(float64, ...string)) {
			if s.Growth != nil {
				if v := f(s.Growth); v != nil {
					e(*v)
				}
			}
		}
	}
	gauge, counter := prometheus.GaugeValue, prometheus.CounterValue
	return []family{
		{"gnomon_memory_used_bytes", "Memory of the control group of the process, without file pages that can be dropped at once.", gauge, "", group(func(r *Reading) uint64 { return r.Used })},
		{"gnomon_memory_usage_bytes", "All memory that is charged to the control group of the process.", gauge, "", group(func(r *Reading) uint64 { return r.Usage })},
		{"gnomon_memory_limit_bytes", "Limit of that control group: the lowest of it and those above it; the machine's memory where none has one.", gauge, "", group(func(r *Reading) uint64 { return r.Limit })},
		{"gnomon_memory_events_total", "The kernel's events of that control group since it was made: high, max, oom, oom_kill.", counter, "event", func(s *State, e func(float64, ...string)) {
			if s.HasReading {
				for event, n := range s.Reading.Events {
					e(float64(n), event)
				}
			}
		}},
		{"gnomon_memory_stalled_seconds_total", "Time in which some or all tasks of that control group waited for memory (PSI; of the machine with version 1).", counter, "tasks", func(s *State, e func(float64, ...string)) {
			if s.HasReading {
				for kind, v := range s.Reading.Stalled {
					e(v, kind)
				}
			}
		}},
		{"gnomon_process_resident_memory_bytes", "Resident memory of the model server with all that it has started, of gnomon, of its shadows.", gauge, "", running(func(s *State) float64 { return float64(s.Sum.Resident) })},
		{"gnomon_process_cpu_seconds_total", "Core time of these processes, with those that have ended since gnomon watches them.", counter, "", func(s *State, e func(float64, ...string)) { e(s.CPUSeconds) }},
		{"gnomon_processes", "Processes that were found.", gauge, "", func(s *State, e func(float64, ...string)) { e(float64(len(s.PIDs))) }},
		{"gnomon_memory_growth_bytes_per_second", "Growth of the resident memory over the window: Theil-Sen slope.", gauge, "", growth(func(g *Growth) *float64 { return &g.PerSecond })},
		{"gnomon_memory_growth_lower_bytes_per_second", "Lower end of the slope's 95 % interval: above 0, memory grows for certain.", gauge, "", growth(func(g *Growth) *float64 { return &g.Lower })},
		{"gnomon_memory_limit_reached_seconds", "Time until gnomon_memory_used_bytes is at the limit at this growth; absent while memory does not grow for certain.", gauge, "", growth(func(g *Growth) *float64 { return g.Left })},
	}
}

func (f *family) desc() *prometheus.Desc {
	labels := []string{"process"}
	if f.label != "" {
		labels = append(labels, f.label)
	}
	return prometheus.NewDesc(f.name, f.help, labels, nil)
}

// Describe implements prometheus.Collector.
func (w *Watcher) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range families() {
		ch <- f.desc()
	}
}

// Collect implements prometheus.Collector: what was read last.
func (w *Watcher) Collect(ch chan<- prometheus.Metric) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range families() {
		d := f.desc()
		for name, s := range w.states {
			if name == Primary && !w.s.Primary.Known() {
				continue
			}
			f.samples(s, func(v float64, label ...string) {
				ch <- prometheus.MustNewConstMetric(d, f.kind, v, append([]string{name}, label...)...)
			})
		}
	}
}
