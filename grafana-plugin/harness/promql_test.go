package harness

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// inDashboards are the strings of a key anywhere in a dashboard's JSON.
func inDashboards(v any, key string, found func(string)) {
	switch v := v.(type) {
	case map[string]any:
		if s, ok := v[key].(string); ok {
			found(s)
		}
		for _, x := range v {
			inDashboards(x, key, found)
		}
	case []any:
		for _, x := range v {
			inDashboards(x, key, found)
		}
	}
}

// promQL evaluates every expression of every dashboard in the real Prometheus,
// its variables filled in as Grafana does: each must parse.
func promQL(t *testing.T, ctx context.Context, st *Stack) {
	fill := strings.NewReplacer("$__rate_interval", "15s", "$__range", "60s", "$__interval", "15s", "${kpi:raw}", "vector(1)",
		"$cluster", ".*", "$namespace", ".*", "$job", ".*", "$instance", ".*", "$model_version", ".*", "$model", ".*", "$feature", "mean")
	seen := map[string]bool{}
	for _, board := range boards {
		b, err := os.ReadFile(filepath.Join(root(t), "dashboards", filepath.FromSlash(board)+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var tree any
		if err := json.Unmarshal(b, &tree); err != nil {
			t.Fatal(err)
		}
		inDashboards(tree, "expr", func(expr string) { seen[fill.Replace(expr)] = true })
	}
	for expr := range seen {
		if strings.Contains(expr, "$") {
			t.Errorf("a variable is left in %s", expr)
		}
		if _, err := get(ctx, st.Prometheus+"/api/v1/query?query="+url.QueryEscape(expr)); err != nil {
			t.Errorf("%s: %v", expr, err)
		}
	}
	if len(seen) < 50 {
		t.Errorf("only %d expressions", len(seen))
	}
}

// exported holds the dashboards' list of families and labels to what the running
// gnomon exports.
func exported(t *testing.T, ctx context.Context, st *Stack) {
	b, err := os.ReadFile(filepath.Join(root(t), "dashboards", "board", "testdata", "families.txt"))
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := get(ctx, st.Gnomon+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{}
	for line := range strings.SplitSeq(string(metrics), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		name, rest, _ := strings.Cut(line, "{")
		labels[strings.Fields(name)[0]] = rest
	}
	live, _, _ := strings.Cut(string(b), "\n\n")
	checked := 0
	for line := range strings.SplitSeq(live, "\n") {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		have, ok := labels[f[0]]
		if !ok {
			continue // only with an anomaly, a change or a trigger set
		}
		checked++
		for _, l := range f[1:] {
			if !strings.Contains(have, l+`="`) {
				t.Errorf("%s has no label %s: {%s", f[0], l, have)
			}
		}
	}
	if checked < 60 {
		t.Errorf("only %d families are exported", checked)
	}
}
