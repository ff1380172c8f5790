// Package once runs one invocation of a serverless function: it starts the
// command at once, passes everything through, and, when the command has ended,
// counts what it was and pushes it, bounded in time. The command's outcome is
// never changed by that.
package once

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/memory"
)

// Settings is what an invocation is made of.
type Settings struct {
	Command  []string
	Stdin    io.Reader
	Out, Err io.Writer
	// Ready, where given, matches the line by which the command says that its
	// model is loaded.
	Ready *regexp.Regexp
	Now   func() time.Time
}

// Invocation is what became of the command.
type Invocation struct {
	Began      time.Time
	Duration   time.Duration
	Load       time.Duration // from its start to the line that matches Ready; 0: none did
	ExitCode   int
	Signal     string // that ended it
	CPUSeconds float64
	Resident   uint64 // most bytes
	OutOf      string // cause of having run out of memory, as memory.Cause says
}

// Outcome is success, error, or killed.
func (i *Invocation) Outcome() string {
	switch {
	case i.Signal != "":
		return "killed"
	case i.ExitCode != 0:
		return "error"
	}
	return "success"
}

// Outcomes lists every outcome.
func Outcomes() []string { return []string{"success", "error", "killed"} }

// Run runs the command to its end. Signals that end gnomon are passed to it.
func Run(ctx context.Context, s Settings) (*Invocation, error) {
	cmd := exec.Command(s.Command[0], s.Command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.Stdin, s.Out, s.Err
	w := &watcher{ready: s.Ready, now: s.Now}
	if s.Ready != nil { // else the command has our own files
		cmd.Stdout, cmd.Stderr = &tee{w: w, to: s.Out}, &tee{w: w, to: s.Err}
	}
	group, _ := memory.System{Root: "/"}.CgroupOf(0)
	before, _ := memory.System{Root: "/"}.Cgroup(group) // nothing is known of kills where it cannot be read
	inv := &Invocation{Began: s.Now()}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Command[0], err)
	}
	stop := forward(ctx, cmd.Process)
	err := cmd.Wait()
	stop()
	inv.Duration = s.Now().Sub(inv.Began)
	if at := w.at(); !at.IsZero() {
		inv.Load = at.Sub(inv.Began)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	inv.end(cmd.ProcessState)
	inv.OutOf = w.cause()
	if after, err := (memory.System{Root: "/"}).Cgroup(group); err == nil && inv.Signal != "" && after.Events[memory.Killed] > before.Events[memory.Killed] {
		inv.OutOf = memory.Killed
	}
	return inv, nil
}

// end reads how the process ended.
func (i *Invocation) end(state *os.ProcessState) {
	i.ExitCode = state.ExitCode()
	i.CPUSeconds = (state.UserTime() + state.SystemTime()).Seconds()
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		i.Signal, i.ExitCode = status.Signal().String(), 128+int(status.Signal())
	}
	i.Resident = mostResident(state)
}

// forward passes signals, and the context's end as a request to end.
func forward(ctx context.Context, p *os.Process) (stop func()) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		ended := ctx.Done()
		for {
			select {
			case sig := <-signals:
				_ = p.Signal(sig) // it may have ended
			case <-ended:
				_ = p.Signal(syscall.SIGTERM)
				ended = nil
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}

// watcher reads the command's lines as they pass.
type watcher struct {
	ready *regexp.Regexp
	now   func() time.Time

	mu    sync.Mutex
	seen  time.Time
	outOf string
}

func (w *watcher) at() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

func (w *watcher) cause() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.outOf
}

func (w *watcher) line(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen.IsZero() && w.ready.Match(b) {
		w.seen = w.now()
	}
	if w.outOf == "" {
		w.outOf = memory.Cause(string(b), false)
	}
}

// tee passes bytes on and lines to the watcher.
type tee struct {
	w    *watcher
	to   io.Writer
	rest []byte
}

// longestLine is how much of a line is looked at.
const longestLine = 4096

func (t *tee) Write(p []byte) (int, error) {
	t.rest = append(t.rest, p...)
	for {
		advance, line, _ := bufio.ScanLines(t.rest, false)
		if advance == 0 {
			break
		}
		t.w.line(line[:min(len(line), longestLine)])
		t.rest = t.rest[advance:]
	}
	if len(t.rest) > longestLine {
		t.w.line(t.rest[:longestLine])
		t.rest = nil
	}
	t.rest = slices.Clone(t.rest)
	return t.to.Write(p)
}

// State is the counters of one instance, kept in a file between the
// invocations of a container that is warm.
type State struct {
	Start       time.Time          `json:"start"`
	Invocations map[string]float64 `json:"invocations"` // by outcome
	Seconds     float64            `json:"seconds"`
	CPUSeconds  float64            `json:"cpu_seconds"`
	ByteSeconds float64            `json:"byte_seconds"`
	Cold        float64            `json:"cold"`
	OutOfMemory map[string]float64 `json:"out_of_memory"` // by cause
	Cost        map[string]float64 `json:"cost"`          // by component
	LostPushes  float64            `json:"lost_pushes"`
}

// Load reads a state; a new one where there is none, or none that can be read.
func Load(path string, now time.Time) (*State, bool) {
	s := &State{}
	b, err := os.ReadFile(path)
	known := err == nil && json.Unmarshal(b, s) == nil && !s.Start.IsZero()
	if !known {
		s = &State{Start: now}
	}
	for _, m := range []*map[string]float64{&s.Invocations, &s.OutOfMemory, &s.Cost} {
		if *m == nil {
			*m = map[string]float64{}
		}
	}
	return s, known
}

// Save writes a state, whole or not at all.
func (s *State) Save(path string) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".gnomon-once-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already where all went well
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Add counts an invocation; first says that the instance is new.
func (s *State) Add(i *Invocation, first bool) {
	s.Invocations[i.Outcome()]++
	s.Seconds += i.Duration.Seconds()
	s.CPUSeconds += i.CPUSeconds
	s.ByteSeconds += float64(i.Resident) * i.Duration.Seconds()
	if first {
		s.Cold++
	}
	if i.OutOf != "" {
		s.OutOfMemory[i.OutOf]++
	}
}

// StatePath is where the state of a job is kept where nothing else is said.
func StatePath(job string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, job)
	return filepath.Join(os.TempDir(), "gnomon-once-"+name+".json")
}
