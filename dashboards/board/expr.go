package board

import "strings"

// scope is the matchers of everything; model those of what concerns a model.
const (
	scope = `cluster=~"$cluster",namespace=~"$namespace",job=~"$job",instance=~"$instance"`
	model = scope + `,model=~"$model",model_version=~"$model_version"`
)

// m selects a metric's series of the chosen models, t those of the chosen
// sidecars.
func m(metric string, more ...string) string {
	return metric + "{" + strings.Join(append([]string{model}, more...), ",") + "}"
}

func t(metric string, more ...string) string {
	return metric + "{" + strings.Join(append([]string{scope}, more...), ",") + "}"
}

const by = "sum by (model, model_version) "

func rate(selector string) string { return "rate(" + selector + "[$__rate_interval])" }

func increase(selector, window string) string { return "increase(" + selector + "[" + window + "])" }

const failed = `outcome=~"infra_error|model_error"`
const counted = `outcome=~"infra_error|model_error|success"`

// verdictExpr is 0 healthy, 1 learning, 2 unknown, 3 warning, 4 critical: the
// worst over replicas.
func verdictExpr() string {
	v := func(level, n string) string { return m("gnomon_model_verdict", `level="`+level+`"`) + " * " + n }
	return "max by (model, model_version) (" + strings.Join([]string{v("critical", "4"), v("warning", "3"), v("unknown", "2"), v("learning", "1"), v("healthy", "0")}, " or ") + ")"
}

func quantile(q string) string {
	return "histogram_quantile(" + q + ", sum by (model, model_version, le) (" + rate(m("gnomon_request_duration_seconds_bucket")) + "))"
}

// errorRatio is faulty over answered requests; clients' own errors and
// cancelled requests are not counted.
func errorRatio() string {
	return by + "(" + rate(m("gnomon_requests_total", failed)) + ") / (" + by + "(" + rate(m("gnomon_requests_total", counted)) + ") > 0)"
}

// budget is what remains of an error budget over a window; burn how fast it is
// spent.
func budget(bad, all, window, allowed string) string {
	return "1 - " + by + "(" + increase(bad, window) + ") / (" + by + "(" + increase(all, window) + ") > 0) / " + allowed
}

func burn(bad, all, window, allowed string) string {
	return by + "(" + increase(bad, window) + ") / (" + by + "(" + increase(all, window) + ") > 0) / " + allowed
}

// wrong over labelled predictions, as the two counters have no class in common.
func accuracyBudget(window, allowed string) string {
	return "1 - (1 - " + by + "(" + increase(m("gnomon_calibration_bin_correct_total"), window) + ") / (" + by + "(" + increase(m("gnomon_calibration_bin_total"), window) + ") > 0)) / " + allowed
}

func accuracyBurn(window, allowed string) string {
	return "(1 - " + by + "(" + increase(m("gnomon_calibration_bin_correct_total"), window) + ") / (" + by + "(" + increase(m("gnomon_calibration_bin_total"), window) + ") > 0)) / " + allowed
}

// oneFeature selects the chosen feature's series.
const oneFeature = `feature=~"$feature"`

// currentShare and referenceShare are a feature's distributions by bin.
func currentShare(window string) string {
	c := "increase(" + m("gnomon_feature_bin_total", oneFeature) + "[" + window + "])"
	return "sum by (bin) (" + c + ") / on () group_left () (sum(" + c + ") > 0)"
}

func referenceShare() string {
	return "max by (bin) (" + m("gnomon_reference_bin_ratio", oneFeature) + ")"
}
