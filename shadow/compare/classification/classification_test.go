package classification

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

func scores(v ...float32) []tensor.Tensor {
	return []tensor.Tensor{tensor.FromFloat32s("y", v, 1, int64(len(v)))}
}

func TestReader(t *testing.T) {
	label := tensor.Tensor{Name: "label", Type: tensor.Int64, Shape: []int64{1}, Data: []byte{2, 0, 0, 0, 0, 0, 0, 0}}
	tests := map[string]struct {
		o          compare.Options
		outputs    []tensor.Tensor
		class      int
		confidence float64
		decision   string
	}{
		"probabilities":     {compare.Options{}, scores(.1, .7, .2), 1, .7, "probabilities: the first 1"},
		"logits":            {compare.Options{}, scores(0, 2, 0), 1, math.Exp(2) / (math.Exp(2) + 2), "logits: softmax applied"},
		"one probability":   {compare.Options{}, scores(.8), 1, .8, "probabilities"},
		"one logit":         {compare.Options{}, scores(-3), 0, 1 / (1 + math.Exp(-3)), "logits"},
		"not summing to 1":  {compare.Options{}, scores(.9, .9), 0, .5, "logits"},
		"always":            {compare.Options{Softmax: compare.Always}, scores(.2, .8), 1, math.Exp(.8) / (math.Exp(.8) + math.Exp(.2)), "as configured"},
		"never":             {compare.Options{Softmax: compare.Never}, scores(3, 1), 0, 1, "as configured"},
		"label alone":       {compare.Options{}, []tensor.Tensor{label}, 2, math.NaN(), "undecided"},
		"label and scores":  {compare.Options{}, append([]tensor.Tensor{label}, scores(.1, .9)...), 1, .9, "probabilities"},
		"named output":      {compare.Options{Output: "label"}, append([]tensor.Tensor{label}, scores(.1, .9)...), 2, math.NaN(), "undecided"},
		"large logits stay": {compare.Options{}, scores(1000, 0), 0, 1, "logits"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			k := New(c.o)
			p, err := k.Read(c.outputs)
			if err != nil {
				t.Fatal(err)
			}
			same := math.Abs(p.Confidence-c.confidence) < 1e-6 || math.IsNaN(p.Confidence) && math.IsNaN(c.confidence)
			if p.Class != c.class || !same || !strings.Contains(k.Decision(), c.decision) {
				t.Errorf("%+v, decision %q", p, k.Decision())
			}
		})
	}
}

func TestUnreadableOutputs(t *testing.T) {
	for name, outputs := range map[string][]tensor.Tensor{
		"none": nil, "empty": scores(), "NaN": scores(1, float32(math.NaN())),
		"strings": {{Name: "y", Type: tensor.Bytes, Shape: []int64{1}, Strings: [][]byte{[]byte("a")}}},
	} {
		if _, err := New(compare.Options{}).Read(outputs); !errors.Is(err, compare.ErrOutput) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(compare.Options{Output: "z"}).Read(scores(1)); !errors.Is(err, compare.ErrOutput) {
		t.Error(err)
	}
}

func answer(t *testing.T, k compare.Kind, v ...float32) compare.Answer {
	t.Helper()
	p, err := k.Read(scores(v...))
	if err != nil {
		t.Fatal(err)
	}
	return compare.Answer{Prediction: p, Outputs: scores(v...)}
}

func TestCompare(t *testing.T) {
	k := New(compare.Options{Softmax: compare.Never})
	d := k.Compare(answer(t, k, 1, 0), answer(t, k, 0, 1))
	if d.Agree || math.Abs(d.JS-1) > 1e-12 || d.MaxAbs != 1 || d.MeanAbs != 1 {
		t.Errorf("opposites: %+v", d)
	}
	d = k.Compare(answer(t, k, .25, .75), answer(t, k, .25, .75))
	if !d.Agree || d.JS != 0 || d.MaxAbs != 0 {
		t.Errorf("equals: %+v", d)
	}
}
