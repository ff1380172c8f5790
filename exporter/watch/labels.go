package watch

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/gnomon-dev/gnomon/driftlib/sequential"
	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/feature"
	"github.com/gnomon-dev/gnomon/exporter/labelstore"
	"github.com/gnomon-dev/gnomon/exporter/monitor/labels"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/slice"
	"github.com/gnomon-dev/gnomon/shadow/compare"
)

// maxStoredBytes bounds predictions that wait in memory.
const maxStoredBytes = 64 << 20

// maxScores is the most probabilities that wait with a prediction.
const maxScores = 32

// newJoiner joins labels to the set's predictions; what the store holds from
// before is taken up.
func (s *Set) newJoiner() *labels.Joiner {
	store := s.s.Store
	if store == nil {
		store = labelstore.NewMemory(s.s.Labels.MaxPending, maxStoredBytes, s.s.Now)
	}
	return labels.NewJoiner(labels.JoinSettings{Store: store, TTL: time.Duration(s.s.Labels.TTL), Monitor: s.monitor, Stranger: s.stranger, Class: s.class,
		Checkpoint: time.Duration(s.s.Labels.Store.Checkpoint), Now: s.s.Now, Logger: s.s.Logger})
}

// monitor is the label monitor of a model and version, which is watched from
// now on if it was not.
func (s *Set) monitor(name, version string) *labels.Monitor {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.model(name, version); m != nil {
		return m.labels
	}
	return nil
}

// stranger is where a label counts whose prediction is not known: the model
// that it names, else the one in use.
func (s *Set) stranger(name string) (string, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	best, found := key{}, false
	for k, m := range s.models {
		if name != "" && k.name != name {
			continue
		}
		if !found || s.models[best].untouched() && !m.untouched() || s.models[best].untouched() == m.untouched() && (k.name < best.name || k.name == best.name && k.version < best.version) {
			best, found = k, true
		}
	}
	return best.name, best.version
}

// class is the name of a class that a label gives by index.
func (s *Set) class(model, class string) string {
	s.mu.Lock()
	spec := s.specs[model]
	s.mu.Unlock()
	if spec == nil {
		return class
	}
	return spec.classNamed(class)
}

// classNamed is a class by its configured name, where it is given by index.
func (s *Spec) classNamed(class string) string {
	names := s.Config.Output.Classes
	if len(names) == 0 || slices.Contains(names, class) {
		return class
	}
	if i, err := strconv.Atoi(class); err == nil && i >= 0 && i < len(names) {
		return names[i]
	}
	return class
}

// monitor's settings of one model and version.
func (s *Settings) monitor(spec *Spec, version string, wrong func(*labels.Prediction, string)) labels.Settings {
	c := labels.Settings{Model: spec.Config.Name, Version: version, Classes: spec.Config.Output.Classes, Class: spec.ClassName, Positive: spec.Config.Output.Positive,
		TTL: time.Duration(s.Labels.TTL), Window: s.Labels.Window, Keep: max(s.Labels.Keep, s.Labels.Window), Complete: s.Labels.Complete, MinAge: time.Duration(s.Labels.MinAge), Slices: s.Labels.MaxSlices, Now: s.Now, Wrong: wrong}
	for _, w := range s.Labels.Windows {
		c.Windows = append(c.Windows, time.Duration(w))
	}
	return c
}

// predictions are what waits for labels of some observations, and the labels
// that came with them.
func (m *Model) predictions(list []*record.Observation) (out []*labels.Prediction, come []record.Label) {
	for _, o := range list {
		if o.ID == "" || o.Primary == nil {
			continue
		}
		p := &labels.Prediction{ID: o.ID, Model: m.spec.Config.Name, Version: o.Version, Time: o.Time, Value: o.Primary.Value, Confidence: o.Primary.Confidence,
			Slices: m.slices(o), Others: m.others(o)}
		m.expose(o, p.Slices)
		if o.Primary.Class >= 0 {
			p.Class = m.spec.ClassName(o.Primary.Class)
		}
		if o.Primary.Labels != nil {
			p.Value = math.NaN() // it counts the labels
			p.Classes = m.spec.names(o.Primary.Labels)
		}
		if o.Primary.Boxes != nil {
			p.Boxes = m.spec.boxes(o.Primary.Boxes)
		}
		if n := len(o.Primary.Probabilities); n <= maxScores {
			for _, v := range o.Primary.Probabilities {
				p.Scores = append(p.Scores, float32(v))
			}
		}
		out = append(out, p)
		if o.Label != nil {
			l := *o.Label
			l.ID, l.Model = o.ID, p.Model
			if m.s.Text != nil {
				l.Class = m.s.Text(l.Class)
			}
			if l.Time.IsZero() { // it was known when the prediction was made
				l.Time = o.Time
			}
			come = append(come, l)
		}
	}
	return out, come
}

// boxes are a detector's by the names of their classes, those with the highest
// scores. What is no box is left out: it finds nothing.
func (s *Spec) boxes(list []compare.Box) []labels.Box {
	out := make([]labels.Box, 0, min(len(list), labels.MaxBoxes))
	for _, b := range list {
		x := labels.Box{Class: s.ClassName(b.Class), Score: b.Score, At: b.At}
		if x.Check() == nil {
			out = append(out, x)
		}
	}
	slices.SortStableFunc(out, func(a, b labels.Box) int { return cmp.Compare(b.Score, a.Score) })
	return out[:min(len(out), labels.MaxBoxes)]
}

// names are classes by name, sorted.
func (s *Spec) names(index []int) []string {
	out := make([]string, len(index))
	for k, i := range index {
		out[k] = s.ClassName(i)
	}
	slices.Sort(out)
	return out
}

// slices are the slices that an observation is in.
func (m *Model) slices(o *record.Observation) []string {
	if m.spec.Slicer == nil {
		return nil
	}
	var names []string
	var row []feature.Value
	if e := m.spec.features(); e != nil {
		if made, err := e.Extract(nil, o.Inputs); err == nil {
			names, row = append(append(names, e.Names()...), predictionFeature, confidenceFeature), append(made, m.derived(o)...)
			show(m.s.Shown, names, row)
		}
	}
	metadata := o.Metadata
	if m.s.Text != nil && len(metadata) > 0 {
		metadata = make(map[string]string, len(o.Metadata))
		for k, v := range o.Metadata {
			metadata[k] = m.s.Text(v)
		}
	}
	return m.spec.Slicer.Names(names, row, metadata)
}

func slicer(c config.Model, most int) (*slice.Slicer, error) {
	if len(c.Slices) == 0 || most == 0 {
		return nil, nil
	}
	var rules []slice.Rule
	for _, s := range c.Slices {
		rules = append(rules, slice.Rule{Name: s.Name, Feature: s.Feature, Header: s.Header, When: s.When})
	}
	return slice.New(rules, most)
}

// refer tells the label monitor what the reference says. m.mu is held.
func (m *Model) refer(b *Baseline) {
	positive := 1
	if p := m.spec.Config.Output.Positive; p != "" && m.spec.ClassName(0) == p {
		positive = 0
	}
	r := labels.NewReference(b.Answers, m.spec.ClassName, positive)
	if len(b.Answers) == 0 {
		r.Labels, r.Dependence = b.Truth, b.Dependence
	}
	if b.Labelled >= 30 {
		d, err := sequential.NewRate(b.Labelled-b.Correct, b.Labelled, sequential.Seed(m.spec.Config.Name+" accuracy"), 1)
		if err == nil {
			r.Detector, r.Threshold = d, m.s.runLength()*float64(m.s.Evaluation.Replicas)
		}
	}
	m.labels.SetReference(r)
}
