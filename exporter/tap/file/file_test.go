package file

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"go.uber.org/goleak"

	"github.com/gnomon-dev/gnomon/exporter/pipeline"
	"github.com/gnomon-dev/gnomon/exporter/record"
)

var _ pipeline.Source = (*Source)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const good = `{"id":"ID","request":{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}}`

func lines() string {
	return strings.Replace(good, "ID", "a", 1) + "\n\n" + "no record\n" + strings.Replace(good, "ID", "b", 1) + "\r\n" + strings.Replace(good, "ID", "c", 1)
}

func zipped(t *testing.T, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSourceReadsPlainAndGzip(t *testing.T) {
	for name, content := range map[string][]byte{"plain.jsonl": []byte(lines()), "zipped.jsonl.gz": zipped(t, lines())} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		var ids []string
		full := 3
		s := New(Settings{Path: path, Full: func() bool { full--; return full > 0 }})
		if err := s.Run(t.Context(), func(c *record.Capture) { ids = append(ids, c.ID) }); err != nil {
			t.Fatal(err)
		}
		if strings.Join(ids, "") != "abc" {
			t.Errorf("%s: %v", name, ids)
		}
	}
}

func TestSourceEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.jsonl")
	if err := os.WriteFile(path, []byte(lines()), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	s := New(Settings{Path: path, Full: func() bool { return true }})
	if err := s.Run(ctx, func(*record.Capture) { t.Error("emitted though full") }); err != nil {
		t.Error(err)
	}
	if err := New(Settings{Path: path + "absent"}).Run(t.Context(), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
}

func TestReaderGoesOnBehindBadLines(t *testing.T) {
	in := strings.Replace(good, "ID", strings.Repeat("x", 300), 1) + "\n" + "bad\n" + good + "\n"
	r, err := NewReader(strings.NewReader(in), nil, 200, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"line 1", "line 2"} {
		if _, err := r.Next(); !errors.Is(err, ErrLine) || !strings.Contains(err.Error(), want) {
			t.Errorf("Next = %v, want %s", err, want)
		}
	}
	if c, err := r.Next(); err != nil || c.ID != "ID" {
		t.Errorf("Next = %v, %v", c, err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("end: %v", err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(lines()))
	f.Add([]byte{0x1f, 0x8b, 8, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := NewReader(bytes.NewReader(in), nil, 1<<16, time.Now)
		if err != nil {
			return
		}
		for range len(in) + 2 {
			if _, err := r.Next(); err != nil && !errors.Is(err, ErrLine) {
				return
			}
		}
		t.Error("reads on behind the end")
	})
}
