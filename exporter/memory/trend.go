package memory

import (
	"math"
	"slices"
	"time"
)

// Trend is the growth of a value over a sliding window by the Theil-Sen
// estimator: the median of the slopes between all pairs of points, which a few
// outliers (a garbage collection, a burst) cannot move, with Sen's interval.
//
// P. K. Sen, "Estimates of the Regression Coefficient Based on Kendall's Tau",
// JASA 63 (1968), 1379-1389.
type Trend struct {
	window time.Duration
	gap    time.Duration
	points []point
}

type point struct {
	at time.Time
	v  float64
}

// trendPoints bounds the points of a window: 200 make 19,900 slopes.
const trendPoints = 200

// NewTrend keeps points of a window.
func NewTrend(window time.Duration) *Trend {
	return &Trend{window: window, gap: window / trendPoints}
}

// Add takes a point in. Points closer than a two-hundredth of the window to
// the last one are passed over. A time before the last one begins anew.
func (t *Trend) Add(at time.Time, v float64) {
	if n := len(t.points); n > 0 {
		last := t.points[n-1].at
		if at.Before(last) {
			t.points = t.points[:0]
		} else if at.Sub(last) < t.gap {
			return
		}
	}
	t.points = append(t.points, point{at, v})
	first := 0
	for at.Sub(t.points[first].at) > t.window {
		first++
	}
	t.points = slices.Delete(t.points, 0, first)
}

// Reset forgets the points: what is measured is another thing now.
func (t *Trend) Reset() { t.points = t.points[:0] }

// Slope is the growth a second with its 95 % interval; ok is false with fewer
// than 10 points or less than a tenth of the window.
func (t *Trend) Slope() (slope, lower, upper float64, ok bool) {
	n := len(t.points)
	if n < 10 || t.points[n-1].at.Sub(t.points[0].at) < t.window/10 {
		return 0, 0, 0, false
	}
	slopes := make([]float64, 0, n*(n-1)/2)
	for i := range t.points {
		for j := i + 1; j < n; j++ {
			slopes = append(slopes, (t.points[j].v-t.points[i].v)/t.points[j].at.Sub(t.points[i].at).Seconds())
		}
	}
	slices.Sort(slopes)
	pairs := float64(len(slopes))
	// Kendall's S has variance n (n-1) (2n+5) / 18 without ties.
	half := 1.959963984540054 * math.Sqrt(float64(n*(n-1)*(2*n+5))/18)
	at := func(rank float64) float64 { return slopes[int(min(max(rank, 0), pairs-1))] }
	return (at(math.Floor((pairs-1)/2)) + at(math.Ceil((pairs-1)/2))) / 2, at(math.Floor((pairs - half) / 2)), at(math.Ceil((pairs+half)/2) - 1), true
}
