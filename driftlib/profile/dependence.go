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
	var sum float64
	var used int
	for w := range windows {
		window, rest := make([]float64, bins), make([]float64, bins)
		for i, b := range sequence {
			if i >= w*n/windows && i < (w+1)*n/windows {
				window[b]++
			} else {
				rest[b]++
			}
		}
		r, err := driftlib.ChiSquareTest(driftlib.PoolSmall(rest, window, 5))
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
	grouped := make([]int, len(sequence))
	for i, j := range sequence {
		grouped[i] = b.group[j]
	}
	return sequential.Tau(sequence, counts), sequential.TauBins(grouped, b.Rollup(counts))
}
