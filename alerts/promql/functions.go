package promql

import "fmt"

// arity is how many arguments a function takes.
type arity struct{ least, most int }

func (a arity) String() string {
	if a.least == a.most {
		return fmt.Sprintf("%d arguments", a.least)
	}
	return fmt.Sprintf("%d to %d arguments", a.least, a.most)
}

// aggregations with the number of arguments that they take.
func aggregations() map[string]int {
	return map[string]int{"sum": 1, "avg": 1, "count": 1, "min": 1, "max": 1, "group": 1, "stddev": 1, "stdvar": 1,
		"topk": 2, "bottomk": 2, "count_values": 2, "quantile": 2}
}

// functions of Prometheus 3 that need no feature flag.
func functions() map[string]arity {
	one, two, date := arity{1, 1}, arity{2, 2}, arity{0, 1}
	return map[string]arity{
		"abs": one, "absent": one, "absent_over_time": one, "acos": one, "acosh": one, "asin": one, "asinh": one, "atan": one, "atanh": one,
		"avg_over_time": one, "ceil": one, "changes": one, "clamp": {3, 3}, "clamp_max": two, "clamp_min": two, "cos": one, "cosh": one,
		"count_over_time": one, "day_of_month": date, "day_of_week": date, "day_of_year": date, "days_in_month": date, "deg": one, "delta": one,
		"deriv": one, "exp": one, "floor": one, "histogram_avg": one, "histogram_count": one, "histogram_fraction": {3, 3},
		"histogram_quantile": two, "histogram_stddev": one, "histogram_stdvar": one, "histogram_sum": one, "hour": date, "idelta": one,
		"increase": one, "irate": one, "label_join": {3, 99}, "label_replace": {5, 5}, "last_over_time": one, "ln": one, "log10": one, "log2": one,
		"max_over_time": one, "min_over_time": one, "minute": date, "month": date, "pi": {0, 0}, "predict_linear": two, "present_over_time": one,
		"quantile_over_time": two, "rad": one, "rate": one, "resets": one, "round": {1, 2}, "scalar": one, "sgn": one, "sin": one, "sinh": one,
		"sort": one, "sort_desc": one, "sqrt": one, "stddev_over_time": one, "stdvar_over_time": one, "sum_over_time": one, "tan": one, "tanh": one,
		"time": {0, 0}, "timestamp": one, "vector": one, "year": date,
	}
}
