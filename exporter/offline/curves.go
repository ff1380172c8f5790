package offline

import (
	"math"
	"slices"

	"github.com/gnomon-dev/gnomon/driftlib/performance"
)

// mostPoints bounds what a curve or a cloud holds: a report stays small however
// many rows it is of.
const mostPoints = 200

// Curves are what a report draws beside the reliability: of a binary score the
// two curves over its thresholds, of a regression its errors.
type Curves struct {
	ROC             [][2]float64 `json:"roc,omitempty"`              // false positive rate, true positive rate
	PrecisionRecall [][2]float64 `json:"precision_recall,omitempty"` // recall, precision
	Residuals       *Histogram   `json:"residuals,omitempty"`        // prediction less actual value
	Predictions     [][2]float64 `json:"predictions,omitempty"`      // actual value, prediction: rows at even steps
}

// Histogram counts between its edges, the last bin closed.
type Histogram struct {
	Edges  []float64 `json:"edges"`
	Counts []int     `json:"counts"`
}

// scoreCurves goes from the highest score down, equal scores together; nil where
// one class is absent.
func scoreCurves(score []float64, positive []bool) *Curves {
	order := make([]int, len(score))
	total := 0.0
	for i := range order {
		order[i] = i
		if positive[i] {
			total++
		}
	}
	negatives := float64(len(score)) - total
	if total == 0 || negatives == 0 {
		return nil
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case score[a] > score[b]:
			return -1
		case score[a] < score[b]:
			return 1
		}
		return 0
	})
	c := &Curves{ROC: [][2]float64{{0, 0}}}
	var tp, fp float64
	for i := 0; i < len(order); {
		j := i
		for ; j < len(order) && score[order[j]] == score[order[i]]; j++ {
			if positive[order[j]] {
				tp++
			} else {
				fp++
			}
		}
		i = j
		c.ROC = append(c.ROC, [2]float64{fp / negatives, tp / total})
		c.PrecisionRecall = append(c.PrecisionRecall, [2]float64{tp / total, tp / (tp + fp)})
	}
	c.ROC, c.PrecisionRecall = thinned(c.ROC), thinned(c.PrecisionRecall)
	return c
}

// thinned keeps both ends and even steps between them.
func thinned(points [][2]float64) [][2]float64 {
	if len(points) <= mostPoints {
		return points
	}
	out := make([][2]float64, mostPoints)
	for k := range out {
		out[k] = points[k*(len(points)-1)/(mostPoints-1)]
	}
	return out
}

// errorCurves are those of a regression.
func errorCurves(actual, predicted []float64) *Curves {
	if len(actual) == 0 {
		return nil
	}
	c := &Curves{}
	residuals := make([]float64, len(actual))
	for i := range actual {
		residuals[i] = predicted[i] - actual[i]
		c.Predictions = append(c.Predictions, [2]float64{actual[i], predicted[i]})
	}
	c.Predictions = thinned(c.Predictions)
	c.Residuals = histogram(residuals, 30)
	return c
}

// histogram has bins of equal width from the smallest to the largest value.
func histogram(values []float64, bins int) *Histogram {
	low, high := slices.Min(values), slices.Max(values)
	if !(high > low) || math.IsInf(high-low, 0) {
		return &Histogram{Edges: []float64{low, high}, Counts: []int{len(values)}}
	}
	h := &Histogram{Counts: make([]int, bins)}
	for k := range bins + 1 {
		h.Edges = append(h.Edges, low+(high-low)*float64(k)/float64(bins))
	}
	for _, v := range values {
		h.Counts[min(int((v-low)/(high-low)*float64(bins)), bins-1)]++
	}
	return h
}

// ClassMetrics are one label's, against all others.
type ClassMetrics struct {
	Label     string             `json:"label"`
	Rows      int64              `json:"rows"` // that have the label
	Precision performance.Metric `json:"precision"`
	Recall    performance.Metric `json:"recall"`
	F1        performance.Metric `json:"f1"`
}

// mostClasses bounds the table of classes.
const mostClasses = 100

func byClass(c *performance.Confusion) []ClassMetrics {
	labels, counts := c.Labels(), c.Counts()
	if len(labels) < 3 || len(labels) > mostClasses { // of two classes all is said already
		return nil
	}
	var out []ClassMetrics
	for i, l := range labels {
		m := ClassMetrics{Label: l, Precision: c.Precision(l), Recall: c.Recall(l), F1: c.F1(l)}
		for _, n := range counts[i] {
			m.Rows += n
		}
		out = append(out, m)
	}
	return out
}
