package metrics

import (
	"fmt"

	"github.com/gnomon-dev/gnomon/exporter/result"
)

// perShadow makes a row's samples of a value per shadow.
func perShadow(value func(*result.Shadow) *float64) func(*result.Model, emit) {
	return func(m *result.Model, e emit) {
		for i := range m.Shadows {
			optional(e, value(&m.Shadows[i]), "shadow", m.Shadows[i].Name)
		}
	}
}

func startDurations(m *result.Model, e emit) {
	for _, s := range m.Shadows {
		if s.Start == nil {
			continue
		}
		for _, phase := range []struct {
			name string
			took float64
		}{{"load", s.Start.Load}, {"warm_up", s.Start.WarmUp}, {"first_inference", s.Start.FirstInference}, {"warm_inference", s.Start.WarmInference}} {
			e(phase.took, "shadow", s.Name, "provider", s.Provider, "start", s.Start.Kind, "phase", phase.name)
		}
	}
}

func count(n uint64) *float64 { v := float64(n); return &v }

func shadowRows() []row {
	return []row{
		{"gnomon_shadow_info", "1 for a shadow, with its role, the provider that executes it, the digest of its file and its version in the registry or repository it comes from.", gauge, func(m *result.Model, e emit) {
			for _, s := range m.Shadows {
				e(1, "shadow", s.Name, "role", s.Role, "provider", s.Provider, "digest", s.Digest, "source_version", s.Version)
			}
		}},
		{"gnomon_shadow_reloads_total", "Newer models found where the shadow's model is kept: put in place (success), or not usable (error; the one in place goes on).", counter, func(m *result.Model, e emit) {
			for _, s := range m.Shadows {
				e(float64(s.Reloads), "shadow", s.Name, "outcome", "success")
				e(float64(s.Failed), "shadow", s.Name, "outcome", "error")
			}
		}},
		{"gnomon_shadow_source_stale", "1 while the place where the shadow's model is kept does not answer, or what it gives cannot be used, and the last good copy is used; else 0.", gauge, perShadow(func(s *result.Shadow) *float64 { v := boolean(s.Stale != ""); return &v })},
		{"gnomon_shadow_up", "1 while the shadow's engine answers, else 0.", gauge, perShadow(func(s *result.Shadow) *float64 { v := boolean(s.Up); return &v })},
		{"gnomon_shadow_inferences_total", "Replayed records by what became of them.", counter, func(m *result.Model, e emit) {
			for _, s := range m.Shadows {
				e(float64(s.Inferences), "shadow", s.Name, "outcome", "success")
				e(float64(s.Failures), "shadow", s.Name, "outcome", "error")
			}
		}},
		{"gnomon_shadow_lag_seconds", "Age of the record replayed last when its replay ended.", gauge, perShadow(func(s *result.Shadow) *float64 { return &s.LagSeconds })},
		{"gnomon_shadow_load_duration_seconds", "What opening and warming up the model took.", gauge, perShadow(func(s *result.Shadow) *float64 { return s.LoadSeconds })},
		{"gnomon_shadow_start_duration_seconds", "What the shadow's start took by phase (load: read, optimise, initialise; warm_up: every batch size once; the very first inference; a warm one of one row), provider and kind of start (cold, or cached: optimised at an earlier one).", gauge, startDurations},
		{"gnomon_shadow_cpu_nodes_ratio", "Share of the graph's executed nodes that run on the CPU; 0 where the provider runs all of them, 1 on the CPU itself.", gauge, perShadow(func(s *result.Shadow) *float64 { return s.CPUNodes })},
		{"gnomon_shadow_self_comparisons_total", "Inputs that the shadow answered twice, in batches of different size and order, to measure its own noise; anew with another model.", counter, perShadow(func(s *result.Shadow) *float64 { return count(s.SelfComparisons) })},
		{"gnomon_shadow_self_disagreements_total", "Disagreements of the shadow with itself among them.", counter, perShadow(func(s *result.Shadow) *float64 { return count(s.SelfDisagreements) })},
		{"gnomon_shadow_golden_comparisons_total", "Golden inputs that the shadow and the primary both answered while the primary was the right model; anew with another model.", counter, perShadow(func(s *result.Shadow) *float64 { return count(s.GoldenComparisons) })},
		{"gnomon_shadow_golden_disagreements_total", "Disagreements among them.", counter, perShadow(func(s *result.Shadow) *float64 { return count(s.GoldenDisagreements) })},
		{"gnomon_shadow_labelled_total", "Records answered by both the primary and the shadow whose label has come.", counter, perShadow(func(s *result.Shadow) *float64 { return count(s.Labelled) })},
		{"gnomon_shadow_accuracy_delta_ratio", "The shadow's accuracy less the primary's on the same labelled records, -1 to 1.", gauge, perShadow(func(s *result.Shadow) *float64 { return s.AccuracyDelta })},
		{"gnomon_shadow_accuracy_delta_lower_ratio", "Lower end of its 95 % confidence sequence, which holds however often one looks; from 200 labels on.", gauge, perShadow(func(s *result.Shadow) *float64 { return s.AccuracyDeltaLower })},
		{"gnomon_shadow_accuracy_delta_upper_ratio", "Upper end of its 95 % confidence sequence.", gauge, perShadow(func(s *result.Shadow) *float64 { return s.AccuracyDeltaUpper })},
		{"gnomon_shadow_similarity_ratio", "Mean similarity of the primary's and the shadow's answers over the window, by the output's kind: cosine, Jaccard index of labels, F1 of matched boxes, share of equal tokens.", gauge, perShadow(func(s *result.Shadow) *float64 { return s.Similarity })},
		{"gnomon_shadow_comparisons_total", "Records answered by both the primary and the shadow.", counter, perShadow(func(s *result.Shadow) *float64 { return count(s.Comparisons) })},
		{"gnomon_shadow_disagreements_total", "Comparisons in which the two disagree (another top class, or values apart by more than the tolerance).", counter, perShadow(func(s *result.Shadow) *float64 { return count(s.Disagreements) })},
		{"gnomon_shadow_disagreement_ratio", "Share of disagreements among the comparisons of the window.", gauge, perShadow(func(s *result.Shadow) *float64 { return s.Disagreement })},
		{"gnomon_shadow_disagreement_alarm", "1 while the sequential test holds that the shadow disagrees more than its noise floor explains, else 0.", gauge, perShadow(func(s *result.Shadow) *float64 { v := boolean(s.Alarm); return &v })},
		{"gnomon_shadow_noise_floor_ratio", "Share of disagreements that noise explains: the 99 % upper bound of the shadow against itself and, of a twin, against the healthy primary; 0.01 until it is measured.", gauge, perShadow(func(s *result.Shadow) *float64 { return s.NoiseFloor })},
		{"gnomon_shadow_js_distance", "Mean Jensen-Shannon distance (base 2) between the probabilities of the primary and the shadow over the window.", gauge, perShadow(func(s *result.Shadow) *float64 { return s.JSMean })},
		{"gnomon_shadow_output_difference_max", "Largest absolute difference of raw output elements in the window.", gauge, perShadow(func(s *result.Shadow) *float64 { return s.MaxAbs })},
		{"gnomon_shadow_output_difference_mean", "Mean absolute difference of raw output elements in the window.", gauge, perShadow(func(s *result.Shadow) *float64 { return s.MeanAbs })},
		{"gnomon_shadow_restarts_total", "Restarts of the shadow's process by reason.", counter, func(m *result.Model, e emit) {
			for _, s := range m.Shadows {
				for reason, n := range s.RestartsByReason {
					e(float64(n), "shadow", s.Name, "reason", reason)
				}
			}
		}},
	}
}

// perf makes a row's samples where labels are joined.
func perf(samples func(*result.Performance, emit)) func(*result.Model, emit) {
	return func(m *result.Model, e emit) {
		if m.Performance != nil {
			samples(m.Performance, e)
		}
	}
}

// maxFullConfusion is the number of classes up to which every cell of the
// confusion matrix is a series, and not only those that were counted.
const maxFullConfusion = 30

func performanceRows() []row {
	return []row{
		{"gnomon_labels_total", "Labels by what became of them: matched, added (to an earlier one), corrected, duplicate, late (beyond the time to live), orphan (no such prediction).", counter, perf(func(p *result.Performance, e emit) {
			for outcome, n := range p.Labels {
				e(float64(n), "outcome", outcome)
			}
		})},
		{"gnomon_label_class_total", "Joined labels by class.", counter, perf(func(p *result.Performance, e emit) {
			for class, n := range p.LabelClasses {
				e(float64(n), "class", class)
			}
		})},
		{"gnomon_label_delay_seconds", "Median time from prediction to label over the window.", gauge, perf(func(p *result.Performance, e emit) { optional(e, p.DelayP50) })},
		{"gnomon_label_coverage_ratio", "Share of the sampled predictions of the last time to live that have a label.", gauge, perf(func(p *result.Performance, e emit) { optional(e, p.Coverage) })},
		{"gnomon_accuracy_ratio", "Accuracy over the window of labelled predictions that are old enough to be judged.", gauge, perf(func(p *result.Performance, e emit) {
			if p.Accuracy != nil {
				e(p.Accuracy.Value)
			}
		})},
		{"gnomon_accuracy_lower_ratio", "Lower end of its 95 % Wilson interval.", gauge, perf(func(p *result.Performance, e emit) {
			if p.Accuracy != nil {
				e(p.Accuracy.Lower)
			}
		})},
		{"gnomon_accuracy_upper_ratio", "Upper end of its 95 % Wilson interval.", gauge, perf(func(p *result.Performance, e emit) {
			if p.Accuracy != nil {
				e(p.Accuracy.Upper)
			}
		})},
		{"gnomon_accuracy_window_samples", "Labelled predictions in the window.", gauge, perf(func(p *result.Performance, e emit) {
			if p.Accuracy != nil {
				e(float64(p.Accuracy.N))
			}
		})},
		{"gnomon_accuracy_alarm", "1 while the sequential test holds that accuracy is below its baseline, else 0.", gauge, perf(func(p *result.Performance, e emit) { e(boolean(p.Alarm)) })},
		{"gnomon_confusion_total", "Labelled predictions by actual and predicted class.", counter, perf(func(p *result.Performance, e emit) {
			for i, actual := range p.ConfusionTotal.Labels {
				for j, predicted := range p.ConfusionTotal.Labels {
					if len(p.ConfusionTotal.Labels) > maxFullConfusion && p.ConfusionTotal.Counts[i][j] == 0 {
						continue
					}
					e(float64(p.ConfusionTotal.Counts[i][j]), "actual", actual, "predicted", predicted)
				}
			}
		})},
	}
}

// calib makes a row's samples where calibration is known.
func calib(samples func(*result.Calibration, emit)) func(*result.Model, emit) {
	return perf(func(p *result.Performance, e emit) {
		if p.Calibration != nil {
			samples(p.Calibration, e)
		}
	})
}

func calibrationRows() []row {
	bins := func(value func(*result.CalibrationTotal) float64) func(*result.Model, emit) {
		return perf(func(p *result.Performance, e emit) {
			for i := range p.CalibrationTotals {
				b := &p.CalibrationTotals[i]
				e(value(b), "bin", fmt.Sprintf("%02d (%.4g, %.4g]", i+1, b.Lower, b.Upper))
			}
		})
	}
	return []row{
		{"gnomon_calibration_error_ratio", "Expected calibration error of the top label (L1) over the labelled window, by binning scheme: 15 equal-width bins (lo, hi], or 15 equal-mass bins.", gauge, calib(func(c *result.Calibration, e emit) {
			optional(e, c.ECEEqualWidth, "scheme", "equal_width")
			optional(e, c.ECEEqualMass, "scheme", "equal_mass")
			optional(e, c.ECEDebiased, "scheme", "debiased")
		})},
		{"gnomon_brier_score", "Brier score of the top label over the labelled window: mean squared difference of confidence and correctness, 0 to 1.", gauge, calib(func(c *result.Calibration, e emit) { optional(e, c.Brier) })},
		{"gnomon_calibration_bin_total", "Labelled predictions by equal-width bin of their confidence.", counter, bins(func(b *result.CalibrationTotal) float64 { return float64(b.Count) })},
		{"gnomon_calibration_bin_correct_total", "Correct ones among them.", counter, bins(func(b *result.CalibrationTotal) float64 { return float64(b.Correct) })},
		{"gnomon_calibration_bin_confidence_total", "Sum of their confidences.", counter, bins(func(b *result.CalibrationTotal) float64 { return b.Confidence })},
	}
}

// triggers makes a row's sample where there is a trigger set.
func triggers(value func(*result.Triggers) float64) func(*result.Model, emit) {
	return func(m *result.Model, e emit) {
		if m.Identity != nil && m.Identity.Triggers != nil {
			e(value(m.Identity.Triggers))
		}
	}
}

func identityRows() []row {
	return []row{
		{"gnomon_model_info", "1 for the registered model, with the digest of its file and what that says of its making.", gauge, func(m *result.Model, e emit) {
			said := m.Metadata
			e(1, "digest", m.Digest, "producer", said["producer"], "producer_version", said["producer_version"], "opset", said["opset"], "licence", said["licence"],
				"graph", said["graph"], "domain", said["domain"], "file_version", said["version"])
		}},
		{"gnomon_model_identity_match", "1 while the primary answers golden inputs as the registered model does, 0 while it does not; absent where it is not probed.", gauge, func(m *result.Model, e emit) {
			if m.Identity != nil && !m.Identity.Checked.IsZero() {
				e(boolean(m.Identity.Match))
			}
		}},
		{"gnomon_model_identity_probes_total", "Probes of golden inputs sent to the primary.", counter, func(m *result.Model, e emit) {
			if m.Identity != nil {
				e(float64(m.Identity.Probes))
			}
		}},
		{"gnomon_model_trigger_inputs", "Inputs of the trigger set, whose answers by a sound model are known.", gauge, triggers(func(t *result.Triggers) float64 { return float64(t.Inputs) })},
		{"gnomon_model_trigger_failed_inputs", "Those among them that the primary answered otherwise than expected at the last probe: a sign of poisoning.", gauge, triggers(func(t *result.Triggers) float64 { return float64(t.Failed) })},
		{"gnomon_model_trigger_failures_total", "Wrong answers to inputs of the trigger set.", counter, triggers(func(t *result.Triggers) float64 { return float64(t.Failures) })},
		{"gnomon_model_changes_total", "Changes of the model: another version reported or another fingerprint of what the primary serves, or another model registered where the shadow's model is kept.", counter, func(m *result.Model, e emit) { e(float64(m.Changes)) }},
		{"gnomon_model_last_change_timestamp_seconds", "Unix time of the last of them.", gauge, func(m *result.Model, e emit) { timestamp(e, m.LastChange) }},
	}
}
