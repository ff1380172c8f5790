package queue

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/record"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func capture(id string, n int) *record.Capture {
	return &record.Capture{ID: id, Request: record.Body{Bytes: make([]byte, n)}}
}

func TestFirstInFirstOut(t *testing.T) {
	q := New(1 << 20)
	for _, id := range []string{"a", "b", "c"} {
		if !q.Push(capture(id, 10)) {
			t.Fatalf("push %s refused", id)
		}
	}
	for _, want := range []string{"a", "b", "c"} {
		c, err := q.Pop(t.Context())
		if err != nil || c.ID != want {
			t.Fatalf("Pop = %v, %v; want %s", c, err, want)
		}
		c.Release()
	}
	if q.Bytes() != 0 {
		t.Errorf("%d bytes are still charged", q.Bytes())
	}
}

func TestBoundIsBytes(t *testing.T) {
	q := New(10_000)
	pushed := 0
	for q.Push(capture("x", 1000)) {
		pushed++
	}
	if want := 10_000 / (1000 + record.Overhead); pushed != want {
		t.Errorf("%d captures fit, want %d", pushed, want)
	}
	if q.Push(capture("y", 9_000)) {
		t.Error("a capture beyond the budget was taken")
	}
	c, err := q.Pop(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if q.Push(capture("z", 1000)) {
		t.Error("a popped capture that is still in use was not counted")
	}
	c.Release()
	c.Release()
	if !q.Push(capture("z", 1000)) {
		t.Error("a released capture still takes its place")
	}
	if q.Bytes() > q.Capacity() {
		t.Errorf("%d bytes of %d", q.Bytes(), q.Capacity())
	}
}

func TestWhatIsChargedAlreadyIsNotChargedTwice(t *testing.T) {
	q := New(10_000)
	c := capture("a", 1000)
	size := c.Size()
	q.Budget().Acquire(size)
	c.Charged = size
	c.OnRelease(func() { q.Budget().Release(size) })
	if !q.Push(c) || q.Bytes() != size {
		t.Fatalf("%d bytes charged, want %d", q.Bytes(), size)
	}
	got, _ := q.Pop(t.Context())
	got.Release()
	if q.Bytes() != 0 {
		t.Errorf("%d bytes left", q.Bytes())
	}
}

func TestPopWaitsAndEnds(t *testing.T) {
	q := New(1 << 20)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := q.Pop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Pop of an empty queue = %v", err)
	}
	q.Push(capture("a", 1))
	q.Close()
	if q.Push(capture("b", 1)) {
		t.Error("a closed queue took a capture")
	}
	if c, err := q.Pop(t.Context()); err != nil || c.ID != "a" {
		t.Errorf("what waited was lost: %v, %v", c, err)
	}
	for range 2 {
		if _, err := q.Pop(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("Pop after Close = %v", err)
		}
	}
}

func TestManyProducersAndConsumersLoseNothing(t *testing.T) {
	q := New(1 << 20)
	const producers, each = 8, 2000
	var taken, refused atomic.Int64
	var wg, consumers sync.WaitGroup
	for range 4 {
		consumers.Go(func() {
			for {
				batch, err := q.PopBatch(context.Background(), nil, 32)
				if err != nil {
					return
				}
				for _, c := range batch {
					c.Release()
				}
				taken.Add(int64(len(batch)))
			}
		})
	}
	for range producers {
		wg.Go(func() {
			for range each {
				if !q.Push(capture("x", 100)) {
					refused.Add(1)
				}
			}
		})
	}
	wg.Wait()
	q.Close()
	consumers.Wait()
	if taken.Load()+refused.Load() != producers*each || q.Bytes() != 0 {
		t.Errorf("taken %d + refused %d, want %d; %d bytes left", taken.Load(), refused.Load(), producers*each, q.Bytes())
	}
}
