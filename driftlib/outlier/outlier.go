// Package outlier says how far a row lies from a reference sample: the
// Mahalanobis distance under a shrunk covariance, with a conformal p-value, so
// that "1 % of the rows are beyond" holds for every reference and number of
// features.
package outlier

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

var (
	// ErrSample: rows of different lengths, no feature, or too few rows.
	ErrSample = errors.New("unusable reference sample")
	// ErrRow: a row with another number of features than the reference's.
	ErrRow = errors.New("row does not fit the reference")
)

// LeastRows is the smallest reference that a Detector is made of: half of it
// fits the covariance, the other half calibrates the distances.
const LeastRows = 60

// Detector holds rows against a reference. Immutable after Fit, safe for
// concurrent use; scratch memory is the caller's.
type Detector struct {
	mean, scale []float64
	lower       []float64 // Cholesky factor of the covariance, row by row, packed
	held        []float64 // distances of the reference's other half, ascending
	shrinkage   float64
}

// Fit makes a Detector of reference rows. The even rows fit it and the odd
// ones calibrate it: distances of the rows that fitted a covariance are too
// small. Each feature is divided by its standard deviation; NaN stands for a
// missing value and counts as the mean. A feature that is constant is given the
// deviation 1.
func Fit(rows [][]float64) (*Detector, error) {
	if len(rows) < LeastRows {
		return nil, fmt.Errorf("%w: %d rows, at least %d are needed", ErrSample, len(rows), LeastRows)
	}
	p := len(rows[0])
	if p == 0 {
		return nil, fmt.Errorf("%w: no features", ErrSample)
	}
	var fit, held [][]float64
	for i, r := range rows {
		if len(r) != p {
			return nil, fmt.Errorf("%w: row %d has %d features, row 0 has %d", ErrSample, i, len(r), p)
		}
		if i%2 == 0 {
			fit = append(fit, r)
		} else {
			held = append(held, r)
		}
	}
	d := &Detector{}
	d.standard(fit)
	z := make([][]float64, len(fit))
	for i, r := range fit {
		z[i] = d.standardised(make([]float64, p), r)
	}
	covariance, shrinkage, err := LedoitWolf(z)
	if err != nil {
		return nil, err
	}
	d.shrinkage = shrinkage
	if err := d.factor(covariance); err != nil {
		return nil, err
	}
	scratch := make([]float64, p)
	for _, r := range held {
		d.held = append(d.held, d.distance(scratch, r))
	}
	slices.Sort(d.held)
	return d, nil
}

// standard takes mean and standard deviation of every feature, over the values
// that are finite.
func (d *Detector) standard(rows [][]float64) {
	p := len(rows[0])
	d.mean, d.scale = make([]float64, p), make([]float64, p)
	for j := range p {
		var n, sum, squares float64
		for _, r := range rows {
			if finite(r[j]) {
				n++
				sum += r[j]
			}
		}
		if n > 0 {
			d.mean[j] = sum / n
		}
		for _, r := range rows {
			if finite(r[j]) {
				squares += (r[j] - d.mean[j]) * (r[j] - d.mean[j])
			}
		}
		d.scale[j] = 1
		if n > 0 && squares > 0 {
			d.scale[j] = math.Sqrt(squares / n)
		}
	}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// farthest bounds a standardised value: an infinite input is very far, not
// infinitely, so that distances stay ordered.
const farthest = 1e6

func (d *Detector) standardised(dst, row []float64) []float64 {
	for j, v := range row {
		switch {
		case math.IsNaN(v):
			dst[j] = 0
		default:
			dst[j] = max(-farthest, min(farthest, (v-d.mean[j])/d.scale[j]))
		}
	}
	return dst
}

// LedoitWolf is the covariance of rows, shrunk towards a multiple of the
// identity as much as the sample's noise asks for:
//
//	S* = (1-d) S + d m I,   m = tr(S)/p,   d = min(b2, d2)/d2,
//	d2 = |S - m I|^2 / p,   b2 = sum_k |x_k x_k' - S|^2 / (p n^2)
//
// with S the covariance with divisor n, x_k the centred rows and |.| the
// Frobenius norm. It is positive definite also where there are fewer rows than
// features. The shrinkage d is in [0, 1]. Errors: ErrSample.
//
// Source: O. Ledoit, M. Wolf (2004), A well-conditioned estimator for
// large-dimensional covariance matrices. scikit-learn's LedoitWolf is the same.
func LedoitWolf(rows [][]float64) (covariance *mat.SymDense, shrinkage float64, err error) {
	n := len(rows)
	if n < 2 || len(rows[0]) == 0 {
		return nil, 0, fmt.Errorf("%w: %d rows", ErrSample, n)
	}
	p := len(rows[0])
	centred := mat.NewDense(n, p, nil)
	for j := range p {
		var mean float64
		for i := range rows {
			if len(rows[i]) != p {
				return nil, 0, fmt.Errorf("%w: row %d has %d features, row 0 has %d", ErrSample, i, len(rows[i]), p)
			}
			mean += rows[i][j] / float64(n)
		}
		for i := range rows {
			centred.Set(i, j, rows[i][j]-mean)
		}
	}
	s := mat.NewSymDense(p, nil)
	s.SymOuterK(1/float64(n), centred.T())
	var trace, norm, fourth float64
	for i := range p {
		trace += s.At(i, i)
		for j := range p {
			norm += s.At(i, j) * s.At(i, j)
		}
	}
	for i := range n {
		x := centred.RawRowView(i)
		var q float64
		for _, v := range x {
			q += v * v
		}
		fourth += q * q
	}
	m := trace / float64(p)
	d2 := (norm - m*m*float64(p)) / float64(p)
	b2 := min((fourth-float64(n)*norm)/(float64(p)*float64(n)*float64(n)), d2)
	if d2 > 0 {
		shrinkage = max(b2, 0) / d2
	}
	s.ScaleSym(1-shrinkage, s)
	for i := range p {
		s.SetSym(i, i, s.At(i, i)+shrinkage*m)
	}
	return s, shrinkage, nil
}

// factor keeps the lower Cholesky factor. Features that are copies of each
// other make a covariance singular; a ridge that grows until it is not is all
// that they change.
func (d *Detector) factor(covariance *mat.SymDense) error {
	p := covariance.SymmetricDim()
	var c mat.Cholesky
	for ridge := 0.0; ; ridge = max(10*ridge, 1e-9) {
		if ridge > 1 {
			return fmt.Errorf("%w: its covariance is singular", ErrSample)
		}
		r := mat.NewSymDense(p, nil)
		r.CopySym(covariance)
		for i := range p {
			r.SetSym(i, i, r.At(i, i)+ridge)
		}
		if c.Factorize(r) && c.Cond() < 1e12 {
			break
		}
	}
	var l mat.TriDense
	c.LTo(&l)
	for i := range p {
		for j := range i + 1 {
			d.lower = append(d.lower, l.At(i, j))
		}
	}
	return nil
}

// Features is the number of features of a row.
func (d *Detector) Features() int { return len(d.mean) }

// Shrinkage is how far the covariance was shrunk, 0 to 1.
func (d *Detector) Shrinkage() float64 { return d.shrinkage }

// Distance is the Mahalanobis distance of a row from the reference's mean,
// sqrt((x-m)' S*^-1 (x-m)) with every feature in units of its standard
// deviation: 0 and more, about sqrt(features) for a row of the reference. NaN
// counts as the mean. scratch needs Features elements and is overwritten; nil
// allocates. Errors: ErrRow.
func (d *Detector) Distance(scratch, row []float64) (float64, error) {
	if len(row) != len(d.mean) {
		return 0, fmt.Errorf("%w: %d features, the reference has %d", ErrRow, len(row), len(d.mean))
	}
	if len(scratch) < len(row) {
		scratch = make([]float64, len(row))
	}
	return d.distance(scratch[:len(row)], row), nil
}

// distance solves L y = z and returns |y|.
func (d *Detector) distance(scratch, row []float64) float64 {
	y := d.standardised(scratch, row)
	var sum float64
	at := 0
	for i := range y {
		v := y[i]
		l := d.lower[at : at+i+1]
		for j, f := range l[:i] {
			v -= f * y[j]
		}
		y[i] = v / l[i]
		sum += y[i] * y[i]
		at += i + 1
	}
	return math.Sqrt(sum)
}

// PValue is the conformal p-value of a distance,
//
//	(1 + #{held-out reference rows at least as far}) / (1 + held-out rows),
//
// in (0, 1]. For a row of the reference's law P(p <= a) <= a whatever that law
// is (V. Vovk, A. Gammerman, G. Shafer 2005); the smallest value is 1/(1 + half
// the reference's rows).
func (d *Detector) PValue(distance float64) float64 {
	i, _ := slices.BinarySearch(d.held, distance)
	return float64(1+len(d.held)-i) / float64(1+len(d.held))
}

// Expected is how many of the held-out reference rows have a p-value of at
// most alpha among themselves, and how many there are: the baseline of a
// detector of their rate.
func (d *Detector) Expected(alpha float64) (beyond, rows int) {
	return int(math.Floor(alpha * float64(len(d.held)+1))), len(d.held)
}
