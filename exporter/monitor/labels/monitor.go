package labels

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/driftlib/calibration"
	"github.com/gnomon-dev/gnomon/driftlib/cbpe"
	"github.com/gnomon-dev/gnomon/exporter/monitor/cohort"
	"github.com/gnomon-dev/gnomon/exporter/monitor/performance"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// Bins is the number of equal-width confidence bins.
const Bins = 15

// maxClasses bounds the confusion matrix; further classes are not counted.
const maxClasses = 1000

// Detector is the sequential test of the error rate against its baseline.
type Detector interface {
	Observe(wrong bool)
	Tick()
	Evidence() float64
	Reset()
}

// Settings is what a Monitor is made of.
type Settings struct {
	Model   string
	Version string
	// Classes are the configured names by index; Class is the name of an index
	// where none is configured.
	Classes  []string
	Class    func(i int) string
	Positive string // of two classes; the second where empty

	TTL      time.Duration
	Window   int             // labelled predictions of the window by count
	Windows  []time.Duration // by time
	Keep     int             // labelled predictions that are kept for all windows
	Complete float64         // share of the labels to come that must have come
	MinAge   time.Duration   // predictions younger than this never count
	Slices   int             // slices that metrics are made of
	Now      func() time.Time
	// Wrong, where given, is told of each prediction that its first label
	// contradicts. It must return at once.
	Wrong func(p *Prediction, actual string)
}

// Reference is what labelled predictions are held against.
type Reference struct {
	Accuracy   float64
	Detector   Detector
	Threshold  float64
	Labels     map[string]int   // rows by class
	Dependence float64          // design effect of its labels in their order
	Calibrator *cbpe.Calibrator // of the predicted class's confidence; nil without
	Positive   *cbpe.Calibrator // of the positive class's score, of two classes; nil otherwise
	Rows       int              // that they were made of
	Lowest     float64          // confidence in the reference
	Highest    float64
}

// state is what a checkpoint keeps of a Monitor.
type state struct {
	Counts    map[Outcome]uint64
	Classes   []string
	Confusion [][]int64 // since start, by actual and predicted class
	ByClass   []uint64
	Bins      []result.CalibrationTotal
	Delays    []uint64
	Last      time.Time // of the last label
	Next      uint64    // sequence number of the next outcome
	Outcomes  []performance.Outcome
	Cohorts   cohort.Cohorts
	Items     []item // with several annotators' labels
	Predicted uint64
	Alarm     bool
	Since     int // labels since the alarm
}

// Monitor folds what becomes of one model's predictions. Safe for concurrent
// use.
type Monitor struct {
	s Settings

	mu     sync.Mutex
	v      string // version: it may become known late
	st     state
	index  map[string]int
	recent []scored // the latest predictions, labelled or not
	at     int      // in recent, of the next
	ref    *Reference
	queued waits // outcomes that the sequential test has not seen
}

// scored is a prediction's confidence, for the estimate without labels.
type scored struct {
	at         time.Time
	confidence float64
	positive   float64 // score of the positive class of two; NaN
	chosen     bool    // the positive class was predicted
}

// New returns a Monitor.
func New(s Settings) *Monitor {
	m := &Monitor{s: s, v: s.Version}
	m.clear()
	return m
}

func (m *Monitor) clear() {
	m.st = state{Counts: map[Outcome]uint64{}, Delays: make([]uint64, cohort.Delays), Next: 1}
	m.index, m.recent, m.at, m.queued = map[string]int{}, nil, 0, nil
	for i := range Bins {
		m.st.Bins = append(m.st.Bins, result.CalibrationTotal{Lower: float64(i) / Bins, Upper: float64(i+1) / Bins})
	}
	for _, c := range m.s.Classes {
		m.class(c)
	}
	m.st.Cohorts.Span = m.s.TTL
}

// Rename gives the version that was not known when the Monitor was made.
func (m *Monitor) Rename(version string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.v = version
}

func (m *Monitor) version() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.v
}

// SetReference gives what the reference says of the model.
func (m *Monitor) SetReference(r Reference) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ref = &r
	m.replay()
}

// replay shows a new detector what was labelled before: it was not there then,
// or in a process that has ended.
func (m *Monitor) replay() {
	if m.ref == nil || m.ref.Detector == nil {
		return
	}
	m.ref.Detector.Reset()
	m.ref.Detector.Tick()
	for i := range m.st.Outcomes {
		o := &m.st.Outcomes[i]
		if o.Tested && !m.st.Alarm && o.Kind() != performance.None {
			m.ref.Detector.Observe(!o.Correct())
		}
	}
	if m.ref.Detector.Evidence() >= m.ref.Threshold {
		m.st.Alarm, m.st.Since = true, 0
	}
	m.queue()
	m.mature()
}

// class is a class's index, which is given where it is new; -1 where there are
// too many.
func (m *Monitor) class(name string) int {
	if i, ok := m.index[name]; ok {
		return i
	}
	if name == "" || len(m.st.Classes) >= maxClasses {
		return -1
	}
	st := &m.st
	m.index[name] = len(st.Classes)
	st.Classes = append(st.Classes, name)
	st.ByClass = append(st.ByClass, 0)
	for i := range st.Confusion {
		st.Confusion[i] = append(st.Confusion[i], 0)
	}
	st.Confusion = append(st.Confusion, make([]int64, len(st.Classes)))
	return len(st.Classes) - 1
}

// reserve gives the sequence number of an outcome that is about to be.
func (m *Monitor) reserve() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.st.Next++
	return m.st.Next - 1
}

// fold takes an event in.
func (m *Monitor) fold(e *event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.s.Now()
	if e.kind != predicted && e.kind != orphaned {
		m.st.Last = now
	}
	switch e.kind {
	case predicted:
		m.predict(e.prediction, now)
	case matched:
		m.st.Counts[Matched]++
		m.match(e.prediction, &e.label, e.at, now)
	case changed:
		m.change(e)
	case repeated:
		m.st.Counts[Duplicate]++
	case tooLate:
		m.st.Counts[Late]++
	case orphaned:
		m.st.Counts[Orphan] += e.n
	}
}

func (m *Monitor) predict(p *Prediction, now time.Time) {
	m.st.Predicted++
	m.st.Cohorts.Predict(p.Time, m.class(p.Class), now)
	if math.IsNaN(p.Confidence) {
		return
	}
	s := scored{p.Time, p.Confidence, math.NaN(), false}
	if len(p.Scores) == 2 {
		i := m.positive()
		s.positive, s.chosen = float64(p.Scores[i]), p.Class == m.s.Class(i)
	}
	if len(m.recent) < m.s.Window {
		m.recent = append(m.recent, s)
		return
	}
	m.recent[m.at] = s
	m.at = (m.at + 1) % len(m.recent)
}

// positive is the index of the positive class of two.
func (m *Monitor) positive() int {
	if m.s.Positive != "" && m.s.Class(0) == m.s.Positive {
		return 0
	}
	return 1
}

func (m *Monitor) match(p *Prediction, l *record.Label, at, now time.Time) {
	if m.s.Wrong != nil && p.Class != "" && l.Class != "" && l.Class != p.Class {
		m.s.Wrong(p, l.Class)
	}
	o := performance.Outcome{Seq: p.seq, Predicted: p.Class, Classes: p.Classes, Multi: p.Classes != nil, Found: p.Boxes, Detects: p.Boxes != nil, Value: p.Value, Confidence: p.Confidence, Scores: p.Scores, Slices: p.Slices, Others: p.Others, At: p.Time, Known: at}
	o.Label(l)
	m.st.Next = max(m.st.Next, p.seq+1)
	m.keep(o)
	m.wait(&o)
	if p.seq%64 == 0 { // between ticks, where many labels come
		defer m.mature()
	}
	m.annotate(p.ID, l)
	actual := -1
	if l.Truth() {
		actual = m.class(l.Class)
	}
	m.st.Cohorts.Label(p.Time, at, actual, now)
	m.st.Delays[cohort.Bin(at.Sub(p.Time))]++
	if l.Truth() {
		m.count(&o, actual)
	}
}

// count folds an outcome into what is counted since start.
func (m *Monitor) count(o *performance.Outcome, actual int) {
	if actual >= 0 {
		m.st.ByClass[actual]++
		if p := m.class(o.Predicted); p >= 0 {
			m.st.Confusion[actual][p]++
		}
	}
	for _, c := range o.ActualLabels {
		if i := m.class(c); i >= 0 {
			m.st.ByClass[i]++
		}
	}
	k := o.Kind()
	if k != performance.Class && k != performance.MultiLabel {
		return
	}
	correct := o.Correct()
	if c := o.Confidence; c >= 0 && c <= 1 {
		b := &m.st.Bins[calibration.Index(c, Bins)]
		b.Count++
		b.Confidence += c
		if correct {
			b.Correct++
		}
	}
}

// keep appends an outcome and forgets the oldest ones beyond the bound.
func (m *Monitor) keep(o performance.Outcome) {
	m.st.Outcomes = append(m.st.Outcomes, o)
	if n := len(m.st.Outcomes); n >= m.s.Keep+m.s.Keep/4+16 {
		m.st.Outcomes = append(make([]performance.Outcome, 0, n), m.st.Outcomes[n-m.s.Keep:]...)
	}
}

func (m *Monitor) outcome(seq uint64) *performance.Outcome {
	i, ok := slices.BinarySearchFunc(m.st.Outcomes, seq, func(o performance.Outcome, seq uint64) int {
		switch {
		case o.Seq < seq:
			return -1
		case o.Seq > seq:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return &m.st.Outcomes[i]
}

func (m *Monitor) change(e *event) {
	if e.n == 1 {
		m.st.Counts[Corrected]++
	} else {
		m.st.Counts[Added]++
	}
	p := e.prediction
	m.annotate(p.ID, &e.label)
	if o := m.outcome(p.seq); o != nil {
		had := o.Truth
		o.Label(&e.label)
		if !had && o.Truth { // a business figure came first
			m.count(o, m.class(e.label.Class))
			m.wait(o)
		}
	}
	if e.was != nil && e.was.Class != e.label.Class {
		was := -1
		if e.was.Class != "" {
			was = m.class(e.was.Class)
		}
		m.st.Cohorts.Correct(p.Time, was, m.class(e.label.Class))
	}
}

// clearLabels is the labels that the end of an alarm is judged by.
const clearLabels = 200

// test feeds the detector while there is no alarm; in alarm it waits for as
// many labels with an accuracy that reaches the baseline within noise.
func (m *Monitor) test(wrong bool) {
	if m.ref == nil || m.ref.Detector == nil {
		return
	}
	if !m.st.Alarm {
		m.ref.Detector.Observe(wrong)
		if m.ref.Detector.Evidence() >= m.ref.Threshold {
			m.st.Alarm, m.st.Since = true, 0
		}
		return
	}
	if m.st.Since++; m.st.Since%clearLabels == 0 && m.recovered() {
		m.st.Alarm = false
		m.ref.Detector.Reset()
	}
}

func (m *Monitor) recovered() bool {
	right, n := 0, 0
	for i := len(m.st.Outcomes) - 1; i >= 0 && n < clearLabels; i-- {
		if o := &m.st.Outcomes[i]; o.Tested {
			n++
			if o.Correct() {
				right++
			}
		}
	}
	sigma := math.Sqrt(m.ref.Accuracy * (1 - m.ref.Accuracy) / float64(n))
	return float64(right)/float64(n) >= m.ref.Accuracy-2*sigma
}

// Tick says that one of the detector's units of time has passed.
func (m *Monitor) Tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mature()
	if m.ref != nil && m.ref.Detector != nil && !m.st.Alarm {
		m.ref.Detector.Tick()
	}
}

// Alarm reports whether the sequential test holds that accuracy has fallen.
func (m *Monitor) Alarm() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.st.Alarm
}

// LastLabel is when the last label came; zero before the first.
func (m *Monitor) LastLabel() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.st.Last
}

// save copies the state for a checkpoint.
func (m *Monitor) save() state {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.st.clone()
}

func (s *state) clone() state {
	out := *s
	out.Counts = map[Outcome]uint64{}
	for k, n := range s.Counts {
		out.Counts[k] = n
	}
	out.Classes, out.ByClass, out.Bins, out.Delays = slices.Clone(s.Classes), slices.Clone(s.ByClass), slices.Clone(s.Bins), slices.Clone(s.Delays)
	out.Confusion = clone(s.Confusion)
	out.Outcomes, out.Items = slices.Clone(s.Outcomes), slices.Clone(s.Items)
	for i := range out.Items {
		out.Items[i].Votes = slices.Clone(out.Items[i].Votes)
	}
	out.Cohorts = s.Cohorts.Clone()
	return out
}

func clone(m [][]int64) [][]int64 {
	out := make([][]int64, len(m))
	for i := range m {
		out[i] = slices.Clone(m[i])
	}
	return out
}

// load takes a checkpoint's state up; nil is the beginning.
func (m *Monitor) load(s *state) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
	if s == nil {
		m.replay()
		return
	}
	fresh := m.st
	m.st = s.clone()
	if m.st.Delays == nil || len(m.st.Delays) != len(fresh.Delays) {
		m.st.Delays = fresh.Delays
	}
	if len(m.st.Bins) != len(fresh.Bins) {
		m.st.Bins = fresh.Bins
	}
	m.st.Cohorts.Span = m.s.TTL
	m.index = map[string]int{}
	for i, c := range m.st.Classes {
		m.index[c] = i
	}
	for _, c := range m.s.Classes {
		m.class(c)
	}
	m.replay()
}
