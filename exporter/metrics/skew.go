package metrics

import "github.com/gnomon-dev/gnomon/exporter/result"

// skewed makes a row's samples of every feature that was compared.
func skewed(value func(*result.SkewFeature) *float64) func(*result.Model, emit) {
	return func(m *result.Model, e emit) {
		if m.Skew == nil {
			return
		}
		for i := range m.Skew.Features {
			optional(e, value(&m.Skew.Features[i]), "feature", m.Skew.Features[i].Name)
		}
	}
}

func skewRows() []row {
	return []row{
		{"gnomon_skew_comparisons_total", "Served values held against the value that was logged for training of the same entity.", counter, skewed(func(f *result.SkewFeature) *float64 { return count(f.Comparisons) })},
		{"gnomon_skew_mismatches_total", "Those that differ: by more than the tolerance, in text, or because one of them is missing.", counter, skewed(func(f *result.SkewFeature) *float64 { return count(f.Mismatches) })},
		{"gnomon_skew_mismatch_ratio", "Share of them among the last 1000 comparisons.", gauge, skewed(func(f *result.SkewFeature) *float64 { return f.Ratio })},
		{"gnomon_skew_records_total", "Records by whether their entity has a logged row: joined, unmatched, no_key (the record names no entity).", counter, func(m *result.Model, e emit) {
			if m.Skew == nil {
				return
			}
			for outcome, n := range m.Skew.Records {
				e(float64(n), "outcome", outcome)
			}
		}},
		{"gnomon_skew_rows", "Entities with a logged row.", gauge, func(m *result.Model, e emit) {
			if m.Skew != nil {
				e(float64(m.Skew.Rows))
			}
		}},
	}
}
