package sequential

import (
	"fmt"
	"math"
	"slices"
)

// Detector is the e-detector of one feature whose values fall into ordered
// bins. Not safe for concurrent use.
//
// Evidence is at least the threshold once in c ticks, on average, when nothing
// has changed, for every c at once: E[Evidence] grows by at most 1 a tick.
type Detector struct {
	bets      *Bets
	reference []float64
	bag       bag
	seed      uint64

	r      [components]float64
	spikes [coarse]float64

	// The adaptive bet: a histogram of the ranks that forgets, h *= 0.999 a
	// record. Kept as g = h * scale, so that forgetting costs one division.
	g     [coarse]float64
	scale float64
	sum   float64

	start bool // the next record opens a new bet: the first after a tick
}

// New returns a detector. counts are the reference's, by ordered bin; seed
// comes from Seed(name).
func New(counts []float64, seed uint64, bets *Bets) (*Detector, error) {
	if len(counts) < 2 {
		return nil, fmt.Errorf("%w: %d bins", ErrReference, len(counts))
	}
	for i, c := range counts {
		if !(c >= 0) || math.IsInf(c, 0) {
			return nil, fmt.Errorf("%w: count %v of bin %d", ErrReference, c, i)
		}
	}
	d := &Detector{bets: bets, reference: slices.Clone(counts), seed: seed}
	d.bag.theta = splitMix64{seed}
	d.Reset()
	return d, nil
}

// Reset forgets the stream: the reference's counts, no evidence. The ranks'
// ties go on where they were, so that they stay independent.
func (d *Detector) Reset() {
	d.bag.counts = append(d.bag.counts[:0], d.reference...)
	d.bag.total = 0
	for _, c := range d.reference {
		d.bag.total += c
	}
	d.r = [components]float64{}
	d.spikes = [coarse]float64{}
	d.g = [coarse]float64{}
	d.scale, d.sum = 1, 0
	d.start = true
}

// Tick says that a unit of time has passed: the next record opens a new bet.
// Ticks without a record do not pile up.
func (d *Detector) Tick() { d.start = true }

// Observe folds in a value of bin j; a bin that does not exist is none.
func (d *Detector) Observe(j int) {
	if j < 0 || j >= len(d.bag.counts) {
		return
	}
	d.bet(d.bag.rank(j))
}

// bet multiplies the evidence by the bets' returns at rank u:
// R = (R + a) L^(1/tau), a = 1 on the first record after a tick.
func (d *Detector) bet(u float64) {
	a := 0.0
	if d.start {
		a, d.start = 1, false
	}
	cell := min(int(u*cells), cells-1)
	row := &d.bets.table[cell]
	for k, l := range row {
		d.r[k] = min((d.r[k]+a)*l, ceiling)
	}
	d.r[tabulated] = min((d.r[tabulated]+a)*d.bets.tail[tailLevel(u)], ceiling)
	d.r[tabulated+1] = min((d.r[tabulated+1]+a)*d.bets.tail[tailLevel(1-u)], ceiling)

	b := cell >> 2
	d.r[tabulated+2] = min((d.r[tabulated+2]+a)*d.adaptive(b), ceiling)

	miss := d.bets.miss
	hit := (d.spikes[b] + a) * d.bets.hit
	for k := range d.spikes {
		d.spikes[k] = (d.spikes[k] + a) * miss // below 1: needs no ceiling
	}
	d.spikes[b] = min(hit, ceiling)
}

// adaptive is the return of betting on the histogram of the past ranks,
// L = 64 (2 + h_b) / (128 + H), which then learns this one.
func (d *Detector) adaptive(b int) float64 {
	l := coarse * (2 + d.g[b]/d.scale) / (2*coarse + d.sum)
	if d.bets.tau > 1 {
		l = math.Pow(l, 1/d.bets.tau)
	}
	d.scale /= .999
	d.g[b] += d.scale
	d.sum = .999*d.sum + 1
	if d.scale > 1e100 {
		for k := range d.g {
			d.g[k] /= d.scale
		}
		d.scale = 1
	}
	return l
}

// Evidence is the mixture of all bets:
// (8 means + 5 scales + 2 tails + adaptive + 2 mean(spikes)) / 18.
func (d *Detector) Evidence() float64 {
	var sum, spikes float64
	for _, r := range d.r {
		sum += r
	}
	for _, s := range d.spikes {
		spikes += s / coarse
	}
	return (sum + 2*spikes) / weightSum
}
