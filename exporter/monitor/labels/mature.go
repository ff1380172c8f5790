package labels

import (
	"container/heap"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/monitor/cohort"
	"github.com/gnomon-dev/gnomon/exporter/monitor/performance"
)

// wait is an outcome that the sequential test has not seen, by the time of its
// prediction.
type wait struct {
	at  time.Time
	seq uint64
}

// waits is a heap, the oldest prediction first.
type waits []wait

func (w waits) Len() int           { return len(w) }
func (w waits) Less(a, b int) bool { return w[a].at.Before(w[b].at) }
func (w waits) Swap(a, b int)      { w[a], w[b] = w[b], w[a] }
func (w *waits) Push(x any)        { *w = append(*w, x.(wait)) }
func (w *waits) Pop() any {
	last := (*w)[len(*w)-1]
	*w = (*w)[:len(*w)-1]
	return last
}

// wait queues an outcome for the test; m.mu is held.
func (m *Monitor) wait(o *performance.Outcome) {
	if k := o.Kind(); o.Tested || k != performance.Class && k != performance.MultiLabel {
		return
	}
	if len(m.queued) >= 2*m.s.Keep { // they are forgotten anyway
		heap.Pop(&m.queued)
	}
	heap.Push(&m.queued, wait{o.At, o.Seq})
}

// queue makes the queue of what is kept.
func (m *Monitor) queue() {
	m.queued = nil
	for i := range m.st.Outcomes {
		m.wait(&m.st.Outcomes[i])
	}
}

// mature shows the test those outcomes whose predictions have become old
// enough, in the order of the predictions. In the order of the labels' arrival
// it would be shown the fast ones first, which are seldom like the others.
func (m *Monitor) mature() {
	if m.ref == nil || m.ref.Detector == nil || len(m.queued) == 0 {
		return
	}
	now := m.s.Now()
	age, ok := settled(m.st.Cohorts.Maturity(now, m.s.Complete), m.s.MinAge)
	if !ok {
		return
	}
	limit := m.st.Cohorts.Clock(now).Add(-age)
	for len(m.queued) > 0 && (age == 0 || !m.queued[0].at.After(limit)) {
		w := heap.Pop(&m.queued).(wait)
		if o := m.outcome(w.seq); o != nil && !o.Tested {
			o.Tested = true
			m.test(!o.Correct())
		}
	}
}

// settled is the age from which on predictions count, 0 where all do; false
// where that cannot be said yet.
func settled(m cohort.Maturity, least time.Duration) (time.Duration, bool) {
	if !m.Known || !m.Settled {
		return 0, false
	}
	if m.Age <= cohort.Edge(0) {
		return least, true
	}
	return max(m.Age, least), true
}
