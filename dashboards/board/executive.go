package board

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

const noPrice = "no price is configured"

func executive() Board {
	return Board{
		UID: "gnomon-executive", Title: "gnomon: executive", From: "now-30d", Refresh: "1m", KPI: true,
		Description: "Can the models be trusted, what do they bring, what do they cost.",
		Rows: []Row{
			{Title: "Can the models be trusted?", Panels: []Panel{verdictStat(), modelsTable()}},
			{Title: "What do they bring?", Panels: []Panel{kpiPanel(), accuracyTrend(12)}},
			{Title: "What has changed?", Panels: []Panel{driftSummary(), driftAlarms(), modelChanges(), sinceChange()}},
			{Title: "What is being decided?", Panels: []Panel{experimentTable(16), retrainWanted()}},
			{Title: "What is left, what does it cost?", Panels: []Panel{budgets(12), costStat(), trainingStat(), costTrend(), costIdle()}},
		},
	}
}

func verdictStat() Panel {
	return Panel{Kind: "stat", Title: "Verdict", W: 6, H: 8, Unit: "none",
		Description: "Healthy, learning (no reference yet), unknown (nothing was seen), warning or critical: the worst over the replicas. The words are on the on-call view.",
		Targets:     []Target{{Expr: verdictExpr(), Legend: "{{model}} {{model_version}}"}},
		Mappings:    verdicts(), Steps: steps(blue, 1, sky, 2, neutral, 3, orange, 4, red),
		Options: map[string]any{"colorMode": "background", "textMode": "value_and_name"},
		Links:   []Link{{"What is wrong?", "/d/gnomon-oncall"}},
	}
}

func modelsTable() Panel {
	columns := []struct{ ref, name, expr string }{
		{"A", "Verdict", verdictExpr()},
		{"B", "Accuracy", "avg by (model, model_version) (" + m("gnomon_accuracy_ratio") + ")"},
		{"C", "Requests/s", by + "(" + rate(m("gnomon_requests_total")) + ")"},
		{"D", "Errors", errorRatio()},
		{"E", "p99", quantile("0.99")},
		{"F", "Drifted", "max by (model, model_version) (sum by (model, model_version, instance) (" + m("gnomon_feature_drifted") + "))"},
		{"G", "ECE", "avg by (model, model_version) (" + m("gnomon_calibration_error_ratio", `scheme="debiased"`) + ")"},
		{"H", "Changes", by + "(" + increase(m("gnomon_model_changes_total"), "$__range") + ")"},
	}
	p := Panel{Kind: "table", Title: "Models", W: 18, H: 8, Unit: "short",
		Description: "One row a model and version: quality, traffic and what has changed in the range. ECE is the expected calibration error, without what chance adds.",
	}
	rename, index := map[string]string{"model": "Model", "model_version": "Version"}, map[string]int{"model": 0, "model_version": 1}
	for i, c := range columns {
		p.Targets = append(p.Targets, Target{Expr: c.expr, Table: true})
		rename["Value #"+c.ref], index["Value #"+c.ref] = c.name, i+2
	}
	p.Transform = []dashboard.DataTransformerConfig{
		transform("merge", map[string]any{}),
		transform("organize", map[string]any{"excludeByName": map[string]bool{"Time": true}, "indexByName": index, "renameByName": rename}),
	}
	verdict := cell("none", steps(blue, 1, sky, 2, neutral, 3, orange, 4, red))
	verdict["mappings"] = verdicts()
	p.Overrides = []Override{
		named("Verdict", verdict),
		named("Accuracy", map[string]any{"unit": "percentunit", "decimals": 1}),
		named("Requests/s", map[string]any{"unit": "reqps", "decimals": 0}),
		named("Errors", cell("percentunit", steps("transparent", .001, orange, .01, red)), map[string]any{"decimals": 2}),
		named("p99", cell("s", steps("transparent", .2, orange, .5, red))),
		named("Drifted", cell("none", steps("transparent", 1, orange))),
		named("ECE", cell("percentunit", steps("transparent", .05, orange)), map[string]any{"decimals": 1}),
		named("Changes", map[string]any{"unit": "none", "decimals": 0}),
	}
	return p
}

func kpiPanel() Panel {
	return Panel{Kind: "timeseries", Title: "Business KPI against model quality", W: 12, H: 9, Unit: "short",
		Description: "What the business counts (the expression of the variable Business KPI, at first right answers a second) on the left, accuracy on the right.",
		Targets: []Target{
			{Expr: "${kpi:raw}", Legend: "KPI"},
			{Expr: "avg by (model, model_version) (" + m("gnomon_accuracy_ratio") + ")", Legend: "accuracy {{model}} {{model_version}}"},
		},
		Overrides: []Override{
			named("KPI", color(blue), map[string]any{"custom.fillOpacity": 15}),
			{Pattern: "^accuracy.*", Set: map[string]any{"unit": "percentunit", "custom.axisPlacement": "right", "custom.lineWidth": 2, "color": map[string]any{"mode": "fixed", "fixedColor": orange}}},
		}}
}

func accuracyTrend(w uint32) Panel {
	avg := func(metric string) string { return "avg by (model, model_version) (" + m(metric) + ")" }
	return Panel{Kind: "timeseries", Title: "Accuracy with its 95 % interval", W: w, H: 9, Unit: "percentunit", Max: ptr(1.),
		Description: "Over the labelled window of the sidecars, with the Wilson interval. It moves when labels come: see their delay on the debug view.",
		Targets: []Target{
			{Expr: avg("gnomon_accuracy_ratio"), Legend: "{{model}} {{model_version}}"},
			{Expr: avg("gnomon_accuracy_lower_ratio"), Legend: "lower {{model}} {{model_version}}"},
			{Expr: avg("gnomon_accuracy_upper_ratio"), Legend: "upper {{model}} {{model_version}}"},
		},
		Overrides: []Override{{Pattern: "^(lower|upper) .*", Set: map[string]any{"custom.lineStyle": map[string]any{"fill": "dash", "dash": []int{4, 4}}, "custom.fillOpacity": 0, "color": map[string]any{"mode": "fixed", "fixedColor": neutral}}}},
	}
}

func driftSummary() Panel {
	return Panel{Kind: "stat", Title: "Drifted features now", W: 5, H: 7, Unit: "none",
		Description: "Features whose sequential detector is in alarm with a large change (lower bound of PSI above 0.1).",
		Targets:     []Target{{Expr: "max by (model, model_version) (sum by (model, model_version, instance) (" + m("gnomon_feature_drifted") + "))", Legend: "{{model}} {{model_version}}"}},
		Steps:       steps(blue, 1, orange), Options: map[string]any{"graphMode": "area", "textMode": "value_and_name"},
		Links: []Link{{"Which features?", "/d/gnomon-debug"}},
	}
}

func driftAlarms() Panel {
	return Panel{Kind: "timeseries", Title: "Drift alarms an hour", W: 9, H: 7, Unit: "none", Min: ptr(0.),
		Description: "Alarms of the features' sequential detectors. With the default settings one false alarm in 30 days a model is expected.",
		Targets:     []Target{{Expr: by + "(" + increase(m("gnomon_feature_drift_alarms_total"), "1h") + ")", Legend: "{{model}} {{model_version}}"}},
		Custom:      map[string]any{"drawStyle": "bars", "fillOpacity": 60, "axisSoftMax": 1},
	}
}

func modelChanges() Panel {
	return Panel{Kind: "stat", Title: "Model changes", W: 5, H: 7, Unit: "none", Decimals: ptr(0.),
		Description: "How often what the primary serves changed in the range: retrains, deploys, rollbacks, and swaps that nobody announced.",
		Targets:     []Target{{Expr: by + "(" + increase(m("gnomon_model_changes_total"), "$__range") + ")", Legend: "{{model}} {{model_version}}", Instant: true}},
		Steps:       steps(blue), Options: map[string]any{"textMode": "value_and_name"},
	}
}

func sinceChange() Panel {
	return Panel{Kind: "stat", Title: "Last change", W: 5, H: 7, Unit: "dateTimeFromNow",
		Description: "When what the primary serves changed last; no change is known where it says so.",
		Targets:     []Target{{Expr: "1000 * max by (model, model_version) (" + m("gnomon_model_last_change_timestamp_seconds") + ")", Legend: "{{model}} {{model_version}}", Instant: true}},
		Steps:       steps(blue), NoValue: "no change yet", Options: map[string]any{"textMode": "value_and_name"},
	}
}

func budgets(w uint32) Panel {
	return Panel{Kind: "bargauge", Title: "Error budgets left of 30 days", W: w, H: 8, Unit: "percentunit", Min: ptr(0.), Max: ptr(1.), Decimals: ptr(0.),
		Description: "What is left of the budgets for availability (99.9 %), latency (99 % within 0.5 s) and accuracy (95 %). Below 0 a budget is overspent.",
		Targets: []Target{
			{Expr: budget(m("gnomon_requests_total", failed), m("gnomon_requests_total", counted), "30d", "0.001"), Legend: "availability {{model}} {{model_version}}", Instant: true},
			{Expr: latencyBudget("30d"), Legend: "latency {{model}} {{model_version}}", Instant: true},
			{Expr: accuracyBudget("30d", "0.05"), Legend: "accuracy {{model}} {{model_version}}", Instant: true},
		},
		Steps: steps(red, .01, orange, .25, blue),
	}
}

func latencyBudget(window string) string {
	return "1 - (1 - " + by + "(" + increase(m("gnomon_request_duration_seconds_bucket", `le="0.5"`), window) + ") / (" + by + "(" + increase(m("gnomon_request_duration_seconds_count"), window) + ") > 0)) / 0.01"
}

func costStat() Panel {
	return Panel{Kind: "stat", Title: "Cost of 1,000 inferences", W: 6, H: 8, Unit: "short",
		Description: "By measured busy time and the configured prices, in their currency. Without prices in the configuration nothing is counted.",
		Targets:     []Target{{Expr: "1000 * sum by (model, model_version, currency) (" + increase(m("gnomon_cost_total", `component!="training"`), "$__range") + ") / on (model, model_version) group_left () (" + by + "(" + increase(m("gnomon_cost_inferences_total"), "$__range") + ") > 0)", Legend: "{{model}} {{model_version}} {{currency}}", Instant: true}},
		NoValue:     noPrice, Steps: steps(blue), Options: map[string]any{"textMode": "value_and_name"},
	}
}

func trainingStat() Panel {
	return Panel{Kind: "stat", Title: "Training spend", W: 6, H: 8, Unit: "short", Decimals: ptr(2.),
		Description: "What training cost in the range, by the same prices.",
		Targets:     []Target{{Expr: "sum by (model, currency) (" + increase(m("gnomon_cost_total", `component="training"`), "$__range") + ")", Legend: "{{model}} {{currency}}", Instant: true}},
		NoValue:     "no price, or no training job", Steps: steps(blue), Options: map[string]any{"textMode": "value_and_name"},
	}
}

func costTrend() Panel {
	return Panel{Kind: "timeseries", Title: "Spend an hour", W: 12, H: 8, Unit: "short", Min: ptr(0.), NoValue: noPrice,
		Description: "By measured busy time and the configured prices, in their currency: the primary's parts, what gnomon and its shadows take (shadow), and training jobs (training).",
		Targets:     []Target{{Expr: "3600 * sum by (component, currency) (" + rate(m("gnomon_cost_total")) + ")", Legend: "{{component}} {{currency}}"}},
		Custom:      map[string]any{"stacking": map[string]any{"mode": "normal", "group": "A"}, "fillOpacity": 40},
	}
}

func costIdle() Panel {
	return Panel{Kind: "stat", Title: "Spent in this range", W: 12, H: 8, Unit: "short", NoValue: noPrice,
		Description: "What the models cost, and which part of it the watching is; what is reserved and was not busy, where a reservation is configured.",
		Targets: []Target{
			{Expr: "sum by (model, currency) (" + increase(m("gnomon_cost_total"), "$__range") + ")", Legend: "{{model}} {{currency}}", Instant: true},
			{Expr: "sum by (currency) (" + increase(t("gnomon_cost_idle_total"), "$__range") + ")", Legend: "idle {{currency}}", Instant: true},
			{Expr: "sum by (model) (" + increase(m("gnomon_cost_total", `component="shadow"`), "$__range") + ") / (sum by (model) (" + increase(m("gnomon_cost_total"), "$__range") + ") > 0)", Legend: "watching {{model}}", Instant: true},
		},
		Steps: steps(blue), Options: map[string]any{"textMode": "value_and_name"},
		Overrides: []Override{{Pattern: "^watching .*", Set: map[string]any{"unit": "percentunit", "decimals": 0}}},
	}
}

func retrainWanted() Panel {
	return Panel{Kind: "stat", Title: "Is a retrain wanted?", W: 8, H: 7, Unit: "none", NoValue: "no condition is configured",
		Description: "By accuracy, drift or age, as configured; the reasons are on gnomon's page.",
		Targets:     []Target{{Expr: "max by (model, model_version) (" + m("gnomon_retrain_wanted") + ")", Legend: "{{model}} {{model_version}}", Instant: true}},
		Mappings:    words(said{"no", blue}, said{"yes", orange}), Steps: steps(blue, 1, orange), Options: map[string]any{"textMode": "value_and_name"},
	}
}
