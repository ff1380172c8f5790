// Package worst keeps the records that one would want to see first: wrong
// though sure, disagreed on, unsure, far from the reference. A few for each
// reason, for a while; what a record held stays in memory.
package worst

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/explain"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/shadow"
)

// Reason is why a record is kept.
type Reason string

// The reasons, and what their scores are.
const (
	Wrong         Reason = "wrong"          // confidence of a prediction that its label contradicts
	Disagreement  Reason = "disagreement"   // distance of the primary's and the shadow's answers
	LowConfidence Reason = "low_confidence" // 1 - confidence
	Outlier       Reason = "outlier"        // distance from the reference
)

// Reasons lists every reason.
func Reasons() []Reason { return []Reason{Wrong, Disagreement, LowConfidence, Outlier} }

// Record is one that is kept.
type Record struct {
	ID, TraceID       string
	Time              time.Time
	Reason            Reason
	Score             float64 // higher is worse; comparable within a reason
	Predicted, Actual string
	Confidence        float64 // NaN where unknown
	Words             string
	Explanation       *explain.Explanation // nil until there is one
	// Inputs are what the model was given; nil where they are too large to keep.
	Inputs shadow.Sample
}

// Settings bounds what is kept.
type Settings struct {
	Each       int           // records for each reason
	MaxAge     time.Duration // older ones make room
	InputBytes int           // of one record; larger inputs are not kept
	Now        func() time.Time
}

// Keeper keeps the worst records of one model. Safe for concurrent use.
type Keeper struct {
	s  Settings
	mu sync.Mutex
	by map[Reason][]*Record // worst first
}

// New returns a Keeper.
func New(s Settings) *Keeper { return &Keeper{s: s, by: map[Reason][]*Record{}} }

// Wants reports whether a score would be kept now; a cheap question before the
// record is made.
func (k *Keeper) Wants(reason Reason, score float64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := k.fresh(reason)
	return len(list) < k.s.Each || score > list[len(list)-1].Score
}

// fresh drops what is too old; k.mu is held.
func (k *Keeper) fresh(reason Reason) []*Record {
	oldest := k.s.Now().Add(-k.s.MaxAge)
	list := slices.DeleteFunc(k.by[reason], func(r *Record) bool { return r.Time.Before(oldest) })
	k.by[reason] = list
	return list
}

// Offer keeps a record if it is among the worst for its reason. One id is kept
// once for a reason, with its worst score.
func (k *Keeper) Offer(r Record) {
	if size(r.Inputs) > k.s.InputBytes {
		r.Inputs = nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	list := k.fresh(r.Reason)
	if at := slices.IndexFunc(list, func(o *Record) bool { return o.ID == r.ID && r.ID != "" }); at >= 0 {
		if list[at].Score >= r.Score {
			return
		}
		list = slices.Delete(list, at, at+1)
	}
	at, _ := slices.BinarySearchFunc(list, &r, func(a, b *Record) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), -1) // behind its equals
	})
	at = min(at, len(list))
	if list = slices.Insert(list, at, &r); len(list) > k.s.Each {
		list = list[:k.s.Each]
	}
	k.by[r.Reason] = list
}

func size(s shadow.Sample) int {
	n := 0
	for _, t := range s {
		n += t.Bytes()
	}
	return n
}

// List is the records of a reason ("" for all), the worst first within each.
func (k *Keeper) List(reason Reason, limit int) []Record {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []Record
	for _, r := range Reasons() {
		if reason != "" && r != reason {
			continue
		}
		for i, rec := range k.fresh(r) {
			if limit > 0 && i >= limit {
				break
			}
			out = append(out, *rec)
		}
	}
	return out
}

// Find is a record by its id.
func (k *Keeper) Find(id string) (Record, bool) {
	for _, r := range k.List("", 0) {
		if r.ID == id {
			return r, true
		}
	}
	return Record{}, false
}

// Unexplained is a record that has inputs and no explanation yet, the worst of
// the reason with fewest explanations first.
func (k *Keeper) Unexplained() (Record, bool) {
	list := k.List("", 0)
	done := map[Reason]int{}
	for _, r := range list {
		if r.Explanation != nil {
			done[r.Reason]++
		}
	}
	best := -1
	for i, r := range list {
		if r.Explanation == nil && r.Inputs != nil && (best < 0 || done[r.Reason] < done[list[best].Reason]) {
			best = i
		}
	}
	if best < 0 {
		return Record{}, false
	}
	return list[best], true
}

// Explained notes an explanation for every record of that id.
func (k *Keeper) Explained(id string, e explain.Explanation) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, list := range k.by {
		for _, r := range list {
			if r.ID == id {
				r.Explanation = &e
			}
		}
	}
}

// Forget removes the records of an id and of its batch.
func (k *Keeper) Forget(id string) (removed int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for reason, list := range k.by {
		kept := slices.DeleteFunc(list, func(r *Record) bool { return record.Covers(id, r.ID) })
		removed += len(list) - len(kept)
		k.by[reason] = kept
	}
	return removed
}

// Unexplainable forgets a record's inputs: it is not tried again.
func (k *Keeper) Unexplainable(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, list := range k.by {
		for _, r := range list {
			if r.ID == id {
				r.Inputs = nil
			}
		}
	}
}
