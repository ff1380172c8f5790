package noise

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/compare/classification"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// shaky answers by a sample's number; every third one is nearly tied, and
// falls the other way in small batches.
type shaky struct{ fail bool }

func (shaky) Model() shadow.Model { return shadow.Model{} }
func (shaky) Close() error        { return nil }
func (s shaky) Infer(_ context.Context, batch []shadow.Sample) ([]shadow.Result, error) {
	if s.fail {
		return nil, shadow.ErrUnavailable
	}
	out := make([]shadow.Result, len(batch))
	for i := range batch {
		n := int(batch[i][0].Float64At(0))
		p := float32(.9)
		if n%3 == 0 {
			p = .50001
			if len(batch) <= secondBatch {
				p = .49999
			}
		}
		if n == 5 {
			out[i].Err = shadow.ErrInput
			continue
		}
		out[i].Outputs = []tensor.Tensor{tensor.FromFloat32s("p", []float32{p, 1 - p}, 1, 2)}
	}
	return out, nil
}

func TestMeasure(t *testing.T) {
	var samples []shadow.Sample
	for i := range 100 {
		samples = append(samples, shadow.Sample{tensor.FromFloat32s("n", []float32{float32(i)}, 1, 1)})
	}
	k := classification.New(compare.Options{Softmax: compare.Never})
	c, err := Measure(context.Background(), shaky{}, k, samples)
	if err != nil || c.Comparisons != 99 || c.Disagreements != 34 || math.Abs(c.MaxAbs-2e-5) > 1e-6 {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := Measure(context.Background(), shaky{fail: true}, k, samples); !errors.Is(err, shadow.ErrUnavailable) {
		t.Error(err)
	}
	var total Total
	total.Add(c, nil, time.Now())
	total.Add(c, shadow.ErrUnavailable, time.Now())
	if got := total.Get(); got.Comparisons != 198 || got.Disagreements != 68 {
		t.Errorf("%+v", got)
	}
	if total.Reset(); total.Get() != (Count{}) {
		t.Error("not forgotten")
	}
}

// TestUpper: none of n is 1 - 0.01^(1/n); the others are scipy's
// beta.ppf(0.99, d + 1, n - d).
func TestUpper(t *testing.T) {
	for _, c := range []struct {
		d, n int
		want float64
	}{
		{0, 256, 1 - math.Pow(.01, 1./256)}, {0, 1, .99}, {5, 1000, 0.0130554}, {34, 99, 0.4641113}, {0, 0, 1}, {3, 3, 1},
	} {
		if got := Upper(c.d, c.n); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%d of %d: %v, want %v", c.d, c.n, got, c.want)
		}
	}
}
