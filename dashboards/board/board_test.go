package board

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestGenerated: what is committed, here and inside the plugin, is what is
// generated.
func TestGenerated(t *testing.T) {
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		paths := []string{filepath.Join("..", filepath.FromSlash(name))}
		if filepath.Dir(name) == string(Gnomon) {
			paths = append(paths, filepath.Join("..", "..", "grafana-plugin", "src", "dashboards", filepath.Base(name)))
		}
		for _, path := range paths {
			have, err := os.ReadFile(path)
			if err != nil {
				t.Error(err)
			} else if !bytes.Equal(have, want) {
				t.Errorf("%s is not what is generated; run go run ./cmd/generate . ../grafana-plugin/src/dashboards", path)
			}
		}
	}
}

// expressions are all values of "expr" in a dashboard.
func expressions(t *testing.T, body []byte) (out []string) {
	t.Helper()
	var tree any
	if err := json.Unmarshal(body, &tree); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if e, ok := v["expr"].(string); ok {
				out = append(out, e)
			}
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(tree)
	return out
}

// TestPanelsSayWhatTheyShow: every panel has a title and a description, every
// dashboard an id of its own and links to the others.
func TestPanelsSayWhatTheyShow(t *testing.T) {
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	type panel struct {
		Type, Title, Description string
		Panels                   []panel
	}
	ids := map[string]string{}
	for name, body := range files {
		var d struct {
			UID, Title string
			Links      []any
			Panels     []panel
		}
		if err := json.Unmarshal(body, &d); err != nil {
			t.Fatal(err)
		}
		if d.UID == "" || d.Title == "" || len(d.Links) == 0 {
			t.Errorf("%s: uid %q, title %q, %d links", name, d.UID, d.Title, len(d.Links))
		}
		variant := filepath.Dir(name)
		if first := ids[variant+d.UID]; first != "" {
			t.Errorf("%s and %s have the id %s", first, name, d.UID)
		}
		ids[variant+d.UID] = name
		all := d.Panels
		for _, p := range d.Panels {
			all = append(all, p.Panels...) // of a closed row
		}
		for _, p := range all {
			if p.Title == "" || (p.Type != "row" && p.Description == "") {
				t.Errorf("%s: a %s panel %q without title or description", name, p.Type, p.Title)
			}
		}
	}
}
