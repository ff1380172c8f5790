package explain

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/compare/regression"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// linear answers 3 x0 - 2 x1 + 0 x2.
type linear struct{ calls int }

func (l *linear) Infer(_ context.Context, batch []shadow.Sample) ([]shadow.Result, error) {
	l.calls++
	out := make([]shadow.Result, len(batch))
	for i, s := range batch {
		x := s[0]
		out[i].Outputs = []tensor.Tensor{tensor.FromFloat32s("y", []float32{float32(3*x.Float64At(0) - 2*x.Float64At(1))}, 1, 1)}
	}
	return out, nil
}

func row(v ...float32) shadow.Sample {
	return shadow.Sample{tensor.FromFloat32s("x", v, 1, int64(len(v)))}
}

// TestLinear: of a linear model the attribution of a feature is its weight
// times its distance from the median.
func TestLinear(t *testing.T) {
	typical, err := Typical([]shadow.Sample{row(0, 0, 0), row(1, 10, 5), row(9, 1, 7)})
	if err != nil {
		t.Fatal(err)
	}
	parts, err := Parts([]shadow.IO{{Name: "x", Type: tensor.Float32, Shape: []int64{-1, 3}}}, []string{"age", "debt", "noise"})
	if err != nil {
		t.Fatal(err)
	}
	model := &linear{}
	e := Explainer{Engine: model, Reader: regression.New(compare.Options{}), Parts: parts, Typical: typical}
	got, err := e.Explain(context.Background(), row(5, 4, 100))
	if err != nil {
		t.Fatal(err)
	}
	want := []Attribution{{"age", 3 * (5 - 1)}, {"debt", -2 * (4 - 1)}, {"noise", 0}}
	for i, w := range want {
		if got.Attributions[i] != w {
			t.Errorf("attribution %+v, want %+v", got.Attributions[i], w)
		}
	}
	if got.Score != 7 || got.Class != -1 || model.calls != 1 {
		t.Errorf("score %v, class %d, %d calls; want 7, -1, 1", got.Score, got.Class, model.calls)
	}
	shares := Shares([]Explanation{got})
	if math.Abs(shares[0]-12./18) > 1e-12 || shares[2] != 0 {
		t.Errorf("shares %v", shares)
	}
}

func TestParts(t *testing.T) {
	image := shadow.IO{Name: "img", Type: tensor.Float32, Shape: []int64{-1, 3, 28, 28}}
	parts, err := Parts([]shadow.IO{image}, nil)
	if err != nil || len(parts) != 64 || parts[0].Name != "img[0:3,0:3]" {
		t.Fatalf("%d parts, first %v, %v", len(parts), parts[0].Name, err)
	}
	seen := map[int]bool{}
	for _, p := range parts {
		for _, k := range p.Elements {
			if seen[k] {
				t.Fatalf("element %d is in two parts", k)
			}
			seen[k] = true
		}
	}
	if len(seen) != 3*28*28 {
		t.Errorf("%d elements are covered", len(seen))
	}
	if parts, err := Parts([]shadow.IO{{Name: "w", Type: tensor.Float32, Shape: []int64{-1, 1000}}}, nil); err != nil || len(parts) != MaxParts {
		t.Errorf("a wide input: %d parts, %v", len(parts), err)
	}
	if _, err := Parts([]shadow.IO{{Name: "ids", Type: tensor.Int64, Shape: []int64{-1, -1}}}, nil); !errors.Is(err, ErrExplain) {
		t.Errorf("an open shape: %v", err)
	}
	two := []shadow.IO{{Name: "a", Type: tensor.Float32, Shape: []int64{-1, 1}}, {Name: "b", Type: tensor.Bytes, Shape: []int64{-1, 1}}}
	if parts, err := Parts(two, []string{"age", "job"}); err != nil || parts[0].Name != "age" || parts[1].Name != "job" || parts[1].Input != 1 {
		t.Errorf("columns over two inputs: %+v, %v", parts, err)
	}
}

func TestTextsAreReplacedByTheMostFrequent(t *testing.T) {
	text := func(s string) shadow.Sample {
		return shadow.Sample{{Name: "job", Type: tensor.Bytes, Shape: []int64{1, 1}, Strings: [][]byte{[]byte(s)}}}
	}
	typical, err := Typical([]shadow.Sample{text("clerk"), text("nurse"), text("nurse")})
	if err != nil || string(typical[0].Strings[0]) != "nurse" {
		t.Errorf("%v, %v", typical, err)
	}
	e := Explainer{Parts: []Part{{"job", 0, []int{0}}}, Typical: typical}
	sample := text("pilot")
	batch, err := e.occluded(sample)
	if err != nil || string(batch[1][0].Strings[0]) != "nurse" || string(sample[0].Strings[0]) != "pilot" {
		t.Errorf("%v, %v; the sample itself must stay", batch, err)
	}
}

func TestSampleThatDoesNotFit(t *testing.T) {
	e := Explainer{Typical: row(0, 0)}
	for _, s := range []shadow.Sample{{}, row(1), row(1, 2, 3)} {
		if _, err := e.Explain(context.Background(), s); !errors.Is(err, ErrExplain) {
			t.Errorf("%v", err)
		}
	}
}
