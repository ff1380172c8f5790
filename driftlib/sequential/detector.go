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
	reference [][]float64 // by stratum
	bags      []bag       // by stratum
	theta     splitMix64

	r      [components]float64
	spikes spikes

	// The adaptive bet: a histogram of the ranks that forgets, h *= 0.999 a
	// record. Kept as g = h * scale, so that forgetting costs one division.
	g     [coarse]float64
	scale float64
	sum   float64

	start bool // the next record opens a new bet: the first after a tick
}

// New returns a detector. counts are the reference's, by ordered bin; seed
// comes from Seed(name). ErrReference where there are fewer than two bins or a
// count is negative or not finite.
func New(counts []float64, seed uint64, bets *Bets) (*Detector, error) {
	return NewStratified([][]float64{counts}, seed, bets)
}

// NewStratified returns a detector that ranks each value among those of its own
// stratum alone, such as the hour of the day: a daily cycle that the reference
// has too is then no change. counts are the reference's, by stratum and ordered
// bin; all strata have the same bins. The evidence is one.
func NewStratified(counts [][]float64, seed uint64, bets *Bets) (*Detector, error) {
	if len(counts) == 0 || bets == nil {
		return nil, fmt.Errorf("%w: %d strata", ErrReference, len(counts))
	}
	for s, of := range counts {
		if len(of) < 2 || len(of) != len(counts[0]) {
			return nil, fmt.Errorf("%w: %d bins in stratum %d", ErrReference, len(of), s)
		}
		if err := checkCounts(of); err != nil {
			return nil, err
		}
	}
	d := &Detector{bets: bets, theta: splitMix64{seed}, bags: make([]bag, len(counts))}
	for _, of := range counts {
		d.reference = append(d.reference, slices.Clone(of))
	}
	d.Reset()
	return d, nil
}

// mostRows is where a count no longer grows by one.
const mostRows = 1 << 53

func checkCounts(counts []float64) error {
	total := 0.0
	for i, c := range counts {
		if !(c >= 0) || math.IsInf(c, 0) {
			return fmt.Errorf("%w: count %v of bin %d", ErrReference, c, i)
		}
		total += c
	}
	if total >= mostRows {
		return fmt.Errorf("%w: %v rows are more than can be counted", ErrReference, total)
	}
	return nil
}

// Reset forgets the stream: the reference's counts, no evidence. The ranks'
// ties go on where they were, so that they stay independent.
func (d *Detector) Reset() {
	for s := range d.bags {
		d.bags[s].reset(d.reference[s])
	}
	d.r = [components]float64{}
	d.spikes = spikes{scale: 1}
	d.g = [coarse]float64{}
	d.scale, d.sum = 1, 0
	d.start = true
}

// Tick says that a unit of time has passed: the next record opens a new bet.
// Ticks without a record do not pile up.
func (d *Detector) Tick() { d.start = true }

// Observe folds in a value of bin j; a bin that does not exist is none.
func (d *Detector) Observe(j int) { d.ObserveIn(0, j) }

// ObserveIn folds in a value of bin j in a stratum; a stratum or a bin that does
// not exist is none.
func (d *Detector) ObserveIn(stratum, j int) {
	if stratum < 0 || stratum >= len(d.bags) || j < 0 || j >= len(d.bags[stratum].counts) {
		return
	}
	d.bet(d.bags[stratum].rank(j, d.theta.next()))
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
		d.r[k] = capped((d.r[k] + a) * l)
	}
	d.r[tabulated] = capped((d.r[tabulated] + a) * d.bets.tail[tailLevel(u)])
	d.r[tabulated+1] = capped((d.r[tabulated+1] + a) * d.bets.tail[tailLevel(1-u)])
	b := cell >> 2
	d.r[tabulated+2] = capped((d.r[tabulated+2] + a) * d.adaptive(b))
	d.spikes.bet(b, a, d.bets.hit, d.bets.miss)
}

func capped(r float64) float64 {
	if r > ceiling {
		return ceiling
	}
	return r
}

// adaptive is the return of betting on the histogram of the past ranks,
// L = 64 (2 + h_b) / (128 + H), which then learns this one.
func (d *Detector) adaptive(b int) float64 {
	l := coarse * (2 + d.g[b]/d.scale) / (2*coarse + d.sum)
	if d.bets.tau > 1 {
		l = math.Exp(math.Log(l) / d.bets.tau)
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
	var sum float64
	for _, r := range d.r {
		sum += r
	}
	return (sum + 2*d.spikes.mean()) / weightSum
}

// spikes are the evidence R_k of 64 bets, each on one cell. A record multiplies
// 63 of them by the same factor, so they are kept as R_k = scale excess_k + rest
// and a record costs the same however many there are. Nothing is subtracted that
// could cancel: excess only grows.
type spikes struct {
	excess      [coarse]float64
	total       float64 // sum of excess
	scale, rest float64
}

// bet is R_k = (R_k + a) hit for the cell that came, (R_k + a) miss for the others.
func (s *spikes) bet(b int, a, hit, miss float64) {
	won := capped((s.scale*s.excess[b] + s.rest + a) * hit)
	s.scale *= miss
	s.rest = (s.rest + a) * miss
	e := (won - s.rest) / s.scale
	s.total += e - s.excess[b]
	s.excess[b] = e
	if s.scale < 1e-12 {
		s.total = 0
		for k := range s.excess {
			s.excess[k] *= s.scale
			s.total += s.excess[k]
		}
		s.scale = 1
	}
}

func (s *spikes) mean() float64 { return s.scale*s.total/coarse + s.rest }
