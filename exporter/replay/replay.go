// Package replay runs sampled records on a model's shadows and compares the
// answers with the primary's. It is gnomon's own time: nothing here is in the
// request path.
package replay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Reader says what outputs mean. compare.Kind is one.
type Reader interface {
	Read(outputs []tensor.Tensor) (compare.Prediction, error)
}

// Comparer says how two answers differ. Safe for concurrent use.
type Comparer interface {
	Compare(primary, shadow compare.Answer) compare.Delta
}

// Shadow is one engine of a model with what gnomon keeps about it. The engine
// may come and go (it loads while traffic already flows); the counters stay.
type Shadow struct {
	Name, Role string

	engine atomic.Pointer[holder]
	failed atomic.Pointer[string] // why there is no engine

	Inferences atomic.Uint64
	Failures   atomic.Uint64
	lag        atomic.Int64
}

type holder struct{ shadow.Engine }

// SetEngine puts an engine in place; nil takes it away, with the reason.
func (s *Shadow) SetEngine(e shadow.Engine, reason string) {
	if e == nil {
		s.engine.Store(nil)
		s.failed.Store(&reason)
		return
	}
	s.failed.Store(nil)
	s.engine.Store(&holder{e})
}

// Engine is the engine in place, or ErrUnavailable with the reason.
func (s *Shadow) Engine() (shadow.Engine, error) {
	if h := s.engine.Load(); h != nil {
		return h.Engine, nil
	}
	reason := "still loading"
	if r := s.failed.Load(); r != nil {
		reason = *r
	}
	return nil, fmt.Errorf("%w: %s", shadow.ErrUnavailable, reason)
}

// Digest is that of the model in place; "" without one.
func (s *Shadow) Digest() string {
	if h := s.engine.Load(); h != nil {
		return h.Model().Digest
	}
	return ""
}

// Loading reports whether the engine has neither come nor failed yet.
func (s *Shadow) Loading() bool { return s.engine.Load() == nil && s.failed.Load() == nil }

// Lag is the age of the record replayed last when its replay ended.
func (s *Shadow) Lag() time.Duration { return time.Duration(s.lag.Load()) }

// Model is a model's shadows and how its outputs are read and compared.
type Model struct {
	Reader   Reader
	Comparer Comparer
	Shadows  []*Shadow
	// Recent are a few of the inputs that were replayed last.
	Recent Recent
}

// Replayer implements pipeline.Replayer.
type Replayer struct {
	// Lookup finds a model by name; nil where it is not known.
	lookup  func(model string) *Model
	timeout time.Duration
	now     func() time.Time
}

// New returns a Replayer. timeout bounds one batch on one shadow: an engine
// that hangs costs its answers and nothing else.
func New(lookup func(model string) *Model, timeout time.Duration, now func() time.Time) *Replayer {
	return &Replayer{lookup: lookup, timeout: timeout, now: now}
}

// Replay returns one observation a record, in order. A shadow that fails
// leaves its reason in the observation; the error is the context's alone.
func (r *Replayer) Replay(ctx context.Context, records []record.Record) ([]record.Observation, error) {
	out := make([]record.Observation, len(records))
	groups := map[string][]int{}
	for i := range records {
		out[i].Record = records[i]
		groups[records[i].Model] = append(groups[records[i].Model], i)
	}
	for name, rows := range groups {
		if m := r.lookup(name); m != nil {
			r.replayModel(ctx, m, out, rows)
		}
	}
	return out, ctx.Err()
}

func (r *Replayer) replayModel(ctx context.Context, m *Model, out []record.Observation, rows []int) {
	for _, i := range rows {
		m.Recent.offer(out[i].Inputs)
	}
	for _, i := range rows {
		if out[i].Outputs != nil {
			if p, err := m.Reader.Read(out[i].Outputs); err == nil {
				out[i].Primary = &p
			}
		}
		out[i].Shadows = make([]record.ShadowAnswer, len(m.Shadows))
	}
	var wg sync.WaitGroup
	for k, s := range m.Shadows {
		wg.Go(func() { r.replayShadow(ctx, m, s, k, out, rows) })
	}
	wg.Wait()
	for _, i := range rows {
		supply(&out[i])
	}
}

// supply takes the twin's answer for the primary's where the tap has not seen
// that: a mirror shows requests only. Nothing is compared then.
func supply(o *record.Observation) {
	if o.Outputs != nil {
		return
	}
	for i := range o.Shadows {
		if o.Shadows[i].Role == "twin" && o.Shadows[i].Prediction != nil {
			o.Primary, o.Supplied = o.Shadows[i].Prediction, true
			return
		}
	}
}

func (r *Replayer) replayShadow(ctx context.Context, m *Model, s *Shadow, k int, out []record.Observation, rows []int) {
	results, err := r.infer(ctx, s, out, rows)
	for j, i := range rows {
		a := &out[i].Shadows[k]
		a.Shadow, a.Role, a.Err = s.Name, s.Role, err
		if err == nil {
			a.Err = results[j].Err
		}
		if a.Err != nil {
			s.Failures.Add(1)
			continue
		}
		s.Inferences.Add(1)
		answer(m, a, &out[i], results[j].Outputs)
	}
	if err == nil && len(rows) > 0 {
		s.lag.Store(int64(r.now().Sub(out[rows[len(rows)-1]].Time)))
	}
}

// answer reads a shadow's outputs and compares them with the primary's.
func answer(m *Model, a *record.ShadowAnswer, o *record.Observation, outputs []tensor.Tensor) {
	p, err := m.Reader.Read(outputs)
	if err != nil {
		a.Err = err
		return
	}
	a.Prediction = &p
	if o.Primary != nil {
		a.Compared = true
		a.Delta = m.Comparer.Compare(
			compare.Answer{Prediction: *o.Primary, Outputs: o.Outputs},
			compare.Answer{Prediction: p, Outputs: outputs})
	}
}

func (r *Replayer) infer(ctx context.Context, s *Shadow, out []record.Observation, rows []int) ([]shadow.Result, error) {
	engine, err := s.Engine()
	if err != nil {
		return nil, err
	}
	batch := make([]shadow.Sample, len(rows))
	for j, i := range rows {
		batch[j] = Match(engine.Model().Inputs, out[i].Inputs)
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	results, err := engine.Infer(ctx, batch)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: no answer within %v", shadow.ErrUnavailable, r.timeout)
	}
	return results, err
}

// Match brings a record's tensors into the order of the model's inputs: by
// name; where the names differ but there is one of each, that one; where the
// primary takes columns as separate inputs and the model one tensor, as they
// are (the engine says why it cannot).
func Match(inputs []shadow.IO, tensors []tensor.Tensor) shadow.Sample {
	if len(inputs) == 1 && len(tensors) == 1 {
		t := tensors[0]
		t.Name = inputs[0].Name
		return shadow.Sample{t}
	}
	sample := make(shadow.Sample, 0, len(inputs))
	for _, in := range inputs {
		for _, t := range tensors {
			if t.Name == in.Name {
				sample = append(sample, t)
				break
			}
		}
	}
	return sample
}
