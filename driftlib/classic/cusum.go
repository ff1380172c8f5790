package classic

import "math"

// CUSUM is the two-sided tabular cumulative sum chart of the mean: of values in
// standard deviations from the target,
//
//	up = max(0, up + z - Slack), down = max(0, down - z - Slack),
//
// a change where either exceeds Threshold. Target and standard deviation are
// those of the first WarmStart values, or fixed by NewCUSUMOf. With both known,
// normal independent values, slack 0.5 and threshold 5 the run length is 465 on
// average, and 10.4 once the mean has moved by a standard deviation; estimated
// from few values they make it far more variable.
//
// Source: Page, Biometrika 41 (1954); Montgomery, "Introduction to statistical
// quality control". river has none.
type CUSUM struct {
	Slack     float64 // 0.5: half the change to be found, in standard deviations
	Threshold float64 // 5 standard deviations
	WarmStart int     // 30

	known           bool
	n               int
	mean, sumD, std float64
	up, down        float64
	detected        bool
}

// NewCUSUM returns a chart that learns its target.
func NewCUSUM() *CUSUM { return &CUSUM{Slack: .5, Threshold: 5, WarmStart: 30} }

// NewCUSUMOf returns a chart of a known target and standard deviation.
func NewCUSUMOf(mean, std float64) *CUSUM {
	return &CUSUM{Slack: .5, Threshold: 5, known: true, mean: mean, std: std}
}

// Observe takes a value and reports whether the mean has changed; it begins anew
// after a change. A value that is not finite is passed over. A constant warm-up
// has no standard deviation: any other value is then a change.
func (d *CUSUM) Observe(v float64) bool {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return false
	}
	if d.detected {
		d.up, d.down, d.detected = 0, 0, false
		if !d.known {
			d.n, d.mean, d.sumD, d.std = 0, 0, 0, 0
		}
	}
	if !d.known && d.n < d.WarmStart {
		d.n++
		delta := v - d.mean
		d.mean += delta / float64(d.n)
		d.sumD += delta * (v - d.mean)
		d.std = math.Sqrt(d.sumD / float64(max(d.n-1, 1)))
		return false
	}
	z := 0.0
	if v != d.mean {
		z = (v - d.mean) / d.std // infinite where std is 0
	}
	d.up, d.down = max(0, d.up+z-d.Slack), max(0, d.down-z-d.Slack)
	d.detected = d.up > d.Threshold || d.down > d.Threshold
	return d.detected
}
