package driftlib

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func ExampleKolmogorovSmirnovOneSided() {
	before, after := []float64{1, 2, 3, 4, 5, 6}, []float64{4, 5, 6, 7, 8, 9}
	grown, _ := KolmogorovSmirnovOneSided(before, after, Greater)
	fallen, _ := KolmogorovSmirnovOneSided(before, after, Less)
	fmt.Printf("grown: D = %.2f, p = %.3f; fallen: D = %.2f, p = %.0f\n", grown.D, grown.PValue, fallen.D, fallen.PValue)
	// Output: grown: D = 0.50, p = 0.238; fallen: D = 0.00, p = 1
}

func ExampleKolmogorovSmirnovWeighted() {
	r, _ := KolmogorovSmirnovWeighted(Weighted{Values: []float64{1, 2, 3}, Weights: []float64{2, 1, 1}}, Weighted{Values: []float64{2, 3}})
	fmt.Printf("D = %.2f, effective sizes %.2f and %.0f\n", r.D, r.N, r.M)
	// Output: D = 0.50, effective sizes 2.67 and 2
}

func ExampleCramerVonMisesWeighted() {
	r, _ := CramerVonMisesWeighted(Weighted{Values: []float64{1, 2, 3, 4}}, Weighted{Values: []float64{5, 6, 7, 8}})
	fmt.Printf("%.4f\n", r.Statistic)
	// Output: 0.6875
}

func ExampleWassersteinWeighted() {
	w, _ := WassersteinWeighted(Weighted{Values: []float64{0, 10}, Weights: []float64{3, 1}}, Weighted{Values: []float64{0, 10}, Weights: []float64{1, 3}})
	fmt.Println(w)
	// Output: 5
}

func ExampleEnergyDistanceWeighted() {
	d, _ := EnergyDistanceWeighted(Weighted{Values: []float64{0}}, Weighted{Values: []float64{2}})
	fmt.Println(d)
	// Output: 2
}

func ExampleWeighted_EffectiveSize() {
	n, _ := Weighted{Values: []float64{1, 2, 3}, Weights: []float64{4, 1, 1}}.EffectiveSize()
	fmt.Printf("%.2f\n", n)
	// Output: 2.00
}

func ExampleKolmogorovSmirnovCounts() {
	r, _ := KolmogorovSmirnovCounts([]float64{50, 50}, []float64{40, 60})
	fmt.Printf("D is between %.1f and %.1f\n", r.D, r.Upper)
	// Output: D is between 0.1 and 0.6
}

func ExampleCramerVonMisesCounts() {
	r, _ := CramerVonMisesCounts([]float64{40, 40, 20}, []float64{20, 40, 40})
	fmt.Printf("T = %.2f, p = %.4f\n", r.Statistic, r.PValue)
	// Output: T = 1.40, p = 0.0003
}

func ExampleBinCounts() {
	counts, nan, _ := BinCounts(Weighted{Values: []float64{1, 2, 2.5, 9, math.NaN()}}, []float64{2, 5})
	fmt.Println(counts, nan)
	// Output: [2 1 1] 1
}

func ExampleAndersonDarlingTest() {
	r, _ := AndersonDarlingTest([]float64{38.7, 41.5, 43.8, 44.5, 45.5, 46, 47.7, 58}, []float64{39.2, 39.3, 39.7, 41.4, 41.8, 42.9, 43.3, 45.8}, []float64{34, 35, 39, 40, 43, 43, 44, 45}, []float64{34, 34.8, 34.8, 35.4, 37.2, 37.8, 41.2, 42.8})
	fmt.Printf("A² = %.3f, p = %.4f\n", r.Normalized, r.PValue) // the example of Scholz and Stephens
	// Output: A² = 4.480, p = 0.0022
}

func ExampleKSExactOneSidedPValue() {
	fmt.Printf("%.4f\n", KSExactOneSidedPValue(1, 3, 3)) // one of C(6, 3) arrangements
	// Output: 0.0500
}

func ExampleKSAsymptoticOneSidedPValue() {
	fmt.Printf("%.4f\n", KSAsymptoticOneSidedPValue(.02, 20_000, 20_000))
	// Output: 0.0003
}

// TestOneSidedAgainstEnumeration counts every arrangement of small samples.
func TestOneSidedAgainstEnumeration(t *testing.T) {
	for _, size := range [][2]int{{3, 4}, {5, 5}, {7, 2}, {1, 6}} {
		n, m := size[0], size[1]
		var all []float64
		for set := range 1 << (n + m) {
			if x, y := arrangement(set, n, m); x != nil {
				above, _ := ksExtremes(x, y)
				all = append(all, float64(above)/float64(n*m))
			}
		}
		for _, d := range all {
			atLeast := 0
			for _, e := range all {
				if e >= d-1e-12 {
					atLeast++
				}
			}
			near(t, fmt.Sprintf("n = %d, m = %d, D = %.4f: p", n, m, d), KSExactOneSidedPValue(d, n, m), float64(atLeast)/float64(len(all)), 1e-12)
		}
	}
}

// TestWeightedProperties: copies are weights, weights have no scale, distances
// are symmetric and move with the values.
func TestWeightedProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 1))
	for range 200 {
		sample := func() (w Weighted, copies []float64) {
			for range 1 + rng.IntN(20) {
				v, c := float64(rng.IntN(12)), 1+rng.IntN(3)
				w.Values, w.Weights = append(w.Values, v), append(w.Weights, float64(c))
				for range c {
					copies = append(copies, v)
				}
			}
			return w, copies
		}
		x, xs := sample()
		y, ys := sample()
		scaled := Weighted{Values: y.Values}
		moved := [2]Weighted{{Weights: x.Weights}, {Weights: y.Weights}}
		for i := range y.Values {
			scaled.Weights = append(scaled.Weights, y.Weights[i]*1e300)
			moved[1].Values = append(moved[1].Values, 3*y.Values[i]-7)
		}
		for _, v := range x.Values {
			moved[0].Values = append(moved[0].Values, 3*v-7)
		}
		ks := must(KolmogorovSmirnovWeighted(x, y))
		near(t, "KS of copies", ks.D, must(KolmogorovSmirnov(xs, ys)).D, 1e-12)
		near(t, "KS of scaled weights", ks.D, must(KolmogorovSmirnovWeighted(x, scaled)).D, 1e-12)
		near(t, "KS swapped", ks.D, must(KolmogorovSmirnovWeighted(y, x)).D, 1e-12)
		near(t, "KS of moved values", ks.D, must(KolmogorovSmirnovWeighted(moved[0], moved[1])).D, 1e-12)
		w := must(WassersteinWeighted(x, y))
		near(t, "W1 of copies", w, must(Wasserstein(xs, ys)), 1e-12)
		near(t, "W1 scales with the values", 3*w, must(WassersteinWeighted(moved[0], moved[1])), 1e-11)
		e := must(EnergyDistanceWeighted(x, y))
		near(t, "energy of copies", e, must(EnergyDistance(xs, ys)), 1e-7) // a root near 0
		near(t, "energy scales with the root", math.Sqrt(3)*e, must(EnergyDistanceWeighted(moved[0], moved[1])), 1e-7)
		if e*e > 2*w+1e-12 {
			t.Errorf("energy² %v above twice W1 %v, though |F - G| is at most 1", e*e, w)
		}
		if p := must(CramerVonMisesWeighted(x, y)).PValue; !(p >= 0 && p <= 1) {
			t.Errorf("p = %v", p)
		}
	}
}

// TestWeightedEqualsPlain: without weights and ties the weighted tests are the
// plain ones.
func TestWeightedEqualsPlain(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 2))
	for range 50 {
		x, y := make([]float64, 2+rng.IntN(60)), make([]float64, 2+rng.IntN(60))
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		for i := range y {
			y[i] = rng.NormFloat64()
		}
		a, b := must(CramerVonMises(x, y)), must(CramerVonMisesWeighted(Weighted{Values: x}, Weighted{Values: y}))
		near(t, "T", b.Statistic, a.Statistic, 1e-12)
		near(t, "p of T", b.PValue, a.PValue, 1e-9)
		k := must(KolmogorovSmirnovWeighted(Weighted{Values: x}, Weighted{Values: y}))
		near(t, "p of D", k.PValue, KSAsymptoticPValue(k.D, float64(len(x)), float64(len(y))), 1e-12)
	}
}

// TestMergeInHalves: large samples, with and without ties, inside one sample
// and across, have the D of the definition.
func TestMergeInHalves(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 5))
	for range 60 {
		grain := []float64{1e9, 1000, 5, 1}[rng.IntN(4)]
		draw := func(shift float64) []float64 {
			out := make([]float64, 1000+rng.IntN(500))
			for i := range out {
				out[i] = math.Round(grain*(rng.NormFloat64()+shift)) / grain
			}
			return must(sorted(out))
		}
		x, y := draw(0), draw(rng.NormFloat64())
		want := 0.0
		pooled(x, y, func() func(v float64, inA, inB int) {
			f, g := 0, 0
			return func(_ float64, inA, inB int) {
				f, g = f+inA, g+inB
				want = max(want, math.Abs(float64(f)/float64(len(x))-float64(g)/float64(len(y))))
			}
		}())
		near(t, "D", KSStatisticSorted(x, y), want, 1e-12)
	}
}

// TestBinnedKSBound: whatever the values and the edges, D of the values is
// between D of the counts and its upper end.
func TestBinnedKSBound(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 3))
	for range 500 {
		x, y := make([]float64, 1+rng.IntN(40)), make([]float64, 1+rng.IntN(40))
		for i := range x {
			x[i] = math.Round(20*rng.NormFloat64()) / 10
		}
		for i := range y {
			y[i] = math.Round(20*(rng.NormFloat64()+.5)) / 10
		}
		var edges []float64
		for e := -3 + rng.Float64(); e < 3; e += .05 + 2*rng.Float64() {
			edges = append(edges, e)
		}
		p, _, err := BinCounts(Weighted{Values: x}, edges)
		if err != nil {
			t.Fatal(err)
		}
		q, _, _ := BinCounts(Weighted{Values: y}, edges)
		r, d := must(KolmogorovSmirnovCounts(p, q)), must(KolmogorovSmirnov(x, y))
		if d.D < r.D-1e-12 || d.D > r.Upper+1e-12 {
			t.Errorf("D = %v outside [%v, %v]", d.D, r.D, r.Upper)
		}
	}
}

// TestKSTailOfLargeSamples: the expansion meets the sum, and sizes beyond all
// measure end.
func TestKSTailOfLargeSamples(t *testing.T) {
	const n = smirnovLimit
	for _, z := range []float64{1.8, 2.5, 4, 8} {
		d := z / math.Sqrt(n+2)
		sum := 2 * smirnov(d, n+2)
		if got := KSAsymptoticPValue(d, 2*n+4, 2*n+4); math.Abs(got/sum-1) > 1e-6*z*z*z {
			t.Errorf("z = %v: %v, the sum is %v", z, got, sum)
		}
	}
	for _, d := range []float64{1e-150, .1, 1} {
		if p := KSAsymptoticPValue(d, 1e300, 1e300); !(p >= 0 && p <= 1) {
			t.Errorf("d = %v of 1e300 values: p = %v", d, p)
		}
	}
}

// TestAndersonDarlingLevel: five in a hundred alarms without a change, and a
// change of the tails is seen.
func TestAndersonDarlingLevel(t *testing.T) {
	const runs, n = 500, 80
	rng := rand.New(rand.NewPCG(9, 4))
	alarms, found := 0, 0
	for range runs {
		s := make([][]float64, 4)
		for k := range s {
			for range n {
				v := rng.NormFloat64()
				if k == 3 {
					v *= 2
				}
				s[k] = append(s[k], v)
			}
		}
		if must(AndersonDarlingTest(s[:3]...)).PValue < .05 {
			alarms++
		}
		if must(AndersonDarlingTest(s[0], s[3])).PValue < .05 {
			found++
		}
	}
	if float64(alarms)/runs > .05+3*math.Sqrt(.05*.95/runs) || float64(alarms)/runs < .05-3*math.Sqrt(.05*.95/runs) || found < runs*8/10 {
		t.Errorf("%d alarms without a change, %d with one, of %d", alarms, found, runs)
	}
}

func TestWeightedRefusals(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	one := Weighted{Values: []float64{1}}
	for name, c := range map[string]struct{ err, want error }{
		"NaN":             {second(KolmogorovSmirnovWeighted(Weighted{Values: []float64{nan}}, one)), ErrValue},
		"negative weight": {second(CramerVonMisesWeighted(one, Weighted{[]float64{1}, []float64{-1}})), ErrValue},
		"infinite weight": {second(WassersteinWeighted(one, Weighted{[]float64{1}, []float64{inf}})), ErrValue},
		"infinite value":  {second(EnergyDistanceWeighted(one, Weighted{Values: []float64{inf}})), ErrValue},
		"lengths":         {second(KolmogorovSmirnovWeighted(one, Weighted{[]float64{1}, []float64{1, 2}})), ErrLength},
		"no weight":       {second(WassersteinWeighted(one, Weighted{[]float64{1}, []float64{0}})), ErrEmpty},
		"size of nothing": {second(Weighted{}.EffectiveSize()), ErrEmpty},
		"count lengths":   {second(KolmogorovSmirnovCounts([]float64{1}, []float64{1, 1})), ErrLength},
		"count negative":  {second(CramerVonMisesCounts([]float64{1, -1}, []float64{1, 1})), ErrValue},
		"edges":           {third(BinCounts(one, []float64{2, 1})), ErrValue},
		"alternative":     {second(KolmogorovSmirnovOneSided([]float64{1}, []float64{1}, 7)), ErrValue},
		"one sample":      {second(AndersonDarlingTest([]float64{1, 2, 3, 4})), ErrEmpty},
		"constant":        {second(AndersonDarlingTest([]float64{1, 1}, []float64{1, 1})), ErrDegenerate},
		"AD NaN":          {second(AndersonDarlingTest([]float64{1, nan}, []float64{1, 1})), ErrValue},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
}

func third[T, U any](_ T, _ U, err error) error { return err }

// floatsOf reads any floats from bytes: NaN, infinities and denormals among
// them, and small whole numbers so that there are ties.
func floatsOf(b []byte) []float64 {
	var out []float64
	for len(b) > 0 && len(out) < 200 {
		switch {
		case b[0] < 128 || len(b) < 9:
			out = append(out, float64(b[0]%16)-4)
			b = b[1:]
		default:
			out = append(out, math.Float64frombits(binary.LittleEndian.Uint64(b[1:9])))
			b = b[9:]
		}
	}
	return out
}

// FuzzTwoSample: no test panics, every error is one of ours, every p-value and
// bounded distance is in its range, whatever the values, weights and counts.
func FuzzTwoSample(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4}, []byte{3, 4, 5}, []byte{1, 1, 2})
	f.Add([]byte{7}, []byte{7, 7, 7}, []byte{})
	f.Add(binary.LittleEndian.AppendUint64([]byte{200}, math.Float64bits(5e-324)), binary.LittleEndian.AppendUint64([]byte{200}, math.Float64bits(math.MaxFloat64)), []byte{5})
	f.Add(binary.LittleEndian.AppendUint64([]byte{200}, math.Float64bits(math.Inf(-1))), binary.LittleEndian.AppendUint64([]byte{200}, 0x7ff8000000000001), []byte{5})
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		x, y, w := floatsOf(a), floatsOf(b), floatsOf(c)
		share := func(what string, v float64, err error) {
			t.Helper()
			switch {
			case err != nil:
				for _, known := range []error{ErrEmpty, ErrLength, ErrValue, ErrDegenerate} {
					if errors.Is(err, known) {
						return
					}
				}
				t.Fatalf("%s: untyped error %v", what, err)
			case !(v >= 0 && v <= 1):
				t.Fatalf("%s = %v for %v, %v, %v", what, v, x, y, w)
			}
		}
		for _, alternative := range []Alternative{Greater, Less} {
			r, err := KolmogorovSmirnovOneSided(x, y, alternative)
			share("one-sided D", r.D, err)
			share("one-sided p", r.PValue, err)
		}
		p, q := Weighted{Values: x, Weights: w}, Weighted{Values: y}
		ks, err := KolmogorovSmirnovWeighted(p, q)
		share("weighted D", ks.D, err)
		share("weighted p", ks.PValue, err)
		cvm, err := CramerVonMisesWeighted(p, q)
		share("weighted p of T", cvm.PValue, err)
		_, err = WassersteinWeighted(p, q)
		share("W1", 0, err)
		_, err = EnergyDistanceWeighted(p, q)
		share("energy", 0, err)
		ad, err := AndersonDarlingTest(x, y)
		share("p of A²", ad.PValue, err)
		plain, err := CramerVonMises(x, y)
		share("p of T", plain.PValue, err)
		kuiper, err := Kuiper(x, y)
		share("p of V", kuiper.PValue, err)
		binned, err := KolmogorovSmirnovCounts(x, y)
		share("binned D", binned.D, err)
		share("binned upper D", binned.Upper, err)
		share("binned p", binned.PValue, err)
		counted, err := CramerVonMisesCounts(x, y)
		share("counted p", counted.PValue, err)
		for name, distance := range map[string]func(p, q []float64) (float64, error){"JS": JSDistance, "Hellinger": Hellinger, "TV": TotalVariation, "L-infinity": LInfinity} {
			v, err := distance(x, y)
			share(name, v, err)
		}
		chi, err := ChiSquareTest(x, y)
		share("p of X²", chi.PValue, err)
		_, _, err = BinCounts(p, y)
		share("counts", 0, err)
	})
}
