// Package agreement watches how far one shadow's answers agree with the
// primary's, against the floor of noise that two correct runs have.
package agreement

import (
	"math"
	"sync"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// Detector is the sequential test of the disagreement: it may be looked at
// after every record without losing its stated rate of false alarms.
type Detector interface {
	Observe(disagree bool)
	Tick()
	Evidence() float64
	Threshold() float64
	Reset()
}

// Settings is what a Monitor is made of.
type Settings struct {
	Window   int      // comparisons that the ratio is taken over
	Floor    float64  // share of disagreements that noise explains
	Detector Detector // its null hypothesis is Floor
}

// Monitor watches one shadow. Safe for concurrent use.
type Monitor struct {
	mu       sync.Mutex
	settings Settings
	ring     []comparison
	next     int

	comparisons   uint64
	disagreements uint64
	alarm         bool
	quiet         int // comparisons since the alarm, a window of which may clear it
}

type comparison struct {
	disagree            bool
	js, maxAbs, meanAbs float32
	similarity          float32
}

// New returns a Monitor.
func New(s Settings) *Monitor {
	return &Monitor{settings: s, ring: make([]comparison, 0, s.Window)}
}

// SetFloor changes the noise floor, when it has been measured anew, and starts
// the test of the new hypothesis.
func (m *Monitor) SetFloor(floor float64, d Detector) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settings.Floor, m.settings.Detector, m.alarm = floor, d, false
}

// Observe folds in one answer that was compared.
func (m *Monitor) Observe(a *record.ShadowAnswer) {
	if !a.Compared {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c := comparison{disagree: !a.Delta.Agree, js: float32(a.Delta.JS), maxAbs: float32(a.Delta.MaxAbs), meanAbs: float32(a.Delta.MeanAbs), similarity: float32(a.Delta.Similarity)}
	if len(m.ring) < cap(m.ring) {
		m.ring = append(m.ring, c)
	} else {
		m.ring[m.next] = c
		m.next = (m.next + 1) % cap(m.ring)
	}
	m.comparisons++
	if c.disagree {
		m.disagreements++
	}
	m.test(c.disagree)
}

// test feeds the detector while there is no alarm; in alarm it waits for a run
// of comparisons that the floor explains.
func (m *Monitor) test(disagree bool) {
	d := m.settings.Detector
	if !m.alarm {
		d.Observe(disagree)
		if d.Evidence() >= d.Threshold() {
			m.alarm, m.quiet = true, 0
		}
		return
	}
	m.quiet++
	if m.quiet < clearRun || m.quiet%clearRun != 0 {
		return
	}
	if bad := m.recentDisagreements(clearRun); float64(bad) <= clearLimit(m.settings.Floor) {
		m.alarm = false
		d.Reset()
	}
}

// clearRun is the comparisons that an alarm's end is judged by.
const clearRun = 200

// clearLimit is the most disagreements in a run that the floor explains: its
// mean and three standard deviations.
func clearLimit(floor float64) float64 {
	mean := floor * clearRun
	return mean + 3*math.Sqrt(mean*(1-floor))
}

func (m *Monitor) recentDisagreements(n int) (bad int) {
	n = min(n, len(m.ring))
	for k := 1; k <= n; k++ {
		i := m.next - k
		if len(m.ring) < cap(m.ring) {
			i = len(m.ring) - k
		}
		if m.ring[(i+len(m.ring))%len(m.ring)].disagree {
			bad++
		}
	}
	return bad
}

// Tick tells the detector that one of its units of time has passed.
func (m *Monitor) Tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.alarm {
		m.settings.Detector.Tick()
	}
}

// Result is what the monitor says now.
type Result struct {
	Comparisons, Disagreements uint64 // since start

	Window              int // comparisons in the window
	WindowDisagreements int
	JS, MaxAbs, MeanAbs float64 // mean, maximum, mean over the window; NaN where unknown
	Similarity          float64 // mean over the window; NaN where the kind has none
	Floor               float64
	Evidence, Threshold float64
	Alarm               bool
}

// Evaluate sums up the window.
func (m *Monitor) Evaluate() Result {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := Result{Comparisons: m.comparisons, Disagreements: m.disagreements, Window: len(m.ring), Floor: m.settings.Floor,
		Evidence: m.settings.Detector.Evidence(), Threshold: m.settings.Detector.Threshold(), Alarm: m.alarm}
	var js, mean float64
	withJS, similar := 0, 0
	for _, c := range m.ring {
		if c.disagree {
			r.WindowDisagreements++
		}
		if v := float64(c.js); !math.IsNaN(v) {
			js += v
			withJS++
		}
		if v := float64(c.similarity); !math.IsNaN(v) {
			r.Similarity += v
			similar++
		}
		mean += float64(c.meanAbs)
		r.MaxAbs = max(r.MaxAbs, float64(c.maxAbs))
	}
	r.Similarity /= float64(similar)
	r.JS, r.MeanAbs = js/float64(withJS), mean/float64(len(m.ring))
	return r
}
