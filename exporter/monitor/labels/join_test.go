package labels

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/labelstore"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// world is a joiner with one monitor a model and version, and a clock.
type world struct {
	t        *testing.T
	now      time.Time
	store    labelstore.Store
	joiner   *Joiner
	mu       sync.Mutex
	monitors map[string]*Monitor
	settings Settings
}

func newWorld(t *testing.T, store func(now func() time.Time) labelstore.Store) *world {
	w := &world{t: t, now: time.Unix(1_800_000_000, 0), monitors: map[string]*Monitor{},
		settings: Settings{TTL: 24 * time.Hour, Window: 2000, Keep: 20_000, Complete: .9, Slices: 10, Class: func(i int) string { return fmt.Sprint(i) }}}
	w.settings.Now = w.clock
	if store == nil {
		store = func(now func() time.Time) labelstore.Store { return labelstore.NewMemory(100_000, 64<<20, now) }
	}
	w.store = store(w.clock)
	w.open()
	return w
}

func (w *world) clock() time.Time { return w.now }

func (w *world) open() {
	w.joiner = NewJoiner(JoinSettings{Store: w.store, TTL: w.settings.TTL, Monitor: w.monitor, Stranger: func(m string) (string, string) {
		if m == "" {
			return "m", "1"
		}
		return m, "1"
	}, Checkpoint: time.Minute, Now: w.clock})
}

func (w *world) monitor(model, version string) *Monitor {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := model + "/" + version
	if w.monitors[k] == nil {
		s := w.settings
		s.Model, s.Version = model, version
		w.monitors[k] = New(s)
	}
	return w.monitors[k]
}

func (w *world) predict(id, class string) *Prediction {
	p := &Prediction{ID: id, Model: "m", Version: "1", Time: w.now, Class: class, Value: math.NaN(), Confidence: .9}
	w.joiner.Predict([]*Prediction{p})
	return p
}

func (w *world) label(l record.Label) {
	w.t.Helper()
	for _, err := range w.joiner.Label([]record.Label{l}) {
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) result() *result.Performance { return w.monitor("m", "1").Evaluate() }

// counts is how many labels had each outcome, of those that had any.
func (w *world) counts() string {
	out := ""
	p := w.result()
	for _, o := range Outcomes() {
		if n := p.Labels[string(o)]; n > 0 {
			out += fmt.Sprintf("%s %d ", o, n)
		}
	}
	return out
}

func number(v float64) *float64 { return &v }

func TestOutcomes(t *testing.T) {
	w := newWorld(t, nil)
	w.predict("a", "1")
	w.predict("b", "1")
	w.now = w.now.Add(time.Second)
	for _, step := range []struct {
		label record.Label
		want  string
	}{
		{record.Label{ID: "a", Class: "1"}, "matched 1 "},
		{record.Label{ID: "a", Class: "1"}, "matched 1 duplicate 1 "},
		{record.Label{ID: "a", Class: "2"}, "matched 1 corrected 1 duplicate 1 "},
		{record.Label{ID: "a", KPI: map[string]float64{"revenue": 3}}, "matched 1 added 1 corrected 1 duplicate 1 "},
		{record.Label{ID: "a", KPI: map[string]float64{"revenue": 3}}, "matched 1 added 1 corrected 1 duplicate 2 "},
		{record.Label{ID: "b", Class: "1", Time: w.now.Add(25 * time.Hour)}, "matched 2 added 1 corrected 1 duplicate 2 "}, // times in the future are now
		{record.Label{ID: "unknown", Class: "1"}, "matched 2 added 1 corrected 1 duplicate 2 "},
		{record.Label{ID: "unknown", Class: "1"}, "matched 2 added 1 corrected 1 duplicate 3 "},
	} {
		w.label(step.label)
		if got := w.counts(); got != step.want {
			t.Errorf("after %+v: %q, want %q", step.label, got, step.want)
		}
	}
	w.now = w.now.Add(time.Minute)
	w.joiner.Maintain()
	if got, want := w.counts(), "matched 2 added 1 corrected 1 duplicate 3 orphan 1 "; got != want {
		t.Errorf("after a minute: %q, want %q", got, want)
	}
	w.now = w.now.Add(24 * time.Hour)
	w.label(record.Label{ID: "a", Class: "1"})
	if got, want := w.counts(), "matched 2 added 1 corrected 1 duplicate 3 late 1 orphan 1 "; got != want {
		t.Errorf("after the time to live: %q, want %q", got, want)
	}
}

func TestLabelBeforePrediction(t *testing.T) {
	w := newWorld(t, nil)
	w.label(record.Label{ID: "a", Class: "7"})
	w.now = w.now.Add(59 * time.Second)
	w.joiner.Maintain()
	w.predict("a", "7")
	if got := w.counts(); got != "matched 1 " {
		t.Errorf("%q", got)
	}
}

// TestOneRequestManyModels: a label without a model is the truth for every
// model that has answered the request.
func TestOneRequestManyModels(t *testing.T) {
	w := newWorld(t, nil)
	for _, version := range []string{"1", "2"} {
		w.joiner.Predict([]*Prediction{{ID: "a", Model: "m", Version: version, Time: w.now, Class: version, Value: math.NaN(), Confidence: math.NaN()}})
	}
	w.joiner.Predict([]*Prediction{{ID: "a", Model: "other", Version: "1", Time: w.now, Class: "x", Value: math.NaN(), Confidence: math.NaN()}})
	w.label(record.Label{ID: "a", Class: "1"})
	w.label(record.Label{ID: "a", Class: "2", Model: "other"})
	for k, want := range map[string]string{"m/1": "matched 1", "m/2": "matched 1", "other/1": "corrected 1 matched 1"} {
		p := w.monitors[k].Evaluate()
		got := ""
		for _, o := range []Outcome{Corrected, Matched} {
			if n := p.Labels[string(o)]; n > 0 {
				got += fmt.Sprintf(" %s %d", o, n)
			}
		}
		if got != " "+want {
			t.Errorf("%s: %q, want %q", k, got, want)
		}
	}
}

// TestCorrectionChangesTheWindow, and not what was counted since start.
func TestCorrectionChangesTheWindow(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 40 {
		w.predict(fmt.Sprint(i), "1")
		w.label(record.Label{ID: fmt.Sprint(i), Class: "0"})
	}
	for i := range 30 {
		w.label(record.Label{ID: fmt.Sprint(i), Class: "1"})
	}
	p := w.result()
	if p.Accuracy == nil || p.Accuracy.Value != .75 {
		t.Errorf("accuracy %+v, want 0.75", p.Accuracy)
	}
	if p.LabelClasses["0"] != 40 || p.LabelClasses["1"] != 0 {
		t.Errorf("counters go back: %v", p.LabelClasses)
	}
}

// TestRepeatedPrediction: what Kafka reads twice counts once; an id that the
// client uses again is another prediction.
func TestRepeatedPrediction(t *testing.T) {
	w := newWorld(t, nil)
	p := w.predict("a", "1")
	again := *p
	w.joiner.Predict([]*Prediction{&again})
	if n := w.result().Predictions; n != 1 {
		t.Errorf("%d predictions, want 1", n)
	}
	w.label(record.Label{ID: "a", Class: "1"})
	w.now = w.now.Add(time.Second)
	w.predict("a", "2")
	w.label(record.Label{ID: "a", Class: "2"})
	if got := w.counts(); got != "matched 2 " || w.result().Predictions != 2 {
		t.Errorf("%q of %d predictions", got, w.result().Predictions)
	}
}

// TestRecordedTraffic: of what happened years ago, labels without a time are as
// late as they came after their predictions.
func TestRecordedTraffic(t *testing.T) {
	w := newWorld(t, nil)
	long := w.now.Add(-20 * 365 * 24 * time.Hour)
	for i := range 60 {
		w.joiner.Predict([]*Prediction{{ID: fmt.Sprint(i), Model: "m", Version: "1", Time: long.Add(time.Duration(i) * time.Hour), Class: "1", Value: math.NaN(), Confidence: .9}})
	}
	w.now = w.now.Add(time.Minute)
	for i := range 60 {
		w.label(record.Label{ID: fmt.Sprint(i), Class: fmt.Sprint(i % 2)})
	}
	w.now = w.now.Add(5 * time.Minute)
	p := w.result()
	if got := w.counts(); got != "matched 60 " || p.Accuracy == nil || p.Accuracy.N < 50 {
		t.Errorf("%q, accuracy %+v, %s", got, p.Accuracy, p.Maturity.Words)
	}
}

// TestRestart: everything that was acknowledged is there again, the same to
// the last digit, from a checkpoint and the log behind it.
func TestRestart(t *testing.T) {
	path := t.TempDir()
	open := func(now func() time.Time) labelstore.Store {
		return labelstore.OpenDisk(labelstore.DiskSettings{Path: path, Limit: 64 << 20, Now: now})
	}
	w := newWorld(t, open)
	step := func(i int) {
		id := fmt.Sprint("r", i)
		w.predict(id, fmt.Sprint(i%3))
		w.now = w.now.Add(100 * time.Millisecond)
		switch {
		case i%5 == 0: // not labelled
		case i%7 == 0:
			w.label(record.Label{ID: id, Votes: []record.Vote{{Annotator: "a", Class: "1"}, {Annotator: "b", Class: "2"}}, Class: "1"})
		default:
			w.label(record.Label{ID: id, Class: fmt.Sprint(i % 4), Weight: number(2), KPI: map[string]float64{"revenue": float64(i)}})
		}
		if i%11 == 0 {
			w.label(record.Label{ID: id, Class: "0"})
			w.label(record.Label{ID: "stranger" + id, Class: "0"})
		}
	}
	for i := range 300 {
		step(i)
	}
	w.now = w.now.Add(time.Minute)
	w.joiner.Maintain() // a checkpoint
	for i := range 200 {
		step(300 + i)
	}
	text := func() string {
		b, err := json.Marshal(w.result())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	before := text()
	if err := w.store.Close(); err != nil { // without a last checkpoint, as a kill
		t.Fatal(err)
	}
	w.monitors = map[string]*Monitor{}
	w.store = open(w.clock)
	defer w.store.Close()
	w.open()
	if after := text(); after != before {
		t.Errorf("after the restart\n%s\nbefore\n%s", after, before)
	}
	was := w.counts()
	w.label(record.Label{ID: "r301", Class: fmt.Sprint(301 % 4), Weight: number(2), KPI: map[string]float64{"revenue": 301}})
	if now := w.counts(); now == was || w.result().Labels["duplicate"] == 0 {
		t.Errorf("a label sent again is no duplicate: %s, before %s", now, was)
	}
}

// TestStoreDown: labels are refused while the store cannot write, and nothing
// counts twice when they are sent again.
func TestStoreDown(t *testing.T) {
	f := &failing{}
	w := newWorld(t, func(now func() time.Time) labelstore.Store {
		f.Store = labelstore.OpenDisk(labelstore.DiskSettings{Path: t.TempDir(), Limit: 64 << 20, Now: now})
		return f
	})
	defer f.Close()
	w.predict("a", "1")
	w.predict("b", "1")
	w.label(record.Label{ID: "a", Class: "1"})
	f.down = true
	if errs := w.joiner.Label([]record.Label{{ID: "b", Class: "1"}}); !errors.Is(errs[0], labelstore.ErrDown) {
		t.Fatal(errs)
	}
	w.predict("c", "1")
	if got := w.joiner.Stats().Dropped; got != 1 {
		t.Errorf("%d predictions dropped, want 1", got)
	}
	f.down, f.noSync = false, true
	if errs := w.joiner.Label([]record.Label{{ID: "b", Class: "1"}}); errs[0] == nil {
		t.Fatal("acknowledged and not on the disk")
	}
	f.noSync = false
	w.joiner.Maintain() // reads what the disk has
	w.label(record.Label{ID: "b", Class: "1"})
	if n := w.result().Labels["matched"]; n != 2 {
		t.Errorf("%s", w.counts())
	}
}

// failing is a store whose disk does not write.
type failing struct {
	labelstore.Store
	down, noSync bool
}

func (f *failing) Commit(b labelstore.Batch) error {
	if f.down {
		return labelstore.ErrDown
	}
	return f.Store.Commit(b)
}

func (f *failing) Sync() error {
	if f.noSync {
		return labelstore.ErrDown
	}
	return f.Store.Sync()
}

func FuzzCodec(f *testing.F) {
	p := &Prediction{ID: "a", Model: "m", Version: "1", Time: time.Unix(5, 6), Class: "c", Classes: []string{}, Value: math.NaN(), Confidence: .5, Scores: []float32{.5, .5}, Slices: []string{"x=y"},
		label: &record.Label{ID: "a", Class: "c"}, seq: 7, logged: true}
	f.Add(encodeEntry([]*Prediction{p}), true)
	f.Add(encodeEvent(&event{kind: changed, prediction: p, was: p.label, label: *p.label, model: "m", n: 3, at: time.Unix(1, 2)}), false)
	f.Fuzz(func(t *testing.T, b []byte, entry bool) {
		if entry {
			list, err := decodeEntry(b)
			if err != nil || list == nil {
				return
			}
			again, err := decodeEntry(encodeEntry(list))
			if err != nil || len(again) != len(list) {
				t.Fatalf("%d predictions, then %d: %v", len(list), len(again), err)
			}
			return
		}
		e, err := decodeEvent(b)
		if err != nil {
			return
		}
		if again, err := decodeEvent(encodeEvent(e)); err != nil || again.kind != e.kind || again.n != e.n {
			t.Fatalf("%+v, then %+v: %v", e, again, err)
		}
	})
}

func BenchmarkJoin(b *testing.B) {
	for name, open := range map[string]func(b *testing.B) labelstore.Store{
		"memory": func(*testing.B) labelstore.Store { return labelstore.NewMemory(1_000_000, 1<<30, time.Now) },
		"disk": func(b *testing.B) labelstore.Store {
			return labelstore.OpenDisk(labelstore.DiskSettings{Path: b.TempDir(), Limit: 8 << 30, Now: time.Now})
		},
	} {
		b.Run(name, func(b *testing.B) {
			m := New(Settings{Model: "m", Version: "1", TTL: 24 * time.Hour, Window: 2000, Keep: 20_000, Complete: .9, Class: func(i int) string { return fmt.Sprint(i) }, Now: time.Now})
			store := open(b)
			defer store.Close()
			j := NewJoiner(JoinSettings{Store: store, TTL: 24 * time.Hour, Monitor: func(string, string) *Monitor { return m }, Stranger: func(string) (string, string) { return "m", "1" }, Now: time.Now})
			n := 0
			began := cpu(b)
			for b.Loop() { // 1,000 predictions in batches of 64, and their labels in one body
				var list []record.Label
				var batch []*Prediction
				for range 1000 {
					id := fmt.Sprintf("request-%09d", n)
					n++
					batch = append(batch, &Prediction{ID: id, Model: "m", Version: "1", Time: time.Now(), Class: "1", Value: math.NaN(), Confidence: .9, Scores: []float32{.1, .9}})
					if len(batch) == 64 {
						j.Predict(batch)
						batch = nil
					}
					list = append(list, record.Label{ID: id, Class: "1"})
				}
				j.Predict(batch)
				if errs := j.Label(list); errs[0] != nil {
					b.Fatal(errs[0])
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "pairs/s")
			b.ReportMetric(float64(n)/(cpu(b)-began), "pairs/cpu-s")
			if got := m.Evaluate().Labels["matched"]; got != uint64(n) {
				b.Fatalf("%d of %d matched", got, n)
			}
		})
	}
}

// cpu is the CPU time of this process in seconds.
func cpu(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}
