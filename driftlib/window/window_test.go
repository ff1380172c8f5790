package window

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

func ExampleTumbling() {
	w := NewTumbling(2)
	for i := range 5 {
		w.Observe(float32(i), 0)
	}
	c, block := w.Copy(nil, 1)
	fmt.Println(c.Values, block)
	// Output: [2 3] 2
}

func ExampleTimed() {
	w := NewTimed(time.Minute, 100)
	noon := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	for i := range 4 {
		w.Observe(noon.Add(time.Duration(i)*30*time.Second), float32(i), 0)
	}
	c, _ := w.Copy(nil, 1, noon.Add(90*time.Second))
	fmt.Println(c.Values)
	// Output: [2 3]
}

func ExampleDecayed() {
	w := NewDecayed(time.Minute, 2)
	noon := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	w.Observe(noon, 0)
	w.Observe(noon.Add(time.Minute), 1)
	fmt.Println(w.Copy(noon.Add(2 * time.Minute)).Counts)
	// Output: [0.25 0.5]
}

func ExampleView() {
	w := NewSliding(4)
	v := NewView(w, 1)
	for _, x := range []float32{3, 1, 2, 9, 5} {
		w.Observe(x, 0)
		v.Update()
	}
	fmt.Println(v.Update().Values)
	// Output: [1 2 5 9]
}

func TestResetAndLaps(t *testing.T) {
	w := NewSliding(3)
	for i := range 200_001 { // more laps than a mark can tell apart
		w.Observe(float32(i), i%2)
	}
	if c := w.Copy(nil, 2); c.N != 3 || !slices.Equal(c.Values, []float32{199_998, 199_999, 200_000}) {
		t.Errorf("%+v", c)
	}
	w.Reset()
	if c := w.Copy(nil, 2); c.N != 0 || len(c.Values) != 0 {
		t.Errorf("after Reset: %+v", c)
	}
	w.Observe(7, 1)
	if c := w.Copy(nil, 2); c.N != 1 || c.Values[0] != 7 || c.Counts[1] != 1 {
		t.Errorf("after Reset and a value: %+v", c)
	}
}

func TestNonFiniteCountByBinAlone(t *testing.T) {
	w := NewSliding(10)
	v := NewView(w, 4)
	v.Update()
	w.Observe(float32(math.NaN()), 3)
	w.Observe(float32(math.Inf(1)), 2)
	w.Observe(1, 0)
	for _, c := range []Copy{w.Copy(nil, 4), v.Update()} {
		if len(c.Values) != 1 || c.Counts[3] != 1 || c.Counts[2] != 1 || c.N != 3 {
			t.Errorf("%+v", c)
		}
	}
}

// TestViewIsTheSortedCopy: after any number of values, resets and special ones,
// the view holds what a copy that is sorted from scratch holds.
func TestViewIsTheSortedCopy(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	special := []float32{float32(math.NaN()), float32(math.Inf(1)), 0, float32(math.Copysign(0, -1)), math.MaxFloat32, 1e-45}
	for _, size := range []int{1, 7, 100, 1000} {
		w := NewSliding(size)
		v := NewView(w, 5)
		for range 300 {
			for range rng.IntN(1 + size/(1+rng.IntN(20))) {
				x := float32(rng.IntN(50))
				if rng.IntN(10) == 0 {
					x = special[rng.IntN(len(special))]
				}
				w.Observe(x, rng.IntN(6)) // bin 5 is none of ours
			}
			if rng.IntN(60) == 0 {
				w.Reset()
			}
			want, got := w.Copy(nil, 5), v.Update()
			slices.Sort(want.Values)
			if !slices.Equal(want.Values, got.Values) || !slices.Equal(want.Counts, got.Counts) || want.N != got.N {
				t.Fatalf("size %d: view %+v, copy %+v", size, got, want)
			}
		}
	}
}

// TestConcurrent: many goroutines observe while others copy. No copy holds a
// value that was never observed, none more than the window's size, and bins and
// values belong together.
func TestConcurrent(t *testing.T) {
	const size, writers, each = 1000, 4, 5_000
	w, tumbling, timed := NewSliding(size), NewTumbling(size), NewTimed(time.Hour, size)
	v := NewView(w, writers)
	now := time.Now()
	var wg sync.WaitGroup
	for k := range writers {
		wg.Go(func() {
			for i := range each {
				x := float32(k*each + i)
				w.Observe(x, k)
				tumbling.Observe(x, k)
				timed.Observe(now, x, k)
			}
		})
	}
	check := func(c Copy) {
		t.Helper()
		sum := 0.0
		for _, n := range c.Counts {
			sum += n
		}
		if int(sum) != c.N || len(c.Values) != c.N || c.N > size {
			t.Fatalf("torn copy: %d values, %d in all, counts %v", len(c.Values), c.N, c.Counts)
		}
		of := make([]float64, writers)
		for _, x := range c.Values {
			of[int(x)/each]++
		}
		if !slices.Equal(of, c.Counts) {
			t.Fatalf("values of %v, counts %v", of, c.Counts)
		}
	}
	for range 100 {
		check(w.Copy(nil, writers))
		check(v.Update())
		c, _ := tumbling.Copy(nil, writers)
		check(c)
		c, _ = timed.Copy(nil, writers, now)
		check(c)
	}
	wg.Wait()
	if c := w.Copy(nil, writers); c.N != size {
		t.Errorf("%d values in the end", c.N)
	}
	c, block := tumbling.Copy(nil, writers)
	if c.N != size || block != writers*each/size {
		t.Errorf("%d values in block %d", c.N, block)
	}
}

// TestObserveDoesNotWait: a copy that takes its time does not hold up a single
// observation, for there is nothing to wait for.
func TestObserveDoesNotWait(t *testing.T) {
	w := NewSliding(1 << 20)
	for i := range 1 << 20 {
		w.Observe(float32(i), 0)
	}
	var during atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				w.Observe(1, 0)
				during.Add(1)
			}
		}
	})
	for during.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	c := w.Copy(nil, 1)
	close(stop)
	wg.Wait()
	if c.N == 0 || c.N > w.Cap() {
		t.Errorf("%d values", c.N)
	}
}

func TestTumbling(t *testing.T) {
	w := NewTumbling(3)
	if c, block := w.Copy(nil, 1); block != 0 || c.N != 0 {
		t.Errorf("empty: %+v, block %d", c, block)
	}
	for i := range 100 {
		w.Observe(float32(i), 0)
		c, block := w.Copy(nil, 1)
		if want := uint64(i+1) / 3; block != want || (block > 0 && (c.N != 3 || c.Values[0] != float32(3*(want-1)))) {
			t.Fatalf("after %d values: block %d, %v", i+1, block, c.Values)
		}
	}
}

func TestTimed(t *testing.T) {
	start := time.Unix(7200, 0)
	w := NewTimed(time.Minute, 90)
	for i := range 300 { // a value a second
		w.Observe(start.Add(time.Duration(i)*time.Second), float32(i), 0)
	}
	now := start.Add(299 * time.Second)
	c, truncated := w.Copy(nil, 1, now)
	if c.N != 60 || slices.Min(c.Values) != 240 || truncated {
		t.Errorf("the last minute: %d values from %v on, truncated %v", c.N, slices.Min(c.Values), truncated)
	}
	c, from, truncated := w.Tumbling(nil, 1, now.Add(2*time.Second)) // 12:05:01: the fifth minute, 240 to 299
	if c.N != 60 || slices.Min(c.Values) != 240 || truncated || !from.Equal(start.Add(240*time.Second)) {
		t.Errorf("the last full minute: %d values from %v on, beginning %v, truncated %v", c.N, slices.Min(c.Values), from, truncated)
	}
	if c, truncated := w.Between(nil, 1, start, now); !truncated || c.N != 89 {
		t.Errorf("all five minutes: %d values, truncated %v; want the 89 that are held, truncated", c.N, truncated)
	}
	w.Observe(start.Add(250*time.Second), -1, 0) // late, yet inside
	if c, _ := w.Copy(nil, 1, now); c.N != 61 || !slices.Contains(c.Values, -1) {
		t.Errorf("a late value: %d", c.N)
	}
	if c, _, _ := w.Tumbling(nil, 1, time.Unix(-5, 0)); c.N != 0 {
		t.Errorf("before 1970: %d values", c.N)
	}
}

func TestDecayed(t *testing.T) {
	start := time.Unix(0, 0)
	w := NewDecayed(10*time.Second, 3)
	if f := w.Copy(start); f.N != 0 || f.Counts[0] != 0 {
		t.Errorf("empty: %+v", f)
	}
	const rate = 50 // a second, for an hour: many rescalings
	for i := range 3600 * rate {
		w.Observe(start.Add(time.Duration(i)*time.Second/rate), i%2)
	}
	end := start.Add(3600 * time.Second)
	f := w.Copy(end)
	want := rate * 10 / math.Ln2
	if math.Abs(f.Counts[0]+f.Counts[1]-want) > .01*want || math.Abs(f.N-2*want) > .01*want || f.Counts[2] != 0 || f.Observed != 3600*rate {
		t.Errorf("%+v; want %v in all and %v effective", f, want, 2*want)
	}
	later := w.Copy(end.Add(20 * time.Second))
	if math.Abs(later.Counts[0]/f.Counts[0]-.25) > 1e-12 || later.N != f.N {
		t.Errorf("two half-lives later: %+v", later)
	}
	w.Observe(end, 3)
	w.Observe(end, -1)
	w.Observe(start.Add(-time.Hour), 0) // before the first
	if g := w.Copy(end); g.Observed != f.Observed+1 || math.IsNaN(g.Counts[0]) {
		t.Errorf("%+v", g)
	}
}

// TestBytes: the stated bytes are the memory of the values, and observing takes
// no more.
func TestBytes(t *testing.T) {
	const n = 10_000
	s, b, d := NewSliding(n), NewTumbling(n), NewTimed(time.Hour, n)
	slot := int(unsafe.Sizeof(s.slots[0]))
	for name, c := range map[string][2]int{
		"sliding":  {s.Bytes(), slot * len(s.slots)},
		"tumbling": {b.Bytes(), slot * len(b.slots)},
		"timed":    {d.Bytes(), slot*len(d.slots) + int(unsafe.Sizeof(d.times[0]))*len(d.times)},
	} {
		if c[0] != c[1] {
			t.Errorf("%s says %d bytes, holds %d", name, c[0], c[1])
		}
	}
	if s.Bytes() != 80_000 || b.Bytes() != 160_000 || d.Bytes() != 160_000 {
		t.Errorf("%d, %d, %d bytes", s.Bytes(), b.Bytes(), d.Bytes())
	}
	decayed := NewDecayed(time.Hour, 15)
	at := time.Unix(0, 0)
	if got := testing.AllocsPerRun(30_000, func() {
		s.Observe(1, 2)
		b.Observe(1, 2)
		d.Observe(at, 1, 2)
		decayed.Observe(at, 3)
	}); got != 0 {
		t.Errorf("%v allocations a value", got)
	}
	if decayed.Bytes() != 120 {
		t.Errorf("decayed: %d bytes", decayed.Bytes())
	}
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

// BenchmarkEvaluate: a window of 10,000 made ready for KS, 100 values since the
// last time, sorted anew or kept sorted.
func BenchmarkEvaluate(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 2))
	w := NewSliding(10_000)
	fill := func(n int) {
		for range n {
			w.Observe(float32(rng.NormFloat64()), 0)
		}
	}
	fill(10_000)
	b.Run("anew", func(b *testing.B) {
		var c Copy
		for b.Loop() {
			fill(100)
			c = w.Copy(c.Values, 15)
			slices.Sort(c.Values)
		}
	})
	b.Run("view", func(b *testing.B) {
		v := NewView(w, 15)
		for b.Loop() {
			fill(100)
			v.Update()
		}
	})
}
