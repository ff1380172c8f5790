// Package cohort follows predictions by their age: how many of those made
// then have a label by now, how long labels take, and from which age on a
// cohort's labels are complete enough to be judged by. Labels that come fast
// are seldom like those that come late; the accuracy of what is labelled so far
// is that of the fast ones.
package cohort

import (
	"math"
	"slices"
	"sort"
	"time"
)

// Delays is the number of delay bins: up to 1 s, then two to every doubling,
// the last open.
const Delays = 52

// Edge is the upper edge of a delay bin; the last has none and gives the
// longest duration.
func Edge(bin int) time.Duration {
	if bin >= Delays-1 {
		return math.MaxInt64
	}
	d := time.Second << (bin / 2)
	if bin%2 == 1 {
		d = time.Duration(float64(d) * math.Sqrt2)
	}
	return d
}

// Bin is the delay bin of a delay; negative ones (clocks apart) are the first.
func Bin(d time.Duration) int {
	if d <= time.Second {
		return 0
	}
	bin := min(int(math.Ceil(2*math.Log2(d.Seconds())-1e-9)), Delays-1)
	return bin
}

// maxClasses bounds the classes that a slot counts.
const maxClasses = 100

// Slot is the predictions of a stretch of time. Stretches are a second wide
// when they are new and grow with age to an eighth of it.
type Slot struct {
	Start, End time.Time
	N          uint64 // predictions
	Labelled   uint64
	Delays     [Delays]uint32
	Predicted  []uint32 // by class, as the caller numbers them
	Actual     []uint32
}

// Cohorts are the slots of one model, oldest first. Not safe for concurrent
// use.
type Cohorts struct {
	Slots  []Slot
	Newest time.Time // the latest time of a prediction or label
	Seen   time.Time // when, on the clock, that was
	// Span is how old a slot may become before it is forgotten.
	Span time.Duration
}

const width = time.Second

// Predict counts a prediction. class is -1 where there is none.
func (c *Cohorts) Predict(at time.Time, class int, now time.Time) {
	c.newest(at, now)
	s := c.slot(at)
	s.N++
	count(&s.Predicted, class)
}

// Label counts the label of a prediction that was made at a time.
func (c *Cohorts) Label(at, known time.Time, class int, now time.Time) {
	c.newest(known, now)
	s := c.slot(at)
	s.Labelled++
	s.Delays[Bin(known.Sub(at))]++
	count(&s.Actual, class)
}

// Correct moves a label from one class to another.
func (c *Cohorts) Correct(at time.Time, was, is int) {
	s := c.slot(at)
	if was >= 0 && was < len(s.Actual) && s.Actual[was] > 0 {
		s.Actual[was]--
	}
	count(&s.Actual, is)
}

func count(list *[]uint32, class int) {
	if class < 0 || class >= maxClasses {
		return
	}
	for len(*list) <= class {
		*list = append(*list, 0)
	}
	(*list)[class]++
}

func (c *Cohorts) newest(at, now time.Time) {
	if at.After(c.Newest) {
		c.Newest, c.Seen = at, now
	}
}

// Clock is the time that ages are counted from. Where recorded traffic is
// replayed, whose times lie further back than the span, it is the latest time
// seen, going on from there.
func (c *Cohorts) Clock(now time.Time) time.Time {
	if c.Newest.IsZero() || now.Sub(c.Newest) <= c.Span || now.Sub(c.Seen) > c.Span/2 && c.Seen.Sub(c.Newest) <= c.Span {
		return now
	}
	return c.Newest.Add(max(now.Sub(c.Seen), 0))
}

// slot finds or makes the slot of a time.
func (c *Cohorts) slot(at time.Time) *Slot {
	n := len(c.Slots)
	if n == 0 || !at.Before(c.Slots[n-1].End) {
		start := at.Truncate(width)
		c.Slots = append(c.Slots, Slot{Start: start, End: start.Add(width)})
		c.shrink()
		return &c.Slots[len(c.Slots)-1]
	}
	i := sort.Search(n, func(i int) bool { return at.Before(c.Slots[i].End) })
	s := &c.Slots[i]
	if at.Before(s.Start) { // between slots, or before them all: a late comer
		if i > 0 && s.Start.Sub(at) > at.Sub(c.Slots[i-1].End) {
			s = &c.Slots[i-1]
			s.End = at.Add(1)
		} else {
			s.Start = at
		}
	}
	return s
}

// shrink joins neighbours that are narrow for their age and forgets those that
// are too old.
func (c *Cohorts) shrink() {
	newest := c.Slots[len(c.Slots)-1].End
	from := 0
	for from < len(c.Slots)-1 && newest.Sub(c.Slots[from].End) > c.Span {
		from++
	}
	out := c.Slots[:0]
	for _, s := range c.Slots[from:] {
		if n := len(out); n > 0 {
			last := &out[n-1]
			if s.End.Sub(last.Start)*8 <= newest.Sub(s.End) {
				last.merge(&s)
				continue
			}
		}
		out = append(out, s)
	}
	clear(c.Slots[len(out):])
	c.Slots = out
}

func (s *Slot) merge(o *Slot) {
	s.End = o.End
	s.N += o.N
	s.Labelled += o.Labelled
	for i := range s.Delays {
		s.Delays[i] += o.Delays[i]
	}
	s.Predicted, s.Actual = sum(s.Predicted, o.Predicted), sum(s.Actual, o.Actual)
}

func sum(a, b []uint32) []uint32 {
	for len(a) < len(b) {
		a = append(a, 0)
	}
	for i := range b {
		a[i] += b[i]
	}
	return a
}

// Clone is a deep copy.
func (c *Cohorts) Clone() Cohorts {
	out := *c
	out.Slots = slices.Clone(c.Slots)
	for i := range out.Slots {
		out.Slots[i].Predicted = slices.Clone(out.Slots[i].Predicted)
		out.Slots[i].Actual = slices.Clone(out.Slots[i].Actual)
	}
	return out
}

// Maturity is how complete the labels of a cohort are, by its age.
type Maturity struct {
	// Age is the youngest age at which at least the wanted share of the labels
	// that will come has come.
	Age time.Duration
	// Share is that share at Age.
	Share float64
	// Labels is the number of delays that it was estimated from.
	Labels int
	// Known is false with fewer than 30 labels: nothing can be said.
	Known bool
	// Watched is the age of the oldest cohort, Longest the delay that one label
	// in a hundred exceeds so far. Where Watched is less than half as much again
	// as Longest, later labels cannot be ruled out, and Settled is false.
	Watched, Longest time.Duration
	Settled          bool
}

// minDelays is the fewest labels that a maturity is estimated from.
const minDelays = 30

// Maturity estimates the law of the delays from cohorts of which the younger
// have not shown their late labels yet, by reverse-time hazards: of the labels
// with a delay of at most d, among cohorts at least d old, the share h_d has a
// delay in the last bin; F(d) = product over later bins of (1 - h). Labels that
// come later than the oldest cohort is old cannot be known.
//
// Source: Lagakos, Barraj & De Gruttola, "Nonparametric analysis of truncated
// survival data", Biometrika 75 (1988); the chain ladder of actuaries is the
// same.
func (c *Cohorts) Maturity(now time.Time, share float64) (m Maturity) {
	now = c.Clock(now)
	var at, upTo [Delays]float64
	m = Maturity{Age: Edge(0), Share: 1}
	for i := range c.Slots {
		s := &c.Slots[i]
		age := now.Sub(s.End)
		sum := 0.0
		for d := range Delays {
			sum += float64(s.Delays[d])
			if age >= Edge(d) {
				at[d] += float64(s.Delays[d])
				upTo[d] += sum
			}
		}
		m.Labels += int(s.Labelled)
	}
	if m.Labels < minDelays {
		return m
	}
	m.Known = true
	m.Watched, m.Longest = now.Sub(c.Slots[0].Start), c.longest(m.Labels)
	m.Settled = m.Longest <= Edge(0) || m.Watched*2 >= m.Longest*3
	f := 1.0
	for d := Delays - 1; d > 0; d-- {
		before := f
		if upTo[d] > 0 {
			before *= 1 - at[d]/upTo[d]
		}
		if before < share {
			m.Age, m.Share = Edge(d), f
			if d == Delays-1 {
				m.Age = Edge(Delays - 2)
			}
			return m
		}
		f = before
	}
	m.Share = f
	return m
}

// longest is the delay that one of a hundred labels exceeds.
func (c *Cohorts) longest(labels int) time.Duration {
	left := labels / 100
	for d := Delays - 1; d > 0; d-- {
		for i := range c.Slots {
			left -= int(c.Slots[i].Delays[d])
		}
		if left < 0 {
			return Edge(min(d, Delays-2))
		}
	}
	return Edge(0)
}

// Age is the coverage of the cohorts of an age.
type Age struct {
	From, To time.Duration // To 0: and older
	N        uint64
	Labelled uint64
}

// Coverage sums up the cohorts by age.
func (c *Cohorts) Coverage(now time.Time, edges []time.Duration) []Age {
	now = c.Clock(now)
	out := make([]Age, len(edges)+1)
	for i := range out {
		if i > 0 {
			out[i].From = edges[i-1]
		}
		if i < len(edges) {
			out[i].To = edges[i]
		}
	}
	for i := range c.Slots {
		s := &c.Slots[i]
		age := now.Sub(s.Start.Add(s.End.Sub(s.Start) / 2))
		k := sort.Search(len(edges), func(k int) bool { return age < edges[k] })
		out[k].N += s.N
		out[k].Labelled += s.Labelled
	}
	return out
}

// Shares are the class counts of the cohorts that are at least so old: of
// predictions and of labels.
func (c *Cohorts) Shares(now time.Time, age time.Duration) (predicted, actual []uint32, n, labelled uint64) {
	now = c.Clock(now)
	for i := range c.Slots {
		s := &c.Slots[i]
		if now.Sub(s.End) >= age || age <= Edge(0) {
			predicted, actual = sum(predicted, s.Predicted), sum(actual, s.Actual)
			n += s.N
			labelled += s.Labelled
		}
	}
	return predicted, actual, n, labelled
}
