// Package evaluate draws conclusions on its own tick, never in the request
// path: it asks every model's monitors for their results, publishes them as one
// immutable snapshot and measures what that took.
package evaluate

import (
	"context"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/result"
	"github.com/prometheus/client_golang/prometheus"
)

// Models is what is evaluated. watch.Set is one.
type Models interface {
	Evaluate(now time.Time, requests func(model string) result.Requests) ([]result.Model, []result.Event)
	Tick()
}

// Settings is what an Evaluator is made of.
type Settings struct {
	Models   Models
	Requests func(model string) result.Requests
	Tap      func() result.Tap
	Publish  func(*result.Snapshot, []result.Event)
	Build    result.Build

	Interval   time.Duration // between evaluations
	Tick       time.Duration // of the sequential detectors
	Now        func() time.Time
	Registerer prometheus.Registerer
}

// Evaluator runs the evaluations.
type Evaluator struct {
	s        Settings
	duration prometheus.Histogram
	wake     chan struct{}
}

// New returns an Evaluator.
func New(s Settings) *Evaluator {
	e := &Evaluator{s: s, wake: make(chan struct{}, 1), duration: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gnomon_evaluation_duration_seconds", Help: "What one evaluation of all models takes.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}, NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160,
	})}
	s.Registerer.MustRegister(e.duration)
	return e
}

// Run evaluates until ctx ends.
func (e *Evaluator) Run(ctx context.Context) error {
	evaluation, tick := time.NewTicker(e.s.Interval), time.NewTicker(e.s.Tick)
	defer evaluation.Stop()
	defer tick.Stop()
	e.Evaluate()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			e.s.Models.Tick()
		case <-evaluation.C:
			e.Evaluate()
		case <-e.wake:
			e.Evaluate()
		}
	}
}

// Wake asks for an evaluation before its time: something came into place.
// It does not block.
func (e *Evaluator) Wake() {
	select {
	case e.wake <- struct{}{}:
	default: // one is asked for already
	}
}

// Evaluate draws conclusions once.
func (e *Evaluator) Evaluate() {
	start := time.Now() // what it takes is measured on the monotonic clock
	now := e.s.Now()
	models, events := e.s.Models.Evaluate(now, e.s.Requests)
	e.s.Publish(&result.Snapshot{Time: now, Build: e.s.Build, Models: models, Tap: e.s.Tap()}, events)
	e.duration.Observe(time.Since(start).Seconds())
}
