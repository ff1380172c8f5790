package window

import (
	"math"
	"slices"
	"sync"
	"testing"
)

func TestHoldsTheLast(t *testing.T) {
	w := NewSliding(3)
	for i := range 5 {
		w.Observe(float32(i), i%2)
	}
	c := w.Copy(nil, 2)
	slices.Sort(c.Values)
	if !slices.Equal(c.Values, []float32{2, 3, 4}) || c.N != 3 || c.Counts[0] != 2 || c.Counts[1] != 1 {
		t.Errorf("%+v", c)
	}
	w.Reset()
	if c := w.Copy(nil, 2); c.N != 0 || len(c.Values) != 0 {
		t.Errorf("after Reset: %+v", c)
	}
}

func TestNonFiniteCountByBinAlone(t *testing.T) {
	w := NewSliding(10)
	w.Observe(float32(math.NaN()), 3)
	w.Observe(float32(math.Inf(1)), 2)
	w.Observe(1, 0)
	c := w.Copy(nil, 4)
	if len(c.Values) != 1 || c.Counts[3] != 1 || c.Counts[2] != 1 || c.N != 3 {
		t.Errorf("%+v", c)
	}
}

func TestConcurrent(t *testing.T) {
	w := NewSliding(1000)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 20_000 {
			w.Observe(float32(i), i%4)
		}
	})
	for range 50 {
		c := w.Copy(nil, 4)
		sum := 0.0
		for _, n := range c.Counts {
			sum += n
		}
		if int(sum) != c.N || len(c.Values) != c.N {
			t.Fatalf("torn copy: %d values, counts %v", c.N, c.Counts)
		}
	}
	wg.Wait()
}

func BenchmarkObserve(b *testing.B) {
	w := NewSliding(10_000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		w.Observe(float32(i), i&15)
		i++
	}
}
