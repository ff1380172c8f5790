package sequential

import (
	"fmt"
	"math"
	"slices"
)

// Edges are the ends of a numeric feature's rank bins: just below the minimum,
// the k/bins quantiles (type 7), and the maximum, duplicates merged. A value is
// in bin 1 + the number of edges below it; bin 0 is missing, the last bin
// above the maximum. sorted must ascend and hold no NaN.
func Edges(sorted []float64, bins int) ([]float64, error) {
	if len(sorted) == 0 {
		return nil, fmt.Errorf("%w: no values", ErrReference)
	}
	edges := []float64{math.Nextafter(sorted[0], math.Inf(-1))}
	for k := 1; k < bins; k++ {
		h := float64(k) / float64(bins) * float64(len(sorted)-1)
		i := int(h)
		v := sorted[i]
		if i+1 < len(sorted) {
			v += (h - float64(i)) * (sorted[i+1] - sorted[i])
		}
		edges = append(edges, v)
	}
	edges = append(edges, sorted[len(sorted)-1])
	return slices.Compact(edges), nil
}

// bag holds the counts of ordered bins and ranks each new value in it. It
// grows: against a fixed reference the ranks would not be uniform together.
type bag struct {
	counts []float64
	total  float64
	theta  splitMix64
}

// rank puts a value of bin j into the bag and returns its smoothed rank,
//
//	u = (c_0 + .. + c_(j-1) + theta (c_j + 1)) / (N + 1)
//
// uniform and independent of the earlier ones under exchangeability.
func (b *bag) rank(j int) float64 {
	below := 0.0
	for _, c := range b.counts[:j] {
		below += c
	}
	u := (below + b.theta.next()*(b.counts[j]+1)) / (b.total + 1)
	b.counts[j]++
	b.total++
	return u
}
