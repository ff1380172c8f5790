// Package multivariate compares samples of vectors: embeddings, penultimate
// layers, tensors. Components tests every component and adjusts for their
// number; MMD sees any difference of the joint law, its random-feature form in
// one pass over a stream with bounded memory; DomainClassifier trains a
// classifier to tell the samples apart, and says which components it used.
package multivariate

import (
	"errors"
	"fmt"
	"math"

	"github.com/gnomon-dev/gnomon/driftlib"
	"github.com/gnomon-dev/gnomon/driftlib/verdict"
)

// ErrTooLarge: more rows than the test can hold; the message names the way out.
var ErrTooLarge = errors.New("too many rows")

// Matrix is Rows vectors of Cols components, row by row in Data.
type Matrix struct {
	Rows, Cols int
	Data       []float64
}

// FromRows copies vectors into a Matrix. Errors: driftlib.ErrEmpty without rows
// or components, driftlib.ErrLength for vectors of different length,
// driftlib.ErrValue for values that are not finite.
func FromRows(rows [][]float64) (Matrix, error) {
	if len(rows) == 0 {
		return Matrix{}, driftlib.ErrEmpty
	}
	m := Matrix{Rows: len(rows), Cols: len(rows[0])}
	for i, r := range rows {
		if len(r) != m.Cols {
			return Matrix{}, fmt.Errorf("%w: row %d has %d components, the first one %d", driftlib.ErrLength, i, len(r), m.Cols)
		}
		m.Data = append(m.Data, r...)
	}
	return m, m.check()
}

// Row is vector i, which must not be changed.
func (m Matrix) Row(i int) []float64 { return m.Data[i*m.Cols : (i+1)*m.Cols] }

func (m Matrix) check() error {
	switch {
	case m.Rows <= 0 || m.Cols <= 0:
		return driftlib.ErrEmpty
	case len(m.Data) != m.Rows*m.Cols:
		return fmt.Errorf("%w: %d values for %d x %d", driftlib.ErrLength, len(m.Data), m.Rows, m.Cols)
	}
	for i, v := range m.Data {
		if v-v != 0 {
			return fmt.Errorf("%w: %v in row %d, component %d", driftlib.ErrValue, v, i/m.Cols, i%m.Cols)
		}
	}
	return nil
}

func checkBoth(x, y Matrix) error {
	if err := x.check(); err != nil {
		return fmt.Errorf("first sample: %w", err)
	}
	if err := y.check(); err != nil {
		return fmt.Errorf("second sample: %w", err)
	}
	if x.Cols != y.Cols {
		return fmt.Errorf("%w: vectors of %d and of %d components", driftlib.ErrLength, x.Cols, y.Cols)
	}
	return nil
}

func (m Matrix) column(k int) []float64 {
	out := make([]float64, m.Rows)
	for i := range out {
		out[i] = m.Data[i*m.Cols+k]
	}
	return out
}

// ComponentTests are the Kolmogorov-Smirnov tests of all components.
type ComponentTests struct {
	D, PValue []float64 // by component
	// Holm are the p-values adjusted so that a component of unchanged samples
	// falls below alpha in alpha of all comparisons, FDR those of Benjamini and
	// Hochberg: of the components below alpha, alpha are false.
	Holm, FDR []float64
	Joint     float64 // the smallest of Holm: p-value of "nothing has changed"
	Worst     int     // the component that it belongs to
}

// Components compares two samples of vectors component by component with the
// two-sample Kolmogorov-Smirnov test, the p-values adjusted for the number of
// components. It sees a change of any one component and says which; a change of
// the components' dependence alone it does not see. Errors are those of
// FromRows.
//
// Source: Rabanser, Günnemann and Lipton, "Failing loudly", NeurIPS (2019).
func Components(x, y Matrix) (ComponentTests, error) {
	if err := checkBoth(x, y); err != nil {
		return ComponentTests{}, err
	}
	var r ComponentTests
	for k := range x.Cols {
		t, err := driftlib.KolmogorovSmirnov(x.column(k), y.column(k))
		if err != nil {
			return ComponentTests{}, fmt.Errorf("component %d: %w", k, err)
		}
		r.D, r.PValue = append(r.D, t.D), append(r.PValue, t.PValue)
		if t.PValue < r.PValue[r.Worst] {
			r.Worst = k
		}
	}
	r.Holm, r.FDR = verdict.Holm(r.PValue), verdict.BenjaminiHochberg(r.PValue)
	r.Joint = r.Holm[r.Worst]
	return r, nil
}

func squaredDistance(a, b []float64) (sum float64) {
	for i, v := range a {
		d := v - b[i]
		sum += d * d
	}
	return sum
}

func dot(a, b []float64) (sum float64) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
