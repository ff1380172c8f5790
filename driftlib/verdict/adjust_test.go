package verdict

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib"
	"github.com/gnomon-dev/gnomon/driftlib/internal/vectors"
	"github.com/gnomon-dev/gnomon/driftlib/profile"
)

// TestBenjaminiHochbergVector: of scipy's own tests.
func TestBenjaminiHochbergVector(t *testing.T) {
	var in struct{ P []float64 }
	var want []float64
	vectors.Read(t, "statistics.json", "bh_adjust", &in, &want)
	for i, got := range BenjaminiHochberg(in.P) {
		if math.Abs(got-want[i]) > 1e-3 {
			t.Errorf("%d: %v, want %v", i, got, want[i])
		}
	}
}

// TestEBH: the definition, literally: reject the k largest for the largest k with
// k e_(k) / K >= 1/alpha.
func TestEBH(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	for range 200 {
		e := make([]float64, 1+rng.IntN(9))
		for i := range e {
			e[i] = math.Exp(3 * rng.NormFloat64())
		}
		adjusted := EBH(e)
		for _, alpha := range []float64{.01, .1, .3} {
			limit := math.Inf(1)
			for _, v := range e {
				k := 0.0
				for _, w := range e {
					if w >= v {
						k++
					}
				}
				if k*v/float64(len(e)) >= 1/alpha {
					limit = min(limit, v)
				}
			}
			for i, v := range e {
				if (v >= limit) != (adjusted[i] <= alpha*(1+1e-12)) {
					t.Fatalf("%v at %v: %v", e, alpha, adjusted)
				}
			}
		}
	}
	if got := EBH([]float64{math.NaN(), 0, -1, math.Inf(1)}); !math.IsNaN(got[0]) || got[1] != 1 || got[2] != 1 || got[3] != 0 {
		t.Error(got)
	}
}

// TestCorrections: the false discovery rate finds at least what Holm finds.
func TestCorrections(t *testing.T) {
	of := func(c Correction) []Result {
		results := make([]Result, 20)
		for i := range results {
			results[i] = Result{PValue: .002 * float64(i+1), Reference: 1000, Current: 1000, EffectiveReference: 1000, EffectiveCurrent: 1000}
			results[i].PSI.Adjusted = .05
		}
		o := Defaults()
		o.Correction = c
		Adjust(results, o)
		return results
	}
	holm, fdr := of(HolmCorrection), of(FalseDiscoveryRate)
	count := func(list []Result) (n int) {
		for _, r := range list {
			if r.Verdict == Drift {
				n++
			}
		}
		return n
	}
	if count(holm) != 1 || count(fdr) != 20 {
		t.Errorf("Holm finds %d, the false discovery rate %d", count(holm), count(fdr))
	}
}

// TestWordsOfDependence: rows that hang together count as fewer, and it is said.
func TestWordsOfDependence(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	sticky := func(n int) []profile.Column {
		c := profile.Column{Name: "x", Kind: profile.Numeric}
		x := 0.0
		for range n {
			x = .9*x + rng.NormFloat64()
			c.Floats = append(c.Floats, x)
		}
		return []profile.Column{c}
	}
	p, err := profile.FromColumns(sticky(4000), profile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := NewReference(&p.Features[0])
	if err != nil {
		t.Fatal(err)
	}
	s := Sample{Counts: make([]float64, ref.Binner.Len())}
	for _, v := range sticky(1000)[0].Floats {
		s.Counts[ref.Binner.Index(v)]++
		s.Values = append(s.Values, float32(v))
	}
	results := []Result{Compare(ref, s)}
	Adjust(results, Defaults())
	r := results[0]
	if r.EffectiveCurrent > 200 || r.EffectiveCurrent < 20 || !strings.Contains(r.Reason, "count as") {
		t.Errorf("%.0f rows count as %.0f: %s", r.Current, r.EffectiveCurrent, r.Reason)
	}
}

func psi(rest, window []float64) (float64, error) {
	a, b := make([]float64, 10), make([]float64, 10)
	for k, rows := range [2][]float64{rest, window} {
		for _, v := range rows {
			[2][]float64{a, b}[k][min(int(v*10), 9)]++
		}
	}
	return driftlib.PSI(a, b, driftlib.Floor)
}

// TestCalibrate: a limit found on a reference is exceeded by at most the stated
// share of later windows, independent rows or not.
func TestCalibrate(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 2))
	last := rng.Float64()
	next := map[string]func() float64{
		"independent": rng.Float64,
		"sticky": func() float64 {
			if rng.Float64() > .8 {
				last = rng.Float64()
			}
			return last
		},
	}
	const window, rate, trials = 100, .05, 40
	for name, draws := range map[string]int{"independent": 100, "sticky": 0} {
		above, windows := 0, 0
		for range trials {
			rows := make([]float64, 6000)
			for i := range rows {
				rows[i] = next[name]()
			}
			limit, err := Calibrate(rows, CalibrateOptions{Window: window, Rate: rate, Draws: draws, Seed: 5}, psi)
			if err != nil {
				t.Fatal(err)
			}
			for range 20 {
				now := make([]float64, window)
				for i := range now {
					now[i] = next[name]()
				}
				v, _ := psi(rows, now)
				windows++
				if v > limit.Limit {
					above++
				}
			}
		}
		if share := float64(above) / float64(windows); share > rate+.025 || share < rate-.035 {
			t.Errorf("%s: %.3f of the windows are above the limit, stated %v", name, share, rate)
		}
	}
}

func TestCalibrateRefusals(t *testing.T) {
	rows := make([]float64, 100)
	for name, c := range map[string]struct {
		o    CalibrateOptions
		want error
	}{
		"rate":            {CalibrateOptions{Window: 10}, ErrRate},
		"window":          {CalibrateOptions{Rate: .1}, ErrRate},
		"too few windows": {CalibrateOptions{Window: 10, Rate: .01}, ErrFew},
		"too few rows":    {CalibrateOptions{Window: 60, Rate: .1, Draws: 100}, ErrFew},
		"NaN":             {CalibrateOptions{Window: 10, Rate: .5}, ErrRate},
	} {
		_, err := Calibrate(rows, c.o, func(_, _ []float64) (float64, error) { return math.NaN(), nil })
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func FuzzAdjust(f *testing.F) {
	f.Add(.01, .5, math.NaN())
	f.Add(math.Inf(1), -1.0, 0.0)
	f.Fuzz(func(t *testing.T, a, b, c float64) {
		for name, f := range map[string]func([]float64) []float64{"Holm": Holm, "BH": BenjaminiHochberg, "EBH": EBH} {
			p := []float64{a, b, c}
			got := f(p)
			for i, v := range got {
				if name == "EBH" && v > 1 || math.IsNaN(v) && !math.IsNaN(p[i]) {
					t.Errorf("%s of %v is %v", name, p, got)
				}
			}
		}
	})
}

func ExampleHolm() {
	fmt.Printf("%.3f\n", Holm([]float64{.01, .04, .03}))
	// Output: [0.030 0.060 0.060]
}

func ExampleBenjaminiHochberg() {
	fmt.Printf("%.3f\n", BenjaminiHochberg([]float64{.01, .04, .03}))
	// Output: [0.030 0.040 0.040]
}

func ExampleEBH() {
	fmt.Printf("%.3f\n", EBH([]float64{200, 1, 30}))
	// Output: [0.015 1.000 0.050]
}

func ExampleCalibrate() {
	rows := make([]float64, 1000)
	for i := range rows {
		rows[i] = float64(i * 7919 % 1000)
	}
	mean := func(rest, window []float64) (float64, error) {
		a, b := 0.0, 0.0
		for _, v := range rest {
			a += v / float64(len(rest))
		}
		for _, v := range window {
			b += v / float64(len(window))
		}
		return math.Abs(a - b), nil
	}
	t, _ := Calibrate(rows, CalibrateOptions{Window: 20, Rate: .05}, mean)
	fmt.Printf("at most %.0f in 95 %% of windows, from %d\n", t.Limit, t.Windows)
	// Output: at most 91 in 95 % of windows, from 50
}

func ExampleCompare() {
	reference := profile.Column{Name: "age", Kind: profile.Numeric}
	for i := range 1000 {
		reference.Floats = append(reference.Floats, float64(i*37%100))
	}
	p, _ := profile.FromColumns([]profile.Column{reference}, profile.Options{})
	ref, _ := NewReference(&p.Features[0])
	s := Sample{Counts: make([]float64, ref.Binner.Len())}
	for i := range 500 {
		v := float64(i*37%100) + 20
		s.Counts[ref.Binner.Index(v)]++
		s.Values = append(s.Values, float32(v))
	}
	results := []Result{Compare(ref, s)}
	Adjust(results, Defaults())
	fmt.Println(results[0].Verdict, results[0].Severity)
	// Output: drift major
}
