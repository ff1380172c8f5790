package verdict

import (
	"math"
	"sort"
)

// Holm adjusts p-values for their number, max over k <= rank of (K - k + 1)
// p_(k), at most 1: the family-wise error is at most
// alpha where adjusted values below alpha are rejected, whatever the tests have
// to do with each other. NaN stays NaN and does not count.
//
// Source: Holm, "A simple sequentially rejective multiple test procedure",
// Scand. J. Statistics 6 (1979).
func Holm(p []float64) []float64 {
	order := ranked(p)
	out := nans(len(p))
	running := 0.0
	for k, i := range order {
		running = max(running, min(1, float64(len(order)-k)*p[i]))
		out[i] = running
	}
	return out
}

// BenjaminiHochberg adjusts p-values to false discovery rates: of what is
// rejected where adjusted values are at most alpha, a share of at most alpha is
// false on average, if the tests are independent or positively dependent. It is
// min over k >= rank of p_(k) K/k. NaN stays NaN and does not count.
//
// Source: Benjamini and Hochberg, J. Royal Stat. Soc. B 57 (1995).
func BenjaminiHochberg(p []float64) []float64 {
	order := ranked(p)
	out := nans(len(p))
	running := 1.0
	for k := len(order) - 1; k >= 0; k-- {
		running = min(running, p[order[k]]*float64(len(order))/float64(k+1))
		out[order[k]] = running
	}
	return out
}

// EBH adjusts e-values (evidence whose mean is at most 1 while there is nothing:
// a sequential.Detector's is one a tick) to false discovery rates: of what is
// rejected where adjusted values are at most alpha, a share of at most alpha is
// false on average, whatever the features have to do with each other. It is min
// over k >= rank, from the largest e down, of K / (k e_(k)), at most 1. NaN stays
// NaN and does not count; an e-value below 0 is 0.
//
// Source: Wang and Ramdas, "False discovery rate control with e-values", J. Royal
// Stat. Soc. B 84 (2022).
func EBH(e []float64) []float64 {
	inverse := make([]float64, len(e))
	for i, v := range e {
		if inverse[i] = 1 / v; v <= 0 {
			inverse[i] = math.Inf(1)
		}
	}
	return BenjaminiHochberg(inverse)
}

func ranked(p []float64) []int {
	var order []int
	for i, v := range p {
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(a, b int) bool { return p[order[a]] < p[order[b]] })
	return order
}

func nans(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	return out
}
