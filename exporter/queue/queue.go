// Package queue holds captures between the taps and the replayer. It is
// bounded in bytes, not in items, because one capture may be a hundred bytes
// and the next ten megabytes; when it is full the newest is refused, so that
// nobody ever waits for it.
package queue

import (
	"context"
	"errors"
	"sync"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// ErrClosed is returned by Pop once the queue is closed and empty.
var ErrClosed = errors.New("queue closed")

// Queue is a first-in first-out queue of captures within a budget of bytes.
//
// A capture is charged from Push, or from when its tap took the first buffer
// for it, until its Release: what is being received, what waits and what is
// being decoded share one budget, and together they never exceed it.
// Safe for concurrent use.
type Queue struct {
	budget *Budget
	wake   chan struct{} // holds one token while there may be something to pop

	mu     sync.Mutex
	ring   []*record.Capture
	head   int
	count  int
	closed bool
}

// New returns an empty queue of at most maxBytes.
func New(maxBytes int64) *Queue {
	return &Queue{budget: NewBudget(maxBytes), wake: make(chan struct{}, 1)}
}

// Budget is what the queue's captures are charged to. Taps charge the buffers
// of captures in progress to it too.
func (q *Queue) Budget() *Budget { return q.budget }

// Bytes is what captures take now: those in progress at a tap, those that
// wait, and those popped and not yet released.
func (q *Queue) Bytes() int64 { return q.budget.Used() }

// Capacity is the most that Bytes can be.
func (q *Queue) Capacity() int64 { return q.budget.Max() }

// Len is the number of captures that wait.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count
}

// Push appends a capture and owns it from then on. It never blocks: false
// means that the queue is full or closed, and the capture is still the
// caller's to count and to release.
func (q *Queue) Push(c *record.Capture) bool {
	owed := c.Size() - c.Charged
	if !q.budget.Acquire(owed) {
		return false
	}
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		q.budget.Release(owed)
		return false
	}
	if owed > 0 {
		c.Charged += owed
		c.OnRelease(func() { q.budget.Release(owed) })
	}
	q.append(c)
	q.mu.Unlock()
	q.signal()
	return true
}

// append puts a capture at the ring's end; q.mu is held. The ring's length is
// bounded by the budget: every capture costs at least record.Overhead.
func (q *Queue) append(c *record.Capture) {
	if q.count == len(q.ring) {
		grown := make([]*record.Capture, max(16, 2*len(q.ring)))
		n := copy(grown, q.ring[q.head:])
		copy(grown[n:], q.ring[:q.head])
		q.ring, q.head = grown, 0
	}
	q.ring[(q.head+q.count)%len(q.ring)] = c
	q.count++
}

func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Pop waits for the oldest capture. The caller owns it and calls Release. The
// error is the context's, or ErrClosed when nothing will come any more.
func (q *Queue) Pop(ctx context.Context) (*record.Capture, error) {
	batch, err := q.PopBatch(ctx, make([]*record.Capture, 0, 1), 1)
	if err != nil {
		return nil, err
	}
	return batch[0], nil
}

// PopBatch waits for one capture and appends up to limit of those there to
// dst. The errors are Pop's.
func (q *Queue) PopBatch(ctx context.Context, dst []*record.Capture, limit int) ([]*record.Capture, error) {
	for {
		if err := ctx.Err(); err != nil {
			return dst, err
		}
		before := len(dst)
		var closed bool
		if dst, closed = q.take(dst, max(limit, 1)); len(dst) > before {
			return dst, nil
		}
		if closed {
			q.signal() // for the next one who waits
			return dst, ErrClosed
		}
		select {
		case <-ctx.Done():
			return dst, ctx.Err()
		case <-q.wake:
		}
	}
}

// take moves up to limit captures to dst and, where more are left, passes the
// token on to the next one who waits.
func (q *Queue) take(dst []*record.Capture, limit int) ([]*record.Capture, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for range min(limit, q.count) {
		dst = append(dst, q.ring[q.head])
		q.ring[q.head] = nil
		q.head = (q.head + 1) % len(q.ring)
		q.count--
	}
	if q.count > 0 {
		q.signal()
	}
	return dst, q.closed
}

// Close refuses further captures. Those that wait can still be popped. It may
// be called twice.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}
