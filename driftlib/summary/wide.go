package summary

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gnomon-dev/gnomon/driftlib"
)

// ErrWidth: vectors of another width than the reference's.
var ErrWidth = errors.New("vectors of another width")

// Wide is the reference of vectors too wide to bin element by element, such as
// embeddings of thousands of elements: of each element at most Knots sorted
// values, by which a later value gets its mid-rank u, the share of the
// reference's values below it and half of those equal to it. Immutable, safe for
// concurrent use. Memory: 4 bytes times Knots an element.
type Wide struct {
	knots [][]float32
	rows  int
}

// Knots is how many values of an element are kept, evenly spaced in rank.
const Knots = 256

// NewWide makes the reference of rows of one width, at least two of them. Values
// that are not finite are left out; an element without a finite value gives u =
// 1/2 always.
func NewWide(rows [][]float32) (*Wide, error) {
	if len(rows) < 2 {
		return nil, fmt.Errorf("%w: %d reference vectors; give at least two", driftlib.ErrLength, len(rows))
	}
	width := len(rows[0])
	if width == 0 {
		return nil, fmt.Errorf("%w: they have no elements", ErrWidth)
	}
	w := &Wide{knots: make([][]float32, width), rows: len(rows)}
	column := make([]float32, 0, len(rows))
	for k := range width {
		column = column[:0]
		for i, row := range rows {
			if len(row) != width {
				return nil, fmt.Errorf("%w: row %d has %d elements, the first %d", ErrWidth, i, len(row), width)
			}
			if v := row[k]; v-v == 0 {
				column = append(column, v)
			}
		}
		slices.Sort(column)
		w.knots[k] = spaced(column)
	}
	return w, nil
}

// spaced are at most Knots of sorted values, in the middle of equal shares.
func spaced(sorted []float32) []float32 {
	if len(sorted) <= Knots {
		return slices.Clone(sorted)
	}
	out := make([]float32, Knots)
	for i := range out {
		out[i] = sorted[(2*i+1)*len(sorted)/(2*Knots)]
	}
	return out
}

// Width is the number of elements.
func (w *Wide) Width() int { return len(w.knots) }

// rank is the mid-rank of a value, from 0 to 1.
func (w *Wide) rank(k int, v float32) float64 {
	knots := w.knots[k]
	if len(knots) == 0 {
		return .5
	}
	low, found := slices.BinarySearch(knots, v)
	high := low
	for found && high < len(knots) && knots[high] == v {
		high++
	}
	return float64(low+high) / float64(2*len(knots))
}

// moments of the mid-ranks of an element's reference itself, which are those of
// the uniform distribution but for ties.
func (w *Wide) moments(k int) (mean, variance, kurtosis float64) {
	knots := w.knots[k]
	n := float64(len(knots))
	for _, v := range knots {
		d := w.rank(k, v) - .5
		mean += d / n
		variance += d * d / n
		kurtosis += d * d * d * d / n
	}
	return mean, variance, kurtosis
}

// RankMoments are two sums an element: of u - 1/2, which a shift moves, and of
// (u - 1/2)², which a change of scale moves. Sums only, so that they add up over
// replicas and over time, as counters do: 16 bytes an element. Not safe for
// concurrent use.
type RankMoments struct {
	First, Second []float64
	N             int
}

// NewRankMoments are those of no rows.
func (w *Wide) NewRankMoments() *RankMoments {
	return &RankMoments{First: make([]float64, w.Width()), Second: make([]float64, w.Width())}
}

// Add adds a row; ErrWidth for one of another width. Values that are not finite
// count with u = 0, as if they lay below all others: many of them are seen.
func (w *Wide) Add(m *RankMoments, row []float32) error {
	if len(row) != w.Width() || len(m.First) != w.Width() {
		return fmt.Errorf("%w: %d elements, the reference has %d", ErrWidth, len(row), w.Width())
	}
	for k, v := range row {
		d := -.5
		if v-v == 0 {
			d = w.rank(k, v) - .5
		}
		m.First[k] += d
		m.Second[k] += d * d
	}
	m.N++
	return nil
}

// Merge adds the sums of other rows against the same reference.
func (m *RankMoments) Merge(o *RankMoments) error {
	if len(m.First) != len(o.First) {
		return fmt.Errorf("%w: %d and %d elements", ErrWidth, len(m.First), len(o.First))
	}
	for k := range m.First {
		m.First[k] += o.First[k]
		m.Second[k] += o.Second[k]
	}
	m.N += o.N
	return nil
}

// PValues are those of the elements that their distribution has not changed, by
// the chi-square law with two degrees of freedom of the pair of standardised
// sums,
//
//	z1 = (mean d - e1) / (s1 sqrt(1/n + 1/m)),  d = u - 1/2,  z2 of d² likewise,  p = exp(-(z1² + z2²)/2)
//
// n current and m reference rows, e and s of the reference's own mid-ranks (0,
// 1/12 and so on, but for ties). Asymptotic: good from n = 50 on; rows must be
// independent. 1 where n is 0 or the element never varied and does not now. Use
// verdict.Holm or verdict.BenjaminiHochberg over the elements.
func (w *Wide) PValues(m *RankMoments) []float64 {
	out := make([]float64, w.Width())
	n := float64(m.N)
	for k := range out {
		out[k] = 1
		if m.N == 0 {
			continue
		}
		mean, variance, fourth := w.moments(k)
		spread := math.Sqrt(1/n + 1/float64(w.rows))
		z1 := standardised(m.First[k]/n-mean, math.Sqrt(max(variance-mean*mean, 0))*spread)
		z2 := standardised(m.Second[k]/n-variance, math.Sqrt(max(fourth-variance*variance, 0))*spread)
		out[k] = math.Exp(-(z1*z1 + z2*z2) / 2)
	}
	return out
}

// standardised is difference / error; any difference of what has no error is
// infinitely many of them.
func standardised(difference, err float64) float64 {
	const rounding = 1e-9
	switch {
	case math.Abs(difference) <= rounding:
		return 0
	case err <= rounding:
		return math.Inf(1)
	}
	return difference / err
}
