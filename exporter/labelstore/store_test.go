package labelstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is set by tests.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time    { return time.Unix(c.at.Load(), 0) }
func (c *clock) set(seconds int64) { c.at.Store(seconds) }
func put(id, v string, n bool) Put { return Put{ID: id, Value: []byte(v), New: n} }
func commit(t *testing.T, s Store, b Batch) {
	t.Helper()
	if err := s.Commit(b); err != nil {
		t.Fatal(err)
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
}

func value(t *testing.T, s Store, id string) string {
	t.Helper()
	v, err := s.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	return string(v)
}

func opened(t *testing.T, path string, c *clock) *Disk {
	t.Helper()
	d := OpenDisk(DiskSettings{Path: path, Limit: 64 << 20, Now: c.now})
	if st := d.Stats(); !st.Up {
		t.Fatal(st.Err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// TestConformance holds both stores to the same contract.
func TestConformance(t *testing.T) {
	for name, open := range map[string]func(*testing.T, *clock) Store{
		"memory": func(_ *testing.T, c *clock) Store { return NewMemory(1000, 1<<20, c.now) },
		"disk":   func(t *testing.T, c *clock) Store { return opened(t, t.TempDir(), c) },
	} {
		t.Run(name, func(t *testing.T) {
			c := &clock{}
			s := open(t, c)
			if v, err := s.Get("a"); v != nil || err != nil {
				t.Fatalf("empty store: %q, %v", v, err)
			}
			commit(t, s, Batch{Puts: []Put{put("a", "1", true), put("b", "1", true)}})
			c.set(100)
			commit(t, s, Batch{Puts: []Put{put("a", "2", false), put("c", "1", true)}})
			if got := value(t, s, "a") + value(t, s, "b") + value(t, s, "c"); got != "211" {
				t.Errorf("values %s, want 211", got)
			}
			if err := s.Expire(time.Unix(50, 0)); err != nil { // a's value is new, its age is not
				t.Fatal(err)
			}
			if got := value(t, s, "a") + value(t, s, "b") + value(t, s, "c"); got != "1" {
				t.Errorf("after expiry: %q, want c's 1", got)
			}
			if st := s.Stats(); !st.Up || st.Entries != 1 || st.Expired != 2 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

func TestMemoryIsBounded(t *testing.T) {
	m := NewMemory(100, 1<<20, time.Now)
	for i := range 10_000 {
		commit(t, m, Batch{Puts: []Put{put(fmt.Sprint(i), "v", true)}})
	}
	if st := m.Stats(); st.Entries != 100 || st.Evicted != 9900 || value(t, m, "9999") != "v" || value(t, m, "9899") != "" {
		t.Errorf("%+v", st)
	}
	small := NewMemory(1000, 10_000, time.Now)
	for i := range 1000 {
		commit(t, small, Batch{Puts: []Put{put(fmt.Sprint(i), "v", true)}})
	}
	if st := small.Stats(); st.Bytes > 10_000 || st.Entries < 50 {
		t.Errorf("%+v", st)
	}
}

type content struct {
	state   string
	entries []string
	events  []string
}

func restore(t *testing.T, s Store) (c content) {
	t.Helper()
	err := s.Restore(func(b []byte) error { c.state = string(b); return nil },
		func(id string, v []byte) error { c.entries = append(c.entries, id+"="+string(v)); return nil },
		func(e []byte) error { c.events = append(c.events, string(e)); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func events(list ...string) (out [][]byte) {
	for _, e := range list {
		out = append(out, []byte(e))
	}
	return out
}

func TestRestoreHandsOverWhatTheCheckpointLacks(t *testing.T) {
	c, path := &clock{}, t.TempDir()
	d := opened(t, path, c)
	commit(t, d, Batch{Puts: []Put{put("a", "1", true)}, Events: events("e1")})
	if err := d.Checkpoint([]byte("state")); err != nil {
		t.Fatal(err)
	}
	commit(t, d, Batch{Puts: []Put{put("b", "1", true), put("a", "2", false)}, Events: events("e2", "e3")})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = opened(t, path, c)
	if got, want := fmt.Sprint(restore(t, d)), "{state [b=1] [e2 e3]}"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	commit(t, d, Batch{Puts: []Put{put("c", "1", true)}, Events: events("e4")})
	if got, want := fmt.Sprint(restore(t, d)), "{state [b=1 c=1] [e2 e3 e4]}"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestDiskFull: at the first write that fails the store stands still, says so,
// and has what was acknowledged when it is opened again. The process lives.
func TestDiskFull(t *testing.T) {
	c, path := &clock{}, t.TempDir()
	var full atomic.Bool
	d := OpenDisk(DiskSettings{Path: path, Limit: 64 << 20, Now: c.now, fault: func() error {
		if full.Load() {
			return errors.New("no space left on device")
		}
		return nil
	}})
	defer d.Close()
	commit(t, d, Batch{Puts: []Put{put("a", "1", true)}, Events: events("e1")})
	full.Store(true)
	err := d.Commit(Batch{Puts: []Put{put("b", "1", true)}, Events: events("e2")})
	if err == nil {
		err = d.Sync()
	}
	if !errors.Is(err, ErrDown) {
		t.Fatalf("a full disk is not told: %v", err)
	}
	for _, err := range []error{d.Commit(Batch{Puts: []Put{put("c", "1", true)}}), d.Sync(), d.Checkpoint(nil), d.Reopen(), d.Expire(time.Unix(9, 0))} {
		if !errors.Is(err, ErrDown) {
			t.Errorf("while the disk is full: %v", err)
		}
	}
	if _, err := d.Get("a"); !errors.Is(err, ErrDown) {
		t.Errorf("read while the disk is full: %v", err)
	}
	if st := d.Stats(); st.Up || st.Err == "" {
		t.Errorf("%+v", st)
	}
	full.Store(false)
	if err := d.Reopen(); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(restore(t, d)), "{ [a=1] [e1]}"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	commit(t, d, Batch{Puts: []Put{put("b", "2", true)}})
	if value(t, d, "b") != "2" {
		t.Error("the store does not work again")
	}
}

// TestCorrupt: a folder that cannot be read is put aside, and a store that
// works begun in its place.
func TestCorrupt(t *testing.T) {
	c, path := &clock{}, t.TempDir()
	d := opened(t, path, c)
	commit(t, d, Batch{Puts: []Put{put("a", "1", true)}})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	manifests, err := filepath.Glob(filepath.Join(path, "MANIFEST-*"))
	if err != nil || len(manifests) == 0 {
		t.Fatal(manifests, err)
	}
	for _, m := range manifests {
		if err := os.WriteFile(m, []byte("this is no manifest, it is a sentence of some length"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d = opened(t, path, c)
	if st := d.Stats(); !st.Up || st.Resets != 1 || st.Err == "" {
		t.Errorf("%+v", st)
	}
	commit(t, d, Batch{Puts: []Put{put("a", "2", true)}})
	if value(t, d, "a") != "2" {
		t.Error("the new store does not work")
	}
	if _, err := os.Stat(filepath.Join(path, "corrupt")); err != nil {
		t.Error("the corrupt files are gone:", err)
	}
}

// TestFolderInUse: as in a rolling update, the second waits for the first.
func TestFolderInUse(t *testing.T) {
	c, path := &clock{}, t.TempDir()
	first := opened(t, path, c)
	commit(t, first, Batch{Puts: []Put{put("a", "1", true)}})
	second := OpenDisk(DiskSettings{Path: path, Limit: 64 << 20, Now: c.now})
	defer second.Close()
	if err := second.Commit(Batch{}); !errors.Is(err, ErrDown) || second.Stats().Up {
		t.Error("the folder is opened twice:", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := second.Reopen(); err != nil || value(t, second, "a") != "1" {
		t.Error("the second does not take over:", err)
	}
}

func TestBackupIsAStore(t *testing.T) {
	c, path := &clock{}, t.TempDir()
	d := opened(t, path, c)
	commit(t, d, Batch{Puts: []Put{put("a", "1", true)}, Events: events("e1")})
	copied := filepath.Join(t.TempDir(), "copy")
	if err := d.Backup(copied); err != nil {
		t.Fatal(err)
	}
	commit(t, d, Batch{Puts: []Put{put("b", "1", true)}})
	if got, want := fmt.Sprint(restore(t, opened(t, copied, c))), "{ [a=1] [e1]}"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestBoundedOnDisk floods a store of 16 MiB with more than twice as much.
func TestBoundedOnDisk(t *testing.T) {
	c := &clock{}
	d := OpenDisk(DiskSettings{Path: t.TempDir(), Limit: 16 << 20, Now: c.now})
	defer d.Close()
	v := make([]byte, 1000)
	refused := 0
	for i := range 40 {
		b := Batch{}
		for k := range 1000 {
			for j := range v {
				v[j] = byte(i*31 + k*17 + j*j) // does not compress to nothing
			}
			b.Puts = append(b.Puts, Put{ID: fmt.Sprint(i, "-", k), Value: append([]byte{}, v...), New: true})
		}
		if err := d.Commit(b); errors.Is(err, ErrFull) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
		if err := d.Expire(time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	d.compacted.Wait()
	if err := d.Expire(time.Time{}); err != nil {
		t.Fatal(err)
	}
	d.compacted.Wait()
	st := d.Stats()
	if st.Evicted == 0 || st.Bytes > 2*st.Limit {
		t.Errorf("%+v; %d batches refused", st, refused)
	}
}

func TestConcurrentUse(t *testing.T) {
	c := &clock{}
	d := opened(t, t.TempDir(), c)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 50 {
				id := fmt.Sprint(g, "-", i)
				commit(t, d, Batch{Puts: []Put{put(id, "v", true)}, Events: events(id)})
				if value(t, d, id) != "v" {
					t.Error("lost", id)
				}
			}
		})
	}
	wg.Wait()
	if got := restore(t, d); len(got.entries) != 200 || len(got.events) != 200 {
		t.Errorf("%d entries, %d events", len(got.entries), len(got.events))
	}
}

func BenchmarkDisk(b *testing.B) {
	for _, size := range []int{64, 1000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			d := OpenDisk(DiskSettings{Path: b.TempDir(), Limit: 4 << 30, Now: time.Now})
			defer d.Close()
			v := make([]byte, 120)
			n := 0
			for b.Loop() {
				batch := Batch{}
				for range size {
					batch.Puts = append(batch.Puts, Put{ID: fmt.Sprintf("request-%09d", n), Value: v, New: true})
					n++
				}
				if err := d.Commit(batch); err != nil {
					b.Fatal(err)
				}
				if err := d.Sync(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}
