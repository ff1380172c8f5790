package verdict

import (
	"strings"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/result"
)

func ptr(v float64) *float64 { return &v }

var now = time.Date(2026, 3, 1, 12, 3, 0, 0, time.UTC)

func settings() Settings {
	return Settings{StaleAfter: time.Minute, ErrorRatio: .05, MinErrors: 20}
}

func healthy() result.Model {
	seen := now
	return result.Model{Name: "digits", Version: "2", Reference: result.Reference{Digest: "abc", Rows: 2000},
		Requests:  result.Requests{Recent: 1000, ErrorRate: ptr(0)},
		Features:  []result.Feature{{Name: "mean", State: "quiet"}, {Name: "std", State: "quiet"}, {Name: "sharpness", State: "quiet"}},
		Shadows:   []result.Shadow{{Name: "twin", Role: "twin", Up: true, Disagreement: ptr(.003), NoiseFloor: ptr(.004)}},
		Freshness: result.Freshness{LastRecord: &seen}}
}

func TestWords(t *testing.T) {
	tests := map[string]struct {
		change func(*result.Model)
		level  result.Level
		words  string
	}{
		"healthy": {func(*result.Model) {}, result.Healthy, "healthy"},
		"large input drift": {func(m *result.Model) { m.Features[0].State = "major"; m.Features[1].State = "minor" },
			result.Critical, "large input drift in 2 of 3 features: mean, std since 12:03:00"},
		"schema": {func(m *result.Model) {
			m.Schema.Faults = []result.SchemaFault{{Feature: "income", Kind: "nan", Words: "is not a number", Odd: 31, Records: 200}}
		}, result.Critical, "the inputs are not what they were: income is not a number (31 of the last 200 records)"},
		"values beyond the reference": {func(m *result.Model) {
			m.Schema.Faults = []result.SchemaFault{{Feature: "mean", Kind: "out_of_range", Words: "is outside of the reference's range [0, 1]"}}
		}, result.Warning, "the inputs are not what they were: mean is outside"},
		"small input drift": {func(m *result.Model) { m.Features[2].State = "minor" },
			result.Warning, "small input drift in 1 of 3 features: sharpness"},
		"silent regression": {func(m *result.Model) { m.Shadows[0].Alarm, m.Shadows[0].Disagreement = true, ptr(.31) },
			result.Critical, "silent regression: the inputs and the error rate are as before, but the shadow disagrees: 31 % against a noise floor of 0.4 %"},
		"disagreement under drift is not called silent": {func(m *result.Model) {
			m.Shadows[0].Alarm, m.Shadows[0].Disagreement = true, ptr(.31)
			m.Features[0].State = "minor"
		}, result.Critical, "shadow disagrees: 31 %"},
		"wrong version": {func(m *result.Model) {
			m.Identity = &result.Identity{Checked: now, Like: "digits-v1", LikeRole: "baseline"}
		}, result.Critical, `wrong version served: golden inputs are answered as by "digits-v1" (baseline)`},
		"a candidate may disagree": {func(m *result.Model) {
			m.Shadows[0].Role, m.Shadows[0].Alarm, m.Shadows[0].Disagreement = "candidate", true, ptr(.5)
		}, result.Healthy, "healthy"},
		"accuracy": {func(m *result.Model) {
			m.Performance = &result.Performance{Alarm: true, Accuracy: &result.Interval{Value: .8, Lower: .76, Upper: .83, N: 500}, Baseline: ptr(.98)}
		}, result.Critical, "accuracy has fallen to 0.800 [0.760, 0.830] over 500 labels, from 0.980"},
		"accuracy expected to fall": {func(m *result.Model) {
			m.Performance = &result.Performance{Estimate: &result.Estimate{Fallen: true, Valid: true, Accuracy: result.Metric{Value: ptr(.79)}, Baseline: ptr(.85)}}
		}, result.Warning, "accuracy is expected to have fallen to 0.790, from 0.850"},
		"a void estimate says nothing": {func(m *result.Model) {
			m.Performance = &result.Performance{Estimate: &result.Estimate{Fallen: true, Accuracy: result.Metric{Value: ptr(.79)}, Baseline: ptr(.85)}}
		}, result.Healthy, "healthy"},
		"labels drift": {func(m *result.Model) {
			m.Performance = &result.Performance{LabelDrift: &result.LabelDrift{Drifted: true, PSI: ptr(.27), Labels: 5000}}
		}, result.Warning, "the mix of classes in the labels has changed (PSI 0.27 over 5000 labels)"},
		"label store down": {func(m *result.Model) {
			m.Performance = &result.Performance{Store: &result.LabelStore{Error: "no space left on device"}}
		}, result.Warning, "labels are refused: the label store is down: no space left on device"},
		"errors":      {func(m *result.Model) { m.Requests.ErrorRate = ptr(.2) }, result.Critical, "20 % of the requests fail"},
		"few errors":  {func(m *result.Model) { m.Requests.ErrorRate, m.Requests.Recent = ptr(.2), 5 }, result.Healthy, "healthy"},
		"shadow down": {func(m *result.Model) { m.Shadows[0].Up, m.Shadows[0].Error = false, "no such file" }, result.Warning, `shadow "twin" is down: no such file`},
		"stale":       {func(m *result.Model) { old := now.Add(-5 * time.Minute); m.Freshness.LastRecord = &old }, result.Warning, "no record for 5m0s"},
		"nothing yet": {func(m *result.Model) { m.Freshness.LastRecord = nil }, result.Unknown, "no record yet"},
		"learning":    {func(m *result.Model) { m.Reference = result.Reference{Wanted: 1000, Rows: 312} }, result.Learning, "learning a provisional reference: 312 of 1000 records"},
		"confidence":  {func(m *result.Model) { m.Confidence = &result.Feature{State: "major", PSI: ptr(.4)} }, result.Warning, "the confidence of the predictions has changed (PSI 0.40)"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := healthy()
			test.change(&m)
			New(settings()).Model(&m, now)
			if m.Verdict.Level != test.level || !strings.Contains(m.Verdict.Findings[0].Words, test.words) {
				t.Errorf("verdict %s %q, want %s %q", m.Verdict.Level, m.Verdict.Findings[0].Words, test.level, test.words)
			}
		})
	}
}

func TestSinceStaysAndEventsAreOnce(t *testing.T) {
	j := New(settings())
	m := healthy()
	m.Features[0].State = "major"
	if ev := j.Model(&m, now); len(ev) != 1 || ev[0].Kind != "input_drift" {
		t.Fatalf("events at the start: %+v", ev)
	}
	if ev := j.Model(&m, now.Add(30*time.Second)); len(ev) != 0 {
		t.Errorf("events while it lasts: %+v", ev)
	}
	if got := m.Verdict.Findings[0].Since; !got.Equal(now) {
		t.Errorf("since %v", got)
	}
	m.Features[0].State = "quiet"
	if ev := j.Model(&m, now.Add(50*time.Second)); len(ev) != 1 || ev[0].Words != "the inputs are as before again" {
		t.Errorf("events at the end: %+v", ev)
	}
}

// TestAnotherFindingOfTheSameKindBeginsAnew: a wrong version after an unknown
// model is news, a growing number is not.
func TestAnotherFindingOfTheSameKindBeginsAnew(t *testing.T) {
	j := New(settings())
	m := healthy()
	m.Identity = &result.Identity{Checked: now}
	j.Model(&m, now)
	m.Identity.Like, m.Identity.LikeRole = "v1", "baseline"
	later := now.Add(20 * time.Second)
	if ev := j.Model(&m, later); len(ev) != 1 || !m.Verdict.Findings[0].Since.Equal(later) {
		t.Errorf("events %+v, since %v", ev, m.Verdict.Findings[0].Since)
	}
}
