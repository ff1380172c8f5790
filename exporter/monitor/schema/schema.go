// Package schema watches what the data pipeline before a model does to its
// inputs: whether they are all there, under their names, of their types and
// shapes, and whether each feature's values are ones that the reference knows.
//
// Every anomaly is counted when it is seen. A fault is raised where there are
// more than chance explains: for each feature and kind the share of anomalies
// among the last 200 records is held against what the reference allows, at a
// tail probability of 1e-12, so that a broken pipeline shows within some tens
// of records and a rare odd value never does. Drift needs windows and says how
// far a distribution moved; this says, within seconds, what broke.
package schema

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/exporter/feature"
	"github.com/gnomon-dev/gnomon/exporter/result"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Kind is a way in which inputs go wrong.
type Kind string

// The kinds. Those of inputs (tensors) are told from what the traffic used to
// be, those of features (values) from the reference.
const (
	Missing    Kind = "missing"         // an input that is not there, or a feature without a value
	Unexpected Kind = "unexpected"      // an input that never was there
	Renamed    Kind = "renamed"         // an input gone, and another of its type and size come
	DataType   Kind = "datatype"        // an input of another datatype on the wire
	Shape      Kind = "shape"           // an input of another shape
	Retyped    Kind = "retyped"         // text where the reference has numbers, or the reverse
	OutOfRange Kind = "out_of_range"    // below the reference's smallest or above its largest value
	Unseen     Kind = "unseen_category" // a category that the reference has not
	NaN        Kind = "nan"             // not a number; a null in JSON is one
	Constant   Kind = "constant"        // the same value for longer than chance allows; counted once a time
	Order      Kind = "order"           // the values of another feature; counted once a time
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{Missing, Unexpected, Renamed, DataType, Shape, Retyped, OutOfRange, Unseen, NaN, Constant, Order}
}

const (
	// MaxLabelled is the number of features, and of inputs, with counts of their
	// own; the others are counted together under Other.
	MaxLabelled = 100
	// Other is the name that they are counted under. An input that nobody
	// expects may have any name, so beyond maxUnexpected it is Other too.
	Other         = "other"
	maxUnexpected = 10
)

// Settings is what a Monitor is made of.
type Settings struct {
	Now func() time.Time
	// Fault is told when a fault begins; nil: nobody.
	Fault func()
}

// Monitor watches one model's inputs. Safe for concurrent use.
type Monitor struct {
	s       Settings
	derived map[string]bool // features that are no input

	mu       sync.Mutex
	layout   layout
	inputs   map[subject]*share
	columns  []*column
	previous map[subject]uint64 // counts of references that were replaced
	rows     int                // since columns were last compared with each other
}

// subject is what is counted.
type subject struct {
	name string
	kind Kind
}

// New returns a Monitor that knows nothing yet. derived are features of the
// profile that are made of the model's answers and none of its inputs.
func New(s Settings, derived ...string) *Monitor {
	m := &Monitor{s: s, derived: map[string]bool{}, inputs: map[subject]*share{}, previous: map[subject]uint64{}}
	for _, name := range derived {
		m.derived[name] = true
	}
	m.layout.forget()
	return m
}

// Expect takes the reference: its features are watched from now on.
func (m *Monitor) Expect(p *profile.Profile) error {
	columns := make([]*column, len(p.Features))
	for i := range p.Features {
		c, err := newColumn(&p.Features[i])
		if err != nil {
			return err
		}
		c.ignored, c.unlabelled = m.derived[c.name], i >= MaxLabelled
		columns[i] = c
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.columns {
		for i := range c.counts {
			m.previous[c.subject(c.counts[i].kind)] += c.counts[i].total
		}
	}
	m.columns = columns
	return nil
}

// Inputs looks at a record's tensors. fits: a row of features could be made of
// them, so that what is missing shows in the row.
func (m *Monitor) Inputs(inputs []tensor.Tensor, fits bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := m.layout.records
	odd := m.layout.look(inputs)
	if was < learning && m.layout.records == learning {
		for name := range m.layout.known {
			for _, kind := range []Kind{Missing, Renamed, DataType, Shape} {
				m.share(subject{name, kind})
			}
		}
	}
	found := map[*share]bool{}
	for s := range odd {
		if s.kind != Missing || !fits {
			found[m.share(s)] = true
		}
	}
	for _, sh := range m.inputs {
		m.began(sh, sh.add(found[sh]))
		if m.layout.changed {
			sh.clear()
		}
	}
	m.layout.changed = false
}

// share finds or makes the count of an input's subject; beyond the caps that
// of Other.
func (m *Monitor) share(s subject) *share {
	if found := m.inputs[s]; found != nil {
		return found
	}
	same := 0
	for other := range m.inputs {
		if other.kind == s.kind {
			same++
		}
	}
	if s.kind == Unexpected && same >= maxUnexpected || same >= MaxLabelled {
		s.name = Other
	}
	if m.inputs[s] == nil {
		m.inputs[s] = newShare(rare)
	}
	return m.inputs[s]
}

func (m *Monitor) began(s *share, began bool) {
	if !began {
		return
	}
	s.since = m.s.Now()
	if m.s.Fault != nil {
		m.s.Fault()
	}
}

// Rows looks at rows of features, in the order of the profile.
func (m *Monitor) Rows(rows [][]feature.Value) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, row := range rows {
		for i, c := range m.columns {
			if i >= len(row) || c.ignored {
				continue
			}
			found := c.look(row[i])
			for k := range c.counts[:c.values] {
				sh := &c.counts[k]
				m.began(&sh.share, sh.add(found == sh.kind))
			}
		}
		if m.rows++; m.rows >= ringSize/2 {
			m.rows = 0
			m.together()
		}
	}
}

// together looks at what only many rows, or several columns, can show.
func (m *Monitor) together() {
	watched, varies := 0, false
	for _, c := range m.columns {
		if !c.ignored {
			watched++
			varies = varies || c.run < ringSize/2
		}
	}
	holds := orders(m.columns)
	for _, c := range m.columns {
		if c.ignored {
			continue
		}
		// The same record over and over, as a probe sends it, is no fault of one
		// feature.
		constant, order := c.episode(Constant), c.episode(Order)
		m.began(constant, constant.hold(c.stuck() && (varies || watched == 1)))
		c.holds = holds[c.name]
		m.began(order, order.hold(c.holds != ""))
	}
}

// Evaluate is what was counted and what is at fault, sorted.
func (m *Monitor) Evaluate() result.Schema {
	m.mu.Lock()
	defer m.mu.Unlock()
	totals := maps.Clone(m.previous)
	out := result.Schema{Anomalies: []result.SchemaAnomaly{}, Faults: []result.SchemaFault{}}
	fault := func(name string, kind Kind, sh *share) {
		if sh.active {
			out.Faults = append(out.Faults, result.SchemaFault{Feature: name, Kind: string(kind), Since: sh.since, Words: m.words(name, kind), Records: sh.seen, Odd: sh.count})
		}
	}
	for s, sh := range m.inputs {
		totals[s] += sh.total
		fault(s.name, s.kind, sh)
	}
	for _, c := range m.columns {
		if c.ignored {
			continue
		}
		for k := range c.counts {
			totals[c.subject(c.counts[k].kind)] += c.counts[k].total
			fault(c.name, c.counts[k].kind, &c.counts[k].share)
		}
	}
	for s, n := range totals {
		out.Anomalies = append(out.Anomalies, result.SchemaAnomaly{Feature: s.name, Kind: string(s.kind), Count: n})
	}
	slices.SortFunc(out.Anomalies, func(a, b result.SchemaAnomaly) int {
		return cmp.Or(cmp.Compare(a.Feature, b.Feature), cmp.Compare(a.Kind, b.Kind))
	})
	slices.SortFunc(out.Faults, func(a, b result.SchemaFault) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Feature, b.Feature), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}
