// Package suspect looks for inputs that somebody may have made on purpose:
// far from everything in the reference, nearly the same again and again, or
// just on the border between two classes. Each is a share of the records, held
// against the share that the reference itself has, by a sequential test.
package suspect

import (
	"math"
	"sync"

	"github.com/cespare/xxhash/v2"

	"github.com/gnomon-dev/gnomon/driftlib/outlier"
	"github.com/gnomon-dev/gnomon/driftlib/sequential"
	"github.com/gnomon-dev/gnomon/exporter/feature"
)

const (
	// Alpha is the conformal p-value at and below which a row is an outlier.
	Alpha = 0.01
	// Margin is the difference of the two highest probabilities below which a
	// prediction is on the border.
	Margin = 0.1
	// memory is how many records a new one is compared with for being nearly
	// the same.
	memory = 1000
	// grain is the width, in standard deviations of the reference, within which
	// two values are nearly the same.
	grain = 0.1
)

// Kind is one sign.
type Kind string

// The signs.
const (
	Outlier       Kind = "outlier"
	NearDuplicate Kind = "near_duplicate"
	LowMargin     Kind = "low_margin"
)

// Kinds lists every sign.
func Kinds() []Kind { return []Kind{Outlier, NearDuplicate, LowMargin} }

// Row is one record: its features in the reference's order without those made
// of the answer, and the margin of the answer (NaN where there is none).
type Row struct {
	Values []feature.Value
	Margin float64
}

// Settings is what a Monitor is made of.
type Settings struct {
	Reference []Row   // in their order; outlier.LeastRows at least
	Window    int     // records that shares are taken over
	Threshold float64 // of the evidence of all signs together
}

// Monitor watches one model. Safe for concurrent use.
type Monitor struct {
	s       Settings
	numeric []int // places of the numeric features
	far     *outlier.Detector
	mean    []float64
	scale   []float64

	mu      sync.Mutex
	recent  *recent
	signs   map[Kind]*sign
	scratch []float64
	row     []float64
}

// sign is one kind's test and window.
type sign struct {
	test     *sequential.Disagreement
	baseline float64
	ring     []bool
	next     int
	in       int // of ring
	total    uint64
	seen     uint64
	alarm    bool
	quiet    int // records since the alarm
}

// New returns a Monitor. Fewer reference rows than outlier.LeastRows, or none
// with a numeric feature, are outlier.ErrSample.
func New(s Settings) (*Monitor, error) {
	m := &Monitor{s: s, signs: map[Kind]*sign{}, recent: newRecent()}
	if len(s.Reference) > 0 {
		for i, v := range s.Reference[0].Values {
			if !v.IsText {
				m.numeric = append(m.numeric, i)
			}
		}
	}
	rows := make([][]float64, len(s.Reference))
	for i, r := range s.Reference {
		rows[i] = m.numbers(nil, r.Values)
	}
	var err error
	if m.far, err = outlier.Fit(rows); err != nil {
		return nil, err
	}
	m.scratch, m.row = make([]float64, len(m.numeric)), make([]float64, 0, len(m.numeric))
	m.spread(rows)
	beyond, held := m.far.Expected(Alpha)
	events := map[Kind][2]int{Outlier: {beyond, held}, NearDuplicate: m.repeats(), LowMargin: m.margins()}
	for kind, e := range events {
		if e[1] < outlier.LeastRows/2 {
			continue // the reference does not say
		}
		// The reference's own share is known only so well: its upper bound is
		// what the test holds live records to.
		floor, err := sequential.NoiseFloor(e[0], e[1])
		if err != nil {
			return nil, err
		}
		if floor > .4 {
			continue // so common in the reference that more of it says nothing
		}
		test, err := sequential.NewDisagreement(floor)
		if err != nil {
			return nil, err
		}
		m.signs[kind] = &sign{test: test, baseline: float64(e[0]) / float64(e[1]), ring: make([]bool, 0, s.Window)}
	}
	return m, nil
}

func (m *Monitor) numbers(dst []float64, values []feature.Value) []float64 {
	for _, i := range m.numeric {
		v := math.NaN()
		if i < len(values) && !values[i].Missing && !values[i].IsText {
			v = values[i].Number
		}
		dst = append(dst, v)
	}
	return dst
}

// spread takes the grain's unit of every numeric feature.
func (m *Monitor) spread(rows [][]float64) {
	m.mean, m.scale = make([]float64, len(m.numeric)), make([]float64, len(m.numeric))
	for j := range m.numeric {
		var n, sum, squares float64
		for _, r := range rows {
			if v := r[j]; !math.IsNaN(v) && !math.IsInf(v, 0) {
				n++
				sum += v
				squares += v * v
			}
		}
		if m.scale[j] = 1; n > 0 {
			m.mean[j] = sum / n
			if variance := squares/n - m.mean[j]*m.mean[j]; variance > 0 {
				m.scale[j] = math.Sqrt(variance)
			}
		}
	}
}

// repeats replays the reference in its order: how often its own rows nearly
// repeat one of those before them. Rows before the memory has filled do not
// count, unless there are no others.
func (m *Monitor) repeats() [2]int {
	r := newRecent()
	from := min(memory, len(m.s.Reference)/2)
	var out [2]int
	for i, row := range m.s.Reference {
		again := r.add(m.cell(row.Values))
		if i < from {
			continue
		}
		out[1]++
		if again {
			out[0]++
		}
	}
	return out
}

func (m *Monitor) margins() [2]int {
	var out [2]int
	for _, r := range m.s.Reference {
		if math.IsNaN(r.Margin) {
			continue
		}
		out[1]++
		if r.Margin < Margin {
			out[0]++
		}
	}
	return out
}

// cell is the hash of a row's place on the grid.
func (m *Monitor) cell(values []feature.Value) uint64 {
	h := uint64(14695981039346656037)
	j := 0
	for i, v := range values {
		var x uint64
		switch {
		case v.Missing:
			x = 1
		case v.IsText:
			x = xxhash.Sum64String(v.Text)
		default:
			if j < len(m.numeric) && m.numeric[j] == i {
				x = uint64(int64(math.Floor(max(-1e12, min(1e12, (v.Number-m.mean[j])/(grain*m.scale[j]))))))
			}
		}
		if j < len(m.numeric) && m.numeric[j] == i {
			j++
		}
		h = (h ^ x) * 1099511628211
		h ^= h >> 29
	}
	return h
}

// Observe folds in one record and returns how far it lies from the reference
// and the p-value of that.
func (m *Monitor) Observe(r Row) (distance, p float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.row = m.numbers(m.row[:0], r.Values)
	distance, err := m.far.Distance(m.scratch, m.row)
	if err != nil { // cannot be: numbers fits
		return 0, 1
	}
	p = m.far.PValue(distance)
	m.see(Outlier, p <= Alpha)
	m.see(NearDuplicate, m.recent.add(m.cell(r.Values)))
	if !math.IsNaN(r.Margin) {
		m.see(LowMargin, r.Margin < Margin)
	}
	return distance, p
}

func (m *Monitor) see(kind Kind, event bool) {
	s := m.signs[kind]
	if s == nil {
		return
	}
	s.seen++
	if event {
		s.total++
	}
	s.slide(event)
	if s.alarm {
		if s.quiet++; s.quiet >= cap(s.ring) && s.share() <= s.baseline+.02 {
			s.alarm = false
			s.test.Reset()
		}
		return
	}
	s.test.Observe(event)
	if s.test.Evidence() >= m.s.Threshold*float64(len(m.signs)) {
		s.alarm, s.quiet = true, 0
	}
}

func (s *sign) slide(event bool) {
	if len(s.ring) < cap(s.ring) {
		s.ring = append(s.ring, event)
	} else {
		if s.ring[s.next] {
			s.in--
		}
		s.ring[s.next] = event
		s.next = (s.next + 1) % cap(s.ring)
	}
	if event {
		s.in++
	}
}

func (s *sign) share() float64 {
	if len(s.ring) == 0 {
		return 0
	}
	return float64(s.in) / float64(len(s.ring))
}

// Tick tells the tests that a unit of time has passed.
func (m *Monitor) Tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.signs {
		s.test.Tick()
	}
}

// Result is what one sign shows.
type Result struct {
	Kind     Kind
	Total    uint64  // records that show it
	Seen     uint64  // of so many
	Share    float64 // of the window
	Baseline float64 // share in the reference
	Alarm    bool
}

// Evaluate sums up every sign that the reference allows to judge.
func (m *Monitor) Evaluate() []Result {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Result
	for _, kind := range Kinds() {
		if s := m.signs[kind]; s != nil {
			out = append(out, Result{kind, s.total, s.seen, s.share(), s.baseline, s.alarm})
		}
	}
	return out
}

// recent is the cells of the last records.
type recent struct {
	ring   []uint64
	next   int
	counts map[uint64]int
}

func newRecent() *recent { return &recent{counts: make(map[uint64]int, memory)} }

// add reports whether the cell is among the recent ones, and adds it.
func (r *recent) add(cell uint64) bool {
	again := r.counts[cell] > 0
	if len(r.ring) < memory {
		r.ring = append(r.ring, cell)
	} else {
		old := r.ring[r.next]
		if r.counts[old]--; r.counts[old] == 0 {
			delete(r.counts, old)
		}
		r.ring[r.next] = cell
		r.next = (r.next + 1) % memory
	}
	r.counts[cell]++
	return again
}
