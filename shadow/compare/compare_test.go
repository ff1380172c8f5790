package compare

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

func scores(v ...float32) []tensor.Tensor {
	return []tensor.Tensor{tensor.FromFloat32s("y", v, 1, int64(len(v)))}
}

func TestReader(t *testing.T) {
	label := tensor.Tensor{Name: "label", Type: tensor.Int64, Shape: []int64{1}, Data: []byte{2, 0, 0, 0, 0, 0, 0, 0}}
	tests := map[string]struct {
		o          Options
		outputs    []tensor.Tensor
		class      int
		confidence float64
		decision   string
	}{
		"probabilities":     {Options{}, scores(.1, .7, .2), 1, .7, "probabilities: the first 1"},
		"logits":            {Options{}, scores(0, 2, 0), 1, math.Exp(2) / (math.Exp(2) + 2), "logits: softmax applied"},
		"one probability":   {Options{}, scores(.8), 1, .8, "probabilities"},
		"one logit":         {Options{}, scores(-3), 0, 1 / (1 + math.Exp(-3)), "logits"},
		"not summing to 1":  {Options{}, scores(.9, .9), 0, .5, "logits"},
		"always":            {Options{Softmax: Always}, scores(.2, .8), 1, math.Exp(.8) / (math.Exp(.8) + math.Exp(.2)), "as configured"},
		"never":             {Options{Softmax: Never}, scores(3, 1), 0, 1, "as configured"},
		"label alone":       {Options{}, []tensor.Tensor{label}, 2, math.NaN(), "undecided"},
		"label and scores":  {Options{}, append([]tensor.Tensor{label}, scores(.1, .9)...), 1, .9, "probabilities"},
		"named output":      {Options{Output: "label"}, append([]tensor.Tensor{label}, scores(.1, .9)...), 2, math.NaN(), "undecided"},
		"large logits stay": {Options{}, scores(1000, 0), 0, 1, "logits"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			r := NewReader(c.o)
			p, err := r.Read(c.outputs)
			if err != nil {
				t.Fatal(err)
			}
			same := math.Abs(p.Confidence-c.confidence) < 1e-6 || math.IsNaN(p.Confidence) && math.IsNaN(c.confidence)
			if p.Class != c.class || !same || !strings.Contains(r.Decision(), c.decision) {
				t.Errorf("%+v, decision %q", p, r.Decision())
			}
		})
	}
}

func TestUnreadableOutputs(t *testing.T) {
	for name, outputs := range map[string][]tensor.Tensor{
		"none": nil, "empty": scores(), "NaN": scores(1, float32(math.NaN())),
		"strings": {{Name: "y", Type: tensor.Bytes, Shape: []int64{1}, Strings: [][]byte{[]byte("a")}}},
	} {
		if _, err := NewReader(Options{}).Read(outputs); !errors.Is(err, ErrOutput) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewReader(Options{Output: "z"}).Read(scores(1)); !errors.Is(err, ErrOutput) {
		t.Error(err)
	}
}

func answer(t *testing.T, r *Reader, v ...float32) Answer {
	t.Helper()
	p, err := r.Read(scores(v...))
	if err != nil {
		t.Fatal(err)
	}
	return Answer{Prediction: p, Outputs: scores(v...)}
}

func TestCompare(t *testing.T) {
	r := NewReader(Options{Softmax: Never})
	c := NewComparer(Options{})
	d := c.Compare(answer(t, r, 1, 0), answer(t, r, 0, 1))
	if d.Agree || math.Abs(d.JS-1) > 1e-12 || d.MaxAbs != 1 || d.MeanAbs != 1 {
		t.Errorf("opposites: %+v", d)
	}
	d = c.Compare(answer(t, r, .25, .75), answer(t, r, .25, .75))
	if !d.Agree || d.JS != 0 || d.MaxAbs != 0 {
		t.Errorf("equals: %+v", d)
	}
	o := Options{Kind: "regression", Tolerance: .01}
	v, cv := NewReader(o), NewComparer(o)
	if !cv.Compare(answer(t, v, 100), answer(t, v, 100.9)).Agree || cv.Compare(answer(t, v, 100), answer(t, v, 102)).Agree {
		t.Error("tolerance of values")
	}
}
