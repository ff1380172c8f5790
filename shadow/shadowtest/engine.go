// Package shadowtest is the conformance suite of shadow.Engine: what every
// engine must do, in this process or in another, on whatever provider.
package shadowtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Open opens a new engine on the model of the suite. It is closed by the
// suite.
type Open func(t *testing.T) shadow.Engine

// Model is a model with one float32 input, and answers that are known.
type Model struct {
	Input  string
	Shape  []int64 // of one sample, the batch of 1 included
	Inputs [][]float32
	// Outputs are the first output's elements, found by another
	// implementation; within Tolerance.
	Outputs   [][]float32
	Tolerance float64
}

// Run runs the suite on one engine, as gnomon uses it, and closes another.
func Run(t *testing.T, open Open, m Model) {
	e := open(t)
	for _, c := range []struct {
		name string
		run  func(*testing.T, shadow.Engine, Model)
	}{
		{"says what it is", describes},
		{"answers are right", answersRight},
		{"a batch is its rows", batchIsRows},
		{"answers keep their order", keepsOrder},
		{"an empty batch", emptyBatch},
		{"a sample that does not fit fails alone", failsAlone},
		{"results are the caller's", ownsResults},
		{"many callers", manyCallers},
		{"a context that has ended", endedContext},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, e, m) })
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	t.Run("closed", func(t *testing.T) { closed(t, open(t), m) })
}

func (m Model) sample(i int) shadow.Sample {
	return shadow.Sample{tensor.FromFloat32s(m.Input, m.Inputs[i%len(m.Inputs)], m.Shape...)}
}

func (m Model) batch(n int) []shadow.Sample {
	out := make([]shadow.Sample, n)
	for i := range out {
		out[i] = m.sample(i)
	}
	return out
}

func infer(t *testing.T, e shadow.Engine, batch []shadow.Sample) []shadow.Result {
	t.Helper()
	out, err := e.Infer(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != len(batch) {
		t.Fatalf("%d results for %d samples", len(out), len(batch))
	}
	return out
}

// values are the elements of a result's first output.
func values(t *testing.T, r shadow.Result) []float64 {
	t.Helper()
	if r.Err != nil || len(r.Outputs) == 0 {
		t.Fatalf("no answer: %v", r.Err)
	}
	o := r.Outputs[0]
	n, err := tensor.Elements(o.Shape)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = o.Float64At(i)
	}
	return out
}

func (m Model) wrong(i int, got []float64) string {
	want := m.Outputs[i%len(m.Outputs)]
	if len(got) != len(want) {
		return fmt.Sprintf("%d elements, want %d", len(got), len(want))
	}
	for k := range want {
		if math.Abs(got[k]-float64(want[k])) > m.Tolerance {
			return fmt.Sprintf("element %d is %v, want %v", k, got[k], want[k])
		}
	}
	return ""
}

func describes(t *testing.T, e shadow.Engine, m Model) {
	d := e.Model()
	if len(d.Inputs) != 1 || d.Inputs[0].Name != m.Input || len(d.Outputs) == 0 {
		t.Errorf("inputs %+v, outputs %+v", d.Inputs, d.Outputs)
	}
	if !strings.HasPrefix(d.Digest, "sha256:") || len(d.Digest) != len("sha256:")+64 || d.Provider == "" || d.Runtime == "" || d.Load <= 0 {
		t.Errorf("%+v", d)
	}
}

func answersRight(t *testing.T, e shadow.Engine, m Model) {
	for i := range m.Inputs {
		if why := m.wrong(i, values(t, infer(t, e, []shadow.Sample{m.sample(i)})[0])); why != "" {
			t.Errorf("sample %d: %s", i, why)
		}
	}
}

func batchIsRows(t *testing.T, e shadow.Engine, m Model) {
	for _, n := range []int{2, 7, 64, 150} {
		for i, r := range infer(t, e, m.batch(n)) {
			if why := m.wrong(i, values(t, r)); why != "" {
				t.Fatalf("row %d of %d: %s", i, n, why)
			}
		}
	}
}

func keepsOrder(t *testing.T, e shadow.Engine, m Model) {
	batch := m.batch(len(m.Inputs))
	slices.Reverse(batch)
	for i, r := range infer(t, e, batch) {
		if why := m.wrong(len(batch)-1-i, values(t, r)); why != "" {
			t.Fatalf("row %d: %s", i, why)
		}
	}
}

func emptyBatch(t *testing.T, e shadow.Engine, _ Model) { infer(t, e, nil) }

func failsAlone(t *testing.T, e shadow.Engine, m Model) {
	batch := m.batch(5)
	batch[0] = nil                                                                    // no input
	batch[1] = shadow.Sample{tensor.FromFloat32s(m.Input, []float32{1, 2, 3}, 1, 3)}  // another shape
	batch[2] = shadow.Sample{tensor.FromFloat32s("another", m.Inputs[2], m.Shape...)} // another name
	if two := m.sample(3); len(two) == 1 && two[0].Type == tensor.Float32 {           // another type
		ints, err := tensor.New(m.Input, tensor.Int64, m.Shape...)
		if err != nil {
			t.Fatal(err)
		}
		batch[3] = shadow.Sample{ints}
	}
	for i, r := range infer(t, e, batch) {
		if i < 4 {
			if !errors.Is(r.Err, shadow.ErrInput) {
				t.Errorf("row %d: %v, want %v", i, r.Err, shadow.ErrInput)
			}
		} else if why := m.wrong(i, values(t, r)); why != "" {
			t.Errorf("row %d: %s", i, why)
		}
	}
}

func ownsResults(t *testing.T, e shadow.Engine, m Model) {
	kept := infer(t, e, m.batch(8))
	for range 5 {
		reversed := m.batch(8)
		slices.Reverse(reversed)
		infer(t, e, reversed)
	}
	for i, r := range kept {
		if why := m.wrong(i, values(t, r)); why != "" {
			t.Fatalf("row %d after later calls: %s", i, why)
		}
	}
}

func manyCallers(t *testing.T, e shadow.Engine, m Model) {
	var wg sync.WaitGroup
	for k := range 8 {
		wg.Go(func() {
			for n := range 20 {
				results, err := e.Infer(t.Context(), []shadow.Sample{m.sample(k + n), m.sample(k)})
				if err != nil {
					t.Error(err)
					return
				}
				if why := m.wrong(k+n, values(t, results[0])); why != "" {
					t.Error(why)
				}
			}
		})
	}
	wg.Wait()
}

func endedContext(t *testing.T, e shadow.Engine, m Model) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Infer(ctx, m.batch(2)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
	infer(t, e, m.batch(2)) // and goes on
}

func closed(t *testing.T, e shadow.Engine, m Model) {
	for range 2 {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := e.Infer(t.Context(), m.batch(1)); !errors.Is(err, shadow.ErrClosed) {
		t.Errorf("%v, want %v", err, shadow.ErrClosed)
	}
}
