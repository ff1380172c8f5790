package watch

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/result"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/source"
)

const (
	firstRetry = 2 * time.Second
	lastRetry  = time.Minute
)

// running is the engines of a model as they come, go and are replaced.
type running struct {
	mu      sync.Mutex
	engines []shadow.Engine
	waiting int           // shadows that have neither run nor failed yet
	wake    chan struct{} // something has changed; capacity 1

	// Of Run alone:
	stood   string // digest that the reference's answers are of
	probing bool
}

func newRunning(n int) *running {
	r := &running{engines: make([]shadow.Engine, n), waiting: n, wake: make(chan struct{}, 1)}
	if n == 0 {
		r.wake <- struct{}{}
	}
	return r
}

// settle notes an engine; nil is one that failed. first is the shadow's first
// word.
func (r *running) settle(i int, e shadow.Engine, first bool) {
	r.mu.Lock()
	r.engines[i] = e
	if first {
		r.waiting--
	}
	ready := r.waiting == 0
	r.mu.Unlock()
	if !ready {
		return
	}
	select {
	case r.wake <- struct{}{}:
	default: // it is awake already, and will see this too
	}
}

// next waits until every shadow has run or failed once, and from then on for
// every change. It is false when ctx has ended.
func (r *running) next(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-r.wake:
		return ctx.Err() == nil
	}
}

func (r *running) list() []shadow.Engine {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.engines)
}

// origin is what is known of where a shadow's model comes from.
type origin struct {
	mu      sync.Mutex
	model   source.Model
	stale   string
	reloads uint64
	failed  uint64
	last    time.Time
}

func (o *origin) placed(m source.Model, again bool, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.model = m
	if again {
		o.reloads++
		o.last = now
	}
}

// looked notes what a look at the origin has shown, and reports whether that
// is news.
func (o *origin) looked(stale string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	news := o.stale != stale
	o.stale = stale
	return news
}

func (o *origin) missed() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed++
}

func (o *origin) describe(s *result.Shadow) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s.Origin, s.Version, s.Stale = o.model.Origin, o.model.Version, o.stale
	s.Reloads, s.Failed, s.LastReload = o.reloads, o.failed, when(o.last)
}

// retrained is how often the model that ought to be served was replaced by
// another, and when last.
func (s *Spec) retrained() (uint64, *time.Time) {
	var n uint64
	var last time.Time
	for i, o := range s.Origins {
		if role := s.Config.Shadows[i].Role; role != "twin" && role != "reference-precision" {
			continue
		}
		o.mu.Lock()
		if o.reloads > n {
			n, last = o.reloads, o.last
		}
		o.mu.Unlock()
	}
	return n, when(last)
}

// follow keeps one shadow's engine on the newest model of its source until ctx
// ends. The old engine answers until the new one has warmed up; a model that
// does not verify or does not load leaves the old one where it is.
func (l *Loader) follow(ctx context.Context, spec *Spec, i int, r *running, log *slog.Logger) {
	f := &follower{l: l, spec: spec, i: i, r: r, log: log.With("shadow", spec.Config.Shadows[i].Name)}
	defer f.close()
	retry := firstRetry
	for {
		pause := time.Duration(spec.Config.Shadows[i].Reload)
		if err := f.look(ctx); err != nil && ctx.Err() == nil {
			f.fail(err)
			pause, retry = min(pause, retry), min(2*retry, lastRetry)
		} else {
			retry = firstRetry
		}
		if !f.settled { // its first word, good or bad
			f.settled = true
			r.settle(i, f.engine, true)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// follower is a shadow on its way from one model to the next.
type follower struct {
	l       *Loader
	spec    *Spec
	i       int
	r       *running
	log     *slog.Logger
	src     source.Source
	have    source.Model
	engine  shadow.Engine
	settled bool
}

// look asks the source and, where it has something new, puts that in place.
func (f *follower) look(ctx context.Context) error {
	c := f.spec.Config.Shadows[f.i]
	if f.src == nil {
		src, err := f.l.Source(c)
		if err != nil {
			return err
		}
		f.src = src
	}
	m, err := f.src.Fetch(ctx)
	if err != nil {
		return err
	}
	f.stale(m)
	if f.engine != nil && m.Weights == f.have.Weights && m.Version == f.have.Version {
		return nil
	}
	e, err := f.l.Open(ctx, c, m, func(reason string, _ int) { f.spec.Restarts[f.i].add(reason) })
	if err != nil {
		return err
	}
	f.replace(m, e)
	return nil
}

// stale says, once, that the source does not answer and the last good copy is
// in use.
func (f *follower) stale(m source.Model) {
	reason := ""
	if m.Stale != nil {
		reason = m.Stale.Error()
	}
	if f.spec.Origins[f.i].looked(reason) && reason != "" {
		f.log.Warn("the model's source does not answer; the last good copy is used", "version", m.Version, "digest", m.Digest, "error", m.Stale)
	}
}

func (f *follower) replace(m source.Model, e shadow.Engine) {
	old, again := f.engine, f.have.Path != ""
	f.engine, f.have = e, m
	f.spec.Replay.Shadows[f.i].SetEngine(e, "")
	f.spec.Origins[f.i].placed(m, again, f.l.Now())
	info := e.Model()
	f.log.Info("shadow in place", "from", m.Origin, "version", m.Version, "digest", m.Digest, "provider", info.Provider, "runtime", info.Runtime, "load", info.Load, "warm_up", info.WarmUp, "replaces", old != nil)
	if f.settled {
		f.r.settle(f.i, e, false)
	}
	if old != nil {
		_ = old.Close() // it has nothing left to say
	}
}

// fail notes that there is nothing new; nothing at all where nothing runs.
func (f *follower) fail(err error) {
	if f.engine == nil {
		f.spec.Replay.Shadows[f.i].SetEngine(nil, err.Error())
		f.log.Error("shadow does not run; the proxy is not affected, and it will be tried again", "error", err)
		return
	}
	f.spec.Origins[f.i].missed()
	if f.spec.Origins[f.i].looked(err.Error()) {
		f.log.Error("the newer model cannot be used; the one in place goes on", "error", err)
	}
	f.l.Changed()
}

func (f *follower) close() {
	if f.engine != nil {
		_ = f.engine.Close() // gnomon ends
	}
}
