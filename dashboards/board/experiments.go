package board

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// What is being tried out, and what the decision rests on.

const (
	noExperiment = "no experiment is configured"
	noSlice      = "no label is old enough yet"
)

// decisionExpr is 0 hold, 1 promote, 2 roll back; the worst over replicas.
func decisionExpr() string {
	d := func(decision, n string) string {
		return m("gnomon_experiment_decision", `decision="`+decision+`"`) + " * " + n
	}
	return "max by (model, experiment) (" + d("roll_back", "2") + " or " + d("promote", "1") + " or " + d("hold", "0") + ")"
}

// experimentTable is both boards': a row a key figure. The decision is one of
// the experiment, over all of its figures.
func experimentTable(w uint32) Panel {
	const group = "(model, experiment, kpi)"
	of := func(metric string) string { return "avg by " + group + " (" + m(metric) + ")" }
	columns := []struct{ ref, name, expr string }{
		{"A", "Difference", of("gnomon_experiment_delta")},
		{"B", "At least", of("gnomon_experiment_delta_lower")},
		{"C", "At most", of("gnomon_experiment_delta_upper")},
		{"D", "Margin", of("gnomon_experiment_margin")},
		{"E", "Records", "sum by " + group + " (" + m("gnomon_experiment_samples") + ")"},
		{"F", "Decision", of("gnomon_experiment_delta") + " * 0 + on (model, experiment) group_left () " + decisionExpr()},
	}
	p := Panel{Kind: "table", Title: "Experiments", W: w, H: 7, Unit: "short", NoValue: noExperiment,
		Description: "Canary, A/B and shadow, a row a key figure: treatment less control, with its 95 % confidence sequence, which holds however often one looks. Promote: certainly not worse than by the margin; roll back: certainly worse; hold: neither yet.",
	}
	rename, order := map[string]string{"model": "Model", "experiment": "Experiment", "kpi": "Figure"}, []string{"model", "experiment", "Value #F", "kpi"}
	for _, c := range columns {
		p.Targets = append(p.Targets, Target{Expr: c.expr, Table: true})
		rename["Value #"+c.ref] = c.name
		if c.ref != "F" {
			order = append(order, "Value #"+c.ref)
		}
	}
	p.Transform = tableOf(rename, order, "Time")
	decision := cell("none", steps(neutral, 1, blue, 2, red))
	decision["mappings"] = words(said{"hold", neutral}, said{"promote", blue}, said{"roll back", red})
	p.Overrides = []Override{named("Decision", decision), named("Records", map[string]any{"unit": "short", "decimals": 0}),
		{Pattern: "^(Difference|At least|At most|Margin)$", Set: map[string]any{"unit": "none", "decimals": 4}}}
	return p
}

// experimentsPlain is for where gnomon's own data source is not.
func experimentsPlain() Panel {
	p := experimentTable(12)
	p.Only, p.H = Prometheus, 8
	return p
}

func experimentDelta() Panel {
	of := func(metric string) string { return "avg by (model, experiment, kpi) (" + m(metric) + ")" }
	return Panel{Kind: "timeseries", Title: "Treatment less control", W: 12, H: 8, Unit: "none", Decimals: ptr(3.), NoValue: noExperiment,
		Description: "The difference of each key figure with its 95 % confidence sequence. For a figure of which more is better: its lower end above -margin promotes; its upper end below 0 rolls back, unless it is certainly not worse than by the margin.",
		Targets: []Target{
			{Expr: of("gnomon_experiment_delta"), Legend: "{{experiment}} {{kpi}} {{model}}"},
			{Expr: of("gnomon_experiment_delta_lower"), Legend: "lower {{experiment}} {{kpi}} {{model}}"},
			{Expr: of("gnomon_experiment_delta_upper"), Legend: "upper {{experiment}} {{kpi}} {{model}}"},
			{Expr: "-" + of("gnomon_experiment_margin"), Legend: "-margin {{experiment}} {{kpi}} {{model}}"},
		},
		Overrides: []Override{dashed("^(lower|upper) .*", neutral), dashed("^-margin .*", red)},
	}
}

// experimentsOfRange is the same from gnomon's data source, in words.
func experimentsOfRange() Panel {
	return Panel{Kind: "table", Title: "What the experiments say", W: 12, H: 8, Unit: "none", Only: Gnomon, NoValue: noExperiment,
		Description: "Each key figure of each experiment at the end of the range, with its 95 % confidence sequence and the decision in words.",
		Targets:     []Target{{Gnomon: map[string]any{"queryType": "experiments", "format": "table", "model": "$model", "modelVersion": "$model_version"}}},
		Transform:   []dashboard.DataTransformerConfig{columns(map[string]string{"experiment": "Experiment", "kpi": "Figure", "decision": "Decision", "delta": "Difference", "lower": "At least", "upper": "At most", "margin": "Margin", "says": "Which says"}, "model", "model_version", "control", "treatment", "records_control", "records_treatment")},
		Overrides:   []Override{named("Which says", wrapped()), {Pattern: "^(Difference|At least|At most|Margin)$", Set: map[string]any{"decimals": 4}}},
	}
}

func shadowAccuracy() Panel {
	of := func(metric string) string { return "avg by (model, model_version, shadow) (" + m(metric) + ")" }
	return Panel{Kind: "timeseries", Title: "Accuracy: shadow less primary", W: 12, H: 8, Unit: "percentunit", Decimals: ptr(1.), NoValue: "fewer than 200 labels, or no shadow",
		Description: "On the same labelled records, with the 95 % confidence sequence, which holds however often one looks. Above 0 the shadow is better.",
		Targets: []Target{
			{Expr: of("gnomon_shadow_accuracy_delta_ratio"), Legend: "{{shadow}} {{model}} {{model_version}}"},
			{Expr: of("gnomon_shadow_accuracy_delta_lower_ratio"), Legend: "lower {{shadow}} {{model}} {{model_version}}"},
			{Expr: of("gnomon_shadow_accuracy_delta_upper_ratio"), Legend: "upper {{shadow}} {{model}} {{model_version}}"},
		},
		Overrides: []Override{dashed("^(lower|upper) .*", neutral)},
	}
}

// latest are the windows that are numbers of predictions, not spans of time.
const latest = `window=~"[0-9]+"`

func sliceTable() Panel {
	const group = "(model, slice, metric)"
	of := func(metric string) string { return "avg by " + group + " (" + m(metric, latest) + ")" }
	return Panel{Kind: "table", Title: "Performance by metric and slice", W: 12, H: 10, Unit: "none", Decimals: ptr(3.), NoValue: noSlice,
		Description: "Over the latest labelled predictions of every slice that is configured (all: of every one), with 95 % intervals. A metric that is not defined there is absent.",
		Targets:     []Target{{Expr: of("gnomon_performance_value"), Table: true}, {Expr: of("gnomon_performance_lower"), Table: true}, {Expr: of("gnomon_performance_upper"), Table: true}},
		Transform: tableOf(map[string]string{"model": "Model", "slice": "Slice", "metric": "Metric", "Value #A": "Value", "Value #B": "At least", "Value #C": "At most"},
			[]string{"model", "slice", "metric", "Value #A", "Value #B", "Value #C"}, "Time"),
		Overrides: []Override{named("Model", width(80)), named("Slice", width(110))},
		Options:   map[string]any{"sortBy": []map[string]any{{"displayName": "Metric", "desc": false}}},
	}
}

func sliceTrend() Panel {
	return Panel{Kind: "timeseries", Title: "Accuracy by slice", W: 12, H: 10, Unit: "percentunit", Max: ptr(1.), NoValue: noSlice,
		Description: "Of the latest labelled predictions of every slice: a model that is good on the whole may fail a few. Models of values: see the table.",
		Targets:     []Target{{Expr: "avg by (model, model_version, slice) (" + m("gnomon_performance_value", latest, `metric="accuracy"`) + ")", Legend: "{{slice}} {{model}} {{model_version}}"}},
	}
}

func estimateTrend() Panel {
	of := func(metric string) string { return "avg by (model, model_version) (" + m(metric) + ")" }
	return Panel{Kind: "timeseries", Title: "Accuracy, estimated and realised", W: 12, H: 8, Unit: "percentunit", Max: ptr(1.), NoValue: "no estimate: it needs confidences and a labelled reference",
		Description: "What the confidence of the latest predictions promises (CBPE), before labels come, with its 95 % interval, and what the labels said. Drawn only while the conditions of the estimate hold.",
		Targets: []Target{
			{Expr: of("gnomon_estimated_accuracy_ratio") + " and on (model, model_version) " + of("gnomon_estimate_valid") + " == 1", Legend: "estimated {{model}} {{model_version}}"},
			{Expr: of("gnomon_accuracy_ratio"), Legend: "realised {{model}} {{model_version}}"},
			{Expr: of("gnomon_estimated_accuracy_lower_ratio") + " and on (model, model_version) " + of("gnomon_estimate_valid") + " == 1", Legend: "lower {{model}} {{model_version}}"},
			{Expr: of("gnomon_estimated_accuracy_upper_ratio") + " and on (model, model_version) " + of("gnomon_estimate_valid") + " == 1", Legend: "upper {{model}} {{model_version}}"},
		},
		Overrides: []Override{dashed("^(lower|upper) .*", neutral)},
	}
}

func unusualInputs() Panel {
	const group = "(model, model_version, kind)"
	return Panel{Kind: "timeseries", Title: "Unusual inputs", W: 12, H: 8, Unit: "percentunit", Min: ptr(0.), NoValue: "no reference to tell what is unusual",
		Description: "Shares of records with a sign of an attack: outlier (far from the reference), near_duplicate (of one of the last 1,000), low_margin (two classes as good as each other). Dashed: the same share of the reference.",
		Targets: []Target{
			{Expr: "max by " + group + " (" + m("gnomon_suspect_ratio") + ")", Legend: "{{kind}} {{model}} {{model_version}}"},
			{Expr: "max by " + group + " (" + m("gnomon_suspect_baseline_ratio") + ")", Legend: "reference {{kind}} {{model}} {{model_version}}"},
		},
		Custom: softly(.02), Overrides: []Override{dashed("^reference .*", neutral)},
	}
}

func suspectAlarms() Panel {
	return Panel{Kind: "stat", Title: "Signs of an attack", W: 12, H: 8, Unit: "none", NoValue: "neither a reference nor a trigger set",
		Description: "Kinds of unusual inputs whose sequential test holds that they are more than in the reference, and trigger inputs that the primary answers wrongly: a sign of poisoning.",
		Targets: []Target{
			{Expr: "max by (model, kind) (" + m("gnomon_suspect_alarm") + ")", Legend: "{{kind}} {{model}}", Instant: true},
			{Expr: "max by (model) (" + m("gnomon_model_trigger_failed_inputs") + ")", Legend: "failed triggers {{model}}", Instant: true},
		},
		Steps: steps(blue, 1, red), Options: map[string]any{"textMode": "value_and_name"}, Mappings: words(said{"as ever", blue}, said{"MORE", red}),
		Overrides: []Override{{Pattern: "^failed triggers .*", Set: map[string]any{"mappings": []any{}, "unit": "none", "decimals": 0}}},
	}
}

func attributions() Panel {
	const group = "(model, part)"
	return Panel{Kind: "barchart", Title: "What the answers rest on", W: 12, H: 6, Unit: "percentunit", NoValue: noExplanation,
		Description: "Share of each part of the input (a column, a patch of an image) in what decides the answers, beside the reference's: mean fall of the score when it is replaced by the reference's median. The largest twelve.",
		Targets: []Target{
			{Expr: "max by " + group + " (" + m("gnomon_reference_attribution_ratio") + ") and topk(12, max by " + group + " (" + m("gnomon_attribution_ratio") + "))", Table: true},
			{Expr: "topk(12, max by " + group + " (" + m("gnomon_attribution_ratio") + "))", Table: true},
		},
		Transform: tableOf(map[string]string{"Value #A": "reference", "Value #B": "current"}, []string{"part", "Value #A", "Value #B"}, "Time", "model"),
		Options:   map[string]any{"xField": "part"}, Overrides: sharesColors(),
	}
}

const noExplanation = "too few records are explained yet, or explanations are off"

func attributionDrift() Panel {
	return Panel{Kind: "timeseries", Title: "Attribution drift", W: 12, H: 6, Unit: "none", Min: ptr(0.), NoValue: noExplanation,
		Description: "Jensen-Shannon distance, base 2, of what the answers rest on now from what they rested on in the reference: 0 the same, 1 nothing in common.",
		Targets:     []Target{{Expr: "max by (model, model_version) (" + m("gnomon_attribution_js_distance") + ")", Legend: "{{model}} {{model_version}}"}},
		Custom:      softly(.2),
	}
}
