package sequential

import (
	"fmt"
	"slices"
)

// Feature is what a Group needs to know of one feature's reference.
type Feature struct {
	Name string
	// Ranks are the reference's counts in the detector's ordered bins.
	Ranks []float64
	// Strata are those counts by stratum, such as the hour of the day, instead
	// of Ranks: a cycle that the reference has too is then no change.
	Strata [][]float64
	// Groups are its counts in the profile's ten bins.
	Groups []float64
	// Tau and TauBins measure dependence in time; 1 for independent rows.
	Tau, TauBins float64
}

// Group watches all features of a model. The sum of their evidence alarms at
// the stated rate for the model as a whole, whatever the features have to do
// with each other; the alarm blames the features that carry the evidence. Not
// safe for concurrent use.
type Group struct {
	members   []member
	threshold float64 // of the sum
}

type member struct {
	name     string
	detector *Detector
	episode  *Episode
	alarms   uint64
}

// NewGroup returns a group that alarms once in arl ticks, on average, while
// nothing has changed, counting all of its replicas together.
func NewGroup(features []Feature, arl float64, replicas int) (*Group, error) {
	if !(arl >= 1) || replicas < 1 || len(features) == 0 {
		return nil, fmt.Errorf("%w: %d features, a run length of %v ticks, %d replicas", ErrReference, len(features), arl, replicas)
	}
	g := &Group{threshold: float64(len(features)) * arl * float64(replicas)}
	bets := map[float64]*Bets{}
	for _, f := range features {
		tau := atLeastOne(f.Tau)
		if bets[tau] == nil {
			bets[tau] = NewBets(tau)
		}
		counts := f.Strata
		if counts == nil {
			counts = [][]float64{f.Ranks}
		}
		d, err := NewStratified(counts, Seed(f.Name), bets[tau])
		if err != nil {
			return nil, fmt.Errorf("feature %q: %w", f.Name, err)
		}
		e, err := NewEpisode(f.Groups, tau, f.TauBins)
		if err != nil {
			return nil, fmt.Errorf("feature %q: %w", f.Name, err)
		}
		g.members = append(g.members, member{name: f.Name, detector: d, episode: e})
	}
	return g, nil
}

// Tick says that a unit of time has passed.
func (g *Group) Tick() {
	for i := range g.members {
		g.members[i].detector.Tick()
	}
}

// Observe folds in a value of feature i: its detector bin and its ten-bin
// group. A feature in alarm does not bet.
func (g *Group) Observe(i, rank, group int) { g.ObserveIn(i, 0, rank, group) }

// ObserveIn is Observe in a stratum of the feature.
func (g *Group) ObserveIn(i, stratum, rank, group int) {
	if i < 0 || i >= len(g.members) {
		return
	}
	m := &g.members[i]
	if m.episode.State() == Quiet {
		m.detector.ObserveIn(stratum, rank)
		return
	}
	if m.episode.Observe(group) {
		m.detector.Reset()
	}
}

// Check looks at the sum of the evidence and, at the threshold, begins the
// episodes of the features to blame, whose indices it returns: the largest k
// features such that the k-th largest evidence is at least threshold/k, at
// least the top one. It may be called as often as one likes.
func (g *Group) Check() []int {
	var sum float64
	for i := range g.members {
		if g.members[i].episode.State() == Quiet {
			sum += g.members[i].detector.Evidence()
		}
	}
	if sum < g.threshold {
		return nil
	}
	var order []int // the threshold is above 0: one at least is quiet
	for i := range g.members {
		if g.members[i].episode.State() == Quiet {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch x, y := g.members[a].detector.Evidence(), g.members[b].detector.Evidence(); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	blamed := 1
	for k := 2; k <= len(order); k++ {
		if g.members[order[k-1]].detector.Evidence() >= g.threshold/float64(k) {
			blamed = k
		}
	}
	for _, i := range order[:blamed] {
		g.members[i].episode.Begin()
		g.members[i].detector.Reset()
		g.members[i].alarms++
	}
	return order[:blamed]
}

// Status is where feature i stands.
type Status struct {
	State     State
	Evidence  float64
	Threshold float64 // at which the feature alone would alarm
	Alarms    uint64
}

// Status is where feature i stands.
func (g *Group) Status(i int) Status {
	if i < 0 || i >= len(g.members) {
		return Status{}
	}
	m := &g.members[i]
	return Status{State: m.episode.State(), Evidence: m.detector.Evidence(), Threshold: g.threshold, Alarms: m.alarms}
}
