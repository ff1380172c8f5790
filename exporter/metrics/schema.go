package metrics

import "github.com/gnomon-dev/gnomon/exporter/result"

func schemaRows() []row {
	return []row{
		{"gnomon_schema_anomalies_total", "Anomalies of inputs by feature (or input) and kind: records with the anomaly; for constant and order, times that it began. At most 100 features by name, the others as other.", counter, func(m *result.Model, e emit) {
			for _, a := range m.Schema.Anomalies {
				e(float64(a.Count), "feature", a.Feature, "kind", a.Kind)
			}
		}},
		{"gnomon_schema_fault", "1 while a feature (or input) has more anomalies of the kind among the last 200 records than the reference explains (tail probability 1e-12); absent otherwise.", gauge, func(m *result.Model, e emit) {
			for _, f := range m.Schema.Faults {
				e(1, "feature", f.Feature, "kind", f.Kind)
			}
		}},
		{"gnomon_schema_faults", "Pairs of feature and kind that are at fault now.", gauge, func(m *result.Model, e emit) {
			e(float64(len(m.Schema.Faults)))
		}},
	}
}
