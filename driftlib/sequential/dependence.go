package sequential

import (
	"math"

	"github.com/gnomon-dev/gnomon/driftlib"
	"gonum.org/v1/gonum/stat/distuv"
)

// Tau is by how much dependence in time lengthens a feature's stream: the
// integrated autocorrelation time of the bins' normal scores z (of their
// mid-ranks) or of z², whichever is longer. Below 1.1 it is 1, otherwise
// rounded up to the next quarter. sequence holds the bins row by row, in the
// order of time (a shuffled one gives 1, and voids the alarms' rate); counts
// how often each bin occurs.
func Tau(sequence []int, counts []float64) float64 {
	scores := normalScores(counts)
	z := make([]float64, 0, len(sequence))
	for _, j := range sequence {
		if j >= 0 && j < len(scores) {
			z = append(z, scores[j])
		}
	}
	return tauOf(z)
}

// TauStrata is Tau of a detector with strata: strata[i] is that of row i, and
// each row is scored among the counts of its own. What the strata explain (the
// daily cycle) does not lengthen the stream. Rows of a bin or a stratum that do
// not exist are passed over. Above 50 the strata do not explain enough, and an
// alarm takes very long.
func TauStrata(sequence, strata []int, counts [][]float64) float64 {
	scores := make([][]float64, len(counts))
	for s := range counts {
		scores[s] = normalScores(counts[s])
	}
	z := make([]float64, 0, len(sequence))
	for i, j := range sequence {
		if i >= len(strata) || strata[i] < 0 || strata[i] >= len(scores) || j < 0 || j >= len(scores[strata[i]]) {
			continue
		}
		z = append(z, scores[strata[i]][j])
	}
	return tauOf(z)
}

// tauOf is the time of scores or of their squares, rounded up. It squares z.
func tauOf(z []float64) float64 {
	t := timeOf(z)
	for i, v := range z {
		z[i] = v * v
	}
	t = max(t, timeOf(z))
	if !(t >= 1.1) {
		return 1
	}
	return math.Ceil(4*t) / 4
}

// timeOf is the autocorrelation time of values that differ by more than
// rounding: the squared scores of two equally likely bins are all the same, up to
// the last bit, and that bit hangs together in time.
func timeOf(z []float64) float64 {
	if len(z) == 0 {
		return 1
	}
	low, high := z[0], z[0]
	for _, v := range z {
		if v < low {
			low = v
		}
		if v > high {
			high = v
		}
	}
	if high-low <= 1e-9*(1+math.Abs(z[0])) {
		return 1
	}
	return driftlib.AutocorrelationTime(z)
}

// normalScores are the normal quantiles of the bins' mid-ranks.
func normalScores(counts []float64) []float64 {
	total := 0.0
	for _, c := range counts {
		total += c
	}
	score := make([]float64, len(counts))
	below := 0.0
	for j, c := range counts {
		if total > 0 {
			score[j] = distuv.UnitNormal.Quantile(min(max((below+c/2)/total, 1e-12), 1-1e-12))
		}
		below += c
	}
	return score
}

// TauBins is the mean design effect of the bins' counts,
// sum_j (1 - p_j) tau_j / (B - 1), tau_j the autocorrelation time of "is in bin
// j": what divides the size of a chi-square statistic of dependent rows (Rao
// and Scott 1981). 1 where fewer than two bins are occupied.
func TauBins(sequence []int, counts []float64) float64 {
	total, occupied := 0.0, 0
	for _, c := range counts {
		total += c
		if c > 0 {
			occupied++
		}
	}
	if occupied < 2 {
		return 1
	}
	indicator := make([]float64, len(sequence))
	var sum float64
	for j, c := range counts {
		if c == 0 {
			continue
		}
		for i, k := range sequence {
			indicator[i] = 0
			if k == j {
				indicator[i] = 1
			}
		}
		sum += (1 - c/total) * driftlib.AutocorrelationTime(indicator)
	}
	return max(sum/float64(occupied-1), 1)
}

// PSIInterval is a PSI with its bias taken off and its 90 % interval: each end
// is missed in about 5 %.
type PSIInterval struct {
	Value    float64
	Adjusted float64 // PSI - (B-1)/f, at least 0
	Lower    float64
	Upper    float64
}

// IntervalOfPSI puts an interval around a PSI of n reference and m current
// rows in B bins, by the noncentral chi-square law of X = PSI f with
// f = n m / (n + m) / tauBins:
//
//	adjusted = max(0, PSI - (B-1)/f)
//	lower, upper = ((sqrt(X) -/+ q)² - (B-1)) / f, q = 1.6449 sqrt(max(1, tau/tauBins))
//
// at least 0. tauBins and tau are 1 for independent rows. Zero observations
// give an interval from 0 to infinity.
func IntervalOfPSI(psi, n, m float64, bins int, tauBins, tau float64) PSIInterval {
	tauBins = max(tauBins, 1)
	f := n * m / (n + m) / tauBins
	r := PSIInterval{Value: psi, Upper: math.Inf(1)}
	if !(f > 0) {
		return r
	}
	b := float64(bins - 1)
	q := 1.6448536269514722 * math.Sqrt(max(1, tau/tauBins))
	root := math.Sqrt(psi * f)
	low := max(root-q, 0)
	r.Adjusted = max(0, psi-b/f)
	r.Lower = max(0, (low*low-b)/f)
	r.Upper = max(0, ((root+q)*(root+q)-b)/f)
	return r
}
