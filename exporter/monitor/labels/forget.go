package labels

import (
	"slices"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// Delete removes what waits under an id and under its batch's rows:
// predictions, labels that have come before theirs, what annotators said. What
// was counted stays counted, under no id. A label that comes afterwards is an
// orphan.
func (j *Joiner) Delete(id string) (removed int, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for early := range j.early {
		if record.Covers(id, early) {
			delete(j.early, early)
			removed++
		}
	}
	j.order = slices.DeleteFunc(j.order[j.head:], func(w waiter) bool { return record.Covers(id, w.id) })
	j.head = 0
	for m := range j.monitors {
		m.forget(id)
	}
	// Events name ids until a checkpoint holds what they said; one that fails
	// leaves the entries, too, so that nothing is half forgotten.
	j.dirty = true
	if err := j.save(); err != nil {
		return removed, err
	}
	n, err := j.s.Store.Delete(id, func(stored string) bool { return record.Covers(id, stored) })
	return removed + n, err
}

func (m *Monitor) forget(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.st.Items = slices.DeleteFunc(m.st.Items, func(i item) bool { return record.Covers(id, i.ID) })
}
