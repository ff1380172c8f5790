package source

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// files is a model on this machine. It is read again only when a file's size
// or time has changed.
type files struct {
	// find lists the files of the model as they are now, the .onnx file first.
	find func() (Model, error)

	stamp string
	model Model
}

func openFile(ref string, _ Settings) (Source, error) {
	return &files{find: func() (Model, error) { return Model{Path: ref, Origin: ref, Files: withWeights(ref)}, nil }}, nil
}

func (f *files) Fetch(context.Context) (Model, error) {
	found, err := f.find()
	if err != nil {
		return Model{}, err
	}
	stamp, err := stampOf(found.Files)
	if err != nil {
		return Model{}, err
	}
	if stamp == f.stamp {
		return f.model, nil
	}
	m, err := describe(found)
	if err != nil {
		return Model{}, err
	}
	// A file that somebody is still writing is not a model yet: only what
	// stood still while it was read counts.
	if again, err := stampOf(found.Files); err != nil || again != stamp {
		return Model{}, fmt.Errorf("%w: %s changed while it was read; it will be read again", ErrOrigin, found.Origin)
	}
	f.stamp, f.model = stamp, m
	return m, nil
}

// stampOf changes whenever a file does, without reading it.
func stampOf(paths []string) (string, error) {
	var b strings.Builder
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrOrigin, err)
		}
		if st.IsDir() {
			return "", fmt.Errorf("%w: %s is a folder", ErrReference, p)
		}
		fmt.Fprintf(&b, "%s %d %s\n", p, st.Size(), st.ModTime().Format(time.RFC3339Nano))
	}
	return b.String(), nil
}

// withWeights is a model file with the external data beside it: what ONNX
// writers put next to "model.onnx" (.data, .weight, .bin and the like).
func withWeights(path string) []string {
	out := []string{path}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return out // the file itself will say what is wrong
	}
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".data", ".onnx_data", ".weight", ".weights":
			if !e.IsDir() {
				out = append(out, filepath.Join(filepath.Dir(path), e.Name()))
			}
		}
	}
	return out
}

func isFolder(ref string) bool {
	st, err := os.Stat(ref)
	return err == nil && st.IsDir() || strings.HasSuffix(ref, "/")
}

// openFolder reads a model's folder. With config.pbtxt or numbered folders it
// is Triton's layout, else KServe's: one .onnx file at the top.
func openFolder(ref string, s Settings) (Source, error) {
	return &files{find: func() (Model, error) {
		entries, err := os.ReadDir(ref)
		if err != nil {
			return Model{}, fmt.Errorf("%w: %w", ErrOrigin, err)
		}
		if isTriton(entries) {
			return tritonModel(ref, entries)
		}
		return kserveModel(ref, entries)
	}}, nil
}

func kserveModel(dir string, entries []os.DirEntry) (Model, error) {
	var found []string
	for _, e := range entries {
		if !e.IsDir() && filepath.Ext(e.Name()) == ".onnx" {
			found = append(found, e.Name())
		}
	}
	switch {
	case len(found) == 1:
	case slices.Contains(found, "model.onnx"):
		found = []string{"model.onnx"}
	case len(found) == 0:
		return Model{}, fmt.Errorf("%w: %s holds no .onnx file, no config.pbtxt and no numbered folder; fix: name the model's own folder", ErrReference, dir)
	default:
		return Model{}, fmt.Errorf("%w: %s holds %d .onnx files (%s); fix: name one of them", ErrReference, dir, len(found), strings.Join(found, ", "))
	}
	path := filepath.Join(dir, found[0])
	return Model{Path: path, Origin: dir, Files: withWeights(path)}, nil
}

// newest sorts version folders as numbers, the highest first.
func newest(versions []int64) {
	slices.SortFunc(versions, func(a, b int64) int { return cmp.Compare(b, a) })
}
