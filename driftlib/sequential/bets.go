package sequential

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

const (
	cells      = 256 // of the tabulated bets
	tails      = 13
	coarse     = 64 // cells of the adaptive bet and the spikes
	tabulated  = 13
	components = tabulated + 3 // two tails and the adaptive bet
	// weights: 8 means, 5 scales, 2 tails, the adaptive bet, and the mean of
	// the spikes twice.
	weightSum = 18
	ceiling   = 1e290
)

// Bets are the tabulated bets, raised to 1/tau. They depend on tau alone:
// detectors of the same tau share one.
type Bets struct {
	tau       float64
	table     [cells][tabulated]float64
	tail      [tails]float64
	hit, miss float64 // of a spike
}

// NewBets makes the bets for an autocorrelation time of at least 1. Each is a
// density on [0, 1]: its mean is 1 under no change (for tau = 1).
func NewBets(tau float64) *Bets {
	tau = atLeastOne(tau)
	b := &Bets{tau: tau, hit: math.Pow(4.15, 1/tau), miss: math.Pow(.95, 1/tau)}
	for k, density := range densities() {
		for i := range cells {
			b.table[i][k] = math.Pow(density(i), 1/tau)
		}
	}
	for l := range tails {
		v := .95
		if l >= 4 {
			v += .05 / 9 * (math.Exp2(float64(l+1)) - 16)
		}
		b.tail[l] = math.Pow(v, 1/tau)
	}
	return b
}

// atLeastOne is tau, or 1 where it is less or NaN.
func atLeastOne(tau float64) float64 {
	if tau > 1 {
		return tau
	}
	return 1
}

// densities are shifts of the mean and changes of the scale of the normal
// score, on 256 cells.
func densities() []func(i int) float64 {
	score := func(i int) float64 {
		switch i {
		case 0:
			return math.Inf(-1)
		case cells:
			return math.Inf(1)
		}
		return distuv.UnitNormal.Quantile(float64(i) / cells)
	}
	phi := func(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }
	var out []func(int) float64
	for _, d := range []float64{.125, -.125, .25, -.25, .5, -.5, 1, -1} {
		out = append(out, func(i int) float64 { return cells * (phi(score(i+1)-d) - phi(score(i)-d)) })
	}
	for _, s := range []float64{1.25, 1.5, 2, .8, 2. / 3} {
		out = append(out, func(i int) float64 { return cells * (phi(score(i+1)/s) - phi(score(i)/s)) })
	}
	return out
}

// tailLevel is the largest l in 0..12 with v < 2^-l.
func tailLevel(v float64) int {
	if v <= 0 {
		return tails - 1
	}
	// v = f 2^e with f in [0.5, 1): v < 2^-l exactly where -e >= l.
	e := int(math.Float64bits(v)>>52) - 1022
	return min(max(-e, 0), tails-1)
}
