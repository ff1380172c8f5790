package share

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/provider"
)

// held is an engine whose inferences wait to be let go.
type held struct {
	shadow.Engine
	on      atomic.Pointer[string]
	started chan struct{}
	release chan struct{}
}

func newHeld(on string) *held {
	h := &held{started: make(chan struct{}, 16), release: make(chan struct{})}
	h.on.Store(&on)
	return h
}

func (h *held) Model() shadow.Model { return shadow.Model{Provider: *h.on.Load()} }
func (h *held) PID() int            { return 7 }
func (h *held) Infer(context.Context, []shadow.Sample) ([]shadow.Result, error) {
	h.started <- struct{}{}
	<-h.release
	return nil, nil
}

// TestOneAtATime: two models of one device take turns, one of another device
// does not wait, and an engine that came back on another device counts there.
func TestOneAtATime(t *testing.T) {
	ctx := context.Background()
	gpu := func(id string) []provider.Spec {
		return []provider.Spec{{Name: "cuda", Options: map[string]string{"device_id": id}}, {Name: "cpu"}}
	}
	d := New(1)
	a, b, other := newHeld("cuda"), newHeld("cuda"), newHeld("cuda")
	la, lb, lo := d.Limit(a, gpu("0")), d.Limit(b, gpu("0")), d.Limit(other, gpu("1"))
	var wg sync.WaitGroup
	for _, e := range []shadow.Engine{la, lo} {
		wg.Go(func() { _, _ = e.Infer(ctx, nil) })
	}
	<-a.started
	<-other.started // the other GPU is free
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := lb.Infer(ended, nil); !errors.Is(err, context.Canceled) || len(b.started) != 0 {
		t.Error("it did not wait: ", err)
	}
	cpu := "cpu"
	b.on.Store(&cpu)
	wg.Go(func() { _, _ = lb.Infer(ctx, nil) })
	<-b.started
	for _, h := range []*held{a, b, other} {
		close(h.release)
	}
	wg.Wait()
	cuda := "cuda"
	b.on.Store(&cuda)
	if _, err := lb.Infer(ctx, nil); err != nil { // its turn has come
		t.Error(err)
	}
	if p, ok := lb.(interface{ PID() int }); !ok || p.PID() != 7 {
		t.Error("the process is hidden")
	}
	if New(0).Limit(a, nil) != shadow.Engine(a) {
		t.Error("no limit is in the way")
	}
}

// TestNeverMore: whatever many shadows do, no more than the stated number run.
func TestNeverMore(t *testing.T) {
	const most = 2
	d := New(most)
	var now, peak atomic.Int64
	e := counting{now: &now, peak: &peak}
	var wg sync.WaitGroup
	for range 8 {
		limited := d.Limit(e, nil)
		wg.Go(func() {
			for range 200 {
				_, _ = limited.Infer(context.Background(), nil)
			}
		})
	}
	wg.Wait()
	if p := peak.Load(); p > most || p < 1 {
		t.Errorf("%d at once, at most %d may", p, most)
	}
}

type counting struct {
	shadow.Engine
	now, peak *atomic.Int64
}

func (counting) Model() shadow.Model { return shadow.Model{Provider: "cpu"} }
func (c counting) Infer(context.Context, []shadow.Sample) ([]shadow.Result, error) {
	n := c.now.Add(1)
	for {
		p := c.peak.Load()
		if n <= p || c.peak.CompareAndSwap(p, n) {
			break
		}
	}
	c.now.Add(-1)
	return nil, nil
}
