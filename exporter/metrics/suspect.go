package metrics

import "github.com/gnomon-dev/gnomon/exporter/result"

// signs makes a row's samples of every sign of attack.
func signs(value func(*result.Suspect) float64) func(*result.Model, emit) {
	return func(m *result.Model, e emit) {
		for i := range m.Suspects {
			e(value(&m.Suspects[i]), "kind", m.Suspects[i].Kind)
		}
	}
}

// parts makes a row's samples of every part of the input.
func parts(value func(*result.AttributionShare) float64) func(*result.Model, emit) {
	return func(m *result.Model, e emit) {
		if m.Attributions == nil {
			return
		}
		for i := range m.Attributions.Parts {
			e(value(&m.Attributions.Parts[i]), "part", m.Attributions.Parts[i].Part)
		}
	}
}

func suspectRows() []row {
	return []row{
		{"gnomon_suspect_records_total", "Records that show a sign of an attack: outlier (Mahalanobis distance from the reference with a conformal p-value of 0.01 or less), near_duplicate (within 0.1 standard deviations of one of the last 1000), low_margin (the two highest probabilities within 0.1).", counter, signs(func(s *result.Suspect) float64 { return float64(s.Total) })},
		{"gnomon_suspect_ratio", "Share of such records in the window.", gauge, signs(func(s *result.Suspect) float64 { return s.Ratio })},
		{"gnomon_suspect_baseline_ratio", "Share of such records in the reference.", gauge, signs(func(s *result.Suspect) float64 { return s.Baseline })},
		{"gnomon_suspect_alarm", "1 while the sequential test holds that they are more than in the reference, else 0.", gauge, signs(func(s *result.Suspect) float64 { return boolean(s.Alarm) })},
		{"gnomon_attribution_ratio", "Share of a part of the input in what decides the answers: mean absolute fall of the score when it is replaced by the reference's median (occlusion), over the last 100 explained records; the parts add up to 1.", gauge, parts(func(s *result.AttributionShare) float64 { return s.Current })},
		{"gnomon_reference_attribution_ratio", "The same of the reference.", gauge, parts(func(s *result.AttributionShare) float64 { return s.Reference })},
		{"gnomon_attribution_js_distance", "Jensen-Shannon distance (base 2, 0 to 1) of the two: attribution drift.", gauge, func(m *result.Model, e emit) {
			if m.Attributions != nil {
				optional(e, m.Attributions.JSDistance)
			}
		}},
	}
}
