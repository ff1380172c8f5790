package performance

import (
	"fmt"
	"math"
	"slices"
)

// Regression is what a regression's errors say. Every metric has its interval.
type Regression struct {
	MAE  Metric // mean |y - f|, in the unit of y
	RMSE Metric // sqrt(mean (y - f)²), in the unit of y
	// MAPE is mean |y - f| / |y|, a ratio; undefined where a y is 0.
	MAPE Metric
	// MedianAE is the median of |y - f|; its interval is by order statistics.
	MedianAE Metric
	Bias     Metric // mean (f - y)
	// R2 is 1 - sum (y - f)² / sum (y - mean y)², at most 1; undefined with fewer
	// than two observations or a constant y. Interval: delta method.
	R2 Metric
}

// Regress compares actual values with predictions. ErrLength where their
// numbers differ, ErrValue where one is not finite.
func Regress(actual, predicted []float64) (Regression, error) {
	if len(actual) != len(predicted) {
		return Regression{}, fmt.Errorf("%w: %d actual values, %d predictions", ErrLength, len(actual), len(predicted))
	}
	var absolute, square, ratio, bias, y moments
	zero := false
	errs := make([]float64, len(actual))
	for i, a := range actual {
		f := predicted[i]
		if math.IsNaN(a-f) || math.IsInf(a-f, 0) {
			return Regression{}, fmt.Errorf("%w: %v and %v at index %d", ErrValue, a, f, i)
		}
		e := math.Abs(a - f)
		errs[i] = e
		absolute.add(e)
		square.add(e * e)
		bias.add(f - a)
		y.add(a)
		if a == 0 {
			zero = true
		} else {
			ratio.add(e / math.Abs(a))
		}
	}
	r := Regression{MAE: absolute.metric("no observations"), Bias: bias.metric("no observations"), RMSE: root(square.metric("no observations")),
		MAPE: ratio.metric("no observations"), MedianAE: median(errs)}
	if zero {
		r.MAPE = undefined("an actual value is 0")
	}
	r.R2 = r2(square, y)
	return r, nil
}

// root takes a metric of squares to its root.
func root(m Metric) Metric {
	if !m.Defined() {
		return m
	}
	return Metric{Value: math.Sqrt(m.Value), Lower: math.Sqrt(max(m.Lower, 0)), Upper: math.Sqrt(m.Upper), N: m.N}
}

func r2(square, y moments) Metric {
	switch {
	case y.n == 0:
		return undefined("no observations")
	case y.n < 2:
		return undefined("a single observation")
	case y.sumD <= 0:
		return undefined("the actual values are all the same")
	}
	total := y.sumD / y.n
	value := 1 - square.mean/total
	e := studentQuantile(y.n-1) * math.Sqrt(spread(square)/y.n) / total
	return Metric{Value: value, Lower: value - e, Upper: min(1, value+e), N: int(y.n)}
}

// median has the interval of its order statistics.
func median(x []float64) Metric {
	n := len(x)
	if n == 0 {
		return undefined("no observations")
	}
	slices.Sort(x)
	mid := x[n/2]
	if n%2 == 0 {
		mid = (x[n/2-1] + x[n/2]) / 2
	}
	half := z * math.Sqrt(float64(n)) / 2
	lower := int(math.Floor(float64(n)/2 - half))
	upper := int(math.Ceil(float64(n)/2+half)) - 1
	m := Metric{Value: mid, Lower: 0, Upper: math.Inf(1), N: n}
	if lower >= 1 {
		m.Lower = x[lower-1]
	}
	if upper+1 < n {
		m.Upper = x[upper+1]
	}
	return m
}

// Coverage is the share of actual values inside their intervals, ends included;
// Wilson's interval.
func Coverage(actual, lower, upper []float64) (Metric, error) {
	if len(actual) != len(lower) || len(actual) != len(upper) {
		return Metric{}, fmt.Errorf("%w: %d actual values, %d lower and %d upper ends", ErrLength, len(actual), len(lower), len(upper))
	}
	in := 0
	for i, a := range actual {
		if math.IsNaN(a) || !(lower[i] <= upper[i]) {
			return Metric{}, fmt.Errorf("%w: %v in [%v, %v] at index %d", ErrValue, a, lower[i], upper[i], i)
		}
		if lower[i] <= a && a <= upper[i] {
			in++
		}
	}
	return proportion(float64(in), float64(len(actual)), "no observations"), nil
}
