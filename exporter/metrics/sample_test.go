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
	m := result.Model{Name: "digits", Version: "2", Digest: "sha256:00", Metadata: map[string]string{"producer": "pytorch", "opset": "17", "licence": "MIT"}, Changes: 1, LastChange: &at,
		Verdict:   result.Verdict{Level: result.Warning},
		Reference: result.Reference{Rows: 2000, Digest: "1f2e3d", Loaded: &at},
		Schema:    result.Schema{Anomalies: []result.SchemaAnomaly{{Feature: "f000", Kind: "nan", Count: 12}}, Faults: []result.SchemaFault{{Feature: "f000", Kind: "nan", Since: at}}},
		Freshness: result.Freshness{LastRecord: &at, LastEvent: &at, LastLabel: &at},
		Identity:  &result.Identity{Match: true, Checked: at, Probes: 3, Triggers: &result.Triggers{Inputs: 8, Failed: 1, Probes: 3, Failures: 2}},
	}
	m.Experiments = []result.Experiment{{Name: "canary", Control: "version 1", Treatment: "version 2", Decision: "hold", Shares: ptr(.4),
		Figures: []result.ExperimentFigure{{KPI: "accuracy", Control: ptr(.9), Treatment: ptr(.91), N: [2]int{1000, 900}, Delta: ptr(.01), Lower: ptr(-.02), Upper: ptr(.04), PValue: .5, Margin: .01, Decision: "hold"}}}}
	m.Retrain = &result.Retrain{Wanted: true, Since: &at, Trained: &at, TrainedFrom: "model", Reasons: []result.RetrainReason{{Signal: "age", Since: at, Words: "old"}}}
	m.Skew = &result.Skew{Rows: 500, Records: map[string]uint64{"joined": 90, "unmatched": 2, "no_key": 1}, Features: []result.SkewFeature{{Name: "f000", Comparisons: 90, Mismatches: 3, Window: 90, Ratio: ptr(.03)}}}
	m.Suspects = []result.Suspect{{Kind: "outlier", Total: 3, Records: 90, Ratio: .03, Baseline: .01, Alarm: true}}
	m.Attributions = &result.Attributions{Records: 50, JSDistance: ptr(.1), Parts: []result.AttributionShare{{Part: "age", Reference: .7, Current: .6}, {Part: "debt", Reference: .3, Current: .4}}}
	for i := range features {
		m.Features = append(m.Features, feature(fmt.Sprintf("f%03d", i), bins))
	}
	confidence, prediction := feature("confidence", bins), feature("prediction", 2)
	prediction.Bins[0].Label, prediction.Bins[1].Label = "c01 0", "c02 1"
	m.Confidence, m.Prediction = &confidence, &prediction
	m.Shadows = []result.Shadow{{Name: "twin", Role: "twin", Provider: "cpu", Digest: "sha256:00", Up: true, Inferences: 90, Failures: 1,
		Comparisons: 90, Disagreements: 2, Disagreement: ptr(.02), NoiseFloor: ptr(.004), JSMean: ptr(.01), MaxAbs: ptr(.5), MeanAbs: ptr(.1),
		LagSeconds: .01, LoadSeconds: ptr(.2), Similarity: ptr(.99), CPUNodes: ptr(1), Labelled: 300, AccuracyDelta: ptr(.02), AccuracyDeltaLower: ptr(-.01), AccuracyDeltaUpper: ptr(.05), SelfComparisons: 2048, SelfDisagreements: 3, GoldenComparisons: 512, GoldenDisagreements: 1,
		Start: &result.Start{Kind: "cold", Load: .1, WarmUp: .1, FirstInference: .05, WarmInference: .001}, RestartsByReason: map[string]uint64{"killed": 1}}}
	m.Performance = &result.Performance{Accuracy: &result.Interval{Value: .9, Lower: .8, Upper: .95, N: 100}, Coverage: ptr(.5), DelayP50: ptr(3),
		Labels: result.LabelCounts{"matched": 100, "orphan": 0}, LabelClasses: map[string]uint64{"0": 60, "1": 40},
		ConfusionTotal:    result.Confusion{Labels: []string{"0", "1"}, Counts: [][]int64{{55, 5}, {5, 35}}},
		CalibrationTotals: []result.CalibrationTotal{{Lower: 0, Upper: .5, Count: 10, Correct: 5, Confidence: 4}, {Lower: .5, Upper: 1, Count: 90, Correct: 85, Confidence: 80}},
		Calibration:       &result.Calibration{ECEEqualWidth: ptr(.03), ECEEqualMass: ptr(.02), ECEDebiased: ptr(.01), Brier: ptr(.05), Bins: 15}}
	late(m.Performance)
	return &result.Snapshot{Time: at, Models: []result.Model{m}}
}

// late fills in what late labels say.
func late(p *result.Performance) {
	metric := func(v float64) result.Metric {
		return result.Metric{Value: ptr(v), Lower: ptr(v - .1), Upper: ptr(v + .1), N: 100}
	}
	p.Predictions = 200
	p.Uncorrected = &result.Interval{Value: .92, Lower: .8, Upper: .95, N: 100}
	p.Windows = []result.Window{{Name: "2000", N: 100, Metrics: map[string]result.Metric{"accuracy": metric(.9), "precision": {Undefined: "no positive predictions"}}}}
	p.Slices = []result.Window{{Name: "region=north", N: 40, Metrics: map[string]result.Metric{"accuracy": metric(.8), "mcc": metric(.5)}}}
	p.Maturity = result.Maturity{AgeSeconds: 90, Completeness: .93, Known: true}
	p.Delay = result.Delay{P90: ptr(60), Bins: []result.Count{{Name: "01 up to 1s", Count: 7}}}
	p.CoverageByAge = []result.Coverage{{Age: "01 up to 1s", Predictions: 10, Labelled: 5, Ratio: ptr(.5)}, {Age: "02 1s to 10s"}}
	p.LabelDrift = &result.LabelDrift{PSI: ptr(.2), PSIOfPredictions: ptr(.01), Drifted: true}
	p.Annotators = &result.Annotators{Items: 40, FleissKappa: metric(.7), Agreement: metric(.85), Pairs: []result.Annotator{{First: "ann", Second: "bob", Items: 40, Kappa: metric(.7)}}}
	p.Trust = &result.Trust{Reliability: ptr(.01), Resolution: ptr(.05), Uncertainty: ptr(.09), Overconfident: ptr(.02), Underconfident: ptr(.01), Temperature: ptr(1.3)}
	f1, auc := metric(.8), metric(.9)
	p.Estimate = &result.Estimate{Accuracy: metric(.88), F1: &f1, AUC: &auc, Error: ptr(-.02), Valid: true}
	p.Store = &result.LabelStore{Kind: "disk", Up: true, Entries: 100, Bytes: 1 << 20, Limit: 1 << 30, Expired: 4}
}

func feature(name string, bins int) result.Feature {
	f := result.Feature{Name: name, State: "major", Samples: 1000, Mean: ptr(.5), KS: ptr(.1), KSPValue: ptr(.01), KSAdjusted: ptr(.02), PSI: ptr(.3), KL: ptr(.2),
		JSDistance: ptr(.15), Wasserstein: ptr(.4), ChiSquare: ptr(33), DesignEffect: ptr(1), Evidence: 10, Threshold: 40, Alarms: 1}
	for b := range bins {
		f.Bins = append(f.Bins, result.Bin{Label: fmt.Sprintf("%02d (%.2f, %.2f]", b, float64(b)/10, float64(b+1)/10), Reference: .1, Current: .1, Total: uint64(b)})
	}
	return f
}
