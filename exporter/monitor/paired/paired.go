// Package paired compares the accuracy of a model's shadows with the primary's
// on the same records, as their labels come. Paired on records, a difference
// of one point shows after hundreds of labels where two separate accuracies
// would need thousands.
package paired

import (
	"math"
	"sync"

	"github.com/gnomon-dev/gnomon/driftlib/abtest"
	"github.com/gnomon-dev/gnomon/exporter/record"
)

// Settings is what a Monitor is made of.
type Settings struct {
	Shadows int
	Pending int // records that wait for their label at most; the oldest go first
}

// Monitor joins labels to the answers of the primary and of every shadow. Safe
// for concurrent use.
type Monitor struct {
	s Settings

	mu      sync.Mutex
	pending map[string]answers
	order   []string // a ring of what waits, oldest at next
	next    int
	pairs   []Pair
}

type answers struct {
	primary string
	shadows []string // "" where one has not answered
}

// Pair counts records with a label by who was right.
type Pair struct{ Both, OnlyPrimary, OnlyShadow, Neither uint64 }

// New returns a Monitor.
func New(s Settings) *Monitor {
	return &Monitor{s: s, pending: map[string]answers{}, order: make([]string, 0, s.Pending), pairs: make([]Pair, s.Shadows)}
}

// Predict notes the answers to a record. shadows is kept.
func (m *Monitor) Predict(id, primary string, shadows []string) {
	if id == "" || primary == "" || m.s.Pending < 1 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, waits := m.pending[id]; waits {
		return // the first answer counts
	}
	if len(m.order) < m.s.Pending {
		m.order = append(m.order, id)
	} else {
		delete(m.pending, m.order[m.next])
		m.order[m.next] = id
		m.next = (m.next + 1) % m.s.Pending
	}
	m.pending[id] = answers{primary, shadows}
}

// Label says what was true. A record that does not wait is none of ours.
func (m *Monitor) Label(id, class string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, waits := m.pending[id]
	if !waits || class == "" {
		return
	}
	delete(m.pending, id)
	for i, s := range a.shadows {
		if s == "" || i >= len(m.pairs) {
			continue
		}
		p := &m.pairs[i]
		switch {
		case a.primary == class && s == class:
			p.Both++
		case a.primary == class:
			p.OnlyPrimary++
		case s == class:
			p.OnlyShadow++
		default:
			p.Neither++
		}
	}
}

// Forget removes what waits under an id and under its batch. What was counted
// stays: it names nobody.
func (m *Monitor) Forget(id string) (removed int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, waits := range m.order {
		if !record.Covers(id, waits) {
			continue
		}
		if _, there := m.pending[waits]; there {
			removed++
		}
		delete(m.pending, waits)
		m.order[i] = "" // its place is taken in turn
	}
	return removed
}

// Pair is a shadow's counts since start.
func (m *Monitor) Pair(i int) Pair {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pairs[i]
}

// N is how many records have a label.
func (p Pair) N() int { return int(p.Both + p.OnlyPrimary + p.OnlyShadow + p.Neither) }

// Delta is the shadow's accuracy less the primary's with an interval that may
// be looked at after every label (95 %, asymptotic confidence sequence), and
// the p-value of McNemar's test for looking at any time. NaN and infinite where
// nothing is known yet.
func (p Pair) Delta() (delta, lower, upper, pvalue float64) {
	n := float64(p.N())
	if n == 0 {
		return math.NaN(), math.Inf(-1), math.Inf(1), 1
	}
	delta = (float64(p.OnlyShadow) - float64(p.OnlyPrimary)) / n
	variance := max(0, float64(p.OnlyShadow+p.OnlyPrimary)/n-delta*delta)
	lower, upper, err := abtest.Sequence{}.Interval(delta, variance, p.N())
	if err != nil {
		lower, upper = math.Inf(-1), math.Inf(1)
	}
	if pvalue, err = abtest.AnytimeMcNemar(int(p.OnlyPrimary), int(p.OnlyShadow)); err != nil {
		pvalue = 1
	}
	return delta, lower, upper, pvalue
}
