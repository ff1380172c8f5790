package board

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
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

// notExported are metrics of panels that stay empty on a sidecar without the
// part that exports them.
var notExported = map[string]bool{
	"gnomon_cost_total": true, "gnomon_cost_inferences_total": true, // no prices
	"gnomon_gpu_utilization_ratio": true, "gnomon_gpu_memory_used_bytes": true, "gnomon_gpu_memory_total_bytes": true, // no GPU
}

// ofTheRegistry are families that the request path counts; they are not in the
// golden exposition of what is evaluated.
func ofTheRegistry(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, path := range []string{"exporter/traffic/traffic.go", "exporter/app/parts.go", "exporter/evaluate/evaluate.go"} {
		b, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(path)))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}

// TestMetricsExist: every metric of every expression is one that gnomon exports.
func TestMetricsExist(t *testing.T) {
	golden, err := os.ReadFile("../../exporter/metrics/testdata/exposition.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := string(golden) + ofTheRegistry(t)
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	metric := regexp.MustCompile(`\bgnomon_[a-z0-9_]+`)
	suffix := regexp.MustCompile(`_(bucket|sum|count)$`)
	seen := 0
	for name, body := range files {
		for _, expr := range expressions(t, body) {
			for _, m := range metric.FindAllString(expr, -1) {
				seen++
				if !notExported[m] && !strings.Contains(known, m) && !strings.Contains(known, suffix.ReplaceAllString(m, "")) {
					t.Errorf("%s uses %s, which nothing exports: %s", name, m, expr)
				}
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d metrics are used", seen)
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
	ids := map[string]string{}
	for name, body := range files {
		var d struct {
			UID, Title string
			Links      []any
			Panels     []struct{ Type, Title, Description string }
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
		for _, p := range d.Panels {
			if p.Title == "" || (p.Type != "row" && p.Description == "") {
				t.Errorf("%s: a %s panel %q without title or description", name, p.Type, p.Title)
			}
		}
	}
}
