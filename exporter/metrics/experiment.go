package metrics

import "github.com/gnomon-dev/gnomon/exporter/result"

// figures makes a row's samples of every figure of every experiment.
func figures(samples func(*result.ExperimentFigure, func(v *float64, labels ...string))) func(*result.Model, emit) {
	return func(m *result.Model, e emit) {
		for i := range m.Experiments {
			x := &m.Experiments[i]
			for j := range x.Figures {
				f := &x.Figures[j]
				samples(f, func(v *float64, labels ...string) {
					optional(e, v, append([]string{"experiment", x.Name, "kpi", f.KPI}, labels...)...)
				})
			}
		}
	}
}

func experimentRows() []row {
	one := func(value func(*result.ExperimentFigure) *float64) func(*result.Model, emit) {
		return figures(func(f *result.ExperimentFigure, put func(*float64, ...string)) { put(value(f)) })
	}
	return []row{
		{"gnomon_experiment_value", "Mean of a key figure in an arm of an experiment.", gauge, figures(func(f *result.ExperimentFigure, put func(*float64, ...string)) {
			put(f.Control, "arm", "control")
			put(f.Treatment, "arm", "treatment")
		})},
		{"gnomon_experiment_samples", "Labelled records of an arm.", gauge, figures(func(f *result.ExperimentFigure, put func(*float64, ...string)) {
			for i, arm := range []string{"control", "treatment"} {
				n := float64(f.N[i])
				put(&n, "arm", arm)
			}
		})},
		{"gnomon_experiment_delta", "Treatment less control.", gauge, one(func(f *result.ExperimentFigure) *float64 { return f.Delta })},
		{"gnomon_experiment_delta_lower", "Lower end of its 95 % confidence sequence: it holds whenever one looks. Absent until something is known.", gauge, one(func(f *result.ExperimentFigure) *float64 { return f.Lower })},
		{"gnomon_experiment_delta_upper", "Upper end of its 95 % confidence sequence.", gauge, one(func(f *result.ExperimentFigure) *float64 { return f.Upper })},
		{"gnomon_experiment_margin", "How much worse the treatment may be.", gauge, one(func(f *result.ExperimentFigure) *float64 { return &f.Margin })},
		{"gnomon_experiment_decision", "1 for the decision of the experiment over all its figures, 0 for the others: promote, hold, roll_back.", gauge, func(m *result.Model, e emit) {
			for _, x := range m.Experiments {
				for _, d := range []string{"promote", "hold", "roll_back"} {
					e(boolean(x.Decision == d), "experiment", x.Name, "decision", d)
				}
			}
		}},
		{"gnomon_experiment_shares_pvalue", "p-value of the check that the traffic is split as configured (chi-square); below 0.001 nothing can be concluded.", gauge, func(m *result.Model, e emit) {
			for _, x := range m.Experiments {
				optional(e, x.Shares, "experiment", x.Name)
			}
		}},
	}
}
