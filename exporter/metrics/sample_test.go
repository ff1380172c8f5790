package metrics

import (
	"fmt"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/result"
)

func ptr(v float64) *float64 { return &v }

// sample is a snapshot in which every family has a series.
func sample(features, bins int) *result.Snapshot {
	at := time.Unix(1_772_366_580, 0).UTC()
	m := result.Model{Name: "digits", Version: "2", Digest: "sha256:00", Changes: 1, LastChange: &at,
		Verdict:   result.Verdict{Level: result.Warning},
		Reference: result.Reference{Rows: 2000, Digest: "1f2e3d", Loaded: &at},
		Schema:    result.Schema{Anomalies: []result.SchemaAnomaly{{Feature: "f000", Kind: "nan", Count: 12}}, Faults: []result.SchemaFault{{Feature: "f000", Kind: "nan", Since: at}}},
		Freshness: result.Freshness{LastRecord: &at, LastEvent: &at, LastLabel: &at},
		Identity:  &result.Identity{Match: true, Checked: at, Probes: 3, Triggers: &result.Triggers{Inputs: 8, Failed: 1, Probes: 3, Failures: 2}},
	}
	for i := range features {
		m.Features = append(m.Features, feature(fmt.Sprintf("f%03d", i), bins))
	}
	confidence, prediction := feature("confidence", bins), feature("prediction", 2)
	prediction.Bins[0].Label, prediction.Bins[1].Label = "c01 0", "c02 1"
	m.Confidence, m.Prediction = &confidence, &prediction
	m.Shadows = []result.Shadow{{Name: "twin", Role: "twin", Provider: "cpu", Digest: "sha256:00", Up: true, Inferences: 90, Failures: 1,
		Comparisons: 90, Disagreements: 2, Disagreement: ptr(.02), NoiseFloor: ptr(.004), JSMean: ptr(.01), MaxAbs: ptr(.5), MeanAbs: ptr(.1),
		LagSeconds: .01, LoadSeconds: ptr(.2), RestartsByReason: map[string]uint64{"killed": 1}}}
	m.Performance = &result.Performance{Accuracy: &result.Interval{Value: .9, Lower: .8, Upper: .95, N: 100}, Coverage: ptr(.5), DelayP50: ptr(3),
		Labels: result.LabelCounts{"matched": 100, "orphan": 0}, LabelClasses: map[string]uint64{"0": 60, "1": 40},
		ConfusionTotal:    result.Confusion{Labels: []string{"0", "1"}, Counts: [][]int64{{55, 5}, {5, 35}}},
		CalibrationTotals: []result.CalibrationTotal{{Lower: 0, Upper: .5, Count: 10, Correct: 5, Confidence: 4}, {Lower: .5, Upper: 1, Count: 90, Correct: 85, Confidence: 80}},
		Calibration:       &result.Calibration{ECEEqualWidth: ptr(.03), ECEEqualMass: ptr(.02), ECEDebiased: ptr(.01), Brier: ptr(.05), Bins: 15}}
	return &result.Snapshot{Time: at, Models: []result.Model{m}}
}

func feature(name string, bins int) result.Feature {
	f := result.Feature{Name: name, State: "major", Samples: 1000, Mean: ptr(.5), KS: ptr(.1), KSPValue: ptr(.01), KSAdjusted: ptr(.02), PSI: ptr(.3), KL: ptr(.2),
		JSDistance: ptr(.15), Wasserstein: ptr(.4), ChiSquare: ptr(33), DesignEffect: ptr(1), Evidence: 10, Threshold: 40, Alarms: 1}
	for b := range bins {
		f.Bins = append(f.Bins, result.Bin{Label: fmt.Sprintf("%02d (%.2f, %.2f]", b, float64(b)/10, float64(b+1)/10), Reference: .1, Current: .1, Total: uint64(b)})
	}
	return f
}
