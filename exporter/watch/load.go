package watch

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/feature"
	"github.com/gnomon-dev/gnomon/exporter/monitor/identity"
	"github.com/gnomon-dev/gnomon/exporter/reference"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Loader puts engines and references in place, while traffic already flows.
type Loader struct {
	// Open starts an engine. restarted is told of each restart.
	Open func(ctx context.Context, s config.Shadow, restarted func(reason string, lost int)) (shadow.Engine, error)
	// Primary asks the served model directly, not through the tap; nil where
	// there is no server to ask.
	Primary func(model, version string) identity.Primary
	// Changed is told whenever something came into place or failed.
	Changed func()
	Now     func() time.Time
	Logger  *slog.Logger
}

const (
	firstRetry = 2 * time.Second
	lastRetry  = time.Minute
)

// Run loads a model and keeps its fingerprint probed until ctx ends. What
// fails is logged, shown in the results and, for engines, tried again.
func (l *Loader) Run(ctx context.Context, spec *Spec) error {
	log := l.Logger.With("model", spec.Config.Name)
	ref, err := l.reference(spec)
	if err != nil {
		spec.Fail(err.Error())
		log.Error("reference cannot be used; watching without one", "error", err)
	}
	engines := l.engines(ctx, spec, log)
	defer closeAll(engines)
	l.Changed()
	if ctx.Err() != nil {
		return nil
	}
	if ref != nil {
		if err := l.baseline(ctx, spec, ref, engines); err != nil {
			spec.Fail(err.Error())
			log.Error("reference cannot be used; watching without one", "error", err)
		} else {
			log.Info("reference in place", "file", ref.Source, "rows", ref.Rows, "outputs", spec.Reader.Decision())
		}
	}
	l.Changed()
	if p := l.prober(ctx, spec, ref, engines); p != nil {
		spec.prober.Store(p)
		return p.Run(ctx)
	}
	<-ctx.Done()
	return nil
}

func (l *Loader) reference(spec *Spec) (*reference.Reference, error) {
	c := spec.Config.Reference
	if c.File == "" {
		return nil, nil
	}
	return reference.Load(reference.Options{File: c.File, Label: c.Label, Exclude: c.Exclude})
}

// engines starts every shadow of a model and waits until each runs or has
// failed once; those that failed are tried again behind the scenes.
func (l *Loader) engines(ctx context.Context, spec *Spec, log *slog.Logger) []shadow.Engine {
	engines := make([]shadow.Engine, len(spec.Config.Shadows))
	var wg sync.WaitGroup
	for i, c := range spec.Config.Shadows {
		wg.Go(func() {
			e, err := l.Open(ctx, c, func(reason string, _ int) { spec.Restarts[i].add(reason) })
			if err == nil {
				engines[i] = e
				spec.Replay.Shadows[i].SetEngine(e, "")
				m := e.Model()
				log.Info("shadow in place", "shadow", c.Name, "provider", m.Provider, "runtime", m.Runtime, "load", m.Load, "warm_up", m.WarmUp)
				return
			}
			spec.Replay.Shadows[i].SetEngine(nil, err.Error())
			log.Error("shadow does not run; the proxy is not affected, and it will be tried again", "shadow", c.Name, "error", err)
			go l.retry(ctx, spec, i, log)
		})
	}
	wg.Wait()
	return engines
}

// retry tries a failed engine until it runs or ctx ends. It closes it itself:
// the others are closed by Run.
func (l *Loader) retry(ctx context.Context, spec *Spec, i int, log *slog.Logger) {
	c := spec.Config.Shadows[i]
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		e, err := l.Open(ctx, c, func(reason string, _ int) { spec.Restarts[i].add(reason) })
		if err != nil {
			spec.Replay.Shadows[i].SetEngine(nil, err.Error())
			continue
		}
		spec.Replay.Shadows[i].SetEngine(e, "")
		l.Changed()
		log.Info("shadow in place after all", "shadow", c.Name)
		<-ctx.Done()
		_ = e.Close() // the process ends
		return
	}
}

func closeAll(engines []shadow.Engine) {
	for _, e := range engines {
		if e != nil {
			_ = e.Close() // the process ends
		}
	}
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
	}
	if engine != nil {
		if err := l.answers(ctx, spec, b, engine, samples, ref.Labels, rows); err != nil {
			return err
		}
	}
	names := append(append([]string{}, extractor.Names()...), predictionFeature, confidenceFeature)
	if b.Profile, err = profile.FromColumns(Columns(names, rows), profile.Options{}); err != nil {
		return err
	}
	b.Profile.Source = ref.Source
	spec.setExtractor(extractor)
	spec.SetBaseline(b)
	return nil
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
				class := spec.ClassName(p.Class)
				prediction = feature.Value{Text: class, IsText: true}
				confidence = feature.Value{Number: p.Confidence, Missing: math.IsNaN(p.Confidence)}
				if truth != nil {
					b.Labelled++
					if truth[i] == class {
						b.Correct++
					}
				}
			} else if err == nil {
				prediction = feature.Value{Number: p.Value}
			}
			rows[i] = append(rows[i], prediction, confidence)
		}
	}
	return nil
}

func read(spec *Spec, r shadow.Result) (compare.Prediction, error) {
	if r.Err != nil {
		return compare.Prediction{}, r.Err
	}
	return spec.Reader.Read(r.Outputs)
}

// prober prepares the fingerprint: golden inputs from the reference's first
// rows, and every known model's answers to them.
func (l *Loader) prober(ctx context.Context, spec *Spec, ref *reference.Reference, engines []shadow.Engine) *identity.Prober {
	if l.Primary == nil {
		return nil // nobody to ask
	}
	engine := registered(spec, engines)
	if spec.Config.Identity.Interval == 0 || ref == nil || ref.Profile != nil || engine == nil {
		return nil
	}
	samples, err := ref.Samples(engine.Model().Inputs)
	if err != nil {
		return nil // told already
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
	return identity.New(identity.Settings{Primary: l.Primary(spec.Config.Name, spec.Config.Version), Reader: spec.Reader, Comparer: spec.Replay.Comparer,
		Golden: golden, Known: known, Interval: time.Duration(spec.Config.Identity.Interval), Timeout: 5 * time.Second, Limit: identity.DefaultLimit, Now: l.Now})
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
