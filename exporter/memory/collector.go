package memory

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The processes that are told apart.
const (
	Primary = "primary" // the model server
	Gnomon  = "gnomon"  // this process
	Shadow  = "shadow"  // its shadows' processes
	// Training is told apart where memory runs out only: by its log.
	Training = "training"
)

// Settings is what a Watcher is made of.
type Settings struct {
	System     System
	Primary    Target
	Shadows    func() []int // their process ids now
	Interval   time.Duration
	Window     time.Duration // that growth is taken over
	Now        func() time.Time
	Registerer prometheus.Registerer
}

// State is what was read last of one of the processes.
type State struct {
	PIDs        []int
	Sum         Process
	Reading     Reading // of their control group
	HasReading  bool
	Growth      *Growth
	CPUSeconds  float64 // of all that have run, those that ended too
	lastCPU     map[int]float64
	path        string
	trend       *Trend
	kills       uint64
	killsKnown  bool
	newKills    uint64
	gone        bool
	lastPresent []int
}

// Growth is how fast memory grows.
type Growth struct {
	PerSecond, Lower, Upper float64
	// Left is the time until the limit at this pace; nil where memory does not
	// grow for certain (the interval holds 0).
	Left *float64
}

// Watcher reads memory once an interval and is the collector of what it read.
type Watcher struct {
	s      Settings
	finder Finder
	out    *prometheus.CounterVec
	gpu    *prometheus.CounterVec

	mu     sync.Mutex
	states map[string]*State
}

// New registers the metrics and reads once.
func New(s Settings) *Watcher {
	w := &Watcher{s: s, finder: Finder{System: s.System, Target: s.Primary}, states: map[string]*State{}}
	for _, name := range []string{Primary, Gnomon, Shadow} {
		w.states[name] = &State{trend: NewTrend(s.Window), lastCPU: map[int]float64{}}
	}
	w.out = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gnomon_out_of_memory_total",
		Help: "Times that memory ran out, by whom it hit and cause: oom_kill (ended by the kernel), cuda (allocation on a GPU failed), allocation (on the host failed)."}, []string{"process", "cause"})
	w.gpu = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gnomon_gpu_out_of_memory_total", Help: "Allocations on a GPU that failed, as errors of the model server, of a shadow or of a training job said."}, []string{"process"})
	for _, name := range []string{Primary, Gnomon, Shadow, Training} {
		w.gpu.WithLabelValues(name)
		for _, cause := range Causes() {
			w.out.WithLabelValues(name, cause)
		}
	}
	s.Registerer.MustRegister(w.out, w.gpu, w)
	w.Tick()
	return w
}

// OutOfMemory counts a failed allocation of a process; cause is as Cause says,
// and "" counts nothing.
func (w *Watcher) OutOfMemory(process, cause string) {
	if cause == "" {
		return
	}
	w.out.WithLabelValues(process, cause).Inc()
	if cause == CUDA {
		w.gpu.WithLabelValues(process).Inc()
	}
}

// Run reads until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	tick := time.NewTicker(w.s.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			w.Tick()
		}
	}
}

// Tick reads everything once.
func (w *Watcher) Tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	shadows := []int{}
	if w.s.Shadows != nil {
		shadows = w.s.Shadows()
	}
	self := os.Getpid()
	w.read(Gnomon, []int{self})
	w.read(Shadow, shadows)
	if w.s.Primary.Known() {
		w.read(Primary, w.finder.Processes())
	}
	w.killed()
}

func (w *Watcher) read(name string, pids []int) {
	s := w.states[name]
	s.PIDs, s.Sum = pids, Process{}
	cpu := map[int]float64{}
	for _, pid := range pids {
		p, err := w.s.System.Process(pid)
		if err != nil {
			continue
		}
		cpu[pid] = p.CPUSeconds
		s.Sum.Resident += p.Resident
		if was, ok := s.lastCPU[pid]; ok && was <= p.CPUSeconds {
			s.CPUSeconds += p.CPUSeconds - was
		} else {
			s.CPUSeconds += p.CPUSeconds
		}
	}
	s.lastCPU = cpu
	w.group(name, s)
	w.grow(s)
	s.gone = slices.ContainsFunc(s.lastPresent, func(pid int) bool { return !slices.Contains(pids, pid) })
	s.lastPresent = slices.Clone(pids)
}

// group reads the control group of a target's first process.
func (w *Watcher) group(name string, s *State) {
	s.HasReading, s.newKills = false, 0
	if path := w.s.Primary.Cgroup; name == Primary && path != "" {
		s.path = path
	} else if len(s.PIDs) > 0 {
		path, err := w.s.System.CgroupOf(s.PIDs[0])
		if err != nil {
			return
		}
		if path != s.path {
			s.path, s.killsKnown = path, false
		}
	}
	if s.path == "" {
		return
	}
	r, err := w.s.System.Cgroup(s.path)
	if err != nil {
		return
	}
	s.Reading, s.HasReading = r, true
	kills, ok := r.Events[Killed]
	if ok && s.killsKnown && kills > s.kills {
		s.newKills = kills - s.kills
	}
	s.kills, s.killsKnown = kills, ok
}

// killed counts the kernel's kills, once a control group: of the targets in
// it, that one was hit of which a process has gone; the first of primary,
// shadow and gnomon where that does not tell.
func (w *Watcher) killed() {
	done := map[string]bool{}
	for _, gone := range []bool{true, false} {
		for _, name := range []string{Primary, Shadow, Gnomon} {
			s := w.states[name]
			if n := s.newKills; n > 0 && !done[s.path] && (!gone || s.gone) {
				w.out.WithLabelValues(name, Killed).Add(float64(n))
				done[s.path] = true
			}
		}
	}
}

// grow follows what a target uses: its own processes' memory, which is what a
// leak of theirs grows, up to its group's limit.
func (w *Watcher) grow(s *State) {
	s.Growth = nil
	if len(s.PIDs) == 0 {
		s.trend.Reset()
		return
	}
	if len(s.lastPresent) > 0 && s.lastPresent[0] != s.PIDs[0] {
		s.trend.Reset() // it was started again
	}
	s.trend.Add(w.s.Now(), float64(s.Sum.Resident))
	slope, lower, upper, ok := s.trend.Slope()
	if !ok {
		return
	}
	s.Growth = &Growth{PerSecond: slope, Lower: lower, Upper: upper}
	if s.HasReading && lower > 0 && slope > 0 {
		left := max(0, float64(s.Reading.Limit)-float64(s.Reading.Used)) / slope
		s.Growth.Left = &left
	}
}

// State is what was read last of one of the processes.
func (w *Watcher) State(name string) State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return *w.states[name]
}

// Began is when the model server's process started, looked up now; zero where
// it is not known.
func (w *Watcher) Began() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if pids := w.finder.Processes(); len(pids) > 0 {
		return w.s.System.Began(pids[0])
	}
	return time.Time{}
}
