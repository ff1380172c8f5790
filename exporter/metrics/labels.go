package metrics

import (
	"slices"
	"strings"

	"github.com/gnomon-dev/gnomon/exporter/result"
)

// labelRows are the families of what late labels say, beside accuracy and
// calibration.
func labelRows() []row {
	return slices.Concat(labelFlowRows(), windowRows(), labelDriftRows(), trustRows(), estimateRows())
}

// value makes a row's samples of one value that may be absent.
func value(of func(*result.Performance) *float64) func(*result.Model, emit) {
	return perf(func(p *result.Performance, e emit) { optional(e, of(p)) })
}

func labelFlowRows() []row {
	return []row{
		{"gnomon_label_predictions_total", "Predictions that wait or waited for a label.", counter, perf(func(p *result.Performance, e emit) { e(float64(p.Predictions)) })},
		{"gnomon_label_delay_bin_total", "Joined labels by the time from prediction to label.", counter, perf(func(p *result.Performance, e emit) {
			for _, b := range p.Delay.Bins {
				e(float64(b.Count), "bin", b.Name)
			}
		})},
		{"gnomon_label_delay_p90_seconds", "90 % quantile of the time from prediction to label over the labelled predictions that are kept.", gauge, value(func(p *result.Performance) *float64 { return p.Delay.P90 })},
		{"gnomon_label_coverage_by_age_ratio", "Share of the predictions of an age that have a label.", gauge, perf(func(p *result.Performance, e emit) {
			for _, c := range p.CoverageByAge {
				optional(e, c.Ratio, "age", c.Age)
			}
		})},
		{"gnomon_label_maturity_age_seconds", "Age from which on predictions are judged: labels of younger ones are not complete enough (labels.complete). Absent with too few labels to say.", gauge, perf(func(p *result.Performance, e emit) {
			if p.Maturity.Known {
				e(p.Maturity.AgeSeconds)
			}
		})},
		{"gnomon_accuracy_uncorrected_ratio", "Accuracy over whatever was labelled last: biased towards predictions whose labels come fast.", gauge, perf(func(p *result.Performance, e emit) {
			if p.Uncorrected != nil {
				e(p.Uncorrected.Value)
			}
		})},
	}
}

// ofSlices are the metrics that are exported of every slice; the API has all.
func ofSlices(name string) bool {
	switch name {
	case "accuracy", "balanced_accuracy", "macro_f1", "precision", "recall", "f1", "roc_auc", "mae", "rmse", "r2", "subset_accuracy", "micro_f1", "map_50":
		return true
	}
	return strings.HasPrefix(name, "kpi_")
}

func windowRows() []row {
	each := func(of func(*result.Metric) *float64) func(*result.Model, emit) {
		return perf(func(p *result.Performance, e emit) {
			for i := range p.Windows {
				for name, m := range p.Windows[i].Metrics {
					optional(e, of(&m), "metric", name, "slice", "all", "window", p.Windows[i].Name)
				}
			}
			for i := range p.Slices {
				for name, m := range p.Slices[i].Metrics {
					if ofSlices(name) {
						optional(e, of(&m), "metric", name, "slice", p.Slices[i].Name, "window", p.Windows[0].Name)
					}
				}
			}
		})
	}
	return []row{
		{"gnomon_performance_value", "A metric over labelled predictions that are old enough to be judged, by window (a number of predictions, or a span of their time) and slice. An undefined one is absent; the API says why.", gauge, each(func(m *result.Metric) *float64 { return m.Value })},
		{"gnomon_performance_lower", "Lower end of its 95 % interval.", gauge, each(func(m *result.Metric) *float64 { return m.Lower })},
		{"gnomon_performance_upper", "Upper end of its 95 % interval.", gauge, each(func(m *result.Metric) *float64 { return m.Upper })},
		{"gnomon_performance_window_samples", "Labelled predictions in a window or slice.", gauge, perf(func(p *result.Performance, e emit) {
			for _, w := range p.Windows {
				e(float64(w.N), "slice", "all", "window", w.Name)
			}
			for _, s := range p.Slices {
				e(float64(s.N), "slice", s.Name, "window", p.Windows[0].Name)
			}
		})},
	}
}

func labelDriftRows() []row {
	drift := func(samples func(*result.LabelDrift, emit)) func(*result.Model, emit) {
		return perf(func(p *result.Performance, e emit) {
			if p.LabelDrift != nil {
				samples(p.LabelDrift, e)
			}
		})
	}
	annotators := func(samples func(*result.Annotators, emit)) func(*result.Model, emit) {
		return perf(func(p *result.Performance, e emit) {
			if p.Annotators != nil {
				samples(p.Annotators, e)
			}
		})
	}
	return []row{
		{"gnomon_label_psi", "Population stability index of the classes of labels, over cohorts old enough to be judged, against the reference's labels or against the same cohorts' predictions (natural logarithm, floor 1e-4).", gauge, drift(func(d *result.LabelDrift, e emit) {
			optional(e, d.PSI, "against", "reference")
			optional(e, d.PSIOfPredictions, "against", "predictions")
		})},
		{"gnomon_label_drifted", "1 where the classes of labels differ from the reference's: chi-square p below 0.001 and PSI at least 0.01 beyond chance.", gauge, drift(func(d *result.LabelDrift, e emit) {
			if d.PSI != nil {
				e(boolean(d.Drifted))
			}
		})},
		{"gnomon_annotator_agreement_ratio", "Share of the pairs of annotators' labels of one prediction that agree.", gauge, annotators(func(a *result.Annotators, e emit) { optional(e, a.Agreement.Value) })},
		{"gnomon_annotator_fleiss_kappa", "Fleiss' kappa of the annotators: their agreement beyond chance, at most 1.", gauge, annotators(func(a *result.Annotators, e emit) { optional(e, a.FleissKappa.Value) })},
		{"gnomon_annotator_cohen_kappa", "Cohen's kappa of two annotators.", gauge, annotators(func(a *result.Annotators, e emit) {
			for _, p := range a.Pairs {
				optional(e, p.Kappa.Value, "first", p.First, "second", p.Second)
			}
		})},
	}
}

func trustRows() []row {
	trust := func(samples func(*result.Trust, emit)) func(*result.Model, emit) {
		return perf(func(p *result.Performance, e emit) {
			if p.Trust != nil {
				samples(p.Trust, e)
			}
		})
	}
	return []row{
		{"gnomon_brier_component", "Parts of the Brier score of the top label over 15 equal-width bins (Murphy 1973): reliability - resolution + uncertainty + within_bins.", gauge, trust(func(t *result.Trust, e emit) {
			optional(e, t.Reliability, "component", "reliability")
			optional(e, t.Resolution, "component", "resolution")
			optional(e, t.Uncertainty, "component", "uncertainty")
			optional(e, t.WithinBins, "component", "within_bins")
		})},
		{"gnomon_overconfidence_ratio", "Part of the expected calibration error from bins whose confidence is above their accuracy.", gauge, trust(func(t *result.Trust, e emit) { optional(e, t.Overconfident) })},
		{"gnomon_underconfidence_ratio", "Part of the expected calibration error from bins whose confidence is below their accuracy.", gauge, trust(func(t *result.Trust, e emit) { optional(e, t.Underconfident) })},
		{"gnomon_calibration_temperature", "Temperature that would mend the confidence: above 1 the model is overconfident.", gauge, trust(func(t *result.Trust, e emit) { optional(e, t.Temperature) })},
	}
}

func estimateRows() []row {
	estimate := func(samples func(*result.Estimate, emit)) func(*result.Model, emit) {
		return perf(func(p *result.Performance, e emit) {
			if p.Estimate != nil && p.Estimate.Accuracy.Value != nil {
				samples(p.Estimate, e)
			}
		})
	}
	of := func(m func(*result.Estimate) *float64) func(*result.Model, emit) {
		return estimate(func(x *result.Estimate, e emit) { optional(e, m(x)) })
	}
	inner := func(m *result.Metric) *float64 {
		if m == nil {
			return nil
		}
		return m.Value
	}
	return []row{
		{"gnomon_estimated_accuracy_ratio", "Accuracy that the confidence of the latest predictions promises, without labels (CBPE, calibrated on the reference). Void where gnomon_estimate_valid is 0.", gauge, of(func(x *result.Estimate) *float64 { return x.Accuracy.Value })},
		{"gnomon_estimated_accuracy_lower_ratio", "Lower end of its 95 % interval.", gauge, of(func(x *result.Estimate) *float64 { return x.Accuracy.Lower })},
		{"gnomon_estimated_accuracy_upper_ratio", "Upper end of its 95 % interval.", gauge, of(func(x *result.Estimate) *float64 { return x.Accuracy.Upper })},
		{"gnomon_estimated_f1_ratio", "F1 of the positive class that is expected without labels.", gauge, of(func(x *result.Estimate) *float64 { return inner(x.F1) })},
		{"gnomon_estimated_roc_auc_ratio", "Area under the ROC curve that is expected without labels.", gauge, of(func(x *result.Estimate) *float64 { return inner(x.AUC) })},
		{"gnomon_estimate_error_ratio", "Estimated less realised accuracy, of the same labelled predictions.", gauge, of(func(x *result.Estimate) *float64 { return x.Error })},
		{"gnomon_estimate_valid", "1 while every condition that the estimate rests on holds as far as can be seen, else 0.", gauge, estimate(func(x *result.Estimate, e emit) { e(boolean(x.Valid)) })},
		{"gnomon_estimated_accuracy_fallen", "1 while the estimate's upper end is more than 0.02 below the reference's accuracy, else 0.", gauge, estimate(func(x *result.Estimate, e emit) { e(boolean(x.Fallen)) })},
	}
}

// storeFamilies are of the one store that all models' predictions wait in.
func storeFamilies(b *builder, s *result.Snapshot) {
	var st *result.LabelStore
	for i := range s.Models {
		if p := s.Models[i].Performance; p != nil && p.Store != nil {
			st = p.Store
		}
	}
	if st == nil {
		return
	}
	up := b.family("gnomon_label_store_up", "1 while predictions can wait for labels, 0 while the store cannot write or read.", gauge)
	add(up, boolean(st.Up), labels(nil, "kind", st.Kind))
	add(b.family("gnomon_label_store_entries", "Ids that wait for labels or corrections.", gauge), float64(st.Entries), nil)
	add(b.family("gnomon_label_store_bytes", "Bytes that they take: of files on disk, of values in memory.", gauge), float64(st.Bytes), nil)
	add(b.family("gnomon_label_store_limit_bytes", "The most bytes that they may take.", gauge), float64(st.Limit), nil)
	add(b.family("gnomon_label_store_evicted_total", "Entries removed for room before their time to live.", counter), float64(st.Evicted), nil)
	add(b.family("gnomon_label_store_expired_total", "Entries removed after their time to live.", counter), float64(st.Expired), nil)
	add(b.family("gnomon_label_store_resets_total", "Times that a corrupt store was put aside and a new one begun.", counter), float64(st.Resets), nil)
	add(b.family("gnomon_label_store_dropped_predictions_total", "Predictions that the store did not take; their labels will be orphans.", counter), float64(st.Dropped), nil)
}
