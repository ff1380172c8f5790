// Package labels joins late labels to predictions by request id and says what
// they tell: accuracy with its interval, confusion, calibration, delay and
// coverage.
package labels

import (
	"time"
)

// Outcome is what became of a label.
type Outcome string

// The outcomes, in the order of their metric labels.
const (
	Matched   Outcome = "matched"
	Orphan    Outcome = "orphan"
	Late      Outcome = "late"
	Duplicate Outcome = "duplicate"
	Corrected Outcome = "corrected"
)

// Outcomes lists every outcome, for pre-created series.
func Outcomes() []Outcome { return []Outcome{Matched, Orphan, Late, Duplicate, Corrected} }

// orphanGrace is how long a label waits for its prediction: labels can arrive
// before the prediction has come through the queue and the replay.
const orphanGrace = time.Minute

// prediction waits for its label, and afterwards for a correction.
type prediction struct {
	id         string
	time       time.Time
	class      int
	confidence float64

	labelled bool
	actual   int
	seq      uint64 // of the outcome in the window, to correct it there
}

// early is a label that waits for its prediction.
type early struct {
	class int
	time  time.Time // of arrival
}

// joiner keeps predictions by id, the oldest evicted first, at most max of
// them; and labels that came early, at most as many.
type joiner struct {
	ttl   time.Duration
	max   int
	byID  map[string]*prediction
	order []*prediction // a queue: oldest at head
	head  int

	early      map[string]early
	earlyOrder []string
	earlyHead  int
}

func newJoiner(ttl time.Duration, limit int) *joiner {
	return &joiner{ttl: ttl, max: limit, byID: map[string]*prediction{}, early: map[string]early{}}
}

// predict remembers a prediction and returns the label that came before it, if
// one did. A repeated id replaces the older prediction: the client reused it.
func (j *joiner) predict(p *prediction) (early, bool) {
	j.byID[p.id] = p
	j.order = append(j.order, p)
	for len(j.order)-j.head > j.max {
		j.evict()
	}
	e, ok := j.early[p.id]
	if ok {
		delete(j.early, p.id)
	}
	return e, ok
}

func (j *joiner) evict() {
	p := j.order[j.head]
	j.order[j.head] = nil
	j.head++
	if j.byID[p.id] == p {
		delete(j.byID, p.id)
	}
	if j.head > 1024 && j.head*2 > len(j.order) {
		j.order = append(j.order[:0], j.order[j.head:]...)
		j.head = 0
	}
}

// label finds the prediction that a label belongs to. Without one the label
// waits, and wait is true.
func (j *joiner) label(id string, class int, now time.Time) (p *prediction, outcome Outcome, wait bool) {
	p = j.byID[id]
	switch {
	case p == nil:
		if len(j.early) < j.max {
			if _, dup := j.early[id]; dup {
				j.early[id] = early{class, now}
				return nil, Duplicate, false
			}
			j.early[id] = early{class, now}
			j.earlyOrder = append(j.earlyOrder, id)
			return nil, "", true
		}
		return nil, Orphan, false
	case now.Sub(p.time) > j.ttl:
		return nil, Late, false
	case p.labelled && p.actual == class:
		return nil, Duplicate, false
	case p.labelled:
		return p, Corrected, false
	default:
		return p, Matched, false
	}
}

// expire gives up on early labels whose prediction did not come and returns
// how many there were.
func (j *joiner) expire(now time.Time) (orphans int) {
	for j.earlyHead < len(j.earlyOrder) {
		id := j.earlyOrder[j.earlyHead]
		e, waiting := j.early[id]
		if waiting && now.Sub(e.time) < orphanGrace {
			break
		}
		if waiting {
			delete(j.early, id)
			orphans++
		}
		j.earlyOrder[j.earlyHead] = ""
		j.earlyHead++
	}
	if j.earlyHead > 1024 && j.earlyHead*2 > len(j.earlyOrder) {
		j.earlyOrder = append(j.earlyOrder[:0], j.earlyOrder[j.earlyHead:]...)
		j.earlyHead = 0
	}
	return orphans
}

// coverage is the share of the remembered predictions within the time to live
// that have a label.
func (j *joiner) coverage(now time.Time) (labelled, all int) {
	for i := len(j.order) - 1; i >= j.head; i-- {
		p := j.order[i]
		if now.Sub(p.time) > j.ttl {
			break
		}
		all++
		if p.labelled {
			labelled++
		}
	}
	return labelled, all
}
