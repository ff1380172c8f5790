package watch

import (
	"fmt"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/monitor/agreement"
	"github.com/gnomon-dev/gnomon/exporter/monitor/identity"
	"github.com/gnomon-dev/gnomon/exporter/monitor/labels"
	"github.com/gnomon-dev/gnomon/exporter/replay"
	"github.com/gnomon-dev/gnomon/exporter/result"
	"github.com/gnomon-dev/gnomon/shadow/graph"
)

// evaluate sums up all monitors and words the verdict.
func (m *Model) evaluate(now time.Time, requests result.Requests, store *result.LabelStore) (result.Model, []result.Event) {
	m.adopt() // there may be no traffic yet
	m.mu.Lock()
	version := m.version
	m.mu.Unlock()
	out := result.Model{Name: m.spec.Config.Name, Version: version, Requests: requests, Features: []result.Feature{}, Shadows: []result.Shadow{}}
	m.evaluateFeatures(&out)
	for i, s := range m.spec.Replay.Shadows {
		sh := m.shadow(s, m.spec.Restarts[i], m.agreements[i].Evaluate())
		m.spec.Origins[i].describe(&sh)
		out.Shadows = append(out.Shadows, sh)
	}
	for _, s := range out.Shadows {
		if out.Digest == "" || s.Role == "twin" {
			out.Digest, out.Metadata = s.Digest, s.Metadata
		}
	}
	out.Performance, out.Schema = m.labels.Evaluate(), m.schema.Evaluate()
	out.Performance.Store = store
	out.Changes, out.LastChange = m.spec.retrained()
	out.Suspects, out.Attributions = m.suspects(), m.spec.attributions()
	if p := m.spec.prober.Load(); p != nil {
		out.Identity = fingerprint(p.Result(), &out)
	}
	m.mu.Lock()
	out.Freshness = result.Freshness{LastRecord: when(m.lastRecord), LastEvent: when(m.lastEvent)}
	m.mu.Unlock()
	out.Freshness.LastLabel = when(m.labels.LastLabel())
	out.Skew = m.evaluateSkew()
	out.Retrain = m.retrain(&out, now)
	events := m.judge.Model(&out, now)
	return out, events
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// later is the later of two moments.
func later(a *time.Time, b time.Time) *time.Time {
	if a != nil && !b.After(*a) {
		return a
	}
	return when(b)
}

// evaluateFeatures fills in the reference, and the features with the derived
// ones set apart.
func (m *Model) evaluateFeatures(out *result.Model) {
	m.mu.Lock()
	monitor, b, learned := m.features, m.baseline, len(m.learned)
	m.mu.Unlock()
	out.Reference = result.Reference{Source: m.spec.Config.Reference.File}
	if reason := m.spec.fault.Load(); reason != nil {
		out.Reference.Note = *reason
	}
	if monitor == nil {
		if out.Reference.Source == "" {
			out.Reference.Source, out.Reference.Provisional = "provisional", true
			out.Reference.Rows, out.Reference.Wanted = learned, m.s.Discover.Provisional
		}
		return
	}
	loaded := b.Loaded
	note := out.Reference.Note
	if b.Provisional && note == "" {
		note = fmt.Sprintf("provisional: learned from the first %d records, whatever they were; give the model a reference file", b.Profile.Rows)
	}
	out.Reference = result.Reference{Source: b.Source, Rows: b.Profile.Rows, Provisional: b.Provisional, Digest: b.Profile.Digest(), Loaded: &loaded, Note: note}
	for _, f := range monitor.Evaluate() {
		switch f.Name {
		case predictionFeature:
			for i := range f.Bins { // a class's bin is labelled by the class alone
				f.Bins[i].Label = bare(f.Bins[i].Label)
			}
			out.Prediction = &f
		case confidenceFeature:
			out.Confidence = &f
		default:
			out.Features = append(out.Features, f)
		}
	}
}

// bare is a bin's label without its code: "c03 cat" is "cat".
func bare(label string) string {
	for i := range label {
		if label[i] == ' ' {
			return label[i+1:]
		}
	}
	return label
}

func (m *Model) shadow(s *replay.Shadow, r *restarts, a agreement.Result) result.Shadow {
	out := result.Shadow{Name: s.Name, Role: s.Role, Inferences: s.Inferences.Load(), Failures: s.Failures.Load(), LagSeconds: s.Lag().Seconds(),
		Comparisons: a.Comparisons, Disagreements: a.Disagreements, Window: a.Window, Evidence: a.Evidence, Threshold: a.Threshold, Alarm: a.Alarm, Decision: m.spec.Reader.Decision()}
	out.RestartsByReason, out.Restarts = r.list()
	engine, err := s.Engine()
	if err != nil {
		out.Error, out.Loading = err.Error(), s.Loading()
	} else {
		info := engine.Model()
		load := (info.Load + info.WarmUp).Seconds()
		out.Up, out.Provider, out.Digest, out.LoadSeconds = true, info.Provider, info.Digest, &load
		out.Metadata = graph.Described(info.Metadata)
		out.Fallback, out.CPUNodes = info.Fallback, &info.CPUNodes
		out.Start = &result.Start{Kind: info.Start, Load: info.Load.Seconds(), WarmUp: info.WarmUp.Seconds(), FirstInference: info.FirstInference.Seconds(), WarmInference: info.WarmInference.Seconds()}
	}
	m.self(&out)
	floor := a.Floor
	out.NoiseFloor = &floor
	if a.Window > 0 {
		ratio := float64(a.WindowDisagreements) / float64(a.Window)
		lower, upper := labels.Wilson(a.WindowDisagreements, a.Window)
		maxAbs, meanAbs := a.MaxAbs, a.MeanAbs
		out.Disagreement, out.Lower, out.Upper, out.MaxAbs, out.MeanAbs = &ratio, &lower, &upper, &maxAbs, &meanAbs
		if js := a.JS; js == js {
			out.JSMean = &js
		}
		if v := a.Similarity; v == v {
			out.Similarity = &v
		}
	}
	return out
}

// self fills in what labels, two runs of the shadow itself and golden inputs
// showed.
func (m *Model) self(s *result.Shadow) {
	for i := range m.spec.Noise {
		if m.spec.Replay.Shadows[i].Name != s.Name {
			continue
		}
		m.delta(s, i)
		if c := m.spec.Noise[i].Get(); c.Comparisons > 0 {
			s.SelfComparisons, s.SelfDisagreements, s.SelfMaxAbs = uint64(c.Comparisons), uint64(c.Disagreements), &c.MaxAbs
		}
		if c, _ := m.spec.Golden[i].get(); c.Comparisons > 0 {
			s.GoldenComparisons, s.GoldenDisagreements, s.GoldenMaxAbs = uint64(c.Comparisons), uint64(c.Disagreements), &c.MaxAbs
		}
	}
}

func fingerprint(r identity.Result, m *result.Model) *result.Identity {
	id := &result.Identity{Match: r.Match, Like: r.Like, LikeRole: r.LikeRole, Checked: r.Checked, Probes: r.Probes}
	if r.Err != nil {
		id.Error = r.Err.Error()
	}
	if t := r.Triggers; t.Inputs > 0 {
		id.Triggers = &result.Triggers{Inputs: t.Inputs, Failed: t.Failed, Probes: t.Probes, Failures: t.Failures, First: t.First}
	}
	if !r.Checked.IsZero() {
		agreement, distance := r.Agreement, r.Distance
		id.Agreement, id.Distance = &agreement, &distance
	}
	m.Changes += r.Changes
	m.LastChange = later(m.LastChange, r.Changed)
	return id
}
