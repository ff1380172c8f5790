package profile

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib"
)

func normal(n int, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 3))
	out := make([]float64, n)
	for i := range out {
		out[i] = rng.NormFloat64()
	}
	return out
}

func build(t testing.TB, o Options, columns ...Column) *Profile {
	t.Helper()
	p, err := FromColumns(columns, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestQuantile: numpy's default, on its documentation's example and beyond.
func TestQuantile(t *testing.T) {
	x := []float64{1, 2, 3, 4, 10}
	for q, want := range map[float64]float64{0: 1, .25: 2, .5: 3, .9: 7.6, 1: 10, -1: 1, 2: 10} {
		if got := Quantile(x, q); math.Abs(got-want) > 1e-12 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if !math.IsNaN(Quantile(nil, .5)) || !math.IsNaN(Quantile(x, math.NaN())) {
		t.Error("a quantile of nothing")
	}
}

// TestBinsHoldEveryValue: every value is in one bin, special ones in their own,
// and the ten-bin groups hold a tenth of the reference each.
func TestBinsHoldEveryValue(t *testing.T) {
	x := append(normal(5000, 1), math.NaN(), math.Inf(1), math.Inf(-1))
	missing := make([]bool, len(x)+1)
	missing[len(x)] = true
	p := build(t, Options{}, Column{Name: "x", Kind: Numeric, Floats: append(x, 0), Missing: missing})
	f := &p.Features[0]
	b, err := NewBinner(f)
	if err != nil {
		t.Fatal(err)
	}
	byCode := map[string]int{}
	counts := make([]float64, b.Len())
	for i, bin := range f.Bins {
		byCode[bin.Code] = bin.Count
		counts[i] = float64(bin.Count)
	}
	for code, want := range map[string]int{CodeNaN: 1, CodePosInf: 1, CodeNegInf: 1, CodeMissing: 1} {
		if byCode[code] != want {
			t.Errorf("bin %s holds %d, want %d", code, byCode[code], want)
		}
	}
	for g, n := range b.Rollup(counts) {
		if n > 1 && math.Abs(n-500) > 5 {
			t.Errorf("group %d holds %v of 5,000", g, n)
		}
	}
	sorted := normal(1000, 9)
	Sort(sorted)
	fast, slow := make([]float64, b.Len()), make([]float64, b.Len())
	b.CountSorted(sorted, fast)
	for _, v := range sorted {
		slow[b.Index(v)]++
	}
	if !reflect.DeepEqual(fast, slow) {
		t.Errorf("counted at once %v, one by one %v", fast, slow)
	}
}

// TestHeavyAtom: a value that holds more than a tenth of the mass is a bin of
// its own; without the rule PSI is blind to it.
func TestHeavyAtom(t *testing.T) {
	x := normal(900, 2)
	for range 600 {
		x = append(x, .25)
	}
	atom := func(p *Profile) (found bool) {
		b, err := NewBinner(&p.Features[0])
		if err != nil {
			t.Fatal(err)
		}
		i := b.Index(.25)
		lower, upper := b.Ends(i)
		return lower == upper && p.Features[0].Bins[i].Count == 600
	}
	if !atom(build(t, Options{}, Column{Name: "x", Kind: Numeric, Floats: x})) {
		t.Error("the atom has no bin of its own")
	}
	if atom(build(t, Options{NoAtoms: true}, Column{Name: "x", Kind: Numeric, Floats: x})) {
		t.Error("the rule is not off")
	}
}

// TestRareNamesDoNotLeaveTheHouse: categories with few rows are "other".
func TestRareNamesDoNotLeaveTheHouse(t *testing.T) {
	values := append(strings.Fields(strings.Repeat("common ", 95)), "Ada Lovelace", "Ada Lovelace", "x", "y", "z")
	p := build(t, Options{}, Column{Name: "c", Kind: Categorical, Strings: values})
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "Ada") {
		t.Error("a rare name is in the profile")
	}
	binner, err := NewBinner(&p.Features[0])
	if err != nil {
		t.Fatal(err)
	}
	if other := p.Features[0].Bins[binner.CategoryIndex("Ada Lovelace")]; other.Code != CodeOther || other.Count != 5 {
		t.Errorf("%+v", other)
	}
}

// TestRoundTrip: what is written is read bit for bit.
func TestRoundTrip(t *testing.T) {
	p := build(t, Options{Sample: 50}, Column{Name: "x", Kind: Numeric, Floats: normal(500, 4)}, Column{Name: "c", Kind: Categorical, Strings: strings.Fields(strings.Repeat("a b a c ", 125))})
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	back, err := Read(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(p, back) || p.Digest() != back.Digest() || len(back.Features[0].Sample) != 50 {
		t.Error("the profile has changed on its way")
	}
}

// TestDesignEffect: independent rows have none, rows that repeat have theirs.
func TestDesignEffect(t *testing.T) {
	independent := normal(20_000, 5)
	if f := build(t, Options{}, Column{Name: "x", Kind: Numeric, Floats: independent}).Features[0]; f.DesignEffect > 1.5 || f.Tau > 1.5 {
		t.Errorf("independent rows: design effect %v, tau %v", f.DesignEffect, f.Tau)
	}
	var repeated []float64
	for _, v := range normal(1000, 6) {
		for range 20 {
			repeated = append(repeated, v)
		}
	}
	if f := build(t, Options{}, Column{Name: "x", Kind: Numeric, Floats: repeated}).Features[0]; f.DesignEffect < 10 || f.DesignEffect > 40 || f.Tau < 10 {
		t.Errorf("rows that come twenty times: design effect %v, tau %v", f.DesignEffect, f.Tau)
	}
}

func TestRefusals(t *testing.T) {
	if _, err := FromColumns(nil, Options{}); !errors.Is(err, ErrNoRows) {
		t.Error(err)
	}
	if _, err := FromColumns([]Column{{Name: "a", Floats: []float64{1}}, {Name: "b", Floats: []float64{1, 2}}}, Options{}); !errors.Is(err, driftlib.ErrLength) || !strings.Contains(err.Error(), `"b" has 2 rows`) {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"no JSON": "x", "version": `{"version":2}`, "no rows": `{"version":1}`, "no features": `{"version":1,"rows":3}`,
		"no bins": `{"version":1,"rows":3,"features":[{"name":"x","kind":"numeric","count":3}]}`,
		"kind":    `{"version":1,"rows":3,"features":[{"name":"x","kind":"picture","count":3}]}`,
	} {
		if _, err := Read(strings.NewReader(text)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzRead: a document is refused, or a profile that can be used.
func FuzzRead(f *testing.F) {
	p, err := FromColumns([]Column{{Name: "x", Kind: Numeric, Floats: []float64{1, 2, 2, 3}}, {Name: "c", Kind: Categorical, Strings: []string{"a", "b", "a", "c"}}}, Options{MinCount: 1})
	if err != nil {
		f.Fatal(err)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		for i := range p.Features {
			binner, err := NewBinner(&p.Features[i])
			if err != nil {
				t.Fatalf("valid, but not to be used: %v", err)
			}
			for _, v := range []float64{0, math.NaN(), math.Inf(1), math.Inf(-1), 1e300} {
				if k := binner.Index(v); k < 0 || k >= binner.Len() {
					t.Fatalf("%v is in bin %d of %d", v, k, binner.Len())
				}
			}
		}
	})
}
