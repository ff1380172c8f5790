package abtest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance*max(1, math.Abs(want)) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// TestOracles: values of scipy 1.17 and statsmodels 0.14.
func TestOracles(t *testing.T) {
	p, err := TwoProportions(45, 200, 60, 210)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "z", p.Statistic, 1.4078711010373657, 1e-12)
	near(t, "p of z", p.PValue, 0.1591692417635341, 1e-12)
	near(t, "Newcombe, lower", p.Lower, -0.023932828551523788, 1e-12)
	near(t, "Newcombe, upper", p.Upper, 0.14381749706342795, 1e-12)
	m, err := McNemar(8, 17, 200)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "McNemar", m.PValue, 0.10775214433670044, 1e-10)
	x := []float64{-0.6, -1.65, 0.5, 1.84, 3.27, 1.22, -0.11, -0.57, 2.5, 4.27, 1.55, -1.47, -0.92, 4.2, 1.41}
	y := []float64{0.27, 1.92, 0.84, 1.37, 1.51, 1.29, 2.55, 1.94, 1.41, 2.41, 2.83, 0.36}
	w, err := Welch(x, y)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "Welch t", w.Statistic, 0.9541433666690973, 1e-12)
	near(t, "Welch p", w.PValue, 0.35160125130570775, 1e-9)
	near(t, "Welch, lower", w.Lower, -0.6288231700879865, 1e-8)
	near(t, "Welch, upper", w.Upper, 1.6868231700879868, 1e-8)
	u, err := MannWhitney(x, y)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "U", u.Statistic, 70.5, 0)
	near(t, "p of U", u.PValue, 0.3537985122313527, 1e-9)
	tied, err := MannWhitney([]float64{2, 4, 4, 4, 1, 0, 3, 3, 3, 0, 0, 2, 1, 2, 4, 1, 2, 1, 1, 4}, []float64{1, 2, 1, 1, 2, 4, 3, 3, 1, 4, 4, 2, 1, 2, 1, 4, 3, 3, 2, 3, 5, 2, 4, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "U with ties", tied.Statistic, 216.5, 0)
	near(t, "p of U with ties", tied.PValue, 0.43931237248947773, 1e-9)
	s, err := SampleRatioMismatch([]int{5020, 4830}, []float64{.5, .5})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "ratio", s.Statistic, 3.66497461928934, 1e-12)
	near(t, "p of the ratio", s.PValue, 0.05556748966490957, 1e-10)
}

func TestCUPED(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	x, y := make([]float64, 5000), make([]float64, 5000)
	for i := range x {
		x[i] = rng.NormFloat64()
		y[i] = 3 + 2*x[i] + rng.NormFloat64()
	}
	a, reduction, err := CUPED(y, x)
	if err != nil {
		t.Fatal(err)
	}
	_, before, _, _ := moments(y)
	_, after, variance, _ := moments(a)
	near(t, "mean", after, before, 1e-12)
	near(t, "variance left", variance, 1, .05)
	near(t, "reduction", reduction, .8, .02)
	if _, r, err := CUPED([]float64{1, 2}, []float64{3, 3}); r != 0 || err != nil {
		t.Errorf("a constant covariate explains %v, %v", r, err)
	}
}

// TestLookedAtAllTheTime: over streams that are looked at after every
// observation, the sequences miss at most as often as they say, where the fixed
// test is wrong in a large part of them.
func TestLookedAtAllTheTime(t *testing.T) {
	const streams, length = 300, 4000
	rng := rand.New(rand.NewPCG(3, 9))
	missedMean, missedShare, rejected, fixed := 0, 0, 0, 0
	for range streams {
		var mean, m2 float64
		var share, onlyA, onlyB int
		var wrong [4]bool
		for i := 1; i <= length; i++ {
			v := rng.ExpFloat64()
			d := v - mean
			mean += d / float64(i)
			m2 += d * (v - mean)
			if rng.Float64() < .1 {
				share++
			}
			if rng.Float64() < .1 {
				if rng.IntN(2) == 0 {
					onlyA++
				} else {
					onlyB++
				}
			}
			if i%10 > 0 || i < 20 {
				continue
			}
			lower, upper, err := Sequence{}.Interval(mean, m2/float64(i-1), i)
			if err != nil {
				t.Fatal(err)
			}
			wrong[0] = wrong[0] || lower > 1 || upper < 1
			low, high, _ := Share(share, i, .05)
			wrong[1] = wrong[1] || low > .1 || high < .1
			p, _ := AnytimeMcNemar(onlyA, onlyB)
			wrong[2] = wrong[2] || p < .05
			f, _ := McNemar(onlyA, onlyB, i)
			wrong[3] = wrong[3] || f.PValue < .05
		}
		for k, count := range []*int{&missedMean, &missedShare, &rejected, &fixed} {
			if wrong[k] {
				*count++
			}
		}
	}
	t.Logf("of %d streams: mean missed in %d, share in %d, McNemar wrong in %d, the fixed test in %d", streams, missedMean, missedShare, rejected, fixed)
	limit := int(streams * (.05 + 3*math.Sqrt(.05*.95/streams)))
	if missedMean > limit+streams/50 || missedShare > limit || rejected > limit { // the mean's is asymptotic
		t.Errorf("missed in %d, %d and %d of %d streams; 5 %% are allowed", missedMean, missedShare, rejected, streams)
	}
	if fixed < 2*rejected {
		t.Error("the fixed test should be wrong far more often")
	}
}

func TestRefusals(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]struct{ got, want error }{
		"more than all": {second(TwoProportions(3, 2, 0, 1)), ErrValue},
		"nobody":        {second(TwoProportions(0, 0, 0, 1)), ErrFew},
		"discordant":    {second(McNemar(5, 6, 10)), ErrValue},
		"one value":     {second(Welch([]float64{1}, []float64{1, 2})), ErrFew},
		"NaN":           {second(Welch([]float64{1, nan}, []float64{1, 2})), ErrValue},
		"ranks of NaN":  {second(MannWhitney([]float64{nan}, []float64{1})), ErrValue},
		"no ranks":      {second(MannWhitney(nil, []float64{1})), ErrFew},
		"shares":        {second(SampleRatioMismatch([]int{1, 2}, []float64{1})), ErrLength},
		"share of 0":    {second(SampleRatioMismatch([]int{1, 2}, []float64{1, 0})), ErrValue},
		"anytime":       {second(AnytimeMcNemar(-1, 0)), ErrValue},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
	if _, _, err := Share(3, 2, .05); !errors.Is(err, ErrValue) {
		t.Error(err)
	}
	if lower, upper, err := (Sequence{}).Interval(1, 1, 10); !math.IsInf(lower, -1) || !math.IsInf(upper, 1) || err != nil {
		t.Error("an interval before its time")
	}
	if r, err := Welch([]float64{2, 2}, []float64{2, 2}); err != nil || r.PValue != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

func second[T any](_ T, err error) error { return err }

func ExampleTwoProportions() {
	r, _ := TwoProportions(45, 200, 60, 210)
	fmt.Printf("%.3f [%.3f, %.3f], p = %.2f\n", r.Effect, r.Lower, r.Upper, r.PValue)
	// Output: 0.061 [-0.024, 0.144], p = 0.16
}
