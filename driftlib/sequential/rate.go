package sequential

import (
	"fmt"
	"math"
)

// Rate watches how often an event happens (a wrong answer, a missing value)
// for a rise above its baseline. It is a Detector of two bins, the event the
// lower, whose bets are odds on higher rates. Not safe for concurrent use.
type Rate struct {
	bag      bag
	theta    splitMix64
	baseline []float64
	p0       float64
	q        []float64
	tau      float64
	r        []float64
	start    bool
}

// NewRate returns a Rate for a baseline of events in total observations. The
// bets are on rises by 0.02, 0.05, 0.1 and 0.2.
func NewRate(events, total int, seed uint64, tau float64) (*Rate, error) {
	if events < 0 || total < events || total == 0 {
		return nil, fmt.Errorf("%w: %d events in %d observations", ErrReference, events, total)
	}
	d := &Rate{baseline: []float64{float64(events), float64(total - events)}, theta: splitMix64{seed}, tau: atLeastOne(tau)}
	d.p0 = (float64(events) + .5) / (float64(total) + 1)
	for _, rise := range []float64{.02, .05, .1, .2} {
		d.q = append(d.q, min(.999, d.p0+rise))
	}
	d.Reset()
	return d, nil
}

// Reset forgets the stream.
func (d *Rate) Reset() {
	d.bag.reset(d.baseline)
	d.r = make([]float64, len(d.q))
	d.start = true
}

// Tick says that a unit of time has passed.
func (d *Rate) Tick() { d.start = true }

// Observe folds in one observation.
func (d *Rate) Observe(event bool) {
	j := 1
	if event {
		j = 0
	}
	u := d.bag.rank(j, d.theta.next())
	a := 0.0
	if d.start {
		a, d.start = 1, false
	}
	for k, q := range d.q {
		l := (1 - q) / (1 - d.p0)
		if u < d.p0 {
			l = q / d.p0
		}
		if d.tau > 1 {
			l = math.Pow(l, 1/d.tau)
		}
		d.r[k] = min((d.r[k]+a)*l, ceiling)
	}
}

// Evidence is the mean of the bets.
func (d *Rate) Evidence() float64 { return mean(d.r) }

// Disagreement watches events whose rate under no change is known to be at
// most p0 (two correct runs disagree that often). Not safe for concurrent use.
type Disagreement struct {
	p0    float64
	q     []float64
	r     []float64
	start bool
}

// NewDisagreement returns a Disagreement for a noise floor in (0, 1): the bets
// are on 2, 5 and 20 times the floor, at most 0.9.
func NewDisagreement(p0 float64) (*Disagreement, error) {
	if !(p0 > 0 && p0 < .9) {
		return nil, fmt.Errorf("%w: a floor of %v is not between 0 and 0.9", ErrReference, p0)
	}
	d := &Disagreement{p0: p0, start: true}
	for _, times := range []float64{2, 5, 20} {
		d.q = append(d.q, min(.9, times*p0))
	}
	d.r = make([]float64, len(d.q))
	return d, nil
}

// Reset forgets the stream.
func (d *Disagreement) Reset() {
	clear(d.r)
	d.start = true
}

// Tick says that a unit of time has passed.
func (d *Disagreement) Tick() { d.start = true }

// Observe folds in one comparison.
func (d *Disagreement) Observe(disagree bool) {
	a := 0.0
	if d.start {
		a, d.start = 1, false
	}
	for k, q := range d.q {
		l := (1 - q) / (1 - d.p0)
		if disagree {
			l = q / d.p0
		}
		d.r[k] = min((d.r[k]+a)*l, ceiling)
	}
}

// Evidence is the mean of the bets.
func (d *Disagreement) Evidence() float64 { return mean(d.r) }

func mean(x []float64) float64 {
	var s float64
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}
