package cost

import (
	"math"

	"github.com/gnomon-dev/gnomon/driftlib/performance"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// PairedDifference is the difference of two shares of the same n records, such
// as of those that one model got right and another did not: (onlyA - onlyB)/n.
// The interval is Bonett and Price's adjusted Wald interval ("Adjusted Wald
// confidence interval for a difference of binomial proportions based on paired
// data", J. Educ. Behav. Stat. 37, 2012): a pair is added of either kind before
// the variance is taken, so that it holds for few or no differences too.
func PairedDifference(onlyA, onlyB, n int) performance.Metric {
	if n <= 0 || onlyA < 0 || onlyB < 0 || onlyA+onlyB > n {
		return performance.Metric{Undefined: "no records with an answer of both models"}
	}
	const z = 1.959963984540054
	a, b := float64(onlyA+1)/float64(n+2), float64(onlyB+1)/float64(n+2)
	d := a - b
	half := z * math.Sqrt((a+b-d*d)/float64(n+2))
	return performance.Metric{Value: float64(onlyA-onlyB) / float64(n), Lower: max(-1, d-half), Upper: min(1, d+half), N: n}
}

// SavedShare is 1 - candidate/primary from costs that were taken in pairs, one
// pair a block of the same records: the geometric mean of the blocks' ratios,
// with Student's t interval of their logarithms. At least three blocks in
// which both cost something.
func SavedShare(candidate, primary []float64) performance.Metric {
	var logs []float64
	for i := range candidate {
		if candidate[i] > 0 && primary[i] > 0 {
			logs = append(logs, math.Log(candidate[i]/primary[i]))
		}
	}
	if len(logs) < 3 {
		return performance.Metric{Undefined: "fewer than three blocks of records with a measured cost"}
	}
	mean, sd := stat.MeanStdDev(logs, nil)
	n := float64(len(logs))
	half := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(.975) * sd / math.Sqrt(n)
	return performance.Metric{Value: 1 - math.Exp(mean), Lower: 1 - math.Exp(mean+half), Upper: 1 - math.Exp(mean-half), N: len(logs)}
}
