package pack

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// built is a folder as the build leaves it.
func built(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	meta, err := os.ReadFile(filepath.Join("..", "src", "plugin.json"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("%VERSION%", "0.1.0", "%TODAY%", "2026-03-01").Replace(string(meta))
	manifest, err := Manifest("..")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"plugin.json": text, "module.js": "define()", "module.js.map": "{}", "LICENSE": "Apache", "go_plugin_build_manifest": string(manifest), "gpx_gnomon_linux_amd64": strings.Repeat("x", 2<<20),
	}
	for _, copied := range []string{"README.md", "CHANGELOG.md"} {
		b, err := os.ReadFile(filepath.Join("..", copied))
		if err != nil {
			t.Fatal(err)
		}
		files[copied] = string(b)
	}
	for _, folder := range []string{"img", "dashboards"} {
		list, err := filepath.Glob(filepath.Join("..", "src", folder, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range list {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files[folder+"/"+filepath.Base(path)] = string(b)
		}
	}
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPack(t *testing.T) {
	dist, out := built(t), t.TempDir()
	name, err := Pack(dist, out)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(name) != "gnomon-gnomon-datasource-0.1.0.zip" {
		t.Error(name)
	}
	if faults, err := Check(name); err != nil || len(faults) > 0 {
		t.Errorf("%v, %q", err, faults)
	}
	first, _ := os.ReadFile(name + ".sha256")
	if _, err := Pack(dist, out); err != nil {
		t.Fatal(err)
	}
	if second, _ := os.ReadFile(name + ".sha256"); len(first) < 64 || string(first) != string(second) {
		t.Errorf("the same folder gives two zips: %s, %s", first, second)
	}
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, f := range z.File {
		if strings.Contains(f.Name, "gpx_") && f.Mode().Perm() != 0o755 {
			t.Errorf("%s has mode %s", f.Name, f.Mode())
		}
	}
}

// What is missing or wrong is named.
func TestCheckNamesTheFault(t *testing.T) {
	for name, c := range map[string]struct {
		change func(dir string) error
		says   string
	}{
		"no binary":    {func(d string) error { return os.Remove(filepath.Join(d, "gpx_gnomon_linux_amd64")) }, "no binary of the backend"},
		"no bundle":    {func(d string) error { return os.Remove(filepath.Join(d, "module.js")) }, "module.js is missing"},
		"no manifest":  {func(d string) error { return os.Remove(filepath.Join(d, "go_plugin_build_manifest")) }, "go_plugin_build_manifest is missing"},
		"no dashboard": {func(d string) error { return os.Remove(filepath.Join(d, "dashboards", "oncall.json")) }, "dashboards/oncall.json is missing"},
		"template's README": {func(d string) error {
			return os.WriteFile(filepath.Join(d, "README.md"), []byte("made by create-plugin"), 0o600)
		}, "README.md is the template's"},
		"not filled in": {func(d string) error {
			b, err := os.ReadFile(filepath.Join("..", "src", "plugin.json"))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(d, "plugin.json"), b, 0o600)
		}, `info.version: "%VERSION%"`},
	} {
		t.Run(name, func(t *testing.T) {
			dist := built(t)
			if err := c.change(dist); err != nil {
				t.Fatal(err)
			}
			zipped, err := Pack(dist, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			faults, err := Check(zipped)
			if err != nil || !strings.Contains(strings.Join(faults, "\n"), c.says) {
				t.Errorf("%v, %q; want %q", err, faults, c.says)
			}
		})
	}
}
