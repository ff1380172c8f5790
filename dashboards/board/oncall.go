package board

func oncall() Board {
	return Board{
		UID: "gnomon-oncall", Title: "gnomon: on-call", From: "now-1h", Refresh: "10s",
		Description: "Is it me, the data, the model or the machine? One row an answer.",
		Rows: []Row{
			{Title: "What is wrong?", Panels: []Panel{verdictStat(), findings(), driftedList(), identity()}},
			{Title: "Is it me? The service", Panels: []Panel{latency(), outcomes(), errorsByCause()}},
			{Title: "Is it the model?", Panels: []Panel{versions(), disagreement(8), accuracyTrend(8)}},
			{Title: "Is it the data?", Panels: []Panel{evidence(), freshness(), anomalies()}},
			{Title: "Is it the machine?", Panels: []Panel{drops(), queue(), resources(8), memoryLeft(), memoryEnds(), gpu(), shadowState()}},
			{Title: "Does the watching cost too much, is there room?", Panels: []Panel{samplingRate(), governor(), headroom()}},
			{Title: "How much is left?", Panels: []Panel{burnRates(), budgets(12)}},
			{Title: "Do the training jobs go on?", Panels: []Panel{trainingJobs(), trainingLoss(), trainingGPU(), trainingCost()}, Collapsed: true},
		},
	}
}

// findings are the verdict in words, which only the sidecars' API has.
func findings() Panel {
	return Panel{Kind: "table", Title: "Findings", W: 18, H: 8, Unit: "none", Only: Gnomon,
		Description: "What gnomon found, in words, the worst first.",
		Targets:     []Target{{Gnomon: map[string]any{"queryType": "status", "model": "$model", "modelVersion": "$model_version"}}},
		Overrides: []Override{
			named("level", map[string]any{"custom.hidden": true, "custom.hideFrom": map[string]any{"viz": true}}),
			named("model", width(110)), named("model_version", width(110)), named("verdict", width(90)), named("findings", wrapped()),
		}}
}

func driftedList() Panel {
	return Panel{Kind: "bargauge", Title: "Largest changes of the data", W: 10, H: 8, Unit: "none", Only: Prometheus, Min: ptr(0.), Decimals: ptr(2.),
		Description: "Answers: is it the data? PSI of the sidecars' windows against the reference, largest first. Above 0.25 is large, if there are enough rows.",
		Targets:     []Target{{Expr: "topk(6, max by (model, feature) (" + m("gnomon_feature_psi", oneFeature) + "))", Legend: "{{model}} {{feature}}", Instant: true}},
		Steps:       steps(blue, .1, sky, .25, orange, 1, red), Links: []Link{{"Look at the features", "/d/gnomon-debug"}},
	}
}

func identity() Panel {
	return Panel{Kind: "stat", Title: "Is the right model served?", W: 8, H: 8, Unit: "none", Only: Prometheus,
		Description: "Answers: is it the model? Golden inputs are answered as by the registered model, or not.",
		Targets:     []Target{{Expr: "min by (model, model_version) (" + m("gnomon_model_identity_match") + ")", Legend: "{{model}} {{model_version}}", Instant: true}},
		Mappings:    yesno("the registered one", "ANOTHER ONE", 1), Steps: steps(red, 1, blue), NoValue: "not probed",
		Options: map[string]any{"colorMode": "background", "textMode": "value_and_name"},
		Links:   []Link{{"Roll back: runbook", "https://github.com/gnomon-dev/gnomon/tree/main/alerts/runbooks"}},
	}
}

func latency() Panel {
	return Panel{Kind: "timeseries", Title: "Latency", W: 8, H: 8, Unit: "s", Min: ptr(0.),
		Description: "Answers: is it me? Quantiles of the requests as clients see them, from the histogram (a quantile is no finer than its buckets).",
		Targets: []Target{
			{Expr: quantile("0.5"), Legend: "p50 {{model}} {{model_version}}"},
			{Expr: quantile("0.95"), Legend: "p95 {{model}} {{model_version}}"},
			{Expr: quantile("0.99"), Legend: "p99 {{model}} {{model_version}}"},
		},
		Steps: steps("transparent", .5, red), Custom: withLine(),
		Overrides: []Override{
			{Pattern: "^p50 .*", Set: color(blue)}, {Pattern: "^p95 .*", Set: color(orange)}, {Pattern: "^p99 .*", Set: color(red)},
		}}
}

func outcomes() Panel {
	return Panel{Kind: "timeseries", Title: "Requests by outcome", W: 8, H: 8, Unit: "reqps", Min: ptr(0.),
		Description: "Answers: is it me? Throughput, and whose fault the rest is.",
		Targets:     []Target{{Expr: "sum by (outcome) (" + rate(m("gnomon_requests_total")) + ")", Legend: "{{outcome}}"}},
		Custom:      map[string]any{"stacking": map[string]any{"mode": "normal", "group": "A"}, "fillOpacity": 40},
		Overrides:   outcomeColors(),
	}
}

func outcomeColors() []Override {
	return []Override{named("success", color(blue)), named("client_error", color(sky)), named("cancelled", color(neutral)), named("model_error", color(orange)), named("infra_error", color(red))}
}

func errorsByCause() Panel {
	return Panel{Kind: "timeseries", Title: "Error ratio by cause", W: 8, H: 8, Unit: "percentunit", Min: ptr(0.),
		Description: "Answers: infrastructure, model or client? Share of all requests; cancelled ones are the clients'.",
		Targets:     []Target{{Expr: "sum by (outcome) (" + rate(m("gnomon_requests_total", `outcome!="success"`)) + ") / on () group_left () (sum(" + rate(m("gnomon_requests_total")) + ") > 0)", Legend: "{{outcome}}"}},
		Overrides:   outcomeColors(), Custom: softly(.01),
	}
}

func versions() Panel {
	return Panel{Kind: "table", Title: "What is served", W: 8, H: 9, Unit: "none",
		Description: "Answers: is it the model? Registered version and digest, requests served under it, and changes in the range. To roll back, follow the link.",
		Targets: []Target{
			{Expr: "max by (model, model_version, digest) (" + m("gnomon_model_info") + ")", Table: true},
			{Expr: by + "(" + rate(m("gnomon_requests_total")) + ")", Table: true},
			{Expr: by + "(" + increase(m("gnomon_model_changes_total"), "$__range") + ")", Table: true},
		},
		Transform: tableOf(map[string]string{"model": "Model", "model_version": "Version", "digest": "Digest", "Value #B": "req/s", "Value #C": "Changes"}, []string{"model", "model_version", "Value #B", "Value #C", "digest"}, "Time", "Value #A"),
		Overrides: []Override{named("req/s", map[string]any{"unit": "short", "decimals": 0}), named("Changes", map[string]any{"unit": "none", "decimals": 0})},
		Links:     []Link{{"Roll back: what to do", runbooks + "VersionMismatch.md"}},
	}
}

func disagreement(w uint32) Panel {
	const group = "(model, model_version, shadow)"
	return Panel{Kind: "timeseries", Title: "Shadow disagreement against the noise floor", W: w, H: 9, Unit: "percentunit", Min: ptr(0.),
		Description: "Answers: is it the model? Share of records that primary and shadow answer differently. Above the noise floor a twin says that something else is served than was meant; other shadows differ on purpose.",
		Targets: []Target{
			{Expr: "avg by " + group + " (" + m("gnomon_shadow_disagreement_ratio") + ")", Legend: "{{shadow}} {{model}} {{model_version}}"},
			{Expr: "max by (model, model_version) (" + m("gnomon_shadow_noise_floor_ratio") + ")", Legend: "noise floor {{model}} {{model_version}}"},
		},
		Overrides: []Override{{Pattern: "^noise floor .*", Set: map[string]any{"custom.lineStyle": map[string]any{"fill": "dash", "dash": []int{6, 4}}, "custom.fillOpacity": 0, "color": map[string]any{"mode": "fixed", "fixedColor": neutral}}}},
	}
}

func evidence() Panel {
	return Panel{Kind: "timeseries", Title: "Evidence of drift", W: 8, H: 8, Unit: "none", Decimals: ptr(4.),
		Description: "Answers: is it the data? Evidence of each feature's detector over its threshold, logarithmic from 0.001 on: above 1 it is in alarm, at a stated rate of false ones.",
		Targets:     []Target{{Expr: "clamp_min(topk(8, max by (model, feature) (" + m("gnomon_feature_drift_evidence_ratio", oneFeature) + ")), 0.001)", Legend: "{{model}} {{feature}}"}},
		Steps:       steps("transparent", 1, red), Custom: merge(withLine(), map[string]any{"scaleDistribution": map[string]any{"type": "log", "log": 10}, "fillOpacity": 0, "axisSoftMin": .001, "axisSoftMax": 10}),
	}
}

func freshness() Panel {
	since := func(metric string) string {
		return "time() - max by (model, model_version) (" + m(metric) + ")"
	}
	return Panel{Kind: "timeseries", Title: "Freshness", W: 8, H: 8, Unit: "s", Min: ptr(0.),
		Description: "Answers: does data still come? Seconds since the last sampled record and the last label.",
		Targets: []Target{
			{Expr: since("gnomon_last_record_timestamp_seconds"), Legend: "last record {{model}} {{model_version}}"},
			{Expr: since("gnomon_last_label_timestamp_seconds"), Legend: "last label {{model}} {{model_version}}"},
		},
		Overrides: []Override{{Pattern: "^last record .*", Set: color(blue)}, {Pattern: "^last label .*", Set: color(orange)}},
	}
}

func anomalies() Panel {
	return Panel{Kind: "timeseries", Title: "Malformed payloads", W: 8, H: 8, Unit: "ops", Min: ptr(0.),
		Description: "Answers: did the schema change? Anomalies of requests and answers by kind, a second; the largest kinds.",
		Targets:     []Target{{Expr: "topk(5, sum by (kind) (" + rate(t("gnomon_payload_anomalies_total")) + "))", Legend: "{{kind}}"}},
		Custom:      softly(1),
	}
}

func drops() Panel {
	return Panel{Kind: "timeseries", Title: "Dropped records, largest reasons", W: 8, H: 8, Unit: "ops", Min: ptr(0.),
		Description: "Answers: is the monitor blind? Records that were sampled but not kept. The primary never waits for us: under pressure we drop, and count it.",
		Targets:     []Target{{Expr: "topk(5, sum by (reason) (" + rate(t("gnomon_records_dropped_total")) + "))", Legend: "{{reason}}"}},
		Custom:      softly(1),
	}
}

func queue() Panel {
	return Panel{Kind: "timeseries", Title: "Queue filled", W: 8, H: 8, Unit: "percentunit", Min: ptr(0.), Max: ptr(1.),
		Description: "Answers: is the machine too slow for the shadow? Bytes of captured traffic over what the queue may hold.",
		Targets:     []Target{{Expr: "max by (instance) (" + t("gnomon_queue_bytes") + " / " + t("gnomon_queue_capacity_bytes") + ")", Legend: "{{instance}}"}},
		Steps:       steps("transparent", .8, red), Custom: withLine(),
	}
}

func resources(w uint32) Panel {
	return Panel{Kind: "timeseries", Title: "Memory and CPU of the sidecar", W: w, H: 8, Unit: "bytes", Min: ptr(0.),
		Description: "Answers: is it the machine? Resident memory on the left, cores on the right.",
		Targets: []Target{
			{Expr: "sum by (instance) (" + t("process_resident_memory_bytes") + ` and on (instance, job) gnomon_build_info)`, Legend: "memory {{instance}}"},
			{Expr: "sum by (instance) (" + rate(t("process_cpu_seconds_total")) + ` and on (instance, job) gnomon_build_info)`, Legend: "cores {{instance}}"},
		},
		Overrides: []Override{{Pattern: "^cores .*", Set: map[string]any{"unit": "none", "custom.axisPlacement": "right", "custom.fillOpacity": 0}}},
	}
}

func gpu() Panel {
	const device = "max by (instance, gpu) "
	return Panel{Kind: "stat", Title: "GPU", W: 8, H: 6, Unit: "percentunit", Decimals: ptr(0.),
		Description: "Answers: is it the machine? Busy time and memory of the GPUs, their temperature, and errors that the driver reported in the range.",
		Targets: []Target{
			{Expr: device + "(" + t("gnomon_gpu_utilization_ratio") + ")", Legend: "busy {{gpu}}", Instant: true},
			{Expr: device + "(" + t("gnomon_gpu_memory_used_bytes") + " / " + t("gnomon_gpu_memory_total_bytes") + ")", Legend: "memory {{gpu}}", Instant: true},
			{Expr: device + "(" + t("gnomon_gpu_temperature_celsius") + ")", Legend: "temperature {{gpu}}", Instant: true},
			{Expr: "sum by (instance) (" + increase(t("gnomon_gpu_xid_errors_total"), "$__range") + ")", Legend: "XID errors", Instant: true},
			{Expr: device + "(1 - " + t("gnomon_gpu_device_up") + ")", Legend: "lost {{gpu}}", Instant: true},
		},
		Steps: steps(blue, .9, orange, .97, red), NoValue: "no GPU is watched", Options: map[string]any{"textMode": "value_and_name"},
		Overrides: []Override{
			{Pattern: "^temperature .*", Set: map[string]any{"unit": "celsius", "thresholds": map[string]any{"mode": "absolute", "steps": steps(blue, 80, orange, 90, red)}}},
			{Pattern: "^XID .*", Set: map[string]any{"unit": "none", "thresholds": map[string]any{"mode": "absolute", "steps": steps(blue, 1, red)}}},
			{Pattern: "^lost .*", Set: map[string]any{"unit": "none", "thresholds": map[string]any{"mode": "absolute", "steps": steps(blue, 1, red)}}},
		}}
}

func shadowState() Panel {
	return Panel{Kind: "stat", Title: "Shadows", W: 16, H: 6, Unit: "none",
		Description: "Answers: does the shadow run? Down means no comparison, not a fault of the primary.",
		Targets:     []Target{{Expr: "min by (model, model_version, shadow) (" + m("gnomon_shadow_up") + ")", Legend: "{{shadow}} {{model}} {{model_version}}", Instant: true}},
		Mappings:    yesno("up", "down", 1), Steps: steps(red, 1, blue), NoValue: "no shadow is configured", Options: map[string]any{"textMode": "value_and_name"},
	}
}

func burnRates() Panel {
	return Panel{Kind: "timeseries", Title: "Burn rates", W: 12, H: 8, Unit: "none", Min: ptr(0.),
		Description: "How fast the 30-day budgets are spent: 1 spends one in exactly 30 days, 14.4 in two. Short window for what is happening, long for what matters.",
		Targets: []Target{
			{Expr: burn(m("gnomon_requests_total", failed), m("gnomon_requests_total", counted), "5m", "0.001"), Legend: "availability 5m {{model}} {{model_version}}"},
			{Expr: burn(m("gnomon_requests_total", failed), m("gnomon_requests_total", counted), "1h", "0.001"), Legend: "availability 1h {{model}} {{model_version}}"},
			{Expr: accuracyBurn("5m", "0.05"), Legend: "accuracy 5m {{model}} {{model_version}}"},
			{Expr: accuracyBurn("1h", "0.05"), Legend: "accuracy 1h {{model}} {{model_version}}"},
		},
		Steps: steps("transparent", 14.4, red), Custom: withLine(),
	}
}
