package queue

import "sync/atomic"

// Fixed is what a proxy process needs beside its budget: code, connections,
// buffers of copying, and the garbage between two collections.
const Fixed = 24 << 20

// Monitors is what windows, references and waiting labels are allowed beside
// Fixed before the collector runs more often than GCPercent would have it.
const Monitors = 64 << 20

// GCPercent is the debug.SetGCPercent that goes with MemoryLimit: what a proxy
// allocates a request is short-lived and little, so that collecting four times
// as rarely costs some MiB, which the limit bounds, and saves a tenth of the
// processor time.
const GCPercent = 400

// MemoryLimit is the soft limit that debug.SetMemoryLimit should get in a
// process whose queue has maxBytes: without it, the garbage between two
// collections may be as large as what is alive.
func MemoryLimit(maxBytes int64) int64 { return maxBytes + Fixed + Monitors }

// Budget is a number of bytes that many share. Who acquires gives back.
// Safe for concurrent use; it never blocks.
type Budget struct {
	max  int64
	used atomic.Int64
}

// NewBudget returns a budget of max bytes.
func NewBudget(max int64) *Budget { return &Budget{max: max} }

// Acquire takes n bytes, or none and reports false where they are not there.
func (b *Budget) Acquire(n int64) bool {
	if n <= 0 {
		return true
	}
	for {
		used := b.used.Load()
		if n > b.max-used {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// Release gives n bytes back.
func (b *Budget) Release(n int64) {
	if n > 0 {
		b.used.Add(-n)
	}
}

// Used is the bytes taken now.
func (b *Budget) Used() int64 { return b.used.Load() }

// Max is the bytes that there are.
func (b *Budget) Max() int64 { return b.max }
