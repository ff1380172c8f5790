package gpu

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"strings"
	"time"
)

// Reasons of a worker's restart.
const (
	crashed = "crashed" // it ended, or was ended
	hung    = "hung"    // it did not answer in time, and was ended
)

// Settings is what a Supervisor is made of.
type Settings struct {
	Command  []string // the worker: this binary and its hidden subcommand
	Options  Options
	Interval time.Duration
	Timeout  time.Duration // of one collection
	// Retry is after how long a machine without a driver is looked at again:
	// drivers may be loaded after gnomon has started.
	Retry time.Duration
	// Present is a cheap look whether there could be a GPU; without one no
	// worker is started.
	Present func() bool
	// Role tells whose a process is: primary, shadow, other.
	Role func(pid int) string
	// Pods is which pod has which device; nil where there is no kubelet.
	Pods          func(ctx context.Context) (map[string]Pod, error)
	Compatibility []string
	Hostname      string
	Logger        *slog.Logger
	Now           func() time.Time
}

// Pod is the container that a device was given to.
type Pod struct{ Namespace, Name, Container string }

// Supervisor runs the worker and keeps what it reports. It is a
// prometheus.Collector. Run is called once.
type Supervisor struct {
	s    Settings
	said string // why there is no GPU; of Run alone
	state
}

// New makes a supervisor; register it, and Run it.
func New(s Settings) *Supervisor {
	v := &Supervisor{s: s}
	v.reset()
	return v
}

const (
	firstPause = time.Second
	lastPause  = time.Minute
)

// Run collects until ctx ends. Without a GPU it says so once, and looks again
// now and then.
func (v *Supervisor) Run(ctx context.Context) error {
	for pause := firstPause; ctx.Err() == nil; {
		began := time.Now()
		var reason string
		err := fmt.Errorf("%w: no device of one", ErrNoDriver)
		if v.s.Present == nil || v.s.Present() {
			reason, err = v.session(ctx)
		}
		wait := pause
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, ErrNoDriver):
			v.down(err.Error())
			wait, pause = v.s.Retry, firstPause
		default:
			v.restarted(reason)
			v.s.Logger.Warn("GPU collector ended; starting it again", "reason", reason, "error", err, "after", pause)
			pause = min(2*pause, lastPause)
			if time.Since(began) > time.Minute {
				pause = firstPause
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

func (v *Supervisor) down(why string) {
	if v.said != why {
		v.said = why
		v.s.Logger.Info("no GPU metrics", "reason", why)
	}
}

// session is one worker's life.
func (v *Supervisor) session(ctx context.Context) (reason string, err error) {
	cmd := exec.Command(v.s.Command[0], v.s.Command[1:]...)
	dieWithParent(cmd)
	logs := &tail{}
	cmd.Stderr, cmd.WaitDelay = logs, time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		return crashed, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return crashed, err
	}
	if err := cmd.Start(); err != nil {
		return crashed, err
	}
	reports := make(chan Report)
	stop := make(chan struct{})
	go read(out, reports, stop)
	reason, err = v.ask(ctx, in, reports)
	close(stop)
	_ = in.Close()
	_ = cmd.Process.Kill() // what it holds is a copy
	werr := cmd.Wait()
	if err != nil && !errors.Is(err, ErrNoDriver) {
		err = fmt.Errorf("%w (%v): %s", err, werr, logs)
	}
	return reason, err
}

// read hands reports over until the worker's output ends or nobody wants them.
// A line that is none (a library that prints) is passed over.
func read(out io.Reader, reports chan<- Report, stop <-chan struct{}) {
	defer close(reports)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		var r Report
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			continue
		}
		select {
		case reports <- r:
		case <-stop:
			return
		}
	}
}

// stuckCollections is after how many collections with a group that has not
// come back the worker is replaced.
const stuckCollections = 3

// ask asks for a report every interval until the worker fails.
func (v *Supervisor) ask(ctx context.Context, in io.Writer, reports <-chan Report) (reason string, err error) {
	options, err := json.Marshal(v.s.Options)
	if err != nil {
		return crashed, err
	}
	if _, err := in.Write(append(options, '\n')); err != nil {
		return crashed, err
	}
	tick := time.NewTicker(v.s.Interval)
	defer tick.Stop()
	stuck := 0
	for {
		if _, err := io.WriteString(in, "collect\n"); err != nil {
			return crashed, v.lastWords(reports, err)
		}
		r, err := v.await(ctx, reports)
		switch {
		case errors.Is(err, errHung):
			return hung, err
		case err != nil:
			return crashed, err
		case r.Down != "":
			return crashed, fmt.Errorf("%w: %s", ErrNoDriver, r.Down)
		}
		v.take(ctx, r)
		if stuck = v.stuck(r, stuck); stuck >= stuckCollections {
			return hung, errHung
		}
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return crashed, ctx.Err()
			case <-tick.C:
				waiting = false
			case r, ok := <-reports:
				if !ok {
					return crashed, io.ErrUnexpectedEOF
				}
				v.happened(r.Events)
			}
		}
	}
}

// lastWords is what a worker that has ended already said: that there is no
// driver, perhaps.
func (v *Supervisor) lastWords(reports <-chan Report, err error) error {
	for r := range reports {
		if r.Down != "" {
			return fmt.Errorf("%w: %s", ErrNoDriver, r.Down)
		}
	}
	return err
}

var errHung = errors.New("the driver does not answer")

// await waits for the answer; events that come before it are taken.
func (v *Supervisor) await(ctx context.Context, reports <-chan Report) (Report, error) {
	limit := time.NewTimer(v.s.Timeout + v.s.Timeout/2)
	defer limit.Stop()
	for {
		select {
		case <-ctx.Done():
			return Report{}, ctx.Err()
		case <-limit.C:
			return Report{}, errHung
		case r, ok := <-reports:
			if !ok {
				return Report{}, io.ErrUnexpectedEOF
			}
			if len(r.Events) == 0 {
				return r, nil
			}
			v.happened(r.Events)
		}
	}
}

func (v *Supervisor) stuck(r Report, so int) int {
	for _, c := range r.Collectors {
		if c.Error == "timeout" {
			return so + 1
		}
	}
	return 0
}

// tail keeps the end of what a worker writes to its standard error.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if over := len(t.b) - 500; over > 0 {
		t.b = t.b[over:]
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.b)) }
