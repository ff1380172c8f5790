package watch

import (
	"strings"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/replay"
	"github.com/gnomon-dev/gnomon/exporter/result"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/source"
)

// retrainable is a model with a configuration of retrain.
func retrainable(t *testing.T, yaml string) *Model {
	t.Helper()
	cfg, err := config.Parse("t.yaml", []byte("upstream: http://127.0.0.1:1\nmodels: [{name: m, shadows: [{model: m.onnx}], retrain: {"+yaml+"}}]"))
	if err != nil {
		t.Fatal(err)
	}
	return &Model{spec: &Spec{Config: cfg.Models[0], Origins: []*origin{{}}, Replay: &replay.Model{Shadows: []*replay.Shadow{{}}}}}
}

// metadataOnly is an engine that only says what its file says.
type metadataOnly struct {
	shadow.Engine
	metadata map[string]string
}

func (d metadataOnly) Model() shadow.Model { return shadow.Model{Metadata: d.metadata} }

func TestRetrainSignals(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	base := .9
	fell := &result.Performance{Alarm: true, Accuracy: &result.Interval{Value: .7}, Baseline: &base}
	major := []result.Feature{{Name: "age", State: "major"}, {Name: "debt", State: "quiet"}}
	for name, c := range map[string]struct {
		yaml   string
		model  result.Model
		reason string // of the first, "" for none
		held   string
	}{
		"all is well":       {"trained: 2026-05-01", result.Model{Features: []result.Feature{{Name: "age", State: "minor"}}}, "", ""},
		"accuracy":          {"", result.Model{Performance: fell}, "accuracy has fallen to 0.700, from 0.900", ""},
		"not asked for":     {"signals: [drift]", result.Model{Performance: fell}, "", ""},
		"drift":             {"", result.Model{Features: major}, "major drift in 1 of 2 features: age", ""},
		"too few features":  {"features: 2", result.Model{Features: major}, "", ""},
		"age":               {"trained: 2026-01-01", result.Model{}, "trained 151 days ago (at most 90 days)", ""},
		"any age":           {"trained: 2026-01-01, max_age: 0", result.Model{}, "", ""},
		"a broken pipeline": {"", result.Model{Features: major, Schema: result.Schema{Faults: []result.SchemaFault{{Feature: "age"}}}}, "", "mend the pipeline first"},
		"a skewed feature":  {"", result.Model{Features: major, Skew: &result.Skew{Features: []result.SkewFeature{{Name: "age", Window: 500, Lower: &base}}}}, "", "mend the pipeline first"},
		"provisional":       {"", result.Model{Features: major, Reference: result.Reference{Provisional: true}}, "", "provisional"},
		"wrong version":     {"", result.Model{Features: major, Identity: &result.Identity{Checked: now}}, "", "another model is served"},
	} {
		r := retrainable(t, c.yaml).retrain(&c.model, now)
		got := ""
		if len(r.Reasons) > 0 {
			got = r.Reasons[0].Words
		}
		if got != c.reason || r.Wanted != (c.reason != "") || !strings.Contains(r.Held, c.held) || (c.held == "") != (r.Held == "") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestRetrainSince: a reason keeps the time at which it began, and loses it
// when it is gone.
func TestRetrainSince(t *testing.T) {
	m, at := retrainable(t, ""), time.Unix(1_700_000_000, 0)
	bad, good := &result.Model{Performance: &result.Performance{Alarm: true}}, &result.Model{}
	first := m.retrain(bad, at)
	if again := m.retrain(bad, at.Add(time.Hour)); !again.Since.Equal(*first.Since) || !again.Reasons[0].Since.Equal(at) {
		t.Errorf("%+v", again)
	}
	if calm := m.retrain(good, at.Add(2*time.Hour)); calm.Wanted || calm.Since != nil {
		t.Errorf("%+v", calm)
	}
	if anew := m.retrain(bad, at.Add(3*time.Hour)); !anew.Since.Equal(at.Add(3 * time.Hour)) {
		t.Errorf("%+v", anew)
	}
}

// TestTrained: the configuration, else the file, else the registry.
func TestTrained(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	check := func(m *Model, day, from string) {
		t.Helper()
		at, who := m.spec.trained(now)
		got := ""
		if at != nil {
			got = at.Format(time.DateOnly)
		}
		if got != day || who != from {
			t.Errorf("%s by %q, want %s by %q", got, who, day, from)
		}
	}
	m := retrainable(t, "")
	check(m, "", "")
	m.spec.Origins[0].placed(source.Model{Created: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}, false, now)
	check(m, "2026-03-01", "registry")
	m.spec.Replay.Shadows[0].SetEngine(metadataOnly{metadata: map[string]string{"trained_at": "1770000000", "cut": "2026-01-01 10:00:00"}}, "")
	check(m, "2026-02-02", "model")
	m.spec.Config.Retrain.MetadataKey = "cut"
	check(m, "2026-01-01", "model")
	m.spec.Config.Retrain.Trained = "2026-05-01T12:00:00Z"
	check(m, "2026-05-01", "configuration")
	m.spec.Config.Retrain.Trained = "2027-05-01" // to come: not believed
	check(m, "2026-01-01", "model")
}
