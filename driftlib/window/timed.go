package window

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Timed is the values of the last span of time, at most Cap of them: of more,
// the latest. Memory: 16 bytes a value. Times need not come in order. Safe for
// concurrent use; Observe never blocks.
type Timed struct {
	ring
	times []atomic.Int64 // nanoseconds since 1970, by slot
	span  time.Duration
}

// NewTimed returns a window of a span of time that holds at most size values.
func NewTimed(span time.Duration, size int) *Timed {
	size = max(size, 1)
	return &Timed{ring: ring{slots: make([]atomic.Uint64, size)}, times: make([]atomic.Int64, size), span: max(span, 1)}
}

// Observe folds in one value of a moment, otherwise as that of Sliding.
func (w *Timed) Observe(at time.Time, v float32, bin int) {
	k, lap := w.claim()
	w.slots[k].Store(0) // a reader must not take the old value for one of the new time
	w.times[k].Store(at.UnixNano())
	w.slots[k].Store(pack(v, bin, lap))
}

// Cap is the most values.
func (w *Timed) Cap() int { return len(w.slots) }

// Bytes is their memory.
func (w *Timed) Bytes() int { return 16 * len(w.slots) }

// Copy is the values of the span that ends now, that moment included.
// truncated: there were more than Cap of them.
func (w *Timed) Copy(dst []float32, bins int, now time.Time) (c Copy, truncated bool) {
	return w.Between(dst, bins, now.Add(-w.span+1), now.Add(1))
}

// Tumbling is the values of the last complete span, spans being counted from
// 1970 on, so that those of an hour begin at full hours; start is where it
// begins.
func (w *Timed) Tumbling(dst []float32, bins int, now time.Time) (c Copy, start time.Time, truncated bool) {
	ns, span := now.UnixNano(), int64(w.span)
	passed := ns % span
	if passed < 0 {
		passed += span
	}
	end := time.Unix(0, ns-passed)
	start = end.Add(-w.span)
	c, truncated = w.Between(dst, bins, start, end)
	return c, start, truncated
}

// Between is the values from a moment to just before another, of those that the
// window still holds. truncated: the earliest that it holds is later than from,
// and others have been overwritten.
func (w *Timed) Between(dst []float32, bins int, from, to time.Time) (c Copy, truncated bool) {
	c = Copy{Values: dst[:0], Counts: make([]float64, max(bins, 0))}
	last := w.next.Load()
	size := uint64(len(w.slots))
	first := last - min(last, size)
	begin, end := from.UnixNano(), to.UnixNano()
	earliest := int64(math.MaxInt64)
	for n := first; n < last; n++ {
		slot, ok := w.at(n)
		at := w.times[n%size].Load()
		if again, still := w.at(n); !ok || !still || again != slot {
			continue
		}
		earliest = min(earliest, at)
		if at >= begin && at < end {
			c.add(slot)
		}
	}
	return c, last > size && earliest > begin
}

// Decayed is bin counts whose weights fade with the age of the observation, by
// half in a half-life: drift over "lately" without an edge at which values drop
// out. Memory: 8 bytes a bin. Safe for concurrent use; a lock is held for one
// addition, or for the copy of the counts.
//
// Weights grow with time instead of fading (forward decay), so that an
// observation costs one addition.
//
// Source: Cormode, Shkapenyuk, Srivastava and Xu, "Forward decay", ICDE (2009).
type Decayed struct {
	mu       sync.Mutex
	half     float64 // seconds
	start    time.Time
	counts   []float64
	sum      float64
	squares  float64
	started  bool
	observed uint64
}

// NewDecayed returns counts of bins bins that halve in half.
func NewDecayed(half time.Duration, bins int) *Decayed {
	return &Decayed{half: max(half, 1).Seconds(), counts: make([]float64, max(bins, 0))}
}

// Bytes is the memory of the counts.
func (w *Decayed) Bytes() int { return 8 * len(w.counts) }

// rescaleAfter is the number of half-lives after which the weights are brought
// down, long before they overflow.
const rescaleAfter = 256

// Observe folds in one observation of a bin at a moment; one of no bin of ours
// is ignored. Moments before the first one count as that.
func (w *Decayed) Observe(at time.Time, bin int) {
	if bin < 0 || bin >= len(w.counts) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.started {
		w.start, w.started = at, true
	}
	age := max(at.Sub(w.start).Seconds(), 0) / w.half
	if age > rescaleAfter {
		w.rescale(age)
		w.start, age = at, 0
	}
	weight := math.Exp2(age)
	w.counts[bin] += weight
	w.sum += weight
	w.squares += weight * weight
	w.observed++
}

func (w *Decayed) rescale(halves float64) {
	f := math.Exp2(-halves)
	for i := range w.counts {
		w.counts[i] *= f
	}
	w.sum *= f
	w.squares *= f * f
}

// Fading is the content of a Decayed window.
type Fading struct {
	Counts []float64 // by bin, an observation of this moment counting 1
	// N is the effective number of observations, (sum w)² / sum w²: at a steady
	// rate of r a second, 2 r half-life / ln 2 of them.
	N        float64
	Observed uint64 // ever
}

// Copy is the counts as they have faded by now.
func (w *Decayed) Copy(now time.Time) Fading {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := Fading{Counts: make([]float64, len(w.counts)), Observed: w.observed}
	if w.squares == 0 {
		return out
	}
	f := math.Exp2(-now.Sub(w.start).Seconds() / w.half)
	for i, c := range w.counts {
		out.Counts[i] = c * f
	}
	out.N = w.sum * w.sum / w.squares
	return out
}
