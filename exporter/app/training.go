package app

import (
	"context"
	"net/http"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/cost"
	"github.com/gnomon-dev/gnomon/exporter/memory"
	"github.com/gnomon-dev/gnomon/exporter/training"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// trainings are the training jobs that are watched.
func (m *machine) trainings(s Settings, registry *prometheus.Registry) []*training.Job {
	var jobs []*training.Job
	for _, c := range s.Config.Training {
		t := &trainee{m: m, c: c, finder: memory.Finder{System: memory.System{Root: "/"}, Target: memory.Target{PID: c.PID, Port: c.Port, Cgroup: c.Cgroup}}}
		o := training.Options{Client: &http.Client{}, Now: s.Now, Logger: s.Logger, Line: func(line string) { m.failed(memory.Training, line, false) }}
		if m.gpus != nil {
			o.GPU = t.utilization
		}
		if m.meter != nil {
			o.Charge, o.Currency = t.charge, s.Config.Cost.Currency
		}
		jobs = append(jobs, training.NewJob(c, o))
	}
	if len(jobs) > 0 {
		registry.MustRegister(&training.Collector{Jobs: jobs})
	}
	return jobs
}

func runTrainings(ctx context.Context, g *errgroup.Group, jobs []*training.Job) {
	for _, j := range jobs {
		g.Go(func() error { return j.Run(ctx) })
	}
}

// trainee is a job's processes. It is used by the job's goroutine alone.
type trainee struct {
	m      *machine
	c      config.Training
	finder memory.Finder
	cpu    map[int]float64 // core seconds by process
	busy   map[string]float64
}

func (t *trainee) pids() []int {
	if !t.finder.Target.Known() {
		return nil
	}
	return t.finder.Processes()
}

// utilization is the mean of the GPUs that the job is on.
func (t *trainee) utilization() (float64, bool) {
	found, u, ok := t.m.gpus.On(t.pids())
	t.busy = map[string]float64{}
	for name, n := range found {
		t.busy[name] = n * u
	}
	return u, ok
}

// charge is what the job's reservation costs; without one, what it has used.
func (t *trainee) charge(seconds float64) float64 {
	r := t.c.Reserved
	a := cost.ReservedAmounts(r, nil, seconds)
	if len(r.GPUs) == 0 && r.CPUs == 0 && r.Memory == 0 {
		a = t.used(seconds)
	}
	return t.m.meter.Charge(cost.ID{Model: t.c.Model}, cost.Training, a)
}

func (t *trainee) used(seconds float64) cost.Amounts {
	a := cost.Amounts{GPUSeconds: map[string]float64{}}
	for name, n := range t.busy {
		a.GPUSeconds[name] = n * seconds
	}
	now := map[int]float64{}
	for _, pid := range t.pids() {
		p, err := t.finder.System.Process(pid)
		if err != nil {
			continue // it has ended
		}
		now[pid] = p.CPUSeconds
		if was, ok := t.cpu[pid]; ok && p.CPUSeconds > was {
			a.CPUSeconds += p.CPUSeconds - was
		}
		a.ByteSeconds += float64(p.Resident) * seconds
	}
	t.cpu = now
	return a
}
