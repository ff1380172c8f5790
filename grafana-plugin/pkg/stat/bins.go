// Package stat computes from counters what the panels show: distances of binned
// distributions, calibration, rates with their intervals. The definitions are
// driftlib's, and so is every formula that driftlib has; what is here is what
// only a sum of counters needs.
package stat

import (
	"math"
	"slices"
	"strings"

	"github.com/gnomon-dev/gnomon/driftlib"
	"github.com/gnomon-dev/gnomon/driftlib/sequential"
	"gonum.org/v1/gonum/stat/distuv"
)

// Bins is a feature's two distributions over the same bins, in the order of
// their labels. A label is a code and, after a space, a description: 00 is
// -Inf, 01 to 89 (with a letter behind) ordered bins, 90 +Inf, 91 nan, 92
// missing, 93 other, c01 and on categories.
type Bins struct {
	Labels    []string
	Reference []float64 // counts
	Current   []float64
	// DesignEffect is by how much the reference's own held-out windows vary more
	// than independent rows would; 1 where it is not known.
	DesignEffect float64

	folded []int     // the decile of every bin, as found once
	both   []float64 // room for the deciles of both sides
}

// Rows are the sums of both sides.
func (b *Bins) Rows() (reference, current float64) {
	for i := range b.Labels {
		reference += b.Reference[i]
		current += b.Current[i]
	}
	return reference, current
}

func code(label string) string { c, _, _ := strings.Cut(label, " "); return c }

// ordered reports whether a bin lies on the line: -Inf, an interval, an atom or
// +Inf.
func ordered(c string) bool {
	return len(c) >= 2 && c[0] >= '0' && c[0] <= '9' && c != "91" && c != "92" && c != "93"
}

// interval reports whether a code is that of a decile or of a piece of one.
func interval(c string) bool { return ordered(c) && c != "00" && c != "90" }

// atom reports whether all of a bin's rows have one value.
func atom(label string) bool {
	c, description, _ := strings.Cut(label, " ")
	return c == "00" || c == "90" || (strings.HasPrefix(description, "[") && strings.HasSuffix(description, "]") && !strings.Contains(description, ","))
}

// Numeric reports whether the feature has ordered bins at all.
func (b *Bins) Numeric() bool {
	return slices.ContainsFunc(b.Labels, func(l string) bool { return interval(code(l)) })
}

// deciles joins the pieces of every decile, so that PSI and KL are those of ten
// bins and comparable with everybody's.
//
// Where they are is found once; the next call overwrites what is returned. A
// panel over time takes thousands of them with the same labels.
func (b *Bins) deciles() (reference, current []float64) {
	if b.folded == nil {
		b.fold()
	}
	clear(b.both)
	n := len(b.both) / 2
	reference, current = b.both[:n], b.both[n:]
	for i, d := range b.folded {
		reference[d] += b.Reference[i]
		current[d] += b.Current[i]
	}
	return reference, current
}

func (b *Bins) fold() {
	b.folded = make([]int, len(b.Labels))
	last, n := "", 0
	for i, l := range b.Labels {
		c := code(l)
		if interval(c) {
			c = c[:2]
		}
		if i == 0 || c != last {
			n++
			last = c
		}
		b.folded[i] = n - 1
	}
	b.both = make([]float64, 2*n)
}

// KS bounds the Kolmogorov-Smirnov distance by what is known at the bins'
// edges. Lower is the largest difference of the two distribution functions at
// an edge. Inside a bin from a to b neither function leaves [F(a), F(b)], so
// that no distance there exceeds max(F(b) - G(a), G(b) - F(a)): Upper is the
// largest of those; a bin of a single value has no inside. Shares are taken
// over ordered bins, without nan, missing and other. NaN for a feature without
// order or a side without rows.
func (b *Bins) KS() (lower, upper float64) {
	var n, m float64
	for i, l := range b.Labels {
		if ordered(code(l)) {
			n += b.Reference[i]
			m += b.Current[i]
		}
	}
	if n == 0 || m == 0 || !b.Numeric() {
		return math.NaN(), math.NaN()
	}
	var f, g float64
	for i, l := range b.Labels {
		if !ordered(code(l)) {
			continue
		}
		f0, g0 := f, g
		f += b.Reference[i] / n
		g += b.Current[i] / m
		lower = max(lower, math.Abs(f-g))
		if !atom(l) {
			upper = max(upper, f-g0, g-f0)
		}
	}
	return lower, max(lower, upper)
}

// Distance is everything that is said of one feature. A statistic that does not
// apply is NaN.
type Distance struct {
	ReferenceRows, CurrentRows float64

	PSI         sequential.PSIInterval // ten bins, shares floored at 1e-4, natural logarithm
	KL          float64                // nats, current against reference, as PSI
	JS          float64                // distance, base 2, all bins
	KS, KSUpper float64
	ChiSquare   float64 // two-sample, all bins
	DoF         int
	PValue      float64 // of chi-square over the design effect, small cells pooled
	Adjusted    float64 // Holm over the features of the query
}

// Compare takes all statistics. Rows below 1 on either side give NaN.
func Compare(b *Bins) Distance {
	nan := math.NaN()
	d := Distance{PSI: sequential.PSIInterval{Value: nan, Adjusted: nan, Lower: nan, Upper: nan}, KL: nan, JS: nan, KS: nan, KSUpper: nan, ChiSquare: nan, PValue: nan, Adjusted: nan}
	d.ReferenceRows, d.CurrentRows = b.Rows()
	if d.ReferenceRows < 1 || d.CurrentRows < 1 {
		return d
	}
	tau := max(b.DesignEffect, 1)
	reference, current := b.deciles()
	if psi, err := driftlib.PSI(reference, current, driftlib.Floor); err == nil {
		d.PSI = sequential.IntervalOfPSI(psi, d.ReferenceRows, d.CurrentRows, occupied(reference, current), tau, tau)
	}
	d.KL = value(driftlib.KL(reference, current, driftlib.Floor))
	d.JS = value(driftlib.JSDistance(b.Reference, b.Current))
	d.KS, d.KSUpper = b.KS()
	if all, err := driftlib.ChiSquareTest(b.Reference, b.Current); err == nil {
		d.ChiSquare, d.DoF = all.Statistic, all.DoF
	}
	if pooled, err := driftlib.ChiSquareTest(driftlib.PoolSmall(b.Reference, b.Current, 5)); err == nil {
		d.PValue = 1
		if pooled.DoF > 0 {
			d.PValue = distuv.ChiSquared{K: float64(pooled.DoF)}.Survival(pooled.Statistic / tau)
		}
	}
	return d
}

func value(v float64, err error) float64 {
	if err != nil {
		return math.NaN()
	}
	return v
}

func occupied(a, b []float64) (n int) {
	for i := range a {
		if a[i] > 0 || b[i] > 0 {
			n++
		}
	}
	return n
}

// Statistic is one number of a feature, cheaper than all of Compare.
func (b *Bins) Statistic(name string) float64 {
	n, m := b.Rows()
	if n < 1 || m < 1 {
		return math.NaN()
	}
	switch name {
	case "psi":
		reference, current := b.deciles()
		return value(driftlib.PSI(reference, current, driftlib.Floor))
	case "kl":
		reference, current := b.deciles()
		return value(driftlib.KL(reference, current, driftlib.Floor))
	case "js":
		return value(driftlib.JSDistance(b.Reference, b.Current))
	case "ks":
		lower, _ := b.KS()
		return lower
	case "chi2":
		x, err := driftlib.ChiSquareTest(b.Reference, b.Current)
		return value(x.Statistic, err)
	case "p_value":
		return Compare(b).PValue
	case "rows":
		return m
	}
	return math.NaN()
}
