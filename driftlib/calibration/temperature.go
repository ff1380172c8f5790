package calibration

import (
	"fmt"
	"math"
)

// Temperature is a classifier's logits, or logarithms of its probabilities,
// divided by T before the softmax. T above 1 makes it less confident. It changes
// no prediction.
type Temperature struct {
	T             float64
	Before, After float64 // mean log-loss in nats of T = 1 and of T
}

// The range in which a temperature is looked for.
const (
	coldest = 1e-3
	hottest = 1e3
)

// FitTemperature finds the T that makes the log-loss of softmax(logits / T)
// least. The loss is convex in 1/T, so that there is one; it is found by
// bisection of the derivative, sum over rows of (mean logit - actual logit).
// ErrClass where a row has no such class, ErrLength, ErrEmpty, ErrConfidence
// where a logit is NaN or +Inf (-Inf is a probability of 0), ErrTemperature where
// T would not be in [0.001, 1000]: every prediction right, or nothing learned.
//
// Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural
// networks", ICML 2017.
func FitTemperature(logits [][]float64, actual []int) (Temperature, error) {
	if len(logits) != len(actual) {
		return Temperature{}, fmt.Errorf("%w: %d rows, %d outcomes", ErrLength, len(logits), len(actual))
	}
	if len(logits) == 0 {
		return Temperature{}, ErrEmpty
	}
	for i, row := range logits {
		if actual[i] < 0 || actual[i] >= len(row) {
			return Temperature{}, fmt.Errorf("%w: class %d of %d in row %d", ErrClass, actual[i], len(row), i)
		}
		for _, v := range row {
			if math.IsNaN(v) || math.IsInf(v, 1) {
				return Temperature{}, fmt.Errorf("%w: logit %v in row %d", ErrConfidence, v, i)
			}
		}
		if math.IsInf(row[actual[i]], -1) {
			return Temperature{}, fmt.Errorf("%w: the class that happened in row %d was given no probability at all", ErrConfidence, i)
		}
	}
	low, high := 1/hottest, 1/coldest
	if _, slope := loss(logits, actual, low); !(slope < 0) {
		return Temperature{}, fmt.Errorf("%w: the logits say nothing of the classes", ErrTemperature)
	}
	if _, slope := loss(logits, actual, high); !(slope > 0) {
		return Temperature{}, fmt.Errorf("%w: every prediction is right", ErrTemperature)
	}
	for range 200 {
		mid := math.Sqrt(low * high)
		if mid == low || mid == high {
			break
		}
		if _, slope := loss(logits, actual, mid); slope < 0 {
			low = mid
		} else {
			high = mid
		}
	}
	t := Temperature{T: 1 / math.Sqrt(low*high)}
	t.Before, _ = loss(logits, actual, 1)
	t.After, _ = loss(logits, actual, 1/t.T)
	return t, nil
}

// loss is the mean log-loss at inverse temperature b, and its derivative.
func loss(logits [][]float64, actual []int, b float64) (value, slope float64) {
	for i, row := range logits {
		top := row[0]
		for _, v := range row {
			top = max(top, v)
		}
		var sum, mean float64
		for _, v := range row {
			if e := math.Exp(b * (v - top)); e > 0 {
				sum += e
				mean += e * (v - top)
			}
		}
		own := row[actual[i]] - top
		value += math.Log(sum) - b*own
		slope += mean/sum - own
	}
	n := float64(len(logits))
	return value / n, slope / n
}

// Apply is softmax(logits / T); logits are not changed.
func (t Temperature) Apply(logits []float64) []float64 {
	out := make([]float64, len(logits))
	if len(logits) == 0 {
		return out
	}
	top, sum := logits[0], 0.0
	for _, v := range logits {
		top = max(top, v)
	}
	for i, v := range logits {
		out[i] = math.Exp((v - top) / t.T)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}
