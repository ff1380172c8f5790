package performance

import (
	"fmt"
	"math"
	"slices"
	"sort"
)

// checkScores refuses what no metric of scores can use.
func checkScores(score []float64, positive []bool) error {
	if len(score) != len(positive) {
		return fmt.Errorf("%w: %d scores, %d labels", ErrLength, len(score), len(positive))
	}
	for i, s := range score {
		if math.IsNaN(s) {
			return fmt.Errorf("%w: the score at index %d is NaN", ErrValue, i)
		}
	}
	return nil
}

// ROCAUC is the area under the receiver operating characteristic: the
// probability that a positive observation is scored above a negative one, ties
// counted half; 0 to 1. Any order-preserving score will do. Interval: DeLong's
// variance. Undefined where one of the two classes does not occur.
//
// Source: Hanley and McNeil, Radiology 143 (1982); DeLong, DeLong and
// Clarke-Pearson, Biometrics 44 (1988).
func ROCAUC(score []float64, positive []bool) (Metric, error) {
	if err := checkScores(score, positive); err != nil {
		return Metric{}, err
	}
	order := ascending(score)
	all := midranks(score, order)
	var p, n int
	for _, y := range positive {
		if y {
			p++
		} else {
			n++
		}
	}
	switch {
	case p == 0:
		return undefined("no positive observations"), nil
	case n == 0:
		return undefined("no negative observations"), nil
	}
	// A value's rank among its own class, by the same order.
	own := make([]float64, len(score))
	for _, class := range [2]bool{true, false} {
		var part []int
		for _, i := range order {
			if positive[i] == class {
				part = append(part, i)
			}
		}
		for k, r := range midranks(score, part) {
			own[part[k]] = r
		}
	}
	byOrder := make([]float64, len(score))
	for k, i := range order {
		byOrder[i] = all[k]
	}
	// Placements: of each positive the share of negatives below it, and of each
	// negative the share of positives above it.
	var above, below moments
	for i, y := range positive {
		if y {
			above.add((byOrder[i] - own[i]) / float64(n))
		} else {
			below.add(1 - (byOrder[i]-own[i])/float64(p))
		}
	}
	variance := spread(above)/float64(p) + spread(below)/float64(n)
	return bounded(min(max(above.mean, 0), 1), variance, float64(min(p, n)), 0, 1, len(score)), nil
}

// spread is the sample variance; 0 of a single value.
func spread(m moments) float64 {
	if m.n < 2 {
		return 0
	}
	return m.sumD / (m.n - 1)
}

// ascending are the indices in the order of their values.
func ascending(x []float64) []int {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return x[order[a]] < x[order[b]] })
	return order
}

// midranks are the ranks, from 1, of the values in the given order; ties get
// the mean of their ranks.
func midranks(x []float64, order []int) []float64 {
	out := make([]float64, len(order))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && x[order[j]] == x[order[i]] {
			j++
		}
		for k := i; k < j; k++ {
			out[k] = float64(i+j+1) / 2
		}
		i = j
	}
	return out
}

// AveragePrecision is sum (R_k - R_{k-1}) P_k over the distinct scores from the
// highest down, P precision and R recall: the area under the precision-recall
// curve without interpolation; 0 to 1. A model without skill scores the share
// of positives. Interval: Wilson of as many observations as there are
// positives. Undefined without positives.
//
// Source: scikit-learn's definition.
func AveragePrecision(score []float64, positive []bool) (Metric, error) {
	if err := checkScores(score, positive); err != nil {
		return Metric{}, err
	}
	order := ascending(score)
	slices.Reverse(order)
	var total float64
	for _, y := range positive {
		if y {
			total++
		}
	}
	if total == 0 {
		return undefined("no positive observations"), nil
	}
	var tp, area float64
	for i := 0; i < len(order); {
		j, hits := i, 0.0
		for ; j < len(order) && score[order[j]] == score[order[i]]; j++ {
			if positive[order[j]] {
				hits++
			}
		}
		tp += hits
		area += hits / total * tp / float64(j)
		i = j
	}
	area = min(area, 1)
	return bounded(area, area*(1-area)/total, total, 0, 1, len(score)), nil
}

// probability checks the probabilities of what really happened.
func probability(p []float64) error {
	for i, v := range p {
		if math.IsNaN(v) || v < 0 || v > 1 {
			return fmt.Errorf("%w: the probability %v at index %d is not in [0, 1]", ErrValue, v, i)
		}
	}
	return nil
}

// within keeps the interval of a mean to the range of what it is a mean of.
func within(m Metric, most float64) Metric {
	m.Lower, m.Upper = max(m.Lower, 0), min(m.Upper, most)
	return m
}

// smallest is the probability that a logarithm takes for 0 (scikit-learn's).
const smallest = 2.220446049250313e-16

// LogLoss is the mean of -ln p over the probabilities that were given to what
// really happened, in nats; 0 is perfect. Probabilities are clipped to
// [2.2e-16, 1 - 2.2e-16]. Interval: Student's t. Undefined without
// observations.
func LogLoss(ofActual []float64) (Metric, error) {
	if err := probability(ofActual); err != nil {
		return Metric{}, err
	}
	var m moments
	for _, p := range ofActual {
		m.add(-math.Log(min(max(p, smallest), 1-smallest)))
	}
	return within(m.metric("no observations"), math.Inf(1)), nil
}

// Brier is the mean of (p - y)² over observations, p the probability of the
// positive class and y 1 where it happened; 0 to 1, 0 is perfect. Interval:
// Student's t.
//
// Source: Brier, Monthly Weather Review 78 (1950), in its binary form.
func Brier(p []float64, positive []bool) (Metric, error) {
	if len(p) != len(positive) {
		return Metric{}, fmt.Errorf("%w: %d probabilities, %d labels", ErrLength, len(p), len(positive))
	}
	if err := probability(p); err != nil {
		return Metric{}, err
	}
	var m moments
	for i, v := range p {
		y := 0.0
		if positive[i] {
			y = 1
		}
		m.add((v - y) * (v - y))
	}
	return within(m.metric("no observations"), 1), nil
}

// BrierMulticlass is the mean over rows of sum over classes (p_k - y_k)², 0 to
// 2: Brier's original form, twice the binary one for two classes. actual is the
// index of the class that happened.
func BrierMulticlass(rows [][]float64, actual []int) (Metric, error) {
	if len(rows) != len(actual) {
		return Metric{}, fmt.Errorf("%w: %d rows of probabilities, %d labels", ErrLength, len(rows), len(actual))
	}
	var m moments
	for i, row := range rows {
		if actual[i] < 0 || actual[i] >= len(row) {
			return Metric{}, fmt.Errorf("%w: class %d of %d at row %d", ErrValue, actual[i], len(row), i)
		}
		if err := probability(row); err != nil {
			return Metric{}, fmt.Errorf("row %d: %w", i, err)
		}
		sum := 0.0
		for k, p := range row {
			y := 0.0
			if k == actual[i] {
				y = 1
			}
			sum += (p - y) * (p - y)
		}
		m.add(sum)
	}
	return within(m.metric("no observations"), 2), nil
}

// TopK is the share of rows whose actual class is among the k with the highest
// scores, ties counted against the model's favour last class first; Wilson's
// interval.
func TopK(rows [][]float64, actual []int, k int) (Metric, error) {
	if len(rows) != len(actual) {
		return Metric{}, fmt.Errorf("%w: %d rows of scores, %d labels", ErrLength, len(rows), len(actual))
	}
	if k < 1 {
		return Metric{}, fmt.Errorf("%w: k is %d", ErrValue, k)
	}
	hits := 0
	for i, row := range rows {
		if actual[i] < 0 || actual[i] >= len(row) {
			return Metric{}, fmt.Errorf("%w: class %d of %d at row %d", ErrValue, actual[i], len(row), i)
		}
		higher := 0
		for c, s := range row {
			if s > row[actual[i]] || (s == row[actual[i]] && c > actual[i]) {
				higher++
			}
		}
		if higher < k {
			hits++
		}
	}
	return proportion(float64(hits), float64(len(rows)), "no observations"), nil
}
