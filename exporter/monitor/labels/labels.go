package labels

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/driftlib/calibration"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// Bins is the number of equal-width confidence bins.
const Bins = 15

// Detector is the sequential test of the error rate against its baseline.
type Detector interface {
	Observe(wrong bool)
	Tick()
	Evidence() float64
	Reset()
}

// Settings is what a Monitor is made of.
type Settings struct {
	TTL        time.Duration
	MaxPending int
	Window     int
	Classes    []string // names by index; more are added as they are seen
	Now        func() time.Time
}

// Monitor joins labels to one model's predictions. Safe for concurrent use.
type Monitor struct {
	s Settings

	mu      sync.Mutex
	join    *joiner
	window  *window
	counts  map[Outcome]uint64
	classes []string
	index   map[string]int

	confusion [][]int64 // since start
	byClass   []uint64
	bins      []result.CalibrationTotal
	last      time.Time // of the last label

	detector  Detector // nil without a baseline
	threshold float64
	baseline  float64
	alarm     bool
	since     int // labels since the alarm
}

// maxClasses bounds the confusion matrix; labels beyond it are counted as
// orphans, since no prediction can match them.
const maxClasses = 1000

// New returns a Monitor.
func New(s Settings) *Monitor {
	m := &Monitor{s: s, join: newJoiner(s.TTL, s.MaxPending), window: newWindow(s.Window), counts: map[Outcome]uint64{}, index: map[string]int{}}
	for _, c := range s.Classes {
		m.class(c)
	}
	for i := range Bins {
		m.bins = append(m.bins, result.CalibrationTotal{Lower: float64(i) / Bins, Upper: float64(i+1) / Bins})
	}
	return m
}

// SetBaseline gives the error rate that the reference has and the test of it.
func (m *Monitor) SetBaseline(accuracy float64, d Detector, threshold float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.detector, m.threshold, m.baseline = d, threshold, accuracy
}

// class is a class's index, which is given where it is new; -1 where there are
// too many.
func (m *Monitor) class(name string) int {
	if i, ok := m.index[name]; ok {
		return i
	}
	if len(m.classes) >= maxClasses {
		return -1
	}
	m.index[name] = len(m.classes)
	m.classes = append(m.classes, name)
	m.byClass = append(m.byClass, 0)
	for i := range m.confusion {
		m.confusion[i] = append(m.confusion[i], 0)
	}
	m.confusion = append(m.confusion, make([]int64, len(m.classes)))
	return len(m.classes) - 1
}

// Predict remembers a prediction under its id. confidence is NaN where it is
// not known.
func (m *Monitor) Predict(id, class string, confidence float64, at time.Time) {
	if id == "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.class(class)
	if c < 0 {
		return
	}
	p := &prediction{id: id, time: at, class: c, confidence: confidence}
	if e, ok := m.join.predict(p); ok {
		m.match(p, e.class, e.time)
	}
}

// Label joins one label. It reports false where no prediction of this model is
// known under the id (yet): the label then waits a minute for it.
func (m *Monitor) Label(id, class string, at time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = m.s.Now()
	c := m.class(class)
	if c < 0 {
		m.counts[Orphan]++
		return false
	}
	p, outcome, wait := m.join.label(id, c, at)
	switch {
	case wait:
		return false
	case outcome == Matched:
		m.match(p, c, at)
	case outcome == Corrected:
		m.counts[Corrected]++
		p.actual = c
		m.window.correct(p.seq, c)
	default:
		m.counts[outcome]++
	}
	return true
}

// Knows reports whether a prediction is waiting under the id.
func (m *Monitor) Knows(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.join.byID[id] != nil
}

func (m *Monitor) match(p *prediction, actual int, at time.Time) {
	m.counts[Matched]++
	p.labelled, p.actual = true, actual
	p.seq = m.window.add(outcome{predicted: p.class, actual: actual, confidence: p.confidence, delay: at.Sub(p.time)})
	m.confusion[actual][p.class]++
	m.byClass[actual]++
	correct := p.class == actual
	if !math.IsNaN(p.confidence) {
		b := &m.bins[calibration.Index(p.confidence, Bins)]
		b.Count++
		b.Confidence += p.confidence
		if correct {
			b.Correct++
		}
	}
	m.test(!correct)
}

// clearLabels is the labels that the end of an alarm is judged by.
const clearLabels = 200

// test feeds the detector while there is no alarm; in alarm it waits for as
// many labels with an accuracy that reaches the baseline within noise.
func (m *Monitor) test(wrong bool) {
	if m.detector == nil {
		return
	}
	if !m.alarm {
		m.detector.Observe(wrong)
		if m.detector.Evidence() >= m.threshold {
			m.alarm, m.since = true, 0
		}
		return
	}
	if m.since++; m.since%clearLabels == 0 && m.recovered() {
		m.alarm = false
		m.detector.Reset()
	}
}

func (m *Monitor) recovered() bool {
	right := 0
	n := min(clearLabels, len(m.window.ring))
	for k := 1; k <= n; k++ {
		o := &m.window.ring[(m.window.next-uint64(k))%uint64(cap(m.window.ring))]
		if o.predicted == o.actual {
			right++
		}
	}
	sigma := math.Sqrt(m.baseline * (1 - m.baseline) / float64(n))
	return float64(right)/float64(n) >= m.baseline-2*sigma
}

// Tick says that one of the detector's units of time has passed.
func (m *Monitor) Tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.detector != nil && !m.alarm {
		m.detector.Tick()
	}
}

// minLabels is the fewest labels that an accuracy is said of.
const minLabels = 30

// Evaluate sums up the window; nil where nothing was predicted yet.
func (m *Monitor) Evaluate() *result.Performance {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.s.Now()
	m.counts[Orphan] += uint64(m.join.expire(now))
	p := &result.Performance{Labels: result.LabelCounts{}, LabelClasses: map[string]uint64{}, Alarm: m.alarm,
		CalibrationTotals: slices.Clone(m.bins), ConfusionTotal: result.Confusion{Labels: slices.Clone(m.classes), Counts: clone(m.confusion)}}
	for _, o := range Outcomes() {
		p.Labels[string(o)] = m.counts[o]
	}
	for i, c := range m.classes {
		p.LabelClasses[c] = m.byClass[i]
	}
	if m.detector != nil {
		p.Baseline = &m.baseline
	}
	if labelled, all := m.join.coverage(now); all > 0 {
		share := float64(labelled) / float64(all)
		p.Coverage = &share
	}
	m.summarise(p)
	return p
}

// LastLabel is when the last label came; zero before the first.
func (m *Monitor) LastLabel() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

func clone(m [][]int64) [][]int64 {
	out := make([][]int64, len(m))
	for i := range m {
		out[i] = slices.Clone(m[i])
	}
	return out
}

func (m *Monitor) summarise(p *result.Performance) {
	n := len(m.window.ring)
	counts := make([][]int64, len(m.classes))
	for i := range counts {
		counts[i] = make([]int64, len(m.classes))
	}
	p.Confusion = result.Confusion{Labels: slices.Clone(m.classes), Counts: counts}
	right := 0
	var confidence []float64
	var correct []bool
	delays := make([]float64, 0, n)
	m.window.each(func(o *outcome) {
		counts[o.actual][o.predicted]++
		ok := o.actual == o.predicted
		if ok {
			right++
		}
		if !math.IsNaN(o.confidence) {
			confidence, correct = append(confidence, o.confidence), append(correct, ok)
		}
		delays = append(delays, o.delay.Seconds())
	})
	if n < minLabels {
		p.Undefined = "fewer than 30 labelled predictions"
		return
	}
	lower, upper := Wilson(right, n)
	p.Accuracy = &result.Interval{Value: float64(right) / float64(n), Lower: lower, Upper: upper, N: n}
	slices.Sort(delays)
	p.DelayP50 = &delays[n/2]
	p.Calibration = calibrate(confidence, correct)
}

func calibrate(confidence []float64, correct []bool) *result.Calibration {
	width, err := calibration.EqualWidth(confidence, correct, Bins)
	if err != nil {
		return nil // no confidences
	}
	mass, _ := calibration.EqualMass(confidence, correct, Bins)
	brier, _ := calibration.Brier(confidence, correct)
	c := &result.Calibration{ECEEqualWidth: &width.ECE, ECEEqualMass: &mass.ECE, ECEDebiased: &width.Debiased, MCE: &width.MCE, Brier: &brier, Bins: Bins,
		Alarm: width.Z > calibrationZ && width.Debiased > calibrationError}
	for _, b := range width.Bins {
		c.Reliability = append(c.Reliability, result.ReliabilityBin{Lower: b.Lower, Upper: b.Upper, Count: int64(b.Count), MeanConfidence: b.MeanConfidence(), Accuracy: b.Accuracy()})
	}
	return c
}

// A calibration finding needs both: an error that chance does not make (four
// standard deviations: the window is looked at again and again), and one that
// matters.
const (
	calibrationZ     = 4
	calibrationError = .05
)

// Wilson is the 95 % score interval of a share. Source: Wilson (1927).
func Wilson(right, n int) (lower, upper float64) {
	const z = 1.959963984540054
	if n == 0 {
		return 0, 1
	}
	p, m := float64(right)/float64(n), float64(n)
	mid := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(mid-half, 0), min(mid+half, 1)
}
