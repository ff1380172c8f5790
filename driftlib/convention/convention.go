// Package convention reproduces the numbers and the default verdicts of other
// drift tools, so that who comes from one of them finds the figures that they
// know: the same data give another PSI in every tool, because each bins, floors
// and takes logarithms in its own way. gnomon's own definitions are in driftlib
// and driftlib/verdict.
//
// Every convention was held to the tool itself, see testdata.
package convention

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Errors of bad input.
var (
	// ErrUnknown: a convention of no such name.
	ErrUnknown = errors.New("unknown convention")
	// ErrEmpty: a side without values.
	ErrEmpty = errors.New("no values")
	// ErrKind: the sides are of different kinds.
	ErrKind = errors.New("kinds differ")
)

// Column is the values of one feature on one side; what is missing is left out.
type Column struct {
	// Numbers of a numeric column, none of them NaN or infinite. Integer: they
	// are whole, which changes how some tools bin.
	Numbers []float64
	Integer bool
	// Strings of a categorical column.
	Strings []string
}

func (c *Column) numeric() bool { return c.Strings == nil }

func (c *Column) len() int { return max(len(c.Numbers), len(c.Strings)) }

// Result is what a tool says of one feature.
type Result struct {
	// Statistics by the names of gnomon drift; what the tool does not know is
	// absent.
	Statistics map[string]float64
	Test       string  // the tool's name of the test that decides
	Score      float64 // of that test
	Threshold  float64
	Drifted    bool
	Reason     string
}

// tool is one convention.
type tool struct {
	name string
	// compare judges a feature; features is how many there are in all.
	compare func(reference, current *Column, features int) Result
	// dataset judges the table by its number of drifted features.
	dataset func(drifted, all int) bool
}

func any1(drifted, _ int) bool { return drifted > 0 }

// tools is the table of conventions: a new one is a file and a row.
func tools() []tool {
	return []tool{
		{"evidently", evidently, func(drifted, all int) bool { return 2*drifted >= all }},
		{"nannyml", nannyml, any1},
		{"whylogs", whylogs, any1},
		{"alibi", alibi, any1},
		{"tfdv", tfdv, any1},
		{"deepchecks", deepchecks, any1},
	}
}

// Names lists the conventions.
func Names() []string {
	var out []string
	for _, t := range tools() {
		out = append(out, t.name)
	}
	return out
}

func find(name string) (tool, error) {
	for _, t := range tools() {
		if t.name == name {
			return t, nil
		}
	}
	return tool{}, fmt.Errorf("%w: %q; it is one of %s", ErrUnknown, name, strings.Join(Names(), ", "))
}

// Compare judges one feature of features in all as a tool would by default.
func Compare(name string, reference, current Column, features int) (Result, error) {
	t, err := find(name)
	switch {
	case err != nil:
		return Result{}, err
	case reference.len() == 0 || current.len() == 0:
		return Result{}, ErrEmpty
	case reference.numeric() != current.numeric():
		return Result{}, ErrKind
	}
	r := t.compare(&reference, &current, max(features, 1))
	for k, v := range r.Statistics {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			delete(r.Statistics, k)
		}
	}
	return r, nil
}

// Dataset says whether a tool would call the table drifted.
func Dataset(name string, drifted, all int) (bool, error) {
	t, err := find(name)
	if err != nil || all == 0 {
		return false, err
	}
	return t.dataset(drifted, all), nil
}

// counted are two sides counted by the same cells.
type counted struct{ reference, current []float64 }

// shares divides by the number of values of each side.
func (c counted) shares(n, m int) (p, q []float64) {
	p, q = make([]float64, len(c.reference)), make([]float64, len(c.current))
	for i := range p {
		p[i], q[i] = c.reference[i]/float64(n), c.current[i]/float64(m)
	}
	return p, q
}

// byCategory counts every category of either side, in the order of the
// reference's first appearance and then of the current side's.
func byCategory(a, b *Column) (counted, []string) {
	index := map[string]int{}
	var names []string
	var c counted
	add := func(values []string, current bool) {
		for _, s := range values {
			i, ok := index[s]
			if !ok {
				i = len(names)
				index[s] = i
				names = append(names, s)
				c.reference, c.current = append(c.reference, 0), append(c.current, 0)
			}
			if current {
				c.current[i]++
			} else {
				c.reference[i]++
			}
		}
	}
	add(a.Strings, false)
	add(b.Strings, true)
	return c, names
}

// byValue counts every distinct number of either side, ascending.
func byValue(a, b *Column) (counted, []float64) {
	x, y := sorted(a.Numbers), sorted(b.Numbers)
	var values []float64
	var c counted
	for i, j := 0, 0; i < len(x) || j < len(y); {
		v := math.Inf(1)
		if i < len(x) {
			v = x[i]
		}
		if j < len(y) {
			v = min(v, y[j])
		}
		values = append(values, v)
		n, m := 0.0, 0.0
		for ; i < len(x) && x[i] == v; i++ {
			n++
		}
		for ; j < len(y) && y[j] == v; j++ {
			m++
		}
		c.reference, c.current = append(c.reference, n), append(c.current, m)
	}
	return c, values
}

func sorted(x []float64) []float64 {
	out := slices.Clone(x)
	slices.Sort(out)
	return out
}

// distinct is the number of different values of sorted numbers.
func distinct(sorted []float64) (n int) {
	for i, v := range sorted {
		if i == 0 || v != sorted[i-1] {
			n++
		}
	}
	return n
}

// histogram counts sorted values in bins [e0, e1), ..., the last with its upper
// end, as numpy does; values outside are left out.
func histogram(sorted, edges []float64) []float64 {
	out := make([]float64, len(edges)-1)
	below := func(e float64) int { i, _ := slices.BinarySearch(sorted, e); return i }
	last := len(out) - 1
	for k := range out {
		to := below(edges[k+1])
		if k == last {
			to, _ = slices.BinarySearchFunc(sorted, edges[k+1], func(v, e float64) int {
				if v <= e {
					return -1
				}
				return 1
			})
		}
		out[k] = float64(to - below(edges[k]))
	}
	return out
}

// equalWidth are numpy's edges of n bins over the sorted values.
func equalWidth(low, high float64, n int) []float64 {
	if low == high {
		low, high = low-.5, high+.5
	}
	out := make([]float64, n+1)
	step := (high - low) / float64(n)
	for i := range out {
		out[i] = low + float64(i)*step
	}
	out[n] = high
	return out
}

// binsOfWidth is numpy's number of bins of a given width.
func binsOfWidth(low, high, width float64, integer bool) int {
	if low == high || width <= 0 {
		return 1
	}
	if integer && width < 1 {
		width = 1
	}
	return max(1, int(math.Ceil((high-low)/width)))
}

// sturges are numpy's edges by the rule of Sturges: bins of width range /
// (log2 n + 1).
func sturges(sorted []float64, integer bool) []float64 {
	low, high := sorted[0], sorted[len(sorted)-1]
	width := (high - low) / (math.Log2(float64(len(sorted))) + 1)
	return equalWidth(low, high, binsOfWidth(low, high, width, integer))
}

// doane are numpy's edges by the rule of Doane, which looks at the skewness.
func doane(sorted []float64, integer bool) []float64 {
	low, high, n := sorted[0], sorted[len(sorted)-1], float64(len(sorted))
	width := 0.0
	if n > 2 {
		var mean, variance, third float64
		for _, v := range sorted {
			mean += v / n
		}
		for _, v := range sorted {
			variance += (v - mean) * (v - mean) / n
		}
		if sd := math.Sqrt(variance); sd > 0 {
			for _, v := range sorted {
				third += math.Pow((v-mean)/sd, 3) / n
			}
			sg1 := math.Sqrt(6 * (n - 2) / ((n + 1) * (n + 3)))
			width = (high - low) / (1 + math.Log2(n) + math.Log2(1+math.Abs(third)/sg1))
		}
	}
	return equalWidth(low, high, binsOfWidth(low, high, width, integer))
}

// jensenShannon is scipy's distance: both sides are normalised to 1; base e, or
// another one.
func jensenShannon(p, q []float64, base float64) float64 {
	var sp, sq float64
	for i := range p {
		sp, sq = sp+p[i], sq+q[i]
	}
	sum := 0.0
	for i := range p {
		a, b := p[i]/sp, q[i]/sq
		m := (a + b) / 2
		if a > 0 {
			sum += a * math.Log(a/m)
		}
		if b > 0 {
			sum += b * math.Log(b/m)
		}
	}
	return math.Sqrt(max(0, sum/2/math.Log(base)))
}

func hellinger(p, q []float64) float64 {
	sum := 0.0
	for i := range p {
		sum += math.Sqrt(p[i] * q[i])
	}
	return math.Sqrt(1 - min(max(sum, 0), 1))
}

func largest(p, q []float64) float64 {
	most := 0.0
	for i := range p {
		most = max(most, math.Abs(p[i]-q[i]))
	}
	return most
}

func reason(r *Result, relation string) string {
	return fmt.Sprintf("%s is %.4g, drift where it is %s %g", r.Test, r.Score, relation, r.Threshold)
}
