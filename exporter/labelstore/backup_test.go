package labelstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestBackupAndRestore(t *testing.T) {
	c := &clock{}
	d := opened(t, t.TempDir(), c)
	commit(t, d, Batch{Puts: []Put{put("a", "1", true)}, Events: events("e1")})
	if err := d.Checkpoint([]byte("state")); err != nil {
		t.Fatal(err)
	}
	commit(t, d, Batch{Puts: []Put{put("b", "2", true)}, Events: events("e2")})
	var b bytes.Buffer
	for range 2 { // and once more
		b.Reset()
		if err := d.WriteBackup(&b); err != nil {
			t.Fatal(err)
		}
	}
	commit(t, d, Batch{Puts: []Put{put("c", "3", true)}})
	folder := filepath.Join(t.TempDir(), "new", "folder")
	if err := ReadBackup(bytes.NewReader(b.Bytes()), folder); err != nil {
		t.Fatal(err)
	}
	if err := ReadBackup(bytes.NewReader(b.Bytes()), folder); err == nil {
		t.Error("restored over what is there")
	}
	restored := opened(t, folder, c)
	if got, want := fmt.Sprint(restore(t, restored)), "{state [b=2] [e2]}"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if value(t, restored, "a") != "1" || value(t, restored, "c") != "" {
		t.Error("not as it was at the time of the backup")
	}
}

// FuzzReadBackup: nothing is written outside the folder, whatever comes.
func FuzzReadBackup(f *testing.F) {
	f.Add([]byte("nonsense"))
	f.Fuzz(func(t *testing.T, b []byte) {
		parent := t.TempDir()
		err := ReadBackup(bytes.NewReader(b), filepath.Join(parent, "store"))
		if err != nil && !errors.Is(err, ErrBackup) && !os.IsExist(err) {
			t.Skip(err)
		}
		if there, _ := os.ReadDir(parent); len(there) > 1 {
			t.Errorf("written beside the folder: %v", there)
		}
	})
}
