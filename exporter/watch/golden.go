package watch

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/monitor/noise"
	"github.com/gnomon-dev/gnomon/exporter/reference"
	"github.com/gnomon-dev/gnomon/exporter/replay"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/compare"
)

// golden is what a shadow and the primary answered to the same reference rows
// while the primary was the right model.
type golden struct {
	mu    sync.Mutex
	all   noise.Count // of every pass: for the metrics
	first noise.Count // of the first pass, in which every row is new: for the floor
}

func (g *golden) add(c noise.Count, first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all = g.all.Plus(c)
	if first {
		g.first = g.first.Plus(c)
	}
}

func (g *golden) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all, g.first = noise.Count{}, noise.Count{}
}

func (g *golden) get() (all, first noise.Count) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all, g.first
}

// rounds sends the reference's rows to the primary, a few after every probe
// that found the right model in it, and compares its answers with those of the
// shadows that ought to answer alike: one pass over the rows when a model comes
// into place, and another every interval. Of the prober's goroutine alone.
type rounds struct {
	spec *Spec
	ref  *reference.Reference
	now  func() time.Time
	log  *slog.Logger

	digests string // of the shadows that the pass is of
	samples []shadow.Sample
	at      int // next row
	passes  int
	began   time.Time
}

// matched takes the next rows. It is called after each probe that found the
// registered model.
func (r *rounds) matched(ctx context.Context, primary func(context.Context, shadow.Sample) (compare.Answer, error)) {
	peers := r.peers()
	if len(peers) == 0 || !r.begin(peers) {
		return
	}
	chunk := r.samples[r.at:min(r.at+max(r.spec.Config.Identity.Inputs, 1), len(r.samples))]
	answers := make([]compare.Answer, 0, len(chunk))
	for _, s := range chunk {
		a, err := primary(ctx, s)
		if err != nil {
			return // these rows come again after the next probe
		}
		answers = append(answers, a)
	}
	for i, e := range peers {
		c, err := r.compare(ctx, e, chunk, answers)
		if err != nil {
			return
		}
		r.spec.Golden[i].add(c, r.passes == 0)
	}
	if r.at += len(chunk); r.at < len(r.samples) {
		return
	}
	r.passes++
	for i := range peers {
		all, _ := r.spec.Golden[i].get()
		r.log.Info("shadow held against the primary on golden inputs", "shadow", r.spec.Config.Shadows[i].Name, "comparisons", all.Comparisons, "disagreements", all.Disagreements, "largest_difference", all.MaxAbs)
	}
}

// peers are the engines, by shadow, that ought to answer as the primary does.
func (r *rounds) peers() map[int]shadow.Engine {
	out := map[int]shadow.Engine{}
	for i, s := range r.spec.Replay.Shadows {
		if s.Role != "twin" && s.Role != "reference-precision" {
			continue
		}
		if e, err := s.Engine(); err == nil {
			out[i] = e
		}
	}
	return out
}

// begin starts a pass where one is due, and reports whether one is under way.
func (r *rounds) begin(peers map[int]shadow.Engine) bool {
	var digests []string
	var inputs []shadow.IO // as the primary is asked
	for i := range r.spec.Replay.Shadows {
		if e := peers[i]; e != nil {
			digests = append(digests, e.Model().Digest)
			if inputs == nil {
				inputs = e.Model().Inputs
			}
		}
	}
	all := strings.Join(digests, " ")
	switch {
	case all != r.digests:
		samples, err := r.ref.Samples(inputs)
		if err != nil {
			return false // told where the reference was put in place
		}
		for i := range peers {
			r.spec.Golden[i].reset()
		}
		r.samples = samples[:min(noiseRows, len(samples))]
		r.digests, r.passes, r.at, r.began = all, 0, 0, r.now()
	case r.at >= len(r.samples):
		if r.now().Sub(r.began) < time.Duration(r.spec.Config.NoiseFloor.Interval) {
			return false
		}
		r.at, r.began = 0, r.now()
	}
	return len(r.samples) > 0
}

func (r *rounds) compare(ctx context.Context, e shadow.Engine, samples []shadow.Sample, primary []compare.Answer) (c noise.Count, err error) {
	limited, cancel := context.WithTimeout(ctx, noiseLimit)
	defer cancel()
	batch := make([]shadow.Sample, len(samples))
	for i, s := range samples {
		batch[i] = replay.Match(e.Model().Inputs, s)
	}
	results, err := e.Infer(limited, batch)
	if err != nil {
		return c, err
	}
	for i, result := range results {
		if p, err := read(r.spec, result); err == nil {
			c.Note(r.spec.Replay.Comparer.Compare(primary[i], compare.Answer{Prediction: p, Outputs: result.Outputs}))
		}
	}
	return c, nil
}
