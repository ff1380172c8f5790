package once

import (
	"maps"
	"slices"

	"github.com/gnomon-dev/gnomon/exporter/memory"
	"github.com/gnomon-dev/gnomon/exporter/pusher"
)

// Metrics is what is pushed after an invocation: the instance's counters and
// the last invocation's figures.
func Metrics(s *State, i *Invocation, model, version, currency string) []pusher.Metric {
	base := []pusher.Label{{Name: "model", Value: model}, {Name: "model_version", Value: version}}
	var out []pusher.Metric
	add := func(counter bool, name, help string, v float64, pairs ...string) {
		labels := slices.Clone(base)
		for k := 0; k+1 < len(pairs); k += 2 {
			labels = append(labels, pusher.Label{Name: pairs[k], Value: pairs[k+1]})
		}
		out = append(out, pusher.Metric{Name: name, Help: help, Counter: counter, Labels: labels, Value: v})
	}
	total := 0.
	for _, o := range Outcomes() {
		add(true, "gnomon_invocations_total", "Invocations of the function by outcome: success, error, killed.", s.Invocations[o], "outcome", o)
		total += s.Invocations[o]
	}
	add(true, "gnomon_invocation_seconds_total", "Time that invocations took.", s.Seconds)
	add(true, "gnomon_invocation_cpu_seconds_total", "Core time that invocations took.", s.CPUSeconds)
	add(true, "gnomon_invocation_cold_starts_total", "Invocations that were the first of their instance.", s.Cold)
	add(true, "gnomon_invocation_lost_pushes_total", "Pushes that did not arrive in time; what they held came with the next.", s.LostPushes)
	for _, cause := range memory.Causes() {
		add(true, "gnomon_out_of_memory_total", "Times that memory ran out, by whom it hit and cause.", s.OutOfMemory[cause], "process", "invocation", "cause", cause)
	}
	add(false, "gnomon_invocation_duration_seconds", "Time that the last invocation took.", i.Duration.Seconds())
	add(false, "gnomon_invocation_resident_memory_bytes", "Most memory that the last invocation held.", float64(i.Resident))
	if i.Load > 0 {
		add(false, "gnomon_model_load_duration_seconds", "Time from the last invocation's start until its model was loaded.", i.Load.Seconds())
	}
	if currency != "" {
		for _, component := range slices.Sorted(maps.Keys(s.Cost)) {
			add(true, "gnomon_cost_total", "Cost by busy time and the configured prices.", s.Cost[component], "component", component, "currency", currency)
		}
		add(true, "gnomon_cost_inferences_total", "Invocations that were charged.", total)
	}
	return out
}
