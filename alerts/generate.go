package alerts

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gnomon-dev/gnomon/alerts/alertmanager"
	"github.com/gnomon-dev/gnomon/alerts/deliver"
	"github.com/gnomon-dev/gnomon/alerts/rules"
	"github.com/gnomon-dev/gnomon/alerts/ruletest"
	"github.com/gnomon-dev/gnomon/alerts/spec"
)

// Output is the content of every generated file by its path.
type Output map[string][]byte

// Load reads an SLO file; the default's SLOs where path is empty.
func Load(path string) (*spec.File, error) {
	if path == "" {
		return spec.Default(), nil
	}
	return spec.Load(path)
}

// Generate makes every file of an SLO file, the rules as Prometheus and the
// Thanos ruler read them.
func Generate(f *spec.File) (Output, error) {
	return GenerateAs(f, "prometheus", deliver.Settings{})
}

// GenerateAs makes every file of an SLO file, the rules also in one of
// deliver's forms: the tests are of the plain files.
func GenerateAs(f *spec.File, form string, s deliver.Settings) (Output, error) {
	write, ok := deliver.Forms()[form]
	if !ok {
		return nil, fmt.Errorf("unknown form %q; give one of %s", form, strings.Join(deliver.Names(), ", "))
	}
	files := rules.New(f).Files()
	out := Output{}
	for _, file := range files {
		out["rules/"+file.Name] = file.YAML()
	}
	also, err := write(files, s)
	if err != nil {
		return nil, err
	}
	maps.Copy(out, also)
	for _, file := range ruletest.Files(f) {
		out["tests/"+file.Name] = file.YAML()
	}
	config, err := alertmanager.YAML(f)
	if err != nil {
		return nil, err
	}
	out["alertmanager/alertmanager.yml"], out["alertmanager/gnomon.tmpl"] = config, alertmanager.Template
	return out, nil
}

// Write writes the files into a folder. What an earlier run generated there
// and this one does not is removed; other files stay.
func (o Output) Write(dir string) error {
	for _, path := range o.Paths() {
		full := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return fmt.Errorf("write generated files: %w", err)
		}
		if err := os.WriteFile(full, o[path], 0o644); err != nil {
			return fmt.Errorf("write generated files: %w", err)
		}
	}
	return o.clean(dir)
}

// clean removes generated files that are not part of the output any more.
func (o Output) clean(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil || o[filepath.ToSlash(rel)] != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && bytes.HasPrefix(text, []byte(strings.TrimSpace(rules.Header))) {
			err = os.Remove(path)
		}
		return err
	})
}

// Paths lists the files, sorted.
func (o Output) Paths() []string {
	out := make([]string, 0, len(o))
	for p := range o {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// ErrDiffers is what Diff's error wraps.
var ErrDiffers = errors.New("generated files differ")

// Diff says which files of a folder are not what would be generated.
func (o Output) Diff(dir string) error {
	var bad []string
	for _, path := range o.Paths() {
		have, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
		if err != nil || !bytes.Equal(have, o[path]) {
			bad = append(bad, path)
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("%w: %s", ErrDiffers, strings.Join(bad, ", "))
	}
	return nil
}
