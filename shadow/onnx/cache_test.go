package onnx

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/provider"
)

func openCached(t *testing.T, dir string) *Engine {
	t.Helper()
	e, err := Open(Settings{Path: digitsModel, Providers: CPU(), MaxBatch: 4, Cache: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func cached(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestCache: the second start takes what the first has optimised and answers
// the same; a file that is not whole is none.
func TestCache(t *testing.T) {
	if _, err := FindLibrary(""); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	first := openCached(t, dir)
	if first.Model().Start != shadow.StartCold || len(cached(t, dir)) != 1 {
		t.Fatalf("start %s, files %v", first.Model().Start, cached(t, dir))
	}
	second := openCached(t, dir)
	if second.Model().Start != shadow.StartCached || second.Model().Digest != first.Model().Digest {
		t.Errorf("%+v", second.Model())
	}
	s := sample(t, first.Model(), 1)
	near(t, one(t, first, s)[0], one(t, second, s)[0])

	file := cached(t, dir)[0]
	if err := os.Truncate(file, 100); err != nil {
		t.Fatal(err)
	}
	if e := openCached(t, dir); e.Model().Start != shadow.StartCold || len(cached(t, dir)) != 1 {
		t.Errorf("after the file was cut short: start %s, files %v", e.Model().Start, cached(t, dir))
	}
}

// TestCacheThatCannotBeWritten: the model loads without. A full disk is
// /dev/full: every write to it fails for want of space.
func TestCacheThatCannotBeWritten(t *testing.T) {
	if _, err := FindLibrary(""); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if e := openCached(t, file); e.Model().Start != shadow.StartCold {
		t.Error(e.Model().Start)
	}
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full")
	}
	m, err := readModel(&Settings{Path: digitsModel})
	if err != nil {
		t.Fatal(err)
	}
	row, err := provider.Find(provider.CPU)
	if err != nil {
		t.Fatal(err)
	}
	o := options(&Settings{}, row, CPU()[0], nil)
	o.Optimized = "/dev/full"
	if _, err := build(m, o); err == nil {
		t.Error("the library wrote to a full disk and said nothing: create must check the file")
	}
}

// TestCacheKeepsFewFiles: a model that is replaced every day does not fill the
// disk.
func TestCacheKeepsFewFiles(t *testing.T) {
	dir := t.TempDir()
	for i := range mostFiles + 5 {
		c := &cache{dir: dir, key: string(rune('a' + i))}
		if c.scratch() == "" || os.WriteFile(c.temp, []byte{byte(i)}, 0o600) != nil {
			t.Fatal("no file")
		}
		c.keep()
	}
	if n := len(cached(t, dir)); n != mostFiles {
		t.Errorf("%d files, want %d", n, mostFiles)
	}
}
