package performance

import (
	"fmt"
	"math"
	"slices"
)

// pairs checks values that belong together.
func pairs(a, b []float64, what string) error {
	if len(a) != len(b) {
		return fmt.Errorf("%w: %d actual values, %d %s", ErrLength, len(a), len(b), what)
	}
	for i := range a {
		if math.IsNaN(a[i]-b[i]) || math.IsInf(a[i]-b[i], 0) {
			return fmt.Errorf("%w: %v and %v at index %d", ErrValue, a[i], b[i], i)
		}
	}
	return nil
}

// positive keeps the interval of a mean of what cannot be negative.
func positive(m Metric) Metric {
	if m.Defined() {
		m.Lower = max(m.Lower, 0)
	}
	return m
}

// Pinball is the mean pinball (quantile) loss of predictions of the quantile
// level in (0, 1), in the unit of y,
//
//	mean of max(level (y - q), (level - 1) (y - q)),
//
// 0 perfect; half the MAE at level 0.5. It is least, on average, at the true
// quantile. Interval: Student's t. Undefined without observations; ErrValue where
// the level is not in (0, 1) or a value is not finite.
//
// Source: Koenker and Bassett, Econometrica 46 (1978).
func Pinball(actual, predicted []float64, level float64) (Metric, error) {
	if !(level > 0 && level < 1) {
		return Metric{}, fmt.Errorf("%w: a quantile level of %v", ErrValue, level)
	}
	if err := pairs(actual, predicted, "predicted quantiles"); err != nil {
		return Metric{}, err
	}
	var m moments
	for i, y := range actual {
		m.add(pinball(y-predicted[i], level))
	}
	return positive(m.metric("no observations")), nil
}

func pinball(e, level float64) float64 { return max(level*e, (level-1)*e) }

// QuantileCoverage is the share of actual values at or below their predicted
// quantile: the level, for a calibrated model of a continuous value. Wilson's
// interval. Undefined without observations.
func QuantileCoverage(actual, predicted []float64) (Metric, error) {
	if err := pairs(actual, predicted, "predicted quantiles"); err != nil {
		return Metric{}, err
	}
	in := 0.0
	for i, y := range actual {
		if y <= predicted[i] {
			in++
		}
	}
	return proportion(in, float64(len(actual)), "no observations"), nil
}

// IntervalScore is Winkler's score of central prediction intervals that should
// miss a share alpha of the values, in the unit of y, 0 perfect: the mean of
// their width plus 2/alpha times the distance of a value outside. It rewards
// narrow intervals and punishes missing. Interval: Student's t. ErrValue where
// alpha is not in (0, 1), an interval is upside down or a value is not finite.
//
// Source: Gneiting and Raftery, JASA 102 (2007), equation 43.
func IntervalScore(actual, lower, upper []float64, alpha float64) (Metric, error) {
	if !(alpha > 0 && alpha < 1) {
		return Metric{}, fmt.Errorf("%w: alpha is %v", ErrValue, alpha)
	}
	if err := pairs(actual, lower, "lower ends"); err != nil {
		return Metric{}, err
	}
	if err := pairs(actual, upper, "upper ends"); err != nil {
		return Metric{}, err
	}
	var m moments
	for i, y := range actual {
		if lower[i] > upper[i] {
			return Metric{}, fmt.Errorf("%w: [%v, %v] at index %d", ErrValue, lower[i], upper[i], i)
		}
		m.add(upper[i] - lower[i] + 2/alpha*(max(lower[i]-y, 0)+max(y-upper[i], 0)))
	}
	return positive(m.metric("no observations")), nil
}

// CRPS is the mean continuous ranked probability score of ensembles (samples of
// the predicted law), in the unit of y, 0 perfect; the MAE where an ensemble is
// a single value,
//
//	E|X - y| - E|X - X'| / 2
//
// over all pairs of members. Interval: Student's t. Undefined without
// observations; ErrValue where an ensemble is empty or a value is not finite.
//
// Source: Gneiting and Raftery, JASA 102 (2007), equation 21.
func CRPS(actual []float64, members [][]float64) (Metric, error) {
	if len(actual) != len(members) {
		return Metric{}, fmt.Errorf("%w: %d actual values, %d ensembles", ErrLength, len(actual), len(members))
	}
	var m moments
	var sorted []float64
	for i, y := range actual {
		n := float64(len(members[i]))
		if n == 0 {
			return Metric{}, fmt.Errorf("%w: an empty ensemble at index %d", ErrValue, i)
		}
		sorted = append(sorted[:0], members[i]...)
		slices.Sort(sorted)
		var off, spread float64
		for k, x := range sorted {
			off += math.Abs(x - y)
			spread += x * (2*float64(k) + 1 - n)
		}
		score := off/n - spread/(n*n)
		if math.IsNaN(score) || math.IsInf(score, 0) {
			return Metric{}, fmt.Errorf("%w: %v against %v at index %d", ErrValue, y, members[i], i)
		}
		m.add(max(score, 0))
	}
	return positive(m.metric("no observations")), nil
}

// CRPSNormal is CRPS of normal laws given by mean and standard deviation,
//
//	sigma (z (2 Phi(z) - 1) + 2 phi(z) - 1/sqrt(pi)), z = (y - mean) / sigma,
//
// |y - mean| where sigma is 0. ErrValue where a sigma is negative or a value is
// not finite.
//
// Source: Gneiting and Raftery, JASA 102 (2007), equation 5 of its section 4.2.
func CRPSNormal(actual, mean, sigma []float64) (Metric, error) {
	if err := pairs(actual, mean, "means"); err != nil {
		return Metric{}, err
	}
	if err := pairs(actual, sigma, "standard deviations"); err != nil {
		return Metric{}, err
	}
	var m moments
	for i, y := range actual {
		s := sigma[i]
		if s < 0 {
			return Metric{}, fmt.Errorf("%w: a standard deviation of %v at index %d", ErrValue, s, i)
		}
		e := math.Abs(y - mean[i])
		if s > 0 && !math.IsInf(e/s, 0) {
			z := e / s
			e = s * (z*math.Erf(z/math.Sqrt2) + 2*math.Exp(-z*z/2)/math.Sqrt(2*math.Pi) - 1/math.Sqrt(math.Pi))
		}
		m.add(e)
	}
	return positive(m.metric("no observations")), nil
}

// CRPSQuantiles is CRPS of laws given by quantiles at the same ascending levels,
// such as the ends of intervals: twice the pinball loss, integrated over the
// levels, each standing for the levels nearer to it than to its neighbours. The
// more levels, the nearer to CRPS. quantiles[i] are those of observation i.
// ErrValue where levels do not ascend inside (0, 1).
//
// Source: Laio and Tamea, Hydrology and Earth System Sciences 11 (2007).
func CRPSQuantiles(actual []float64, levels []float64, quantiles [][]float64) (Metric, error) {
	if len(actual) != len(quantiles) || len(levels) == 0 {
		return Metric{}, fmt.Errorf("%w: %d actual values, %d rows of quantiles at %d levels", ErrLength, len(actual), len(quantiles), len(levels))
	}
	weights := make([]float64, len(levels))
	from := 0.0
	for k, l := range levels {
		to := 1.0
		if k+1 < len(levels) {
			to = (l + levels[k+1]) / 2
		}
		if !(l > 0 && l < 1) || (k > 0 && l <= levels[k-1]) {
			return Metric{}, fmt.Errorf("%w: a level of %v at index %d", ErrValue, l, k)
		}
		weights[k], from = 2*(to-from), to
	}
	var m moments
	for i, y := range actual {
		if len(quantiles[i]) != len(levels) {
			return Metric{}, fmt.Errorf("%w: %d quantiles at index %d, %d levels", ErrLength, len(quantiles[i]), i, len(levels))
		}
		sum := 0.0
		for k, q := range quantiles[i] {
			sum += weights[k] * pinball(y-q, levels[k])
		}
		if math.IsNaN(sum) || math.IsInf(sum, 0) {
			return Metric{}, fmt.Errorf("%w: %v against %v at index %d", ErrValue, y, quantiles[i], i)
		}
		m.add(sum)
	}
	return positive(m.metric("no observations")), nil
}
