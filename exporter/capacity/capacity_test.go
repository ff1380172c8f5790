package capacity

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestLittle: 40 requests a second of 0.1 s on 8 slots: 4 at once, half of it
// used; at 0.7 that is well, the room is 1 - 4/5.6.
func TestLittle(t *testing.T) {
	now := time.Unix(1e9, 0)
	var requests, seconds float64
	reg := prometheus.NewPedanticRegistry()
	e := New(Settings{Totals: func() (float64, float64) { return requests, seconds }, Slots: 8, Target: .7, Window: time.Hour, Now: func() time.Time { return now }, Registerer: reg})
	if _, ok := e.Last(); ok {
		t.Error("an estimate without traffic")
	}
	for range 30 {
		now, requests, seconds = now.Add(10*time.Second), requests+400, seconds+40
		e.Tick()
	}
	got, ok := e.Last()
	if !ok || math.Abs(got.Concurrency-4) > 1e-9 || math.Abs(got.Utilization-.5) > 1e-9 || math.Abs(got.Waiting) > 1e-9 || math.Abs(got.Headroom-(1-4/5.6)) > 1e-9 {
		t.Errorf("%+v", got)
	}
	// The same rate takes 0.3 s now: two thirds of them wait.
	now, requests, seconds = now.Add(10*time.Second), requests+400, seconds+120
	e.Tick()
	if got, _ := e.Last(); math.Abs(got.Concurrency-12) > 1e-9 || math.Abs(got.Waiting-8) > 1e-9 || math.Abs(got.Utilization-.5) > 1e-9 {
		t.Errorf("with waiting: %+v", got)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}

// TestAgainstAQueue simulates an M/M/4 queue: what is estimated of it from
// rate and duration is what was so in it.
func TestAgainstAQueue(t *testing.T) {
	const slots, service = 4, .1
	for _, load := range []float64{.3, .6, .9} {
		var requests, seconds float64
		now := time.Unix(1e9, 0)
		e := New(Settings{Totals: func() (float64, float64) { return requests, seconds }, Slots: slots, Target: 1, Window: 24 * time.Hour, Now: func() time.Time { return now }, Registerer: prometheus.NewRegistry()})
		// Night: hardly any traffic, which says what a request takes alone.
		run := func(rate float64, intervals int) (utilization, concurrency float64) {
			q := &queue{r: rand.New(rand.NewPCG(uint64(load*10), 7)), slots: slots, service: service}
			for range intervals {
				n, s, busy := q.run(rate, 60)
				requests, seconds, now = requests+float64(n), seconds+s, now.Add(time.Minute)
				e.Tick()
				got, _ := e.Last()
				utilization += got.Utilization / float64(intervals)
				concurrency += busy / 60 / slots / float64(intervals)
			}
			return utilization, concurrency
		}
		run(.05*slots/service, 100)
		got, want := run(load*slots/service, 100)
		if math.Abs(got-want) > .12*want {
			t.Errorf("load %v: utilisation %v, really %v", load, got, want)
		}
	}
}

// queue is a first-come first-served queue with exponential times.
type queue struct {
	r       *rand.Rand
	slots   int
	service float64
	free    times // when each slot is free
	at      float64
}

type times []float64

func (t times) Len() int           { return len(t) }
func (t times) Less(i, j int) bool { return t[i] < t[j] }
func (t times) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *times) Push(x any)        { *t = append(*t, x.(float64)) }
func (t *times) Pop() any          { old := *t; x := old[len(old)-1]; *t = old[:len(old)-1]; return x }

func (q *queue) run(rate, length float64) (n int, seconds, busy float64) {
	for q.free.Len() < q.slots {
		heap.Push(&q.free, 0.)
	}
	for end := q.at + length; ; {
		q.at += q.r.ExpFloat64() / rate
		if q.at > end {
			q.at = end
			return n, seconds, busy
		}
		start := max(q.at, heap.Pop(&q.free).(float64))
		took := q.r.ExpFloat64() * q.service
		heap.Push(&q.free, start+took)
		n++
		seconds += start + took - q.at
		busy += took
	}
}
