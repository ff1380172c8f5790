package outlier

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

// TestLedoitWolf: oracle scikit-learn 1.x, sklearn.covariance.LedoitWolf
// (testdata/oracle.py), tolerance 1e-10.
func TestLedoitWolf(t *testing.T) {
	data, err := os.ReadFile("testdata/oracle.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Rows        [][]float64 `json:"rows"`
		Shrinkage   float64     `json:"shrinkage"`
		Covariance  [][]float64 `json:"covariance"`
		Mahalanobis []float64   `json:"mahalanobis_squared"`
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		s, d, err := LedoitWolf(c.Rows)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(d-c.Shrinkage) > 1e-10 {
			t.Errorf("shrinkage %v, want %v", d, c.Shrinkage)
		}
		p := len(c.Covariance)
		for i := range p {
			for j := range p {
				if math.Abs(s.At(i, j)-c.Covariance[i][j]) > 1e-10*(1+math.Abs(c.Covariance[i][j])) {
					t.Fatalf("covariance[%d][%d] = %v, want %v", i, j, s.At(i, j), c.Covariance[i][j])
				}
			}
		}
		// The distance under that covariance, without scaling.
		det := &Detector{mean: make([]float64, p), scale: make([]float64, p)}
		for j := range p {
			det.scale[j] = 1
			for _, r := range c.Rows {
				det.mean[j] += r[j] / float64(len(c.Rows))
			}
		}
		if err := det.factor(s); err != nil {
			t.Fatal(err)
		}
		for i, want := range c.Mahalanobis {
			got, err := det.Distance(nil, c.Rows[i])
			if err != nil || math.Abs(got*got-want) > 1e-8*want {
				t.Errorf("distance of row %d: %v (%v), want %v", i, got*got, err, want)
			}
		}
	}
}

func normal(rng *rand.Rand, n, p int) [][]float64 {
	rows := make([][]float64, n)
	for i := range rows {
		rows[i] = make([]float64, p)
		common := rng.NormFloat64()
		for j := range rows[i] {
			rows[i][j] = 100 * float64(j) * (common + rng.NormFloat64())
		}
	}
	return rows
}

// TestStatedShare: rows of the reference's law are called outliers at 1 % in
// 1 % of the cases, also with heavy tails and with more features than rows
// fit; rows that break the correlation of the features are, although each
// value alone is unremarkable.
func TestStatedShare(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 0))
	for _, p := range []int{2, 10, 300} {
		d, err := Fit(normal(rng, 1000, p))
		if err != nil {
			t.Fatal(err)
		}
		beyond, n := 0, 4000
		for _, r := range normal(rng, n, p) {
			x, err := d.Distance(nil, r)
			if err != nil {
				t.Fatal(err)
			}
			if d.PValue(x) <= .01 {
				beyond++
			}
		}
		// 500 held-out rows: the share itself varies by sqrt(.01/500) = .0045.
		if share := float64(beyond) / float64(n); share > .025 {
			t.Errorf("%d features: %.4f of the reference's own law beyond 1 %%", p, share)
		}
	}
	d, err := Fit(normal(rng, 1000, 3))
	if err != nil {
		t.Fatal(err)
	}
	x, err := d.Distance(nil, []float64{0, 300, -600}) // each within 2.2 sigma, together against the correlation
	if err != nil || d.PValue(x) > .05 {
		t.Errorf("a row against the correlation: distance %v, p %v, %v", x, d.PValue(x), err)
	}
}

func TestOddRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 0))
	rows := normal(rng, 200, 3)
	rows[3][1], rows[8][2], rows[10][0] = math.NaN(), math.Inf(1), math.Inf(-1)
	d, err := Fit(rows)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range [][]float64{{math.NaN(), math.NaN(), math.NaN()}, {math.Inf(1), 0, 0}, {1e308, -1e308, 1e308}} {
		x, err := d.Distance(nil, r)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			t.Errorf("%v: distance %v, %v", r, x, err)
		}
	}
	if _, err := d.Distance(nil, []float64{1}); !errors.Is(err, ErrRow) {
		t.Error(err)
	}
	for name, rows := range map[string][][]float64{"few": rows[:10], "ragged": append([][]float64{{1}}, rows...), "none": make([][]float64, LeastRows)} {
		if _, err := Fit(rows); !errors.Is(err, ErrSample) {
			t.Errorf("%s: %v", name, err)
		}
	}
	constant := make([][]float64, LeastRows)
	for i := range constant {
		constant[i] = []float64{1, 1}
	}
	if d, err := Fit(constant); err != nil {
		t.Error(err)
	} else if x, _ := d.Distance(nil, []float64{2, 1}); d.PValue(x) > .05 {
		t.Errorf("a value that was never another: p %v", d.PValue(x))
	}
}

func FuzzDetector(f *testing.F) {
	f.Add(int64(1), 1.5, math.Inf(1), math.NaN())
	f.Fuzz(func(t *testing.T, seed int64, a, b, c float64) {
		rng := rand.New(rand.NewPCG(uint64(seed), 0))
		rows := normal(rng, 80, 3)
		rows[0], rows[1] = []float64{a, b, c}, []float64{c, a, b}
		d, err := Fit(rows)
		if err != nil {
			return
		}
		x, err := d.Distance(nil, []float64{b, c, a})
		if err != nil || math.IsNaN(x) {
			t.Errorf("distance %v, %v", x, err)
		}
		if p := d.PValue(x); !(p > 0 && p <= 1) {
			t.Errorf("p %v", p)
		}
	})
}

func ExampleDetector() {
	rng := rand.New(rand.NewPCG(1, 0))
	reference := make([][]float64, 1000)
	for i := range reference {
		size := rng.NormFloat64()
		reference[i] = []float64{170 + 10*size, 70 + 10*size + rng.NormFloat64()} // height, weight
	}
	d, err := Fit(reference)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, row := range [][]float64{{180, 80}, {185, 55}} {
		x, _ := d.Distance(nil, row)
		fmt.Printf("%v: outlier at 1 %%: %v\n", row, d.PValue(x) <= .01)
	}
	// Output:
	// [180 80]: outlier at 1 %: false
	// [185 55]: outlier at 1 %: true
}

func ExampleLedoitWolf() {
	covariance, shrinkage, err := LedoitWolf([][]float64{{1, 2}, {2, 1}, {3, 5}, {4, 4}})
	fmt.Printf("%.3f %.3f %.3f %v\n", shrinkage, covariance.At(0, 0), covariance.At(0, 1), err)
	// Output: 0.216 1.385 0.980 <nil>
}

func BenchmarkDistance(b *testing.B) {
	rng := rand.New(rand.NewPCG(3, 0))
	d, err := Fit(normal(rng, 1000, 50))
	if err != nil {
		b.Fatal(err)
	}
	row, scratch := make([]float64, 50), make([]float64, 50)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = d.Distance(scratch, row)
	}
}
