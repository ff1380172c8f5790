// Package inferencelog keeps sampled inferences in Parquet files, for the
// postmortem that needs the inputs: off by default, only the fields that are
// allowed by name, redacted, bounded in size and age, encrypted where wanted.
//
// Rows wait in memory, bounded, and become a file when they are many or old
// enough: a file is complete and never changes, but for deletions, which put
// another one in its place. What waits is lost where the process is killed.
// A label that comes while its row waits goes into the row; a later one into a
// file of labels. docs/inference-log.md describes the files.
package inferencelog

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gnomon-dev/gnomon/exporter/feature"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/redact"
)

// Models says how a model's inputs and answers read. watch.Set is one.
type Models interface {
	Features(model string) *feature.Extractor // nil: not known
	ClassName(model string, class int) string
}

// Sampler keeps cohorts. sampler.Hash is one.
type Sampler interface{ Keep(key string) bool }

// Settings is what a Log is made of.
type Settings struct {
	Store       *Store
	Models      Models
	Sampler     Sampler // of the records that are sampled already
	Redactor    *redact.Redactor
	DigestKey   []byte        // of input_digest; random where empty
	RotateBytes int64         // that rows of one model may hold in memory, about; 16 MiB where 0
	RotateEvery time.Duration // 5 min where 0
	Registerer  prometheus.Registerer
	Logger      *slog.Logger
	Now         func() time.Time
}

// mostKnown bounds the ids that late labels are taken for.
const mostKnown = 200_000

// Log takes observations. Safe for concurrent use; nothing that it does waits
// for a disk but Run and Delete.
type Log struct {
	s       Settings
	metrics *metrics

	mu       sync.Mutex
	open     map[modelVersion]*segment
	labels   map[string]*segment // late ones, by model
	held     int64
	known    map[uint64]bool // hashes of ids that were written
	order    []uint64        // ring of them
	next     int
	ready    chan struct{} // something may be ripe
	inFlight int64         // bytes being written
}

type modelVersion struct{ model, version string }

// New returns a Log.
func New(s Settings) *Log {
	if s.RotateBytes <= 0 {
		s.RotateBytes = 16 << 20
	}
	if s.RotateEvery <= 0 {
		s.RotateEvery = 5 * time.Minute
	}
	if len(s.DigestKey) == 0 {
		s.DigestKey = make([]byte, 32)
		_, _ = rand.Read(s.DigestKey) // never fails
	}
	return &Log{s: s, metrics: newMetrics(s.Registerer), open: map[modelVersion]*segment{}, labels: map[string]*segment{}, known: map[uint64]bool{}, ready: make(chan struct{}, 1)}
}

// Observe takes observations in. It implements pipeline.Monitor.
func (l *Log) Observe(list []record.Observation) {
	for i := range list {
		o := &list[i]
		if !l.s.Sampler.Keep(o.Key) {
			continue
		}
		r := l.row(o)
		l.mu.Lock()
		if l.held+l.inFlight >= 2*l.s.RotateBytes { // the disk does not keep up
			l.mu.Unlock()
			l.metrics.dropped.Inc()
			continue
		}
		k := modelVersion{o.Model, o.Version}
		seg := l.open[k]
		if seg == nil {
			seg = newSegment(l.s.Now())
			l.open[k] = seg
		}
		seg.describe(l.s.Models.Features(o.Model), l.s.Redactor)
		seg.add(r)
		l.held += r.size
		l.remember(xxhash.Sum64String(r.id))
		full := l.held >= l.s.RotateBytes
		l.mu.Unlock()
		if full {
			l.wake()
		}
	}
}

// remember notes an id for late labels; l.mu is held.
func (l *Log) remember(id uint64) {
	if l.known[id] {
		return
	}
	l.known[id] = true
	if len(l.order) < mostKnown {
		l.order = append(l.order, id)
		return
	}
	delete(l.known, l.order[l.next])
	l.order[l.next] = id
	l.next = (l.next + 1) % mostKnown
}

func (l *Log) wake() {
	select {
	case l.ready <- struct{}{}:
	default:
	}
}

// Accept takes a label that came late.
func (l *Log) Accept(label record.Label) {
	rule, ok := l.s.Redactor.Rule("label")
	if !ok {
		return
	}
	class, ok := l.s.Redactor.String(rule, label.Class)
	if !ok && label.Value == nil {
		return
	}
	id := l.s.Redactor.ID(label.ID)
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, seg := range l.open {
		if (label.Model == "" || label.Model == k.model) && seg.label(id, class) {
			return
		}
	}
	if !l.known[xxhash.Sum64String(id)] {
		return
	}
	seg := l.labels[label.Model]
	if seg == nil {
		seg = newSegment(l.s.Now())
		l.labels[label.Model] = seg
	}
	at := label.Time
	if at.IsZero() {
		at = l.s.Now()
	}
	r := row{id: id, size: 256, values: map[string]any{"id": id, "model": label.Model, "label": class, "time": at}}
	if label.Value != nil {
		r.values["value"] = l.s.Redactor.Number(rule, *label.Value)
	}
	seg.add(r)
	l.held += r.size
}

// Run writes files until ctx ends, then what still waits.
func (l *Log) Run(ctx context.Context) error {
	tick := time.NewTicker(min(l.s.RotateEvery, time.Second))
	defer tick.Stop()
	l.retain()
	for {
		select {
		case <-ctx.Done():
			l.flush(true)
			return nil
		case <-l.ready:
		case <-tick.C:
		}
		if l.flush(false) {
			l.retain()
		}
	}
}

// ripe takes the segments that are due out of the log.
func (l *Log) ripe(all bool) map[string]*segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, full := l.s.Now(), l.held >= l.s.RotateBytes
	out := map[string]*segment{}
	due := func(s *segment) bool { return all || full || now.Sub(s.started) >= l.s.RotateEvery }
	for k, seg := range l.open {
		if due(seg) {
			out[recordsFolder(k.model, k.version)] = seg
			delete(l.open, k)
			l.held, l.inFlight = l.held-seg.size, l.inFlight+seg.size
		}
	}
	for model, seg := range l.labels {
		if due(seg) {
			out[labelsFolder(model)] = seg
			delete(l.labels, model)
			l.held, l.inFlight = l.held-seg.size, l.inFlight+seg.size
		}
	}
	return out
}

// flush writes what is due; it reports whether there was anything.
func (l *Log) flush(all bool) bool {
	due := l.ripe(all)
	for folder, seg := range due {
		err := l.s.Store.write(folder, seg)
		if err != nil {
			l.metrics.failures.Inc()
			l.metrics.dropped.Add(float64(len(seg.rows)))
			l.s.Logger.Error("a file of the inference log cannot be written; its records are lost", "folder", folder, "records", len(seg.rows), "error", err)
		} else {
			l.metrics.written.Add(float64(len(seg.rows)))
		}
		l.mu.Lock()
		l.inFlight -= seg.size
		l.mu.Unlock()
	}
	return len(due) > 0
}

// retain deletes what is too old or too much.
func (l *Log) retain() {
	files, bytes, err := l.s.Store.Retain(l.s.Now())
	if err != nil {
		l.s.Logger.Error("the inference log's retention is not kept", "error", err)
	}
	l.metrics.files.Set(float64(files))
	l.metrics.bytes.Set(float64(bytes))
}

// Delete removes every row and label of the ids, waiting or written. An id
// stands for the rows of its batch too, "id#i".
func (l *Log) Delete(ids ...string) (removed int, err error) {
	m := newMatcher(l.s.Redactor, ids)
	l.mu.Lock()
	for _, seg := range l.open {
		removed += l.forget(seg, m)
	}
	for _, seg := range l.labels {
		removed += l.forget(seg, m)
	}
	l.mu.Unlock()
	n, err := l.s.Store.delete(m)
	return removed + n, err
}

func (l *Log) forget(seg *segment, m matcher) int {
	n, size := seg.remove(m)
	l.held -= size
	return n
}
