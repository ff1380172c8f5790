package adapt

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/chain"
	"github.com/gnomon-dev/gnomon/shadow/onnx"
	"github.com/gnomon-dev/gnomon/shadow/shadowtest"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

const digits = "../../examples/digits/models/digits-fp32.onnx"

func open(t *testing.T, path string) shadow.Engine {
	t.Helper()
	if _, err := onnx.FindLibrary(""); err != nil {
		t.Skip(err)
	}
	e, err := onnx.Open(onnx.Settings{Path: path, Providers: onnx.CPU(), MaxBatch: 64, Sessions: 2})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestConformance: without rules it is the engine that it stands before.
func TestConformance(t *testing.T) {
	shadowtest.Run(t, func(t *testing.T) shadow.Engine {
		e, err := New(open(t, digits), Settings{})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}, shadowtest.Digits(t))
}

// TestEverythingElse: pixels of bytes, channels last, another name, and the
// answer under the primary's name, give what the plain model gives.
func TestEverythingElse(t *testing.T) {
	known := shadowtest.Digits(t)
	e, err := New(open(t, digits), Settings{Inputs: []Input{{Input: "image", From: "bytes", Layout: NHWCToNCHW, Scale: 1. / 16, Type: "UINT8"}},
		Outputs: map[string]string{open(t, digits).Model().Outputs[0].Name: "scores"}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	m := e.Model()
	if in := m.Inputs[0]; in.Name != "bytes" || in.Type != tensor.Uint8 || !slices.Equal(in.Shape, []int64{-1, 8, 8, 1}) || m.Outputs[0].Name != "scores" {
		t.Errorf("%+v", m)
	}
	for i, image := range known.Inputs {
		x, err := tensor.New("bytes", tensor.Uint8, 1, 8, 8, 1)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range image {
			x.SetFloat64(k, float64(v)*16)
		}
		r, err := e.Infer(context.Background(), []shadow.Sample{{x}, {tensor.FromFloat32s("bytes", []float32{1}, 1)}})
		if err != nil || r[0].Err != nil || r[0].Outputs[0].Name != "scores" || !errors.Is(r[1].Err, shadow.ErrInput) {
			t.Fatal(err, r)
		}
		for k, want := range known.Outputs[i] {
			if d := r[0].Outputs[0].Float64At(k) - float64(want); d > 1e-4 || d < -1e-4 {
				t.Errorf("sample %d, element %d: off by %v", i, k, d)
			}
		}
	}
}

// TestLayoutBackAndForth on an image whose three sizes differ.
func TestLayoutBackAndForth(t *testing.T) {
	var values []float32
	for i := range 24 {
		values = append(values, float32(i))
	}
	x := tensor.FromFloat32s("x", values, 1, 2, 3, 4) // 2 rows, 3 columns, 4 channels
	in := shadow.IO{Name: "x", Type: tensor.Float32}
	y, err := one(x, in, &Input{Layout: NHWCToNCHW})
	if err != nil || !slices.Equal(y.Shape, []int64{1, 4, 2, 3}) || y.Float64At(1) != 4 || y.Float64At(6) != 1 {
		t.Fatalf("%v %+v", err, y)
	}
	z, err := one(y, in, &Input{Layout: NCHWToNHWC})
	if err != nil || !slices.Equal(z.Shape, x.Shape) || string(z.Data) != string(x.Data) {
		t.Fatalf("%v %+v", err, z)
	}
}

// TestHalfPrecision: a half-precision model takes single precision unasked,
// and integers only where it is told to.
func TestHalfPrecision(t *testing.T) {
	e, err := New(open(t, "../onnx/testdata/scalar.onnx"), Settings{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	whole, err := tensor.New("x", tensor.Int32)
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Infer(context.Background(), []shadow.Sample{{tensor.FromFloat32s("x", []float32{1.5})}, {whole}, {}})
	if err != nil || r[0].Err != nil || r[0].Outputs[0].Float64At(0) != 3 || !errors.Is(r[1].Err, shadow.ErrInput) || !errors.Is(r[2].Err, shadow.ErrInput) {
		t.Errorf("%v %+v", err, r)
	}
}

func TestRulesThatFitNothing(t *testing.T) {
	for why, s := range map[string]Settings{
		"no input":  {Inputs: []Input{{Input: "x"}}},
		"no output": {Outputs: map[string]string{"y": "z"}},
		"layout":    {Inputs: []Input{{Input: "image", Layout: "chwn"}}},
		"type":      {Inputs: []Input{{Input: "image", Type: "FLOAT"}}},
	} {
		if _, err := New(open(t, digits), s); !errors.Is(err, shadow.ErrModel) || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

// TestPreprocessing: a graph in front turns bytes into what the model wants.
func TestPreprocessing(t *testing.T) {
	known := shadowtest.Digits(t)
	e, err := chain.New(open(t, "../onnx/testdata/pixels.onnx"), open(t, digits))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if in := e.Model().Inputs; len(in) != 1 || in[0].Name != "pixels" || in[0].Type != tensor.Uint8 {
		t.Errorf("%+v", in)
	}
	x, err := tensor.New("pixels", tensor.Uint8, 1, 1, 8, 8)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range known.Inputs[0] {
		x.SetFloat64(k, float64(v)*16)
	}
	r, err := e.Infer(context.Background(), []shadow.Sample{{}, {x}})
	if err != nil || r[1].Err != nil || !errors.Is(r[0].Err, shadow.ErrInput) {
		t.Fatal(err, r)
	}
	for k, want := range known.Outputs[0] {
		if d := r[1].Outputs[0].Float64At(k) - float64(want); d > 1e-4 || d < -1e-4 {
			t.Errorf("element %d: off by %v", k, d)
		}
	}
	if _, err := chain.New(open(t, "../onnx/testdata/types.onnx"), open(t, digits)); !errors.Is(err, shadow.ErrModel) {
		t.Errorf("models that do not connect: %v", err)
	}
}
