package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// cache keeps downloaded models: every model in a folder named by the digest
// of its bytes, and for every reference a note of what it last stood for.
// Nothing in it is ever changed, only added and, when it is old, removed.
type cache struct{ dir string }

// note is what a reference last stood for.
type note struct {
	Folder  string   `json:"folder"` // below the cache
	Files   []string `json:"files"`  // in Folder, the .onnx file first
	Version string   `json:"version,omitempty"`
	Tag     string   `json:"tag,omitempty"` // of the origin: an ETag, an MLflow run
	Weights string   `json:"weights"`
	Created int64    `json:"created,omitempty"` // of the registry's version, milliseconds since 1970
}

func newCache(dir string) (*cache, error) {
	if dir == "" {
		return nil, fmt.Errorf("%w: a model over the network needs a folder to keep it; fix: set shadow_cache", ErrReference)
	}
	for _, sub := range []string{"models", "references"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o750); err != nil {
			return nil, fmt.Errorf("cache of models: %w", err)
		}
	}
	return &cache{dir}, nil
}

func (c *cache) notePath(ref string) string {
	sum := sha256.Sum256([]byte(ref))
	return filepath.Join(c.dir, "references", hex.EncodeToString(sum[:12])+".json")
}

// last is the good copy of a reference, if there is one. Its bytes are read
// again: a copy that was damaged on disk is no good copy.
func (c *cache) last(ref string) (Model, note, bool) {
	data, err := os.ReadFile(c.notePath(ref))
	if err != nil {
		return Model{}, note{}, false
	}
	var n note
	if json.Unmarshal(data, &n) != nil || len(n.Files) == 0 || !filepath.IsLocal(n.Folder) {
		return Model{}, note{}, false
	}
	m := Model{Version: n.Version, Origin: redact(ref), Created: millis(n.Created)}
	for _, f := range n.Files {
		if !filepath.IsLocal(f) {
			return Model{}, note{}, false
		}
		m.Files = append(m.Files, filepath.Join(c.dir, n.Folder, f))
	}
	m.Path = m.Files[0]
	m, err = describe(m)
	if err != nil || m.Weights != n.Weights {
		return Model{}, note{}, false
	}
	return m, n, true
}

// download is a model's files on their way into the cache.
type download struct {
	c     *cache
	dir   string
	names []string
	left  int64
}

func (c *cache) begin(maxBytes int64) (*download, error) {
	dir, err := os.MkdirTemp(filepath.Join(c.dir, "models"), ".part-*")
	if err != nil {
		return nil, fmt.Errorf("cache of models: %w", err)
	}
	return &download{c: c, dir: dir, left: maxBytes}, nil
}

// discard removes what was not kept.
func (d *download) discard() { _ = os.RemoveAll(d.dir) }

// add writes one file; the first is the model.
func (d *download) add(ctx context.Context, name string, r io.Reader) error {
	if !filepath.IsLocal(name) {
		return fmt.Errorf("%w: %q leaves the model's folder", ErrRefused, name)
	}
	path := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("cache of models: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return fmt.Errorf("cache of models: %w", err)
	}
	n, err := io.Copy(f, io.LimitReader(r, d.left+1))
	err = errors.Join(err, f.Sync(), f.Close())
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%w: %s: %w", ErrOrigin, name, err)
	case n > d.left:
		return fmt.Errorf("%w: the model is larger than the limit", ErrRefused)
	}
	d.left -= n
	d.names = append(d.names, name)
	return nil
}

// keep moves the files to their place by digest and notes them for ref.
func (d *download) keep(ref, version, tag string, created int64) (Model, error) {
	m := Model{Version: version, Origin: redact(ref), Created: millis(created)}
	for _, n := range d.names {
		m.Files = append(m.Files, filepath.Join(d.dir, n))
	}
	m, err := describe(m)
	if err != nil {
		return Model{}, err
	}
	folder := filepath.Join("models", strings.TrimPrefix(m.Weights, "sha256:"))
	place := filepath.Join(d.c.dir, folder)
	if err := os.Rename(d.dir, place); err != nil {
		if _, there := os.Stat(place); there != nil {
			return Model{}, fmt.Errorf("cache of models: %w", err)
		} // the same bytes are there already
	}
	for i, n := range d.names {
		m.Files[i] = filepath.Join(place, n)
	}
	m.Path = m.Files[0]
	data, err := json.Marshal(note{Folder: folder, Files: d.names, Version: version, Tag: tag, Weights: m.Weights, Created: created})
	if err != nil {
		return Model{}, err
	}
	return m, writeFile(d.c.notePath(ref), data)
}

// millis is a time that is given in milliseconds since 1970; 0 is none.
func millis(ms int64) time.Time {
	if ms <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// writeFile replaces a file at once, never half.
func writeFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".part-*")
	if err != nil {
		return fmt.Errorf("cache of models: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("cache of models: %w", err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("cache of models: %w", err)
	}
	return nil
}
