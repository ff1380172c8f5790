// Package classic holds the change detectors that users know, with the
// semantics and the defaults of river: for comparison, and for moving over.
//
// None of them has a stated rate of false alarms that holds over time; those of
// driftlib/sequential have. Each is for one goroutine.
package classic

import "math"

// PageHinkley watches the mean of a stream: the sum of what values exceed the
// running mean by, with forgetting, against its extreme so far.
//
// Source: Page, Biometrika 41 (1954); river's drift.PageHinkley.
type PageHinkley struct {
	MinInstances int     // 30
	Delta        float64 // 0.005: changes that are of no matter
	Threshold    float64 // 50
	Alpha        float64 // 0.9999: forgetting

	n                  int
	mean               float64
	increase, decrease float64
	lowest, highest    float64
	detected           bool
}

// NewPageHinkley returns a detector with river's defaults.
func NewPageHinkley() *PageHinkley {
	d := &PageHinkley{MinInstances: 30, Delta: .005, Threshold: 50, Alpha: .9999}
	d.reset()
	return d
}

func (d *PageHinkley) reset() {
	d.n, d.mean, d.increase, d.decrease, d.detected = 0, 0, 0, 0, false
	d.lowest, d.highest = math.Inf(1), -1
}

// Observe takes a value and reports whether the mean has changed; it begins
// anew after a change. A value that is not finite is passed over.
func (d *PageHinkley) Observe(v float64) bool {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return false
	}
	if d.detected {
		d.reset()
	}
	d.n++
	d.mean += (v - d.mean) / float64(d.n)
	dev := v - d.mean
	d.increase = d.Alpha*d.increase + dev - d.Delta
	d.decrease = d.Alpha*d.decrease + dev + d.Delta
	d.lowest, d.highest = min(d.lowest, d.increase), max(d.highest, d.decrease)
	d.detected = d.n >= d.MinInstances && (d.increase-d.lowest > d.Threshold || d.highest-d.decrease > d.Threshold)
	return d.detected
}

// DDM watches the error rate of a classifier: drift where it lies three
// standard deviations above its lowest point, a warning at two.
//
// Source: Gama et al., "Learning with drift detection", SBIA 2004; river's
// drift.binary.DDM.
type DDM struct {
	WarmStart      int     // 30
	Warning, Drift float64 // 2 and 3 standard deviations

	n               int
	p               float64
	pMin, sMin      float64
	warned, drifted bool
}

// NewDDM returns a detector with river's defaults.
func NewDDM() *DDM {
	d := &DDM{WarmStart: 30, Warning: 2, Drift: 3}
	d.reset()
	return d
}

func (d *DDM) reset() {
	d.n, d.p, d.warned, d.drifted = 0, 0, false, false
	d.pMin, d.sMin = math.Inf(1), 0
}

// Observe takes whether a prediction was wrong.
func (d *DDM) Observe(wrong bool) (warning, drift bool) {
	if d.drifted {
		d.reset()
	}
	x := 0.0
	if wrong {
		x = 1
	}
	d.n++
	d.p += (x - d.p) / float64(d.n)
	s := math.Sqrt(d.p * (1 - d.p) / float64(d.n))
	if d.n > d.WarmStart {
		if d.p+s <= d.pMin+d.sMin {
			d.pMin, d.sMin = d.p, s
		}
		d.warned = d.p+s > d.pMin+d.Warning*d.sMin
		if d.p+s > d.pMin+d.Drift*d.sMin {
			d.drifted, d.warned = true, false
		}
	}
	return d.warned, d.drifted
}
