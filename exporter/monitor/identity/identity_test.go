package identity

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/compare/classification"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// served answers with a class that depends on the input's first element.
type served struct {
	classOf func(float32) int
	err     error
}

func (s *served) Infer(_ context.Context, in []tensor.Tensor) ([]tensor.Tensor, error) {
	if s.err != nil {
		return nil, s.err
	}
	return scores(s.classOf(first(in))), nil
}

// scores are probabilities with one class on top.
func scores(class int) []tensor.Tensor {
	v := []float32{.05, .05, .05}
	v[class] = .9
	return []tensor.Tensor{tensor.FromFloat32s("p", v, 1, 3)}
}

func input(v float32) shadow.Sample {
	return shadow.Sample{tensor.FromFloat32s("x", []float32{v}, 1, 1)}
}

func first(in []tensor.Tensor) float32 {
	v, err := in[0].Float32s()
	if err != nil {
		panic(err)
	}
	return v[0]
}

func newProber(t *testing.T, s *served, known ...Known) *Prober {
	t.Helper()
	o := compare.Options{Kind: "classification", Softmax: "never", Tolerance: 1e-3}
	reader := classification.New(o)
	golden := []shadow.Sample{input(0), input(1), input(2)}
	for i := range known {
		for _, g := range golden {
			class := int(first(g)+float32(i)) % 3 // every model answers otherwise
			p, err := reader.Read(scores(class))
			if err != nil {
				t.Fatal(err)
			}
			known[i].Answers = append(known[i].Answers, compare.Answer{Prediction: p, Outputs: scores(class)})
		}
	}
	return New(Settings{Primary: s, Reader: reader, Comparer: reader, Golden: golden, Known: known, Interval: time.Hour, Timeout: time.Second, Limit: DefaultLimit, Now: time.Now})
}

func TestFingerprint(t *testing.T) {
	s := &served{classOf: func(v float32) int { return int(v) }}
	p := newProber(t, s, Known{Name: "twin", Role: "twin"}, Known{Name: "v1", Role: "baseline"})
	p.Probe(context.Background())
	if r := p.Result(); !r.Match || r.Agreement != 1 || r.Changes != 0 {
		t.Errorf("the registered model: %+v", r)
	}
	s.classOf = func(v float32) int { return int(v+1) % 3 }
	p.Probe(context.Background())
	if r := p.Result(); r.Match || r.Like != "v1" || r.Changes != 1 {
		t.Errorf("the previous version: %+v", r)
	}
	s.classOf = func(float32) int { return 2 }
	p.Probe(context.Background())
	if r := p.Result(); r.Match || r.Like != "" || r.Changes != 2 {
		t.Errorf("an unknown model: %+v", r)
	}
	s.err = errors.New("connection refused")
	p.Probe(context.Background())
	if r := p.Result(); r.Err == nil || r.Probes != 3 {
		t.Errorf("no answer leaves the finding as it is: %+v", r)
	}
}

// TestMatched: only where the right model is found is the primary asked for
// more.
func TestMatched(t *testing.T) {
	s := &served{classOf: func(v float32) int { return int(v) }}
	p := newProber(t, s, Known{Name: "twin", Role: "twin"}, Known{Name: "v1", Role: "baseline"})
	calls := 0
	p.s.Matched = func(ctx context.Context, ask func(context.Context, shadow.Sample) (compare.Answer, error)) {
		calls++
		if a, err := ask(ctx, input(2)); err != nil || a.Prediction.Class != 2 {
			t.Errorf("%+v, %v", a, err)
		}
	}
	p.Probe(context.Background())
	s.classOf = func(v float32) int { return int(v+1) % 3 } // the previous version
	p.Probe(context.Background())
	s.err = errors.New("connection refused")
	p.Probe(context.Background())
	if calls != 1 {
		t.Errorf("%d calls, want 1", calls)
	}
}

// TestTriggerSet: the golden inputs see nothing, the trigger does.
func TestTriggerSet(t *testing.T) {
	s := &served{classOf: func(v float32) int { return int(v) % 3 }}
	p := newProber(t, s, Known{Name: "twin", Role: "twin"})
	p.Watch([]Trigger{{input(1), "1"}, {input(32), "2"}}, func(c int) string { return fmt.Sprint(c) })
	p.Probe(context.Background())
	if r := p.Result(); r.Triggers.Failed != 0 || r.Triggers.Inputs != 2 || r.Triggers.Probes != 1 {
		t.Errorf("a sound model: %+v", r.Triggers)
	}
	s.classOf = func(v float32) int {
		if v == 32 { // the backdoor
			return 0
		}
		return int(v) % 3
	}
	for range 2 {
		p.Probe(context.Background())
	}
	r := p.Result()
	if !r.Match {
		t.Error("the backdoor is not to be seen in the golden inputs, in this test")
	}
	if r.Triggers.Failed != 1 || r.Triggers.Failures != 2 || r.Triggers.First != "answered 0, expected 2" {
		t.Errorf("a poisoned model: %+v", r.Triggers)
	}
}
