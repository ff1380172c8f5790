package onnx

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/provider"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

func small(name string) string { return filepath.Join("testdata", name+".onnx") }

// one runs one sample that must be answered.
func one(t *testing.T, e *Engine, s shadow.Sample) []tensor.Tensor {
	t.Helper()
	r, err := e.Infer(context.Background(), []shadow.Sample{s})
	if err != nil || r[0].Err != nil {
		t.Fatal(err, r)
	}
	for _, o := range r[0].Outputs {
		if err := o.Validate(); err != nil {
			t.Fatal(err)
		}
	}
	return r[0].Outputs
}

// everyType is a sample with two elements of every type the model takes.
func everyType(t *testing.T, m shadow.Model, rows int64) shadow.Sample {
	t.Helper()
	var s shadow.Sample
	for _, in := range m.Inputs {
		x, err := tensor.New(in.Name, in.Type, rows, 2)
		if err != nil {
			t.Fatal(err)
		}
		for i := range x.Len() {
			if in.Type == tensor.Bytes {
				x.Strings[i] = []byte(fmt.Sprintf("%d \x00 é", i)) // zero bytes are bytes
			} else {
				x.SetFloat64(i, float64(i%2))
			}
		}
		s = append(s, x)
	}
	return s
}

// TestEveryType: what goes in comes out, bit for bit, in a batch and alone,
// from prepared memory and as ONNX Runtime allocates it.
func TestEveryType(t *testing.T) {
	for name, types := range map[string]int{"types": 14, "fixed-types": 13} {
		e := load(t, small(name))
		if len(e.Model().Inputs) != types || (e.plan != nil) != (name == "fixed-types") || !e.Model().Batching {
			t.Fatalf("%s: %d inputs, planned: %v", name, len(e.Model().Inputs), e.plan != nil)
		}
		batch := []shadow.Sample{everyType(t, e.Model(), 1), everyType(t, e.Model(), 3), everyType(t, e.Model(), 0), everyType(t, e.Model(), 40)}
		results, err := e.Infer(context.Background(), batch)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range results {
			if r.Err != nil {
				t.Fatalf("%s: sample %d: %v", name, i, r.Err)
			}
			for k, out := range r.Outputs {
				in := batch[i][k]
				if out.Type != in.Type || !slices.Equal(out.Shape, in.Shape) || string(out.Data) != string(in.Data) || !slices.EqualFunc(out.Strings, in.Strings, slices.Equal) {
					t.Errorf("%s: sample %d: %+v becomes %+v", name, i, in, out)
				}
			}
		}
	}
}

func TestHalfPrecisionOfAnyLength(t *testing.T) {
	out := one(t, load(t, small("half")), shadow.Sample{tensor.FromFloat32s("x", []float32{1.5, -2, 0.25}, 1, 3)})
	for k, typ := range []tensor.DataType{tensor.Float16, tensor.BFloat16} {
		if v, _ := out[k].AppendFloat64s(nil); out[k].Type != typ || !slices.Equal(v, []float64{1.5, -2, .25}) {
			t.Errorf("%v: %v", out[k].Type, v)
		}
	}
}

func TestScalar(t *testing.T) {
	x, err := tensor.New("x", tensor.Float16)
	if err != nil {
		t.Fatal(err)
	}
	x.SetFloat64(0, 1.5)
	if out := one(t, load(t, small("scalar")), shadow.Sample{x})[0]; len(out.Shape) != 0 || out.Float64At(0) != 3 {
		t.Errorf("%+v", out)
	}
}

// TestAsManyAsThereAre: none is an answer too.
func TestAsManyAsThereAre(t *testing.T) {
	e := load(t, small("boxes"))
	box := tensor.FromFloat32s("box", make([]float32, 12), 3, 4)
	for marks, want := range map[[3]float32]int64{{0, 0, 0}: 0, {1, 0, 1}: 2} {
		out := one(t, e, shadow.Sample{box, tensor.FromFloat32s("score", marks[:], 3)})
		if !slices.Equal(out[0].Shape, []int64{want, 4}) || !slices.Equal(out[1].Shape, []int64{want}) {
			t.Errorf("%v: %v and %v", marks, out[0].Shape, out[1].Shape)
		}
	}
}

// TestMapsAndSequences: a map is a row, its keys ascending ("ham" before
// "spam"); a sequence of tensors is one tensor.
func TestMapsAndSequences(t *testing.T) {
	e := load(t, small("zipmap"))
	results, err := e.Infer(context.Background(), []shadow.Sample{
		{tensor.FromFloat32s("p", []float32{.75, .25}, 1, 2)}, {tensor.FromFloat32s("p", []float32{.5, .5, 0, 1}, 2, 2)}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]float64{{.25, .75}, {.5, .5, 1, 0}} {
		v, _ := results[i].Outputs[0].AppendFloat64s(nil)
		if results[i].Err != nil || !slices.Equal(v, want) || results[i].Outputs[0].Rows() != i+1 {
			t.Errorf("%+v, want %v", results[i], want)
		}
	}
	x, err := tensor.New("x", tensor.Int64, 2)
	if err != nil {
		t.Fatal(err)
	}
	x.SetFloat64(1, 7)
	out := one(t, load(t, small("sequence")), shadow.Sample{x})[0]
	if v, _ := out.AppendFloat64s(nil); !slices.Equal(out.Shape, []int64{3, 2}) || !slices.Equal(v, []float64{0, 7, 0, 7, 0, 7}) {
		t.Errorf("%+v", out)
	}
}

// TestRowsThatDependOnEachOther are run one at a time, whatever the file says.
func TestRowsThatDependOnEachOther(t *testing.T) {
	e := load(t, small("mean"))
	if e.Model().Batching {
		t.Error("it takes batches")
	}
	results, err := e.Infer(context.Background(), []shadow.Sample{
		{tensor.FromFloat32s("x", []float32{1, 1, 1}, 1, 3)}, {tensor.FromFloat32s("x", []float32{3, 3, 3}, 1, 3)}})
	if err != nil || results[0].Outputs[0].Float64At(0) != 1 || results[1].Outputs[0].Float64At(0) != 3 {
		t.Errorf("%v, %+v", err, results)
	}
}

func ids(v ...int64) shadow.Sample {
	x, _ := tensor.New("ids", tensor.Int64, 1, int64(len(v)))
	for i, id := range v {
		x.SetFloat64(i, float64(id))
	}
	return shadow.Sample{x}
}

// TestLengths: samples of different lengths, one of which is bad, alone and
// padded.
func TestLengths(t *testing.T) {
	for _, pads := range [][]Padding{nil, {{Input: "ids", Axis: 1, Lengths: []int{2, 4}}}} {
		e, err := Open(Settings{Path: small("tokens"), Providers: CPU(), MaxBatch: 8, Padding: pads})
		if err != nil {
			t.Fatal(err)
		}
		results, err := e.Infer(context.Background(), []shadow.Sample{ids(1, 2, 3), ids(4), ids(1, 99, 1), ids(4, 4), ids(1, 1, 1, 1, 1, 1)})
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range [][]float64{{1, 2, 4}, {8}, nil, {8, 8}, {1, 1, 1, 1, 1, 1}} {
			if want == nil {
				if results[i].Err == nil {
					t.Error("an id that does not exist was looked up")
				}
				continue
			}
			if results[i].Err != nil {
				t.Fatal(results[i].Err)
			}
			var sum float64
			for _, v := range want {
				sum += v
			}
			each, _ := results[i].Outputs[0].AppendFloat64s(nil)
			if !slices.Equal(each, want) || results[i].Outputs[1].Float64At(0) != sum {
				t.Errorf("padding %v: sample %d: %v and %v, want %v", pads != nil, i, each, results[i].Outputs[1].Float64At(0), want)
			}
		}
		if (e.Model().FirstInference > 0) != (pads != nil) {
			t.Errorf("first inference %v", e.Model().FirstInference)
		}
		_ = e.Close()
	}
	for why, p := range map[string]Padding{"has no input": {Input: "x", Axis: 1, Lengths: []int{2}}, "is not open": {Input: "ids", Axis: 2, Lengths: []int{2}}, "ascending": {Input: "ids", Axis: 1, Lengths: []int{0}}} {
		if e, err := Open(Settings{Path: small("tokens"), Providers: CPU(), Padding: []Padding{p}}); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%+v: %v", p, err)
			if err == nil {
				_ = e.Close()
			}
		}
	}
}

// TestOutOfMemory: a sample that asks for more memory than there is fails
// alone, and the engine goes on.
func TestOutOfMemory(t *testing.T) {
	e := load(t, small("memory"))
	want := func(n float64) shadow.Sample {
		x, _ := tensor.New("n", tensor.Int64, 1)
		x.SetFloat64(0, n)
		return shadow.Sample{x}
	}
	for range 3 {
		results, err := e.Infer(context.Background(), []shadow.Sample{want(5), want(1 << 50), want(6)})
		if err != nil || results[1].Err == nil || results[0].Outputs[0].Len() != 5 || results[2].Outputs[0].Len() != 6 {
			t.Fatalf("%v, %+v", err, results)
		}
		if i := slices.IndexFunc([]string{"allocate", "alloc", "memory"}, func(s string) bool { return strings.Contains(results[1].Err.Error(), s) }); i < 0 {
			t.Errorf("the error does not say that memory is short: %v", results[1].Err)
		}
	}
}

func TestStatefulIsRefused(t *testing.T) {
	s := Settings{Path: small("lstm"), Providers: CPU()}
	if _, err := Open(s); !errors.Is(err, shadow.ErrModel) || !strings.Contains(err.Error(), `"h0"`) {
		t.Errorf("%v", err)
	}
	s.Stateful = true
	e, err := Open(s)
	if err != nil {
		t.Fatal(err)
	}
	_ = e.Close()
}

// TestPolicy: what becomes of a provider that cannot run the model.
func TestPolicy(t *testing.T) {
	wanted := []provider.Spec{{Name: "cuda"}}
	if _, err := FindLibrary(""); err != nil {
		t.Skip(err)
	}
	if e, err := Open(Settings{Path: digitsModel, Providers: wanted}); err == nil {
		_ = e.Close()
		t.Skip("CUDA works here")
	}
	e, err := Open(Settings{Path: digitsModel, Providers: wanted, Policy: provider.Prefer})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if m := e.Model(); m.Provider != "cpu" || m.CPUNodes != 1 || !strings.Contains(m.Fallback, "provider cuda") {
		t.Errorf("%+v", m)
	}
}

// TestNodesOnTheCPU: a provider that leaves nodes to the CPU is refused, or
// shown as what it is.
func TestNodesOnTheCPU(t *testing.T) {
	if _, err := FindLibrary(""); err != nil {
		t.Skip(err)
	}
	row, err := provider.Find("webgpu")
	if err != nil {
		t.Fatal(err)
	}
	usable(t, row)
	s := Settings{Path: small("shapes"), Providers: []provider.Spec{{Name: "webgpu"}}}
	if _, err := Open(s); err == nil {
		t.Error("NonZero runs on WebGPU: the model is no test any more")
	}
	s.Policy = provider.Prefer
	e, err := Open(s)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if m := e.Model(); m.Provider != "webgpu" || m.CPUNodes <= 0 || m.CPUNodes >= 1 {
		t.Errorf("provider %s, nodes on the CPU %v, fallback %q", m.Provider, m.CPUNodes, m.Fallback)
	}
	out := one(t, e, shadow.Sample{tensor.FromFloat32s("x", []float32{1, 0, 2, 3}, 1, 4)})
	if v, _ := out[0].AppendFloat64s(nil); math.Abs(v[3]-3) > 1e-6 {
		t.Errorf("%v", v)
	}
}
