package labelstore

import (
	"io"
	"os"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// failStop is a file system that stops writing at the first write that fails
// (the disk is full, it went away), and from then on only pretends to. What is
// on the disk stays as it was at that moment, as after a power cut, which
// pebble recovers from; told of the error itself, pebble would end the
// process.
type failStop struct {
	vfs.FS
	tripped atomic.Pointer[error]
	// fault makes writes fail in tests; nil otherwise.
	fault func() error
}

// trip stops the file system; the first reason stays.
func (f *failStop) trip(err error) { f.tripped.CompareAndSwap(nil, &err) }

// broken is why it was stopped; nil while it works.
func (f *failStop) broken() error {
	if p := f.tripped.Load(); p != nil {
		return *p
	}
	return nil
}

// do runs a change unless the file system is stopped, and stops it where the
// change fails; it never fails itself.
func (f *failStop) do(change func() error) error {
	if f.broken() != nil {
		return nil
	}
	if f.fault != nil {
		if err := f.fault(); err != nil {
			f.trip(err)
			return nil
		}
	}
	if err := change(); err != nil && !os.IsNotExist(err) {
		f.trip(err)
	} else if err != nil {
		return err // pebble asks for files that may not be there
	}
	return nil
}

// open returns what create opens, guarded; a file of nothing once stopped.
func (f *failStop) open(create func() (vfs.File, error)) (vfs.File, error) {
	var file vfs.File
	err := f.do(func() (err error) { file, err = create(); return err })
	if err != nil {
		return nil, err
	}
	if file == nil {
		memory := vfs.NewMem()
		if file, err = memory.Create("gone", vfs.WriteCategoryUnspecified); err != nil {
			return nil, err
		}
		return file, nil
	}
	return &guarded{File: file, fs: f}, nil
}

func (f *failStop) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.Create(name, c) })
}

func (f *failStop) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, opts...) })
}

func (f *failStop) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.ReuseForWrite(oldname, newname, c) })
}

func (f *failStop) OpenDir(name string) (vfs.File, error) {
	return f.open(func() (vfs.File, error) { return f.FS.OpenDir(name) })
}

func (f *failStop) Link(oldname, newname string) error {
	return f.do(func() error { return f.FS.Link(oldname, newname) })
}

func (f *failStop) Remove(name string) error {
	return f.do(func() error { return f.FS.Remove(name) })
}

func (f *failStop) RemoveAll(name string) error {
	return f.do(func() error { return f.FS.RemoveAll(name) })
}

func (f *failStop) Rename(oldname, newname string) error {
	return f.do(func() error { return f.FS.Rename(oldname, newname) })
}

func (f *failStop) MkdirAll(dir string, perm os.FileMode) error {
	return f.do(func() error { return f.FS.MkdirAll(dir, perm) })
}

// Lock does nothing: Disk holds the lock for longer than pebble does.
func (f *failStop) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

func (f *failStop) Unwrap() vfs.FS { return f.FS }

// guarded is a file whose writes stop the file system where they fail.
type guarded struct {
	vfs.File
	fs *failStop
}

func (g *guarded) Write(p []byte) (int, error) {
	return len(p), g.fs.do(func() error { _, err := g.File.Write(p); return err })
}

func (g *guarded) WriteAt(p []byte, at int64) (int, error) {
	return len(p), g.fs.do(func() error { _, err := g.File.WriteAt(p, at); return err })
}

func (g *guarded) Preallocate(offset, length int64) error {
	return g.fs.do(func() error { return g.File.Preallocate(offset, length) })
}

func (g *guarded) Sync() error     { return g.fs.do(g.File.Sync) }
func (g *guarded) SyncData() error { return g.fs.do(g.File.SyncData) }

func (g *guarded) SyncTo(length int64) (full bool, err error) {
	err = g.fs.do(func() (err error) { full, err = g.File.SyncTo(length); return err })
	return full, err
}
