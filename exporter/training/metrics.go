package training

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Collector is the collector of every job.
type Collector struct{ Jobs []*Job }

type family struct {
	name, help string
	kind       prometheus.ValueType
	label      string // beside job and model; "" for none
	samples    func(j *Job, s *State, e func(v float64, label ...string))
}

// families is every metric of a job: a new one is a row.
func families() []family {
	gauge, counter := prometheus.GaugeValue, prometheus.CounterValue
	one := func(f func(j *Job, s *State) (float64, bool)) func(*Job, *State, func(float64, ...string)) {
		return func(j *Job, s *State, e func(float64, ...string)) {
			if v, ok := f(j, s); ok {
				e(v)
			}
		}
	}
	each := func(f func(s *State) map[string]uint64) func(*Job, *State, func(float64, ...string)) {
		return func(_ *Job, s *State, e func(float64, ...string)) {
			for k, n := range f(s) {
				e(float64(n), k)
			}
		}
	}
	return []family{
		{"gnomon_training_step", "Last step that the job wrote.", gauge, "", one(func(_ *Job, s *State) (float64, bool) { return float64(s.Step), s.Step > 0 })},
		{"gnomon_training_last_step_timestamp_seconds", "Unix time at which a new step was last seen; the start of the watch before the first.", gauge, "", one(func(_ *Job, s *State) (float64, bool) { return unix(s.StepAt) })},
		{"gnomon_training_step_duration_seconds", "Time that a step takes: moving mean over the last steps, or the job's own figure.", gauge, "", one(func(_ *Job, s *State) (float64, bool) { return s.StepTime, s.StepTime > 0 })},
		{"gnomon_training_loss", "Last loss; absent while it is not a number.", gauge, "", one(func(_ *Job, s *State) (float64, bool) {
			return s.Loss, s.HasLoss && !math.IsNaN(s.Loss) && !math.IsInf(s.Loss, 0)
		})},
		{"gnomon_training_non_finite_losses_total", "Losses that were NaN or infinite.", counter, "", one(func(_ *Job, s *State) (float64, bool) { return float64(s.NonFinite), true })},
		{"gnomon_training_diverged", "1 while the loss has lost more than half of the progress that it had made, or is not a number, else 0.", gauge, "", one(func(_ *Job, s *State) (float64, bool) { return boolean(s.Diverged), s.HasLoss })},
		{"gnomon_training_stalled", "1 while no new step has come for training.stalled_after, else 0.", gauge, "", one(func(j *Job, s *State) (float64, bool) { return boolean(j.Stalled(s)), len(j.sources) > 0 })},
		{"gnomon_training_checkpoints", "Checkpoints that there are.", gauge, "", one(func(j *Job, s *State) (float64, bool) { return float64(s.Checkpoints), j.c.Checkpoints != "" })},
		{"gnomon_training_checkpoint_timestamp_seconds", "Unix time at which the newest checkpoint was written.", gauge, "", one(func(_ *Job, s *State) (float64, bool) { return unix(s.Checkpoint) })},
		{"gnomon_training_checkpoint_bytes", "Size of the newest checkpoint.", gauge, "", one(func(_ *Job, s *State) (float64, bool) { return float64(s.CheckpointSize), s.Checkpoints > 0 })},
		{"gnomon_training_checkpoint_overdue", "1 while the newest checkpoint is older than training.checkpoint_after, or there has been none for so long, else 0.", gauge, "", one(func(j *Job, s *State) (float64, bool) {
			since := time.Duration(s.Seconds * float64(time.Second))
			if !s.Checkpoint.IsZero() {
				since = j.o.Now().Sub(s.Checkpoint)
			}
			return boolean(since > time.Duration(j.c.CheckpointAfter)), j.c.Checkpoints != ""
		})},
		{"gnomon_training_gpu_utilization_ratio", "Mean utilisation of the GPUs that the job is on.", gauge, "", one(func(_ *Job, s *State) (float64, bool) { return s.Utilization, s.HasGPU })},
		{"gnomon_training_gpu_band_seconds_total", "Time with that utilisation below, within or above 70 to 90 %.", counter, "band", func(_ *Job, s *State, e func(float64, ...string)) {
			if s.HasGPU || len(s.Band) > 0 {
				for _, b := range Bands() {
					e(s.Band[b], b)
				}
			}
		}},
		{"gnomon_training_cost_total", "Cost of the job since it is watched, by the configured prices; also in gnomon_cost_total as component training.", counter, "currency", func(j *Job, s *State, e func(float64, ...string)) {
			if j.o.Charge != nil {
				e(s.Cost, j.o.Currency)
			}
		}},
		{"gnomon_training_watched_seconds_total", "Time for which the job was watched.", counter, "", one(func(_ *Job, s *State) (float64, bool) { return s.Seconds, true })},
		{"gnomon_training_points_total", "Values that were read, by source.", counter, "source", each(func(s *State) map[string]uint64 { return s.Points })},
		{"gnomon_training_read_errors_total", "Reads that failed, by source.", counter, "source", each(func(s *State) map[string]uint64 { return s.Failures })},
	}
}

func unix(t time.Time) (float64, bool) { return float64(t.UnixNano()) / 1e9, !t.IsZero() }

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (f *family) desc() *prometheus.Desc {
	labels := []string{"job_name", "model"}
	if f.label != "" {
		labels = append(labels, f.label)
	}
	return prometheus.NewDesc(f.name, f.help, labels, nil)
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range families() {
		ch <- f.desc()
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	for _, j := range c.Jobs {
		j.mu.Lock()
		for _, f := range families() {
			d := f.desc()
			f.samples(j, &j.state, func(v float64, label ...string) {
				ch <- prometheus.MustNewConstMetric(d, f.kind, v, append([]string{j.c.Job, j.c.Model}, label...)...)
			})
		}
		j.mu.Unlock()
	}
}
