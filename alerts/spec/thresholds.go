package spec

import "reflect"

// complete fills the fields that are zero.
func (t *Thresholds) complete() {
	defaults := reflect.ValueOf(DefaultThresholds())
	v := reflect.ValueOf(t).Elem()
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			v.Field(i).Set(defaults.Field(i))
		}
	}
}

// ratios names the fields that are shares, each in (0, 1].
func (t *Thresholds) ratios() map[string]float64 {
	return map[string]float64{
		"accuracy_floor": t.AccuracyFloor, "accuracy_target": t.AccuracyTarget, "calibration_error": t.CalibrationError, "calibration_clear": t.CalibrationClear,
		"disagreement": t.Disagreement, "throughput_ratio": t.ThroughputRatio, "drop_ratio": t.DropRatio, "gpu_memory_ratio": t.GPUMemoryRatio,
		"gpu_idle_ratio": t.GPUIdleRatio, "host_memory_ratio": t.HostMemoryRatio, "schema_anomaly_ratio": t.SchemaAnomalyRatio, "serving_failure_ratio": t.ServingFailureRatio,
	}
}
