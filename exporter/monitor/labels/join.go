package labels

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/labelstore"
	"github.com/gnomon-dev/gnomon/exporter/record"
)

// orphanGrace is how long a label waits for its prediction: labels can arrive
// before the prediction has come through the queue and the replay.
const orphanGrace = time.Minute

// maxPerID bounds the predictions under one id: several models, or versions,
// that have answered one request.
const maxPerID = 8

// maxEarly bounds the labels that wait for their predictions.
const maxEarly = 100_000

// JoinSettings is what a Joiner is made of.
type JoinSettings struct {
	Store labelstore.Store
	TTL   time.Duration
	// Monitor finds a model's monitor; nil where it is not watched.
	Monitor func(model, version string) *Monitor
	// Stranger is the model and version that a label of no known prediction is
	// counted at.
	Stranger func(model string) (name, version string)
	// Class is a class by name where the label gives its index.
	Class      func(model, class string) string
	Checkpoint time.Duration // between checkpoints; 1 min where 0
	Now        func() time.Time
	Logger     *slog.Logger
}

// Joiner joins labels to predictions. Safe for concurrent use.
type Joiner struct {
	s JoinSettings

	mu       sync.Mutex
	early    map[string]early
	order    []waiter // of early labels, oldest at head
	head     int
	stale    bool // monitors hold what the store does not: it must be read again
	dirty    bool // there is something to put into a checkpoint
	saved    time.Time
	dropped  uint64 // predictions that the store did not take
	told     bool   // that the store is down
	monitors map[*Monitor]bool
}

// early is a label that waits for its prediction.
type early struct {
	Label record.Label
	At    time.Time // of arrival
}

type waiter struct {
	id string
	at time.Time
}

// NewJoiner returns a Joiner over what its store holds: Restore has been
// called when it returns. Where the store is down it begins without.
func NewJoiner(s JoinSettings) *Joiner {
	if s.Checkpoint <= 0 {
		s.Checkpoint = time.Minute
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	j := &Joiner{s: s, early: map[string]early{}, monitors: map[*Monitor]bool{}, saved: s.Now()}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.restore()
	return j
}

// work is what one batch does: the entries that it reads and changes, and its
// events.
type work struct {
	entries map[string][]*Prediction
	fresh   map[string]bool // not in the store before
	changed []string        // in order
	listed  map[string]bool // in changed
	early   map[string]record.Label
	events  []*event
	logged  [][]byte
}

func (j *Joiner) begin() *work {
	return &work{entries: map[string][]*Prediction{}, fresh: map[string]bool{}, listed: map[string]bool{}, early: map[string]record.Label{}}
}

func (j *Joiner) entry(w *work, id string) ([]*Prediction, error) {
	if list, ok := w.entries[id]; ok {
		return list, nil
	}
	value, err := j.s.Store.Get(id)
	if err != nil {
		return nil, err
	}
	list, err := decodeEntry(value)
	if err != nil {
		return nil, err
	}
	w.entries[id], w.fresh[id] = list, value == nil
	return list, nil
}

func (w *work) set(id string, list []*Prediction) {
	w.entries[id] = list
	if !w.listed[id] {
		w.listed[id] = true
		w.changed = append(w.changed, id)
	}
}

// log appends an event that the store keeps; fold appends one that the entry
// itself says.
func (w *work) log(e *event) {
	w.fold(e)
	w.logged = append(w.logged, encodeEvent(e))
}

func (w *work) fold(e *event) { w.events = append(w.events, e) }

// commit writes what a batch did, then folds it.
func (j *Joiner) commit(w *work) error {
	if len(w.events) == 0 && len(w.changed) == 0 {
		return nil
	}
	b := labelstore.Batch{Events: w.logged}
	for _, id := range w.changed {
		b.Puts = append(b.Puts, labelstore.Put{ID: id, Value: encodeEntry(w.entries[id]), New: w.fresh[id]})
	}
	if err := j.s.Store.Commit(b); err != nil {
		return err
	}
	j.dirty = true
	for _, e := range w.events {
		j.fold(e)
	}
	return nil
}

// Predict remembers predictions. Those that the store does not take are
// counted, and their labels will be orphans.
func (j *Joiner) Predict(list []*Prediction) {
	if len(list) == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	w := j.begin()
	for _, p := range list {
		if err := j.predict(w, p); err != nil {
			j.lose(len(list), err)
			return
		}
	}
	if err := j.commit(w); err != nil {
		j.lose(len(list), err)
	}
}

func (j *Joiner) lose(n int, err error) {
	j.dropped += uint64(n)
	if !j.told {
		j.told = true
		j.s.Logger.Error("predictions cannot wait for their labels; the models are served as ever", "error", err)
	}
}

func (j *Joiner) predict(w *work, p *Prediction) error {
	if p.came.IsZero() {
		p.came = j.s.Now()
	}
	list, err := j.entry(w, p.ID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(o *Prediction) bool { return o.Model == p.Model && o.Version == p.Version })
	switch {
	case i >= 0 && list[i].Time.Equal(p.Time):
		return nil // the same one again, as Kafka does after a restart
	case i >= 0: // the client reused the id
		list = slices.Clone(list)
		list[i] = p
	case len(list) >= maxPerID:
		list = append(slices.Clone(list[1:]), p)
	default:
		list = append(slices.Clone(list), p)
	}
	if !w.fresh[p.ID] || len(list) > 1 {
		p.logged = true
		made := *p
		w.log(&event{kind: predicted, prediction: &made})
	} else {
		made := *p
		w.fold(&event{kind: predicted, prediction: &made})
	}
	w.set(p.ID, list)
	if e, ok := j.early[p.ID]; ok && (e.Label.Model == "" || e.Label.Model == p.Model) {
		j.apply(w, p, e.Label, e.At)
	}
	return nil
}

// Label joins labels. Of each that was not taken it returns the error; those
// whose error is nil are on the disk when it returns, if the store is on one.
func (j *Joiner) Label(list []record.Label) []error {
	errs := make([]error, len(list))
	j.mu.Lock()
	w := j.begin()
	var err error
	for i := range list {
		if err = j.label(w, list[i]); err != nil {
			break
		}
	}
	if err == nil {
		err = j.commit(w)
	}
	j.mu.Unlock()
	if err == nil {
		if err = j.s.Store.Sync(); err != nil {
			j.mu.Lock()
			j.stale = true
			j.mu.Unlock()
		}
	}
	if err != nil {
		for i := range errs {
			errs[i] = fmt.Errorf("not taken, send it again: %w", err)
		}
	}
	return errs
}

func (j *Joiner) label(w *work, l record.Label) error {
	now := j.s.Now()
	at := now
	if !l.Time.IsZero() && l.Time.Before(now) {
		at = l.Time
	}
	list, err := j.entry(w, l.ID)
	if err != nil {
		return err
	}
	found := false
	for i, p := range list {
		if l.Model != "" && l.Model != p.Model {
			continue
		}
		found = true
		q := *p
		list = slices.Clone(list)
		list[i] = &q
		w.set(l.ID, list)
		known := at
		if l.Time.IsZero() && p.came.Sub(p.Time) > j.s.TTL {
			// Recorded traffic: its labels are as late as they came after it, not
			// as it is old.
			known = p.Time.Add(now.Sub(p.came))
		}
		j.apply(w, &q, l, known)
	}
	if !found {
		j.wait(w, l, at)
	}
	return nil
}

// apply decides what a label is to its prediction, which it changes.
func (j *Joiner) apply(w *work, p *Prediction, l record.Label, at time.Time) {
	l = j.named(p.Model, l)
	l = fitting(p, l)
	before := *p
	e := &event{prediction: &before, at: at, label: l}
	switch {
	case at.Sub(p.Time) > j.s.TTL:
		e.kind = tooLate
	case p.label == nil:
		e.kind = matched
		l.Time = at
		p.label = &l
		e.label = l
		if m := j.s.Monitor(p.Model, p.Version); m != nil {
			p.seq = m.reserve()
			before.seq = p.seq
		}
	default:
		joined, does := p.label.Join(l)
		e.was, e.label = p.label, joined
		switch does {
		case record.Repeats:
			e.kind = repeated
		default:
			e.kind = changed
			if does == record.Corrects {
				e.n = 1
			}
			p.label = &joined
		}
	}
	w.log(e)
}

// named gives classes their names where the label has their index.
func (j *Joiner) named(model string, l record.Label) record.Label {
	if j.s.Class == nil {
		return l
	}
	if l.Class != "" {
		l.Class = j.s.Class(model, l.Class)
	}
	if l.Classes != nil {
		l.Classes = slices.Clone(l.Classes)
		for i, c := range l.Classes {
			l.Classes[i] = j.s.Class(model, c)
		}
		slices.Sort(l.Classes)
	}
	if l.Boxes != nil {
		l.Boxes = slices.Clone(l.Boxes)
		for i := range l.Boxes {
			l.Boxes[i].Class = j.s.Class(model, l.Boxes[i].Class)
		}
	}
	if l.Votes != nil {
		l.Votes = slices.Clone(l.Votes)
		for i := range l.Votes {
			l.Votes[i].Class = j.s.Class(model, l.Votes[i].Class)
		}
	}
	return l
}

// fitting reads a label as its prediction asks for: a number is a value, or the
// name of a class, or of the only label that holds.
func fitting(p *Prediction, l record.Label) record.Label {
	switch {
	case p.Classes != nil:
		if l.Classes == nil && l.Class != "" {
			l.Classes = []string{l.Class}
		}
		l.Class, l.Value = "", nil
	case p.Class != "":
		if l.Class != "" {
			l.Value = nil
		}
	case l.Value != nil:
		l.Class = ""
	}
	return l
}

// wait keeps a label for the prediction that may come.
func (j *Joiner) wait(w *work, l record.Label, at time.Time) {
	model, version := j.s.Stranger(l.Model)
	e := &event{kind: waiting, label: l, model: model, version: version, at: at}
	was, again := w.early[l.ID]
	if !again {
		was, again = j.early[l.ID].Label, j.early[l.ID].Label.ID != ""
	}
	if again {
		joined, does := was.Join(l)
		e.label = joined
		if does == record.Repeats {
			e.kind = repeated
		}
	} else if len(j.early)+len(w.early) >= maxEarly {
		e.kind, e.n = orphaned, 1
	}
	if e.kind == waiting {
		w.early[l.ID] = e.label
	}
	w.log(e)
}

// fold hands an event to its monitor; j.mu is held.
func (j *Joiner) fold(e *event) {
	if e.kind == waiting {
		if _, again := j.early[e.label.ID]; !again {
			j.order = append(j.order, waiter{e.label.ID, j.s.Now()})
		}
		j.early[e.label.ID] = early{e.label, e.at}
	}
	model, version := e.model, e.version
	if e.prediction != nil {
		model, version = e.prediction.Model, e.prediction.Version
		if e.kind != predicted {
			delete(j.early, e.prediction.ID)
		}
	}
	if m := j.s.Monitor(model, version); m != nil {
		j.monitors[m] = true
		m.fold(e)
	}
}

// Forget lets go of a monitor that nobody watches any more.
func (j *Joiner) Forget(m *Monitor) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.monitors, m)
}

// expire gives up on labels whose prediction did not come.
func (j *Joiner) expire(now time.Time) {
	w := j.begin()
	gone := map[[2]string]uint64{}
	for j.head < len(j.order) {
		x := j.order[j.head]
		e, waits := j.early[x.id]
		if waits && now.Sub(x.at) < orphanGrace {
			break
		}
		if waits {
			delete(j.early, x.id)
			model, version := j.s.Stranger(e.Label.Model)
			gone[[2]string{model, version}]++
		}
		j.order[j.head] = waiter{}
		j.head++
	}
	if j.head > 1024 && j.head*2 > len(j.order) {
		j.order = append(j.order[:0], j.order[j.head:]...)
		j.head = 0
	}
	for k, n := range gone {
		w.log(&event{kind: orphaned, model: k[0], version: k[1], n: n, at: now})
	}
	if err := j.commit(w); err != nil && !errors.Is(err, labelstore.ErrDown) {
		j.s.Logger.Warn("orphaned labels are not counted", "error", err)
	}
}
