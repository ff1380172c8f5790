package app

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/capacity"
	"github.com/gnomon-dev/gnomon/exporter/coldstart"
	"github.com/gnomon-dev/gnomon/exporter/cost"
	"github.com/gnomon-dev/gnomon/exporter/gpu"
	"github.com/gnomon-dev/gnomon/exporter/memory"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/traffic"
	"github.com/gnomon-dev/gnomon/exporter/training"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// machine is what watches the machine and not the models: memory, GPUs, cost.
type machine struct {
	memory *memory.Watcher // nil where off
	meter  *cost.Meter     // nil without prices
	gpus   *gpu.Supervisor // nil where off
	every  time.Duration   // of the meter

	capacity *capacity.Estimator
	cold     *coldstart.Watcher // nil where off
	jobs     []*training.Job

	mu      sync.Mutex
	shadows map[*watched]bool
}

func newMachine(s Settings, registry *prometheus.Registry, t *traffic.Traffic) (*machine, error) {
	c, now := s.Config, s.Now
	m := &machine{every: time.Duration(c.Memory.Interval), shadows: map[*watched]bool{}}
	if c.Memory.Enabled {
		target := memory.Target{PID: c.Primary.PID, Cgroup: c.Primary.Cgroup, Port: c.PrimaryPort()}
		m.memory = memory.New(memory.Settings{System: memory.System{Root: "/"}, Primary: target, Shadows: m.pids, Interval: time.Duration(c.Memory.Interval), Window: time.Duration(c.Memory.Window), Now: now, Registerer: registry})
	}
	if c.GPU.Enabled && len(s.GPUWorker) > 0 {
		var err error
		if m.gpus, err = newGPUs(s, m.role); err != nil {
			return nil, err
		}
		registry.MustRegister(m.gpus)
	}
	if c.Cost.Enabled() {
		m.meter = cost.New(cost.Settings{Config: c.Cost, Usage: usage(t), Machine: m.used, Now: now, Registerer: registry, MaxModels: c.Evaluation.MaxModels})
	}
	m.capacity = capacity.New(capacity.Settings{Totals: totals(t), Slots: c.Capacity.Slots, Target: c.Capacity.Target, Window: time.Duration(c.Capacity.Window), Now: now, Registerer: registry})
	if c.ColdStart.Interval > 0 {
		m.cold = newColdStart(s, registry, m.memory)
	}
	m.jobs = m.trainings(s, registry)
	return m, nil
}

func newColdStart(s Settings, registry *prometheus.Registry, w *memory.Watcher) *coldstart.Watcher {
	c := s.Config
	settings := coldstart.Settings{Triton: c.ColdStart.TritonMetrics, Interval: time.Duration(c.ColdStart.Interval), Client: &http.Client{}, MaxModels: c.Evaluation.MaxModels, Now: s.Now, Registerer: registry}
	if c.Upstream != "" {
		settings.ReadyURL = strings.TrimSuffix(c.Upstream, "/") + "/v2/health/ready"
	}
	if w != nil {
		settings.Started = w.Began
	}
	return coldstart.New(settings)
}

// done is told of every request.
func (m *machine) done(d record.Done, version string) {
	if m.cold != nil && d.Outcome == record.Success {
		m.cold.Request(d.Model, version, d.Latency)
	}
}

// totals is the requests of all models, for capacity.
func totals(t *traffic.Traffic) func() (requests, seconds float64) {
	return func() (requests, seconds float64) {
		for _, u := range t.Usage() {
			requests, seconds = requests+float64(u.Requests), seconds+u.Seconds
		}
		return requests, seconds
	}
}

// run starts what ticks by itself.
func (m *machine) run(ctx context.Context, g *errgroup.Group) {
	if m.memory != nil {
		g.Go(func() error { return m.memory.Run(ctx) })
	}
	if m.gpus != nil {
		g.Go(func() error { return m.gpus.Run(ctx) })
	}
	if m.meter != nil {
		g.Go(func() error { return every(ctx, m.every, m.meter.Tick) })
	}
	g.Go(func() error { return every(ctx, m.every, m.capacity.Tick) })
	if m.cold != nil {
		g.Go(func() error { return m.cold.Run(ctx) })
	}
	runTrainings(ctx, g, m.jobs)
}

func every(ctx context.Context, d time.Duration, f func()) error {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			f()
		}
	}
}

func usage(t *traffic.Traffic) func() []cost.Usage {
	return func() []cost.Usage {
		var out []cost.Usage
		for _, u := range t.Usage() {
			out = append(out, cost.Usage{ID: cost.ID{Model: u.Model, Version: u.Version}, Requests: float64(u.Succeeded), Seconds: u.Seconds})
		}
		return out
	}
}

// used is what the processes have used so far.
func (m *machine) used() cost.Machine {
	var out cost.Machine
	if m.memory != nil {
		primary, own, shadows := m.memory.State(memory.Primary), m.memory.State(memory.Gnomon), m.memory.State(memory.Shadow)
		out.CPUSeconds, out.Memory = primary.CPUSeconds, float64(primary.Sum.Resident)
		out.ShadowCPUSeconds, out.ShadowMemory = own.CPUSeconds+shadows.CPUSeconds, float64(own.Sum.Resident+shadows.Sum.Resident)
	}
	if m.gpus != nil {
		u := m.gpus.Usage()
		out.GPUs, out.GPUJoules, out.GPUBusy, out.ShadowGPUBusy = u.Found, u.Joules, u.Busy[gpu.Primary], u.Busy[gpu.Shadow]
		if !u.Visible { // processes of another container are told by number only
			out.GPUBusy = u.Busy[gpu.Other]
		}
	}
	return out
}

// busiest is the utilisation of the busiest GPU, 0 to 1; NaN where none is
// watched.
func (m *machine) busiest() float64 {
	if m.gpus == nil {
		return math.NaN()
	}
	return m.gpus.Busiest()
}

// role tells whose a process on a GPU is.
func (m *machine) role(pid int) string {
	if m.memory == nil {
		return gpu.Other
	}
	switch {
	case slices.Contains(m.memory.State(memory.Primary).PIDs, pid):
		return gpu.Primary
	case slices.Contains(m.pids(), pid):
		return gpu.Shadow
	}
	return gpu.Other
}

// watch follows an engine: its process, and whether it runs out of memory.
func (m *machine) watch(e shadow.Engine) shadow.Engine {
	w := &watched{Engine: e, m: m}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shadows[w] = true
	return w
}

// pids is the processes of all shadows.
func (m *machine) pids() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []int
	for w := range m.shadows {
		if p, ok := w.Engine.(interface{ PID() int }); ok {
			if pid := p.PID(); pid > 0 {
				out = append(out, pid)
			}
		}
	}
	return out
}

// failed counts an error that says that memory ran out.
func (m *machine) failed(process, text string, onGPU bool) {
	if m.memory != nil {
		m.memory.OutOfMemory(process, memory.Cause(text, onGPU))
	}
}

// errorBody is how much of an answer that is an error is read.
const errorBody = 4096

// answered looks into a sampled answer that is the server's error.
func (m *machine) answered(c *record.Capture) {
	if c.Outcome == record.ModelError || c.Outcome == record.InfraError {
		m.failed(memory.Primary, string(c.Response.Bytes[:min(len(c.Response.Bytes), errorBody)]), false)
	}
}

// watched is an engine that the machine follows.
type watched struct {
	shadow.Engine
	m *machine
}

func (w *watched) Infer(ctx context.Context, batch []shadow.Sample) ([]shadow.Result, error) {
	results, err := w.Engine.Infer(ctx, batch)
	if err != nil {
		w.failed(err)
	}
	for i := range results {
		if results[i].Err != nil {
			w.failed(results[i].Err)
		}
	}
	return results, err
}

func (w *watched) failed(err error) {
	provider := w.Model().Provider
	w.m.failed(memory.Shadow, err.Error(), provider == "cuda" || provider == "tensorrt")
}

func (w *watched) Close() error {
	w.m.mu.Lock()
	delete(w.m.shadows, w)
	w.m.mu.Unlock()
	return w.Engine.Close()
}
