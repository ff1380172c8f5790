package cbpe

import (
	"fmt"
	"math"
	"slices"

	"github.com/gnomon-dev/gnomon/driftlib/performance"
)

// Estimate is what a binary classifier's performance is expected to be. The
// intervals hold the realized figure of these very predictions in 95 % of cases,
// if the probabilities are right: they say nothing of probabilities that are not.
type Estimate struct {
	Accuracy, Precision, Recall, F1, ROCAUC performance.Metric
	TP, FP, TN, FN                          float64 // expected counts
	N                                       int
}

// Binary estimates the performance of predictions "positive where the score is
// at least threshold", given the calibrated probability of each:
//
//	TP = sum of p, FP = sum of 1 - p over the predicted positives, FN and TN
//	likewise over the others;
//	AUC = sum over pairs of p_i (1 - p_j) (1[s_i > s_j] + 1/2 1[s_i = s_j]) /
//	(sum of p * sum of 1 - p).
//
// A pair of one prediction with itself counts half, which is of no matter from
// some hundred predictions on. Intervals are of the normal law by the delta
// method over independent labels. ErrLength, ErrEmpty, ErrValue where a score is
// NaN or a probability not in [0, 1].
func Binary(score, probability []float64, threshold float64) (Estimate, error) {
	if len(score) != len(probability) {
		return Estimate{}, fmt.Errorf("%w: %d scores, %d probabilities", ErrLength, len(score), len(probability))
	}
	if len(score) == 0 {
		return Estimate{}, ErrEmpty
	}
	e := Estimate{N: len(score)}
	var above, below, spreadAbove, spreadBelow float64 // variances of TP and of FN
	for i, p := range probability {
		if !(p >= 0 && p <= 1) || math.IsNaN(score[i]) {
			return Estimate{}, fmt.Errorf("%w: score %v, probability %v at index %d", ErrValue, score[i], p, i)
		}
		if score[i] >= threshold {
			e.TP += p
			e.FP += 1 - p
			spreadAbove += p * (1 - p)
			above++
		} else {
			e.FN += p
			e.TN += 1 - p
			spreadBelow += p * (1 - p)
			below++
		}
	}
	n := float64(e.N)
	e.Accuracy = e.metric((e.TP+e.TN)/n, (spreadAbove+spreadBelow)/(n*n))
	e.Precision = performance.Metric{Undefined: "no positive predictions"}
	if above > 0 {
		e.Precision = e.metric(e.TP/above, spreadAbove/(above*above))
	}
	e.Recall = performance.Metric{Undefined: "no positives are expected"}
	if all := e.TP + e.FN; all > 0 {
		e.Recall = e.metric(e.TP/all, (e.FN*e.FN*spreadAbove+e.TP*e.TP*spreadBelow)/(all*all*all*all))
	}
	e.F1 = performance.Metric{Undefined: "no positives are predicted or expected"}
	if d := above + e.TP + e.FN; d > 0 {
		up, down := 2*(above+e.FN)/(d*d), 2*e.TP/(d*d)
		e.F1 = e.metric(2*e.TP/d, up*up*spreadAbove+down*down*spreadBelow)
	}
	e.ROCAUC = e.auc(score, probability)
	return e, nil
}

// metric is a value with the interval of the normal law, kept to [0, 1].
func (e *Estimate) metric(value, variance float64) performance.Metric {
	value = min(max(value, 0), 1)
	half := 1.959963984540054 * math.Sqrt(max(variance, 0))
	return performance.Metric{Value: value, Lower: max(0, value-half), Upper: min(1, value+half), N: e.N}
}

// auc goes once through the scores from the lowest: each prediction's share in
// the pairs, and, for the interval, what its label would change,
//
//	(negatives below - positives above) / (P N) - AUC (1/P - 1/N).
func (e *Estimate) auc(score, probability []float64) performance.Metric {
	sorted := make([]scored, len(score))
	var positives, negatives float64
	for i, s := range score {
		sorted[i] = scored{s, probability[i]}
		positives += probability[i]
		negatives += 1 - probability[i]
	}
	switch {
	case positives == 0:
		return performance.Metric{Undefined: "no positives are expected"}
	case negatives == 0:
		return performance.Metric{Undefined: "no negatives are expected"}
	}
	slices.SortFunc(sorted, byScore)
	influence := make([]float64, len(sorted))
	var below, seen, pairs float64 // expected negatives and positives of lower scores
	for i := 0; i < len(sorted); {
		j, p, q := i, 0.0, 0.0
		for ; j < len(sorted) && sorted[j].score == sorted[i].score; j++ {
			p += sorted[j].p
			q += 1 - sorted[j].p
		}
		for k := i; k < j; k++ {
			influence[k] = (below + q/2 - (positives - seen - p/2)) / (positives * negatives)
		}
		pairs += p * (below + q/2)
		below, seen, i = below+q, seen+p, j
	}
	value := pairs / (positives * negatives)
	shift := value * (1/positives - 1/negatives)
	var variance float64
	for k, s := range sorted {
		g := influence[k] - shift
		variance += s.p * (1 - s.p) * g * g
	}
	return e.metric(value, variance)
}

// Accuracy estimates the accuracy of any classifier: the mean calibrated
// probability of the predicted class, with the interval of the normal law over
// independent labels. ErrEmpty, ErrValue where one is not in [0, 1].
func Accuracy(ofPredicted []float64) (performance.Metric, error) {
	if len(ofPredicted) == 0 {
		return performance.Metric{}, ErrEmpty
	}
	var sum, spread float64
	for i, p := range ofPredicted {
		if !(p >= 0 && p <= 1) {
			return performance.Metric{}, fmt.Errorf("%w: probability %v at index %d", ErrValue, p, i)
		}
		sum += p
		spread += p * (1 - p)
	}
	n := float64(len(ofPredicted))
	e := Estimate{N: len(ofPredicted)}
	return e.metric(sum/n, spread/(n*n)), nil
}
