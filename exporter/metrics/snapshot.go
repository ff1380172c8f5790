// Package metrics turns results into exposition.
//
// Two kinds of series, two ways. What the request path counts (a few hundred
// series) lives in an ordinary registry. What the evaluator concludes (a series
// for every bin of every feature, thousands) is built once an evaluation as
// sorted, immutable metric families and swapped in by pointer: a scrape then
// costs its encoding and nothing else. A collector of const metrics would be
// checked and sorted anew on every scrape, which is the worst way of all.
package metrics

import (
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Snapshot is a prometheus.Gatherer over the families that were published
// last. Safe for concurrent use; the families are never changed after Publish.
type Snapshot struct {
	current atomic.Pointer[published]
	size    atomic.Int64 // of the text that was written last
}

// published is one set of families, and their text once somebody has asked.
type published struct {
	families          []*dto.MetricFamily
	plain, openMetric func() []byte
}

// Publish replaces what is gathered. The families must be sorted by name and
// are the Snapshot's from now on.
func (s *Snapshot) Publish(families []*dto.MetricFamily) {
	p := &published{families: families}
	p.plain = sync.OnceValue(func() []byte { return s.write(families, false) })
	p.openMetric = sync.OnceValue(func() []byte { return s.write(families, true) })
	s.current.Store(p)
}

// write writes the families into as much room as the last ones needed.
func (s *Snapshot) write(families []*dto.MetricFamily, openMetrics bool) []byte {
	b := appendText(make([]byte, 0, s.size.Load()), families, openMetrics)
	s.size.Store(int64(len(b) + len(b)/16))
	return b
}

// Gather returns the families published last; none before the first.
func (s *Snapshot) Gather() ([]*dto.MetricFamily, error) {
	if p := s.current.Load(); p != nil {
		return p.families, nil
	}
	return nil, nil
}

// text is the families in the text format, or in OpenMetrics without its end.
func (s *Snapshot) text(openMetrics bool) []byte {
	switch p := s.current.Load(); {
	case p == nil:
		return nil
	case openMetrics:
		return p.openMetric()
	default:
		return p.plain()
	}
}

// Join is a gatherer over gatherers with disjoint family names: it merges by
// name and checks nothing again (prometheus.Gatherers would); that names are
// disjoint and consistent is the business of a test.
func Join(gatherers ...prometheus.Gatherer) prometheus.Gatherer {
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		var all []*dto.MetricFamily
		var first error
		for _, g := range gatherers {
			families, err := g.Gather()
			if err != nil && first == nil {
				first = err
			}
			all = append(all, families...)
		}
		slices.SortStableFunc(all, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
		return all, first
	})
}

// builder collects the families of one snapshot.
type builder struct {
	families []*dto.MetricFamily
	byName   map[string]*dto.MetricFamily
}

func newBuilder() *builder { return &builder{byName: map[string]*dto.MetricFamily{}} }

// family starts the family that add appends to. Every family of the table is
// started, also those that get no series, and empty ones are left out by done.
func (b *builder) family(name, help string, kind dto.MetricType) *dto.MetricFamily {
	f := b.byName[name]
	if f == nil {
		f = &dto.MetricFamily{Name: &name, Help: &help, Type: &kind}
		b.byName[name] = f
		b.families = append(b.families, f)
	}
	return f
}

func (b *builder) done() []*dto.MetricFamily {
	out := slices.DeleteFunc(b.families, func(f *dto.MetricFamily) bool { return len(f.Metric) == 0 })
	slices.SortFunc(out, func(x, y *dto.MetricFamily) int { return strings.Compare(x.GetName(), y.GetName()) })
	for _, f := range out {
		slices.SortFunc(f.Metric, compareLabels)
	}
	return out
}

func compareLabels(a, b *dto.Metric) int {
	for i := range min(len(a.Label), len(b.Label)) {
		if c := strings.Compare(a.Label[i].GetValue(), b.Label[i].GetValue()); c != 0 {
			return c
		}
	}
	return len(a.Label) - len(b.Label)
}

// add appends a sample. A value that is not a number is left out: no rule of a
// user's ever meets NaN.
func add(f *dto.MetricFamily, v float64, labels []*dto.LabelPair) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	m := &dto.Metric{Label: labels}
	if f.GetType() == dto.MetricType_COUNTER {
		m.Counter = &dto.Counter{Value: &v}
	} else {
		m.Gauge = &dto.Gauge{Value: &v}
	}
	f.Metric = append(f.Metric, m)
}

// labels makes sorted label pairs of base and the name, value pairs that
// follow. base is shared, not copied into.
func labels(base []*dto.LabelPair, pairs ...string) []*dto.LabelPair {
	out := make([]*dto.LabelPair, len(base), len(base)+len(pairs)/2)
	copy(out, base)
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, &dto.LabelPair{Name: &pairs[i], Value: &pairs[i+1]})
	}
	slices.SortFunc(out, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
	return out
}
