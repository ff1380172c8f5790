package labels

import "time"

// outcome is one labelled prediction.
type outcome struct {
	predicted, actual int
	confidence        float64
	delay             time.Duration
}

// window is a ring of the last outcomes. Every outcome has a sequence number,
// so that a correction finds it while it is still inside.
type window struct {
	ring []outcome
	next uint64 // sequence number of the next outcome
}

func newWindow(size int) *window { return &window{ring: make([]outcome, 0, size)} }

func (w *window) add(o outcome) (seq uint64) {
	seq = w.next
	w.next++
	if len(w.ring) < cap(w.ring) {
		w.ring = append(w.ring, o)
	} else {
		w.ring[seq%uint64(cap(w.ring))] = o
	}
	return seq
}

// correct replaces the actual class of an outcome that is still inside.
func (w *window) correct(seq uint64, actual int) {
	if w.next-seq <= uint64(len(w.ring)) {
		w.ring[seq%uint64(cap(w.ring))].actual = actual
	}
}

// each calls f for every outcome inside, in no particular order.
func (w *window) each(f func(*outcome)) {
	for i := range w.ring {
		f(&w.ring[i])
	}
}
