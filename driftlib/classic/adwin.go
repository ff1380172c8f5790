package classic

import "math"

// ADWIN keeps a window of the last values that is as long as their mean has
// not changed: where two parts of it differ by more than chance allows, the
// older goes. Memory grows with the logarithm of the window.
//
// Source: Bifet and Gavaldà, "Learning from time-changing data with adaptive
// windowing", SDM 2007; river's drift.ADWIN.
type ADWIN struct {
	Delta           float64 // 0.002
	Clock           int     // 32: values between looks
	MaxBuckets      int     // 5 of one size
	MinWindowLength int     // 5 values in either part
	GracePeriod     int     // 10 values before the first look

	rows                   [][]bucket // row k holds buckets of 2^k values, the oldest first
	width, total, variance float64
	ticks                  int
	detected               bool
}

type bucket struct{ total, variance float64 }

// NewADWIN returns a detector with river's defaults.
func NewADWIN() *ADWIN {
	return &ADWIN{Delta: .002, Clock: 32, MaxBuckets: 5, MinWindowLength: 5, GracePeriod: 10, rows: make([][]bucket, 1)}
}

// Width is the number of values in the window.
func (d *ADWIN) Width() int { return int(d.width) }

// Mean is the mean of the window; 0 where it is empty.
func (d *ADWIN) Mean() float64 {
	if d.width == 0 {
		return 0
	}
	return d.total / d.width
}

// Observe takes a value and reports whether the mean has changed; like river's,
// it begins anew after a change. A value that is not finite is passed over.
func (d *ADWIN) Observe(v float64) bool {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return false
	}
	if d.detected {
		d.rows, d.width, d.total, d.variance, d.ticks = make([][]bucket, 1), 0, 0, 0, 0
	}
	d.insert(v)
	d.detected = d.detect()
	return d.detected
}

func (d *ADWIN) insert(v float64) {
	d.rows[0] = append(d.rows[0], bucket{total: v})
	d.width++
	if d.width > 1 {
		m := v - d.total/(d.width-1)
		d.variance += (d.width - 1) * m * m / d.width
	}
	d.total += v
	d.compress()
}

// compress merges the two oldest buckets of a row that has too many into one
// of the next.
func (d *ADWIN) compress() {
	for k := 0; k < len(d.rows) && len(d.rows[k]) > d.MaxBuckets; k++ {
		if k+1 == len(d.rows) {
			d.rows = append(d.rows, nil)
		}
		a, b := d.rows[k][0], d.rows[k][1]
		n := math.Ldexp(1, k)
		m := (a.total - b.total) / n
		d.rows[k+1] = append(d.rows[k+1], bucket{a.total + b.total, a.variance + b.variance + n*n*m*m/(2*n)})
		d.rows[k] = append(d.rows[k][:0], d.rows[k][2:]...)
	}
}

// drop forgets the oldest bucket and returns how many values it held.
func (d *ADWIN) drop() float64 {
	last := len(d.rows) - 1
	b := d.rows[last][0]
	n := math.Ldexp(1, last)
	d.width -= n
	d.total -= b.total
	m := b.total/n - d.total/d.width
	d.variance -= b.variance + n*d.width*m*m/(n+d.width)
	d.rows[last] = append(d.rows[last][:0], d.rows[last][1:]...)
	for len(d.rows) > 1 && len(d.rows[len(d.rows)-1]) == 0 {
		d.rows = d.rows[:len(d.rows)-1]
	}
	return n
}

func (d *ADWIN) detect() (changed bool) {
	d.ticks++
	if d.ticks%d.Clock != 0 || d.width <= float64(d.GracePeriod) {
		return false
	}
	for d.shrink() {
		changed = true
	}
	return changed
}

// shrink looks at every cut between buckets, from the oldest on, and drops the
// oldest bucket where one tells two means apart.
func (d *ADWIN) shrink() bool {
	n0, u0 := 0.0, 0.0
	n1, u1 := d.width, d.total
	for k := len(d.rows) - 1; k >= 0; k-- {
		n := math.Ldexp(1, k)
		for i := range d.rows[k] {
			if k == 0 && i == len(d.rows[0])-1 {
				return false // nothing would be left behind the cut
			}
			n0, n1 = n0+n, n1-n
			u0, u1 = u0+d.rows[k][i].total, u1-d.rows[k][i].total
			least := float64(d.MinWindowLength)
			if n0 >= least && n1 >= least && d.differ(n0, n1, u0/n0-u1/n1) {
				d.drop()
				return true
			}
		}
	}
	return false
}

func (d *ADWIN) differ(n0, n1, difference float64) bool {
	delta := math.Log(2 * math.Log(d.width) / d.Delta)
	least := float64(d.MinWindowLength)
	m := 1/(n0-least+1) + 1/(n1-least+1)
	epsilon := math.Sqrt(2*m*(d.variance/d.width)*delta) + 2./3*delta*m
	return math.Abs(difference) > epsilon
}
