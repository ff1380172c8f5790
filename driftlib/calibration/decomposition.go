package calibration

import "math"

// Decomposition is a Brier score taken apart:
//
//	Score = Reliability - Resolution + Uncertainty + WithinBin
//
// with n_b of N predictions in bin b, their mean confidence c_b, their accuracy
// a_b, and the accuracy a of all,
//
//	Reliability = sum_b (n_b/N) (c_b - a_b)²   0 is perfectly calibrated
//	Resolution  = sum_b (n_b/N) (a_b - a)²     how far the bins tell apart, at most Uncertainty
//	Uncertainty = a (1 - a)                    of the task, whatever the model
//	WithinBin   = what the confidences vary inside a bin, 0 where each bin holds one value
//
// Reliability is biased upwards by about the number of bins / N;
// Report.SquaredL2 is it with the bias taken off.
//
// Source: Murphy, J. Applied Meteorology 12 (1973); Stephenson, Coelho and
// Jolliffe, "Two extra components in the Brier score decomposition", Weather and
// Forecasting 23 (2008).
type Decomposition struct {
	Score, Reliability, Resolution, Uncertainty, WithinBin float64
}

// DecomposeBrier takes the Brier score apart by the distinct confidences: exact,
// WithinBin is 0 but for rounding. Report.Brier is the same over bins. Errors
// are those of EqualWidth.
func DecomposeBrier(confidence []float64, correct []bool) (Decomposition, error) {
	if err := check(confidence, correct); err != nil {
		return Decomposition{}, err
	}
	at := map[float64]int{}
	var bins []Bin
	for i, c := range confidence {
		k, ok := at[c]
		if !ok {
			k = len(bins)
			at[c] = k
			bins = append(bins, Bin{})
		}
		bins[k].add(c, correct[i])
	}
	return decompose(bins), nil
}

func decompose(bins []Bin) Decomposition {
	var d Decomposition
	var n, right float64
	for _, b := range bins {
		n += float64(b.Count)
		right += float64(b.Correct)
		d.Score += b.squared
	}
	if n == 0 {
		return Decomposition{}
	}
	base := right / n
	d.Score /= n
	d.Uncertainty = base * (1 - base)
	for _, b := range bins {
		if b.Count == 0 {
			continue
		}
		share, gap, lift := float64(b.Count)/n, b.MeanConfidence()-b.Accuracy(), b.Accuracy()-base
		d.Reliability += share * gap * gap
		d.Resolution += share * lift * lift
	}
	d.WithinBin = d.Score - (d.Reliability - d.Resolution + d.Uncertainty)
	return d
}

const z95 = 1.959963984540054

// Interval is the 95 % interval of the bin's accuracy (Wilson): a reliability
// curve's confidence band. An empty bin's is 0 to 1.
func (b Bin) Interval() (lower, upper float64) {
	if b.Count == 0 {
		return 0, 1
	}
	n, p := float64(b.Count), b.Accuracy()
	centre := p + z95*z95/(2*n)
	spread := z95 * math.Sqrt(p*(1-p)/n+z95*z95/(4*n*n))
	scale := 1 + z95*z95/n
	return min(max((centre-spread)/scale, 0), p), max(min((centre+spread)/scale, 1), p)
}

// Consistency is where the bin's accuracy lies in 95 % of the samples of a
// perfectly calibrated model, mean confidence -/+ 1.96 sqrt(sum c (1-c)) / n,
// kept to [0, 1]: a point outside it is not explained by chance alone. An empty
// bin's is 0 to 1.
//
// Source: Bröcker and Smith, "Increasing the reliability of reliability
// diagrams", Weather and Forecasting 22 (2007), by the normal law.
func (b Bin) Consistency() (lower, upper float64) {
	if b.Count == 0 {
		return 0, 1
	}
	c, e := b.MeanConfidence(), z95*math.Sqrt(b.variance)/float64(b.Count)
	return max(0, c-e), min(1, c+e)
}
