package cbpe

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib/performance"
)

// world draws scores whose calibrated probability is known: the score is the
// square root of it, harder when spread is small.
func world(n int, spread float64, rng *rand.Rand) (score []float64, positive []bool) {
	for range n {
		p := 1 / (1 + math.Exp(-spread*rng.NormFloat64()))
		score = append(score, math.Sqrt(p))
		positive = append(positive, rng.Float64() < p)
	}
	return score, positive
}

// TestEstimatesAreTrue: fitted on labels of one time, the estimate is right for
// data of another time that are harder.
func TestEstimatesAreTrue(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	score, label := world(20_000, 2, rng)
	c, err := Fit(score, label)
	if err != nil {
		t.Fatal(err)
	}
	for _, spread := range []float64{2, 1} {
		s, y := world(20_000, spread, rng)
		p := make([]float64, len(s))
		right := 0
		threshold := math.Sqrt(.5)
		for i := range s {
			p[i] = c.At(s[i])
			if (s[i] >= threshold) == y[i] {
				right++
			}
		}
		e, err := Binary(s, p, threshold)
		if err != nil {
			t.Fatal(err)
		}
		auc, err := performance.ROCAUC(s, y)
		if err != nil {
			t.Fatal(err)
		}
		truth := float64(right) / float64(len(s))
		if math.Abs(e.Accuracy.Value-truth) > .01 || math.Abs(e.ROCAUC.Value-auc.Value) > .01 {
			t.Errorf("spread %v: accuracy %.4f, in truth %.4f; AUC %.4f, in truth %.4f", spread, e.Accuracy.Value, truth, e.ROCAUC.Value, auc.Value)
		}
	}
}

// TestAUCByPairs: the sorted form is the sum over pairs.
func TestAUCByPairs(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 4))
	var s, p []float64
	for range 60 {
		s = append(s, float64(rng.IntN(12)))
		p = append(p, rng.Float64())
	}
	var top, positive, negative float64
	for i := range s {
		positive += p[i]
		negative += 1 - p[i]
		for j := range s {
			switch {
			case s[i] > s[j]:
				top += p[i] * (1 - p[j])
			case s[i] == s[j]:
				top += p[i] * (1 - p[j]) / 2
			}
		}
	}
	e, err := Binary(s, p, 6)
	if err != nil {
		t.Fatal(err)
	}
	if want := top / (positive * negative); math.Abs(e.ROCAUC.Value-want) > 1e-12 {
		t.Errorf("%v, want %v", e.ROCAUC, want)
	}
}

// TestIsotonic: scikit-learn's example of pooled violators, and monotone always.
func TestIsotonic(t *testing.T) {
	c, err := Fit([]float64{1, 2, 3, 4, 5, 6}, []bool{false, true, false, true, true, false})
	if err != nil {
		t.Fatal(err)
	}
	got := []float64{}
	for _, s := range []float64{0, 1, 2, 3, 3.5, 4, 5, 6, 7} {
		got = append(got, c.At(s))
	}
	want := []float64{0, 0, .5, .5, (.5 + 2./3) / 2, 2. / 3, 2. / 3, 2. / 3, 2. / 3}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-12 {
			t.Fatalf("%v, want %v", got, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct{ got, want error }{
		"length":      {second(Fit([]float64{1}, nil)), ErrLength},
		"empty":       {second(Fit(nil, nil)), ErrEmpty},
		"NaN":         {second(Fit([]float64{math.NaN()}, []bool{true})), ErrValue},
		"probability": {second(Binary([]float64{1}, []float64{1.1}, .5)), ErrValue},
		"nothing":     {second(Binary(nil, nil, .5)), ErrEmpty},
		"accuracy":    {second(Accuracy([]float64{-1})), ErrValue},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func BenchmarkEstimate(b *testing.B) {
	rng := rand.New(rand.NewPCG(8, 8))
	score, label := world(100_000, 2, rng)
	now, _ := world(100_000, 1, rng)
	for b.Loop() {
		c, err := Fit(score, label)
		if err != nil {
			b.Fatal(err)
		}
		p := make([]float64, len(now))
		for i := range now {
			p[i] = c.At(now[i])
		}
		if _, err := Binary(now, p, .5); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleAccuracy() {
	a, _ := Accuracy([]float64{.9, .8, .7})
	fmt.Println(a)
	// Output: 0.8000 [0.3569, 1.0000] (n=3)
}

func ExampleBinary() {
	e, _ := Binary([]float64{.2, .4, .7, .9}, []float64{.1, .3, .6, .9}, .5)
	fmt.Printf("accuracy %.3f, F1 %.3f, AUC %.3f\n", e.Accuracy.Value, e.F1.Value, e.ROCAUC.Value)
	// Output: accuracy 0.775, F1 0.769, AUC 0.838
}

func ExampleFit() {
	c, _ := Fit([]float64{.1, .2, .3, .4}, []bool{false, true, false, true})
	fmt.Println(c.At(.05), c.At(.25), c.At(.9))
	// Output: 0 0.5 1
}

// TestIntervals: of labels drawn with the probabilities, the realized figures lie
// inside the intervals in about 95 % of cases.
func TestIntervals(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	const n, runs = 400, 400
	s, p := make([]float64, n), make([]float64, n)
	for i := range s {
		s[i] = rng.Float64()
		p[i] = .1 + .7*s[i]
	}
	e, err := Binary(s, p, .5)
	if err != nil {
		t.Fatal(err)
	}
	missed := map[string]int{}
	for range runs {
		y := make([]bool, n)
		c, _ := performance.NewConfusion()
		for i := range y {
			y[i] = rng.Float64() < p[i]
			_ = c.Observe(fmt.Sprint(y[i]), fmt.Sprint(s[i] >= .5))
		}
		auc, _ := performance.ROCAUC(s, y)
		for name, v := range map[string][2]performance.Metric{"accuracy": {e.Accuracy, c.Accuracy()}, "precision": {e.Precision, c.Precision("true")},
			"recall": {e.Recall, c.Recall("true")}, "F1": {e.F1, c.F1("true")}, "AUC": {e.ROCAUC, auc}} {
			if v[1].Value < v[0].Lower || v[1].Value > v[0].Upper {
				missed[name]++
			}
		}
	}
	for name, k := range missed {
		if k < runs/50 || k > runs*9/100 {
			t.Errorf("%s: missed in %d of %d", name, k, runs)
		}
	}
	if e, _ := Binary([]float64{.1}, []float64{0}, .5); e.Precision.Undefined == "" || e.Recall.Undefined == "" || e.F1.Undefined == "" || e.ROCAUC.Undefined == "" {
		t.Errorf("%+v", e)
	}
}

func FuzzCBPE(f *testing.F) {
	f.Add(.1, .5, .9, true)
	f.Add(math.NaN(), math.Inf(1), 5e-324, false)
	f.Fuzz(func(t *testing.T, a, b, c float64, y bool) {
		s := []float64{a, b, c, a}
		cal, err := Fit(s, []bool{y, !y, y, false})
		if err != nil {
			return
		}
		p := make([]float64, len(s))
		for i, v := range s {
			if p[i] = cal.At(v); !(p[i] >= 0 && p[i] <= 1) {
				t.Fatalf("%v at %v", p[i], v)
			}
		}
		e, err := Binary(s, p, b)
		if err != nil || (e.ROCAUC.Defined() && !(e.ROCAUC.Value >= 0 && e.ROCAUC.Value <= 1)) {
			t.Errorf("%+v, %v", e, err)
		}
	})
}
