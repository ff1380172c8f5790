package metrics

import (
	"time"

	"github.com/gnomon-dev/gnomon/exporter/result"
	dto "github.com/prometheus/client_model/go"
)

const (
	counter = dto.MetricType_COUNTER
	gauge   = dto.MetricType_GAUGE
)

// emit hands over one sample with the labels that it has beside its model's.
type emit func(v float64, pairs ...string)

// row is one family of the exposition: a new one is a row of a table.
type row struct {
	name, help string
	kind       dto.MetricType
	samples    func(m *result.Model, e emit)
}

// table is every family that the evaluator's results fill, by subject.
func table() []row {
	var rows []row
	for _, group := range [][]row{
		featureRows(), referenceRows(), predictionRows(), shadowRows(), performanceRows(), calibrationRows(), labelRows(), suspectRows(), experimentRows(), identityRows(), retrainRows(), skewRows(), freshnessRows(), schemaRows(),
	} {
		rows = append(rows, group...)
	}
	return rows
}

// Families renders a snapshot of results.
func Families(s *result.Snapshot) []*dto.MetricFamily {
	b := newBuilder()
	for _, r := range table() {
		f := b.family(r.name, r.help, r.kind)
		for i := range s.Models {
			m := &s.Models[i]
			base := labels(nil, "model", m.Name, "model_version", m.Version)
			r.samples(m, func(v float64, pairs ...string) { add(f, v, labels(base, pairs...)) })
		}
	}
	tapFamilies(b, s)
	storeFamilies(b, s)
	return b.done()
}

func tapFamilies(b *builder, s *result.Snapshot) {
	f := b.family("gnomon_evaluation_last_timestamp_seconds", "Unix time of the last evaluation.", gauge)
	if !s.Time.IsZero() {
		add(f, unix(s.Time), nil)
	}
}

func unix(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// optional emits a value that may be absent.
func optional(e emit, v *float64, pairs ...string) {
	if v != nil {
		e(*v, pairs...)
	}
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func timestamp(e emit, t *time.Time) {
	if t != nil && !t.IsZero() {
		e(unix(*t))
	}
}

// monitored is every distribution that the features' series cover: the inputs
// and, as derived features, the predicted class and the confidence.
func monitored(m *result.Model, f func(*result.Feature)) {
	for i := range m.Features {
		f(&m.Features[i])
	}
	if m.Confidence != nil {
		f(m.Confidence)
	}
}

// each makes a row's samples of a value per monitored feature.
func each(value func(*result.Feature) *float64) func(*result.Model, emit) {
	return func(m *result.Model, e emit) {
		monitored(m, func(f *result.Feature) { optional(e, value(f), "feature", f.Name) })
	}
}

func featureRows() []row {
	return []row{
		{"gnomon_feature_bin_total", "Values counted in a bin of the reference's monitor bins (reference deciles refined by tail cuts at min, 1 %, 99 % and max; heavy atoms, -Inf 00, +Inf 90, nan 91, missing 92 and other 93 are bins of their own).", counter,
			func(m *result.Model, e emit) {
				monitored(m, func(f *result.Feature) {
					for i := range f.Bins {
						e(float64(f.Bins[i].Total), "reference", m.Reference.Digest, "feature", f.Name, "bin", f.Bins[i].Label)
					}
				})
			}},
		{"gnomon_feature_ks_statistic", "Two-sample Kolmogorov-Smirnov D of the window against the reference sample, 0 to 1.", gauge, each(func(f *result.Feature) *float64 { return f.KS })},
		{"gnomon_feature_ks_adjusted_pvalue", "Its p-value, adjusted over the model's features (see the verdict's procedure in the documentation); valid for one look, alarms come from gnomon_feature_drifted.", gauge, each(func(f *result.Feature) *float64 { return f.KSAdjusted })},
		{"gnomon_feature_psi", "Population stability index of the window over ten reference-quantile bins, natural logarithm, shares floored at 1e-4.", gauge, each(func(f *result.Feature) *float64 { return f.PSI })},
		{"gnomon_feature_kl_nats", "Kullback-Leibler divergence KL(current || reference) in nats over ten reference-quantile bins, shares floored at 1e-4.", gauge, each(func(f *result.Feature) *float64 { return f.KL })},
		{"gnomon_feature_js_distance", "Jensen-Shannon distance (square root of the divergence, base 2, 0 to 1) over the monitor bins.", gauge, each(func(f *result.Feature) *float64 { return f.JSDistance })},
		{"gnomon_feature_wasserstein_normalized", "Wasserstein-1 distance of the window to the reference, divided by the reference's standard deviation (at least 1e-3).", gauge, each(func(f *result.Feature) *float64 { return f.Wasserstein })},
		{"gnomon_feature_chi2_statistic", "Two-sample chi-square statistic over the monitor bins.", gauge, each(func(f *result.Feature) *float64 { return f.ChiSquare })},
		{"gnomon_feature_window_samples", "Values in the window that the statistics are taken over.", gauge, each(func(f *result.Feature) *float64 { n := float64(f.Samples); return &n })},
		{"gnomon_feature_drifted", "1 while the sequential detector is in alarm and the change is large (lower bound of PSI above 0.1), else 0.", gauge, each(func(f *result.Feature) *float64 { v := boolean(f.State == "major"); return &v })},
		{"gnomon_feature_drift_evidence_ratio", "Evidence of the feature's e-detector over the threshold at which the model alarms.", gauge, each(evidenceRatio)},
		{"gnomon_feature_drift_alarms_total", "Alarms of the feature's sequential detector.", counter, each(func(f *result.Feature) *float64 { v := float64(f.Alarms); return &v })},
	}
}

func evidenceRatio(f *result.Feature) *float64 {
	if f.Threshold <= 0 {
		return nil
	}
	v := f.Evidence / f.Threshold
	return &v
}

func referenceRows() []row {
	return []row{
		{"gnomon_reference_bin_ratio", "Share of the reference in a monitor bin.", gauge, func(m *result.Model, e emit) {
			monitored(m, func(f *result.Feature) {
				for i := range f.Bins {
					e(f.Bins[i].Reference, "reference", m.Reference.Digest, "feature", f.Name, "bin", f.Bins[i].Label)
				}
			})
		}},
		{"gnomon_reference_rows", "Rows of the reference.", gauge, func(m *result.Model, e emit) {
			monitored(m, func(f *result.Feature) {
				e(float64(m.Reference.Rows), "reference", m.Reference.Digest, "feature", f.Name)
			})
		}},
		{"gnomon_reference_loaded_timestamp_seconds", "Unix time at which the bin counters of this reference began at 0.", gauge, func(m *result.Model, e emit) {
			if m.Reference.Loaded != nil && m.Reference.Digest != "" {
				e(unix(*m.Reference.Loaded), "reference", m.Reference.Digest)
			}
		}},
		{"gnomon_reference_design_effect_ratio", "Design effect of the reference: mean chi-square over degrees of freedom of its own contiguous held-out windows; 1 for independent rows.", gauge, func(m *result.Model, e emit) {
			monitored(m, func(f *result.Feature) {
				optional(e, f.DesignEffect, "reference", m.Reference.Digest, "feature", f.Name)
			})
		}},
		{"gnomon_reference_provisional", "1 where the reference was learned from the first records and not given, else 0.", gauge, func(m *result.Model, e emit) {
			e(boolean(m.Reference.Provisional))
		}},
	}
}

func predictionRows() []row {
	return []row{
		{"gnomon_prediction_class_total", "Sampled predictions by the primary's top class.", counter, func(m *result.Model, e emit) {
			if m.Prediction == nil {
				return
			}
			for i := range m.Prediction.Bins {
				e(float64(m.Prediction.Bins[i].Total), "class", m.Prediction.Bins[i].Label)
			}
		}},
		{"gnomon_prediction_psi", "Population stability index of the predicted class, window against reference, natural logarithm, shares floored at 1e-4.", gauge, func(m *result.Model, e emit) {
			if m.Prediction != nil {
				optional(e, m.Prediction.PSI)
			}
		}},
		{"gnomon_prediction_drifted", "1 while the predicted class has drifted by the same rule as gnomon_feature_drifted, else 0.", gauge, func(m *result.Model, e emit) {
			if m.Prediction != nil {
				e(boolean(m.Prediction.State == "major"))
			}
		}},
	}
}

func freshnessRows() []row {
	return []row{
		{"gnomon_last_record_timestamp_seconds", "Unix time of the last sampled record.", gauge, func(m *result.Model, e emit) { timestamp(e, m.Freshness.LastRecord) }},
		{"gnomon_last_event_timestamp_seconds", "Unix time that the newest record says it happened at, where records say so.", gauge, func(m *result.Model, e emit) { timestamp(e, m.Freshness.LastEvent) }},
		{"gnomon_last_label_timestamp_seconds", "Unix time of the last label.", gauge, func(m *result.Model, e emit) { timestamp(e, m.Freshness.LastLabel) }},
		{"gnomon_model_verdict", "1 for the model's present verdict, 0 for the others.", gauge, func(m *result.Model, e emit) {
			for _, l := range []result.Level{result.Healthy, result.Learning, result.Unknown, result.Warning, result.Critical} {
				e(boolean(m.Verdict.Level == l), "level", string(l))
			}
		}},
	}
}
