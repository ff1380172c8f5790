package training

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
)

// Options is the wiring of a job's watch.
type Options struct {
	Client *http.Client
	Now    func() time.Time
	Logger *slog.Logger
	// GPU is the mean utilisation of the GPUs that the job's processes are on,
	// 0 to 1; ok is false where none is known. nil where GPUs are not watched.
	GPU func() (utilization float64, ok bool)
	// Charge is what some seconds of the job have cost; nil without prices.
	Charge   func(seconds float64) float64
	Currency string
	// Line is told every line of the job's log.
	Line func(string)
}

// Job is one training job.
type Job struct {
	c       config.Training
	o       Options
	sources []named
	log     *jobLog

	mu    sync.Mutex
	state State
	loss  curve
	last  time.Time // of the last Tick
	said  map[string]bool
}

// State is what is known of a job.
type State struct {
	Step      int64
	StepAt    time.Time // when the last new step was seen, by our clock
	wroteAt   time.Time // when the job says that it was
	StepTime  float64   // seconds a step, of the last steps; 0: not known
	Loss      float64   // last
	HasLoss   bool
	NonFinite uint64 // losses that were NaN or infinite
	Diverged  bool
	Points    map[string]uint64 // by source
	Failures  map[string]uint64 // by source

	Checkpoints    int
	Checkpoint     time.Time // of the newest
	CheckpointSize int64
	Utilization    float64
	HasGPU         bool
	Band           map[string]float64 // seconds below, within, above
	Seconds        float64            // that the job was watched
	Cost           float64
}

// The band of GPU utilisation in which a training job should be.
const (
	bandLow  = .7
	bandHigh = .9
)

// Bands lists the bands.
func Bands() []string { return []string{"below", "within", "above"} }

// NewJob makes the watch of a job.
func NewJob(c config.Training, o Options) *Job {
	j := &Job{c: c, o: o, sources: sources(c, o), said: map[string]bool{}}
	j.state = State{Points: map[string]uint64{}, Failures: map[string]uint64{}, Band: map[string]float64{}}
	if c.Log != "" && o.Line != nil {
		j.log = &jobLog{path: c.Log}
	}
	for _, s := range j.sources {
		j.state.Points[s.name], j.state.Failures[s.name] = 0, 0
	}
	return j
}

// Run reads until ctx ends.
func (j *Job) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Duration(j.c.Interval))
	defer tick.Stop()
	for {
		j.Tick(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Tick reads everything once.
func (j *Job) Tick(ctx context.Context) {
	type result struct {
		name   string
		points []Point
		err    error
	}
	var results []result
	for _, s := range j.sources { // a server may take its time: without the lock
		points, err := s.Read(ctx)
		results = append(results, result{s.name, points, err})
	}
	if j.log != nil {
		if err := j.log.read(j.o.Line); err != nil {
			results = append(results, result{name: "log", err: err})
		}
	}
	newest, n, size := checkpoints(j.c.Checkpoints)
	now := j.o.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range results {
		if r.err != nil {
			j.state.Failures[r.name]++
			if text := r.err.Error(); !j.said[text] && len(j.said) < 100 {
				j.said[text] = true
				j.o.Logger.Warn("training metrics cannot be read", "job", j.c.Job, "source", r.name, "error", text)
			}
		}
		j.state.Points[r.name] += uint64(len(r.points))
		j.take(r.points, now)
	}
	j.state.Checkpoint, j.state.Checkpoints, j.state.CheckpointSize = newest, n, size
	if j.state.StepAt.IsZero() {
		j.state.StepAt = now // the clock for being stalled starts now
	}
	if !j.last.IsZero() {
		j.pass(now.Sub(j.last).Seconds())
	}
	j.last = now
}

// pass accounts for time that has passed.
func (j *Job) pass(seconds float64) {
	if seconds <= 0 {
		return
	}
	j.state.Seconds += seconds
	if j.o.GPU != nil {
		if j.state.Utilization, j.state.HasGPU = j.o.GPU(); j.state.HasGPU {
			band := "within"
			if j.state.Utilization < bandLow {
				band = "below"
			} else if j.state.Utilization > bandHigh {
				band = "above"
			}
			j.state.Band[band] += seconds
		}
	}
	if j.o.Charge != nil {
		j.state.Cost += j.o.Charge(seconds)
	}
}

// take takes new points in, in the order of their steps.
func (j *Job) take(points []Point, now time.Time) {
	slices.SortStableFunc(points, func(a, b Point) int { return cmp.Compare(a.Step, b.Step) })
	told := 0.
	for _, p := range points {
		if p.Step > j.state.Step || j.state.wroteAt.IsZero() && j.state.Step == 0 && !j.loss.begun() {
			j.advance(p, now)
		}
		switch p.Metric {
		case j.c.StepTime:
			told = p.Value
		case j.c.LossKey:
			j.state.Loss, j.state.HasLoss = p.Value, true
			if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
				j.state.NonFinite++
			}
			j.state.Diverged = j.loss.add(p.Value)
		}
	}
	if told > 0 && !math.IsInf(told, 0) {
		j.state.StepTime = told
	}
}

// advance notes a new step, and how long the steps since the last took.
func (j *Job) advance(p Point, now time.Time) {
	if steps := p.Step - j.state.Step; steps > 0 && !p.Time.IsZero() && !j.state.wroteAt.IsZero() && j.c.StepTime == "" {
		if took := p.Time.Sub(j.state.wroteAt).Seconds() / float64(steps); took > 0 {
			const weight = .2 // of the newest, in the moving mean
			if j.state.StepTime == 0 {
				j.state.StepTime = took
			}
			j.state.StepTime += weight * (took - j.state.StepTime)
		}
	}
	j.state.Step, j.state.StepAt = p.Step, now
	if !p.Time.IsZero() {
		j.state.wroteAt = p.Time
	}
}

// State is a copy of what is known.
func (j *Job) State() State {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state
}

// Stalled reports whether no step has come for too long.
func (j *Job) Stalled(s *State) bool {
	return len(j.sources) > 0 && !s.StepAt.IsZero() && j.o.Now().Sub(s.StepAt) > time.Duration(j.c.StalledAfter)
}

// checkpoints is the newest of the files or folders of a pattern, how many
// there are, and the newest's size.
func checkpoints(pattern string) (newest time.Time, n int, size int64) {
	if pattern == "" {
		return
	}
	paths, _ := filepath.Glob(pattern)
	for _, p := range paths {
		at, bytes := written(p)
		if at.IsZero() {
			continue
		}
		n++
		if at.After(newest) {
			newest, size = at, bytes
		}
	}
	return newest, n, size
}

// mostEntries bounds how much of a checkpoint's folder is looked at.
const mostEntries = 10_000

// written is when a checkpoint was written last: of a folder, its newest file.
func written(path string) (at time.Time, size int64) {
	seen := 0
	_ = filepath.WalkDir(path, func(_ string, d os.DirEntry, err error) error {
		if err != nil {
			return nil // it is being removed
		}
		if seen++; seen > mostEntries {
			return filepath.SkipAll
		}
		if info, err := d.Info(); err == nil && (!d.IsDir() || at.IsZero()) {
			if info.ModTime().After(at) {
				at = info.ModTime()
			}
			if !d.IsDir() {
				size += info.Size()
			}
		}
		return nil
	})
	return at, size
}

// curve follows a loss. It has diverged when the median of the last losses has
// lost more than half of all the progress that had been made (from the median
// of the first ones to the best median since) and is above the best by more
// than noise, or when the last loss is not a number. The noise is taken from
// how far successive losses are apart: their mean distance is 2/sqrt(pi)
// standard deviations of normal noise.
type curve struct {
	first, best float64
	recent      []float64
	apart       float64 // moving mean of the distances
	n           int
}

const (
	curvePoints = 10
	curveNoise  = 4    // standard deviations of a single loss
	curveWeight = 0.02 // of the newest distance
)

func (c *curve) begun() bool { return c.n > 0 }

// add takes a loss in and reports whether it has diverged.
func (c *curve) add(v float64) bool {
	c.n++
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return true
	}
	if n := len(c.recent); n > 0 {
		c.apart += max(curveWeight, 1/float64(c.n)) * (math.Abs(v-c.recent[n-1]) - c.apart)
	}
	if len(c.recent) == curvePoints {
		c.recent = c.recent[1:]
	}
	c.recent = append(c.recent, v)
	if len(c.recent) < curvePoints {
		return false
	}
	sorted := slices.Clone(c.recent)
	slices.Sort(sorted)
	median := (sorted[curvePoints/2-1] + sorted[curvePoints/2]) / 2
	if c.n == curvePoints || c.first == 0 && c.best == 0 {
		c.first, c.best = median, median
	}
	c.best = min(c.best, median)
	noise := curveNoise * c.apart * math.Sqrt(math.Pi) / 2
	progress := c.first - c.best
	if progress <= max(0.05*math.Abs(c.first), noise) { // none for certain: then twice the beginning
		return median > c.first+max(math.Abs(c.first), noise, 1e-9)
	}
	return median > c.best+max(progress/2, noise)
}
