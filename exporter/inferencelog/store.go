package inferencelog

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/redact"
	"github.com/gnomon-dev/gnomon/exporter/table"
)

const (
	parquetSuffix = ".parquet"
	sealedSuffix  = ".parquet.age"
	unfinished    = ".unfinished-"
	timeLayout    = "20060102T150405.000Z"
)

// StoreSettings is what a Store is made of.
type StoreSettings struct {
	Directory string
	MaxBytes  int64         // of all files; 0: no bound
	MaxAge    time.Duration // of a record; 0: no bound
	Seal      *Seal
}

// Store is the folder of files. Several processes may write to one. Safe for
// concurrent use.
type Store struct {
	s        StoreSettings
	instance string // tells this process's files from others'
	sequence atomic.Uint64
	mu       sync.Mutex // one deletion or retention at a time
}

// NewStore returns a Store; the folder is made with the first file.
func NewStore(s StoreSettings) *Store {
	id := make([]byte, 3)
	_, _ = rand.Read(id) // never fails
	return &Store{s: s, instance: hex.EncodeToString(id)}
}

// escaped makes a folder's name of any text.
func escaped(s string) string {
	if s == "" {
		return "none"
	}
	s = url.PathEscape(s)
	if s[0] == '.' {
		s = "%2E" + s[1:]
	}
	if len(s) > 120 {
		s = s[:120]
	}
	return s
}

func recordsFolder(model, version string) string {
	return filepath.Join("records", escaped(model), escaped(version))
}

func labelsFolder(model string) string { return filepath.Join("labels", escaped(model)) }

// write puts a segment into a file of its own, all of it or nothing.
func (s *Store) write(folder string, seg *segment) error {
	if len(seg.rows) == 0 {
		return nil // all was deleted
	}
	name := fmt.Sprintf("%s-%s-%04d%s", seg.started.UTC().Format(timeLayout), s.instance, s.sequence.Add(1), s.s.Seal.suffix())
	return s.put(filepath.Join(s.s.Directory, folder, name), seg.write)
}

// put replaces or makes a file: written beside it, synced, renamed.
// Whether it is encrypted is told by its name.
func (s *Store) put(path string, write func(w *bytes.Buffer) error) (err error) {
	var plain, sealed bytes.Buffer
	if err := write(&plain); err != nil {
		return err
	}
	seal := s.s.Seal
	if !strings.HasSuffix(path, sealedSuffix) {
		seal = nil
	}
	w, err := seal.writer(&sealed)
	if err != nil {
		return err
	}
	if _, err := w.Write(plain.Bytes()); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, unfinished+filepath.Base(path)), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(sealed.Bytes())
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	if d, err := os.Open(dir); err == nil { // the name must survive, too
		_ = d.Sync()
		_ = d.Close()
	}
	return nil
}

// stored is one file.
type stored struct {
	path    string
	started time.Time // of its oldest record
	size    int64
	half    bool // unfinished
}

func (s *Store) list() ([]stored, error) {
	var out []stored
	err := filepath.WalkDir(s.s.Directory, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted meanwhile, or nothing there yet
		}
		if err != nil || d.IsDir() {
			return err
		}
		name := d.Name()
		base := strings.TrimPrefix(name, unfinished)
		if !strings.HasSuffix(base, parquetSuffix) && !strings.HasSuffix(base, sealedSuffix) || len(base) < len(timeLayout) {
			return nil // none of ours
		}
		at, err := time.Parse(timeLayout, base[:len(timeLayout)])
		if err != nil {
			return nil // none of ours
		}
		info, err := d.Info()
		if err != nil {
			return nil // deleted meanwhile
		}
		out = append(out, stored{path, at, info.Size(), base != name})
		return nil
	})
	slices.SortFunc(out, func(a, b stored) int { return a.started.Compare(b.started) })
	return out, err
}

// Retain deletes the files whose oldest record is older than MaxAge, then the
// oldest ones until MaxBytes holds. It returns what is left.
func (s *Store) Retain(now time.Time) (files int, bytes int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := s.list()
	if err != nil {
		return 0, 0, err
	}
	for _, f := range all {
		bytes += f.size
	}
	files = len(all)
	var errs []error
	for _, f := range all {
		old := s.s.MaxAge > 0 && now.Sub(f.started) > s.s.MaxAge
		much := s.s.MaxBytes > 0 && bytes > s.s.MaxBytes
		left := f.half && now.Sub(f.started) > time.Hour // by a process that was killed
		if !old && !much && !left {
			continue
		}
		if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
			continue
		}
		files, bytes = files-1, bytes-f.size
	}
	return files, bytes, errors.Join(errs...)
}

// matcher finds rows by id.
type matcher map[string]bool

func newMatcher(r *redact.Redactor, ids []string) matcher {
	m := matcher{}
	for _, id := range ids {
		m[id] = true
		if r != nil {
			m[r.ID(id)] = true
		}
	}
	return m
}

// match: the id itself, or a row of its batch.
func (m matcher) match(id string) bool {
	if m[id] {
		return true
	}
	i := strings.LastIndexByte(id, '#')
	return i >= 0 && m[id[:i]]
}

// Delete removes the rows of ids from every file; r, where not nil, hashes ids
// as they were when written.
func (s *Store) Delete(r *redact.Redactor, ids ...string) (removed int, err error) {
	return s.delete(newMatcher(r, ids))
}

func (s *Store) delete(m matcher) (removed int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := s.list()
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, f := range all {
		if f.half {
			continue
		}
		n, err := s.deleteFrom(f.path, m)
		removed += n
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.path, err))
		}
	}
	return removed, errors.Join(errs...)
}

func (s *Store) deleteFrom(path string, m matcher) (removed int, err error) {
	fields, metadata, err := s.read(path)
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(fields, func(f table.Field) bool { return f.Name == columnID })
	if i < 0 {
		return 0, nil
	}
	var keep []int
	for k, id := range fields[i].Values {
		if id, _ := id.(string); !m.match(id) {
			keep = append(keep, k)
		}
	}
	removed = len(fields[i].Values) - len(keep)
	switch {
	case removed == 0:
		return 0, nil
	case len(keep) == 0:
		return removed, os.Remove(path)
	}
	for k := range fields {
		values := make([]any, len(keep))
		for j, from := range keep {
			values[j] = fields[k].Values[from]
		}
		fields[k].Values = values
	}
	return removed, s.put(path, func(w *bytes.Buffer) error { return table.WriteColumns(w, fields, metadata) })
}

// read reads one file.
func (s *Store) read(path string) ([]table.Field, map[string]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	if strings.HasSuffix(path, sealedSuffix) {
		if b, err = s.s.Seal.open(b); err != nil {
			return nil, nil, err
		}
	}
	return table.ReadColumns(bytes.NewReader(b), int64(len(b)))
}

// Decrypt writes every file, decrypted, under another folder.
func (s *Store) Decrypt(to string) (files int, err error) {
	all, err := s.list()
	if err != nil {
		return 0, err
	}
	plain := NewStore(StoreSettings{Directory: to})
	for _, f := range all {
		if f.half {
			continue
		}
		rel, err := filepath.Rel(s.s.Directory, f.path)
		if err != nil {
			return files, err
		}
		fields, metadata, err := s.read(f.path)
		if err != nil {
			return files, fmt.Errorf("%s: %w", f.path, err)
		}
		if err := plain.put(filepath.Join(to, strings.TrimSuffix(rel, ".age")), func(w *bytes.Buffer) error { return table.WriteColumns(w, fields, metadata) }); err != nil {
			return files, err
		}
		files++
	}
	return files, nil
}
