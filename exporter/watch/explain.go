package watch

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gnomon-dev/gnomon/driftlib"
	"github.com/gnomon-dev/gnomon/exporter/explain"
	"github.com/gnomon-dev/gnomon/exporter/monitor/worst"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/replay"
	"github.com/gnomon-dev/gnomon/exporter/result"
	"github.com/gnomon-dev/gnomon/shadow"
)

// ErrNoRecord: an id that is not among the kept records.
var ErrNoRecord = errors.New("no such record among the worst")

const (
	explainWindow  = 100 // live explanations that shares are taken over
	referenceShare = 100 // reference rows that the reference's shares are taken of
	fewExplained   = 30  // below which shares say nothing
)

// explaining is how a model's answers are explained, and what that has shown.
type explaining struct {
	explainer atomic.Pointer[explain.Explainer]
	wanted    atomic.Bool // a live sample is wanted
	sample    atomic.Pointer[shadow.Sample]

	mu        sync.Mutex
	rows      []shadow.Sample       // of the reference, still to be explained
	reference []explain.Explanation // of those that are
	live      []explain.Explanation
	next      int
}

// offerSample copies one record's inputs when one is wanted.
func (s *Spec) offerSample(list []*record.Observation) {
	if len(list) == 0 || !s.explaining.wanted.CompareAndSwap(true, false) {
		return
	}
	if c := clone(list[rand.IntN(len(list))].Inputs); c != nil {
		s.explaining.sample.Store(&c)
	}
}

// explainer prepares explanations by the model that ought to be served. A
// model whose inputs cannot be taken apart is left unexplained.
func (l *Loader) explainer(spec *Spec, engine shadow.Engine, samples []shadow.Sample, columns []string) {
	parts, err := explain.Parts(engine.Model().Inputs, columns)
	if err != nil {
		return
	}
	rows := samples[:min(len(samples), suspectRows)]
	typical, err := explain.Typical(rows)
	if err != nil {
		return
	}
	e := &spec.explaining
	e.mu.Lock()
	e.rows, e.reference, e.live, e.next = every(samples, referenceShare), nil, nil, 0
	e.mu.Unlock()
	e.explainer.Store(&explain.Explainer{Engine: engine, Inputs: engine.Model().Inputs, Reader: spec.Reader, Parts: parts, Typical: typical})
}

// every takes n samples, evenly.
func every(samples []shadow.Sample, n int) []shadow.Sample {
	n = min(n, len(samples))
	out := make([]shadow.Sample, n)
	for i := range out {
		out[i] = samples[i*len(samples)/n]
	}
	return out
}

// explainLoop explains one record at a time: one of the worst, one of the
// reference or a live one, in turn, for as much of the time as the duty cycle
// allows.
func (l *Loader) explainLoop(ctx context.Context, spec *Spec) {
	c := spec.Config.Explain
	for turn := 0; ; turn++ {
		began := time.Now()
		if e := spec.explaining.explainer.Load(); e != nil {
			spec.explainOne(ctx, e, turn)
		}
		rest := time.Duration(float64(time.Since(began)) * (1 - c.DutyCycle) / c.DutyCycle)
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(time.Duration(c.Interval), rest)):
		}
	}
}

func (s *Spec) explainOne(ctx context.Context, e *explain.Explainer, turn int) {
	s.explaining.wanted.Store(s.explaining.sample.Load() == nil)
	if turn%3 == 0 && s.explainWorst(ctx, e) || turn%3 == 1 && s.explainReference(ctx, e) {
		return
	}
	if live := s.explaining.sample.Swap(nil); live != nil {
		if x, err := e.Explain(ctx, replay.Match(e.Inputs, *live)); err == nil {
			s.explaining.add(x)
		}
	}
}

// explainReference explains the next row of the reference; false when none is
// left.
func (s *Spec) explainReference(ctx context.Context, e *explain.Explainer) bool {
	s.explaining.mu.Lock()
	if len(s.explaining.rows) == 0 {
		s.explaining.mu.Unlock()
		return false
	}
	row := s.explaining.rows[0]
	s.explaining.rows = s.explaining.rows[1:]
	s.explaining.mu.Unlock()
	x, err := e.Explain(ctx, row)
	if err != nil {
		return true // the engine is away; the next row
	}
	s.explaining.mu.Lock()
	defer s.explaining.mu.Unlock()
	s.explaining.reference = append(s.explaining.reference, x)
	return true
}

// explainWorst explains one of the worst records; false when none waits.
func (s *Spec) explainWorst(ctx context.Context, e *explain.Explainer) bool {
	for _, k := range s.listKeepers() {
		r, ok := k.Unexplained()
		if !ok {
			continue
		}
		x, err := e.Explain(ctx, replay.Match(e.Inputs, r.Inputs))
		if err != nil {
			k.Unexplainable(r.ID)
			return true
		}
		k.Explained(r.ID, x)
		return true
	}
	return false
}

func (e *explaining) add(x explain.Explanation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.live) < explainWindow {
		e.live = append(e.live, x)
		return
	}
	e.live[e.next] = x
	e.next = (e.next + 1) % explainWindow
}

// attributions is how much each part of the input decides, in the reference
// and now; nil until there is enough of both.
func (s *Spec) attributions() *result.Attributions {
	e := s.explaining.explainer.Load()
	s.explaining.mu.Lock()
	defer s.explaining.mu.Unlock()
	if e == nil || len(s.explaining.reference) < fewExplained || len(s.explaining.live) < fewExplained {
		return nil
	}
	reference, live := explain.Shares(s.explaining.reference), explain.Shares(s.explaining.live)
	if len(reference) != len(e.Parts) || len(live) != len(e.Parts) {
		return nil
	}
	out := &result.Attributions{Records: len(s.explaining.live)}
	for i, p := range e.Parts {
		out.Parts = append(out.Parts, result.AttributionShare{Part: p.Name, Reference: reference[i], Current: live[i]})
	}
	if d, err := driftlib.JSDistance(reference, live); err == nil && !math.IsNaN(d) {
		out.JSDistance = &d
	}
	return out
}

// worded puts an explanation into the API's form, the largest part first.
func (s *Spec) worded(x explain.Explanation) result.Explanation {
	out := result.Explanation{Score: x.Score}
	if x.Class >= 0 {
		out.Class = s.ClassName(x.Class)
	}
	for _, a := range x.Attributions {
		out.Attributions = append(out.Attributions, result.Attribution{Part: a.Part, Value: a.Value})
	}
	slices.SortStableFunc(out.Attributions, func(a, b result.Attribution) int {
		return cmp.Compare(math.Abs(b.Value), math.Abs(a.Value))
	})
	return out
}

// Explain explains one of the worst records now. Errors: ErrNoRecord,
// explain.ErrExplain, and the engine's.
func (s *Set) Explain(ctx context.Context, name, version, id string) (result.Explanation, error) {
	for _, m := range s.versions(name, version) {
		r, ok := m.worst.Find(id)
		if !ok {
			continue
		}
		if r.Explanation != nil {
			return m.spec.worded(*r.Explanation), nil
		}
		return m.spec.explainNow(ctx, m.worst, r)
	}
	return result.Explanation{}, ErrNoRecord
}

func (s *Spec) explainNow(ctx context.Context, k *worst.Keeper, r worst.Record) (result.Explanation, error) {
	e := s.explaining.explainer.Load()
	switch {
	case e == nil:
		return result.Explanation{}, errors.Join(explain.ErrExplain, errors.New("there is no model or no reference of rows to explain with"))
	case r.Inputs == nil:
		return result.Explanation{}, errors.Join(explain.ErrExplain, errors.New("its inputs were too large to keep"))
	}
	x, err := e.Explain(ctx, replay.Match(e.Inputs, r.Inputs))
	if err != nil {
		return result.Explanation{}, err
	}
	k.Explained(r.ID, x)
	return s.worded(x), nil
}
