// Package window holds the last values of a feature in bounded memory, for
// exact statistics over them: Sliding by count, Timed by time, Tumbling one
// block after another, Decayed with weights that fade.
//
// Ingestion never waits: Observe of Sliding, Timed and Tumbling claims a slot
// with one atomic addition and stores into it, however many goroutines observe
// and whatever evaluation does meanwhile. A slot carries the number of its lap,
// by which a reader knows a value that has been overwritten, or not yet
// written, and leaves it out: values that arrive while a copy is made are not
// in it. Everything slow (sorting, comparing) works on the copy, and View keeps
// it sorted from one evaluation to the next.
package window

import (
	"math"
	"slices"
	"sync/atomic"
)

// ring is slots that are written round and round. A slot is the value's bits
// above the bin's 16 bits above 16 bits of its lap, which are odd, so that 0 is
// no value.
type ring struct {
	slots []atomic.Uint64
	next  atomic.Uint64 // values observed so far
}

const lapMask = 1<<16 - 1

func pack(v float32, bin int, lap uint64) uint64 {
	return uint64(math.Float32bits(v))<<32 | uint64(uint16(bin))<<16 | lap
}

func unpack(slot uint64) (v float32, bin int) {
	return math.Float32frombits(uint32(slot >> 32)), int(uint16(slot >> 16))
}

// lap is the mark of the n-th value's lap, never 0.
func (r *ring) lap(n uint64) uint64 { return mark(n / uint64(len(r.slots))) }

func mark(lap uint64) uint64 { return (lap<<1 | 1) & lapMask }

// claim is the place of the next value and the mark of its lap, by one division.
func (r *ring) claim() (at, lap uint64) {
	n, size := r.next.Add(1)-1, uint64(len(r.slots))
	q := n / size
	return n - q*size, mark(q)
}

// at is the n-th value; false where it is overwritten or not there yet.
func (r *ring) at(n uint64) (slot uint64, ok bool) {
	slot = r.slots[n%uint64(len(r.slots))].Load()
	return slot, slot&lapMask == r.lap(n)
}

// Copy is a window's content at one moment.
type Copy struct {
	Values []float32 // the finite ones, in no particular order unless it is said
	Counts []float64 // by bin, all of them
	N      int       // values in the window, finite or not
}

// add takes in one slot.
func (c *Copy) add(slot uint64) {
	v, bin := unpack(slot)
	c.N++
	if bin < len(c.Counts) {
		c.Counts[bin]++
	}
	if v-v == 0 { // neither NaN nor infinite
		c.Values = append(c.Values, v)
	}
}

// Sliding is the last Cap values, by count. Memory: 8 bytes a value, see
// Bytes. Safe for concurrent use; Observe never blocks.
type Sliding struct {
	ring
	from atomic.Uint64 // what is before this value was forgotten by Reset
}

// NewSliding returns a window of the last size values (at least 1).
func NewSliding(size int) *Sliding {
	return &Sliding{ring: ring{slots: make([]atomic.Uint64, max(size, 1))}}
}

// Observe folds in one value with its bin (0 to 65535). Values that are no
// finite number (missing, NaN, a category) count by their bin alone.
func (w *Sliding) Observe(v float32, bin int) {
	at, lap := w.claim()
	w.slots[at].Store(pack(v, bin, lap))
}

// Cap is the size of the window.
func (w *Sliding) Cap() int { return len(w.slots) }

// Bytes is the memory of its values.
func (w *Sliding) Bytes() int { return 8 * len(w.slots) }

// span is the range of values that are in the window now.
func (w *Sliding) span() (from, to uint64) {
	to = w.next.Load()
	if size := uint64(len(w.slots)); to > size {
		from = to - size
	}
	return min(max(from, w.from.Load()), to), to
}

// Copy counts the window's values by bin (of bins bins) and appends the finite
// ones to dst[:0].
func (w *Sliding) Copy(dst []float32, bins int) Copy {
	from, to := w.span()
	return w.copyRange(dst, bins, from, to)
}

func (r *ring) copyRange(dst []float32, bins int, from, to uint64) Copy {
	c := Copy{Counts: make([]float64, max(bins, 0))}
	values := slices.Grow(dst[:0], int(to-from))[:to-from]
	finite := 0
	// Two runs without a division a value: to the end of the slots, and from
	// their start.
	for n := from; n < to; {
		size := uint64(len(r.slots))
		at, lap := n%size, r.lap(n)
		run := min(size-at, to-n)
		for i := range r.slots[at : at+run] {
			slot := r.slots[at+uint64(i)].Load()
			if slot&lapMask != lap {
				continue
			}
			v, bin := unpack(slot)
			c.N++
			if bin < len(c.Counts) {
				c.Counts[bin]++
			}
			values[finite] = v // without a branch: the next one overwrites what is not finite
			if v-v == 0 {
				finite++
			}
		}
		n += run
	}
	c.Values = values[:finite]
	return c
}

// Reset empties the window.
func (w *Sliding) Reset() { w.from.Store(w.next.Load()) }

// Tumbling is blocks of Cap values, one after another: Copy is the last block
// that is complete. Memory: 16 bytes a value of a block, the complete one and
// the one being filled. Safe for concurrent use; Observe never blocks.
type Tumbling struct {
	ring
	size uint64
}

// NewTumbling returns a window of blocks of size values (at least 1).
func NewTumbling(size int) *Tumbling {
	size = max(size, 1)
	return &Tumbling{ring: ring{slots: make([]atomic.Uint64, 2*size)}, size: uint64(size)}
}

// Observe folds in one value, as that of Sliding.
func (w *Tumbling) Observe(v float32, bin int) {
	at, lap := w.claim()
	w.slots[at].Store(pack(v, bin, lap))
}

// Cap is the size of a block.
func (w *Tumbling) Cap() int { return int(w.size) }

// Bytes is the memory of both blocks.
func (w *Tumbling) Bytes() int { return 8 * len(w.slots) }

// Copy is the last complete block, and its number, from 1 on; 0 while there is
// none. The block is whole unless more than Cap values come while it is copied,
// which N then shows.
func (w *Tumbling) Copy(dst []float32, bins int) (c Copy, block uint64) {
	block = w.next.Load() / w.size
	if block == 0 {
		return Copy{Values: dst[:0], Counts: make([]float64, max(bins, 0))}, 0
	}
	return w.copyRange(dst, bins, (block-1)*w.size, block*w.size), block
}
