package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/labelfolder"
	"github.com/gnomon-dev/gnomon/exporter/labelstore"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/tap/kafka"
	"github.com/prometheus/client_golang/prometheus"
	commonconfig "github.com/prometheus/common/config"
	"golang.org/x/sync/errgroup"
)

// The doors that labels come in by.
const (
	labelsByHTTP   = "http"
	labelsByKafka  = "kafka"
	labelsByFolder = "folder"
	labelsByEvent  = "event"
)

// labelDoors is what labels come in by beside POST /api/v1/labels, and the
// store behind them all.
type labelDoors struct {
	store    *labelstore.Disk // nil: in memory
	sources  []func(context.Context) error
	received *prometheus.CounterVec
	rejected *prometheus.CounterVec
}

func newLabelStore(c *config.Config, now func() time.Time, logger *slog.Logger) *labelstore.Disk {
	s := c.Labels.Store
	if s.Path == "" {
		return nil
	}
	return labelstore.OpenDisk(labelstore.DiskSettings{Path: s.Path, Limit: int64(s.MaxBytes), Now: now, Logger: logger})
}

func (a *App) newLabelDoors(registry *prometheus.Registry, store *labelstore.Disk) (*labelDoors, error) {
	counter := func(name, help string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"source"})
		registry.MustRegister(v)
		for _, source := range []string{labelsByHTTP, labelsByKafka, labelsByFolder, labelsByEvent} {
			v.WithLabelValues(source)
		}
		return v
	}
	d := &labelDoors{store: store,
		received: counter("gnomon_labels_received_total", "Labels taken by the door that they came in by, whatever became of them."),
		rejected: counter("gnomon_labels_rejected_total", "Labels, lines and records that could not be read as labels, by the door that they came in by."),
	}
	c := &a.s.Config.Labels
	if c.Folder.Path != "" {
		f := labelfolder.New(labelfolder.Settings{Path: c.Folder.Path, Interval: time.Duration(c.Folder.Interval), Accept: a.accept(d, labelsByFolder),
			Rejected: d.rejected.WithLabelValues(labelsByFolder).Inc, Logger: a.s.Logger})
		d.sources = append(d.sources, f.Run)
	}
	if len(c.Kafka.Brokers) == 0 {
		return d, nil
	}
	mechanism, err := mechanismOf(c.Kafka.SASL)
	if err != nil {
		return nil, fmt.Errorf("labels.kafka: %w", err)
	}
	var secure *tls.Config
	if c.Kafka.TLS != nil {
		if secure, err = commonconfig.NewTLSConfig(c.Kafka.TLS); err != nil {
			return nil, fmt.Errorf("labels.kafka.tls: %w", err)
		}
	}
	k, err := kafka.NewLabels(kafka.LabelSettings{Brokers: c.Kafka.Brokers, Topics: c.Kafka.Topics, Group: c.Kafka.Group, DeadLetter: c.Kafka.DeadLetter,
		TLS: secure, SASL: mechanism, Accept: a.accept(d, labelsByKafka), Rejected: d.rejected.WithLabelValues(labelsByKafka).Inc, Logger: a.s.Logger})
	if err != nil {
		return nil, err
	}
	d.sources = append(d.sources, k.Run)
	return d, nil
}

// accept takes labels of one door.
func (a *App) accept(d *labelDoors, source string) func([]record.Label) []error {
	received := d.received.WithLabelValues(source)
	return func(list []record.Label) []error {
		for i := range list {
			a.redact(&list[i])
		}
		errs := a.models.Accept(list)
		for i, err := range errs {
			if err != nil {
				continue
			}
			received.Inc()
			if a.log != nil {
				a.log.Accept(list[i])
			}
		}
		return errs
	}
}

// redact takes out of a label's texts what may not be shown.
func (a *App) redact(l *record.Label) {
	l.Class = a.redactor.Text(l.Class)
	for i := range l.Classes {
		l.Classes[i] = a.redactor.Text(l.Classes[i])
	}
	for i := range l.Votes {
		v := &l.Votes[i]
		v.Class, v.Annotator = a.redactor.Text(v.Class), a.redactor.Text(v.Annotator)
	}
	for i := range l.Boxes {
		l.Boxes[i].Class = a.redactor.Text(l.Boxes[i].Class)
	}
}

// run reads what comes until ctx ends, and keeps the store in order.
func (d *labelDoors) run(ctx context.Context, g *errgroup.Group, a *App) {
	for _, source := range d.sources {
		g.Go(func() error { return source(ctx) })
	}
	g.Go(func() error {
		if err := a.models.Labels(ctx); err != nil {
			a.s.Logger.Warn("label store has no last checkpoint; its log is read at the next start", "error", err)
		}
		return nil
	})
}

// backup writes the store as an archive; nil where it is in memory.
func (d *labelDoors) backup() func(io.Writer) error {
	if d.store == nil {
		return nil
	}
	return d.store.WriteBackup
}

func (d *labelDoors) close() error {
	if d.store == nil {
		return nil
	}
	return d.store.Close()
}

// byHTTP is the door of POST /api/v1/labels.
type byHTTP struct {
	a *App
	d *labelDoors
}

func (h byHTTP) Accept(list []record.Label) []error { return h.a.accept(h.d, labelsByHTTP)(list) }
func (h byHTTP) Rejected(n int)                     { h.d.rejected.WithLabelValues(labelsByHTTP).Add(float64(n)) }
