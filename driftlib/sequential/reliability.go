package sequential

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"
)

// Reliability watches whether a classifier's confidence can still be believed:
// whether, among predictions of like confidence, more or fewer are wrong than in
// the labelled reference. Inputs that only became harder (confidence falls, and
// with it the accuracy, as it should) are no change. Not safe for concurrent
// use.
//
// It is a Rate in strata of confidence: the ranks of two bins, the wrong
// prediction the lower, each in its own stratum, and one bet for each shift of
// the log-odds of being wrong by -0.7, -0.35, 0.35, 0.7 and 1.4,
//
//	q = logistic(logit(p0) + shift), p0 = (k + 1/2) / (n + 1) of the stratum,
//	L = q/p0 where u < p0, else (1 - q) / (1 - p0).
//
// Evidence is the mean of the five. It reaches c once in c ticks, on average,
// while nothing has changed.
type Reliability struct {
	reference [][]float64 // wrong, right; by stratum
	bags      []bag
	p0        []float64
	q         [][shifts]float64
	theta     splitMix64
	tau       float64
	r         [shifts]float64
	start     bool
}

const shifts = 5

// NewReliability returns a detector for a reference of wrong[b] wrong
// predictions of total[b] in each stratum b, such as the ten bins of
// ConfidenceEdges. ErrReference where a stratum is empty or holds more wrong
// predictions than predictions.
func NewReliability(wrong, total []int, seed uint64, tau float64) (*Reliability, error) {
	if len(wrong) == 0 || len(wrong) != len(total) {
		return nil, fmt.Errorf("%w: %d and %d strata", ErrReference, len(wrong), len(total))
	}
	d := &Reliability{theta: splitMix64{seed}, tau: atLeastOne(tau), bags: make([]bag, len(wrong))}
	for b, k := range wrong {
		n := total[b]
		if k < 0 || n < 1 || k > n {
			return nil, fmt.Errorf("%w: %d of %d wrong in stratum %d", ErrReference, k, n, b)
		}
		p := (float64(k) + .5) / (float64(n) + 1)
		var q [shifts]float64
		for i, shift := range [shifts]float64{-.7, -.35, .35, .7, 1.4} {
			q[i] = 1 / (1 + math.Exp(-math.Log(p/(1-p))-shift))
		}
		d.reference = append(d.reference, []float64{float64(k), float64(n - k)})
		d.p0, d.q = append(d.p0, p), append(d.q, q)
	}
	d.Reset()
	return d, nil
}

// Reset forgets the stream.
func (d *Reliability) Reset() {
	for b := range d.bags {
		d.bags[b].reset(d.reference[b])
	}
	d.r, d.start = [shifts]float64{}, true
}

// Tick says that a unit of time has passed.
func (d *Reliability) Tick() { d.start = true }

// Observe folds in a labelled prediction of a stratum; a stratum that does not
// exist is none.
func (d *Reliability) Observe(stratum int, wrong bool) {
	if stratum < 0 || stratum >= len(d.bags) {
		return
	}
	j := 1
	if wrong {
		j = 0
	}
	u := d.bags[stratum].rank(j, d.theta.next())
	a := 0.0
	if d.start {
		a, d.start = 1, false
	}
	p := d.p0[stratum]
	for i, q := range d.q[stratum] {
		l := (1 - q) / (1 - p)
		if u < p {
			l = q / p
		}
		if d.tau > 1 {
			l = math.Pow(l, 1/d.tau)
		}
		d.r[i] = capped((d.r[i] + a) * l)
	}
}

// Evidence is the mean of the bets.
func (d *Reliability) Evidence() float64 { return mean(d.r[:]) }

// ConfidenceEdges are the inner edges of bins of equal mass (type 7 quantiles,
// duplicates merged); a confidence is in bin sort.SearchFloat64s(edges, c), each
// bin right-closed. ErrReference where there are no values, fewer than one bin,
// or a NaN.
func ConfidenceEdges(confidence []float64, bins int) ([]float64, error) {
	if len(confidence) == 0 || bins < 1 || slices.ContainsFunc(confidence, math.IsNaN) {
		return nil, fmt.Errorf("%w: %d confidences for %d bins, or one is NaN", ErrReference, len(confidence), bins)
	}
	sorted := slices.Clone(confidence)
	sort.Float64s(sorted)
	var edges []float64
	for k := 1; k < bins; k++ {
		edges = append(edges, quantile(sorted, float64(k)/float64(bins)))
	}
	edges = slices.Compact(edges)
	// An edge at the maximum would leave the last bin without a reference.
	for len(edges) > 0 && edges[len(edges)-1] >= sorted[len(sorted)-1] {
		edges = edges[:len(edges)-1]
	}
	return edges, nil
}

// NoiseFloor is the 99 % upper bound of Clopper and Pearson for the rate of an
// event that was seen k times in n: what Disagreement takes as the rate at which
// two correct runs of the same model disagree. It is the 0.99 quantile of
// Beta(k + 1, n - k); 1 where k = n. ErrReference where k is not in 0..n or n is
// 0.
//
// Source: Clopper and Pearson, Biometrika 26 (1934).
func NoiseFloor(k, n int) (float64, error) {
	switch {
	case k < 0 || n < 1 || k > n:
		return 0, fmt.Errorf("%w: %d disagreements in %d comparisons", ErrReference, k, n)
	case k == n:
		return 1, nil
	}
	return distuv.Beta{Alpha: float64(k) + 1, Beta: float64(n - k)}.Quantile(.99), nil
}
