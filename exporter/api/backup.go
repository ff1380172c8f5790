package api

import (
	"errors"
	"net/http"
)

// backup streams the label store as a tar archive.
func (a *api) backup(w http.ResponseWriter, _ *http.Request) {
	if a.s.Backup == nil {
		a.fail(w, http.StatusNotFound, errors.New("predictions wait in memory, there is nothing to back up; set labels.store.path"))
		return
	}
	w.Header().Set("Content-Type", "application/x-tar")
	w.Header().Set("Content-Disposition", `attachment; filename="labels.tar"`)
	out := &counted{ResponseWriter: w}
	err := a.s.Backup(out)
	switch {
	case err == nil:
	case out.n == 0:
		a.fail(w, http.StatusServiceUnavailable, err)
	default: // the archive has no end then, and no reader takes it for whole
		a.s.Logger.Error("backup of the label store broke off", "error", err)
		panic(http.ErrAbortHandler)
	}
}

// counted knows whether anything was written.
type counted struct {
	http.ResponseWriter
	n int
}

func (c *counted) Write(p []byte) (int, error) {
	c.n += len(p)
	return c.ResponseWriter.Write(p)
}
