package driftlib

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// vector is one expected value of the shared statistics.json, which names its
// oracle and tolerance.
type vector struct {
	Name      string                     `json:"name"`
	Inputs    map[string]json.RawMessage `json:"inputs"`
	Expected  json.RawMessage            `json:"expected"`
	Tolerance json.RawMessage            `json:"tolerance"`
}

func vectors(t *testing.T) map[string]vector {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "shared", "data", "vectors", "statistics.json"))
	if err != nil {
		t.Skip("the shared vectors are not here: ", err)
	}
	var list []vector
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	out := map[string]vector{}
	for _, v := range list {
		out[v.Name] = v
	}
	return out
}

func (v vector) floats(t *testing.T, key string) []float64 {
	t.Helper()
	var out []float64
	if err := json.Unmarshal(v.Inputs[key], &out); err != nil {
		t.Fatalf("%s: %s: %v", v.Name, key, err)
	}
	return out
}

func number(t *testing.T, raw json.RawMessage, key string) float64 {
	t.Helper()
	var f float64
	if json.Unmarshal(raw, &f) == nil {
		return f
	}
	m := map[string]float64{}
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m[key]
}

func (v vector) check(t *testing.T, key string, got float64) {
	t.Helper()
	want, tol := number(t, v.Expected, key), number(t, v.Tolerance, key)
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s: %s = %.17g, want %.17g within %g", v.Name, key, got, want, tol)
	}
}

func linspace(from, to float64, n int, add float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = from + (to-from)*float64(i)/float64(n-1) + add
	}
	return out
}

func TestKSVectors(t *testing.T) {
	all := vectors(t)
	for _, name := range []string{"ks_small_two_sided", "ks_2v3_plus", "ks_2v3_minus", "ks_2v4_plus", "ks_ties_equal_n", "ks_ties_unequal_n"} {
		v := all[name]
		r, err := KolmogorovSmirnov(v.floats(t, "x"), v.floats(t, "y"))
		if err != nil {
			t.Fatal(err)
		}
		v.check(t, "statistic", r.D)
		v.check(t, "pvalue", r.PValue)
	}
	generated := map[string][2][]float64{
		"ks_100_100_shift2.1":  {linspace(1, 100, 100, 0), linspace(1, 100, 100, 2.1)},
		"ks_100_110_shift20.1": {linspace(1, 100, 100, 0), linspace(1, 100, 110, 20.1)},
		"ks_large_asymp":       {linspace(1, 200, 10000, -1.0/10000/11000/4), linspace(2, 200, 11000, 0)},
	}
	for name, s := range generated {
		r, err := KolmogorovSmirnov(s[0], s[1])
		if err != nil {
			t.Fatal(err)
		}
		all[name].check(t, "statistic", r.D)
		all[name].check(t, "pvalue", r.PValue)
	}
}

// TestKSTinyPValue: linspace(1,200,100) against linspace(2,200,110)+40.1 in
// scipy's own tests is rounded to 4.2e-15; the true value is 6.2635e-26.
func TestKSTinyPValue(t *testing.T) {
	p := KSExactPValue(1, 20, 20) // 2 / C(40, 20)
	if want := 2.0 / 137846528820; math.Abs(p/want-1) > 1e-12 {
		t.Errorf("p = %g, want %g", p, want)
	}
}

func TestDistanceVectors(t *testing.T) {
	all := vectors(t)
	two := func(name, a, b string, f func(x, y []float64) (float64, error)) {
		t.Helper()
		got, err := f(all[name].floats(t, a), all[name].floats(t, b))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		all[name].check(t, "", got)
	}
	kl := func(p, q []float64) (float64, error) { return KL(q, p, 0) }
	two("kl_col0", "p", "q", kl)
	two("kl_popmon_qp", "p", "q", kl)
	two("psi_popmon", "expected", "actual", func(x, y []float64) (float64, error) { return PSI(x, y, 0) })
	two("js_disjoint_base2", "p", "q", JSDistance)
	two("js_unnormalised", "p", "q", JSDistanceNats)
	two("js_cols0", "p", "q", JSDistanceNats)
	two("js_same_inputs_nat", "p", "q", JSDistanceNats)
	two("tvd_evidently_stat", "reference_counts", "current_counts", TotalVariation)
	two("hellinger_evidently_cat", "reference_counts", "current_counts", Hellinger)
	two("w1_shift1", "u", "v", Wasserstein)
	two("w1_doc_5", "u", "v", Wasserstein)
	if got, err := KL([]float64{0, .3, .5}, []float64{.1, .6, .3}, 0); err != nil || !math.IsInf(got, 1) {
		t.Errorf("KL with an empty bin of the reference: %v, %v; want +Inf", got, err)
	}
}

func TestChiSquareVectors(t *testing.T) {
	all := vectors(t)
	r, err := ChiSquareTest([]float64{10, 10, 20}, []float64{20, 20, 20})
	if err != nil {
		t.Fatal(err)
	}
	v := all["chi2_contingency_2x3"]
	v.check(t, "statistic", r.Statistic)
	v.check(t, "pvalue", r.PValue)
	v.check(t, "dof", float64(r.DoF))
	r, err = ChiSquareTest([]float64{4, 2, 0}, []float64{1, 1, 4})
	if err != nil {
		t.Fatal(err)
	}
	v = all["chi2_frouros_newcat"]
	v.check(t, "statistic", r.Statistic)
	v.check(t, "pvalue", r.PValue)
}
