// Package window holds the last values of a feature in bounded memory, for
// exact statistics over them.
//
// Ingestion and evaluation meet for one copy only: Observe stores six bytes
// under a lock that Copy holds for as long as it takes to copy them, and
// everything slow (sorting, comparing) works on the copy.
package window

import (
	"math"
	"sync"
)

// Sliding is the last Cap values, by count. Memory: 6 bytes a value, see
// Bytes. Safe for concurrent use.
type Sliding struct {
	mu     sync.Mutex
	values []float32
	bins   []uint16
	next   int
	n      int
}

// NewSliding returns a window of the last size values (at least 1).
func NewSliding(size int) *Sliding {
	size = max(size, 1)
	return &Sliding{values: make([]float32, size), bins: make([]uint16, size)}
}

// Observe folds in one value with its bin. Values that are no finite number
// (missing, NaN, a category) count by their bin alone.
func (w *Sliding) Observe(v float32, bin int) {
	w.mu.Lock()
	w.values[w.next], w.bins[w.next] = v, uint16(bin)
	if w.next++; w.next == len(w.values) {
		w.next = 0
	}
	if w.n < len(w.values) {
		w.n++
	}
	w.mu.Unlock()
}

// Cap is the size of the window.
func (w *Sliding) Cap() int { return len(w.values) }

// Bytes is the memory of its values.
func (w *Sliding) Bytes() int { return 6 * len(w.values) }

// Copy is the window's content at one moment.
type Copy struct {
	Values []float32 // the finite ones, in no particular order
	Counts []float64 // by bin, all of them
	N      int       // values in the window, finite or not
}

// Copy counts the window's values by bin (of bins bins) and appends the finite
// ones to dst[:0].
func (w *Sliding) Copy(dst []float32, bins int) Copy {
	w.mu.Lock()
	n := w.n
	values := append(dst[:0], w.values[:n]...)
	codes := append(make([]uint16, 0, n), w.bins[:n]...)
	w.mu.Unlock()
	c := Copy{Counts: make([]float64, bins), N: n}
	for _, b := range codes {
		if int(b) < bins {
			c.Counts[b]++
		}
	}
	finite := values[:0]
	for _, v := range values {
		if f := float64(v); !math.IsNaN(f) && !math.IsInf(f, 0) {
			finite = append(finite, v)
		}
	}
	c.Values = finite
	return c
}

// Reset empties the window.
func (w *Sliding) Reset() {
	w.mu.Lock()
	w.next, w.n = 0, 0
	w.mu.Unlock()
}
