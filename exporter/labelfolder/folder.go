// Package labelfolder takes labels from files that are put into a folder: by a
// nightly job, an export, a person.
//
// A file is read once it has not changed between two looks. Then it moves to
// the folder's "done"; lines that were no labels go to a file of the same name
// with ".rejected" behind it, with what is wrong. Where a file was read in part
// before the process ended, it is read again: labels are idempotent.
package labelfolder

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/label"
	"github.com/gnomon-dev/gnomon/exporter/record"
)

// Done is where files go that were read.
const Done = "done"

// batch is the labels that are handed over at once.
const batch = 1000

// errDown: labels were not taken; the file stays where it is.
var errDown = errors.New("labels are not taken")

// Settings is what a Folder is made of.
type Settings struct {
	Path     string
	Interval time.Duration
	// Accept takes labels and returns, of each that it did not, why; those are
	// sent again.
	Accept   func([]record.Label) []error
	Rejected func() // is told of every line that is no label
	Logger   *slog.Logger
}

// Folder watches a folder.
type Folder struct {
	s    Settings
	seen map[string]mark
	told bool
}

// mark tells whether a file has changed.
type mark struct {
	size int64
	at   time.Time
}

// New returns a Folder.
func New(s Settings) *Folder {
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	return &Folder{s: s, seen: map[string]mark{}}
}

// Run looks until ctx ends. A folder that cannot be read is told once, and
// tried again.
func (f *Folder) Run(ctx context.Context) error {
	tick := time.NewTicker(f.s.Interval)
	defer tick.Stop()
	for {
		if err := f.Look(ctx); err != nil && !f.told {
			f.told = true
			f.s.Logger.Error("folder of labels cannot be read; trying again", "path", f.s.Path, "error", err)
		} else if err == nil {
			f.told = false
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// wanted reports whether a file holds labels by its name. Hidden and
// half-written files (.tmp, .part) do not.
func wanted(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	return !strings.HasPrefix(name, ".") && (strings.HasSuffix(name, ".csv") || strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".jsonl"))
}

// Look reads the files that have come to rest, in the order of their names.
func (f *Folder) Look(ctx context.Context) error {
	files, err := os.ReadDir(f.s.Path)
	if err != nil {
		return err
	}
	now := map[string]mark{}
	var errs []error
	for _, e := range files {
		if e.IsDir() || !wanted(e.Name()) || ctx.Err() != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // it has gone
		}
		m := mark{info.Size(), info.ModTime()}
		if f.seen[e.Name()] != m {
			now[e.Name()] = m
			continue
		}
		if err := f.take(e.Name()); err != nil {
			now[e.Name()] = m
			errs = append(errs, fmt.Errorf("%s: %w", e.Name(), err))
			if errors.Is(err, errDown) {
				break
			}
		}
	}
	f.seen = now
	return errors.Join(errs...)
}

// take reads one file and moves it away.
func (f *Folder) take(name string) error {
	path := filepath.Join(f.s.Path, name)
	bad, n, err := f.read(path)
	if err != nil {
		return err
	}
	done := filepath.Join(f.s.Path, Done)
	if err := os.MkdirAll(done, 0o755); err != nil {
		return err
	}
	if len(bad) > 0 {
		if err := os.WriteFile(filepath.Join(done, name+".rejected"), bad, 0o644); err != nil {
			return err
		}
	}
	f.s.Logger.Info("labels read", "file", name, "labels", n)
	return os.Rename(path, filepath.Join(done, name))
}

const maxBad = 1 << 20 // bytes of what is told of bad lines

func (f *Folder) read(path string) (bad []byte, n int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	var body io.Reader = bufio.NewReader(file)
	if magic, _ := body.(*bufio.Reader).Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		if body, err = gzip.NewReader(body); err != nil {
			return nil, 0, err
		}
	}
	format := label.Auto
	if strings.HasSuffix(strings.TrimSuffix(strings.ToLower(path), ".gz"), ".csv") {
		format = label.CSV
	}
	var list []record.Label
	var down error
	flush := func() {
		for _, err := range f.s.Accept(list) {
			if err != nil {
				down = err
			}
		}
		list = list[:0]
	}
	refuse := func(line int, err error) {
		f.s.Rejected()
		if len(bad) < maxBad {
			bad = fmt.Appendf(bad, "line %d: %v\n", line, err)
		}
	}
	err = label.Read(body, format, func(line int, l record.Label, err error) {
		switch {
		case err != nil:
			refuse(line, err)
		case down == nil:
			n++
			if list = append(list, l); len(list) == batch {
				flush()
			}
		}
	})
	if err != nil {
		refuse(0, err) // of the whole file: reading it again would not help
	}
	if down == nil {
		flush()
	}
	if down != nil {
		return nil, 0, fmt.Errorf("%w: %w", errDown, down)
	}
	return bad, n, nil
}
