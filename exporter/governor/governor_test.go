package governor

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/sampler"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

type bench struct {
	g    *Governor
	rate *sampler.Hash
	reg  *prometheus.Registry
	log  bytes.Buffer
}

func newBench(t *testing.T, rate float64) *bench {
	t.Helper()
	b := &bench{reg: prometheus.NewPedanticRegistry()}
	var err error
	if b.rate, err = sampler.New(rate, ""); err != nil {
		t.Fatal(err)
	}
	b.g = New(Limits{MaxLag: 10 * time.Second, MaxGPUUtilisation: .9, MaxLatencyIncrease: .25, MinRate: .01, DutyCycle: 1}, b.rate, b.reg, slog.New(slog.NewTextHandler(&b.log, nil)))
	return b
}

func quiet() Signal { return Signal{GPUUtilisation: math.NaN(), P99: .010, Requests: 1000} }

func (b *bench) steps(n int, s Signal) {
	for range n {
		b.g.Step(s)
	}
}

func TestEveryLimitLowersTheRate(t *testing.T) {
	slow, lagging, busy, full := quiet(), quiet(), quiet(), quiet()
	slow.P99, lagging.Lag, busy.GPUUtilisation, full.QueueFill = .013, 11*time.Second, .95, .9
	for reason, s := range map[string]Signal{Latency: slow, Lag: lagging, GPU: busy, Queue: full} {
		b := newBench(t, .8)
		b.steps(warmUpSteps, quiet())
		b.g.Step(s)
		if got := b.rate.Rate(); got != .4 {
			t.Errorf("%s: rate %v, want 0.4", reason, got)
		}
		if n := testutil.ToFloat64(b.g.changes.WithLabelValues(reason)); n != 1 {
			t.Errorf("%s: counted %v times", reason, n)
		}
		if !strings.Contains(b.log.String(), "reason="+reason) {
			t.Errorf("%s is not logged: %s", reason, b.log.String())
		}
	}
}

func TestRateComesBackSlowlyAndNotBeyondTheConfiguration(t *testing.T) {
	b := newBench(t, .8)
	lagging := quiet()
	lagging.Lag = time.Minute
	b.steps(20, lagging)
	if got := b.rate.Rate(); got != .01 {
		t.Fatalf("rate %v, want the least, 0.01", got)
	}
	b.steps(calmSteps-1, quiet())
	if got := b.rate.Rate(); got != .01 {
		t.Errorf("raised after %d calm steps: %v", calmSteps-1, got)
	}
	b.steps(200, quiet())
	if got := b.rate.Rate(); got != .8 {
		t.Errorf("rate %v, want the configured 0.8", got)
	}
}

// TestLatencyThatIsNotTheShadows: holding the shadow back does not help, so
// the primary is slower by itself and the shadow comes back.
func TestLatencyThatIsNotTheShadows(t *testing.T) {
	b := newBench(t, 1)
	b.steps(warmUpSteps, quiet())
	slow := quiet()
	slow.P99 = .050
	b.steps(8, slow) // down to the least, and one more look
	b.steps(200, slow)
	if got := b.rate.Rate(); got != 1 {
		t.Errorf("rate %v, want 1: the latency is the primary's own\n%s", got, b.log.String())
	}
	if !strings.Contains(b.log.String(), "taking it for its own") {
		t.Error("not said")
	}
}

// TestUnknownIsNoTrouble: no GPU, few requests, no latency yet.
func TestUnknownIsNoTrouble(t *testing.T) {
	b := newBench(t, 1)
	b.steps(100, Signal{GPUUtilisation: math.NaN(), P99: math.NaN()})
	few := quiet()
	few.P99, few.Requests = 5, fewRequests-1
	b.steps(100, few)
	if got := b.rate.Rate(); got != 1 {
		t.Errorf("rate %v", got)
	}
}

func TestPace(t *testing.T) {
	b := newBench(t, 1)
	b.g.limits.DutyCycle = .25
	began := time.Now()
	b.g.Pace(context.Background(), 10*time.Millisecond)
	if waited := time.Since(began); waited < 30*time.Millisecond {
		t.Errorf("waited %v after 10 ms of work at a quarter of the time, want at least 30 ms", waited)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b.g.Pace(ctx, time.Hour) // must return
}
