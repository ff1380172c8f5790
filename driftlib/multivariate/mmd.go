package multivariate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gnomon-dev/gnomon/driftlib"
)

// MostRows is the largest number of rows of both samples together for which MMD
// holds its kernel matrix, of 67 MB then.
const MostRows = 4096

// MMDOptions say how MMD compares. The zero value means the defaults.
type MMDOptions struct {
	Bandwidth    float64 // sigma of the kernel; the median distance of pooled rows
	Permutations int     // 200
	Seed         uint64  // of the permutations
}

// MMDResult is a squared maximum mean discrepancy. PValue is
// (1 + permutations at least as large) / (1 + permutations), exact in that the
// test keeps its level at any sample size.
type MMDResult struct {
	Squared, PValue, Bandwidth float64
	Permutations               int
}

// MMD is the squared maximum mean discrepancy of two samples of vectors under
// the Gaussian kernel k(a, b) = exp(-|a - b|² / (2 sigma²)), by the unbiased
// estimator
//
//	sum_(i != j) k(x_i, x_j) / (n (n-1)) + sum_(i != j) k(y_i, y_j) / (m (m-1)) - 2 sum k(x_i, y_j) / (n m),
//
// which is around 0, and may be below it, where the laws are equal, and at most
// 2. It sees any difference of the joint laws. Needs two rows a side
// (driftlib.ErrDegenerate), at most MostRows in all (ErrTooLarge). Other errors
// are those of FromRows.
//
// Source: Gretton, Borgwardt, Rasch, Schölkopf and Smola, "A kernel two-sample
// test", J. Machine Learning Research 13 (2012), equation 3.
func MMD(x, y Matrix, o MMDOptions) (MMDResult, error) {
	if err := checkBoth(x, y); err != nil {
		return MMDResult{}, err
	}
	all := x.Rows + y.Rows
	switch {
	case x.Rows < 2 || y.Rows < 2:
		return MMDResult{}, fmt.Errorf("%w: %d and %d rows, two are needed", driftlib.ErrDegenerate, x.Rows, y.Rows)
	case all > MostRows:
		return MMDResult{}, fmt.Errorf("%w: %d in both samples, at most %d; take a part of them, or RandomFeatures", ErrTooLarge, all, MostRows)
	case !(o.Bandwidth >= 0) || math.IsInf(o.Bandwidth, 0):
		return MMDResult{}, fmt.Errorf("%w: bandwidth %v", driftlib.ErrValue, o.Bandwidth)
	}
	if o.Bandwidth == 0 {
		o.Bandwidth = MedianDistance(x, y)
	}
	if o.Permutations <= 0 {
		o.Permutations = 200
	}
	k := newKernel(x, y, o.Bandwidth)
	order := make([]int, all)
	for i := range order {
		order[i] = i
	}
	r := MMDResult{Squared: k.discrepancy(order[:x.Rows]), Bandwidth: o.Bandwidth, Permutations: o.Permutations}
	rng := rand.New(rand.NewPCG(o.Seed, 0x6d6d64))
	atLeast := 1
	for range o.Permutations {
		rng.Shuffle(all, func(i, j int) { order[i], order[j] = order[j], order[i] })
		if k.discrepancy(order[:x.Rows]) >= r.Squared-1e-14 {
			atLeast++
		}
	}
	r.PValue = float64(atLeast) / float64(o.Permutations+1)
	return r, nil
}

// MedianDistance is the median Euclidean distance between rows of two samples
// taken together, of at most 1,000 rows evenly chosen; 1 where that is 0. It is
// the usual bandwidth of a Gaussian kernel. The samples must be valid.
func MedianDistance(x, y Matrix) float64 {
	const most = 1000
	all := x.Rows + y.Rows
	use := min(all, most)
	row := func(i int) []float64 {
		if i = i * all / use; i < x.Rows {
			return x.Row(i)
		}
		return y.Row(i - x.Rows)
	}
	var squares []float64
	for i := range use {
		for j := range i {
			squares = append(squares, squaredDistance(row(i), row(j)))
		}
	}
	slices.Sort(squares)
	if n := len(squares); n > 0 {
		middle := math.Sqrt((squares[(n-1)/2] + squares[n/2]) / 2)
		if middle > 0 && finite(middle) {
			return middle
		}
	}
	return 1
}

// kernel is the kernel's values of all pairs of rows, those below the diagonal
// row by row.
type kernel struct {
	values []float64
	rows   []float64 // sums of a row, without the diagonal
	total  float64   // of all pairs i < j
}

func newKernel(x, y Matrix, sigma float64) *kernel {
	all := x.Rows + y.Rows
	row := func(i int) []float64 {
		if i < x.Rows {
			return x.Row(i)
		}
		return y.Row(i - x.Rows)
	}
	k := &kernel{values: make([]float64, 0, all*(all-1)/2), rows: make([]float64, all)}
	for i := range all {
		for j := range i {
			v := math.Exp(-squaredDistance(row(i), row(j)) / (2 * sigma * sigma))
			if math.IsNaN(v) {
				v = 0 // a distance beyond measure, by a bandwidth beyond measure
			}
			k.values = append(k.values, v)
			k.rows[i] += v
			k.rows[j] += v
			k.total += v
		}
	}
	return k
}

// discrepancy is the estimate where the chosen rows are the first sample. Only
// the pairs inside it are looked at: those across are the rows' sums less twice
// these, the others the rest.
func (k *kernel) discrepancy(chosen []int) float64 {
	first := slices.Clone(chosen)
	slices.Sort(first)
	var inside, sums float64
	for a, i := range first {
		sums += k.rows[i]
		row := k.values[i*(i-1)/2 : i*(i-1)/2+i]
		for _, j := range first[:a] {
			inside += row[j]
		}
	}
	n, m := float64(len(first)), float64(len(k.rows)-len(first))
	across := sums - 2*inside
	outside := k.total - inside - across
	return 2*inside/(n*(n-1)) + 2*outside/(m*(m-1)) - 2*across/(n*m)
}
