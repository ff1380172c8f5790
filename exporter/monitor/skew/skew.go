// Package skew compares what is served with what was logged for training, for
// the same entity and value by value: a unit that the serving pipeline has
// changed, a default that only one side fills in, a stale feature. Distributions
// may look alike all the while.
package skew

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gnomon-dev/gnomon/exporter/feature"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// Bounds of what is kept of a feature.
const (
	window   = 1000 // comparisons
	factors  = 100  // latest ratios of differing numbers
	mostPair = 64   // different pairs
	shown    = 5    // of them, in the results
)

// Outcomes of a record.
const (
	Joined    = "joined"
	Unmatched = "unmatched"
	NoKey     = "no_key"
)

// Outcomes lists them.
func Outcomes() []string { return []string{Joined, Unmatched, NoKey} }

// Settings is what a Monitor is made of.
type Settings struct {
	// Tolerance is the relative difference of a feature's numbers that is none.
	Tolerance func(feature string) float64
	// Shown is a value as it may be shown; false where it may not.
	Shown func(feature, value string) (string, bool)
	// Interval is the 95 % interval of k of n.
	Interval func(k, n int) (lower, upper float64)
}

// Monitor compares. Safe for concurrent use.
type Monitor struct {
	s Settings

	mu       sync.Mutex
	table    *Table
	names    []string // that places were made for
	places   []int    // of each feature: its column; -1
	features []*column
	records  map[string]uint64
}

// column is what is kept of one feature.
type column struct {
	name                            string
	comparisons, mismatches, missed uint64
	ring                            [window]bool
	inRing                          int // mismatches in it
	factor                          []float64
	at                              int // of the next factor
	pairs                           map[[2]string]uint64
}

// New returns a Monitor without rows to compare with.
func New(s Settings) *Monitor {
	m := &Monitor{s: s, records: map[string]uint64{}}
	for _, o := range Outcomes() {
		m.records[o] = 0
	}
	return m
}

// SetTable gives the rows, anew when the file has changed. What was counted
// stays.
func (m *Monitor) SetTable(t *Table) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.table, m.names = t, nil
}

// Observe compares one record: its entity's id ("" where it has none), and the
// values of the named features before any redaction.
func (m *Monitor) Observe(id string, names []string, values []feature.Value) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.table == nil {
		return
	}
	if id == "" {
		m.records[NoKey]++
		return
	}
	row, ok := m.table.find(id)
	if !ok {
		m.records[Unmatched]++
		return
	}
	m.records[Joined]++
	m.place(names)
	for i := range min(len(values), len(m.places)) {
		if at := m.places[i]; at >= 0 {
			m.compare(m.features[i], at, row, &values[i])
		}
	}
}

// place finds the features' columns, once for each set of names.
func (m *Monitor) place(names []string) {
	if m.names != nil && slices.Equal(m.names, names) {
		return
	}
	old := map[string]*column{}
	for _, f := range m.features {
		if f != nil {
			old[f.name] = f
		}
	}
	m.names, m.places, m.features = slices.Clone(names), make([]int, len(names)), make([]*column, len(names))
	for i, n := range names {
		at, ok := m.table.byName[n]
		if !ok {
			m.places[i] = -1
			continue
		}
		m.places[i], m.features[i] = at, old[n]
		if m.features[i] == nil {
			m.features[i] = &column{name: n, pairs: map[[2]string]uint64{}}
		}
	}
}

func (m *Monitor) compare(f *column, at, row int, served *feature.Value) {
	c := &m.table.columns[at]
	logged := feature.Value{Missing: c.IsMissing(row)}
	if c.Numeric() && !logged.Missing {
		logged.Number = c.Floats[row]
		logged.Missing = math.IsNaN(logged.Number)
	} else if !logged.Missing {
		logged.Text, logged.IsText = c.Value(row), true
	}
	differ := m.differ(f.name, &logged, served)
	slot := int(f.comparisons % window)
	if f.ring[slot] {
		f.inRing--
	}
	f.ring[slot] = differ
	f.comparisons++
	if !differ {
		return
	}
	f.inRing++
	f.mismatches++
	if absent(&logged) != absent(served) {
		f.missed++
	}
	f.note(&logged, served)
	if m.s.Shown != nil {
		a, ok := m.s.Shown(f.name, text(&logged))
		b, also := m.s.Shown(f.name, text(served))
		if ok && also {
			f.pair([2]string{a, b})
		}
	}
}

// differ is whether two values are not the same: one is missing, numbers are
// further apart than the tolerance allows, texts are others.
func (m *Monitor) differ(name string, a, b *feature.Value) bool {
	if absent(a) || absent(b) {
		return absent(a) != absent(b)
	}
	x, okX := number(a)
	y, okY := number(b)
	if !okX || !okY {
		return text(a) != text(b)
	}
	if x == y {
		return false
	}
	apart := math.Abs(x - y)
	return math.IsInf(apart, 0) || apart > m.s.Tolerance(name)*max(math.Abs(x), math.Abs(y))
}

func absent(v *feature.Value) bool {
	return v.Missing || !v.IsText && math.IsNaN(v.Number) || v.IsText && v.Text == ""
}

func number(v *feature.Value) (float64, bool) {
	if !v.IsText {
		return v.Number, true
	}
	x, err := strconv.ParseFloat(v.Text, 64)
	return x, err == nil
}

// text is a value as it is written; "" where it is missing.
func text(v *feature.Value) string {
	switch {
	case absent(v):
		return ""
	case v.IsText:
		return v.Text
	}
	return strconv.FormatFloat(v.Number, 'g', 6, 64)
}

// note keeps what the served number is of the logged one.
func (f *column) note(logged, served *feature.Value) {
	x, okX := number(logged)
	y, okY := number(served)
	if absent(logged) || absent(served) || !okX || !okY || x == 0 || math.IsInf(y/x, 0) || math.IsNaN(y/x) {
		return
	}
	if len(f.factor) < factors {
		f.factor = append(f.factor, y/x)
		return
	}
	f.factor[f.at] = y / x
	f.at = (f.at + 1) % factors
}

// pair counts a pair. Where there are too many different ones every count
// falls by one (Misra and Gries 1982): what is frequent stays, and no count is
// too high.
func (f *column) pair(p [2]string) {
	if _, there := f.pairs[p]; there || len(f.pairs) < mostPair {
		f.pairs[p]++
		return
	}
	for k := range f.pairs {
		if f.pairs[k]--; f.pairs[k] == 0 {
			delete(f.pairs, k)
		}
	}
}

// Evaluate sums up; nil where there was never a table.
func (m *Monitor) Evaluate() *result.Skew {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := &result.Skew{Records: map[string]uint64{}, Features: []result.SkewFeature{}}
	for k, v := range m.records {
		out.Records[k] = v
	}
	if m.table != nil {
		out.Source, out.Rows, out.Duplicate = m.table.Source, m.table.Rows(), m.table.Duplicate
	}
	if m.names != nil && !slices.ContainsFunc(m.places, func(at int) bool { return at >= 0 }) {
		out.Fault = "no column of the file is called as a feature; the features are " + strings.Join(m.names[:min(len(m.names), 8)], ", ")
	}
	for _, f := range m.features {
		if f != nil {
			out.Features = append(out.Features, m.sum(f))
		}
	}
	slices.SortStableFunc(out.Features, func(a, b result.SkewFeature) int { return cmp.Compare(share(b), share(a)) })
	return out
}

func share(f result.SkewFeature) float64 {
	if f.Ratio == nil {
		return 0
	}
	return *f.Ratio
}

func (m *Monitor) sum(f *column) result.SkewFeature {
	out := result.SkewFeature{Name: f.name, Comparisons: f.comparisons, Mismatches: f.mismatches, Missed: f.missed, Window: int(min(f.comparisons, window))}
	if out.Window > 0 {
		ratio := float64(f.inRing) / float64(out.Window)
		lower, upper := m.s.Interval(f.inRing, out.Window)
		out.Ratio, out.Lower, out.Upper = &ratio, &lower, &upper
	}
	if len(f.factor) > 0 {
		sorted := slices.Sorted(slices.Values(f.factor))
		median := sorted[len(sorted)/2]
		out.Factor = &median
	}
	for p, n := range f.pairs {
		out.Pairs = append(out.Pairs, result.SkewPair{Logged: p[0], Served: p[1], Count: n})
	}
	slices.SortFunc(out.Pairs, func(a, b result.SkewPair) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Logged, b.Logged), cmp.Compare(a.Served, b.Served))
	})
	out.Pairs = out.Pairs[:min(len(out.Pairs), shown)]
	return out
}
