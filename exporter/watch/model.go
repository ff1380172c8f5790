package watch

import (
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/driftlib/sequential"
	"github.com/gnomon-dev/gnomon/driftlib/verdict"
	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/feature"
	"github.com/gnomon-dev/gnomon/exporter/labelstore"
	"github.com/gnomon-dev/gnomon/exporter/monitor/agreement"
	"github.com/gnomon-dev/gnomon/exporter/monitor/features"
	"github.com/gnomon-dev/gnomon/exporter/monitor/labels"
	"github.com/gnomon-dev/gnomon/exporter/monitor/paired"
	"github.com/gnomon-dev/gnomon/exporter/monitor/schema"
	"github.com/gnomon-dev/gnomon/exporter/monitor/skew"
	"github.com/gnomon-dev/gnomon/exporter/monitor/suspect"
	"github.com/gnomon-dev/gnomon/exporter/monitor/worst"
	"github.com/gnomon-dev/gnomon/exporter/record"
	verdictwords "github.com/gnomon-dev/gnomon/exporter/verdict"
)

// Model is the monitors of one version of a model. Observe is called from one
// goroutine, Evaluate from another.
type Model struct {
	spec    *Spec
	version string
	s       Settings

	mu         sync.Mutex
	features   *features.Monitor // nil until there is a reference
	baseline   *Baseline         // that features was made of
	order      []int             // of each profile feature: its place in a row; -1: not there
	agreements []*agreement.Monitor
	peers      []peerFloor // of tick alone
	paired     *paired.Monitor
	labels     *labels.Monitor
	learned    [][]feature.Value // rows of the provisional reference in the making
	lastRecord time.Time
	lastEvent  time.Time
	misfits    uint64 // records whose inputs do not fit the features

	schema  *schema.Monitor
	suspect *suspect.Monitor // nil without a reference of rows
	worst   *worst.Keeper
	skew    *skew.Monitor // nil without logged rows
	skewed  *skew.Table   // of observe alone: that skew has

	judge *verdictwords.Judge

	wanted map[string]time.Time // of evaluate alone: since when each signal asks for a training
}

// Settings is what every Model shares.
type Settings struct {
	Evaluation config.Evaluation
	Labels     config.Labels
	Discover   config.Discover
	Now        func() time.Time
	// Store is where predictions wait for labels; in memory where nil.
	Store  labelstore.Store
	Logger *slog.Logger
	// Misfit is told of each record whose inputs do not fit the features.
	Misfit func()
	// Fault is told when the inputs' schema is found at fault; nil: nobody.
	Fault func()
	// Shown is a feature's text as it may be shown; nil: as it is.
	Shown func(feature, text string) string
	// Text is any other text as it may be shown; nil: as it is.
	Text func(string) string
	// Allowed is a value as it may be shown where only listed fields may be;
	// false where it may not. nil: none may.
	Allowed func(feature, value string) (string, bool)
}

// runLength is the stated mean number of ticks between false alarms.
func (s *Settings) runLength() float64 {
	return float64(s.Evaluation.FalseAlarm) / float64(s.Evaluation.Tick)
}

func newModel(spec *Spec, version string, s Settings) *Model {
	m := &Model{spec: spec, version: version, s: s}
	m.worst = newKeeper(s.Now)
	spec.addKeeper(m.worst)
	m.skew = newSkew(spec, s.Allowed)
	m.judge = verdictwords.New(verdictwords.Settings{StaleAfter: time.Duration(s.Evaluation.StaleAfter), ErrorRatio: .05, MinErrors: 20})
	m.labels = labels.New(s.monitor(spec, version, m.wrong))
	m.schema = schema.New(schema.Settings{Now: s.Now, Fault: s.Fault}, predictionFeature, confidenceFeature)
	m.peers = make([]peerFloor, len(spec.Replay.Shadows))
	m.paired = paired.New(paired.Settings{Shadows: len(spec.Replay.Shadows), Pending: min(s.Labels.MaxPending, mostPaired)})
	for range spec.Replay.Shadows {
		m.agreements = append(m.agreements, agreement.New(agreement.Settings{Window: s.Evaluation.Window, Floor: defaultFloor, Detector: m.disagreement(defaultFloor)}))
	}
	return m
}

// timed gives a detector the threshold of the stated rate.
type timed struct {
	*sequential.Disagreement
	threshold float64
}

func (t timed) Threshold() float64 { return t.threshold }

func (m *Model) disagreement(floor float64) agreement.Detector {
	d, err := sequential.NewDisagreement(min(max(floor, 1e-4), .5))
	if err != nil { // cannot be: the floor is in range
		d, _ = sequential.NewDisagreement(defaultFloor)
	}
	return timed{d, m.s.runLength() * float64(m.s.Evaluation.Replicas)}
}

// observe folds in the observations of this version.
func (m *Model) observe(list []*record.Observation) {
	m.adopt()
	rows := make([][]feature.Value, 0, len(list))
	fit := make([]*record.Observation, 0, len(list)) // the records of rows
	for _, o := range list {
		m.see(o)
		row, ok := m.row(o)
		if ok {
			rows, fit = append(rows, row), append(fit, o)
		}
		m.schema.Inputs(o.Inputs, ok)
		for i := range o.Shadows {
			m.agreements[i].Observe(&o.Shadows[i])
		}
		m.pair(o)
	}
	if len(fit) > 0 {
		m.inspect(fit, rows)
	}
	m.mu.Lock()
	monitor, order := m.features, m.places()
	m.mu.Unlock()
	if monitor != nil {
		rows = arrange(order, rows)
		m.schema.Rows(rows)
		monitor.Observe(rows)
		return
	}
	m.learn(rows)
}

func (m *Model) see(o *record.Observation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lastRecord = m.s.Now()
	if o.EventTime.After(m.lastEvent) {
		m.lastEvent = o.EventTime
	}
}

// row is a record's features: those of its inputs, then the predicted class
// and the confidence of the primary's answer.
func (m *Model) row(o *record.Observation) ([]feature.Value, bool) {
	e := m.spec.features()
	if e == nil {
		made, err := feature.New(feature.Describe(o.Inputs), nil)
		if err != nil {
			m.misfit()
			return nil, false
		}
		m.spec.setExtractor(made)
		e = m.spec.features()
	}
	row, err := e.Extract(make([]feature.Value, 0, len(e.Names())+2), o.Inputs)
	if err != nil {
		m.misfit()
		return nil, false
	}
	m.compareLogged(o, e.Names(), row)
	show(m.s.Shown, e.Names(), row)
	return append(row, m.derived(o)...), true
}

// show keeps personal data out of the categories, whose names metrics and
// pages show.
func show(shown func(feature, text string) string, names []string, row []feature.Value) {
	if shown == nil {
		return
	}
	for i := range row {
		if row[i].IsText && !row[i].Missing {
			row[i].Text = shown(names[i], row[i].Text)
		}
	}
}

func (m *Model) misfit() {
	m.mu.Lock()
	m.misfits++
	m.mu.Unlock()
	m.s.Misfit()
}

func (m *Model) derived(o *record.Observation) []feature.Value {
	p := o.Primary
	if p == nil {
		return []feature.Value{feature.Nothing(), feature.Nothing()}
	}
	if p.Labels != nil { // how many labels hold
		return []feature.Value{{Number: float64(len(p.Labels))}, {Number: p.Confidence}}
	}
	if p.Class < 0 {
		return []feature.Value{{Number: p.Value}, feature.Nothing()}
	}
	confidence := feature.Value{Number: p.Confidence, Missing: math.IsNaN(p.Confidence)}
	return []feature.Value{{Text: m.spec.ClassName(p.Class), IsText: true}, confidence}
}

// adopt takes up the reference as soon as there is one.
func (m *Model) adopt() {
	b := m.spec.baseline.Load()
	m.mu.Lock()
	defer m.mu.Unlock()
	if b == nil || b == m.baseline {
		return
	}
	m.baseline = b
	monitor, err := features.New(features.Settings{Profile: b.Profile, Window: m.s.Evaluation.Window, RunLength: m.s.runLength(),
		Replicas: m.s.Evaluation.Replicas, Verdict: verdict.Defaults(), Now: m.s.Now})
	if err != nil {
		m.spec.Fail(err.Error())
		return
	}
	if err := m.schema.Expect(b.Profile); err != nil {
		m.spec.Fail(err.Error())
		return
	}
	m.features, m.order, m.learned = monitor, nil, nil
	m.refer(b)
	m.watchSuspects(b)
}

// places is, of each feature of the profile, its place in a row; -1 where rows
// have no such feature. m.mu is held.
func (m *Model) places() []int {
	if m.order != nil || m.baseline == nil {
		return m.order
	}
	at := map[string]int{}
	for k, n := range m.rowNames() {
		at[n] = k
	}
	for i := range m.baseline.Profile.Features {
		k, ok := at[m.baseline.Profile.Features[i].Name]
		if !ok {
			k = -1
		}
		m.order = append(m.order, k)
	}
	return m.order
}

// arrange brings rows into the profile's order.
func arrange(order []int, rows [][]feature.Value) [][]feature.Value {
	for i, row := range rows {
		out := make([]feature.Value, len(order))
		for k, at := range order {
			out[k] = feature.Nothing()
			if at >= 0 && at < len(row) {
				out[k] = row[at]
			}
		}
		rows[i] = out
	}
	return rows
}

func (m *Model) rowNames() []string {
	var names []string
	if e := m.spec.features(); e != nil {
		names = append(names, e.Names()...)
	}
	return append(names, predictionFeature, confidenceFeature)
}

// learn gathers rows for the provisional reference of a model that was given
// none, and makes it of them once there are enough.
func (m *Model) learn(rows [][]feature.Value) {
	if m.spec.Config.Reference.File != "" || m.spec.baseline.Load() != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.learned = append(m.learned, rows...)
	if len(m.learned) < m.s.Discover.Provisional {
		return
	}
	p, err := profile.FromColumns(Columns(m.rowNames(), m.learned), profile.Options{})
	m.learned = nil
	if err != nil {
		m.spec.Fail(err.Error())
		return
	}
	p.Provisional, p.Source = true, "provisional"
	m.spec.SetBaseline(&Baseline{Profile: p, Source: "provisional", Provisional: true, Loaded: m.s.Now()})
}

// Columns turns rows of values into a profile's columns; columns that are
// missing in every row are left out.
func Columns(names []string, rows [][]feature.Value) []profile.Column {
	var out []profile.Column
	for k, name := range names {
		c := profile.Column{Name: name, Kind: profile.Numeric}
		some := false
		for _, row := range rows {
			v := feature.Nothing()
			if k < len(row) {
				v = row[k]
			}
			if v.IsText {
				c.Kind = profile.Categorical
			}
			some = some || !v.Missing
			c.Floats, c.Strings, c.Missing = append(c.Floats, v.Number), append(c.Strings, v.Text), append(c.Missing, v.Missing)
		}
		if !some {
			continue
		}
		if c.Kind == profile.Categorical {
			c.Floats = nil
		} else {
			c.Strings = nil
		}
		out = append(out, c)
	}
	return out
}

// tick tells every detector that a unit of time has passed.
func (m *Model) tick() {
	m.mu.Lock()
	monitor, signs := m.features, m.suspect
	m.mu.Unlock()
	if monitor != nil {
		monitor.Tick()
	}
	m.judgeNoise()
	for _, a := range m.agreements {
		a.Tick()
	}
	if signs != nil {
		signs.Tick()
	}
	m.labels.Tick()
}
