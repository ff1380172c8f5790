package board

// What the machine has left, what the watching costs it, and training jobs.

const noTraining = "no training job is watched"

// j selects the series of training jobs: they have a model, and no version.
func j(metric string, more ...string) string {
	return t(metric, append([]string{`model=~"$model"`}, more...)...)
}

func samplingRate() Panel {
	return Panel{Kind: "timeseries", Title: "Sampling rate", W: 8, H: 8, Unit: "percentunit", Min: ptr(0.), Max: ptr(1.),
		Description: "Answers: does the watching hold itself back? Share of the traffic that is sampled; below the configured share the budget's governor has lowered it, for the primary's sake.",
		Targets: []Target{
			{Expr: "min by (instance) (" + t("gnomon_sampling_rate_ratio") + ")", Legend: "now {{instance}}"},
			{Expr: "max by (instance) (" + t("gnomon_sampling_rate_configured_ratio") + ")", Legend: "configured {{instance}}"},
		},
		Overrides: []Override{dashed("^configured .*", neutral)},
	}
}

func governor() Panel {
	return Panel{Kind: "bargauge", Title: "Why the sampling rate was lowered", W: 8, H: 8, Unit: "none", Min: ptr(0.), Decimals: ptr(0.), NoValue: "no budget is configured",
		Description: "Answers: who is short of what? Times in the range that the budget's governor lowered the sampling rate, by reason.",
		Targets:     []Target{{Expr: "sum by (reason) (" + increase(t("gnomon_sampling_rate_changes_total", `reason!="calm"`), "$__range") + ")", Legend: "{{reason}}", Instant: true}},
		Steps:       steps(blue, 1, orange),
	}
}

func headroom() Panel {
	return Panel{Kind: "stat", Title: "Room for more requests", W: 8, H: 8, Unit: "percentunit", Decimals: ptr(0.), NoValue: "capacity.slots is not set",
		Description: "Answers: must there be more servers? Room left at the window's peak (below 0 the peak was more than is well), requests that wait, and by how much the last cold start was slower than warm requests.",
		Targets: []Target{
			{Expr: "min by (instance) (" + t("gnomon_server_headroom_ratio") + ")", Legend: "headroom {{instance}}", Instant: true},
			{Expr: "max by (instance) (" + t("gnomon_server_waiting_requests") + ")", Legend: "waiting {{instance}}", Instant: true},
			{Expr: "max by (model) (" + m("gnomon_cold_start_penalty_seconds") + ")", Legend: "cold start {{model}}", Instant: true},
		},
		Steps: steps(red, 0, orange, .2, blue), Options: map[string]any{"textMode": "value_and_name"},
		Overrides: []Override{
			{Pattern: "^waiting .*", Set: map[string]any{"unit": "none", "decimals": 1, "thresholds": map[string]any{"mode": "absolute", "steps": steps(blue, 1, orange)}}},
			{Pattern: "^cold start .*", Set: map[string]any{"unit": "s", "decimals": 2, "thresholds": map[string]any{"mode": "absolute", "steps": steps(blue, 1, orange)}}},
		},
	}
}

func memoryLeft() Panel {
	const group = "max by (instance, process) "
	return Panel{Kind: "timeseries", Title: "Memory of its limit", W: 12, H: 8, Unit: "percentunit", Min: ptr(0.), Max: ptr(1.), NoValue: "no control group is found",
		Description: "Answers: will the kernel end something? Memory of the control groups over their limits, without file pages that can be dropped.",
		Targets:     []Target{{Expr: group + "(" + t("gnomon_memory_used_bytes") + " / " + t("gnomon_memory_limit_bytes") + ")", Legend: "{{process}} {{instance}}"}},
		Steps:       steps("transparent", .9, red), Custom: withLine(),
	}
}

func memoryEnds() Panel {
	return Panel{Kind: "stat", Title: "Until memory runs out", W: 12, H: 8, Unit: "s", NoValue: "memory does not grow",
		Description: "Answers: when will the kernel end something? At the growth of the window, where it grows for certain; and how often memory ran out in the range.",
		Targets: []Target{
			{Expr: "min by (instance, process) (" + t("gnomon_memory_limit_reached_seconds") + ")", Legend: "{{process}} {{instance}}", Instant: true},
			{Expr: "sum by (process) (" + increase(t("gnomon_out_of_memory_total"), "$__range") + ")", Legend: "ran out: {{process}}", Instant: true},
		},
		Steps: steps(red, 3600, orange, 86400, blue), Options: map[string]any{"textMode": "value_and_name"},
		Overrides: []Override{{Pattern: "^ran out: .*", Set: map[string]any{"unit": "none", "decimals": 0, "thresholds": map[string]any{"mode": "absolute", "steps": steps(blue, 1, red)}}}},
	}
}

func trainingJobs() Panel {
	columns := []struct{ ref, name, expr string }{
		{"A", "Step", j("gnomon_training_step")},
		{"B", "Since a step", "time() - " + j("gnomon_training_last_step_timestamp_seconds")},
		{"C", "Stalled", j("gnomon_training_stalled")},
		{"D", "Loss", j("gnomon_training_loss")},
		{"E", "Diverged", j("gnomon_training_diverged")},
		{"F", "Checkpoint", j("gnomon_training_checkpoint_overdue")},
		{"G", "Since one", "time() - " + j("gnomon_training_checkpoint_timestamp_seconds")},
	}
	p := Panel{Kind: "table", Title: "Training jobs", W: 24, H: 6, Unit: "short", NoValue: noTraining,
		Description: "Answers: does it go on, does it learn, what would be lost? A row a job.",
	}
	rename, order := map[string]string{"job_name": "Job", "model": "Model"}, []string{"job_name", "model"}
	for _, c := range columns {
		p.Targets = append(p.Targets, Target{Expr: "max by (job_name, model) (" + c.expr + ")", Table: true})
		rename["Value #"+c.ref] = c.name
		order = append(order, "Value #"+c.ref)
	}
	p.Transform = tableOf(rename, order, "Time")
	flag := func(one, zero string) map[string]any {
		out := cell("none", steps("transparent", 1, red))
		out["mappings"] = words(said{zero, "transparent"}, said{one, red})
		return out
	}
	p.Overrides = []Override{named("Stalled", flag("stalled", "no")), named("Diverged", flag("diverged", "no")), named("Checkpoint", flag("overdue", "in time")),
		{Pattern: "^Since .*", Set: map[string]any{"unit": "s", "decimals": 0}}, named("Step", map[string]any{"unit": "none", "decimals": 0}), named("Loss", map[string]any{"unit": "none", "decimals": 4})}
	return p
}

func trainingLoss() Panel {
	return Panel{Kind: "timeseries", Title: "Loss", W: 8, H: 8, Unit: "none", NoValue: noTraining,
		Description: "Answers: does it learn? As the job writes it; a gap is a loss that is not a number.",
		Targets:     []Target{{Expr: "max by (job_name, model) (" + j("gnomon_training_loss") + ")", Legend: "{{job_name}} {{model}}"}},
	}
}

func trainingGPU() Panel {
	return Panel{Kind: "timeseries", Title: "GPUs of the jobs", W: 8, H: 8, Unit: "percentunit", Min: ptr(0.), Max: ptr(1.), NoValue: "no GPU of a training job is watched",
		Description: "Answers: are the GPUs used? Mean utilisation of those that the job is on; 70 to 90 % is well used.",
		Targets:     []Target{{Expr: "max by (job_name, model) (" + j("gnomon_training_gpu_utilization_ratio") + ")", Legend: "{{job_name}} {{model}}"}},
	}
}

func trainingCost() Panel {
	return Panel{Kind: "timeseries", Title: "Cost of the jobs so far", W: 8, H: 8, Unit: "short", Min: ptr(0.), NoValue: noPrice,
		Description: "What each job has cost since it is watched, by the configured prices, in their currency.",
		Targets:     []Target{{Expr: "sum by (job_name, model, currency) (" + j("gnomon_training_cost_total") + ")", Legend: "{{job_name}} {{model}} {{currency}}"}},
	}
}

func shadowStart() Panel {
	return Panel{Kind: "bargauge", Title: "What a shadow's start takes", W: 12, H: 8, Unit: "s", Min: ptr(0.), NoValue: "no shadow is configured",
		Description: "By phase: load (read, optimise, initialise), warm_up (every batch size once), the very first inference and a warm one. Cold, or cached: optimised at an earlier start.",
		Targets:     []Target{{Expr: "max by (shadow, phase, provider, start) (" + m("gnomon_shadow_start_duration_seconds") + ")", Legend: "{{shadow}} {{phase}} ({{provider}}, {{start}})", Instant: true}},
		Steps:       steps(blue),
	}
}

func shadowReloads() Panel {
	return Panel{Kind: "stat", Title: "Newer models, and what runs on the CPU", W: 12, H: 8, Unit: "none", Decimals: ptr(0.), NoValue: "no shadow is configured",
		Description: "Newer models found in the range: put in place, or not usable (the one in place goes on); and the share of the graph's nodes that run on the CPU, which is 100 % without a GPU.",
		Targets: []Target{
			{Expr: "sum by (shadow) (" + increase(m("gnomon_shadow_reloads_total", `outcome="success"`), "$__range") + ")", Legend: "reloaded {{shadow}}", Instant: true},
			{Expr: "sum by (shadow) (" + increase(m("gnomon_shadow_reloads_total", `outcome="error"`), "$__range") + ")", Legend: "not usable {{shadow}}", Instant: true},
			{Expr: "max by (shadow) (" + m("gnomon_shadow_cpu_nodes_ratio") + ")", Legend: "on the CPU {{shadow}}", Instant: true},
		},
		Steps: steps(blue), Options: map[string]any{"textMode": "value_and_name"},
		Overrides: []Override{
			{Pattern: "^not usable .*", Set: map[string]any{"thresholds": map[string]any{"mode": "absolute", "steps": steps(blue, 1, red)}}},
			{Pattern: "^on the CPU .*", Set: map[string]any{"unit": "percentunit"}},
		},
	}
}
