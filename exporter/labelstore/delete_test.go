package labelstore

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// holding are the files below a folder with a text in them.
func holding(t *testing.T, folder, text string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) {
			out = append(out, filepath.Base(path))
		}
		if os.IsNotExist(err) { // an obsolete file
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestDeletedIsOffTheDisk: the bytes of an id are in no file afterwards: not in
// tables, not in a log that waits to be used again, not in a manifest.
func TestDeletedIsOffTheDisk(t *testing.T) {
	c, folder := &clock{}, t.TempDir()
	d := opened(t, folder, c)
	const secret = "9f2c7b1e5a6d4038" // compresses badly: it stands in the files as it is
	var puts []Put
	for i := range 2000 {
		puts = append(puts, put(fmt.Sprint("other", i), "value of "+fmt.Sprint(i), true))
	}
	commit(t, d, Batch{Puts: append(puts, put(secret, "value of "+secret, true), put(secret+"#0", "a row", true)), Events: events("of " + secret)})
	if err := d.db.Flush(); err != nil { // some of it is in tables, whose bounds a manifest names
		t.Fatal(err)
	}
	commit(t, d, Batch{Puts: []Put{put("zz"+secret, "stays", true), put(secret+"#1", "a row", true), put(secret, "value of "+secret+", changed", false)}})
	if len(holding(t, folder, secret)) == 0 {
		t.Fatal("the test looks in the wrong place")
	}
	if err := d.Checkpoint([]byte("state")); err != nil {
		t.Fatal(err)
	}
	n, err := d.Delete(secret, func(id string) bool { return id != secret+"#1" })
	if err != nil || n != 2 {
		t.Fatalf("removed %d, %v, want 2", n, err)
	}
	if value(t, d, secret) != "" || value(t, d, secret+"#1") == "" || value(t, d, "other7") != "value of 7" {
		t.Error("not what was asked for")
	}
	if n, err = d.Delete(secret, func(string) bool { return true }); err != nil || n != 1 {
		t.Fatalf("removed %d, %v, want 1", n, err)
	}
	if n, err = d.Delete("zz", func(string) bool { return true }); err != nil || n != 1 {
		t.Fatalf("removed %d, %v, want 1", n, err)
	}
	var in []string
	for range 200 { // obsolete files are deleted behind the scenes
		if in = holding(t, folder, secret); len(in) == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if len(in) > 0 {
		t.Errorf("still in %v", in)
	}
	commit(t, d, Batch{Puts: []Put{put("later", "1", true)}, Events: events("e")})
	if st := d.Stats(); !st.Up || value(t, d, "later") != "1" {
		t.Errorf("%+v", st)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	again := opened(t, folder, c)
	if got, want := fmt.Sprint(restore(t, again)), "{state [later=1] [e]}"; got != want {
		t.Errorf("after a restart %s, want %s", got, want)
	}
}

// TestDeleteConforms: both stores delete alike.
func TestDeleteConforms(t *testing.T) {
	c := &clock{}
	for name, s := range map[string]Store{"memory": NewMemory(1000, 1<<20, c.now), "disk": opened(t, t.TempDir(), c)} {
		commit(t, s, Batch{Puts: []Put{put("a", "1", true), put("a#0", "1", true), put("b", "1", true), put("ab", "1", true)}})
		n, err := s.Delete("a", func(id string) bool { return id == "a" || strings.HasPrefix(id, "a#") })
		left := []string{}
		for _, id := range []string{"a", "a#0", "b", "ab"} {
			if value(t, s, id) != "" {
				left = append(left, id)
			}
		}
		if err != nil || n != 2 || !slices.Equal(left, []string{"b", "ab"}) {
			t.Errorf("%s: removed %d, %v; left %v", name, n, err, left)
		}
		if n, err := s.Delete("nobody", func(string) bool { return true }); n != 0 || err != nil {
			t.Errorf("%s: nobody: %d, %v", name, n, err)
		}
	}
}
