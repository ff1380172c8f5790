package app

import (
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/governor"
	"github.com/gnomon-dev/gnomon/exporter/sampler"
	"github.com/prometheus/client_golang/prometheus"
)

func newGovernor(c config.Budget, cohort *sampler.Hash, registry *prometheus.Registry, log *slog.Logger) *governor.Governor {
	return governor.New(governor.Limits{MaxLag: time.Duration(c.MaxLag), MaxGPUUtilisation: c.MaxGPUUtilisation, MaxLatencyIncrease: c.MaxLatencyIncrease,
		MinRate: c.MinRate, DutyCycle: c.DutyCycle}, cohort, registry, log)
}

// govern steps the governor until ctx ends.
func (a *App) govern(ctx context.Context) error {
	replayed := map[string]uint64{} // inferences by shadow, at the last step
	return every(ctx, time.Duration(a.s.Config.Budget.Interval), func() {
		s := governor.Signal{QueueFill: float64(a.queue.Bytes()) / float64(a.queue.Capacity()), GPUUtilisation: a.machine.busiest(), P99: math.NaN()}
		for _, spec := range a.models.Specs() {
			for _, sh := range spec.Replay.Shadows {
				key, n := spec.Config.Name+"/"+sh.Name, sh.Inferences.Load()
				if n != replayed[key] {
					replayed[key], s.Lag = n, max(s.Lag, sh.Lag())
				}
			}
			if r, ok := a.traffic.Recent(spec.Config.Name); ok && r.Requests > s.Requests {
				s.P99, s.Requests = r.P99, r.Requests // of the busiest model
			}
		}
		a.governor.Step(s)
	})
}
