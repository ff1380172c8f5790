package classic

import "math"

// EDDM watches the distance between errors of a classifier: drift where mean + 2
// standard deviations of the distances has fallen below Drift of its highest, a
// warning below Warning of it.
//
// Source: Baena-García et al., "Early drift detection method", 2006; river's
// drift.binary.EDDM.
type EDDM struct {
	WarmStart      int     // 30 values, and errors
	Warning, Drift float64 // 0.95 and 0.9

	n, last         int
	errors          int
	mean, sumD      float64 // of the distances
	highest         float64
	warned, drifted bool
}

// NewEDDM returns a detector with river's defaults.
func NewEDDM() *EDDM {
	d := &EDDM{WarmStart: 30, Warning: .95, Drift: .9}
	d.reset()
	return d
}

func (d *EDDM) reset() {
	d.n, d.last, d.errors, d.mean, d.sumD, d.warned, d.drifted = 0, 0, 0, 0, 0, false, false
	d.highest = -1
}

// Observe takes whether a prediction was wrong; it begins anew after a drift.
func (d *EDDM) Observe(wrong bool) (warning, drift bool) {
	if d.drifted {
		d.reset()
	}
	d.n++
	if !wrong {
		return d.warned, d.drifted
	}
	d.errors++
	x := float64(d.n - d.last)
	delta := x - d.mean
	d.mean += delta / float64(d.errors)
	d.sumD += delta * (x - d.mean)
	d.last = d.n
	if d.n <= d.WarmStart {
		return d.warned, d.drifted
	}
	level := d.mean
	if d.errors > 1 {
		level += 2 * math.Sqrt(d.sumD/float64(d.errors-1))
	}
	switch {
	case level > d.highest:
		d.highest = level
	case d.errors > d.WarmStart && level/d.highest < d.Drift:
		d.drifted = true
	case d.errors > d.WarmStart:
		d.warned = level/d.highest < d.Warning
	}
	return d.warned, d.drifted
}

// HDDMA watches the mean of values in [0, 1] for a rise, and with TwoSided for a
// fall too, by Hoeffding's bound on the difference of the mean of all values and
// the mean at the best cut.
//
// Source: Frías-Blanco et al., "Online and non-parametric drift detection methods
// based on Hoeffding's bounds", IEEE TKDE 27 (2015); river's drift.binary.HDDM_A.
type HDDMA struct {
	Drift, Warning float64 // 0.001 and 0.005: error probabilities
	TwoSided       bool

	all, lowest, highest running
	warned, drifted      bool
}

type running struct{ n, mean float64 }

// NewHDDMA returns a detector with river's defaults.
func NewHDDMA() *HDDMA { return &HDDMA{Drift: .001, Warning: .005} }

// Observe takes a value, 1 for an error; it begins anew after a drift. A value
// outside [0, 1] is passed over.
func (d *HDDMA) Observe(v float64) (warning, drift bool) {
	if !(v >= 0 && v <= 1) {
		return d.warned, d.drifted
	}
	if d.drifted {
		d.all, d.lowest, d.highest, d.warned, d.drifted = running{}, running{}, running{}, false, false
	}
	d.all.n++
	d.all.mean += (v - d.all.mean) / d.all.n
	bound := func(r running) float64 { return math.Sqrt(1 / (2 * r.n) * math.Log(1/d.Drift)) }
	if d.lowest.n == 0 || d.lowest.mean+bound(d.lowest) >= d.all.mean+bound(d.all) {
		d.lowest = d.all
	}
	if d.highest.n == 0 || d.highest.mean-bound(d.highest) <= d.all.mean-bound(d.all) {
		d.highest = d.all
	}
	rise, fall := d.all.mean-d.lowest.mean, d.highest.mean-d.all.mean
	d.drifted = d.differs(rise, d.lowest, d.Drift)
	d.warned = !d.drifted && d.differs(rise, d.lowest, d.Warning)
	if d.TwoSided {
		if d.differs(fall, d.highest, d.Drift) {
			d.drifted = true
		} else if d.differs(fall, d.highest, d.Warning) {
			d.warned = true
		}
	}
	return d.warned, d.drifted
}

func (d *HDDMA) differs(difference float64, cut running, confidence float64) bool {
	if cut.n == d.all.n {
		return false
	}
	m := (d.all.n - cut.n) / cut.n / d.all.n
	return difference >= math.Sqrt(m/2*math.Log(2/confidence))
}
