// Package identity asks the primary, slowly, for its answers to golden inputs
// and compares them with those of the known models: the fingerprint of what is
// really served, whatever version it claims to be.
package identity

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Primary answers one input as clients would be answered.
type Primary interface {
	Infer(ctx context.Context, inputs []tensor.Tensor) ([]tensor.Tensor, error)
}

// Reader says what outputs mean.
type Reader interface {
	Read(outputs []tensor.Tensor) (compare.Prediction, error)
}

// Comparer says how two answers differ.
type Comparer interface {
	Compare(primary, shadow compare.Answer) compare.Delta
}

// Known is a model whose answers to the golden inputs are known.
type Known struct {
	Name, Role string
	Answers    []compare.Answer // one a golden input
}

// Registered are the roles that stand for the model that ought to be served.
func (k Known) registered() bool { return k.Role == "twin" || k.Role == "reference-precision" }

// Settings is what a Prober is made of.
type Settings struct {
	Primary  Primary
	Reader   Reader
	Comparer Comparer
	Golden   []shadow.Sample
	Known    []Known // at least one that is registered
	Interval time.Duration
	Timeout  time.Duration // of one input
	// Limit is the mean distance (Jensen-Shannon of the probabilities; relative
	// difference for values) up to which two models are the same: room for
	// another precision, far below what another training makes.
	Limit float64
	Now   func() time.Time
	// Matched, where given, is told after each probe that found the registered
	// model, with the way to ask the primary for more.
	Matched func(ctx context.Context, ask func(context.Context, shadow.Sample) (compare.Answer, error))
}

// DefaultLimit leaves room for an int8 twin of an fp32 primary (mean distance
// some thousandths) and none for another model (a tenth and more).
const DefaultLimit = 0.05

// Result is what the last probe found.
type Result struct {
	Checked   time.Time
	Match     bool
	Like      string // the known model that it answers like, where that is not the registered one
	LikeRole  string
	Distance  float64 // to the registered model
	Agreement float64 // share of golden inputs with the same answer as the registered model's
	Probes    uint64
	Changes   uint64 // of Match or Like
	Changed   time.Time
	Err       error
	Triggers  Triggers
}

// Prober runs the probes. Result and Know are safe for concurrent use.
type Prober struct {
	s        Settings
	mu       sync.Mutex // of what follows, s.Golden and s.Known
	result   Result
	triggers []Trigger
	class    func(int) string
}

// New returns a Prober.
func New(s Settings) *Prober { return &Prober{s: s} }

// Result is what the last probe found; Checked is zero before the first.
func (p *Prober) Result() Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.result
}

// Know replaces the golden inputs and the known models: one of them was loaded
// anew. Counts go on.
func (p *Prober) Know(golden []shadow.Sample, known []Known) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.s.Golden, p.s.Known = golden, known
}

// Run probes at the interval until ctx ends.
func (p *Prober) Run(ctx context.Context) error {
	t := time.NewTicker(p.s.Interval)
	defer t.Stop()
	for {
		p.Probe(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// Probe asks the primary once for every golden input. A primary that does not
// answer leaves the last finding as it is, with the error.
func (p *Prober) Probe(ctx context.Context) {
	p.mu.Lock()
	golden, known := p.s.Golden, p.s.Known
	p.mu.Unlock()
	answers := make([]compare.Answer, 0, len(golden))
	for _, g := range golden {
		a, err := p.ask(ctx, g)
		if err != nil {
			p.fail(err)
			return
		}
		answers = append(answers, a)
	}
	if err := p.probeTriggers(ctx); err != nil {
		p.fail(err)
		return
	}
	p.conclude(answers, known)
	if p.s.Matched != nil && p.Result().Match {
		p.s.Matched(ctx, p.ask)
	}
}

func (p *Prober) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.result.Err = err
}

func (p *Prober) ask(ctx context.Context, g shadow.Sample) (compare.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, p.s.Timeout)
	defer cancel()
	outputs, err := p.s.Primary.Infer(ctx, g)
	if err != nil {
		return compare.Answer{}, fmt.Errorf("golden input: %w", err)
	}
	prediction, err := p.s.Reader.Read(outputs)
	if err != nil {
		return compare.Answer{}, fmt.Errorf("golden input's answer: %w", err)
	}
	return compare.Answer{Prediction: prediction, Outputs: outputs}, nil
}

// conclude names the nearest known model, if it is near enough.
func (p *Prober) conclude(answers []compare.Answer, known []Known) {
	r := Result{Checked: p.s.Now(), Distance: math.Inf(1)}
	best, bestDistance := -1, p.s.Limit
	for i, k := range known {
		distance, agreement := p.distance(answers, k.Answers)
		if k.registered() && distance < r.Distance {
			r.Distance, r.Agreement = distance, agreement
		}
		if distance <= bestDistance {
			best, bestDistance = i, distance
		}
	}
	if best >= 0 {
		if k := known[best]; k.registered() {
			r.Match = true
		} else {
			r.Like, r.LikeRole = k.Name, k.Role
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.result
	r.Probes, r.Changes, r.Changed, r.Triggers = last.Probes+1, last.Changes, last.Changed, last.Triggers
	if !last.Checked.IsZero() && (last.Match != r.Match || last.Like != r.Like) {
		r.Changes++
		r.Changed = r.Checked
	}
	p.result = r
}

// distance is the mean distance of two lists of answers and the share of them
// that agree.
func (p *Prober) distance(a, b []compare.Answer) (distance, agreement float64) {
	for i := range a {
		d := p.s.Comparer.Compare(a[i], b[i])
		if d.Agree {
			agreement++
		}
		if math.IsNaN(d.JS) {
			distance += d.MaxAbs / max(math.Abs(b[i].Prediction.Value), 1e-6)
		} else {
			distance += d.JS
		}
	}
	n := float64(len(a))
	return distance / n, agreement / n
}
