package profile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib"
)

func ExampleSketch() {
	a, b := NewSketch(SketchCells), NewSketch(SketchCells)
	for i := range 100_000 {
		s := a
		if i%3 == 0 {
			s = b
		}
		_ = s.Add(float64(i)/100_000, 1)
	}
	_ = a.Merge(b)
	fmt.Printf("%d values, median %.3f, rank error below %.3f\n", a.N(), a.Quantile(.5), .001)
	// Output: 100000 values, median 0.500, rank error below 0.001
}

func ExampleBuilder() {
	b, _ := NewBuilder([]Column{{Name: "age", Kind: Numeric}, {Name: "plan", Kind: Categorical}}, Options{MinCount: 2})
	for i := range 10 {
		_ = b.Number(0, float64(20+i))
		_ = b.Category(1, []string{"free", "paid"}[i%2])
	}
	p, _ := b.Profile()
	fmt.Println(p.Rows, p.Features[0].Moments.Mean, len(p.Features[1].Bins))
	// Output: 10 24.5 4
}

// stream makes columns of every awkward kind.
func awkward(rng *rand.Rand, n int) []Column {
	x, y := Column{Name: "x", Kind: Numeric, Missing: make([]bool, n)}, Column{Name: "y", Kind: Numeric}
	c := Column{Name: "c", Kind: Categorical, Missing: make([]bool, n)}
	for i := range n {
		v := rng.NormFloat64()
		switch rng.IntN(12) {
		case 0:
			v = .25 // an atom
		case 1:
			v = []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 5e-324}[rng.IntN(5)]
		}
		x.Floats, x.Missing[i] = append(x.Floats, v), rng.IntN(20) == 0
		y.Floats = append(y.Floats, float64(rng.IntN(40)))
		c.Strings, c.Missing[i] = append(c.Strings, fmt.Sprint("k", rng.IntN(1+rng.IntN(30)))), rng.IntN(30) == 0
	}
	return []Column{x, y, c}
}

func feed(t testing.TB, columns []Column, rows []int) *Builder {
	t.Helper()
	b, err := NewBuilder(columns, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range rows {
		for k := range columns {
			c := &columns[k]
			switch {
			case c.missing(i):
				err = b.Missing(k)
			case c.Kind == Numeric:
				err = b.Number(k, c.Floats[i])
			default:
				err = b.Category(k, c.Strings[i])
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return b
}

func written(t testing.TB, b *Builder) string {
	t.Helper()
	p, err := b.Profile()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := p.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func upTo(from, to int) (out []int) {
	for i := from; i < to; i++ {
		out = append(out, i)
	}
	return out
}

// TestStreamedIsExact: while the values are few, one streaming pass gives what
// is made in memory.
func TestStreamedIsExact(t *testing.T) {
	columns := awkward(rand.New(rand.NewPCG(7, 1)), 3000)
	want := build(t, Options{}, columns...)
	got, err := feed(t, columns, upTo(0, 3000)).Profile()
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Features {
		w, g := want.Features[i], got.Features[i]
		if w.Moments != nil {
			if math.Abs(w.Moments.Mean-g.Moments.Mean) > 1e-12 || math.Abs(w.Moments.Std-g.Moments.Std) > 1e-12 {
				t.Errorf("%s: moments %+v, want %+v", w.Name, g.Moments, w.Moments)
			}
			w.Moments = g.Moments
		}
		if math.Abs(w.DesignEffect-g.DesignEffect) > 1e-9 || w.Tau != g.Tau || math.Abs(w.TauBins-g.TauBins) > 1e-9 {
			t.Errorf("%s: dependence %v %v %v, want %v %v %v", w.Name, g.DesignEffect, g.Tau, g.TauBins, w.DesignEffect, w.Tau, w.TauBins)
		}
		w.DesignEffect, w.TauBins = g.DesignEffect, g.TauBins
		if !reflect.DeepEqual(w, g) {
			t.Errorf("%s: streamed\n%+v, in memory\n%+v", w.Name, g, w)
		}
	}
}

// TestMergingHasNoOrder: (a + b) + c, a + (b + c) and c + (b + a) are the same
// bit for bit, below and beyond the exact range, and so is any order of rows as
// far as they are not about time.
func TestMergingHasNoOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 2))
	for _, n := range []int{300, 30_000} {
		columns := awkward(rng, n)
		i, j := n/5, n/2
		part := func(from, to int) *Builder { return feed(t, columns, upTo(from, to)) }
		merged := func(into *Builder, others ...*Builder) *Builder {
			for _, o := range others {
				if err := into.Merge(o); err != nil {
					t.Fatal(err)
				}
			}
			return into
		}
		first := written(t, merged(part(0, i), part(i, j), part(j, n)))
		if second := written(t, merged(part(0, i), merged(part(i, j), part(j, n)))); second != first {
			t.Errorf("n = %d: not associative", n)
		}
		if third := written(t, merged(part(j, n), part(i, j), part(0, i))); third != first {
			t.Errorf("n = %d: not commutative", n)
		}
		whole, shuffled := feed(t, columns, upTo(0, n)), feed(t, columns, rng.Perm(n))
		for k := range whole.columns {
			a, b := whole.columns[k], shuffled.columns[k]
			a.stretch, b.stretch, a.stretchNames, b.stretchNames = nil, nil, nil, nil
		}
		if written(t, whole) != written(t, shuffled) {
			t.Errorf("n = %d: the order of rows matters", n)
		}
	}
}

// TestSketchBounds: beyond its exact range the sketch keeps its bounds of rank
// and memory, whatever the law, and finds the atoms.
func TestSketchBounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 3))
	for name, draw := range map[string]func() float64{
		"normal":      rng.NormFloat64,
		"exponential": rng.ExpFloat64,
		"times":       func() float64 { return 1.7e9 + 86400*rng.Float64() },
		"log-uniform": func() float64 { return math.Exp(600 * (rng.Float64() - .5)) },
		"atom": func() float64 {
			if rng.IntN(5) == 0 {
				return .3
			}
			return rng.NormFloat64()
		},
	} {
		s := NewSketch(SketchCells)
		var x []float64
		for range 60_000 {
			v := draw()
			x = append(x, v)
			if err := s.Add(v, 1); err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(x)
		if s.Exact() || len(s.cells) > SketchCells || s.Min() != x[0] || s.Max() != x[len(x)-1] {
			t.Errorf("%s: exact %v, %d cells, from %v to %v", name, s.Exact(), len(s.cells), s.Min(), s.Max())
		}
		bound := s.RankError()
		if bound > .01 {
			t.Errorf("%s: rank error %v", name, bound)
		}
		for q := .001; q < 1; q += .013 {
			v := s.Quantile(q)
			at, _ := slices.BinarySearch(x, v)
			above, _ := slices.BinarySearch(x, math.Nextafter(v, math.Inf(1)))
			n := float64(len(x))
			if low, high := float64(at)/n-bound-1e-4, float64(above)/n+bound+1e-4; q < low || q > high {
				t.Errorf("%s: quantile %v is %v, of rank %v to %v", name, q, v, low, high)
			}
			if r := float64(s.Rank(v)) / n; math.Abs(r-float64(above)/n) > bound+.006 {
				t.Errorf("%s: rank of %v is %v, want %v", name, v, r, float64(above)/n)
			}
		}
		if name == "atom" {
			if h := s.heavy(); len(h) != 1 || floatOf(h[0].key) != .3 || math.Abs(float64(h[0].n)-12_000) > 700 {
				t.Errorf("atoms %v", h)
			}
		}
	}
}

// TestStreamedBins: beyond the exact range the bins hold what they say: counted
// again value by value, every bin's count is that of the profile; an atom has
// one of its own.
func TestStreamedBins(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 4))
	c := Column{Name: "x", Kind: Numeric}
	for range 50_000 {
		v := rng.NormFloat64()
		if rng.IntN(4) == 0 {
			v = .25
		}
		c.Floats = append(c.Floats, v)
	}
	p, err := feed(t, []Column{c}, upTo(0, len(c.Floats))).Profile()
	if err != nil {
		t.Fatal(err)
	}
	f := &p.Features[0]
	b, err := NewBinner(f)
	if err != nil {
		t.Fatal(err)
	}
	counts := make([]int, b.Len())
	for _, v := range c.Floats {
		counts[b.Index(v)]++
	}
	for i, n := range counts {
		if off := math.Abs(float64(n - f.Bins[i].Count)); off > .01*float64(len(c.Floats)) {
			t.Errorf("bin %s holds %d, the profile says %d", b.Label(i), n, f.Bins[i].Count)
		}
	}
	if low, high := b.Ends(b.Index(.25)); low != .25 || high != .25 {
		t.Errorf("the atom's bin is (%v, %v]", low, high)
	}
	if exact := build(t, Options{}, c); math.Abs(exact.Features[0].Moments.Std-f.Moments.Std) > 1e-3 || len(f.Sample) != 10_000 {
		t.Errorf("std %v, want %v; %d in the sample", f.Moments.Std, exact.Features[0].Moments.Std, len(f.Sample))
	}
}

func TestBuilderRefusals(t *testing.T) {
	b := feed(t, []Column{{Name: "x", Kind: Numeric}, {Name: "c", Kind: Categorical}}, nil)
	other := feed(t, []Column{{Name: "x", Kind: Numeric}}, nil)
	small := NewSketch(64)
	_, none := NewBuilder(nil, Options{})
	_, twice := NewBuilder([]Column{{Name: "x", Kind: Numeric}, {Name: "x", Kind: Numeric}}, Options{})
	_, kind := NewBuilder([]Column{{Name: "x", Kind: "picture"}}, Options{})
	_, empty := b.Profile()
	for name, c := range map[string]struct{ err, want error }{
		"no columns": {none, ErrNoRows}, "twice": {twice, ErrFormat}, "kind": {kind, ErrFormat}, "no rows": {empty, ErrNoRows},
		"column": {b.Number(2, 1), driftlib.ErrLength}, "number": {b.Number(1, 1), driftlib.ErrValue}, "category": {b.Category(0, "a"), driftlib.ErrValue},
		"merge": {b.Merge(other), driftlib.ErrLength}, "cells": {small.Merge(NewSketch(128)), driftlib.ErrLength}, "NaN": {small.Add(math.NaN(), 1), driftlib.ErrValue},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
	if err := b.Number(0, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Profile(); !errors.Is(err, driftlib.ErrLength) {
		t.Errorf("columns of different length: %v", err)
	}
	for i := range mostCategories {
		if err := b.Category(1, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Category(1, "one more"); !errors.Is(err, ErrCategories) {
		t.Errorf("%v", err)
	}
	if q := NewSketch(0).Quantile(.5); !math.IsNaN(q) {
		t.Errorf("quantile of nothing: %v", q)
	}
}

// FuzzSketch: any values, counts and splits: merged or not, the same sketch,
// and quantiles between the ends.
func FuzzSketch(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef"), 2)
	f.Add(binary.LittleEndian.AppendUint64(nil, math.Float64bits(math.MaxFloat64)), 0)
	f.Fuzz(func(t *testing.T, data []byte, at int) {
		whole, left, right := NewSketch(64), NewSketch(64), NewSketch(64)
		for i := 0; i+8 <= len(data) && i < 8000; i += 8 {
			v := math.Float64frombits(binary.LittleEndian.Uint64(data[i:]))
			n := uint64(data[i] % 3)
			if i/8 < at {
				_ = left.Add(v, n)
			} else {
				_ = right.Add(v, n)
			}
			if err := whole.Add(v, n); err != nil && !errors.Is(err, driftlib.ErrValue) {
				t.Fatal(err)
			}
		}
		if err := left.Merge(right); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(left, whole) {
			t.Fatalf("merged %+v, whole %+v", left, whole)
		}
		for _, q := range []float64{0, .01, .5, .99, 1} {
			if v := whole.Quantile(q); whole.N() > 0 && !(v >= whole.Min() && v <= whole.Max()) {
				t.Fatalf("quantile %v = %v outside [%v, %v]", q, v, whole.Min(), whole.Max())
			}
		}
	})
}
