package multivariate

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %.15g, want %.15g within %g", what, got, want, tolerance)
	}
}

// vectors draws n vectors of d components: normal, moved by shift in the first
// component, the second correlated with it by rho.
func vectors(rng *rand.Rand, n, d int, shift, rho float64) Matrix {
	m := Matrix{Rows: n, Cols: d}
	for range n {
		first := rng.NormFloat64()
		for k := range d {
			v := rng.NormFloat64()
			switch k {
			case 0:
				v = first + shift
			case 1:
				v = rho*first + math.Sqrt(1-rho*rho)*v
			}
			m.Data = append(m.Data, v)
		}
	}
	return m
}

func ExampleFromRows() {
	m, _ := FromRows([][]float64{{1, 2}, {3, 4}, {5, 6}})
	fmt.Println(m.Rows, m.Cols, m.Row(1))
	// Output: 3 2 [3 4]
}

func ExampleComponents() {
	rng := rand.New(rand.NewPCG(1, 1))
	r, _ := Components(vectors(rng, 300, 5, 0, 0), vectors(rng, 300, 5, 1, 0))
	fmt.Printf("component %d, adjusted p below 0.001: %v\n", r.Worst, r.Joint < .001)
	// Output: component 0, adjusted p below 0.001: true
}

func ExampleMMD() {
	x, _ := FromRows([][]float64{{0}, {1}, {2}})
	y, _ := FromRows([][]float64{{7}, {8}, {9}})
	r, _ := MMD(x, y, MMDOptions{Bandwidth: 1})
	fmt.Printf("%.3f\n", r.Squared)
	// Output: 0.899
}

func ExampleMedianDistance() {
	x, _ := FromRows([][]float64{{0}, {3}})
	y, _ := FromRows([][]float64{{1}})
	fmt.Println(MedianDistance(x, y))
	// Output: 2
}

func ExampleRandomFeatures() {
	f, _ := NewRandomFeatures(1, 5000, 1, 7)
	a, _ := f.Transform(nil, []float64{0})
	b, _ := f.Transform(nil, []float64{1})
	fmt.Printf("%.1f, the kernel is %.1f\n", dot(a, b), math.Exp(-.5))
	// Output: 0.6, the kernel is 0.6
}

func ExampleEmbeddingMMD() {
	rng := rand.New(rand.NewPCG(1, 2))
	f, _ := NewRandomFeatures(4, 256, 2, 1)
	reference, current := f.NewEmbedding(), f.NewEmbedding()
	for range 1000 {
		x, y := vectors(rng, 1, 4, 0, 0), vectors(rng, 1, 4, .5, 0)
		_ = reference.Observe(x.Data)
		_ = current.Observe(y.Data)
	}
	r, _ := EmbeddingMMD(reference, current)
	fmt.Printf("p below 0.001: %v, %d bytes\n", r.PValue < .001, current.Bytes())
	// Output: p below 0.001: true, 4096 bytes
}

func ExampleDomainClassifier() {
	rng := rand.New(rand.NewPCG(1, 3))
	r, _ := DomainClassifier(vectors(rng, 400, 3, 0, 0), vectors(rng, 400, 3, 1, 0), ClassifierOptions{})
	fmt.Printf("AUC above 0.7: %v, p below 0.001: %v\n", r.AUC > .7, r.PValue < .001)
	// Output: AUC above 0.7: true, p below 0.001: true
}

// TestVectors: testdata/multivariate.py, by scikit-learn and scipy 1.17.1.
func TestVectors(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "multivariate.json"))
	if err != nil {
		t.Fatal(err)
	}
	var o struct {
		Cases []struct {
			X, Y        [][]float64
			Median, MMD float64
			Scores      []float64
			Second      []bool
			AUC         float64
			AUCP        float64 `json:"auc_p"`
			P, FDR      []float64
		}
	}
	if err := json.Unmarshal(data, &o); err != nil {
		t.Fatal(err)
	}
	for _, c := range o.Cases {
		x, y := must(FromRows(c.X)), must(FromRows(c.Y))
		near(t, "median distance", MedianDistance(x, y), c.Median, 1e-12)
		r := must(MMD(x, y, MMDOptions{Permutations: 20}))
		near(t, "MMD²", r.Squared, c.MMD, 1e-12)
		auc, p := areaUnderCurve(c.Scores, c.Second)
		near(t, "AUC", auc, c.AUC, 1e-12)
		near(t, "p of AUC", p, c.AUCP, 1e-10)
		k := must(Components(x, y))
		for j := range c.P {
			near(t, "p", k.PValue[j], c.P[j], 1e-12)
			near(t, "FDR", k.FDR[j], c.FDR[j], 1e-12)
		}
	}
}

// TestStreamMeetsKernel: the mean of many random features gives the kernel's
// MMD, in any order and any split of the stream.
func TestStreamMeetsKernel(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	x, y := vectors(rng, 200, 3, 0, 0), vectors(rng, 150, 3, .7, 0)
	want := must(MMD(x, y, MMDOptions{Bandwidth: 2, Permutations: 1})).Squared
	f := must(NewRandomFeatures(3, 4000, 2, 5))
	embed := func(m Matrix, rows []int) *Embedding {
		e := f.NewEmbedding()
		for _, i := range rows {
			if err := e.Observe(m.Row(i)); err != nil {
				t.Fatal(err)
			}
		}
		return e
	}
	first := embed(x, rng.Perm(x.Rows))
	order := rng.Perm(y.Rows)
	a, b, c := embed(y, order[:40]), embed(y, order[40:90]), embed(y, order[90:])
	whole := must(EmbeddingMMD(first, embed(y, order)))
	near(t, "streamed MMD²", whole.Squared, want, .01)
	left, right := embed(y, nil), embed(y, nil) // (a + b) + c and c + (b + a)
	for _, e := range []*Embedding{a, b, c} {
		if err := left.Merge(e); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range []*Embedding{c, b, a} {
		if err := right.Merge(e); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range []*Embedding{left, right} {
		near(t, "merged MMD²", must(EmbeddingMMD(first, e)).Squared, whole.Squared, 1e-12)
	}
	if left.N() != y.Rows || left.Bytes() != 16*4000 {
		t.Errorf("%d vectors, %d bytes", left.N(), left.Bytes())
	}
}

// TestLevelsAndPower: alarms at the stated rate without a change; a change of
// one component, or of the dependence alone, is found by those that can.
func TestLevelsAndPower(t *testing.T) {
	const runs, n, d = 60, 120, 4
	rng := rand.New(rand.NewPCG(2, 2))
	f := must(NewRandomFeatures(d, 64, 2.5, 3))
	embed := func(m Matrix) *Embedding {
		e := f.NewEmbedding()
		for i := range m.Rows {
			if err := e.Observe(m.Row(i)); err != nil {
				t.Fatal(err)
			}
		}
		return e
	}
	tests := map[string]func(x, y Matrix) float64{
		"components":      func(x, y Matrix) float64 { return must(Components(x, y)).Joint },
		"MMD":             func(x, y Matrix) float64 { return must(MMD(x, y, MMDOptions{Permutations: 99})).PValue },
		"random features": func(x, y Matrix) float64 { return must(EmbeddingMMD(embed(x), embed(y))).PValue },
		"classifier":      func(x, y Matrix) float64 { return must(DomainClassifier(x, y, ClassifierOptions{Features: 16})).PValue },
	}
	least := map[string][2]float64{ // found: a shift of one sigma, a correlation of .95
		"components": {.95, 0}, "MMD": {.95, .3}, "random features": {.95, .1}, "classifier": {.95, .1},
	}
	for name, test := range tests {
		alarms, shifted, bent := 0, 0, 0
		for range runs {
			x := vectors(rng, n, d, 0, 0)
			for counter, y := range map[*int]Matrix{&alarms: vectors(rng, n, d, 0, 0), &shifted: vectors(rng, n, d, 1, 0), &bent: vectors(rng, n, d, 0, .95)} {
				if test(x, y) <= .05 {
					*counter++
				}
			}
		}
		if float64(alarms)/runs > .05+3*math.Sqrt(.05*.95/runs) || float64(shifted)/runs < least[name][0] || float64(bent)/runs < least[name][1] {
			t.Errorf("%s: of %d, %d alarms without a change, %d for a shift, %d for a correlation", name, runs, alarms, shifted, bent)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestRefusals(t *testing.T) {
	one, other := Matrix{1, 2, []float64{1, 2}}, Matrix{2, 1, []float64{1, 2}}
	big := Matrix{Rows: MostRows, Cols: 1, Data: make([]float64, MostRows)}
	f := must(NewRandomFeatures(2, 3, 1, 0))
	g := must(NewRandomFeatures(2, 4, 1, 0))
	for name, c := range map[string]struct{ err, want error }{
		"no rows":    {second(FromRows(nil)), driftlib.ErrEmpty},
		"ragged":     {second(FromRows([][]float64{{1}, {1, 2}})), driftlib.ErrLength},
		"NaN":        {second(FromRows([][]float64{{math.NaN()}})), driftlib.ErrValue},
		"components": {second(Components(one, other)), driftlib.ErrLength},
		"one row":    {second(MMD(one, one, MMDOptions{})), driftlib.ErrDegenerate},
		"too many":   {second(MMD(big, other, MMDOptions{})), ErrTooLarge},
		"bandwidth":  {second(MMD(other, other, MMDOptions{Bandwidth: -1})), driftlib.ErrValue},
		"features":   {second(NewRandomFeatures(1, 0, 1, 0)), driftlib.ErrValue},
		"vector":     {second(f.Transform(nil, []float64{1})), driftlib.ErrLength},
		"infinite":   {f.NewEmbedding().Observe([]float64{math.Inf(1), 0}), driftlib.ErrValue},
		"merge":      {f.NewEmbedding().Merge(g.NewEmbedding()), driftlib.ErrLength},
		"embeddings": {second(EmbeddingMMD(f.NewEmbedding(), g.NewEmbedding())), driftlib.ErrLength},
		"nothing":    {second(EmbeddingMMD(f.NewEmbedding(), f.NewEmbedding())), driftlib.ErrDegenerate},
		"few rows":   {second(DomainClassifier(other, other, ClassifierOptions{})), driftlib.ErrDegenerate},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
}

// FuzzMultivariate: whatever the vectors, an error of ours or a p-value.
func FuzzMultivariate(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8}, []byte{1, 2, 3, 9, 5, 6, 7, 8}, 2)
	f.Add([]byte{0, 0, 0, 0}, []byte{0, 0, 0, 0}, 1)
	f.Add([]byte{255, 254, 253, 1}, []byte{252, 3, 3, 3}, 1)
	f.Fuzz(func(t *testing.T, a, b []byte, cols int) {
		special := []float64{math.NaN(), math.Inf(1), math.MaxFloat64, -math.MaxFloat64, 5e-324, 1e-200, 1e200}
		matrix := func(b []byte) Matrix {
			m := Matrix{Cols: max(1, min(cols, 8))}
			b = b[:min(len(b), 64)]
			m.Rows = len(b) / m.Cols
			for _, c := range b[:m.Rows*m.Cols] {
				v := float64(c % 32)
				if int(255-c) < len(special) {
					v = special[255-c]
				}
				m.Data = append(m.Data, v)
			}
			return m
		}
		x, y := matrix(a), matrix(b)
		check := func(what string, p float64, err error) {
			t.Helper()
			known := errors.Is(err, driftlib.ErrEmpty) || errors.Is(err, driftlib.ErrLength) || errors.Is(err, driftlib.ErrValue) || errors.Is(err, driftlib.ErrDegenerate) || errors.Is(err, ErrTooLarge)
			if err != nil && !known {
				t.Fatalf("%s: untyped error %v", what, err)
			}
			if err == nil && !(p >= 0 && p <= 1) {
				t.Fatalf("%s: p = %v for %v and %v", what, p, x, y)
			}
		}
		c, err := Components(x, y)
		check("components", c.Joint, err)
		m, err := MMD(x, y, MMDOptions{Permutations: 5})
		check("MMD", m.PValue, err)
		d, err := DomainClassifier(x, y, ClassifierOptions{Features: 4})
		check("classifier", d.PValue, err)
	})
}
