package app

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/api"
	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/history"
	"github.com/gnomon-dev/gnomon/exporter/metrics"
	"github.com/gnomon-dev/gnomon/exporter/monitor/identity"
	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/exporter/queue"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/result"
	"github.com/gnomon-dev/gnomon/exporter/sampler"
	"github.com/gnomon-dev/gnomon/exporter/tap"
	"github.com/gnomon-dev/gnomon/exporter/tap/push"
	"github.com/gnomon-dev/gnomon/exporter/traffic"
	"github.com/gnomon-dev/gnomon/exporter/web"
	"github.com/gnomon-dev/gnomon/shadow/child"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	dropQueueFull   = "queue_full"  // nobody takes captures as fast as they come
	dropUndecodable = "undecodable" // nothing in the capture could be read
	kindMisfit      = "features_do_not_fit"
)

func newTraffic(c *config.Config, registry *prometheus.Registry, now func() time.Time, done func(record.Done, string)) *traffic.Traffic {
	return traffic.New(traffic.Settings{Done: done, Registerer: registry, Now: now, Span: time.Duration(c.Evaluation.RecentSpan), MaxModels: c.Evaluation.MaxModels,
		Reasons: append(tap.DropReasons(), dropQueueFull, dropUndecodable), Kinds: append(oip.Kinds(), kindMisfit)})
}

// emit is where a tap's capture enters: it is queued, or dropped and counted.
func (a *App) emit(c *record.Capture) {
	a.name(c)
	a.machine.answered(c)
	model := c.Model
	if !a.queue.Push(c) {
		a.traffic.Dropped(dropQueueFull)
		c.Release()
		return
	}
	a.traffic.Sampled(model)
}

// name gives records that name no model the only one that is configured.
func (a *App) name(c *record.Capture) {
	only := a.s.Config.Models
	if len(only) != 1 || c.Model != "" {
		return
	}
	c.Model = only[0].Name
	for i := range c.Records {
		if c.Records[i].Model == "" {
			c.Records[i].Model = c.Model
		}
	}
}

func (a *App) undecodable(*record.Capture, error) { a.traffic.Dropped(dropUndecodable) }

func restartReasons() []string { return child.Reasons() }

// served asks the served model directly.
type served struct {
	client         *oip.Client
	model, version string
}

func (p served) Infer(ctx context.Context, inputs []tensor.Tensor) ([]tensor.Tensor, error) {
	m, err := p.client.Infer(ctx, p.model, p.version, oip.Message{ID: "gnomon-golden", Tensors: inputs})
	return m.Tensors, err
}

func (a *App) primary(model, version string) identity.Primary {
	return served{oip.NewClient(a.upstream, &http.Client{Timeout: 10 * time.Second}), model, version}
}

// discover asks the server for its models until it answers, and watches those
// that the configuration does not list.
func (a *App) discover(ctx context.Context) error {
	client := oip.NewClient(a.upstream, &http.Client{Timeout: 5 * time.Second})
	for {
		models, err := client.Models(ctx)
		if err == nil {
			for _, m := range models {
				a.models.Discover(m.Name, m.Version)
			}
			a.evaluator.Wake()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(30 * time.Second):
		}
	}
}

// requests is what the tap has seen of a model.
func (a *App) requests(model string) result.Requests {
	out := result.Requests{Total: a.traffic.Totals(model)}
	r, ok := a.traffic.Recent(model)
	if !ok {
		return out
	}
	out.Recent, out.PerSecond = r.Requests, r.PerSecond
	if r.Requests > 0 {
		ratio := float64(r.Bad) / float64(r.Requests)
		out.ErrorRate = &ratio
	}
	out.P50, out.P95, out.P99 = finite(r.P50), finite(r.P95), finite(r.P99)
	return out
}

func finite(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}

func (a *App) tap(cohort *sampler.Hash) func() result.Tap {
	return func() result.Tap {
		t := result.Tap{Upstream: a.upstream.Redacted(), SampleRate: cohort.Rate(), QueueBytes: a.queue.Bytes(), QueueCapacity: a.queue.Capacity()}
		t.Sampled, t.Dropped, t.Anomalies = a.traffic.Health()
		return t
	}
}

func newQueue(c config.Queue, registry *prometheus.Registry, cohort *sampler.Hash) *queue.Queue {
	q := queue.New(int64(c.MaxBytes))
	gauge := func(name, help string, value func() float64) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("gnomon_queue_bytes", "Bytes of captures: in progress at the tap, queued, being decoded.", func() float64 { return float64(q.Bytes()) })
	gauge("gnomon_queue_capacity_bytes", "The most that gnomon_queue_bytes can be; beyond it captures are dropped and counted.", func() float64 { return float64(q.Capacity()) })
	gauge("gnomon_sampling_rate_ratio", "Share of the cohort keys that are sampled.", func() float64 { return cohort.Rate() })
	return q
}

func registerProcess(registry *prometheus.Registry, b result.Build) {
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "gnomon_build_info", Help: "1 for this build of gnomon.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "goversion": b.Go}}, func() float64 { return 1 })
	registry.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

// pages is gnomon's own web server.
func (a *App) pages(registry *prometheus.Registry, series *metrics.Snapshot, store *history.Store, cohort *sampler.Hash) http.Handler {
	records := push.New(push.Settings{Emit: a.emit, Sampler: cohort, Observer: a.traffic, Now: a.s.Now})
	exposition := metrics.Handler(registry, series, promhttp.HandlerOpts{EnableOpenMetrics: true, ErrorHandling: promhttp.ContinueOnError,
		ErrorLog: slog.NewLogLogger(a.s.Logger.Handler(), slog.LevelError)})
	return web.New(web.Settings{Metrics: exposition, Registerer: registry, Ready: a.ready, Page: a.s.Page, Logger: a.s.Logger,
		API: api.New(api.Settings{State: store, Labels: byHTTP{a, a.labels}, Backup: a.labels.backup(), Kept: a, Records: records, Worst: a.models, Logger: a.s.Logger, MaxStreams: 50})})
}

// Start says in one line what will be watched.
func (a *App) Start() string {
	names := ""
	for _, s := range a.models.Specs() {
		names += fmt.Sprintf(" %s (%d shadows)", s.Config.Name, len(s.Config.Shadows))
	}
	for _, j := range a.s.Config.Training {
		names += " training job " + j.Job
	}
	if names == "" {
		names = " whatever models its traffic shows"
	}
	return "watching" + names
}
