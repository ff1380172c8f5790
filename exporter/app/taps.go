package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/pipeline"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/sampler"
	"github.com/gnomon-dev/gnomon/exporter/tap/cloudevents"
	"github.com/gnomon-dev/gnomon/exporter/tap/file"
	"github.com/gnomon-dev/gnomon/exporter/tap/kafka"
	"github.com/gnomon-dev/gnomon/exporter/tap/mirror"
	"github.com/gnomon-dev/gnomon/exporter/tap/proxy"
	"github.com/gnomon-dev/gnomon/exporter/tap/route"
	"github.com/prometheus/client_golang/prometheus"
	commonconfig "github.com/prometheus/common/config"
	"golang.org/x/sync/errgroup"
)

// door is a tap that clients or loggers connect to.
type door struct {
	name, address string
	server        *http.Server
	close         func()
}

// taps are the ways in that the configuration turns on.
type taps struct {
	doors   []door
	sources []pipeline.Source
}

func (a *App) newTaps(cohort *sampler.Hash) (*taps, error) {
	c, t := a.s.Config, &taps{}
	for _, add := range []func(*config.Config, *sampler.Hash, *taps) error{a.addHTTP, a.addGRPC, a.addMirror, a.addCloudEvents, a.addKafka, a.addFile} {
		if err := add(c, cohort, t); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (a *App) proxySettings(upstream *url.URL, cohort *sampler.Hash) proxy.Settings {
	c := a.s.Config
	return proxy.Settings{Upstream: upstream, Sampler: cohort, Observer: a.traffic, Emit: a.emit, Budget: a.queue.Budget(),
		BodyLimit: int64(c.Queue.BodyLimit), KeyHeader: c.Sampling.KeyHeader, Headers: c.Headers(), Logger: a.s.Logger, Now: a.s.Now}
}

func (a *App) addHTTP(c *config.Config, cohort *sampler.Hash, t *taps) error {
	if c.Upstream == "" {
		return nil
	}
	settings := a.proxySettings(a.upstream, cohort)
	settings.Route = route.With(endpoints(c.Models))
	p, err := proxy.New(settings)
	if err != nil {
		return err
	}
	t.doors = append(t.doors, door{"clients", c.Listen, proxy.Server(p, a.s.Logger), p.Close})
	return nil
}

func (a *App) addGRPC(c *config.Config, cohort *sampler.Hash, t *taps) error {
	if c.Taps.GRPC.Listen == "" {
		return nil
	}
	upstream, err := url.Parse(c.Taps.GRPC.Upstream)
	if err != nil {
		return fmt.Errorf("taps.grpc.upstream: %w", err)
	}
	p, err := proxy.NewGRPC(a.proxySettings(upstream, cohort))
	if err != nil {
		return err
	}
	t.doors = append(t.doors, door{"gRPC clients", c.Taps.GRPC.Listen, proxy.Server(p, a.s.Logger), p.Close})
	return nil
}

func (a *App) addMirror(c *config.Config, cohort *sampler.Hash, t *taps) error {
	if c.Taps.Mirror.Listen == "" {
		return nil
	}
	h := mirror.New(mirror.Settings{Route: route.With(endpoints(c.Models)), Sampler: cohort, Observer: a.traffic, Emit: a.emit, Budget: a.queue.Budget(), BodyLimit: int64(c.Queue.BodyLimit), KeyHeader: c.Sampling.KeyHeader, Headers: c.Headers(), Logger: a.s.Logger, Now: a.s.Now})
	t.doors = append(t.doors, door{"mirrored requests", c.Taps.Mirror.Listen, proxy.Server(h, a.s.Logger), func() {}})
	return nil
}

func (a *App) addCloudEvents(c *config.Config, cohort *sampler.Hash, t *taps) error {
	e := c.Taps.CloudEvents
	if e.Listen == "" {
		return nil
	}
	r := cloudevents.New(cloudevents.Settings{Sampler: cohort, Observer: a.traffic, Emit: a.emit, Label: a.label, Budget: a.queue.Budget(),
		BodyLimit: int64(c.Queue.BodyLimit), TTL: time.Duration(e.TTL), MaxPending: e.MaxPending, Now: a.s.Now})
	t.doors = append(t.doors, door{"events", e.Listen, proxy.Server(r, a.s.Logger), func() {}})
	return nil
}

// label takes a label that came with the traffic.
func (a *App) label(l record.Label) {
	if err := a.accept(a.labels, labelsByEvent)([]record.Label{l})[0]; err != nil {
		a.s.Logger.Debug("a label is of no use", "error", err)
	}
}

func (a *App) addKafka(c *config.Config, cohort *sampler.Hash, t *taps) error {
	k := c.Taps.Kafka
	if len(k.Brokers) == 0 {
		return nil
	}
	mechanism, err := mechanismOf(k.SASL)
	if err != nil {
		return err
	}
	var secure *tls.Config
	if k.TLS != nil {
		if secure, err = commonconfig.NewTLSConfig(k.TLS); err != nil {
			return fmt.Errorf("taps.kafka.tls: %w", err)
		}
	}
	s, err := kafka.New(kafka.Settings{Brokers: k.Brokers, Topics: k.Topics, Group: k.Group, TLS: secure, SASL: mechanism, DeadLetter: k.DeadLetter,
		Sampler: cohort, Observer: a.traffic, Full: a.full, Lag: a.lag(k.Topics), TTL: time.Duration(k.TTL), Logger: a.s.Logger, Now: a.s.Now})
	if err != nil {
		return err
	}
	t.sources = append(t.sources, s)
	return nil
}

// lag makes the gauge of Kafka's lag, a series a topic.
func (a *App) lag(topics []string) func(topic string, records int64) {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "gnomon_kafka_lag_records",
		Help: "Records of a topic that are written and not committed by this consumer, of the partitions assigned to it."}, []string{"topic"})
	a.registry.MustRegister(g)
	for _, t := range topics {
		g.WithLabelValues(t).Set(0)
	}
	return func(topic string, records int64) { g.WithLabelValues(topic).Set(float64(records)) }
}

// mechanismOf is how gnomon tells Kafka who it is; nil where it does not.
func mechanismOf(s config.SASL) (kafka.Mechanism, error) {
	if s.Mechanism == "" {
		return nil, nil
	}
	secret, err := os.ReadFile(s.PasswordFile)
	if err != nil {
		return nil, fmt.Errorf("taps.kafka.sasl.password_file: %w", err)
	}
	return kafka.NewMechanism(s.Mechanism, s.Username, strings.TrimRight(string(secret), "\r\n"))
}

func (a *App) addFile(c *config.Config, _ *sampler.Hash, t *taps) error {
	if c.Taps.File.Path == "" {
		return nil
	}
	t.sources = append(t.sources, file.New(file.Settings{Path: c.Taps.File.Path, Observer: a.traffic, Full: a.full, Logger: a.s.Logger, Now: a.s.Now}))
	return nil
}

// full tells sources that can wait to do so: the queue is half used up, or a
// shadow is still loading and would miss what comes now.
func (a *App) full() bool {
	for _, spec := range a.models.Specs() {
		for _, s := range spec.Replay.Shadows {
			if s.Loading() {
				return true
			}
		}
	}
	return a.queue.Bytes() > a.queue.Capacity()/2
}

// listen opens every door before anything is served: an address that is taken
// is an error at the start.
func (t *taps) listen() ([]net.Listener, error) {
	var out []net.Listener
	for _, d := range t.doors {
		l, err := net.Listen("tcp", d.address)
		if err != nil {
			for _, l := range out {
				l.Close()
			}
			return nil, fmt.Errorf("listen for %s: %w", d.name, err)
		}
		out = append(out, l)
	}
	return out, nil
}

// run serves the doors and runs the sources.
func (t *taps) run(ctx context.Context, g *errgroup.Group, listeners []net.Listener, emit func(*record.Capture), logger *slog.Logger) {
	for i, d := range t.doors {
		g.Go(func() error { return ignoreClosed(d.server.Serve(listeners[i])) })
	}
	for _, s := range t.sources {
		g.Go(func() error {
			err := s.Run(ctx, emit)
			if ctx.Err() == nil && err == nil {
				logger.Info("recorded traffic is read to its end")
			}
			return err
		})
	}
}

// shutdown lets running requests end, for a while.
func (t *taps) shutdown(ctx context.Context) error {
	var errs []error
	for _, d := range t.doors {
		err := d.server.Shutdown(ctx)
		if err != nil {
			err = d.server.Close()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (t *taps) close() {
	for _, d := range t.doors {
		d.close()
	}
}
