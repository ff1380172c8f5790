package result

import "math"

// Known is a finite number, else nil: what is not known is absent, never NaN.
func Known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
