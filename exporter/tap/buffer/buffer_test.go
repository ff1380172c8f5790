package buffer

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/queue"
)

func TestClassesHoldAndWasteAThirdAtMost(t *testing.T) {
	for n := 1; n < 1<<22; n += 1 + n/97 {
		index, size := class(n)
		if size < n || (n > 1<<minBits && 3*(size-n) > size+3) {
			t.Fatalf("class(%d) = %d bytes", n, size)
		}
		if again, same := class(size); again != index || same != size {
			t.Fatalf("class(%d) = %d, %d but class(%d) = %d, %d", n, index, size, size, again, same)
		}
	}
}

func TestLendsWithinTheBudget(t *testing.T) {
	budget := queue.NewBudget(10 << 10)
	p := NewPool(budget)
	a := p.Get(4 << 10)
	b := p.Get(4 << 10)
	if a == nil || b == nil || p.Get(4<<10) != nil {
		t.Fatal("10 KiB must lend 4 KiB twice, not three times")
	}
	a = append(a, 1, 2, 3)
	if p.Grow(a, 8<<10) != nil {
		t.Error("grew beyond the budget")
	}
	p.Put(b)
	a = p.Grow(a, 4<<10)
	if a == nil || a[2] != 3 || budget.Used() != int64(cap(a)) {
		t.Errorf("grown: %d bytes, cap %d, charged %d", len(a), cap(a), budget.Used())
	}
	p.Put(a)
	if budget.Used() != 0 {
		t.Errorf("%d bytes left charged", budget.Used())
	}
}

func TestIdleBuffersShareTheBudget(t *testing.T) {
	budget := queue.NewBudget(10 << 20)
	p := NewPool(budget)
	var lent [][]byte
	for range 10 {
		lent = append(lent, p.Get(1<<20))
	}
	for _, b := range lent {
		p.Put(b)
	}
	if p.kept != 10<<20 {
		t.Errorf("%d bytes are kept idle", p.kept)
	}
	// Other sizes push the idle ones out.
	for range 5 {
		if p.Get(600<<10) == nil {
			t.Fatal("idle buffers are in the way of new ones")
		}
	}
	if p.kept+budget.Used() > budget.Max() {
		t.Errorf("%d idle and %d lent, of %d", p.kept, budget.Used(), budget.Max())
	}
}

func TestConcurrentUseGivesAllBack(t *testing.T) {
	budget := queue.NewBudget(1 << 20)
	p := NewPool(budget)
	var wg sync.WaitGroup
	for seed := range uint64(8) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 1))
			for range 2000 {
				b := p.Get(r.IntN(100_000))
				if b == nil {
					continue
				}
				if g := p.Grow(b, r.IntN(200_000)); g != nil {
					b = g
				}
				p.Put(b)
			}
		})
	}
	wg.Wait()
	if budget.Used() != 0 {
		t.Errorf("%d bytes left charged", budget.Used())
	}
}
