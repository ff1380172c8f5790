// Package governor keeps gnomon within its budget: the primary's machine comes
// first. It lowers the sampling rate when the shadow lags, when the GPU that it
// shares is busy or when the primary's latency rises, raises it again when all
// is calm, and paces replay to a share of the time.
//
// A lower rate keeps a subset of the same cohort (package sampler), so shares
// taken over it stay estimates of the same quantity, only less exact.
package governor

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Reasons of a change of rate, the values of the reason label.
const (
	Lag     = "shadow_lag"
	Queue   = "queue_full"
	GPU     = "gpu_utilisation"
	Latency = "primary_latency"
	Calm    = "calm"
)

// Reasons lists every reason, for pre-created series.
func Reasons() []string { return []string{Lag, Queue, GPU, Latency, Calm} }

// Rate is what is governed. sampler.Hash is one.
type Rate interface {
	Rate() float64
	SetRate(rate float64) error
}

// Limits is the budget.
type Limits struct {
	MaxLag             time.Duration // age of a record when its replay ends
	MaxGPUUtilisation  float64       // 0..1
	MaxLatencyIncrease float64       // of the primary's p99 over its own baseline; 0.25 is a quarter more
	MinRate            float64       // the rate is never governed below it
	DutyCycle          float64       // share of the time that replay may run, (0, 1]
}

// Signal is what is seen at one step. NaN stands for what is not known.
type Signal struct {
	Lag            time.Duration // 0 where nothing was replayed since the last step
	QueueFill      float64       // share of the queue's bytes in use
	GPUUtilisation float64       // of the busiest device, 0..1
	P99            float64       // of the primary over the recent span, in seconds
	Requests       uint64        // that P99 is of
}

const (
	fewRequests = 100  // below which a p99 says nothing
	fullQueue   = 0.8  // above it captures will soon be dropped
	lowering    = 0.5  // factor of a step down: trouble ends fast
	raising     = 1.25 // factor of a step up: it comes back slowly
	calmSteps   = 3    // before a step up
	adapting    = 0.02 // weight of a calm step in the latency's baseline
	warmUpSteps = 30   // steps that the latency's first baseline is made of
)

// Governor moves one rate. Step is called from one goroutine.
type Governor struct {
	limits Limits
	full   float64 // the configured rate
	rate   Rate
	log    *slog.Logger

	changes *prometheus.CounterVec

	calm     int
	baseline float64 // of the primary's p99; 0: none yet
	learned  int     // steps in the baseline
}

// New returns a Governor that starts at the rate's present value.
func New(limits Limits, rate Rate, reg prometheus.Registerer, log *slog.Logger) *Governor {
	g := &Governor{limits: limits, full: rate.Rate(), rate: rate, log: log}
	g.changes = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gnomon_sampling_rate_changes_total",
		Help: "Changes of the sampling rate by the budget's governor, by reason: shadow_lag, queue_full, gpu_utilisation and primary_latency lower it, calm raises it again."}, []string{"reason"})
	reg.MustRegister(g.changes)
	for _, r := range Reasons() {
		g.changes.WithLabelValues(r)
	}
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "gnomon_sampling_rate_configured_ratio",
		Help: "Sampling rate that is configured; gnomon_sampling_rate_ratio is below it while the budget's governor holds the shadow back."}, func() float64 { return g.full }))
	return g
}

// Step takes one look and moves the rate by at most one step.
func (g *Governor) Step(s Signal) {
	reason, words := g.trouble(s)
	g.learn(s, reason == "")
	if reason == "" {
		g.calm++
		if now := g.rate.Rate(); now < g.full && g.calm >= calmSteps {
			g.set(min(g.full, now*raising), Calm, "all within the budget")
		}
		return
	}
	g.calm = 0
	now := g.rate.Rate()
	if least := min(g.limits.MinRate, g.full); now > least {
		g.set(max(least, now*lowering), reason, words)
		return
	}
	if reason == Latency {
		// The shadow is held back as far as may be and the primary is as slow as
		// before: it is not the shadow.
		g.log.Info("the primary's latency did not fall when the shadow was held back; taking it for its own", "p99_seconds", s.P99, "was", g.baseline)
		g.baseline = s.P99
	}
}

// trouble is the first limit that is passed; "" when none is.
func (g *Governor) trouble(s Signal) (reason, words string) {
	switch {
	case s.QueueFill > fullQueue:
		return Queue, fmt.Sprintf("the queue is %.0f %% full", 100*s.QueueFill)
	case s.Lag > g.limits.MaxLag:
		return Lag, fmt.Sprintf("replay is %v behind, more than %v", s.Lag.Round(time.Millisecond), g.limits.MaxLag)
	case s.GPUUtilisation > g.limits.MaxGPUUtilisation: // false for NaN
		return GPU, fmt.Sprintf("the GPU is %.0f %% busy, more than %.0f %%", 100*s.GPUUtilisation, 100*g.limits.MaxGPUUtilisation)
	case g.learned >= warmUpSteps && s.Requests >= fewRequests && s.P99 > g.baseline*(1+g.limits.MaxLatencyIncrease):
		return Latency, fmt.Sprintf("the primary's p99 is %.1f ms, its own baseline %.1f ms", 1e3*s.P99, 1e3*g.baseline)
	}
	return "", ""
}

// learn moves the latency's baseline, in calm alone: what the shadow causes
// must not become normal.
func (g *Governor) learn(s Signal, calm bool) {
	if !calm || s.Requests < fewRequests || math.IsNaN(s.P99) {
		return
	}
	g.learned = min(g.learned+1, warmUpSteps)
	weight := max(adapting, 1/float64(g.learned))
	if g.learned == warmUpSteps {
		weight = adapting
	}
	g.baseline += weight * (s.P99 - g.baseline)
}

func (g *Governor) set(rate float64, reason, words string) {
	was := g.rate.Rate()
	if err := g.rate.SetRate(rate); err != nil {
		return // cannot be: it lies between two rates
	}
	g.changes.WithLabelValues(reason).Inc()
	g.log.Info("sampling rate changed", "from", was, "to", rate, "reason", reason, "because", words)
	g.calm = 0
}

// Pace waits, after replay was busy for a time, as long as the duty cycle
// asks for: busy * (1-d)/d.
func (g *Governor) Pace(ctx context.Context, busy time.Duration) {
	d := g.limits.DutyCycle
	if d >= 1 || d <= 0 || busy <= 0 {
		return
	}
	t := time.NewTimer(time.Duration(float64(busy) * (1 - d) / d))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
