package onnx

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/provider"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

func load(t *testing.T, path string) *Engine {
	t.Helper()
	if _, err := FindLibrary(""); err != nil {
		t.Skip(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("the model is not here: ", err)
	}
	e, err := Open(Settings{Path: path, Providers: CPU(), MaxBatch: 16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func shared(name string) string {
	return filepath.Join("..", "..", "..", "shared", "data", "onnx", name)
}

// sample makes one row of ones for every input.
func sample(t *testing.T, m shadow.Model, value float32) shadow.Sample {
	t.Helper()
	var s shadow.Sample
	for _, in := range m.Inputs {
		shape := append([]int64{}, in.Shape...)
		n := 1
		for i := range shape {
			if shape[i] < 0 {
				shape[i] = 1
			}
			n *= int(shape[i])
		}
		values := make([]float32, n)
		for i := range values {
			values[i] = value * float32(i%7) / 7
		}
		s = append(s, tensor.FromFloat32s(in.Name, values, shape...))
	}
	return s
}

// TestBatchEqualsOneAtATime on every real model, batching or not.
func TestBatchEqualsOneAtATime(t *testing.T) {
	for _, path := range []string{
		"../../examples/digits/models/digits-fp32.onnx", "../../examples/digits/models/digits-int8.onnx",
		shared("mnist-12.onnx"), shared("cifar10-cnn.onnx"), shared("iris-mlp.onnx"), shared("sklearn-randomforest.onnx"),
	} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			e := load(t, path)
			var batch []shadow.Sample
			for i := range 21 { // more than MaxBatch
				batch = append(batch, sample(t, e.Model(), float32(i)/10))
			}
			together, err := e.Infer(context.Background(), batch)
			if err != nil {
				t.Fatal(err)
			}
			for i := range batch {
				alone, err := e.Infer(context.Background(), batch[i:i+1])
				if err != nil || alone[0].Err != nil || together[i].Err != nil {
					t.Fatal(err, alone[0].Err, together[i].Err)
				}
				for k := range alone[0].Outputs {
					near(t, together[i].Outputs[k], alone[0].Outputs[k])
				}
			}
		})
	}
}

func near(t *testing.T, a, b tensor.Tensor) {
	t.Helper()
	x, errA := a.AppendFloat64s(nil)
	y, errB := b.AppendFloat64s(nil)
	if errA != nil || errB != nil || len(x) != len(y) || len(x) == 0 {
		t.Fatalf("%v %v: %d and %d values", errA, errB, len(x), len(y))
	}
	for i := range x {
		if d := x[i] - y[i]; d > 1e-4 || d < -1e-4 {
			t.Fatalf("element %d: %v in a batch, %v alone", i, x[i], y[i])
		}
	}
}

func TestHalfPrecisionModel(t *testing.T) {
	e := load(t, shared("mnist-12-fp16.onnx"))
	in := e.Model().Inputs[0]
	x, err := tensor.New(in.Name, in.Type, in.Shape...)
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Infer(context.Background(), []shadow.Sample{{x}})
	if err != nil || r[0].Err != nil || r[0].Outputs[0].Len() != 10 {
		t.Fatalf("%v %v %+v", err, r[0].Err, r[0].Outputs)
	}
}

func TestSampleThatDoesNotFitFailsAlone(t *testing.T) {
	e := load(t, "../../examples/digits/models/digits-fp32.onnx")
	good := sample(t, e.Model(), 1)
	bad := map[string]shadow.Sample{
		"no input":    {},
		"wrong name":  {tensor.FromFloat32s("x", make([]float32, 64), 1, 1, 8, 8)},
		"wrong shape": {tensor.FromFloat32s("image", make([]float32, 63), 1, 1, 7, 9)},
		"short data":  {tensor.FromFloat32s("image", make([]float32, 10), 1, 1, 8, 8)},
		"wrong type":  {tensor.Tensor{Name: "image", Type: tensor.Int64, Shape: []int64{1, 1, 8, 8}, Data: make([]byte, 512)}},
	}
	for name, s := range bad {
		r, err := e.Infer(context.Background(), []shadow.Sample{good, s, good})
		if err != nil || r[0].Err != nil || r[2].Err != nil || r[1].Err == nil {
			t.Errorf("%s: %v, %+v", name, err, r)
		}
	}
}

func TestErrorsSayWhy(t *testing.T) {
	if _, err := FindLibrary(""); err != nil {
		t.Skip(err)
	}
	garbage := filepath.Join(t.TempDir(), "m.onnx")
	if err := os.WriteFile(garbage, []byte("no model"), 0o600); err != nil {
		t.Fatal(err)
	}
	model := "../../examples/digits/models/digits-fp32.onnx"
	for name, s := range map[string]Settings{
		"absent":        {Path: "absent.onnx", Providers: CPU()},
		"garbage":       {Path: garbage, Providers: CPU()},
		"digest":        {Path: model, Digest: "sha256:00", Providers: CPU()},
		"no provider":   {Path: model},
		"bad provider":  {Path: model, Providers: []provider.Spec{{Name: "gpu"}}},
		"not available": {Path: model, Providers: []provider.Spec{{Name: "cuda"}}},
	} {
		e, err := Open(s)
		if err == nil {
			_ = e.Close()
			t.Errorf("%s: opened", name)
			continue
		}
		t.Log(name, ": ", err)
	}
	if _, err := FindLibrary("/nowhere/lib.so"); err == nil {
		t.Error("a library that is not there was found")
	}
}

func BenchmarkInfer(b *testing.B) {
	if _, err := FindLibrary(""); err != nil {
		b.Skip(err)
	}
	e, err := Open(Settings{Path: "../../examples/digits/models/digits-fp32.onnx", Providers: CPU(), MaxBatch: 64})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	batch := make([]shadow.Sample, 64)
	for i := range batch {
		batch[i] = shadow.Sample{tensor.FromFloat32s("image", make([]float32, 64), 1, 1, 8, 8)}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Infer(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
}
