package source

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// isTriton: a folder of Triton's model repository has a config.pbtxt or
// version folders with numbers for names.
func isTriton(entries []os.DirEntry) bool {
	for _, e := range entries {
		if e.Name() == "config.pbtxt" {
			return true
		}
		if _, ok := versionOf(e); ok {
			return true
		}
	}
	return false
}

func versionOf(e os.DirEntry) (int64, bool) {
	if !e.IsDir() {
		return 0, false
	}
	v, err := strconv.ParseInt(e.Name(), 10, 64)
	return v, err == nil && v > 0 && strconv.FormatInt(v, 10) == e.Name()
}

// tritonModel is the version of a model in Triton's repository that Triton
// would serve by default.
func tritonModel(dir string, entries []os.DirEntry) (Model, error) {
	var c tritonConfig
	data, err := os.ReadFile(filepath.Join(dir, "config.pbtxt"))
	switch {
	case err == nil:
		if c, err = parseTriton(data); err != nil {
			return Model{}, fmt.Errorf("%w: %s/config.pbtxt: %w", ErrReference, dir, err)
		}
	case !os.IsNotExist(err):
		return Model{}, fmt.Errorf("%w: %w", ErrOrigin, err)
	}
	if err := c.refused(dir); err != nil {
		return Model{}, err
	}
	var versions []int64
	for _, e := range entries {
		if v, ok := versionOf(e); ok && (len(c.versions) == 0 || slices.Contains(c.versions, v)) {
			versions = append(versions, v)
		}
	}
	if len(versions) == 0 {
		return Model{}, fmt.Errorf("%w: %s has no version folder that its version_policy allows; fix: put the model into %s/1/model.onnx", ErrReference, dir, dir)
	}
	newest(versions)
	name := c.file
	if name == "" {
		name = "model.onnx"
	}
	version := strconv.FormatInt(versions[0], 10)
	path := filepath.Join(dir, version, filepath.Base(name))
	return Model{Path: path, Origin: dir, Version: version, Files: withWeights(path), Hints: Hints{MaxBatch: c.maxBatch}}, nil
}

// tritonConfig is what matters here of Triton's ModelConfig.
type tritonConfig struct {
	platform, backend, file     string
	maxBatch                    int
	versions                    []int64 // version_policy.specific
	ensemble, sequence, stateIn bool
}

// refused is why samples cannot be replayed on such a model.
func (c tritonConfig) refused(dir string) error {
	switch {
	case c.ensemble || c.platform == "ensemble":
		return fmt.Errorf("%w: %s is an ensemble, a graph of other models; fix: name the member whose answers matter", ErrRefused, dir)
	case c.sequence || c.stateIn:
		return fmt.Errorf("%w: %s keeps state between requests (sequence_batching), and a sample has no past; fix: watch it without a shadow", ErrRefused, dir)
	case c.backend != "" && c.backend != "onnxruntime", c.platform != "" && c.platform != "onnxruntime_onnx":
		return fmt.Errorf("%w: %s runs on %s%s, and the shadow runs ONNX; fix: export the model to ONNX and name that file", ErrRefused, dir, c.backend, c.platform)
	}
	return nil
}

func parseTriton(data []byte) (tritonConfig, error) {
	fields, err := parseText(data)
	if err != nil {
		return tritonConfig{}, err
	}
	var c tritonConfig
	for _, f := range fields {
		switch f.name {
		case "platform":
			c.platform = f.value
		case "backend":
			c.backend = f.value
		case "default_model_filename":
			c.file = f.value
		case "max_batch_size":
			n, err := strconv.Atoi(f.value)
			if err != nil || n < 0 {
				return c, fmt.Errorf("line %d: max_batch_size: %q is no whole number of rows", f.line, f.value)
			}
			c.maxBatch = n
		case "ensemble_scheduling":
			c.ensemble = true
		case "sequence_batching":
			c.sequence = true
		case "version_policy":
			if c.versions, err = specific(f); err != nil {
				return c, err
			}
		}
	}
	return c, nil
}

// specific reads version_policy { specific { versions: [1, 2] } }; latest and
// all leave the choice to the newest.
func specific(policy field) ([]int64, error) {
	var out []int64
	for _, f := range policy.fields {
		if f.name != "specific" {
			continue
		}
		for _, v := range f.fields {
			n, err := strconv.ParseInt(v.value, 10, 64)
			if v.name != "versions" || err != nil {
				return nil, fmt.Errorf("line %d: version_policy: %q is no version number", v.line, v.value)
			}
			out = append(out, n)
		}
	}
	return out, nil
}
