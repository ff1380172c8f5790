// Package buffer lends byte slices for captured bodies. Every slice lent is
// charged to a budget that the queue shares, before it is made: however many
// requests are in flight, what is captured of them stays within it.
package buffer

import (
	"math/bits"
	"sync"
)

// Budget is where buffers are charged. queue.Budget is one.
type Budget interface {
	Acquire(n int64) bool
	Release(n int64)
	Used() int64
	Max() int64
}

const (
	minBits = 10 // 1 KiB
	maxBits = 36
)

// Pool lends buffers in size classes of 2^k and 1.5 * 2^k bytes, so that at
// most a third of a buffer is unused. Safe for concurrent use.
type Pool struct {
	budget Budget

	mu   sync.Mutex
	idle [2 * (maxBits - minBits + 1)][][]byte
	kept int64 // bytes in idle
}

// NewPool returns an empty pool that charges what it lends to budget.
func NewPool(budget Budget) *Pool { return &Pool{budget: budget} }

// class is the smallest size class that holds n bytes, and its size.
func class(n int) (index, size int) {
	if n <= 1<<minBits {
		return 0, 1 << minBits
	}
	k := bits.Len(uint(n - 1)) // 2^(k-1) < n <= 2^k
	if three := 3 << (k - 2); n <= three {
		return 2*(k-minBits) - 1, three
	}
	return 2 * (k - minBits), 1 << k
}

// Get lends an empty slice with room for at least n bytes, or nil where the
// budget has no room for it.
func (p *Pool) Get(n int) []byte {
	index, size := class(n)
	if index >= len(p.idle) || !p.budget.Acquire(int64(size)) {
		return nil
	}
	p.mu.Lock()
	if list := p.idle[index]; len(list) > 0 {
		b := list[len(list)-1]
		list[len(list)-1] = nil
		p.idle[index] = list[:len(list)-1]
		p.kept -= int64(size)
		p.mu.Unlock()
		return b[:0]
	}
	p.makeRoom()
	p.mu.Unlock()
	return make([]byte, 0, size)
}

// makeRoom lets go of idle buffers, the largest first, until a new one fits
// beside them; p.mu is held. The new one is charged already.
func (p *Pool) makeRoom() {
	if p.budget.Used()+p.kept <= p.budget.Max() {
		return
	}
	for i := len(p.idle) - 1; i >= 0; i-- {
		for n := len(p.idle[i]); n > 0; n = len(p.idle[i]) {
			if p.budget.Used()+p.kept <= p.budget.Max() {
				return
			}
			p.kept -= int64(cap(p.idle[i][n-1]))
			p.idle[i][n-1] = nil
			p.idle[i] = p.idle[i][:n-1]
		}
	}
}

// Grow returns b with room for at least n more bytes, moved to a larger
// buffer where need be, or nil where the budget has no room for that; b is
// then still the caller's.
func (p *Pool) Grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	larger := p.Get(max(len(b)+n, 2*cap(b)))
	if larger == nil {
		if larger = p.Get(len(b) + n); larger == nil {
			return nil
		}
	}
	larger = append(larger, b...)
	p.Put(b)
	return larger
}

// Put takes back a slice that Get or Grow lent; nil is nothing.
func (p *Pool) Put(b []byte) {
	if cap(b) == 0 {
		return
	}
	p.budget.Release(int64(cap(b)))
	index, size := class(cap(b))
	if size != cap(b) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.budget.Used()+p.kept+int64(size) <= p.budget.Max() {
		p.idle[index] = append(p.idle[index], b[:0])
		p.kept += int64(size)
	}
}
