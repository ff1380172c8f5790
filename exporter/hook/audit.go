package hook

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// entry is one line of the audit log.
type entry struct {
	Time time.Time `json:"time"`
	// Event: queued, started, succeeded, failed, or skipped with a Reason.
	Event       string            `json:"event"`
	Reason      string            `json:"reason,omitempty"` // resolved, not_listed, duplicate, rate_limited, queue_full
	Job         string            `json:"job,omitempty"`
	Alert       string            `json:"alert"`
	Labels      map[string]string `json:"labels,omitempty"`
	Group       string            `json:"group,omitempty"`
	Fingerprint string            `json:"fingerprint"`
	StartsAt    time.Time         `json:"starts_at"`
	From        string            `json:"from,omitempty"` // address of who sent it
	Attempts    int               `json:"attempts,omitempty"`
	Seconds     float64           `json:"seconds,omitempty"`
	Status      int               `json:"status,omitempty"`    // of the request's answer
	ExitCode    *int              `json:"exit_code,omitempty"` // of the command
	Output      string            `json:"output,omitempty"`    // its end
	Error       string            `json:"error,omitempty"`
}

func (e *entry) start() *Start {
	return &Start{Job: e.Job, Alert: e.Alert, Labels: e.Labels, Fingerprint: e.Fingerprint, StartsAt: e.StartsAt, group: e.Group}
}

func entryOf(event string, s *Start) entry {
	return entry{Event: event, Job: s.Job, Alert: s.Alert, Labels: s.Labels, Group: s.group, Fingerprint: s.Fingerprint, StartsAt: s.StartsAt}
}

// audit is the log of all decisions. Safe for concurrent use.
type audit struct {
	mu    sync.Mutex
	path  string
	limit int64
	now   func() time.Time
	file  *os.File
	size  int64
}

func openAudit(path string, limit int64, now func() time.Time) (*audit, error) {
	a := &audit{path: path, limit: limit, now: now}
	return a, a.open()
}

func (a *audit) open() error {
	f, err := os.OpenFile(a.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	st, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("audit log: %w", err), f.Close())
	}
	a.file, a.size = f, st.Size()
	if a.size == 0 {
		return nil
	}
	// A line that a crash cut short must not swallow the next one.
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, a.size-1); err == nil && last[0] != '\n' {
		n, err := f.WriteString("\n")
		a.size += int64(n)
		return err
	}
	return nil
}

// write appends one line; a decision that cannot be written must not be acted
// on.
func (a *audit) write(e entry) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	e.Time = a.now()
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	if a.size > 0 && a.size+int64(len(line)) >= a.limit {
		if err := a.turn(); err != nil {
			return err
		}
	}
	n, err := a.file.Write(append(line, '\n'))
	a.size += int64(n)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}

// turn puts the full log aside.
func (a *audit) turn() error {
	if err := os.Rename(a.path, a.path+".1"); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	old := a.file
	if err := a.open(); err != nil {
		a.file = old
		return err
	}
	return old.Close()
}

func (a *audit) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.file.Close()
}

// recall makes the memory of what the audit log tells, so that a restart
// starts nothing twice. A start that waited and never began is forgotten: it
// comes again when Alertmanager repeats the alert. One that began and has no
// end is not: nobody knows how far it came.
func recall(path string) (*memory, error) {
	m := newMemory()
	waiting := map[string]*Start{}
	for _, p := range []string{path + ".1", path} {
		f, err := os.Open(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("audit log: %w", err)
		}
		err = replay(f, m, waiting)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("audit log: %w", err)
		}
	}
	for _, s := range waiting {
		m.forget(s)
	}
	return m, nil
}

// replay reads entries; lines that are none (a crash cut them) are passed over.
func replay(r io.Reader, m *memory, waiting map[string]*Start) error {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadBytes('\n')
		var e entry
		if len(line) > 0 && json.Unmarshal(line, &e) == nil {
			s := e.start()
			switch e.Event {
			case "queued":
				m.note(s, e.Time)
				waiting[s.episode()] = s
			case "started", "succeeded":
				delete(waiting, s.episode())
			case "failed":
				delete(waiting, s.episode())
				m.forget(s)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
