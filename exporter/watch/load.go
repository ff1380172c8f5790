package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/feature"
	"github.com/gnomon-dev/gnomon/exporter/monitor/identity"
	"github.com/gnomon-dev/gnomon/exporter/monitor/labels"
	"github.com/gnomon-dev/gnomon/exporter/monitor/suspect"
	"github.com/gnomon-dev/gnomon/exporter/reference"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/source"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Loader puts engines and references in place, while traffic already flows,
// and keeps them up to date.
type Loader struct {
	// Source finds a shadow's model where it is kept.
	Source func(config.Shadow) (source.Source, error)
	// Open starts an engine. restarted is told of each restart.
	Open func(ctx context.Context, s config.Shadow, m source.Model, restarted func(reason string, lost int)) (shadow.Engine, error)
	// Primary asks the served model directly, not through the tap; nil where
	// there is no server to ask.
	Primary func(model, version string) identity.Primary
	// Changed is told whenever something came into place or failed.
	Changed func()
	// Shown is a feature's text as it may be shown; nil: as it is.
	Shown  func(feature, text string) string
	Now    func() time.Time
	Logger *slog.Logger
}

// Run loads a model, follows its shadows to where their models are kept and
// keeps its fingerprint probed, until ctx ends. What fails is logged, shown in
// the results and tried again.
func (l *Loader) Run(ctx context.Context, spec *Spec) error {
	log := l.Logger.With("model", spec.Config.Name)
	ref, err := l.reference(spec)
	if err != nil {
		spec.Fail(err.Error())
		log.Error("reference cannot be used; watching without one", "error", err)
	}
	var others sync.WaitGroup
	defer others.Wait()
	running := newRunning(len(spec.Config.Shadows))
	for i := range spec.Config.Shadows {
		others.Go(func() { l.follow(ctx, spec, i, running, log) })
	}
	if spec.Config.Explain.Interval > 0 {
		others.Go(func() { l.explainLoop(ctx, spec) })
	}
	if spec.Config.Skew.File != "" {
		others.Go(func() { l.followLogged(ctx, spec, log) })
	}
	others.Go(func() { l.measureNoise(ctx, spec, ref, running, log) })
	for running.next(ctx) {
		l.Changed()
		l.stand(ctx, spec, ref, running, log)
		if p := spec.prober.Load(); p != nil && !running.probing {
			running.probing = true
			others.Go(func() { _ = p.Run(ctx) }) // it ends with ctx alone
		}
		l.Changed()
	}
	return nil
}

// stand makes what rests on the engines: the reference's profile, anew when
// the model that ought to be served is another, and the fingerprint's answers.
func (l *Loader) stand(ctx context.Context, spec *Spec, ref *reference.Reference, r *running, log *slog.Logger) {
	engines := r.list()
	if ref == nil {
		return
	}
	digest := "none"
	if e := registered(spec, engines); e != nil {
		digest = e.Model().Digest
	}
	if digest != r.stood {
		if err := l.baseline(ctx, spec, ref, engines); err != nil {
			if ctx.Err() == nil && !errors.Is(err, shadow.ErrClosed) {
				spec.Fail(err.Error())
				log.Error("reference cannot be used; watching without one", "error", err)
			}
			return
		}
		r.stood = digest
		log.Info("reference in place", "file", ref.Source, "rows", ref.Rows, "outputs", spec.Reader.Decision())
	}
	l.fingerprint(ctx, spec, ref, engines)
}

func (l *Loader) reference(spec *Spec) (*reference.Reference, error) {
	c := spec.Config.Reference
	if c.File == "" {
		return nil, nil
	}
	return reference.Load(reference.Options{File: c.File, Label: c.Label, Exclude: c.Exclude})
}

// registered is the engine that stands for the model that ought to be served:
// the twin, else the first that runs.
func registered(spec *Spec, engines []shadow.Engine) shadow.Engine {
	var first shadow.Engine
	for i, e := range engines {
		if e == nil {
			continue
		}
		if spec.Config.Shadows[i].Role == "twin" {
			return e
		}
		if first == nil {
			first = e
		}
	}
	return first
}

// baseline makes the reference's profile: features of every row and, where an
// engine runs, what the model answers to it.
func (l *Loader) baseline(ctx context.Context, spec *Spec, ref *reference.Reference, engines []shadow.Engine) error {
	b := &Baseline{Source: ref.Source, Loaded: l.Now()}
	engine := registered(spec, engines)
	if ref.Profile != nil {
		b.Profile = ref.Profile
		if engine != nil {
			if e, err := feature.New(engine.Model().Inputs, nil); err == nil {
				spec.setExtractor(e)
			}
		}
		spec.SetBaseline(b)
		return nil
	}
	b.Truth = map[string]int{}
	for _, t := range ref.Labels {
		b.Truth[spec.classNamed(t)]++
	}
	b.Dependence = labels.Dependence(ref.Labels)
	inputs := flat(ref)
	if engine != nil {
		inputs = engine.Model().Inputs
	}
	samples, err := ref.Samples(inputs)
	if err != nil {
		return err
	}
	extractor, err := feature.New(inputs, ref.Names())
	if err != nil {
		return err
	}
	rows := make([][]feature.Value, len(samples))
	for i, s := range samples {
		if rows[i], err = extractor.Extract(nil, s); err != nil {
			return err
		}
		show(l.Shown, extractor.Names(), rows[i])
	}
	b.Suspect = suspects(rows)
	if engine != nil {
		l.explainer(spec, engine, samples, ref.Names())
		if err := l.answers(ctx, spec, b, engine, samples, ref.Labels, rows); err != nil {
			return err
		}
	}
	b.Suspect = thin(b.Suspect)
	names := append(append([]string{}, extractor.Names()...), predictionFeature, confidenceFeature)
	if b.Profile, err = profile.FromColumns(Columns(names, rows), profile.Options{}); err != nil {
		return err
	}
	b.Profile.Source = ref.Source
	spec.setExtractor(extractor)
	spec.SetBaseline(b)
	return nil
}

// suspects is the reference's rows as the signs of attack take them; margins
// are filled in by answers.
func suspects(rows [][]feature.Value) []suspect.Row {
	out := make([]suspect.Row, len(rows))
	for i, row := range rows {
		out[i] = suspect.Row{Values: slices.Clip(row), Margin: math.NaN()}
	}
	return out
}

// flat describes the reference's columns as the one input that tabular models
// have, where no model says what it wants.
func flat(ref *reference.Reference) []shadow.IO {
	return []shadow.IO{{Name: "input", Type: tensor.Float64, Shape: []int64{-1, int64(len(ref.Columns))}}}
}

// answers appends to every row what the model answers to it, and counts how
// often that is right.
func (l *Loader) answers(ctx context.Context, spec *Spec, b *Baseline, engine shadow.Engine, samples []shadow.Sample, truth []string, rows [][]feature.Value) error {
	const batch = 256
	for at := 0; at < len(samples); at += batch {
		end := min(at+batch, len(samples))
		results, err := engine.Infer(ctx, samples[at:end])
		if err != nil {
			return err
		}
		for k, r := range results {
			i := at + k
			prediction, confidence := feature.Nothing(), feature.Nothing()
			if p, err := read(spec, r); err == nil && p.Class >= 0 {
				b.Suspect[i].Margin = margin(&p)
				class := spec.ClassName(p.Class)
				prediction = feature.Value{Text: class, IsText: true}
				confidence = feature.Value{Number: p.Confidence, Missing: math.IsNaN(p.Confidence)}
				if truth != nil {
					b.answer(spec, p, truth[i])
				}
			} else if err == nil && p.Labels != nil {
				prediction, confidence = feature.Value{Number: float64(len(p.Labels))}, feature.Value{Number: p.Confidence}
			} else if err == nil {
				prediction = feature.Value{Number: p.Value}
			}
			rows[i] = append(rows[i], prediction, confidence)
		}
	}
	return nil
}

// answer notes the model's answer to a row whose truth is known.
func (b *Baseline) answer(spec *Spec, p compare.Prediction, truth string) {
	a := labels.Answer{Class: spec.ClassName(p.Class), Truth: spec.classNamed(truth), Confidence: p.Confidence}
	if len(p.Probabilities) <= maxScores {
		for _, v := range p.Probabilities {
			a.Scores = append(a.Scores, float32(v))
		}
	}
	b.Labelled++
	if a.Class == a.Truth {
		b.Correct++
	}
	b.Answers = append(b.Answers, a)
}

func read(spec *Spec, r shadow.Result) (compare.Prediction, error) {
	if r.Err != nil {
		return compare.Prediction{}, r.Err
	}
	return spec.Reader.Read(r.Outputs)
}

// fingerprint prepares the probe of golden inputs, the reference's first rows,
// and every known model's answers to them.
func (l *Loader) fingerprint(ctx context.Context, spec *Spec, ref *reference.Reference, engines []shadow.Engine) {
	engine := registered(spec, engines)
	if l.Primary == nil || spec.Config.Identity.Interval == 0 || ref.Profile != nil || engine == nil {
		return
	}
	samples, err := ref.Samples(engine.Model().Inputs)
	if err != nil {
		return // told already
	}
	golden := samples[:min(spec.Config.Identity.Inputs, len(samples))]
	var known []identity.Known
	for i, e := range engines {
		if e == nil {
			continue
		}
		answers, err := golds(ctx, spec, e, golden)
		if err != nil {
			l.Logger.Warn("no fingerprint of a shadow", "model", spec.Config.Name, "shadow", spec.Config.Shadows[i].Name, "error", err)
			continue
		}
		known = append(known, identity.Known{Name: spec.Config.Shadows[i].Name, Role: spec.Config.Shadows[i].Role, Answers: answers})
	}
	if p := spec.prober.Load(); p != nil {
		p.Know(golden, known)
		return
	}
	p := identity.New(identity.Settings{Primary: l.Primary(spec.Config.Name, spec.Config.Version), Reader: spec.Reader, Comparer: spec.Replay.Comparer,
		Golden: golden, Known: known, Interval: time.Duration(spec.Config.Identity.Interval), Timeout: 5 * time.Second, Limit: identity.DefaultLimit, Now: l.Now,
		Matched: (&rounds{spec: spec, ref: ref, now: l.Now, log: l.Logger.With("model", spec.Config.Name)}).matched})
	if set, err := l.triggers(spec, engine); err != nil {
		spec.Fail(err.Error())
		l.Logger.Error("trigger set cannot be used; the primary is not probed with it", "model", spec.Config.Name, "error", err)
	} else {
		p.Watch(set, spec.ClassName)
	}
	spec.prober.Store(p)
}

// triggers loads the trigger set: rows like the reference's, with the answer
// that each must get.
func (l *Loader) triggers(spec *Spec, engine shadow.Engine) ([]identity.Trigger, error) {
	c := spec.Config.Identity.TriggerSet
	if c.File == "" {
		return nil, nil
	}
	set, err := reference.Load(reference.Options{File: c.File, Label: c.Label, Exclude: c.Exclude})
	if err != nil {
		return nil, fmt.Errorf("trigger set: %w", err)
	}
	samples, err := set.Samples(engine.Model().Inputs)
	if err != nil {
		return nil, fmt.Errorf("trigger set: %w", err)
	}
	out := make([]identity.Trigger, len(samples))
	for i := range samples {
		out[i] = identity.Trigger{Input: samples[i], Want: set.Labels[i]}
	}
	return out, nil
}

func golds(ctx context.Context, spec *Spec, e shadow.Engine, golden []shadow.Sample) ([]compare.Answer, error) {
	results, err := e.Infer(ctx, golden)
	if err != nil {
		return nil, err
	}
	var errs []error
	out := make([]compare.Answer, len(results))
	for i, r := range results {
		p, err := read(spec, r)
		errs = append(errs, err)
		out[i] = compare.Answer{Prediction: p, Outputs: r.Outputs}
	}
	return out, errors.Join(errs...)
}
