package rules

import (
	"slices"
	"strings"
	"time"
)

// row is one alert of the catalogue.
type row struct {
	name, class, slo, tier, cause string
	expr                          string // with <windows>, <<seconds>> and $K
	hold, keep                    time.Duration
	summary, description          string
}

// subject is a part of the catalogue, a file of its own.
type subject struct {
	name string
	rows []row
}

// subjects are the catalogue beside the SLOs' own alerts.
func (g *Generator) subjects() []subject {
	return []subject{{"serving", g.servingRows()}, {"quality", g.qualityRows()}, {"drift", g.driftRowsOfCatalogue()}, {"data", g.dataRows()},
		{"identity", g.identityRows()}, {"gpu", g.gpuRows()}, {"cost", g.costRows()},
		{"capacity", g.capacityRows()}, {"training", trainingRows()}, {"self", g.selfRows()}}
}

// catalogue makes the alerts that are no SLO's, a file a subject.
func (g *Generator) catalogue() []File {
	var out []File
	for _, s := range g.subjects() {
		group := Group{Name: "gnomon-alerts-" + s.name, Interval: g.interval()}
		for _, r := range s.rows {
			if g.disabled(r.name) {
				continue
			}
			group.Rules = append(group.Rules, g.alert(g.f.Team, r.name, g.expr("%s", r.expr), alertMeta{
				slo: r.slo, tier: r.tier, class: r.class, cause: r.cause, hold: r.hold, keep: r.keep, summary: r.summary, description: r.description}))
		}
		if len(group.Rules) > 0 {
			out = append(out, File{"gnomon-" + s.name + ".alerts.yml", []Group{group}})
		}
	}
	return out
}

func (g *Generator) disabled(name string) bool { return slices.Contains(g.f.Disable, name) }

// Names lists the alerts of a file's rules, sorted, each once.
func (g *Generator) Names() []string {
	var out []string
	for _, f := range g.Files() {
		for _, group := range f.Groups {
			for _, r := range group.Rules {
				if r.Alert != "" {
					out = append(out, r.Alert)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// modelRecords are the records that the catalogue reads.
func (g *Generator) modelRecords() Group {
	record := func(name, expr string, args ...any) Rule { return Rule{Record: name, Expr: g.expr(expr, args...)} }
	return Group{Name: "gnomon-models-records", Interval: g.interval(), Rules: []Rule{
		// Replicas are pooled by the labels that each has seen.
		record("gnomon:accuracy:samples", "sum by ($K) (gnomon_accuracy_window_samples)"),
		record("gnomon:accuracy:ratio", "sum by ($K) (gnomon_accuracy_ratio * gnomon_accuracy_window_samples) / (gnomon:accuracy:samples > 0)"),
		record("gnomon:accuracy_upper95:ratio", "%s", wilsonUpper("1.959964")),
		record("gnomon:accuracy_upper99:ratio", "%s", wilsonUpper("2.575829")),
		// A/B: accuracy of each version since it began, against the best one.
		record("gnomon:version_labels:total", "sum by ($K) (gnomon_calibration_bin_total) >= %s", number(g.t.MinSamples)),
		record("gnomon:version_accuracy:ratio", "sum by ($K) (gnomon_calibration_bin_correct_total) / gnomon:version_labels:total"),
		record("gnomon:version_accuracy:variance", "clamp_min(gnomon:version_accuracy:ratio * (1 - gnomon:version_accuracy:ratio), 0.0025) / gnomon:version_labels:total"),
		record("gnomon:version_delta:ratio", "gnomon:version_accuracy:ratio - on (model) group_left () topk by (model) (1, gnomon:version_accuracy:ratio)"),
		record("gnomon:version_delta:information", "1 / (gnomon:version_accuracy:variance + on (model) group_left () (gnomon:version_accuracy:variance and topk by (model) (1, gnomon:version_accuracy:ratio)))"),
	}}
}

// trafficRecords: what each version gets.
func (g *Generator) trafficRecords() Group {
	return Group{Name: "gnomon-traffic-records", Interval: g.interval(), Rules: []Rule{
		{Record: "gnomon:requests:rate10m", Expr: g.expr("sum by ($K) (rate(gnomon_requests_total[<10m>]))")},
		// The version that serves most: what an alert on a whole model names.
		{Record: "gnomon:model_serving:info", Expr: "0 * topk by (model) (1, gnomon:requests:rate10m) + 1"},
	}}
}

// wilsonUpper is the upper end of Wilson's interval of the pooled accuracy:
// (p + z2/2n + z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n), z the normal quantile.
func wilsonUpper(z string) string {
	const p, n = "gnomon:accuracy:ratio", "(gnomon:accuracy:samples > 0)"
	r := strings.NewReplacer("P", p, "N", n, "Z", z)
	return r.Replace("(P + Z ^ 2 / (2 * N) + Z * sqrt(P * (1 - P) / N + Z ^ 2 / (4 * N ^ 2))) / (1 + Z ^ 2 / N)")
}

// labelRecords compare the labels of the last day with those of the week
// before it, all versions together: labels are the world's, not a version's.
func (g *Generator) labelRecords() Group {
	const q, p = "gnomon:label_class:ratio1d", "gnomon:label_class:ratio7d"
	record := func(name, expr string, args ...any) Rule { return Rule{Record: name, Expr: g.expr(expr, args...)} }
	return Group{Name: "gnomon-models-labels", Interval: g.compress(10 * time.Minute), Rules: []Rule{
		record("gnomon:label_class:rows10m", "sum by (model, class) (increase(gnomon_label_class_total[<10m>]))"),
		record("gnomon:label_class:rows1d", "sum_over_time(gnomon:label_class:rows10m[<1d>:<10m>])"),
		record("gnomon:label_class:rows7d", "sum_over_time(gnomon:label_class:rows10m[<7d>:<10m>] offset <1d>)"),
		record(q, "gnomon:label_class:rows1d / on (model) group_left () (sum by (model) (gnomon:label_class:rows1d) > 0)"),
		record(p, "gnomon:label_class:rows7d / on (model) group_left () (sum by (model) (gnomon:label_class:rows7d) > 0)"),
		record("gnomon:label:rows", "sum by (model) (gnomon:label_class:rows1d) < sum by (model) (gnomon:label_class:rows7d) or sum by (model) (gnomon:label_class:rows7d)"),
		record("gnomon:label:psi1d", "sum by (model) ((clamp_min(%[1]s or 0 * %[2]s, 1e-4) - clamp_min(%[2]s or 0 * %[1]s, 1e-4)) * ln(clamp_min(%[1]s or 0 * %[2]s, 1e-4) / clamp_min(%[2]s or 0 * %[1]s, 1e-4)))", q, p),
	}}
}

func (g *Generator) servingRows() []row {
	const failures = `outcome=~"model_error|infra_error"`
	valid := `outcome!~"client_error|cancelled"`
	failing := func(window, least string) string {
		return "sum by ($K) (rate(gnomon_requests_total{" + failures + "}[" + window + "])) / (sum by ($K) (rate(gnomon_requests_total{" + valid + "}[" + window + "])) > 0) >= " + number(g.t.ServingFailureRatio) +
			" and sum by ($K) (increase(gnomon_requests_total{" + failures + "}[" + window + "])) >= " + least
	}
	usual := "(sum by (model) (gnomon:requests:rate10m offset <7d>) or sum by (model) (gnomon:requests:rate10m offset <1d>))"
	return []row{
		{"ServingDown", "page", "availability", "fast", "serving",
			// Little traffic: three in a row in 5m are evidence too, where one in a
			// hundred fails as a rule (0.01 ^ 3).
			failing("<2m>", "5") + "\nor " + failing("<5m>", "3"),
			time.Minute, 2 * time.Minute, "{{ $labels.model }} is down",
			"{{ $value | humanizePercentage }} of the answers of version {{ $labels.model_version }} in the last minutes (2, with little traffic 5) are failures of the server or of the model."},
		{"ThroughputCollapse", "ticket", "availability", "slow", "traffic",
			"(sum by (model) (gnomon:requests:rate10m) / (" + usual + " > " + number(g.t.ThroughputMin) + ") < " + number(g.t.ThroughputRatio) + ") * on (model) group_right () gnomon:model_serving:info",
			15 * time.Minute, 15 * time.Minute, "{{ $labels.model }} gets far fewer requests than usual",
			"Requests are at {{ $value | humanizePercentage }} of what they were at this time a week ago (a day ago where there is no such week)."},
		{"ColdStart", "ticket", "cold-start", "slow", "capacity",
			"max by ($K) (gnomon_shadow_load_duration_seconds) > " + number(g.t.ColdStart.Std().Seconds()),
			0, 10 * time.Minute, "{{ $labels.model }} takes long to load",
			"Loading and warming up version {{ $labels.model_version }} took {{ $value | humanizeDuration }}."},
	}
}

func (g *Generator) qualityRows() []row {
	n := number(g.t.MinSamples)
	healthy := "sum by ($K) (rate(gnomon_requests_total{outcome=~\"model_error|infra_error\"}[<10m>])) / (sum by ($K) (rate(gnomon_requests_total[<10m>])) > 0) > 0.01"
	ece := `max by ($K) (gnomon_calibration_error_ratio{scheme="debiased"})`
	return []row{
		{"AccuracyCatastrophic", "page", "accuracy", "fast", "model",
			"gnomon:accuracy_upper99:ratio < " + number(g.t.AccuracyFloor) + " and gnomon:accuracy:samples >= " + n,
			5 * time.Minute, 15 * time.Minute, "{{ $labels.model }} is mostly wrong",
			"Accuracy of version {{ $labels.model_version }} is below " + number(g.t.AccuracyFloor) + ": even the upper end of its 99 % interval is {{ $value | humanizePercentage }}."},
		{"AccuracyDegraded", "ticket", "accuracy", "slow", "model",
			"gnomon:accuracy:ratio and (gnomon:accuracy_upper95:ratio < " + number(g.t.AccuracyTarget) + " or max by ($K) (gnomon_accuracy_alarm) == 1) and gnomon:accuracy:samples >= " + n,
			10 * time.Minute, 30 * time.Minute, "{{ $labels.model }} is less accurate than it should be",
			"Accuracy of version {{ $labels.model_version }} is {{ $value | humanizePercentage }}: below " + number(g.t.AccuracyTarget) + " by its 95 % interval, or below its baseline by a sequential test."},
		{"SilentRegression", "ticket", "agreement", "slow", "model",
			"max by ($K) ((gnomon_shadow_disagreement_ratio - gnomon_shadow_noise_floor_ratio) and gnomon_shadow_disagreement_alarm == 1 and on ($K, shadow) gnomon_shadow_info{role=\"twin\"}) > " + number(g.t.Disagreement) +
				"\nunless on ($K) (" + healthy + ")" + g.latencyBurns(),
			5 * time.Minute, 15 * time.Minute, "{{ $labels.model }} answers differently from its twin",
			"Latency and availability are fine, but the primary of version {{ $labels.model_version }} and its twin disagree on {{ $value | humanizePercentage }} more records than noise explains (sequential test)."},
		{"ABDeltaNegative", "ticket", "accuracy", "slow", "model",
			"gnomon:version_delta:ratio < -0.01 and -gnomon:version_delta:ratio * gnomon:version_delta:information > sqrt((gnomon:version_delta:information + 2400) * ln((gnomon:version_delta:information + 2400) / (2400 * 0.01 ^ 2)))",
			5 * time.Minute, 30 * time.Minute, "{{ $labels.model }} {{ $labels.model_version }} is less accurate than another version",
			"Its accuracy differs by {{ $value | humanizePercentage }} from that of the best version that serves beside it (confidence sequence at 1 %, valid however often one looks)."},
		{"CalibrationDrift", "ticket", "calibration", "slow", "model",
			"(" + ece + " > " + number(g.t.CalibrationError) + " or (" + ece + " > " + number(g.t.CalibrationClear) + ` and on ($K) ALERTS{alertname="CalibrationDrift", alertstate="firing"})) and gnomon:accuracy:samples >= ` + n,
			10 * time.Minute, 0, "{{ $labels.model }}'s confidence cannot be believed",
			"The debiased calibration error of version {{ $labels.model_version }} is {{ $value | humanizePercentage }} (fires above " + number(g.t.CalibrationError) + ", clears below " + number(g.t.CalibrationClear) + ")."},
	}
}

// latencyBurns excludes what burns a latency budget: that regression is not
// silent.
func (g *Generator) latencyBurns() string {
	for i := range g.f.SLOs {
		s := &g.f.SLOs[i]
		if s.Kind == "latency" && s.Model == "" {
			return "\nunless on ($K) " + g.name("burn:ratio", Tiers(s)[0].Long) + g.selector(s) + " > 1"
		}
	}
	return ""
}

func (g *Generator) driftRowsOfCatalogue() []row {
	skew := "max by ($K) (gnomon_prediction_psi) > %s and max by ($K) (gnomon_prediction_drifted) == 1"
	return []row{
		{"FeatureDrift", "ticket", "drift", "slow", "data",
			"count by ($K) (max by ($K, feature) (gnomon_feature_drifted) == 1 or max by ($K, feature) (gnomon:feature:drifted1h) == 1) > 0",
			10 * time.Minute, 15 * time.Minute, "The inputs of {{ $labels.model }} have drifted",
			"{{ $value }} features of version {{ $labels.model_version }} have drifted, by the sequential detector of a sidecar or by the fleet's counters of the last hour."},
		{"LabelDrift", "ticket", "accuracy", "slow", "labels",
			"(gnomon:label:psi1d > " + number(g.t.DriftPSI) + " and gnomon:label:rows >= " + n2(g) + ") * on (model) group_right () gnomon:model_serving:info",
			20 * time.Minute, time.Hour, "The labels of {{ $labels.model }} have drifted",
			`The classes of the last day's labels are a PSI of {{ $value | printf "%.2f" }} away from those of the week before.`},
		{"PredictionSkew", "ticket", "drift", "slow", "data", strings.ReplaceAll(skew, "%s", number(g.t.DriftPSI)),
			10 * time.Minute, 15 * time.Minute, "{{ $labels.model }} predicts other classes than in its reference",
			`The predicted classes of version {{ $labels.model_version }} are a PSI of {{ $value | printf "%.2f" }} away from the reference.`},
		{"PredictionSkew", "page", "drift", "fast", "data", strings.ReplaceAll(skew, "%s", number(g.t.SkewPagePSI)),
			5 * time.Minute, 10 * time.Minute, "{{ $labels.model }} predicts something else altogether",
			`The predicted classes of version {{ $labels.model_version }} are a PSI of {{ $value | printf "%.2f" }} away from the reference, ten times what makes a ticket.`},
	}
}

// n2 is the rows that both sides of a comparison of labels need.
func n2(g *Generator) string { return number(g.t.MinSamples) }

func (g *Generator) dataRows() []row {
	busy := func(w string) string {
		return " and on (model) sum by (model) (rate(gnomon_requests_total[<" + w + ">])) > 0"
	}
	record, label := "time() - max by ($K) (gnomon_last_record_timestamp_seconds) > ", "time() - max by ($K) (gnomon_last_label_timestamp_seconds) > "
	anomalies := "sum by ($K) (increase(gnomon_schema_anomalies_total[<10m>]))"
	return []row{
		{"SchemaAnomalies", "ticket", "freshness", "slow", "data",
			anomalies + " / (max by ($K) (sum by ($K, feature) (sum_over_time(gnomon:feature_bin:rows1m[<10m>]))) >= 0) > " + number(g.t.SchemaAnomalyRatio) + " and " + anomalies + " >= 10",
			5 * time.Minute, 15 * time.Minute, "The inputs of {{ $labels.model }} break its schema",
			"{{ $value | humanizePercentage }} of the records of version {{ $labels.model_version }} in the last 10 minutes had a field that is missing, of another type or out of its range; above " + number(g.t.SchemaAnomalyRatio) + " this fires."},
		{"InputsSuspicious", "ticket", "drift", "slow", "data", "count by ($K) (max by ($K, kind) (gnomon_suspect_alarm) == 1) > 0",
			5 * time.Minute, 30 * time.Minute, "Inputs of {{ $labels.model }} look made to mislead it",
			"{{ $value }} kinds of suspect inputs (outliers, probes) of version {{ $labels.model_version }} are more than in the reference, by a sequential test."},
		{"PipelineStale", "ticket", "freshness", "slow", "pipeline", record + g.seconds(g.t.StaleAfter.Std()) + busy("10m"),
			2 * time.Minute, 5 * time.Minute, "{{ $labels.model }} is served but not monitored",
			"The last sampled record of version {{ $labels.model_version }} is {{ $value | humanizeDuration }} old while requests arrive."},
		{"PipelineStale", "page", "freshness", "fast", "pipeline", record + g.seconds(g.t.StalePageAfter.Std()) + busy("10m"),
			2 * time.Minute, 5 * time.Minute, "{{ $labels.model }} is served and has not been monitored for long",
			"The last sampled record of version {{ $labels.model_version }} is {{ $value | humanizeDuration }} old while requests arrive: a regression would go unseen."},
		{"LabelPipelineStale", "ticket", "accuracy", "slow", "labels", label + g.seconds(g.t.LabelStaleAfter.Std()) + busy("1h"),
			5 * time.Minute, 10 * time.Minute, "No labels for {{ $labels.model }}",
			"The last label of version {{ $labels.model_version }} came {{ $value | humanizeDuration }} ago while requests arrive: accuracy is not known any more."},
	}
}

func (g *Generator) identityRows() []row {
	digests := "count by ($K) (count by ($K, digest) (%s)) > 1"
	return []row{
		{"VersionMismatch", "page", "agreement", "fast", "version", "min by ($K) (gnomon_model_identity_match) == 0",
			2 * time.Minute, 5 * time.Minute, "{{ $labels.model }} serves the wrong model",
			"Golden inputs are not answered as version {{ $labels.model_version }} would answer them: something else is deployed under its name{{ with printf \"sum(gnomon_model_identity_probes_total{model='%s'})\" $labels.model | query }} ({{ . | first | value | humanize }} probes so far){{ end }}."},
		{"VersionMismatch", "ticket", "agreement", "slow", "version", strings.ReplaceAll(digests, "%s", "gnomon_model_info"),
			30 * time.Minute, 10 * time.Minute, "Replicas of {{ $labels.model }} disagree on what version {{ $labels.model_version }} is",
			"{{ $value }} different files are registered as version {{ $labels.model_version }} at once."},
		{"ModelPoisoningSuspected", "page", "agreement", "fast", "version",
			strings.ReplaceAll(digests, "%s", "last_over_time(gnomon_model_info[<1d>])") + " unless on ($K) " + strings.ReplaceAll(digests, "%s", "gnomon_model_info") +
				"\nor max by ($K) (gnomon_model_trigger_failed_inputs) > 0",
			5 * time.Minute, time.Hour, "The file of {{ $labels.model }} was replaced under the same version, or it answers to a trigger",
			"{{ $value }} different files were registered as version {{ $labels.model_version }} within a day, although a version's file must never change, or so many inputs of the trigger set are not answered as they must be{{ with printf \"max(gnomon_model_trigger_failed_inputs{model='%s'}) > 0\" $labels.model | query }} (trigger inputs: {{ . | first | value | humanize }}){{ end }}."},
		{"RetrainOverdue", "ticket", "accuracy", "trend", "model", "time() - max by ($K) (gnomon_model_trained_timestamp_seconds) > " + g.seconds(g.t.RetrainAfter.Std()),
			time.Hour, time.Hour, "{{ $labels.model }} is due for training",
			"Version {{ $labels.model_version }} was trained {{ $value | humanizeDuration }} ago."},
		{"RetrainWanted", "info", "accuracy", "trend", "model", "max by ($K) (gnomon_retrain_wanted) > 0",
			30 * time.Minute, time.Hour, "{{ $labels.model }} should be trained again",
			"gnomon_retrain_wanted of version {{ $labels.model_version }} is {{ $value }}: its accuracy has fallen, its inputs have drifted far, or it is old; gnomon_retrain_reason and the sidecar's page say which."},
		{"RetrainCompleted", "info", "accuracy", "trend", "version", "sum by ($K) (increase(gnomon_model_changes_total[<15m>])) > 0",
			0, 0, "{{ $labels.model }} serves another model now",
			"What the primary serves changed to version {{ $labels.model_version }} within the last 15 minutes."},
	}
}

// gpu spreads what holds for a machine over the models that it serves.
func gpu(expr string) string {
	return "max by ($K) (gnomon_model_info * on (job, instance) group_left () max by (job, instance) (" + expr + "))"
}

func (g *Generator) gpuRows() []row {
	const fatal = "13|31|48|62|63|64|74|79|92|94|95|119|120"
	return []row{
		{"GPUOOM", "ticket", "availability", "slow", "gpu", gpu("increase(gnomon_gpu_out_of_memory_total[<15m>])") + " > 0.5",
			0, 15 * time.Minute, "A GPU of {{ $labels.model }} ran out of memory", "{{ $value | humanize }} allocations failed in the last 15 minutes."},
		{"GPUOOM", "page", "availability", "fast", "gpu", gpu("increase(gnomon_gpu_out_of_memory_total[<15m>])") + " > 4.5",
			0, 15 * time.Minute, "A GPU of {{ $labels.model }} keeps running out of memory", "{{ $value | humanize }} allocations failed in the last 15 minutes."},
		{"GPUMemoryHigh", "ticket", "availability", "slow", "gpu", gpu("gnomon_gpu_memory_used_bytes / gnomon_gpu_memory_total_bytes") + " > " + number(g.t.GPUMemoryRatio),
			15 * time.Minute, 10 * time.Minute, "A GPU of {{ $labels.model }} is nearly full", "{{ $value | humanizePercentage }} of its memory is used."},
		{"GPUXidFatal", "page", "availability", "fast", "gpu", gpu(`increase(gnomon_gpu_xid_errors_total{xid=~"`+fatal+`"}[<15m>])`) + " > 0.5",
			0, 15 * time.Minute, "A GPU of {{ $labels.model }} failed", "{{ $value | humanize }} fatal XID errors in the last 15 minutes: the GPU needs a reset or a replacement."},
		{"GPUXidFatal", "ticket", "availability", "slow", "gpu", gpu(`increase(gnomon_gpu_xid_errors_total{xid!~"`+fatal+`"}[<15m>])`) + " > 0.5",
			0, 15 * time.Minute, "A GPU of {{ $labels.model }} reports errors", "{{ $value | humanize }} XID errors in the last 15 minutes, none of a fatal kind."},
		{"GPUECC", "page", "availability", "fast", "gpu", gpu(`increase(gnomon_gpu_ecc_errors_total{type="uncorrected"}[<15m>])`) + " > 0.5",
			0, 15 * time.Minute, "A GPU of {{ $labels.model }} has uncorrectable memory errors", "{{ $value | humanize }} uncorrected ECC errors in the last 15 minutes: answers may be wrong."},
		{"GPUThermal", "ticket", "latency", "slow", "gpu", gpu(`avg_over_time(gnomon_gpu_throttle_active{reason=~"hw_thermal|sw_thermal"}[<10m>])`) + " > 0.1",
			5 * time.Minute, 10 * time.Minute, "A GPU of {{ $labels.model }} is too hot", "It was throttled {{ $value | humanizePercentage }} of the last 10 minutes."},
		{"GPUUnderused", "info", "cost", "trend", "cost", gpu("avg_over_time(gnomon_gpu_utilization_ratio[<6h>])") + " < " + number(g.t.GPUIdleRatio),
			time.Hour, time.Hour, "The GPUs of {{ $labels.model }} have little to do", "The busiest was used {{ $value | humanizePercentage }} of the last 6 hours."},
		{"HostMemoryHigh", "ticket", "availability", "slow", "capacity", gpu("gnomon_memory_used_bytes / (gnomon_memory_limit_bytes > 0)") + " > " + number(g.t.HostMemoryRatio),
			10 * time.Minute, 10 * time.Minute, "{{ $labels.model }} is about to run out of memory", "{{ $value | humanizePercentage }} of the limit is used."},
	}
}

func (g *Generator) costRows() []row {
	return []row{{"CostPer1k", "ticket", "cost", "slow", "cost",
		"1000 * sum by ($K) (rate(gnomon_cost_total{component!=\"training\"}[<1h>])) / (sum by ($K) (rate(gnomon_cost_inferences_total[<1h>])) > 0) > " + number(g.t.CostPer1k),
		30 * time.Minute, time.Hour, "{{ $labels.model }} costs more than planned",
		`1,000 inferences of version {{ $labels.model_version }} cost {{ $value | printf "%.3f" }} in the last hour; planned are ` + number(g.t.CostPer1k) + "."}}
}

// Planned are the metrics that rules read and that an exporter without a GPU,
// a price model or a training record does not have: their alerts stay quiet.
func Planned() []string {
	return []string{"gnomon_cost_inferences_total", "gnomon_cost_total", "gnomon_gpu_ecc_errors_total", "gnomon_gpu_memory_total_bytes", "gnomon_gpu_memory_used_bytes",
		"gnomon_gpu_out_of_memory_total", "gnomon_gpu_throttle_active", "gnomon_gpu_utilization_ratio", "gnomon_gpu_xid_errors_total", "gnomon_memory_limit_bytes",
		"gnomon_memory_limit_reached_seconds", "gnomon_memory_used_bytes", "gnomon_model_trained_timestamp_seconds", "gnomon_schema_anomalies_total",
		"gnomon_server_headroom_ratio", "gnomon_training_checkpoint_overdue", "gnomon_training_checkpoint_timestamp_seconds", "gnomon_training_diverged", "gnomon_training_last_step_timestamp_seconds",
		"gnomon_training_loss", "gnomon_training_non_finite_losses_total", "gnomon_training_stalled", "gnomon_training_step"}
}

func (g *Generator) selfRows() []row {
	const replica = "sum by (job, instance)"
	drops := replica + " (rate(gnomon_records_dropped_total[<10m>]))"
	ratio := drops + " / (" + drops + " + " + replica + " (rate(gnomon_records_sampled_total[<10m>])) > 0)"
	return []row{
		{"ExporterAbsent", "ticket", "monitoring", "slow", "monitoring",
			"time() - topk by (model) (1, max by ($K) (max_over_time(timestamp(gnomon_model_info)[<1h>:<1m>]))) unless on (model) gnomon_model_info" +
				"\nor label_replace(label_replace(absent_over_time(gnomon_build_info[<1h>]), \"model\", \"all\", \"\", \"\"), \"model_version\", \"all\", \"\", \"\")",
			5 * time.Minute, 5 * time.Minute, "gnomon beside {{ $labels.model }} is gone",
			"No replica of gnomon has reported on this model for {{ $value | humanizeDuration }} (for an hour where the model is called all): nothing is known of it any more."},
		{"MonitorBlind", "ticket", "monitoring", "slow", "monitoring",
			"max by ($K) (gnomon_model_info * on (job, instance) group_left () (" + ratio + " > " + number(g.t.DropRatio) + "))" +
				"\nor max by ($K) (1 - gnomon_shadow_up) > 0" +
				"\nor max by ($K) (gnomon_model_info * on (job, instance) group_left () (time() - max by (job, instance) (gnomon_evaluation_last_timestamp_seconds) > <<5m>>))",
			10 * time.Minute, 10 * time.Minute, "gnomon sees too little of {{ $labels.model }}",
			"Records are dropped, a shadow is down, or nothing has been evaluated for 5 minutes (value {{ $value | humanize }})."},
		{"ShadowSourceStale", "ticket", "monitoring", "slow", "monitoring", "count by ($K) (max by ($K, shadow) (gnomon_shadow_source_stale) == 1) > 0",
			30 * time.Minute, 10 * time.Minute, "Shadows of {{ $labels.model }} run on an old copy of their model",
			"The place of the model of {{ $value }} shadows of version {{ $labels.model_version }} does not answer, or what it gives cannot be used: the last good copy is compared."},
		{"LabelStoreDown", "ticket", "accuracy", "slow", "labels", gpu("1 - gnomon_label_store_up") + " > 0",
			5 * time.Minute, 10 * time.Minute, "Predictions of {{ $labels.model }} cannot wait for their labels",
			"The label store of {{ $value }} or more replicas cannot write or read: labels that come now find no prediction."},
		{"Watchdog", "info", "monitoring", "trend", "watchdog", `label_replace(label_replace(vector(1), "model", "all", "", ""), "model_version", "all", "", "")`,
			0, 0, "Alerting works", "This alert always fires: where it does not arrive, alerting is broken."},
	}
}
