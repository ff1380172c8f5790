package classic

import (
	"math"
	"math/bits"

	"github.com/gnomon-dev/gnomon/driftlib"
	"gonum.org/v1/gonum/mathext/prng"
)

// KSWIN compares, at every value, the last StatSize values of a window with as
// many drawn from the older ones, by the two-sample Kolmogorov-Smirnov test. It
// draws as Python's random.sample does, so that with the same seed it gives
// river's alarms.
//
// Source: Raab, Heusinger and Schleif, Neurocomputing 416 (2020); river's
// drift.KSWIN.
type KSWIN struct {
	Alpha                float64 // 0.005
	WindowSize, StatSize int     // 100 and 30
	Seed                 uint32  // 0

	window   []float64
	pvalue   float64
	random   *prng.MT19937
	detected bool
}

// NewKSWIN returns a detector with river's defaults and a seed.
func NewKSWIN(seed uint32) *KSWIN {
	return &KSWIN{Alpha: .005, WindowSize: 100, StatSize: 30, Seed: seed}
}

// PValue is that of the last value; 0 before the window is full.
func (d *KSWIN) PValue() float64 { return d.pvalue }

// Observe takes a value and reports whether the law has changed (p at most Alpha
// and a distance above 0.1); it begins anew after a change. A value that is not
// finite is passed over; without 2 StatSize <= WindowSize it never alarms.
func (d *KSWIN) Observe(v float64) bool {
	if math.IsNaN(v) || math.IsInf(v, 0) || d.StatSize < 1 || 2*d.StatSize > d.WindowSize {
		return false
	}
	if d.detected || d.random == nil {
		d.window, d.pvalue, d.detected = d.window[:0], 0, false
		d.random = prng.NewMT19937()
		d.random.SeedFromKeys([]uint32{d.Seed})
	}
	if len(d.window) == d.WindowSize {
		d.window = append(d.window[:0], d.window[1:]...)
	}
	d.window = append(d.window, v)
	if len(d.window) < d.WindowSize {
		return false
	}
	older := d.WindowSize - d.StatSize
	drawn := make([]float64, 0, d.StatSize)
	for _, i := range d.sample(older) {
		drawn = append(drawn, d.window[i])
	}
	r, err := driftlib.KolmogorovSmirnov(drawn, d.window[older:])
	if err != nil { // cannot be: both are finite and not empty
		return false
	}
	d.pvalue = r.PValue
	d.detected = r.PValue <= d.Alpha && r.D > .1
	return d.detected
}

// sample draws StatSize of n positions without replacement.
func (d *KSWIN) sample(n int) []int {
	pool, out := make([]int, n), make([]int, d.StatSize)
	for i := range pool {
		pool[i] = i
	}
	for i := range out {
		j := d.below(n - i)
		out[i] = pool[j]
		pool[j] = pool[n-i-1]
	}
	return out
}

// below is uniform on 0..n-1, by rejection.
func (d *KSWIN) below(n int) int {
	k := bits.Len(uint(n))
	for {
		if r := int(d.random.Uint32() >> (32 - k)); r < n {
			return r
		}
	}
}
