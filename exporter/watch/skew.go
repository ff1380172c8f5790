package watch

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/feature"
	"github.com/gnomon-dev/gnomon/exporter/monitor/labels"
	"github.com/gnomon-dev/gnomon/exporter/monitor/skew"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// skewReload is between two looks whether the logged rows have changed.
const skewReload = time.Minute

// logged is the rows that were logged for training, as they are loaded.
type logged struct {
	mu    sync.Mutex
	table *skew.Table
	fault string
}

func (l *logged) get() (*skew.Table, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.table, l.fault
}

// set keeps the last good rows where the new ones cannot be used.
func (l *logged) set(t *skew.Table, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.fault = err.Error()
		return
	}
	l.table, l.fault = t, ""
}

// newSkew makes a version's monitor; nil where nothing is configured.
func newSkew(spec *Spec, allowed func(feature, value string) (string, bool)) *skew.Monitor {
	c := spec.Config.Skew
	if c.File == "" {
		return nil
	}
	return skew.New(skew.Settings{Shown: allowed, Interval: labels.Wilson, Tolerance: func(name string) float64 {
		for _, n := range []string{name, "*"} {
			if v, ok := c.Tolerance[n]; ok {
				return v
			}
		}
		return config.DefaultSkewTolerance
	}})
}

// compareLogged holds a record's features, before any redaction, against the
// logged row of its entity.
func (m *Model) compareLogged(o *record.Observation, names []string, row []feature.Value) {
	if m.skew == nil {
		return
	}
	if t, _ := m.spec.logged.get(); t != nil && t != m.skewed {
		m.skew.SetTable(t)
		m.skewed = t
	}
	id := o.ID
	if h := m.spec.Config.Skew.Header; h != "" {
		id = ""
		for k, v := range o.Metadata {
			if strings.EqualFold(k, h) {
				id = v
			}
		}
	}
	m.skew.Observe(id, names, row)
}

func (m *Model) evaluateSkew() *result.Skew {
	if m.skew == nil {
		return nil
	}
	out := m.skew.Evaluate()
	t, fault := m.spec.logged.get()
	if fault != "" {
		out.Fault = fault
	}
	if t != nil {
		out.Source, out.Rows, out.Duplicate = t.Source, t.Rows(), t.Duplicate
	}
	return out
}

// followLogged loads the logged rows, and again whenever the file has changed,
// until ctx ends.
func (l *Loader) followLogged(ctx context.Context, spec *Spec, log *slog.Logger) {
	c := spec.Config.Skew
	var last time.Time
	var size int64
	for {
		st, err := os.Stat(c.File)
		if err == nil && (!st.ModTime().Equal(last) || st.Size() != size) {
			last, size = st.ModTime(), st.Size()
			var t *skew.Table
			if t, err = skew.Load(c.File, c.Key); err == nil {
				log.Info("rows for the skew check in place", "file", c.File, "entities", t.Rows(), "duplicate", t.Duplicate)
			}
			spec.logged.set(t, err)
			l.Changed()
		} else if err != nil {
			spec.logged.set(nil, err)
		}
		if err != nil {
			log.Error("the rows for the skew check cannot be used; the last good ones are", "file", c.File, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(skewReload):
		}
	}
}
