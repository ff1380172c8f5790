package report

import (
	"fmt"
	"time"
)

// section is one table: a new one is a row of sections.
type section struct {
	title   string
	by      []string
	figures []figure
	most    int // rows, by the first figure; 0: all
}

type figure struct {
	title string
	show  func(float64) string
	query string
}

func number(v float64) string  { return fmt.Sprintf("%.4g", v) }
func whole(v float64) string   { return fmt.Sprintf("%.0f", v) }
func percent(v float64) string { return fmt.Sprintf("%.2f %%", 100*v) }
func seconds(v float64) string {
	d := time.Duration(v * float64(time.Second))
	switch {
	case d < time.Second:
		return d.Round(time.Microsecond * 10).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return d.Round(time.Minute).String()
}
func money(v float64) string { return fmt.Sprintf("%.2f", v) }

func sections(kind string) []section {
	if kind == Cost {
		return costSections()
	}
	return weeklySections()
}

func weeklySections() []section {
	version := []string{"model", "model_version"}
	return []section{
		{title: "Served", by: []string{"model"}, figures: []figure{
			{"requests", whole, `sum by (<by>) (increase(gnomon_requests_total{<model>}[<range>]))`},
			{"errors of model or server", percent, `sum by (<by>) (increase(gnomon_requests_total{<model>, outcome=~"model_error|infra_error"}[<range>])) / (sum by (<by>) (increase(gnomon_requests_total{<model>}[<range>])) > 0)`},
			{"errors of clients", percent, `sum by (<by>) (increase(gnomon_requests_total{<model>, outcome="client_error"}[<range>])) / (sum by (<by>) (increase(gnomon_requests_total{<model>}[<range>])) > 0)`},
			{"p50", seconds, `histogram_quantile(0.5, sum by (<by>, le) (increase(gnomon_request_duration_seconds_bucket{<model>}[<range>])))`},
			{"p99", seconds, `histogram_quantile(0.99, sum by (<by>, le) (increase(gnomon_request_duration_seconds_bucket{<model>}[<range>])))`},
		}},
		{title: "Right", by: version, figures: []figure{
			{"labels joined", whole, `sum by (<by>) (increase(gnomon_labels_total{<model>, outcome="matched"}[<range>]))`},
			{"accuracy, mean", percent, `avg by (<by>) (avg_over_time(gnomon_accuracy_ratio{<model>}[<range>]))`},
			{"lowest", percent, `min by (<by>) (min_over_time(gnomon_accuracy_ratio{<model>}[<range>]))`},
			{"now", percent, `avg by (<by>) (gnomon_accuracy_ratio{<model>})`},
			{"calibration error now (debiased)", percent, `avg by (<by>) (gnomon_calibration_error_ratio{<model>, scheme="debiased"})`},
			{"label delay, median", seconds, `avg by (<by>) (gnomon_label_delay_seconds{<model>})`},
			{"labelled", percent, `avg by (<by>) (gnomon_label_coverage_ratio{<model>})`},
		}},
		{title: "As it was", by: version, figures: []figure{
			{"drift alarms", whole, `sum by (<by>) (increase(gnomon_feature_drift_alarms_total{<model>}[<range>]))`},
			{"most features drifted at once", whole, `max by (<by>) (max_over_time((sum by (model, model_version) (max by (model, model_version, feature) (gnomon_feature_drifted{<model>})))[<range>:5m]))`},
			{"schema anomalies", whole, `sum by (<by>) (increase(gnomon_schema_anomalies_total{<model>}[<range>]))`},
			{"shadow's disagreement", percent, `max by (<by>) (avg_over_time(gnomon_shadow_disagreement_ratio{<model>}[<range>]))`},
			{"its noise floor", percent, `max by (<by>) (gnomon_shadow_noise_floor_ratio{<model>})`},
			{"changes of the model", whole, `max by (<by>) (increase(gnomon_model_changes_total{<model>}[<range>]))`},
			{"right model served", percent, `min by (<by>) (avg_over_time(gnomon_model_identity_match{<model>}[<range>]))`},
		}},
		{title: "Features that drifted most", by: []string{"model", "feature"}, most: 10, figures: []figure{
			{"PSI, highest", number, `max by (<by>) (max_over_time(gnomon_feature_psi{<model>}[<range>])) > 0.1`},
			{"PSI now", number, `max by (<by>) (gnomon_feature_psi{<model>})  and on (<by>) (max by (<by>) (max_over_time(gnomon_feature_psi{<model>}[<range>])) > 0.1)`},
			{"share of the time drifted", percent, `max by (<by>) (avg_over_time(gnomon_feature_drifted{<model>}[<range>])) and on (<by>) (max by (<by>) (max_over_time(gnomon_feature_psi{<model>}[<range>])) > 0.1)`},
		}},
		{title: "The watch itself", by: []string{"job", "instance"}, figures: []figure{
			{"up", percent, `avg by (<by>) (avg_over_time(up[<range>]) and on (job, instance) max by (job, instance) (max_over_time(gnomon_build_info[<range>])))`},
			{"records dropped", whole, `sum by (<by>) (increase(gnomon_records_dropped_total[<range>]))`},
			{"share of the records", percent, `sum by (<by>) (increase(gnomon_records_dropped_total[<range>])) / (sum by (<by>) (increase(gnomon_records_dropped_total[<range>])) + sum by (<by>) (increase(gnomon_records_sampled_total[<range>])) > 0)`},
			{"restarts of shadows", whole, `sum by (<by>) (increase(gnomon_shadow_restarts_total[<range>]))`},
		}},
		{title: "Alerts", by: []string{"alertname", "alert_class", "model"}, figures: []figure{
			{"time firing", seconds, `60 * sum by (<by>) (count_over_time((count by (alertname, alert_class, model) (ALERTS{alertstate="firing", alertname!="Watchdog"}))[<range>:1m]))`},
			{"times", whole, `sum by (<by>) (count_over_time(((count by (alertname, alert_class, model) (ALERTS{alertstate="firing", alertname!="Watchdog"})) unless (count by (alertname, alert_class, model) (ALERTS{alertstate="firing", alertname!="Watchdog"} offset 1m)))[<range>:1m]))`},
			{"time to detect: pending before firing", seconds, `60 * sum by (<by>) (count_over_time((count by (alertname, alert_class, model) (ALERTS{alertstate="pending", alertname!="Watchdog"}))[<range>:1m])) and on (<by>) sum by (<by>) (count_over_time((count by (alertname, alert_class, model) (ALERTS{alertstate="firing", alertname!="Watchdog"}))[<range>:1m]))`},
		}},
		{title: "Error budgets", by: []string{"model", "slo"}, figures: []figure{
			{"objective", percent, `max by (<by>) (gnomon:slo_objective:ratio)`},
			{"budget left", percent, `min by (<by>) (gnomon:slo_budget_remaining:ratio)`},
			{"highest burn in an hour", number, `max by (<by>) (max_over_time(gnomon:slo_burn:ratio1h[<range>]))`},
		}},
	}
}

func costSections() []section {
	return []section{
		{title: "Cost of models", by: []string{"model", "model_version", "currency"}, figures: []figure{
			{"cost", money, `sum by (<by>) (increase(gnomon_cost_total{<model>}[<range>]))`},
			{"requests", whole, `sum by (<by>) (increase(gnomon_cost_inferences_total{<model>}[<range>]) * on (model, model_version) group_left (currency) (0 * max by (model, model_version, currency) (gnomon_cost_total{<model>}) + 1))`},
			{"per 1000 requests", number, `1000 * sum by (<by>) (increase(gnomon_cost_total{<model>}[<range>])) / on (model, model_version) group_left () (sum by (model, model_version) (increase(gnomon_cost_inferences_total{<model>}[<range>])) > 0)`},
			{"a month at this rate", money, `30 * 86400 * sum by (<by>) (rate(gnomon_cost_total{<model>}[<range>]))`},
		}},
		{title: "By component", by: []string{"component", "currency"}, figures: []figure{
			{"cost", money, `sum by (<by>) (increase(gnomon_cost_total[<range>]))`},
			{"a month at this rate", money, `30 * 86400 * sum by (<by>) (rate(gnomon_cost_total[<range>]))`},
		}},
		{title: "Reserved and not used", by: []string{"component", "currency"}, figures: []figure{
			{"cost", money, `sum by (<by>) (increase(gnomon_cost_idle_total[<range>]))`},
		}},
	}
}
