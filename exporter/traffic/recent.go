package traffic

import (
	"math"
	"sync"
	"time"
)

// recent holds the requests of the last span in slots of a thirtieth of it,
// each with a histogram of logarithmic buckets: rates and quantiles for the
// page, in fixed memory. Quantiles are exact to the bucket's width, 7 %.
type recent struct {
	slot time.Duration

	mu    sync.Mutex
	slots [slots]slot
}

const (
	slots      = 31 // 30 full ones and the one being filled
	buckets    = 256
	growth     = 1.07
	firstBound = 20e-6 // seconds; the last bucket's is firstBound * growth^255, some 10 minutes
)

type slot struct {
	number int64 // slot time since the epoch; another number: stale
	bad    uint64
	total  uint64
	counts [buckets]uint32
}

func newRecent(span time.Duration) *recent {
	return &recent{slot: max(span/(slots-1), time.Millisecond)}
}

func (r *recent) add(now time.Time, seconds float64, bad bool) {
	n := now.UnixNano() / int64(r.slot)
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.slots[n%slots]
	if s.number != n {
		*s = slot{number: n}
	}
	s.total++
	if bad {
		s.bad++
	}
	s.counts[bucket(seconds)]++
}

func bucket(seconds float64) int {
	if !(seconds > firstBound) {
		return 0
	}
	// The minimum is taken before the conversion: an infinity has no int.
	return int(min(math.Log(seconds/firstBound)/math.Log(growth)+1, buckets-1))
}

// Recent is the traffic of the last span.
type Recent struct {
	PerSecond     float64
	Requests      uint64
	Bad           uint64 // model_error and infra_error
	P50, P95, P99 float64
}

// stats sums the full slots; a span that has only begun counts as what has
// passed of it.
func (r *recent) stats(now, start time.Time) Recent {
	n := now.UnixNano() / int64(r.slot)
	var out Recent
	var sum [buckets]uint64
	r.mu.Lock()
	for i := range r.slots {
		s := &r.slots[i]
		if s.number >= n || s.number < n-(slots-1) {
			continue
		}
		out.Requests += s.total
		out.Bad += s.bad
		for b, c := range s.counts {
			sum[b] += uint64(c)
		}
	}
	r.mu.Unlock()
	span := min(r.slot*(slots-1), max(now.Sub(start), r.slot))
	out.PerSecond = float64(out.Requests) / span.Seconds()
	out.P50, out.P95, out.P99 = quantile(&sum, out.Requests, .5), quantile(&sum, out.Requests, .95), quantile(&sum, out.Requests, .99)
	return out
}

func quantile(sum *[buckets]uint64, total uint64, q float64) float64 {
	if total == 0 {
		return math.NaN()
	}
	rank := uint64(math.Ceil(q * float64(total)))
	var seen uint64
	for b, c := range sum {
		seen += c
		if seen >= rank {
			return firstBound * math.Pow(growth, float64(b)-.5)
		}
	}
	return math.NaN()
}
