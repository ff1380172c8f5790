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
		edges = append(edges, quantile(sorted, float64(k)/float64(bins)))
	}
	edges = append(edges, sorted[len(sorted)-1])
	return slices.Compact(edges), nil
}

// quantile is the quantile of type 7.
func quantile(sorted []float64, p float64) float64 {
	h := p * float64(len(sorted)-1)
	i := int(h)
	v := sorted[i]
	if i+1 < len(sorted) && sorted[i+1] != v {
		v += (h - float64(i)) * (sorted[i+1] - v)
	}
	return v
}

// bag holds the counts of ordered bins and ranks each new value in it. It
// grows: against a fixed reference the ranks would not be uniform together.
type bag struct {
	counts []float64
	blocks []float64 // sums of blockSize counts each
	total  float64
}

// blockSize keeps a rank from costing an addition a bin.
const blockSize = 16

func (b *bag) reset(reference []float64) {
	b.counts = append(b.counts[:0], reference...)
	if b.blocks == nil {
		b.blocks = make([]float64, (len(reference)+blockSize-1)/blockSize)
	}
	clear(b.blocks)
	b.total = 0
	for i, c := range reference {
		b.blocks[i/blockSize] += c
		b.total += c
	}
}

// rank puts a value of bin j into the bag and returns its smoothed rank,
//
//	u = (c_0 + .. + c_(j-1) + theta (c_j + 1)) / (N + 1)
//
// uniform and independent of the earlier ones under exchangeability.
func (b *bag) rank(j int, theta float64) float64 {
	below, block := 0.0, j/blockSize
	for _, c := range b.blocks[:block] {
		below += c
	}
	for _, c := range b.counts[block*blockSize : j] {
		below += c
	}
	u := (below + theta*(b.counts[j]+1)) / (b.total + 1)
	b.counts[j]++
	b.blocks[block]++
	b.total++
	return u
}
