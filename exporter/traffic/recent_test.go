package traffic

import (
	"math"
	"testing"
	"time"
)

func TestRecentRateAndQuantiles(t *testing.T) {
	start := time.Unix(1000, 0)
	r := newRecent(30 * time.Second)
	now := start
	for i := range 3000 { // 100 a second for 30 s, latency 1..100 ms
		now = start.Add(time.Duration(i) * 10 * time.Millisecond)
		r.add(now, float64(i%100+1)/1000, i%10 == 0)
	}
	got := r.stats(start.Add(30*time.Second), start)
	if got.Requests != 3000 || got.Bad != 300 || math.Abs(got.PerSecond-100) > 1e-9 {
		t.Errorf("stats = %+v", got)
	}
	for _, c := range []struct{ got, want float64 }{{got.P50, .050}, {got.P95, .095}, {got.P99, .099}} {
		if math.Abs(c.got-c.want)/c.want > .07 {
			t.Errorf("quantile %v, want %v within 7 %%", c.got, c.want)
		}
	}
	if got := r.stats(start.Add(70*time.Second), start); got.Requests != 0 || !math.IsNaN(got.P50) {
		t.Errorf("after a quiet minute: %+v", got)
	}
}

func TestBucketExtremes(t *testing.T) {
	for _, v := range []float64{0, -1, math.NaN(), math.Inf(1), 1e9, 1e-12} {
		if b := bucket(v); b < 0 || b >= buckets {
			t.Errorf("bucket(%v) = %d", v, b)
		}
	}
}
