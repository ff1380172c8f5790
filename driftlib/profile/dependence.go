package profile

import (
	"github.com/gnomon-dev/gnomon/driftlib"
	"github.com/gnomon-dev/gnomon/driftlib/sequential"
)

const (
	// windows is how many contiguous pieces the design effect is measured on,
	// and windowRows the fewest rows of one.
	windows    = 10
	windowRows = 50
	// tauRows is the fewest rows that an autocorrelation time is estimated from.
	tauRows = 200
)

// designEffect is the mean of chi-square over degrees of freedom of contiguous
// windows against all other rows, cells of small expected counts pooled.
func designEffect(sequence []int, bins int) float64 {
	n := len(sequence)
	if n < windows*windowRows {
		return 1
	}
	all := make([]float64, bins)
	window := make([][]float64, windows)
	for w := range window {
		window[w] = make([]float64, bins)
		for _, b := range sequence[w*n/windows : (w+1)*n/windows] {
			window[w][b]++
		}
		for b, c := range window[w] {
			all[b] += c
		}
	}
	var sum float64
	var used int
	rest := make([]float64, bins)
	for w := range window {
		for b := range rest {
			rest[b] = all[b] - window[w][b]
		}
		r, err := driftlib.ChiSquareTest(driftlib.PoolSmall(rest, window[w], 5))
		if err == nil && r.DoF > 0 {
			sum += r.Statistic / float64(r.DoF)
			used++
		}
	}
	if used == 0 {
		return 1
	}
	return sum / float64(used)
}

// dependence is the autocorrelation time of the ranks and the mean design
// effect of the ten bins; 1 and 1 where there are too few rows to tell.
func dependence(sequence []int, bins []Bin, b *Binner) (tau, tauBins float64) {
	if len(sequence) < tauRows {
		return 1, 1
	}
	counts := make([]float64, len(bins))
	for j := range bins {
		counts[j] = float64(bins[j].Count)
	}
	tau = sequential.Tau(sequence, counts)
	for i, j := range sequence {
		sequence[i] = b.group[j]
	}
	return tau, meanDesignEffect(sequence, b.Rollup(counts))
}

// meanDesignEffect is sequential.TauBins, all bins at once.
func meanDesignEffect(sequence []int, counts []float64) float64 {
	tau, err := driftlib.IndicatorAutocorrelationTimes(sequence, len(counts))
	if err != nil {
		return 1 // a bin that the binner has not; it has all
	}
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
	sum := 0.0
	for j, c := range counts {
		if c > 0 {
			sum += (1 - c/total) * tau[j]
		}
	}
	return max(sum/float64(occupied-1), 1)
}
