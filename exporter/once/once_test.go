package once

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/memory"
)

// TestTee: bytes pass as they are, lines are seen whole, also the last one
// without an end and one that is longer than what is looked at.
func TestTee(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(1e9, 0)
	w := &watcher{ready: regexp.MustCompile("^model loaded"), now: func() time.Time { return now }}
	tt := &tee{w: w, to: &out}
	text := "starting\nmodel loa" + "|ded\n" + strings.Repeat("x", 3*longestLine) + "|\nCUDA out of memory\n"
	for part := range strings.SplitSeq(text, "|") {
		if _, err := tt.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Second)
	}
	if out.String() != strings.ReplaceAll(text, "|", "") {
		t.Error("bytes were changed")
	}
	if w.at().Unix() != 1e9+1 || w.cause() != memory.CUDA || len(tt.rest) != 0 {
		t.Errorf("ready at %v, cause %q, %d bytes are kept", w.at(), w.cause(), len(tt.rest))
	}
}

// TestState: counters go on from the file, and a file that is broken is a new
// instance, not an end.
func TestState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	now := time.Unix(1e9, 0).UTC()
	s, known := Load(path, now)
	if known {
		t.Error("known before it was")
	}
	s.Add(&Invocation{Duration: 2 * time.Second, CPUSeconds: 1, Resident: 100}, true)
	s.Add(&Invocation{Duration: time.Second, Signal: "killed", OutOf: memory.Killed}, false)
	if err := s.Save(path); err != nil {
		t.Fatal(err)
	}
	s, known = Load(path, now.Add(time.Hour))
	if !known || !s.Start.Equal(now) || s.Invocations["success"] != 1 || s.Invocations["killed"] != 1 || s.Cold != 1 || s.ByteSeconds != 200 || s.OutOfMemory[memory.Killed] != 1 {
		t.Errorf("%v: %+v", known, s)
	}
	if err := os.WriteFile(path, []byte("{broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, known := Load(path, now); known || len(s.Invocations) != 0 {
		t.Errorf("%v: %+v", known, s)
	}
	if err := s.Save(filepath.Join(path, "no", "folder")); err == nil {
		t.Error("saved nowhere")
	}
	for _, m := range Metrics(s, &Invocation{}, "m", "1", "EUR") {
		if m.Name == "" || m.Help == "" || len(m.Labels) < 2 {
			t.Errorf("%+v", m)
		}
	}
}

func FuzzState(f *testing.F) {
	f.Add([]byte(`{"start":"2026-01-01T00:00:00Z","invocations":{"success":1}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "state")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Skip(err)
		}
		s, _ := Load(path, time.Unix(1e9, 0))
		s.Add(&Invocation{}, true)
	})
}
