// Package app assembles gnomon: New is the path of a record, top to bottom.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/device"
	"github.com/gnomon-dev/gnomon/exporter/evaluate"
	"github.com/gnomon-dev/gnomon/exporter/governor"
	"github.com/gnomon-dev/gnomon/exporter/history"
	"github.com/gnomon-dev/gnomon/exporter/inferencelog"
	"github.com/gnomon-dev/gnomon/exporter/labelstore"
	"github.com/gnomon-dev/gnomon/exporter/metrics"
	"github.com/gnomon-dev/gnomon/exporter/pipeline"
	"github.com/gnomon-dev/gnomon/exporter/queue"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/redact"
	"github.com/gnomon-dev/gnomon/exporter/replay"
	"github.com/gnomon-dev/gnomon/exporter/result"
	"github.com/gnomon-dev/gnomon/exporter/sampler"
	"github.com/gnomon-dev/gnomon/exporter/tap"
	"github.com/gnomon-dev/gnomon/exporter/tap/jsonbody"
	"github.com/gnomon-dev/gnomon/exporter/tap/proxy"
	"github.com/gnomon-dev/gnomon/exporter/tracing"
	"github.com/gnomon-dev/gnomon/exporter/traffic"
	"github.com/gnomon-dev/gnomon/exporter/watch"
	"github.com/gnomon-dev/gnomon/exporter/web"
	"github.com/gnomon-dev/gnomon/shadow/share"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// Settings is the wiring that the configuration does not say.
type Settings struct {
	Config *config.Config
	// Worker is the command of a shadow's child process.
	Worker []string
	// GPUWorker is the command of the GPU collector's; none where empty.
	GPUWorker []string
	Build     result.Build
	Logger    *slog.Logger
	Now       func() time.Time
	// Serve serves gnomon's own pages until the server is closed.
	Serve func(*http.Server) error
	// Page is the handler of /.
	Page http.Handler
}

// App is an assembled gnomon.
type App struct {
	s         Settings
	upstream  *url.URL
	taps      *taps
	models    *watch.Set
	loader    *watch.Loader
	devices   *share.Devices
	shares    map[string]int64 // of a CUDA device's memory, for each shadow there that sets no limit
	loop      *pipeline.Loop
	evaluator *evaluate.Evaluator
	web       http.Handler
	ready     *web.Ready
	queue     *queue.Queue
	traffic   *traffic.Traffic
	labels    *labelDoors
	machine   *machine
	registry  *prometheus.Registry
	cohort    *sampler.Hash
	governor  *governor.Governor
	redactor  *redact.Redactor
	digestKey []byte            // of digests in the log
	log       *inferencelog.Log // nil: off
	tracer    *tracing.Tracer   // nil: off
}

const (
	batchRecords = 64
	replayLimit  = 10 * time.Second
)

// New assembles gnomon. What several parts share is there already (prepare);
// this is the path of a record, from the tap to the pages.
func New(s Settings) (*App, error) {
	a, err := prepare(s)
	if err != nil {
		return nil, err
	}
	c := s.Config
	if a.cohort, err = sampler.New(c.Sampling.Rate, c.Sampling.Salt); err != nil {
		return nil, fmt.Errorf("sampling.rate: %w", err)
	}
	a.governor = newGovernor(c.Budget, a.cohort, a.registry, s.Logger)
	a.queue = newQueue(c.Queue, a.registry, a.cohort)
	if a.taps, err = a.newTaps(a.cohort); err != nil {
		return nil, err
	}
	waiting := newLabelStore(c, s.Now, s.Logger)
	a.models = newModels(c, s, a.traffic, waiting, a.wake, a.redactor)
	if a.labels, err = a.newLabelDoors(a.registry, waiting); err != nil {
		return nil, err
	}
	if a.log, err = a.newLog(a.registry, a.digestKey); err != nil {
		return nil, err
	}
	if a.devices, a.shares, err = newDevices(c); err != nil {
		return nil, err
	}
	a.loader = a.newLoader()
	decoder := tap.NewDecoder(a.traffic, int64(c.Queue.BodyLimit)*4, mappings(c.Models))
	a.loop = &pipeline.Loop{Queue: a.queue, Decoder: decoder, Replayer: replay.New(a.models.Lookup, replayLimit, s.Now),
		Monitor: a.monitors(), Batch: batchRecords, Undecodable: a.undecodable, Gather: newGatherer(c.Models, a.queue), Pace: a.governor.Pace}
	store, series := history.New(1000, 500), &metrics.Snapshot{}
	a.evaluator = evaluate.New(evaluate.Settings{Models: a.models, Requests: a.requests, Tap: a.tap(a.cohort), Publish: publish(store, series), Build: s.Build,
		Interval: time.Duration(c.Evaluation.Interval), Tick: time.Duration(c.Evaluation.Tick), Now: s.Now, Registerer: a.registry})
	a.web = a.pages(a.registry, series, store, a.cohort)
	return a, nil
}

// prepare makes what several parts share: the registry, what is known of the
// traffic and of the machine, the rules of privacy, the tracer.
func prepare(s Settings) (*App, error) {
	c := s.Config
	upstream, err := url.Parse(c.Upstream)
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	a := &App{s: s, upstream: upstream, ready: &web.Ready{}, registry: newRegistry(s.Build)}
	a.traffic = newTraffic(c, a.registry, s.Now, func(d record.Done, version string) { a.machine.done(d, version) })
	if a.machine, err = newMachine(s, a.registry, a.traffic); err != nil {
		return nil, err
	}
	if a.redactor, a.digestKey, err = NewRedactor(&c.InferenceLog); err != nil {
		return nil, err
	}
	a.tracer, err = newTracer(&s)
	return a, err
}

// wake asks for an evaluation now.
func (a *App) wake() { a.evaluator.Wake() }

func (a *App) newLoader() *watch.Loader {
	l := &watch.Loader{Source: a.openSource, Open: a.openEngine, Shown: a.redactor.Shown, Changed: a.wake, Now: a.s.Now, Logger: a.s.Logger}
	if a.s.Config.Upstream != "" {
		l.Primary = a.primary
	}
	return l
}

// publish puts a snapshot where the API and the metrics find it.
func publish(store *history.Store, series *metrics.Snapshot) func(*result.Snapshot, []result.Event) {
	return func(s *result.Snapshot, events []result.Event) {
		series.Publish(metrics.Families(s))
		store.Publish(s, events)
	}
}

// Run serves until ctx ends. The proxy starts first and stops last: clients
// must not notice gnomon.
func (a *App) Run(ctx context.Context) error {
	listeners, err := a.taps.listen()
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	own := &http.Server{Handler: a.web, ReadHeaderTimeout: 10 * time.Second}
	a.taps.run(ctx, g, listeners, a.emit, a.s.Logger)
	g.Go(func() error { return ignoreClosed(a.s.Serve(own)) })
	g.Go(func() error { return a.loop.Run(ctx) })
	g.Go(func() error { return a.evaluator.Run(ctx) })
	g.Go(func() error { return a.govern(ctx) })
	if a.log != nil {
		g.Go(func() error { return a.log.Run(ctx) })
	}
	for _, spec := range a.models.Specs() {
		g.Go(func() error { return a.loader.Run(ctx, spec) })
	}
	if a.s.Config.Discover.Enabled && a.s.Config.Upstream != "" {
		g.Go(func() error { return a.discover(ctx) })
	}
	a.machine.run(ctx, g)
	a.labels.run(ctx, g, a)
	a.ready.Set(true)
	g.Go(func() error {
		<-ctx.Done()
		a.ready.Set(false)
		return a.shutdown(own)
	})
	return errors.Join(g.Wait(), a.labels.close())
}

// shutdown lets running requests end, for a while.
func (a *App) shutdown(own *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := a.taps.shutdown(ctx)
	a.queue.Close()
	a.taps.close()
	if a.tracer != nil {
		if err := a.tracer.Close(ctx); err != nil {
			a.s.Logger.Debug("spans not sent", "error", err)
		}
	}
	return errors.Join(err, own.Close())
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func newModels(c *config.Config, s Settings, t *traffic.Traffic, waiting *labelstore.Disk, wake func(), r *redact.Redactor) *watch.Set {
	w := watch.Settings{Evaluation: c.Evaluation, Labels: c.Labels, Discover: c.Discover, Now: s.Now, Logger: s.Logger, Misfit: func() { t.Anomaly(kindMisfit) }, Fault: wake, Shown: r.Shown, Text: r.Text, Allowed: r.Allowed}
	if waiting != nil {
		w.Store = waiting
	}
	return watch.NewSet(c.Models, w, restartReasons(), func(model, version string) { t.Watch(model, version, proxy.Name) })
}

// monitors is everything that observations go to.
func (a *App) monitors() pipeline.Monitor {
	list := monitors{a.models}
	if a.tracer != nil {
		list = append(list, a.tracer)
	}
	if a.log != nil {
		list = append(list, a.log)
	}
	if c := a.s.Config; c.Device.Enabled {
		list = append(list, device.New(c.Device, c.Evaluation.MaxModels, a.registry))
	}
	return list
}

// mappings are those of models whose bodies follow no protocol.
func mappings(models []config.Model) map[string]jsonbody.Mapping {
	out := map[string]jsonbody.Mapping{}
	for _, m := range models {
		if b := m.Body; b != nil {
			out[m.Name] = jsonbody.Mapping{Inputs: b.Inputs, Outputs: b.Outputs, ID: b.ID, Label: b.Label}
		}
	}
	return out
}

// endpoints are the paths of such models that are no protocol's.
func endpoints(models []config.Model) map[string]string {
	out := map[string]string{}
	for _, m := range models {
		if b := m.Body; b != nil && b.Endpoint != "" {
			out[b.Endpoint] = m.Name
		}
	}
	return out
}

func newRegistry(b result.Build) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registerProcess(registry, b)
	return registry
}
