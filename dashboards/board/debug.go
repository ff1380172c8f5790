package board

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

func debug() Board {
	return Board{
		UID: "gnomon-debug", Title: "gnomon: debug", From: "now-6h", Refresh: "30s", OneFeature: true,
		Description: "Feature by feature, class by class, record by record.",
		Rows: []Row{
			{Title: "Which features have changed?", Panels: []Panel{ranking(), rankingOfRange(), psiOverTime()}},
			{Title: "How has $feature changed?", Panels: []Panel{bars(), barsOfRange(), binsOverTime(), heatmapOfRange()}},
			{Title: "Where is the model wrong?", Panels: []Panel{confusionMatrix(), confusionOfRange(), reliability(), reliabilityOfRange(), calibrationTrend()}},
			{Title: "How good is it, slice by slice?", Panels: []Panel{sliceTable(), sliceTrend(), estimateTrend(), shadowAccuracy()}},
			{Title: "What do the experiments say?", Panels: []Panel{experimentsOfRange(), experimentsPlain(), experimentDelta()}},
			{Title: "Are there unusual inputs, does the model look elsewhere?", Panels: []Panel{unusualInputs(), suspectAlarms(), attributions(), attributionDrift()}},
			{Title: "What happened?", Panels: []Panel{shadowTable(), objectives(), eventLog(), labelState(), predictedClasses()}},
			{Title: "The shadows inside", Panels: []Panel{disagreement(8), outputDifference(), shadowLag(), shadowWork(), shadowRestarts(), shadowStart(), shadowReloads()}},
			{Title: "Payloads and resources", Panels: []Panel{anomaliesByKind(), schemaAnomalies(), evaluation(), resources(12), gpuOverTime()}},
			{Title: "Single records and traces (a sidecar that keeps them, a Prometheus that stores exemplars)", Panels: []Panel{worstRecords(), slowTraces()}, Collapsed: true},
		},
	}
}

// tableOf merges instant queries into one table.
func tableOf(rename map[string]string, order []string, exclude ...string) []dashboard.DataTransformerConfig {
	index, hidden := map[string]int{}, map[string]bool{}
	for i, name := range order {
		index[name] = i
	}
	for _, name := range exclude {
		hidden[name] = true
	}
	return []dashboard.DataTransformerConfig{
		transform("merge", map[string]any{}),
		transform("organize", map[string]any{"excludeByName": hidden, "indexByName": index, "renameByName": rename}),
	}
}

// columns renames a table's columns and hides others.
func columns(rename map[string]string, hide ...string) dashboard.DataTransformerConfig {
	hidden := map[string]bool{}
	for _, name := range hide {
		hidden[name] = true
	}
	return transform("organize", map[string]any{"excludeByName": hidden, "indexByName": map[string]int{}, "renameByName": rename})
}

func driftColumns() []Override {
	return []Override{
		named("PSI", cell("none", steps("transparent", .1, sky, .25, orange, 1, red)), map[string]any{"decimals": 3}),
		named("JS", map[string]any{"decimals": 3}),
		named("KS", map[string]any{"decimals": 3}),
		named("p adj.", map[string]any{"unit": "sci", "decimals": 1}),
		named("Rows", map[string]any{"unit": "short", "decimals": 0}),
		named("Model", width(80)), named("Feature", width(110)), named("Verdict", width(86)), named("In alarm", width(80)),
	}
}

func ranking() Panel {
	columns := []struct{ ref, name, metric string }{
		{"A", "PSI", "gnomon_feature_psi"}, {"B", "JS", "gnomon_feature_js_distance"}, {"C", "KS", "gnomon_feature_ks_statistic"},
		{"D", "p adj.", "gnomon_feature_ks_adjusted_pvalue"}, {"E", "Rows", "gnomon_feature_window_samples"}, {"F", "In alarm", "gnomon_feature_drifted"},
	}
	p := Panel{Kind: "table", Title: "Features by change", W: 14, H: 10, Unit: "none", Only: Prometheus,
		Description: "The sidecars' windows against the reference, the largest change of any replica. PSI and KL over ten reference quantiles, shares floored at 1e-4.",
		Overrides:   append(driftColumns(), named("In alarm", map[string]any{"mappings": yesno("yes", "no", 0)})),
		Options:     map[string]any{"sortBy": []map[string]any{{"displayName": "JS", "desc": true}}},
	}
	rename, order := map[string]string{"model": "Model", "feature": "Feature"}, []string{"model", "feature"}
	for _, c := range columns {
		p.Targets = append(p.Targets, Target{Expr: "max by (model, feature) (" + m(c.metric) + ")", Table: true})
		rename["Value #"+c.ref] = c.name
		order = append(order, "Value #"+c.ref)
	}
	p.Transform = tableOf(rename, order, "Time")
	return p
}

func rankingOfRange() Panel {
	return Panel{Kind: "table", Title: "Features by change over the whole range", W: 14, H: 10, Unit: "none", Only: Gnomon,
		Description: "All rows of the range, of all replicas, against the training profile; p-values adjusted over the features. Edit the query to compare with the day before or with the time before the last model change.",
		Targets:     []Target{{Gnomon: map[string]any{"queryType": "drift", "format": "table", "model": "$model", "reference": map[string]any{"kind": "training"}}}},
		Transform: []dashboard.DataTransformerConfig{transform("organize", map[string]any{
			"excludeByName": map[string]bool{"psi_lower": true, "psi_upper": true, "p_value": true, "reference_rows": true, "reference": true, "reason": true, "chi2": true, "kl": true, "design_effect": true},
			"indexByName":   map[string]int{},
			"renameByName":  map[string]string{"model": "Model", "feature": "Feature", "verdict": "Verdict", "js": "JS", "psi": "PSI", "ks": "KS", "ks_upper": "KS ≤", "p_adjusted": "p adj.", "rows": "Rows"}})},
		Overrides: append(driftColumns(), named("KS ≤", map[string]any{"decimals": 3})),
	}
}

func psiOverTime() Panel {
	return Panel{Kind: "timeseries", Title: "PSI over time", W: 10, H: 10, Unit: "none", Min: ptr(0.),
		Description: "Of the sidecars' windows. 0.1 is a small change, 0.25 a large one, if there are enough rows.",
		Targets:     []Target{{Expr: "max by (model, feature) (" + m("gnomon_feature_psi") + ")", Legend: "{{model}} {{feature}}"}},
		Steps:       steps("transparent", .25, red), Custom: withLine(),
	}
}

func sharesColors() []Override {
	return []Override{named("reference", color(neutral)), named("current", color(blue))}
}

func bars() Panel {
	return Panel{Kind: "barchart", Title: "$feature: reference and current", W: 12, H: 10, Unit: "percentunit", Only: Prometheus,
		Description: "Shares of the range's rows by bin, beside the reference's. 91 is NaN, 92 missing, 93 a category that the reference has not.",
		Targets:     []Target{{Expr: referenceShare(), Table: true}, {Expr: currentShare("$__range"), Table: true}},
		Transform:   tableOf(map[string]string{"Value #A": "reference", "Value #B": "current"}, []string{"bin", "Value #A", "Value #B"}, "Time"),
		Options:     map[string]any{"xField": "bin"}, Overrides: sharesColors(),
	}
}

func barsOfRange() Panel {
	return Panel{Kind: "barchart", Title: "$feature: reference and current", W: 12, H: 10, Unit: "percentunit", Only: Gnomon,
		Description: "Shares of the range's rows by bin, beside the reference's. 91 is NaN, 92 missing, 93 a category that the reference has not.",
		Targets:     []Target{{Gnomon: map[string]any{"queryType": "distribution", "format": "bars", "model": "$model", "feature": "$feature"}}},
		Transform: []dashboard.DataTransformerConfig{transform("organize", map[string]any{"indexByName": map[string]int{}, "renameByName": map[string]string{},
			"excludeByName": map[string]bool{"change": true, "contribution": true, "rows": true, "reference_rows": true}})},
		Options: map[string]any{"xField": "bin"}, Overrides: sharesColors(),
	}
}

func heatmapOptions() map[string]any {
	return map[string]any{"color": map[string]any{"mode": "scheme", "scheme": "RdYlBu", "reverse": true, "steps": 64, "min": -3, "max": 3, "exponent": 0.5, "fill": red}}
}

func binsOverTime() Panel {
	q, p := currentShare("$__rate_interval"), referenceShare()
	return Panel{Kind: "heatmap", Title: "$feature: change of the bins over time", W: 12, H: 10, Unit: "none", Only: Prometheus,
		Description: "ln(current share / reference share) by bin: 0 no change, +0.7 twice as many, red more, blue fewer. Shares floored at 1e-4.",
		Targets:     []Target{{Expr: "ln(clamp_min(" + q + ", 0.0001) / on (bin) clamp_min(" + p + ", 0.0001))", Legend: "{{bin}}"}},
		Options:     heatmapOptions(),
	}
}

func heatmapOfRange() Panel {
	return Panel{Kind: "heatmap", Title: "$feature: change of the bins over time", W: 12, H: 10, Unit: "none", Only: Gnomon,
		Description: "ln(current share / reference share) by bin: 0 no change, +0.7 twice as many, red more, blue fewer. Shares floored at 1e-4.",
		Targets:     []Target{{Gnomon: map[string]any{"queryType": "distribution", "format": "heatmap", "normalise": true, "model": "$model", "feature": "$feature"}}},
		Options:     heatmapOptions(),
	}
}

func matrixCell() map[string]any {
	return map[string]any{"align": "center", "minWidth": 36, "cellOptions": map[string]any{"type": "color-background", "mode": "basic"}, "inspect": false}
}

// actualColumn is the row's class: a name, even where it looks like a number.
func actualColumn(name string) Override {
	return named(name, map[string]any{"unit": "string", "custom.cellOptions": map[string]any{"type": "auto"}, "custom.width": 70})
}

func confusionMatrix() Panel {
	return Panel{Kind: "table", Title: "Confusion matrix", W: 12, H: 12, Unit: "none", Only: Prometheus, Decimals: ptr(0.),
		Description: "Labelled predictions of the range: a row an actual class, a column a predicted one.",
		Targets:     []Target{{Expr: "round(sum by (actual, predicted) (" + increase(m("gnomon_confusion_total"), "$__range") + "))", Table: true}},
		Transform: []dashboard.DataTransformerConfig{
			transform("groupingToMatrix", map[string]any{"rowField": "actual", "columnField": "predicted", "valueField": "Value"}),
			columns(map[string]string{"actual\\predicted": "actual"}),
		},
		Steps: steps("transparent", 1, sky, 100, blue), Custom: matrixCell(), Overrides: []Override{actualColumn("actual")},
	}
}

func confusionOfRange() Panel {
	return Panel{Kind: "table", Title: "Confusion matrix", W: 12, H: 12, Unit: "percentunit", Only: Gnomon, Decimals: ptr(0.),
		Description: "Labelled predictions of the range as shares of the actual class: a row an actual class, a column a predicted one.",
		Targets:     []Target{{Gnomon: map[string]any{"queryType": "confusion", "normalise": true, "model": "$model", "modelVersion": "$model_version"}}},
		Steps:       steps("transparent", .01, sky, .5, blue), Custom: matrixCell(), Overrides: []Override{actualColumn("actual")},
	}
}

func curve(x, y string) map[string]any {
	field := func(name string) map[string]any {
		return map[string]any{"matcher": map[string]any{"id": "byName", "options": name}}
	}
	return map[string]any{"series": []map[string]any{
		{"frame": map[string]any{"matcher": map[string]any{"id": "byIndex", "options": 0}}, "x": field(x), "y": field(y)},
		{"frame": map[string]any{"matcher": map[string]any{"id": "byIndex", "options": 0}}, "x": field(x), "y": field("calibrated")},
	}}
}

func reliability() Panel {
	share := func(metric string) string {
		return "sum by (bin) (" + increase(m(metric), "$__range") + ") / (sum by (bin) (" + increase(m("gnomon_calibration_bin_total"), "$__range") + ") >= 1)"
	}
	return Panel{Kind: "xychart", Title: "Reliability", W: 6, H: 12, Unit: "percentunit", Only: Prometheus, Min: ptr(0.), Max: ptr(1.),
		Description: "Accuracy by confidence. On the diagonal confidence can be believed; below it the model is too sure of itself.",
		Targets:     []Target{{Expr: share("gnomon_calibration_bin_confidence_total"), Table: true}, {Expr: share("gnomon_calibration_bin_correct_total"), Table: true}, {Expr: share("gnomon_calibration_bin_confidence_total"), Table: true}},
		Transform:   tableOf(map[string]string{"Value #A": "confidence", "Value #B": "accuracy", "Value #C": "calibrated"}, []string{"Value #A", "Value #B", "Value #C", "bin"}, "Time"),
		Options:     curve("confidence", "accuracy"), Custom: map[string]any{"show": "points+lines", "pointSize": map[string]any{"fixed": 6}, "lineWidth": 2},
		Overrides: []Override{named("accuracy", color(blue)), named("calibrated", color(neutral))},
	}
}

func reliabilityOfRange() Panel {
	p := reliability()
	p.Only = Gnomon
	p.Description = "Accuracy by confidence, from the labels of the range. On the diagonal confidence can be believed; below it the model is too sure of itself."
	p.Targets = []Target{{Gnomon: map[string]any{"queryType": "calibration", "format": "reliability", "model": "$model", "modelVersion": "$model_version"}}}
	p.Transform = nil
	return p
}

func calibrationTrend() Panel {
	return Panel{Kind: "timeseries", Title: "Calibration error", W: 6, H: 12, Unit: "percentunit", Min: ptr(0.),
		Description: "Expected calibration error of the sidecars' labelled windows by binning scheme; debiased is without what chance adds.",
		Targets:     []Target{{Expr: "avg by (model, model_version, scheme) (" + m("gnomon_calibration_error_ratio") + ")", Legend: "{{scheme}} {{model}} {{model_version}}"}},
	}
}

func shadowTable() Panel {
	return Panel{Kind: "table", Title: "Disagreement with the shadows", W: 12, H: 8, Unit: "none", Only: Gnomon,
		Description: "Share of disagreements over the range with a confidence sequence: it stays valid however often one looks.",
		Targets:     []Target{{Gnomon: map[string]any{"queryType": "shadows", "format": "table", "model": "$model", "modelVersion": "$model_version"}}},
		Transform: []dashboard.DataTransformerConfig{columns(map[string]string{"shadow": "Shadow", "role": "Role", "disagreement": "Differ", "lower": "At least", "upper": "At most", "noise_floor": "Noise", "says": "Which says"},
			"model", "model_version", "provider", "comparisons", "disagreements")},
		Overrides: []Override{named("Shadow", width(90)), named("Role", width(80)), named("Which says", wrapped())},
	}
}

func objectives() Panel {
	return Panel{Kind: "table", Title: "Error budgets", W: 12, H: 8, Unit: "none", Only: Gnomon,
		Description: "All objectives of the chosen models: what is left, how fast it goes, and when it is gone.",
		Targets:     []Target{{Gnomon: map[string]any{"queryType": "slo", "format": "table", "period": "30d", "model": "$model", "modelVersion": "$model_version"}}},
		Transform: []dashboard.DataTransformerConfig{columns(map[string]string{"slo": "Objective", "model": "Model", "objective": "Goal", "current": "Now", "budget_remaining": "Left", "burn_1h": "Burn 1h", "burn_1d": "Burn 1d", "exhausted_in": "Gone in"},
			"model_version", "shadow", "burn_5m", "burn_30m", "burn_6h", "burn_3d")},
		Overrides: []Override{named("Left", cell("percentunit", steps(red, .01, orange, .25, blue))), named("Objective", width(100)), named("Model", width(80)),
			{Pattern: "^Burn .*", Set: map[string]any{"decimals": 2}}, {Pattern: "^(Goal|Now|Left)$", Set: map[string]any{"unit": "percentunit", "decimals": 1}}},
	}
}

func eventLog() Panel {
	return Panel{Kind: "logs", Title: "What happened", W: 24, H: 8, Unit: "none", Only: Gnomon,
		Description: "gnomon's own events: model changes, alarms and their ends, restarts.",
		Targets:     []Target{{Gnomon: map[string]any{"queryType": "logs", "model": "$model"}}},
	}
}

func labelState() Panel {
	return Panel{Kind: "timeseries", Title: "Labels by what became of them", W: 12, H: 8, Unit: "ops", Min: ptr(0.),
		Description: "Matched, orphan (no such prediction), late (beyond the time to live), duplicate, corrected.",
		Targets:     []Target{{Expr: "sum by (outcome) (" + rate(m("gnomon_labels_total")) + ")", Legend: "{{outcome}}"}},
	}
}

func predictedClasses() Panel {
	return Panel{Kind: "timeseries", Title: "Predicted classes", W: 12, H: 8, Unit: "percentunit", Min: ptr(0.), Max: ptr(1.),
		Description: "Shares of the predicted classes: a class that grows without a reason is a sign of drift or of a broken model.",
		Targets:     []Target{{Expr: "sum by (class) (" + rate(m("gnomon_prediction_class_total")) + ") / on () group_left () (sum(" + rate(m("gnomon_prediction_class_total")) + ") > 0)", Legend: "{{class}}"}},
		Custom:      map[string]any{"stacking": map[string]any{"mode": "normal", "group": "A"}, "fillOpacity": 50},
	}
}

func outputDifference() Panel {
	const group = "(model, model_version, shadow)"
	return Panel{Kind: "timeseries", Title: "Difference of the raw outputs", W: 8, H: 9, Unit: "none",
		Description: "Mean absolute difference of output elements, and the Jensen-Shannon distance of the probabilities; logarithmic.",
		Targets: []Target{
			{Expr: "max by " + group + " (" + m("gnomon_shadow_output_difference_mean") + ")", Legend: "difference {{shadow}} {{model}}"},
			{Expr: "max by " + group + " (" + m("gnomon_shadow_js_distance") + ")", Legend: "JS distance {{shadow}} {{model}}"},
		},
		Custom: map[string]any{"scaleDistribution": map[string]any{"type": "log", "log": 10}, "fillOpacity": 0},
	}
}

func shadowLag() Panel {
	return Panel{Kind: "timeseries", Title: "Shadow lag", W: 8, H: 9, Unit: "s", Min: ptr(0.),
		Description: "Age of the record replayed last when its replay ended: above seconds the shadow cannot keep up.",
		Targets:     []Target{{Expr: "max by (model, model_version, shadow) (" + m("gnomon_shadow_lag_seconds") + ")", Legend: "{{shadow}} {{model}} {{model_version}}"}},
	}
}

func shadowWork() Panel {
	return Panel{Kind: "timeseries", Title: "Replayed records by outcome", W: 16, H: 7, Unit: "ops", Min: ptr(0.),
		Description: "What the shadows did with the sampled records.",
		Targets:     []Target{{Expr: "sum by (shadow, outcome) (" + rate(m("gnomon_shadow_inferences_total")) + ")", Legend: "{{shadow}} {{outcome}}"}},
	}
}

func shadowRestarts() Panel {
	return Panel{Kind: "stat", Title: "Restarts and time to load", W: 8, H: 7, Unit: "none", Decimals: ptr(0.),
		Description: "Restarts of the shadows' processes in the range, and what opening and warming up a model takes.",
		Targets: []Target{
			{Expr: "sum by (shadow) (" + increase(m("gnomon_shadow_restarts_total"), "$__range") + ")", Legend: "restarts {{shadow}}", Instant: true},
			{Expr: "max by (shadow) (" + m("gnomon_shadow_load_duration_seconds") + ")", Legend: "load {{shadow}}", Instant: true},
		},
		Steps: steps(blue), Options: map[string]any{"textMode": "value_and_name"}, NoValue: "no shadow is configured",
		Overrides: []Override{{Pattern: "^load .*", Set: map[string]any{"unit": "s", "decimals": 2}}},
	}
}

func anomaliesByKind() Panel {
	return Panel{Kind: "bargauge", Title: "Malformed payloads by kind", W: 8, H: 8, Unit: "none", Min: ptr(0.), Decimals: ptr(0.),
		Description: "Anomalies of requests and answers in the range; the largest kinds. Zeros are good news.",
		Targets:     []Target{{Expr: "topk(6, sum by (kind) (" + increase(t("gnomon_payload_anomalies_total"), "$__range") + "))", Legend: "{{kind}}", Instant: true}},
		Steps:       steps(blue, 1, orange),
	}
}

func schemaAnomalies() Panel {
	return Panel{Kind: "bargauge", Title: "Schema anomalies", W: 8, H: 8, Unit: "none", Min: ptr(0.), Decimals: ptr(0.), NoValue: "no anomaly so far",
		Description: "Records of the range with a feature that is missing, of another type, outside of its range, constant or out of order; the largest. Absent while there was none.",
		Targets:     []Target{{Expr: "topk(6, sum by (feature, kind) (" + increase(m("gnomon_schema_anomalies_total"), "$__range") + "))", Legend: "{{feature}}: {{kind}}", Instant: true}},
		Steps:       steps(blue, 1, orange),
	}
}

func gpuOverTime() Panel {
	return Panel{Kind: "timeseries", Title: "GPU by whose processes", W: 12, H: 8, Unit: "bytes", Min: ptr(0.), NoValue: "no GPU is watched",
		Description: "Memory of the GPUs by whose processes hold it (the primary's, the shadow's, others), and busy time on the right.",
		Targets: []Target{
			{Expr: "sum by (instance, gpu, process) (" + t("gnomon_gpu_process_memory_bytes") + ")", Legend: "memory {{process}} {{gpu}}"},
			{Expr: "max by (instance, gpu) (" + t("gnomon_gpu_utilization_ratio") + ")", Legend: "busy {{gpu}}"},
		},
		Overrides: []Override{{Pattern: "^busy .*", Set: map[string]any{"unit": "percentunit", "max": 1, "custom.axisPlacement": "right", "custom.fillOpacity": 0}}},
	}
}

func worstRecords() Panel {
	return Panel{Kind: "table", Title: "Worst records", W: 12, H: 8, Unit: "none", Only: Gnomon, NoValue: "no record is kept",
		Description: "Single records that the sidecars keep: failing, disagreeing, unsure, far from the reference, the worst first. No payload; what their privacy rules forbid is not here.",
		Targets:     []Target{{Gnomon: map[string]any{"queryType": "worst", "model": "$model", "modelVersion": "$model_version", "limit": 20}}},
	}
}

func slowTraces() Panel {
	return Panel{Kind: "table", Title: "Slowest traced requests", W: 12, H: 8, Unit: "none", Only: Gnomon, NoValue: "no exemplar in this range",
		Description: "Exemplars of the latency histogram. Give the field trace_id a data link to your tracing data source.",
		Targets:     []Target{{Gnomon: map[string]any{"queryType": "traces", "model": "$model", "modelVersion": "$model_version", "limit": 20}}},
	}
}

func evaluation() Panel {
	return Panel{Kind: "timeseries", Title: "Time of an evaluation", W: 8, H: 8, Unit: "s", Min: ptr(0.),
		Description: "How long the sidecar takes to compute all statistics: it must stay far below its interval.",
		Targets:     []Target{{Expr: "sum by (instance) (" + rate(t("gnomon_evaluation_duration_seconds_sum")) + ") / (sum by (instance) (" + rate(t("gnomon_evaluation_duration_seconds_count")) + ") > 0)", Legend: "{{instance}}"}},
	}
}
