package cohort

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func epoch() time.Time { return time.Unix(1_800_000_000, 0) }

func TestBinsAndEdges(t *testing.T) {
	for bin := range Delays - 1 {
		e := Edge(bin)
		if want := math.Pow(2, float64(bin)/2); math.Abs(e.Seconds()/want-1) > 1e-9 {
			t.Errorf("edge %d is %v, want %v s", bin, e, want)
		}
		if got := Bin(e - time.Millisecond); got != bin {
			t.Errorf("just below edge %d is in bin %d", bin, got)
		}
		if got := Bin(e + e/100); got != bin+1 {
			t.Errorf("above edge %d is in bin %d", bin, got)
		}
	}
	if Bin(-time.Hour) != 0 || Bin(1e6*time.Hour) != Delays-1 {
		t.Error("ends")
	}
}

// stream predicts once a step and labels each after a delay drawn from a law;
// what has not come by the end is not there.
func stream(c *Cohorts, n int, step time.Duration, delay func() time.Duration) (now time.Time) {
	now = epoch().Add(time.Duration(n) * step)
	for i := range n {
		at := epoch().Add(time.Duration(i) * step)
		c.Predict(at, i%2, at)
		if known := at.Add(delay()); known.Before(now) {
			c.Label(at, known, i%2, known)
		}
	}
	return now
}

// TestMaturityOfExponentialDelays: the age at which 90 % have come is known,
// 2.303 means; half-octave bins round it up.
func TestMaturityOfExponentialDelays(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, mean := range []time.Duration{time.Minute, time.Hour} {
		c := &Cohorts{Span: 90 * 24 * time.Hour}
		now := stream(c, 5000, mean/100, func() time.Duration { return time.Duration(rng.ExpFloat64() * float64(mean)) })
		m := c.Maturity(now, .9)
		want := 2.3026 * float64(mean)
		if !m.Known || !m.Settled || float64(m.Age) < want*.95 || float64(m.Age) > want*1.5 {
			t.Errorf("mean %v: %+v, want an age of %v or half an octave more", mean, m, time.Duration(want))
		}
	}
}

// TestYoungCohortsDoNotBias: of labels that take a day, and a stream of two
// days, a naive law of the delays seen would be right by chance; with half of
// the labels at once and half after a day, most of the second half is missing.
func TestYoungCohortsDoNotBias(t *testing.T) {
	c, i := &Cohorts{Span: 90 * 24 * time.Hour}, 0
	now := stream(c, 2*24*60+600, time.Minute, func() time.Duration {
		i++
		if i%4 < 2 {
			return 10 * time.Second
		}
		return 24 * time.Hour
	})
	m := c.Maturity(now, .6) // the naive share of fast labels is 0.66
	if m.Age < 24*time.Hour {
		t.Errorf("%+v: the missing labels of the young are taken for none", m)
	}
	if m = c.Maturity(now, .45); m.Age > time.Minute {
		t.Errorf("half has come at once: %+v", m)
	}
}

func TestNotSettledWhileTheStreamIsYoung(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	c := &Cohorts{Span: 90 * 24 * time.Hour}
	uniform := func() time.Duration { return time.Duration(rng.Float64() * 60 * 24 * float64(time.Hour)) }
	if m := c.Maturity(stream(c, 20*24, time.Hour, uniform), .9); !m.Known || m.Settled {
		t.Errorf("20 days of labels that take up to 60: %+v", m)
	}
	c = &Cohorts{Span: 180 * 24 * time.Hour}
	if m := c.Maturity(stream(c, 150*24, time.Hour, uniform), .9); !m.Settled || m.Age < 50*24*time.Hour {
		t.Errorf("150 days: %+v", m)
	}
}

// TestSlotsAreBounded: a year of seconds takes some hundred slots, and every
// prediction is in one of them.
func TestSlotsAreBounded(t *testing.T) {
	c := &Cohorts{Span: 400 * 24 * time.Hour}
	const n = 30_000
	step := 365 * 24 * time.Hour / n
	for i := range n {
		at := epoch().Add(time.Duration(i) * step)
		c.Predict(at, 0, at)
	}
	var sum uint64
	for i := range c.Slots {
		sum += c.Slots[i].N
		if i > 0 && c.Slots[i].Start.Before(c.Slots[i-1].End) {
			t.Fatalf("slot %d overlaps", i)
		}
	}
	if len(c.Slots) > 400 || sum != n {
		t.Errorf("%d slots with %d of %d predictions", len(c.Slots), sum, n)
	}
	c.Predict(epoch().Add(time.Hour), 0, epoch()) // a late comer
	c.Predict(epoch().Add(500*24*time.Hour), 0, epoch())
	if c.Slots[0].Start.Before(epoch().Add(40 * 24 * time.Hour)) {
		t.Errorf("the oldest slot begins at %v", c.Slots[0].Start)
	}
}

// TestClock: recorded traffic is as old as it is beside its own newest record.
func TestClock(t *testing.T) {
	c := &Cohorts{Span: 24 * time.Hour}
	live := epoch()
	c.Predict(live.Add(-time.Second), 0, live)
	if got := c.Clock(live.Add(time.Minute)); !got.Equal(live.Add(time.Minute)) {
		t.Errorf("live: %v", got)
	}
	c = &Cohorts{Span: 24 * time.Hour}
	old := live.Add(-20 * 365 * 24 * time.Hour)
	c.Predict(old, 0, live)
	if got := c.Clock(live.Add(time.Minute)); !got.Equal(old.Add(time.Minute)) {
		t.Errorf("recorded: %v", got)
	}
}

func TestCoverageAndShares(t *testing.T) {
	c := &Cohorts{Span: 24 * time.Hour}
	now := epoch()
	for i := range 100 {
		c.Predict(now.Add(-2*time.Hour), i%4, now)
		if i%2 == 0 {
			c.Label(now.Add(-2*time.Hour), now.Add(-time.Hour), 1, now)
		}
	}
	c.Predict(now.Add(-time.Minute), 0, now)
	c.Correct(now.Add(-2*time.Hour), 1, 2)
	ages := c.Coverage(now, []time.Duration{time.Hour})
	if ages[0].N != 1 || ages[1].N != 100 || ages[1].Labelled != 50 {
		t.Errorf("%+v", ages)
	}
	predicted, actual, n, labelled := c.Shares(now, time.Hour)
	if n != 100 || labelled != 50 || predicted[3] != 25 || actual[1] != 49 || actual[2] != 1 {
		t.Errorf("%v %v %d %d", predicted, actual, n, labelled)
	}
}
