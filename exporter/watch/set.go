package watch

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/feature"
	"github.com/gnomon-dev/gnomon/exporter/monitor/labels"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/replay"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// Set is every model that is watched. It implements pipeline.Monitor.
type Set struct {
	s       Settings
	reasons []string
	// Seen is told which version of a model answers now.
	seen func(model, version string)

	mu     sync.Mutex
	specs  map[string]*Spec
	models map[key]*Model
	served map[string]*served // by name

	joiner  *labels.Joiner
	retired []*labels.Monitor // that the joiner need not keep
}

type key struct{ name, version string }

// served is which version of a model answered last, and how often that
// changed.
type served struct {
	version string
	changes uint64
	changed time.Time
}

// NewSet watches the listed models from the start, before their first record.
func NewSet(models []config.Model, s Settings, reasons []string, seen func(model, version string)) *Set {
	set := &Set{s: s, reasons: reasons, seen: seen, specs: map[string]*Spec{}, models: map[key]*Model{}, served: map[string]*served{}}
	for _, m := range models {
		spec := NewSpec(m, true, reasons)
		var err error
		if spec.Slicer, err = slicer(m, s.Labels.MaxSlices); err != nil {
			spec.Fail(err.Error())
		}
		set.specs[m.Name] = spec
		set.models[key{m.Name, m.Version}] = newModel(spec, m.Version, s)
		seen(m.Name, m.Version)
	}
	set.joiner = set.newJoiner()
	return set
}

// Specs is every listed model.
func (s *Set) Specs() []*Spec {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*Spec, 0, len(s.specs))
	for _, spec := range s.specs {
		if spec.Listed {
			out = append(out, spec)
		}
	}
	slices.SortFunc(out, func(a, b *Spec) int { return cmp.Compare(a.Config.Name, b.Config.Name) })
	return out
}

// Lookup finds a model's shadows for the replayer; nil where it is not known.
func (s *Set) Lookup(name string) *replay.Model {
	s.mu.Lock()
	defer s.mu.Unlock()
	if spec := s.spec(name); spec != nil {
		return spec.Replay
	}
	return nil
}

// Features is how features are made of a model's inputs; nil while that is not
// known.
func (s *Set) Features(model string) *feature.Extractor {
	s.mu.Lock()
	spec := s.specs[model]
	s.mu.Unlock()
	if spec == nil {
		return nil
	}
	return spec.features()
}

// ClassName is the name of a model's class.
func (s *Set) ClassName(model string, class int) string {
	s.mu.Lock()
	spec := s.specs[model]
	s.mu.Unlock()
	if spec == nil {
		return strconv.Itoa(class)
	}
	return spec.ClassName(class)
}

// spec finds a model or, where that is wanted, discovers it; s.mu is held.
func (s *Set) spec(name string) *Spec {
	spec := s.specs[name]
	if spec == nil && s.s.Discover.Enabled && name != "" && len(s.specs) < s.s.Evaluation.MaxModels {
		spec = NewSpec(config.Model{Name: name, Output: config.Output{Kind: "classification", Softmax: "auto", Tolerance: 1e-3}}, false, s.reasons)
		s.specs[name] = spec
	}
	return spec
}

// Discover watches a model that the configuration does not list.
func (s *Set) Discover(name, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.model(name, version)
}

// model finds or makes the monitors of a version; nil where no more are
// allowed. s.mu is held.
func (s *Set) model(name, version string) *Model {
	k := key{name, version}
	if m := s.models[k]; m != nil {
		return m
	}
	spec := s.spec(name)
	if spec == nil || (spec.Config.Version != "" && spec.Config.Version != version) {
		return nil
	}
	// The monitors that waited without a version are this version's.
	if m := s.models[key{name, ""}]; m != nil && m.untouched() {
		delete(s.models, key{name, ""})
		m.mu.Lock()
		m.version = version // read under either lock
		m.mu.Unlock()
		m.labels.Rename(version)
		s.models[k] = m
		return m
	}
	if len(s.models) >= s.s.Evaluation.MaxModels && !s.retire(name) {
		return nil
	}
	m := newModel(spec, version, s.s)
	s.models[k] = m
	return m
}

func (m *Model) untouched() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lastRecord.IsZero()
}

// retire drops the version of a model that has been quiet longest, if it has
// others; s.mu is held.
func (s *Set) retire(name string) bool {
	var oldest key
	var at time.Time
	for k, m := range s.models {
		m.mu.Lock()
		last := m.lastRecord
		m.mu.Unlock()
		if k.name == name && (at.IsZero() || last.Before(at)) {
			oldest, at = k, last
		}
	}
	if at.IsZero() {
		return false
	}
	s.retired = append(s.retired, s.models[oldest].labels)
	delete(s.models, oldest)
	return true
}

// Observe hands each observation to its version's monitors.
func (s *Set) Observe(list []record.Observation) {
	groups := map[key][]*record.Observation{}
	for i := range list {
		k := key{list[i].Model, list[i].Version}
		groups[k] = append(groups[k], &list[i])
	}
	var waiting []*labels.Prediction
	var come []record.Label
	for k, group := range groups {
		s.mu.Lock()
		m := s.model(k.name, k.version)
		if m != nil {
			s.serve(k)
		}
		s.mu.Unlock()
		if m != nil {
			m.observe(group)
			p, l := m.predictions(group)
			waiting, come = append(waiting, p...), append(come, l...)
		}
	}
	s.joiner.Predict(waiting)
	if len(come) > 0 {
		s.joiner.Label(come)
	}
}

// Labels keeps what waits for labels in order until ctx ends.
func (s *Set) Labels(ctx context.Context) error { return s.joiner.Run(ctx, time.Second) }

// serve notes which version answers; s.mu is held.
func (s *Set) serve(k key) {
	was := s.served[k.name]
	if was == nil {
		s.served[k.name] = &served{version: k.version}
		s.seen(k.name, k.version)
		return
	}
	if was.version != k.version {
		was.version, was.changed = k.version, s.s.Now()
		was.changes++
		s.seen(k.name, k.version)
	}
}

// Accept joins labels to the predictions that they belong to, of whatever
// model, unless they name one. Of each that was not taken it returns why.
func (s *Set) Accept(list []record.Label) []error {
	s.judge(list)
	return s.joiner.Label(list)
}

// Delete removes what is kept under an id and under its batch's rows:
// predictions and labels that wait, the worst records.
func (s *Set) Delete(id string) (removed int, err error) {
	removed, err = s.joiner.Delete(id) // first: a label could make it one of the worst
	for _, m := range s.list() {
		removed += m.worst.Forget(id) + m.paired.Forget(id)
	}
	return removed, err
}

// Tick tells every detector that a unit of time has passed.
func (s *Set) Tick() {
	for _, m := range s.list() {
		m.tick()
	}
}

func (s *Set) list() []*Model {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*Model, 0, len(s.models))
	for _, m := range s.models {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b *Model) int {
		return cmp.Or(cmp.Compare(a.spec.Config.Name, b.spec.Config.Name), cmp.Compare(a.version, b.version))
	})
	return out
}

// Evaluate sums up every model. requests says what the tap has seen of one.
func (s *Set) Evaluate(now time.Time, requests func(model string) result.Requests) ([]result.Model, []result.Event) {
	out := []result.Model{}
	var events []result.Event
	s.mu.Lock()
	retired := s.retired
	s.retired = nil
	s.mu.Unlock()
	for _, m := range retired {
		s.joiner.Forget(m)
	}
	store := s.joiner.Stats()
	for _, m := range s.list() {
		r, ev := m.evaluate(now, requests(m.spec.Config.Name), &store)
		r.Experiments = m.experiments(func(version string) *Model {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.models[key{m.spec.Config.Name, version}]
		})
		s.mu.Lock()
		if was := s.served[r.Name]; was != nil {
			r.Changes += was.changes
			r.LastChange = later(r.LastChange, was.changed)
		}
		s.mu.Unlock()
		out = append(out, r)
		events = append(events, ev...)
	}
	return out, events
}
