package metrics

import (
	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

func retrainRows() []row {
	return []row{
		{"gnomon_model_trained_timestamp_seconds", "Unix time at which the model was trained: of the configuration, else of the .onnx file's metadata, else at which the registry got the version; absent where nothing says it.", gauge, func(m *result.Model, e emit) {
			if m.Retrain != nil {
				timestamp(e, m.Retrain.Trained)
			}
		}},
		{"gnomon_retrain_wanted", "1 while at least one signal asks for a training, else 0.", gauge, func(m *result.Model, e emit) {
			if m.Retrain != nil {
				e(boolean(m.Retrain.Wanted))
			}
		}},
		{"gnomon_retrain_reason", "1 while the signal asks for a training, else 0: accuracy (the sequential test holds that it has fallen), drift (major drift of inputs while no schema fault or wrong version explains it), age (since training).", gauge, func(m *result.Model, e emit) {
			if m.Retrain == nil {
				return
			}
			for _, signal := range config.RetrainSignals() {
				on := 0.
				for _, r := range m.Retrain.Reasons {
					if r.Signal == signal {
						on = 1
					}
				}
				e(on, "signal", signal)
			}
		}},
	}
}
