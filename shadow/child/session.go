package child

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/shadow"
)

// session is one child process, from its greeting to its end.
type session struct {
	cmd  *exec.Cmd
	conn net.Conn

	writing sync.Mutex

	mu      sync.Mutex
	next    uint64
	pending map[uint64]chan reply
	dead    bool
	hung    bool
	lost    int
	ended   chan struct{}
}

type reply struct {
	results []shadow.Result
	err     error
}

// infer sends a batch and waits for its answer, the context's end or the hang
// timer, which kills the child.
func (s *session) infer(ctx context.Context, batch []shadow.Sample, hang <-chan time.Time) ([]shadow.Result, error) {
	id, answer, ok := s.register()
	if !ok {
		return nil, fmt.Errorf("%w: its process has ended", shadow.ErrUnavailable)
	}
	e := &encoder{}
	e.samples(batch)
	sent := make(chan error, 1)
	go func() { // a child that does not read must not hold the caller
		s.writing.Lock()
		defer s.writing.Unlock()
		sent <- e.writeTo(s.conn, id)
	}()
	for {
		select {
		case err := <-sent:
			if err != nil {
				s.forget(id)
				return nil, fmt.Errorf("%w: %w", shadow.ErrUnavailable, err)
			}
			sent = nil
		case r := <-answer:
			return r.results, r.err
		case <-ctx.Done():
			s.forget(id)
			return nil, ctx.Err()
		case <-hang:
			s.mu.Lock()
			s.hung = true
			s.mu.Unlock()
			s.end()
			s.forget(id)
			return nil, fmt.Errorf("%w: no answer in time, its process was killed", shadow.ErrUnavailable)
		}
	}
}

func (s *session) register() (uint64, chan reply, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return 0, nil, false
	}
	s.next++
	answer := make(chan reply, 1)
	s.pending[s.next] = answer
	return s.next, answer, true
}

func (s *session) forget(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, id)
}

// read hands answers to those who wait, until the child ends; then everybody
// who still waits is told.
func (s *session) read() {
	defer close(s.ended)
	for {
		id, body, err := readFrame(s.conn, &buffers{}) // the results lie in it, and are the caller's
		if err != nil {
			break
		}
		results, err := decodeResults(body)
		s.mu.Lock()
		answer := s.pending[id]
		delete(s.pending, id)
		s.mu.Unlock()
		if answer != nil {
			answer <- reply{results, err}
		}
	}
	s.end()
	_ = s.cmd.Wait() // its status is told by status
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
	s.lost = len(s.pending)
	for id, answer := range s.pending {
		answer <- reply{err: fmt.Errorf("%w: its process ended before it answered", shadow.ErrUnavailable)}
		delete(s.pending, id)
	}
}

// end kills the child. What it holds is a copy; there is nothing to save.
func (s *session) end() {
	_ = s.conn.Close()
	_ = s.cmd.Process.Kill()
}

func (s *session) fate() (reason string, lost int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hung {
		return ReasonHung, s.lost + 1
	}
	return ReasonCrashed, s.lost
}

func (s *session) status() string {
	if s.cmd.ProcessState == nil {
		return "unknown"
	}
	return s.cmd.ProcessState.String()
}

// lineLogger logs what the child writes to its standard error, line by line,
// at most maxLines of them a child: a runtime that floods its log is not ours
// to pass on.
type lineLogger struct {
	logger *slog.Logger
	lines  int
	rest   []byte
}

const (
	maxLines = 200
	maxLine  = 2000
)

func (l *lineLogger) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found && len(l.rest) < maxLine {
			return len(p), nil
		}
		if !found {
			line, rest = l.rest, nil
		}
		if l.lines++; l.lines <= maxLines && len(line) > 0 {
			l.logger.Warn("shadow process says", "line", string(line[:min(len(line), maxLine)]))
		}
		l.rest = append(l.rest[:0], rest...)
	}
}
