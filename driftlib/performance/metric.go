package performance

import (
	"encoding/json"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Level is the confidence level of every interval of this package.
const Level = 0.95

// z is the standard normal quantile of Level, two-sided.
const z = 1.959963984540054

// Metric is a value with its interval at Level, or the reason why there is no
// value.
type Metric struct {
	Value, Lower, Upper float64
	// N is the number of observations that the value was made of.
	N int
	// Undefined says why there is no value; empty where there is one.
	Undefined string
}

// Defined reports whether there is a value.
func (m Metric) Defined() bool { return m.Undefined == "" }

// String is "0.9120 [0.8831, 0.9343] (n=500)" or "undefined: no labels".
func (m Metric) String() string {
	if !m.Defined() {
		return "undefined: " + m.Undefined
	}
	return fmt.Sprintf("%.4f [%.4f, %.4f] (n=%d)", m.Value, m.Lower, m.Upper, m.N)
}

type metricJSON struct {
	Value     *float64 `json:"value,omitempty"`
	Lower     *float64 `json:"lower,omitempty"`
	Upper     *float64 `json:"upper,omitempty"`
	N         *int     `json:"n,omitempty"`
	Undefined string   `json:"undefined,omitempty"`
}

// MarshalJSON writes {"value","lower","upper","n"} or {"undefined":"why"}. An
// infinite end of an interval is left out.
func (m Metric) MarshalJSON() ([]byte, error) {
	if !m.Defined() {
		return json.Marshal(metricJSON{Undefined: m.Undefined})
	}
	return json.Marshal(metricJSON{Value: finite(m.Value), Lower: finite(m.Lower), Upper: finite(m.Upper), N: &m.N})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Metric) UnmarshalJSON(data []byte) error {
	var in metricJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if in.Undefined != "" {
		*m = Metric{Undefined: in.Undefined}
		return nil
	}
	if in.Value == nil {
		return fmt.Errorf("%w: a metric needs \"value\" or \"undefined\"", ErrValue)
	}
	*m = Metric{Value: *in.Value, Lower: math.Inf(-1), Upper: math.Inf(1)}
	if in.Lower != nil {
		m.Lower = *in.Lower
	}
	if in.Upper != nil {
		m.Upper = *in.Upper
	}
	if in.N != nil {
		m.N = *in.N
	}
	return nil
}

func finite(v float64) *float64 {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return nil
	}
	return &v
}

func undefined(why string) Metric { return Metric{Undefined: why} }

// Proportion is k / n with the Wilson score interval
//
//	(p + z²/2n -/+ z sqrt(p (1-p)/n + z²/4n²)) / (1 + z²/n),
//
// which stays inside [0, 1] and does not collapse where k is 0 or n. Undefined
// where n is 0; ErrValue where k is not in [0, n].
//
// Source: Wilson, "Probable inference, the law of succession, and statistical
// inference", JASA 22 (1927).
func Proportion(k, n int) (Metric, error) {
	if k < 0 || k > n {
		return Metric{}, fmt.Errorf("%w: %d successes of %d", ErrValue, k, n)
	}
	return proportion(float64(k), float64(n), "no observations"), nil
}

// proportion is Proportion of counts that are known to be sane.
func proportion(k, n float64, why string) Metric {
	if n <= 0 {
		return undefined(why)
	}
	lower, upper := wilson(k/n, n)
	return Metric{Value: k / n, Lower: lower, Upper: upper, N: int(n)}
}

// wilson is the interval of a share p of n observations; n need not be whole.
func wilson(p, n float64) (lower, upper float64) {
	centre := p + z*z/(2*n)
	spread := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	scale := 1 + z*z/n
	// p itself bounds both ends: rounding must not put it outside.
	return min(max((centre-spread)/scale, 0), p), max(min((centre+spread)/scale, 1), p)
}

// bounded puts an interval around a value of the range [low, high] whose
// variance was found by the delta method: the Wilson interval of a share with
// the same value and variance, that is of v (1-v) / variance observations,
// where v is the value taken to [0, 1]. At the ends of the range, where that
// variance is 0 and says nothing, support observations are taken.
func bounded(value, variance, support, low, high float64, n int) Metric {
	value = min(max(value, low), high) // rounding
	width := high - low
	v := min(max((value-low)/width, 0), 1)
	effective := support
	if variance > 0 && v > 0 && v < 1 {
		effective = v * (1 - v) / (variance / (width * width))
	}
	m := Metric{Value: value, Lower: low, Upper: high, N: n}
	if effective > 0 {
		lower, upper := wilson(v, effective)
		m.Lower, m.Upper = min(low+width*lower, value), max(low+width*upper, value)
	}
	return m
}

// Mean is the arithmetic mean with Student's t interval, mean -/+ t s /
// sqrt(n). With one observation the interval is infinite. Undefined where there
// are none; ErrValue where one is not finite.
func Mean(x []float64) (Metric, error) {
	var a moments
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return Metric{}, fmt.Errorf("%w: %v at index %d", ErrValue, v, i)
		}
		a.add(v)
	}
	return a.metric("no observations"), nil
}

// moments are a running mean and sum of squared deviations (Welford).
type moments struct {
	n          float64
	mean, sumD float64
}

func (a *moments) add(v float64) {
	a.n++
	d := v - a.mean
	a.mean += d / a.n
	a.sumD += d * (v - a.mean)
}

func (a *moments) merge(b moments) {
	if b.n == 0 {
		return
	}
	n := a.n + b.n
	d := b.mean - a.mean
	a.sumD += b.sumD + d*d*a.n*b.n/n
	a.mean += d * b.n / n
	a.n = n
}

// metric is the mean with Student's t interval.
func (a *moments) metric(why string) Metric {
	if a.n == 0 {
		return undefined(why)
	}
	if math.IsNaN(a.mean) || math.IsInf(a.mean, 0) {
		return undefined("the values add up to more than a float64 holds")
	}
	m := Metric{Value: a.mean, Lower: math.Inf(-1), Upper: math.Inf(1), N: int(a.n)}
	if a.n > 1 {
		e := studentQuantile(a.n-1) * math.Sqrt(max(a.sumD, 0)/(a.n-1)/a.n)
		if !math.IsNaN(e) {
			m.Lower, m.Upper = a.mean-e, a.mean+e
		}
	}
	return m
}

func studentQuantile(dof float64) float64 {
	if dof > 1e6 {
		return z
	}
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: dof}.Quantile((1 + Level) / 2)
}
