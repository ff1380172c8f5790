package sequential

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"sort"
	"testing"
)

// world is a model of some features whose reference is n normal values.
type world struct {
	edges [][]float64
	tens  [][]float64
	group *Group
}

func newWorld(t testing.TB, features, n int, arl float64, draw func() float64) *world {
	t.Helper()
	w := &world{}
	var list []Feature
	for f := range features {
		ref := make([]float64, n)
		for i := range ref {
			ref[i] = draw()
		}
		slices.Sort(ref)
		edges, err := Edges(ref, 64)
		if err != nil {
			t.Fatal(err)
		}
		tens := make([]float64, 9)
		for k := range tens {
			tens[k] = ref[(k+1)*n/10]
		}
		feature := Feature{Name: fmt.Sprint("f", f), Ranks: make([]float64, len(edges)+2), Groups: make([]float64, 10), Tau: 1, TauBins: 1}
		for _, v := range ref {
			feature.Ranks[1+sort.SearchFloat64s(edges, v)]++
			feature.Groups[sort.SearchFloat64s(tens, v)]++
		}
		w.edges, w.tens = append(w.edges, edges), append(w.tens, tens)
		list = append(list, feature)
	}
	g, err := NewGroup(list, arl, 1)
	if err != nil {
		t.Fatal(err)
	}
	w.group = g
	return w
}

func (w *world) observe(f int, v float64) {
	w.group.Observe(f, 1+sort.SearchFloat64s(w.edges[f], v), sort.SearchFloat64s(w.tens[f], v))
}

// TestStatedRate is the bar of continuous integration: normal values, n =
// 5,000, a stated run length of 500 ticks of 20 records; the mean over 60 runs
// must not be below 0.96 of it. GNOMON_FULL=1 runs 300.
func TestStatedRate(t *testing.T) {
	const stated, tick = 500, 20
	runs := 60
	if os.Getenv("GNOMON_FULL") == "1" {
		runs = 300
	}
	var sum float64
	for run := range runs {
		rng := rand.New(rand.NewPCG(uint64(run), 17))
		w := newWorld(t, 1, 5000, stated, rng.NormFloat64)
		// The sequence of ties must differ between runs, as features do.
		w.group.members[0].detector.theta = splitMix64{uint64(run) * 7919}
		ticks := 0
		for alarmed := false; !alarmed && ticks < 20*stated; ticks++ {
			w.group.Tick()
			for range tick {
				w.observe(0, rng.NormFloat64())
				if w.group.Check() != nil {
					alarmed = true
					break
				}
			}
		}
		sum += float64(ticks)
	}
	got := sum / float64(runs)
	t.Logf("mean run length %.0f ticks over %d runs, stated %d", got, runs, stated)
	if got < 480 || got > 1150 {
		t.Errorf("mean run length %.0f ticks, want 480 to 1,150", got)
	}
}

// TestDelays compares the records from the change to the alarm with the table
// of measured delays (n = 5,000, c = 43,200, a tick of 100 records).
func TestDelays(t *testing.T) {
	for _, c := range []struct {
		name  string
		alter func(float64) float64
		most  float64 // median
	}{
		{"+0.5 sigma", func(x float64) float64 { return x + .5 }, 140},
		{"+1 sigma", func(x float64) float64 { return x + 1 }, 40},
		{"scale 1.5", func(x float64) float64 { return x * 1.5 }, 120},
		{"+0.25 sigma", func(x float64) float64 { return x + .25 }, 560},
	} {
		var delays []float64
		for run := range 15 {
			rng := rand.New(rand.NewPCG(uint64(run), 23))
			w := newWorld(t, 1, 5000, 43_200, rng.NormFloat64)
			for i := range 1000 {
				if i%100 == 0 {
					w.group.Tick()
				}
				w.observe(0, rng.NormFloat64())
			}
			delay := math.Inf(1)
			for i := range 20_000 {
				if i%100 == 0 {
					w.group.Tick()
				}
				w.observe(0, c.alter(rng.NormFloat64()))
				if w.group.Check() != nil {
					delay = float64(i + 1)
					break
				}
			}
			delays = append(delays, delay)
		}
		slices.Sort(delays)
		median := delays[len(delays)/2]
		t.Logf("%s: median %.0f records", c.name, median)
		if median > c.most {
			t.Errorf("%s: median delay %.0f records, want at most %.0f", c.name, median, c.most)
		}
	}
}

// TestEpisode: a large shift alarms, is found major, and ends when it ends;
// the other features stay quiet.
func TestEpisode(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	w := newWorld(t, 4, 5000, 43_200, rng.NormFloat64)
	shift := 0.0
	run := func(rows int) {
		for i := range rows {
			if i%100 == 0 {
				w.group.Tick()
			}
			for f := range 4 {
				v := rng.NormFloat64()
				if f == 2 {
					v += shift
				}
				w.observe(f, v)
			}
			w.group.Check()
		}
	}
	run(2000)
	shift = .5
	run(1500)
	if s := w.group.Status(2); s.State != Major || s.Alarms != 1 {
		t.Errorf("after a shift of 0.5 sigma: %+v", s)
	}
	shift = 0
	run(3000)
	if s := w.group.Status(2); s.State != Quiet {
		t.Errorf("after its end: %+v", s)
	}
	for _, f := range []int{0, 1, 3} {
		if s := w.group.Status(f); s.Alarms != 0 {
			t.Errorf("feature %d: %+v", f, s)
		}
	}
}

func TestBadReferences(t *testing.T) {
	bets := NewBets(1)
	if _, err := New([]float64{1}, 1, bets); err == nil {
		t.Error("one bin was accepted")
	}
	if _, err := New([]float64{1, math.NaN()}, 1, bets); err == nil {
		t.Error("NaN was accepted")
	}
	if _, err := Edges(nil, 64); err == nil {
		t.Error("no values were accepted")
	}
	if _, err := NewRate(3, 2, 1, 1); err == nil {
		t.Error("more events than observations were accepted")
	}
	if _, err := NewDisagreement(0); err == nil {
		t.Error("a floor of 0 was accepted")
	}
	if _, err := NewGroup(nil, 10, 1); err == nil {
		t.Error("no features were accepted")
	}
}
