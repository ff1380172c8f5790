package driftlib

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func ExampleKolmogorovSmirnov() {
	r, _ := KolmogorovSmirnov([]float64{1, 2, 3, 4}, []float64{3, 4, 5, 6})
	fmt.Printf("D = %.2f, p = %.4f\n", r.D, r.PValue)
	// Output: D = 0.50, p = 0.7714
}

func ExamplePSI() {
	psi, _ := PSI([]float64{50, 50, 0}, []float64{40, 40, 20}, Floor)
	fmt.Printf("%.3f\n", psi)
	// Output: 1.564
}

func ExampleKL() {
	kl, _ := KL([]float64{20, 30, 50}, []float64{10, 60, 30}, Floor)
	fmt.Printf("%.4f nats\n", kl)
	// Output: 0.1933 nats
}

func ExampleJSDistance() {
	d, _ := JSDistance([]float64{50, 50, 0}, []float64{40, 40, 20})
	fmt.Printf("%.3f\n", d)
	// Output: 0.329
}

func ExampleChiSquareTest() {
	r, _ := ChiSquareTest([]float64{10, 10, 20}, []float64{20, 20, 20})
	fmt.Printf("X2 = %.3f, p = %.3f, %d degrees of freedom\n", r.Statistic, r.PValue, r.DoF)
	// Output: X2 = 2.778, p = 0.249, 2 degrees of freedom
}

func ExampleWasserstein() {
	w, _ := Wasserstein([]float64{0, 1, 3}, []float64{5, 6, 8})
	fmt.Println(w)
	// Output: 5
}

func ExampleTotalVariation() {
	d, _ := TotalVariation([]float64{50, 50, 0}, []float64{40, 40, 20})
	fmt.Printf("%.2f\n", d)
	// Output: 0.20
}

func ExampleHellinger() {
	d, _ := Hellinger([]float64{1, 0}, []float64{0, 1})
	fmt.Println(d)
	// Output: 1
}

func ExampleLInfinity() {
	d, _ := LInfinity([]float64{1, 9}, []float64{3, 7})
	fmt.Printf("%.1f\n", d)
	// Output: 0.2
}

// TestKSAgainstEnumeration counts every arrangement of small samples.
func TestKSAgainstEnumeration(t *testing.T) {
	for _, size := range [][2]int{{3, 4}, {5, 5}, {2, 7}} {
		n, m := size[0], size[1]
		tails := map[float64]int{}
		total := 0
		for set := range 1 << (n + m) {
			x, y := arrangement(set, n, m)
			if x == nil {
				continue
			}
			total++
			tails[KSStatisticSorted(x, y)]++
		}
		for d := range tails {
			atLeast := 0
			for e, c := range tails {
				if e >= d-1e-12 {
					atLeast += c
				}
			}
			want := float64(atLeast) / float64(total)
			if got := KSExactPValue(d, n, m); math.Abs(got-want) > 1e-12 {
				t.Errorf("n = %d, m = %d, D = %.4f: p = %.12f, want %.12f", n, m, d, got, want)
			}
		}
	}
}

func arrangement(set, n, m int) (x, y []float64) {
	for i := range n + m {
		if set>>i&1 == 1 {
			x = append(x, float64(i))
		} else {
			y = append(y, float64(i))
		}
	}
	if len(x) != n {
		return nil, nil
	}
	return x, y
}

// TestExactMeetsAsymptotic: the two p-values agree for large samples.
func TestExactMeetsAsymptotic(t *testing.T) {
	for _, d := range []float64{.01, .02, .04} {
		exact, limit := KSExactPValue(d, 9000, 10000), KSAsymptoticPValue(d, 9000, 10000)
		if math.Abs(exact-limit) > .02*exact+.004 {
			t.Errorf("D = %v: exact %v, asymptotic %v", d, exact, limit)
		}
	}
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		k := 2 + rng.IntN(12)
		p, q := make([]float64, k), make([]float64, k)
		for i := range k {
			p[i], q[i] = float64(rng.IntN(50)), float64(rng.IntN(50))
		}
		p[0]++
		q[k-1]++
		scaled := slices.Clone(q)
		for i := range scaled {
			scaled[i] *= 7
		}
		must := func(v float64, err error) float64 {
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		near := func(name string, a, b float64) {
			if math.Abs(a-b) > 1e-12*(1+math.Abs(a)) {
				t.Errorf("%s: %v and %v for %v, %v", name, a, b, p, q)
			}
		}
		psi := must(PSI(p, q, Floor))
		near("PSI is symmetric", psi, must(PSI(q, p, Floor)))
		near("PSI is KL both ways", psi, must(KL(p, q, Floor))+must(KL(q, p, Floor)))
		near("PSI takes shares", psi, must(PSI(p, scaled, Floor)))
		js, h, tv := must(JSDistance(p, q)), must(Hellinger(p, q)), must(TotalVariation(p, q))
		near("JS is symmetric", js, must(JSDistance(q, p)))
		if js < 0 || js > 1 || h < 0 || h > 1 || tv < 0 || tv > 1+1e-12 {
			t.Errorf("out of range: JS %v, Hellinger %v, TV %v", js, h, tv)
		}
		if h*h > tv+1e-12 || tv > h*math.Sqrt2+1e-12 {
			t.Errorf("H^2 <= TV <= sqrt(2) H fails: %v, %v", h, tv)
		}
	}
}

func TestBadInputIsTyped(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]struct {
		err  error
		want error
	}{
		"KS empty":       {second(KolmogorovSmirnov(nil, []float64{1})), ErrEmpty},
		"KS NaN":         {second(KolmogorovSmirnov([]float64{1}, []float64{nan})), ErrValue},
		"PSI lengths":    {second(PSI([]float64{1}, []float64{1, 2}, 0)), ErrLength},
		"PSI negative":   {second(PSI([]float64{1, -1}, []float64{1, 2}, 0)), ErrValue},
		"PSI no counts":  {second(PSI([]float64{0, 0}, []float64{1, 2}, 0)), ErrEmpty},
		"JS infinite":    {second(JSDistance([]float64{1, math.Inf(1)}, []float64{1, 2})), ErrValue},
		"chi2 lengths":   {second(ChiSquareTest([]float64{1}, []float64{1, 2})), ErrLength},
		"W1 infinite":    {second(Wasserstein([]float64{1}, []float64{math.Inf(1)})), ErrValue},
		"W1 empty":       {second(Wasserstein(nil, nil)), ErrEmpty},
		"TV NaN":         {second(TotalVariation([]float64{nan}, []float64{1})), ErrValue},
		"Linf no counts": {second(LInfinity([]float64{0}, []float64{0})), ErrEmpty},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func FuzzKolmogorovSmirnov(f *testing.F) {
	f.Add([]byte{1, 2, 3, 200}, []byte{4, 5})
	f.Add([]byte{}, []byte{1})
	f.Add([]byte{7, 7, 7, 7, 7, 7, 7, 7}, []byte{7})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		special := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 5e-324, -5e-324, math.MaxFloat64, math.Copysign(0, -1)}
		conv := func(in []byte) []float64 {
			var out []float64
			for _, c := range in[:min(len(in), 300)] {
				if int(c) < len(special) {
					out = append(out, special[c])
				} else {
					out = append(out, float64(c%16))
				}
			}
			return out
		}
		x, y := conv(a), conv(b)
		r, err := KolmogorovSmirnov(x, y)
		if err != nil {
			if !errors.Is(err, ErrEmpty) && !errors.Is(err, ErrValue) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		back, _ := KolmogorovSmirnov(y, x)
		if r.D < 0 || r.D > 1 || !(r.PValue >= 0 && r.PValue <= 1) || math.Abs(r.D-back.D) > 1e-15 {
			t.Fatalf("%+v, swapped %+v", r, back)
		}
	})
}
