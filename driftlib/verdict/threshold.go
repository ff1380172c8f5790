package verdict

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Errors of Calibrate.
var (
	// ErrFew: too few windows for the rate.
	ErrFew = errors.New("too few windows")
	// ErrRate: a rate that is none, or a statistic that is NaN.
	ErrRate = errors.New("value out of range")
)

// Threshold is a limit calibrated on a reference.
type Threshold struct {
	Limit   float64
	Rate    float64 // at most this share of unchanged windows lies above the limit
	Windows int     // that it was found from
}

// CalibrateOptions say how a threshold is calibrated.
type CalibrateOptions struct {
	Window int     // rows of the windows that will be judged
	Rate   float64 // false alarms a window, such as 1 / (30 days * 24 windows)
	// Draws is the number of windows drawn at random; 0 cuts the reference into
	// windows of neighbouring rows, which keeps what dependence there is.
	Draws int
	Seed  uint64
}

// Calibrate finds the limit that a statistic of a window against the reference
// exceeds in at most a share Rate of windows while nothing changes, whatever the
// statistic is and the rows have to do with each other. Each window is held out:
// it is compared with the rest, never with a whole that contains it. The limit is
// the k-th smallest of W values, k = ceil((W + 1) (1 - Rate)), which holds for any
// next window that is exchangeable with them. rows is in the order of time. ErrFew
// where there are fewer than 1/Rate - 1 windows: the rate cannot be stated, draw
// more or state another.
//
// Source: Vovk, Gammerman and Shafer, "Algorithmic learning in a random world"
// (2005), of conformal prediction.
func Calibrate[T any](rows []T, o CalibrateOptions, statistic func(rest, window []T) (float64, error)) (Threshold, error) {
	if !(o.Rate > 0 && o.Rate < 1) || o.Window < 1 || o.Draws < 0 {
		return Threshold{}, fmt.Errorf("%w: a rate of %v for windows of %d rows", ErrRate, o.Rate, o.Window)
	}
	windows := o.Draws
	if windows == 0 {
		windows = len(rows) / o.Window
	}
	k := int(math.Ceil(float64(windows+1) * (1 - o.Rate)))
	if k > windows || len(rows) < 2*o.Window {
		return Threshold{}, fmt.Errorf("%w: %d windows of %d rows in %d; a rate of %g needs %.0f", ErrFew, windows, o.Window, len(rows), o.Rate, math.Ceil(1/o.Rate-1))
	}
	rng := rand.New(rand.NewPCG(o.Seed, 1))
	values := make([]float64, windows)
	work := slices.Clone(rows)
	rest, window := make([]T, 0, len(rows)), make([]T, 0, o.Window)
	for w := range values {
		from := w * o.Window
		if o.Draws > 0 {
			from = 0
			for i := range o.Window { // a partial shuffle brings the window to the front
				j := i + rng.IntN(len(work)-i)
				work[i], work[j] = work[j], work[i]
			}
		}
		window = append(window[:0], work[from:from+o.Window]...)
		rest = append(append(rest[:0], work[:from]...), work[from+o.Window:]...)
		v, err := statistic(rest, window)
		if err != nil {
			return Threshold{}, fmt.Errorf("window %d: %w", w, err)
		}
		if math.IsNaN(v) {
			return Threshold{}, fmt.Errorf("%w: the statistic of window %d is NaN", ErrRate, w)
		}
		values[w] = v
	}
	slices.Sort(values)
	return Threshold{Limit: values[k-1], Rate: o.Rate, Windows: windows}, nil
}
