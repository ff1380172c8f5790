package performance

import "math"

// Average is how a metric of one label becomes one of all.
type Average int

// The averages of scikit-learn. Labels that neither occur nor are predicted
// are left out; a share that is undefined for one of the other labels counts 0
// (scikit-learn's zero_division=0), or a model could gain by never predicting a
// label.
const (
	Macro    Average = iota // mean over the labels
	Micro                   // of the counts of all labels together
	Weighted                // mean over the labels, weighted by occurrences
)

// kind is a metric of one label, as weights of the derivative of its
// denominator: precision TP/predicted, recall TP/actual, F1 2TP/(actual +
// predicted).
type kind struct{ top, actual, predicted float64 }

// AveragePrecisionOfLabels is the precision averaged over labels. Micro is the
// accuracy.
func (c *Confusion) AveragePrecisionOfLabels(a Average) Metric { return c.average(a, kind{1, 0, 1}) }

// AverageRecall is the recall averaged over labels. Micro and Weighted are the
// accuracy.
func (c *Confusion) AverageRecall(a Average) Metric { return c.average(a, kind{1, 1, 0}) }

// AverageF1 is F1 averaged over labels. Micro is the accuracy.
func (c *Confusion) AverageF1(a Average) Metric { return c.average(a, kind{2, 1, 1}) }

// BalancedAccuracy is the mean recall over the labels that occur, 0 to 1.
// Interval: delta method.
func (c *Confusion) BalancedAccuracy() Metric {
	labels, least := 0.0, math.Inf(1)
	for _, n := range c.rows {
		if n > 0 {
			labels++
			least = min(least, n)
		}
	}
	if labels == 0 {
		return undefined("no labelled predictions")
	}
	var value, variance float64
	for i, n := range c.rows {
		if n > 0 {
			r := float64(c.counts[i][i]) / n
			value += r / labels
			variance += r * (1 - r) / n / (labels * labels)
		}
	}
	return bounded(value, variance, least*labels, 0, 1, int(c.n))
}

// average takes the mean of a metric over labels; its variance is that of the
// delta method, sum over cells of n g², g the derivative of the value with
// respect to the cell's count (the value does not change when all counts are
// multiplied, so the derivatives are centred).
func (c *Confusion) average(a Average, k kind) Metric {
	if c.n == 0 {
		return undefined("no labelled predictions")
	}
	if a == Micro {
		return c.Accuracy()
	}
	size := len(c.labels)
	weight, value, bottom := make([]float64, size), make([]float64, size), make([]float64, size)
	labels := 0.0
	for i := range size {
		if c.rows[i]+c.cols[i] > 0 {
			labels++
		}
	}
	var total float64
	for i := range size {
		if c.rows[i]+c.cols[i] == 0 {
			continue
		}
		weight[i] = 1 / labels
		if a == Weighted {
			weight[i] = c.rows[i] / c.n
		}
		if bottom[i] = k.actual*c.rows[i] + k.predicted*c.cols[i]; bottom[i] > 0 {
			value[i] = k.top * float64(c.counts[i][i]) / bottom[i]
		}
		total += weight[i] * value[i]
	}
	derivative := func(i, j int) float64 {
		var g float64
		if i == j && bottom[i] > 0 {
			g += weight[i] * k.top / bottom[i]
		}
		if bottom[i] > 0 {
			g -= weight[i] * value[i] * k.actual / bottom[i]
		}
		if bottom[j] > 0 {
			g -= weight[j] * value[j] * k.predicted / bottom[j]
		}
		if a == Weighted {
			g += (value[i] - total) / c.n
		}
		return g
	}
	return bounded(total, c.variance(derivative), c.n, 0, 1, int(c.n))
}

func (c *Confusion) variance(derivative func(i, j int) float64) float64 {
	var v float64
	for i, row := range c.counts {
		for j, n := range row {
			if n > 0 {
				g := derivative(i, j)
				v += float64(n) * g * g
			}
		}
	}
	return v
}

// MCC is Matthews' correlation coefficient of actual and predicted labels, -1
// to 1, in Gorodkin's form for any number of labels,
//
//	(s c - sum t_k p_k) / sqrt((s² - sum p_k²) (s² - sum t_k²)),
//
// s predictions, c of them right, t_k actual and p_k predicted ones of label k.
// Interval: delta method. Undefined where only one label occurs or only one is
// predicted.
//
// Source: Matthews (1975); Gorodkin, "Comparing two K-category assignments by a
// K-category correlation coefficient", Comput. Biol. Chem. 28 (2004).
func (c *Confusion) MCC() Metric {
	if c.n == 0 {
		return undefined("no labelled predictions")
	}
	cross, predicted, actual := c.margins()
	a, b := c.n*c.n-predicted, c.n*c.n-actual
	switch {
	case b <= 0:
		return undefined("only one label occurs")
	case a <= 0:
		return undefined("only one label is predicted")
	}
	root := math.Sqrt(a) * math.Sqrt(b)
	value := min(max((c.n*c.right-cross)/root, -1), 1)
	variance := c.variance(func(i, j int) float64 {
		g := c.numerator(i, j) / root
		return g - value/2*((2*c.n-2*c.cols[j])/a+(2*c.n-2*c.rows[i])/b)
	})
	return bounded(value, variance, c.n, -1, 1, int(c.n))
}

// Kappa is Cohen's kappa, the agreement of actual and predicted labels beyond
// chance, (p_o - p_e) / (1 - p_e), at most 1. Interval: delta method. Undefined
// where chance explains everything (a single label on both sides).
//
// Source: Cohen, "A coefficient of agreement for nominal scales", Educ.
// Psychol. Meas. 20 (1960).
func (c *Confusion) Kappa() Metric {
	if c.n == 0 {
		return undefined("no labelled predictions")
	}
	cross, _, _ := c.margins()
	bottom := c.n*c.n - cross
	if bottom <= 0 {
		return undefined("one label on both sides: agreement by chance is certain")
	}
	value := min(max((c.n*c.right-cross)/bottom, -1), 1)
	variance := c.variance(func(i, j int) float64 {
		return (c.numerator(i, j) - value*(2*c.n-c.cols[i]-c.rows[j])) / bottom
	})
	return bounded(value, variance, c.n, -1, 1, int(c.n))
}

// margins are sum t p, sum p² and sum t².
func (c *Confusion) margins() (cross, predicted, actual float64) {
	for k := range c.labels {
		cross += c.rows[k] * c.cols[k]
		predicted += c.cols[k] * c.cols[k]
		actual += c.rows[k] * c.rows[k]
	}
	return cross, predicted, actual
}

// numerator is the derivative of s c - sum t p with respect to cell (i, j).
func (c *Confusion) numerator(i, j int) float64 {
	g := c.right - c.cols[i] - c.rows[j]
	if i == j {
		g += c.n
	}
	return g
}
