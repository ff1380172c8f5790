package labelstore

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// ErrBackup: an archive that is no backup of a label store.
var ErrBackup = errors.New("not a backup of a label store")

// WriteBackup writes the store, as it is at one moment, as a tar archive. The
// store goes on working; for the time of writing its files are linked into the
// folder "backup" inside its own, so that they take no second place.
func (d *Disk) WriteBackup(w io.Writer) error {
	d.backup.Lock()
	defer d.backup.Unlock()
	folder := filepath.Join(d.s.Path, "backup")
	if err := os.RemoveAll(folder); err != nil { // of a process that has ended in the middle
		return err
	}
	if err := d.Backup(folder); err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	files, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	for _, f := range files {
		if err := appendFile(t, filepath.Join(folder, f.Name())); err != nil {
			return fmt.Errorf("back up label store: %w", err)
		}
	}
	return t.Close()
}

func appendFile(t *tar.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: filepath.Base(path), Mode: 0o600, Size: info.Size(), ModTime: info.ModTime()}); err != nil {
		return err
	}
	_, err = io.CopyN(t, f, info.Size()) // the log may have grown
	return err
}

// ReadBackup puts a backup into a folder that holds nothing yet. Start gnomon
// with labels.store.path on it afterwards.
func ReadBackup(r io.Reader, folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	there, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	if len(there) > 0 {
		return fmt.Errorf("%s holds %d files already; name an empty folder, so that nothing is lost", folder, len(there))
	}
	t := tar.NewReader(r)
	manifest := false
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrBackup, err)
		}
		if h.Typeflag != tar.TypeReg || h.Name != filepath.Base(h.Name) || strings.HasPrefix(h.Name, ".") {
			return fmt.Errorf("%w: it holds %q", ErrBackup, h.Name)
		}
		manifest = manifest || strings.HasPrefix(h.Name, "MANIFEST-")
		if err := extract(t, filepath.Join(folder, h.Name)); err != nil {
			return err
		}
	}
	if !manifest {
		return fmt.Errorf("%w: it has no manifest", ErrBackup)
	}
	return nil
}

func extract(r io.Reader, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Sync(), f.Close())
}
