package labelfolder

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

type world struct {
	t        *testing.T
	dir      string
	folder   *Folder
	ids      []string
	rejected int
	down     bool
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, dir: t.TempDir()}
	w.folder = New(Settings{Path: w.dir, Interval: time.Second, Rejected: func() { w.rejected++ }, Accept: func(list []record.Label) []error {
		errs := make([]error, len(list))
		for i, l := range list {
			if w.down {
				errs[i] = errors.New("the disk is full")
				continue
			}
			w.ids = append(w.ids, l.ID)
		}
		return errs
	}})
	return w
}

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) there(name string) bool {
	_, err := os.Stat(filepath.Join(w.dir, name))
	return err == nil
}

func TestFilesAreReadOnceTheyRest(t *testing.T) {
	w := newWorld(t)
	w.write("b.csv", "id,label\nb1,1\nb2\n")
	w.write("a.jsonl", `{"id":"a1","label":1}`+"\n")
	w.write(".hidden.csv", "id,label\nx,1\n")
	w.write("half.csv.part", "id,label\nx,1\n")
	var z bytes.Buffer
	zw := gzip.NewWriter(&z)
	fmt.Fprint(zw, "id,label\nc1,1\n")
	_ = zw.Close()
	w.write("c.csv.gz", z.String())
	look := func() error { return w.folder.Look(t.Context()) }
	if err := look(); err != nil || len(w.ids) != 0 {
		t.Fatalf("read before they rest: %v, %v", w.ids, err)
	}
	w.write("b.csv", "id,label\nb1,1\nb2\nb3,1\n") // still growing
	if err := look(); err != nil || strings.Join(w.ids, " ") != "a1 c1" {
		t.Fatalf("%v, %v", w.ids, err)
	}
	if err := look(); err != nil || strings.Join(w.ids, " ") != "a1 c1 b1 b3" || w.rejected != 1 {
		t.Fatalf("%v, %d rejected, %v", w.ids, w.rejected, err)
	}
	bad, err := os.ReadFile(filepath.Join(w.dir, Done, "b.csv.rejected"))
	if err != nil || !bytes.Contains(bad, []byte("line 3")) {
		t.Errorf("%s, %v", bad, err)
	}
	if w.there("a.jsonl") || !w.there("done/a.jsonl") || !w.there("done/c.csv.gz") || !w.there(".hidden.csv") || !w.there("half.csv.part") {
		t.Error("files are not where they belong")
	}
	if err := look(); err != nil || len(w.ids) != 4 {
		t.Errorf("read again: %v", w.ids)
	}
}

func TestFilesStayWhileLabelsAreNotTaken(t *testing.T) {
	w := newWorld(t)
	w.write("a.csv", "id,label\na,1\n")
	w.down = true
	_ = w.folder.Look(t.Context())
	for range 2 {
		if err := w.folder.Look(t.Context()); err == nil || !w.there("a.csv") {
			t.Fatalf("%v", err)
		}
	}
	w.down = false
	if err := w.folder.Look(t.Context()); err != nil || len(w.ids) != 1 || w.there("a.csv") {
		t.Errorf("%v, %v", w.ids, err)
	}
}

func TestBadFilesDoNotStopTheOthers(t *testing.T) {
	w := newWorld(t)
	w.write("a.csv", "this,is\nnot,it\n")
	w.write("b.json", "")
	w.write("c.csv", "id,label\nc,1\n")
	for range 2 {
		if err := w.folder.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.ids) != 1 || w.rejected != 2 || w.there("a.csv") || w.there("b.json") {
		t.Errorf("%v, %d rejected", w.ids, w.rejected)
	}
}
