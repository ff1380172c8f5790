package offline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/gnomon-dev/gnomon/driftlib/abtest"
	"github.com/gnomon-dev/gnomon/driftlib/performance"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/replay"
	"github.com/gnomon-dev/gnomon/exporter/tap/jsonl"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Records is recorded traffic. file.Reader is one.
type Records interface {
	// Next is the next capture; io.EOF at the end, jsonl.ErrLine for a line that
	// is no record, after which it may be called again.
	Next() (*record.Capture, error)
}

// ReplayOptions say what is replayed on what.
type ReplayOptions struct {
	Engine   shadow.Engine
	Reader   replay.Reader
	Comparer replay.Comparer
	Classes  []string // names of the classes, where labels use names
	Batch    int      // rows of one inference
	ECEBins  int
}

// Replay is the document of gnomon replay.
type Replay struct {
	Records          int                           `json:"records"` // replayed
	Skipped          map[string]int                `json:"skipped"` // by reason
	Model            ReplayModel                   `json:"model"`
	Agreement        *performance.Metric           `json:"agreement,omitempty"`
	Difference       *Difference                   `json:"difference,omitempty"`
	Latency          Quantiles                     `json:"latency_seconds"` // of one inference of Batch rows
	Batch            int                           `json:"batch"`
	Throughput       float64                       `json:"throughput_per_second"` // rows a second of inference
	PredictionShares []float64                     `json:"prediction_shares,omitempty"`
	Metrics          map[string]performance.Metric `json:"metrics,omitempty"`
	Calibration      *Calibration                  `json:"calibration,omitempty"`
	// Primary is the accuracy of the recorded answers, and AccuracyDrop how much
	// lower this model's is: both on the records that have an answer and a label.
	Primary      *performance.Metric `json:"primary_accuracy,omitempty"`
	AccuracyDrop *performance.Metric `json:"accuracy_drop,omitempty"`
	DropPValue   *float64            `json:"accuracy_drop_pvalue,omitempty"` // exact McNemar
	Cost         *CostReport         `json:"cost,omitempty"`
}

// ReplayModel is what was run, on what.
type ReplayModel struct {
	Digest   string `json:"digest"`
	Provider string `json:"provider"`
}

// Difference is how far the raw outputs are from the recorded ones.
type Difference struct {
	MaxAbs  float64 `json:"max_abs"`  // of all elements
	MeanAbs float64 `json:"mean_abs"` // mean over rows
}

// Quantiles are those of latencies.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// Run replays records on a model and compares its answers with the recorded
// ones and with the labels.
func Run(ctx context.Context, in Records, o ReplayOptions) (*Replay, error) {
	if o.Batch < 1 {
		return nil, fmt.Errorf("%w: a batch of %d rows", ErrInput, o.Batch)
	}
	m := o.Engine.Model()
	r := &replaying{o: o, out: &Replay{Skipped: map[string]int{}, Model: ReplayModel{m.Digest, m.Provider}, Batch: o.Batch}}
	for ctx.Err() == nil {
		c, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			if err := r.infer(ctx); err != nil {
				return nil, err
			}
			return r.finish()
		case errors.Is(err, jsonl.ErrLine):
			r.out.Skipped["not_a_record"]++
			continue
		case err != nil:
			return nil, err
		}
		for _, rec := range c.Records {
			r.batch = append(r.batch, rec)
			if len(r.batch) == o.Batch {
				if err := r.infer(ctx); err != nil {
					return nil, err
				}
			}
		}
	}
	return nil, ctx.Err()
}

// replaying is what a replay gathers.
type replaying struct {
	o     ReplayOptions
	out   *Replay
	batch []record.Record

	latencies    []float64
	busy         time.Duration
	agree, known int
	most, mean   float64
	compared     int
	shares       []float64
	classes      int

	label, answer []string
	confidence    []float64
	correct       []bool
	ofActual      []float64
	actual, value []float64 // of a regression

	paired, primaryRight      int // records with label, recorded answer and answer
	onlyPrimary, onlyReplayed int // right
}

// infer runs the batch.
func (r *replaying) infer(ctx context.Context) error {
	if len(r.batch) == 0 {
		return nil
	}
	samples := make([]shadow.Sample, len(r.batch))
	for i := range r.batch {
		samples[i] = replay.Match(r.o.Engine.Model().Inputs, r.batch[i].Inputs)
	}
	start := time.Now()
	results, err := r.o.Engine.Infer(ctx, samples)
	took := time.Since(start)
	if err != nil {
		return err
	}
	r.busy += took
	r.latencies = append(r.latencies, took.Seconds())
	for i := range results {
		r.one(&r.batch[i], results[i])
	}
	r.batch = r.batch[:0]
	return nil
}

// one takes the answer to one row in.
func (r *replaying) one(rec *record.Record, result shadow.Result) {
	switch {
	case errors.Is(result.Err, shadow.ErrInput):
		r.out.Skipped["input_does_not_fit"]++
		return
	case result.Err != nil:
		r.out.Skipped["inference_failed"]++
		return
	}
	p, err := r.o.Reader.Read(result.Outputs)
	if err != nil {
		r.out.Skipped["unreadable_output"]++
		return
	}
	r.out.Records++
	if p.Class >= 0 {
		for len(r.shares) <= max(p.Class, len(p.Probabilities)-1) {
			r.shares = append(r.shares, 0)
		}
		r.shares[p.Class]++
		r.classes++
	}
	r.compare(rec, p, result.Outputs)
	r.judge(rec, p)
	r.pair(rec, p)
}

// compare holds the answer against the recorded one.
func (r *replaying) compare(rec *record.Record, p compare.Prediction, outputs []tensor.Tensor) {
	if rec.Outputs == nil {
		return
	}
	primary, err := r.o.Reader.Read(rec.Outputs)
	if err != nil {
		r.out.Skipped["unreadable_recorded_output"]++
		return
	}
	d := r.o.Comparer.Compare(compare.Answer{Prediction: primary, Outputs: rec.Outputs}, compare.Answer{Prediction: p, Outputs: outputs})
	r.known++
	if d.Agree {
		r.agree++
	}
	if !math.IsNaN(d.MaxAbs) {
		r.compared++
		r.most = max(r.most, d.MaxAbs)
		r.mean += d.MeanAbs
	}
}

// judge holds the answer against the label.
func (r *replaying) judge(rec *record.Record, p compare.Prediction) {
	l := rec.Label
	switch {
	case l == nil:
	case p.Class < 0 && l.Value != nil:
		r.actual, r.value = append(r.actual, *l.Value), append(r.value, p.Value)
	case p.Class >= 0 && l.Class != "":
		name := r.name(p.Class)
		r.label, r.answer = append(r.label, l.Class), append(r.answer, name)
		if math.IsNaN(p.Confidence) {
			return
		}
		r.confidence, r.correct = append(r.confidence, p.Confidence), append(r.correct, name == l.Class)
		for k, q := range p.Probabilities {
			if r.name(k) == l.Class {
				r.ofActual = append(r.ofActual, min(q, 1))
			}
		}
	default:
		r.out.Skipped["label_of_another_kind"]++
	}
}

// pair holds both answers against the label.
func (r *replaying) pair(rec *record.Record, p compare.Prediction) {
	if rec.Label == nil || rec.Label.Class == "" || rec.Outputs == nil || p.Class < 0 {
		return
	}
	primary, err := r.o.Reader.Read(rec.Outputs)
	if err != nil || primary.Class < 0 {
		return
	}
	a, b := r.name(primary.Class) == rec.Label.Class, r.name(p.Class) == rec.Label.Class
	r.paired++
	if a {
		r.primaryRight++
	}
	if a && !b {
		r.onlyPrimary++
	}
	if b && !a {
		r.onlyReplayed++
	}
}

// drop sums the pairs up: by how much the replayed model is right less often.
func (r *replaying) drop() error {
	if r.paired == 0 {
		return nil
	}
	primary, err := performance.Proportion(r.primaryRight, r.paired)
	if err != nil {
		return err
	}
	t, err := abtest.McNemar(r.onlyPrimary, r.onlyReplayed, r.paired)
	if err != nil {
		return err
	}
	r.out.Primary, r.out.DropPValue = &primary, &t.PValue
	d := performance.Metric{Value: 0 - t.Effect, Lower: 0 - t.Upper, Upper: 0 - t.Lower, N: r.paired}
	if r.onlyPrimary+r.onlyReplayed == 0 { // Wald's interval would be a point: none of n is at most 1 - 0.025^(1/n)
		d.Upper = 1 - math.Pow(.025, 1/float64(r.paired))
		d.Lower = -d.Upper
	}
	r.out.AccuracyDrop = &d
	return nil
}

func (r *replaying) name(class int) string {
	if class < len(r.o.Classes) {
		return r.o.Classes[class]
	}
	return strconv.Itoa(class)
}

// finish sums up.
func (r *replaying) finish() (*Replay, error) {
	out := r.out
	if r.known > 0 {
		m, err := performance.Proportion(r.agree, r.known)
		if err != nil {
			return nil, err
		}
		out.Agreement = &m
	}
	if r.compared > 0 {
		out.Difference = &Difference{r.most, r.mean / float64(r.compared)}
	}
	slices.Sort(r.latencies)
	out.Latency = Quantiles{quantile(r.latencies, .5), quantile(r.latencies, .95), quantile(r.latencies, .99)}
	if r.busy > 0 {
		out.Throughput = float64(out.Records) / r.busy.Seconds()
	}
	for _, n := range r.shares {
		out.PredictionShares = append(out.PredictionShares, n/float64(r.classes))
	}
	return out, errors.Join(r.metrics(), r.drop())
}

// metrics are those that labels allow.
func (r *replaying) metrics() error {
	g := Group{Metrics: map[string]performance.Metric{}}
	if len(r.actual) > 0 {
		e, err := performance.Regress(r.actual, r.value)
		if err != nil {
			return err
		}
		g.Metrics["mae"], g.Metrics["rmse"], g.Metrics["r2"] = e.MAE, e.RMSE, e.R2
	}
	if len(r.label) > 0 {
		rows := make([]int, len(r.label))
		for i := range rows {
			rows[i] = i
		}
		c, err := confusion(rows, func(i int) (string, string) { return r.label[i], r.answer[i] })
		if err != nil {
			return err
		}
		g.labels(c, positiveOf(c, "1"))
		if len(r.ofActual) == len(r.label) {
			if g.Metrics["log_loss"], err = performance.LogLoss(r.ofActual); err != nil {
				return err
			}
		}
		if err := g.calibrate(r.confidence, r.correct, r.o.ECEBins); err != nil {
			return err
		}
	}
	if len(g.Metrics) > 0 {
		r.out.Metrics = g.Metrics
	}
	r.out.Calibration = g.Calibration
	return nil
}

// quantile is the smallest value that a share q of the sorted ones does not
// exceed; 0 where there are none.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(math.Ceil(q*float64(len(sorted)))), len(sorted))-1]
}

// WriteTable writes the document for a terminal.
func (r *Replay) WriteTable(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "model\t%s on %s\n", r.Model.Digest, r.Model.Provider)
	fmt.Fprintf(tw, "records\t%d\n", r.Records)
	for _, reason := range slices.Sorted(maps.Keys(r.Skipped)) {
		fmt.Fprintf(tw, "skipped, %s\t%d\n", reason, r.Skipped[reason])
	}
	if r.Agreement != nil {
		fmt.Fprintf(tw, "agreement with the recorded answers\t%v\n", *r.Agreement)
	}
	if r.Difference != nil {
		fmt.Fprintf(tw, "difference of raw outputs\tat most %.4g, %.4g on average\n", r.Difference.MaxAbs, r.Difference.MeanAbs)
	}
	fmt.Fprintf(tw, "latency of a batch of %d, ms\tp50 %.3f, p95 %.3f, p99 %.3f\n", r.Batch, 1e3*r.Latency.P50, 1e3*r.Latency.P95, 1e3*r.Latency.P99)
	fmt.Fprintf(tw, "throughput, rows a second\t%.0f\n", r.Throughput)
	for _, name := range slices.Sorted(maps.Keys(r.Metrics)) {
		fmt.Fprintf(tw, "%s\t%v\n", name, r.Metrics[name])
	}
	if r.AccuracyDrop != nil {
		fmt.Fprintf(tw, "accuracy of the recorded answers\t%v\n", *r.Primary)
		fmt.Fprintf(tw, "accuracy lower than theirs by\t%v, p %.3g\n", *r.AccuracyDrop, *r.DropPValue)
	}
	if r.Calibration != nil {
		fmt.Fprintf(tw, "calibration error, %d equal-width bins\t%.4f\n", r.Calibration.EqualWidth.Bins, r.Calibration.EqualWidth.Value)
	}
	if err := tw.Flush(); err != nil || r.Cost == nil {
		return err
	}
	return r.Cost.writeTable(w)
}

// WriteHTML writes the document as one file that needs nothing else.
func (r *Replay) WriteHTML(w io.Writer) error { return render(w, "replay.html", r) }
