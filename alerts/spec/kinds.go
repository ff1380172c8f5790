package spec

import (
	"fmt"
	"strconv"
	"strings"
)

// Window is what a query writes where the generator puts a window.
const Window = "{{window}}"

// Kind is a kind of SLI. Queries yield one sample a model and version.
type Kind struct {
	// Says what is good, for people.
	Says string
	// Slice: the condition is looked at again and again and the share of time
	// counts; else the share of events.
	Slice bool
	// Threshold is its default; Unit is duration, number or nothing.
	Threshold, Unit string
	// RootCause groups the alerts of one cause.
	RootCause string
	// Bad and Total of an SLO: rates of events over {{window}}, or for a slice
	// what is bad now and what there is now.
	Bad, Total func(*SLO) string
}

const by = "by (model, model_version)"

// Kinds is the table of SLI kinds: a new one is a row.
func Kinds() map[string]Kind {
	return map[string]Kind{
		"availability": {Says: "requests that the server and the model answered (a caller's mistakes and cancellations do not count)", RootCause: "serving",
			Bad:   func(s *SLO) string { return s.rate("gnomon_requests_total", `outcome=~"model_error|infra_error"`) },
			Total: func(s *SLO) string { return s.rate("gnomon_requests_total", `outcome!~"client_error|cancelled"`) }},
		"latency": {Says: "requests answered within the threshold", Threshold: "500ms", Unit: "duration", RootCause: "latency",
			Bad: func(s *SLO) string {
				return s.rate("gnomon_request_duration_seconds_count") + " - " + s.rate("gnomon_request_duration_seconds_bucket", bucket(s))
			},
			Total: func(s *SLO) string { return s.rate("gnomon_request_duration_seconds_count") }},
		"accuracy": {Says: "predictions that their late label confirms", RootCause: "model",
			Bad: func(s *SLO) string {
				return s.rate("gnomon_calibration_bin_total") + " - " + s.rate("gnomon_calibration_bin_correct_total")
			},
			Total: func(s *SLO) string { return s.rate("gnomon_calibration_bin_total") }},
		"agreement": {Says: "replayed records on which primary and shadow agree", RootCause: "model",
			Bad:   func(s *SLO) string { return s.shadowed("gnomon_shadow_disagreements_total") },
			Total: func(s *SLO) string { return s.shadowed("gnomon_shadow_comparisons_total") }},
		"freshness": {Says: "time in which, while requests come, the last record is younger than the threshold", Slice: true, Threshold: "10m", Unit: "duration", RootCause: "data",
			Bad: func(s *SLO) string {
				return "(time() - max " + by + " (" + s.sel("gnomon_last_record_timestamp_seconds") + ") > bool " + s.number() + ") and on (model) " + s.busy()
			},
			Total: func(s *SLO) string {
				return "(0 * max " + by + " (" + s.sel("gnomon_last_record_timestamp_seconds") + ") + 1) and on (model) " + s.busy()
			}},
		"calibration": {Says: "time in which the debiased calibration error is at most the threshold", Slice: true, Threshold: "0.1", Unit: "number", RootCause: "model",
			Bad:   func(s *SLO) string { return s.above("gnomon_calibration_error_ratio", `scheme="debiased"`) },
			Total: func(s *SLO) string { return s.one("gnomon_calibration_error_ratio", `scheme="debiased"`) }},
		"drift": {Says: "feature-minutes without drift", Slice: true, RootCause: "data",
			Bad: func(s *SLO) string {
				return "sum " + by + " (max by (model, model_version, feature) (" + s.sel("gnomon_feature_drifted") + "))"
			},
			Total: func(s *SLO) string {
				return "count " + by + " (max by (model, model_version, feature) (" + s.sel("gnomon_feature_drifted") + "))"
			}},
		"cold_start": {Says: "time in which the model last loaded and warmed up within the threshold", Slice: true, Threshold: "30s", Unit: "duration", RootCause: "capacity",
			Bad:   func(s *SLO) string { return s.above("gnomon_shadow_load_duration_seconds") },
			Total: func(s *SLO) string { return s.one("gnomon_shadow_load_duration_seconds") }},
		"cost": {Says: "time in which 1,000 inferences cost at most the threshold", Slice: true, Threshold: "1", Unit: "number", RootCause: "cost",
			Bad:   func(s *SLO) string { return s.per1k() + " > bool " + s.number() },
			Total: func(s *SLO) string { return "0 * " + s.per1k() + " + 1" }},
		"ratio": {Says: "events that your own queries count as good", RootCause: "serving",
			Bad: func(s *SLO) string {
				if s.Good != "" {
					return "sum " + by + " (" + s.Total + ") - sum " + by + " (" + s.Good + ")"
				}
				return "sum " + by + " (" + s.Bad + ")"
			},
			Total: func(s *SLO) string { return "sum " + by + " (" + s.Total + ")" }},
		"threshold": {Says: "time in which your own query holds the condition", Slice: true, Unit: "number", RootCause: "serving",
			Bad: func(s *SLO) string {
				return "max " + by + " ((" + s.Query + ") " + inverse()[s.Op] + " bool " + s.number() + ")"
			},
			Total: func(s *SLO) string { return "0 * max " + by + " (" + s.Query + ") + 1" }},
	}
}

// inverse of the condition that is good.
func inverse() map[string]string {
	return map[string]string{"lt": ">=", "lte": ">", "gt": "<=", "gte": "<"}
}

// sel is a selector with the SLO's model.
func (s *SLO) sel(metric string, matchers ...string) string {
	if s.Model != "" {
		matchers = append(matchers, "model="+strconv.Quote(s.Model))
	}
	if len(matchers) == 0 {
		return metric
	}
	return metric + "{" + strings.Join(matchers, ", ") + "}"
}

func (s *SLO) rate(metric string, matchers ...string) string {
	return "sum " + by + " (rate(" + s.sel(metric, matchers...) + "[" + Window + "]))"
}

func (s *SLO) shadowed(metric string) string {
	if s.Shadow != "" {
		return s.rate(metric, "shadow="+strconv.Quote(s.Shadow))
	}
	return "sum " + by + " (rate(" + s.sel(metric) + "[" + Window + `]) and on (model, model_version, shadow) ` + s.sel("gnomon_shadow_info", `role="twin"`) + ")"
}

// busy: requests arrive.
func (s *SLO) busy() string {
	return "sum by (model) (rate(" + s.sel("gnomon_requests_total") + "[" + Window + "])) > 0"
}

func (s *SLO) above(metric string, matchers ...string) string {
	return "max " + by + " (" + s.sel(metric, matchers...) + ") > bool " + s.number()
}

func (s *SLO) one(metric string, matchers ...string) string {
	return "0 * max " + by + " (" + s.sel(metric, matchers...) + ") + 1"
}

func (s *SLO) per1k() string {
	return "1000 * " + s.rate("gnomon_cost_total", `component!="training"`) + " / (" + s.rate("gnomon_cost_inferences_total") + " > 0)"
}

// number is the threshold as PromQL writes it: seconds for a duration.
func (s *SLO) number() string { return strconv.FormatFloat(s.Limit(), 'g', -1, 64) }

// Limit is the threshold as a number: seconds for a duration; 0 where the kind
// has none.
func (s *SLO) Limit() float64 {
	if d, err := ParseDuration(s.Threshold); err == nil {
		return d.Std().Seconds()
	}
	v, _ := strconv.ParseFloat(s.Threshold, 64) // validated
	return v
}

// Buckets are the boundaries of gnomon_request_duration_seconds: a latency
// threshold must be one of them, or the count of good requests is a guess.
func Buckets() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .2, .5, 1, 2.5, 5, 10}
}

// bucket matches the threshold's bucket: le="1" is le="1.0" in Prometheus 3.
func bucket(s *SLO) string {
	v := s.number()
	if strings.Contains(v, ".") {
		return "le=" + strconv.Quote(v)
	}
	return fmt.Sprintf(`le=~"%s|%s.0"`, v, v)
}
