package child

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gnomon-dev/gnomon/shadow"
)

// Reasons of a restart.
const (
	ReasonCrashed = "crashed" // the child ended, or was killed
	ReasonHung    = "hung"    // it did not answer in time and was killed
)

// Reasons lists every reason, for pre-created series.
func Reasons() []string { return []string{ReasonCrashed, ReasonHung} }

// Settings is what an Engine is made of.
type Settings struct {
	Command []string // the worker: this binary and its hidden subcommand
	Env     []string // nil: this process's
	Spec    any      // what the worker opens, as JSON
	// StartTimeout bounds loading the model; HangTimeout one batch.
	StartTimeout, HangTimeout time.Duration
	Logger                    *slog.Logger
	// Restarted is told of every restart and how many answers were lost.
	Restarted func(reason string, lost int)
}

// Engine implements shadow.Engine by a child process.
type Engine struct {
	s     Settings
	model atomic.Pointer[shadow.Model]

	mu      sync.Mutex
	session *session // nil while the child is down
	closed  bool
	calls   sync.WaitGroup // Infers under way
	stop    chan struct{}
	done    sync.WaitGroup
}

// Start starts the child and waits for its model. A model that cannot be
// loaded is the error; later deaths are mended by themselves.
func Start(ctx context.Context, s Settings) (*Engine, error) {
	e := &Engine{s: s, stop: make(chan struct{})}
	first, err := e.launch(ctx)
	if err != nil {
		return nil, err
	}
	e.session = first
	e.done.Go(func() { e.supervise(first) })
	return e, nil
}

// Model says what the child has loaded.
func (e *Engine) Model() shadow.Model { return *e.model.Load() }

// PID is the child's process id; 0 while there is none.
func (e *Engine) PID() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.session == nil {
		return 0
	}
	return e.session.cmd.Process.Pid
}

// Infer sends a batch to the child. While the child is down, or if it dies
// with the batch, the error is ErrUnavailable.
func (e *Engine) Infer(ctx context.Context, batch []shadow.Sample) ([]shadow.Result, error) {
	e.mu.Lock()
	session, closed := e.session, e.closed
	if session != nil && !closed {
		e.calls.Add(1)
	}
	e.mu.Unlock()
	switch {
	case closed:
		return nil, shadow.ErrClosed
	case session == nil:
		return nil, fmt.Errorf("%w: its process is being started again", shadow.ErrUnavailable)
	}
	defer e.calls.Done()
	hang := time.NewTimer(e.s.HangTimeout)
	defer hang.Stop()
	return session.infer(ctx, batch, hang.C)
}

// Close waits for running calls, each of which the hang timeout bounds, and
// ends the child. It may be called twice.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	session := e.session
	close(e.stop)
	e.mu.Unlock()
	e.calls.Wait()
	if session != nil {
		session.end()
	}
	e.done.Wait()
	return nil
}

const (
	firstPause = 50 * time.Millisecond
	lastPause  = 10 * time.Second
)

// supervise waits for a session's end and starts the next, at once the first
// time and then with growing pauses while starting fails or does not last.
func (e *Engine) supervise(s *session) {
	pause := firstPause
	for {
		began := time.Now()
		<-s.ended
		reason, lost := s.fate()
		e.mu.Lock()
		e.session = nil
		closed := e.closed
		e.mu.Unlock()
		if closed {
			return
		}
		e.s.Logger.Warn("shadow process ended; starting it again", "reason", reason, "lost", lost, "status", s.status())
		e.s.Restarted(reason, lost)
		if time.Since(began) > time.Minute {
			pause = firstPause
		}
		if s = e.restart(&pause); s == nil {
			return
		}
	}
}

// restart tries until a child runs; nil when the engine is closed.
func (e *Engine) restart(pause *time.Duration) *session {
	for {
		select {
		case <-e.stop:
			return nil
		case <-time.After(*pause):
		}
		*pause = min(2**pause, lastPause)
		s, err := e.launch(context.Background())
		if err != nil {
			e.s.Logger.Error("shadow process did not start", "error", err)
			continue
		}
		e.mu.Lock()
		if e.closed {
			e.mu.Unlock()
			s.end()
			<-s.ended
			return nil
		}
		e.session = s
		e.mu.Unlock()
		return s
	}
}

// launch starts a child and takes its greeting.
func (e *Engine) launch(ctx context.Context) (*session, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("shadow process: %w", err)
	}
	cmd := exec.Command(e.s.Command[0], e.s.Command[1:]...)
	cmd.Env, cmd.ExtraFiles = e.s.Env, []*os.File{theirs}
	logs := &lineLogger{logger: e.s.Logger}
	cmd.Stderr, cmd.WaitDelay = logs, time.Second
	dieWithParent(cmd)
	err = cmd.Start()
	theirs.Close() // the child's alone: its death must end the connection
	if err != nil {
		ours.Close()
		return nil, fmt.Errorf("shadow process: %w", err)
	}
	s := &session{cmd: cmd, conn: ours, pending: map[uint64]chan reply{}, ended: make(chan struct{})}
	model, err := e.greet(ctx, s)
	if err != nil {
		s.end()
		_ = cmd.Wait() // killed by end
		return nil, err
	}
	e.model.Store(&model)
	go s.read()
	return s, nil
}

func (e *Engine) greet(ctx context.Context, s *session) (shadow.Model, error) {
	deadline := time.Now().Add(e.s.StartTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	_ = s.conn.SetDeadline(deadline) // a socket always takes one
	if err := sendJSON(s.conn, e.s.Spec); err != nil {
		return shadow.Model{}, fmt.Errorf("%w: send specification: %w", shadow.ErrUnavailable, err)
	}
	_, body, err := readFrame(s.conn, &buffers{})
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return shadow.Model{}, fmt.Errorf("%w: the model was not loaded within %v", shadow.ErrModel, e.s.StartTimeout)
		}
		return shadow.Model{}, fmt.Errorf("%w: the process ended while it loaded the model (%w)", shadow.ErrModel, err)
	}
	var h hello
	if err := json.Unmarshal(body, &h); err != nil {
		return shadow.Model{}, fmt.Errorf("%w: greeting: %w", errFrame, err)
	}
	if h.Error != "" {
		return shadow.Model{}, remoteError(h.Error)
	}
	_ = s.conn.SetDeadline(time.Time{})
	return h.Model, nil
}

// socketPair returns our end as a connection and the child's as a file.
func socketPair() (net.Conn, *os.File, error) {
	a, b, err := rawSocketPair()
	if err != nil {
		return nil, nil, err
	}
	defer a.Close()
	conn, err := net.FileConn(a)
	if err != nil {
		b.Close()
		return nil, nil, err
	}
	return conn, b, nil
}
