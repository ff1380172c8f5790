package alerts

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/alerts/promql"
	"github.com/gnomon-dev/gnomon/alerts/rules"
)

// known reports whether a metric is exported by gnomon, recorded by the rules,
// or Prometheus' own.
func known(t *testing.T, metric string) bool {
	t.Helper()
	if metric == "up" || strings.HasPrefix(metric, "process_") || slices.Contains(rules.Planned(), metric) {
		return true
	}
	name := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(metric, "")
	for _, path := range []string{"../exporter/metrics/testdata/exposition.txt", "../exporter/traffic/traffic.go", "../exporter/app/parts.go", "../exporter/evaluate/evaluate.go",
		"generated/rules/gnomon-slo-windows.rules.yml", "generated/rules/gnomon-slo-availability.rules.yml", "generated/rules/gnomon-slo-budgets.rules.yml"} {
		b, err := os.ReadFile(filepath.FromSlash(path))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), name) {
			return true
		}
	}
	return false
}

// TestEveryAlertHasARunbook: with every section, and with queries that parse.
func TestEveryAlertHasARunbook(t *testing.T) {
	o, err := Generate(mustLoad(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	linked := map[string]bool{}
	for path, body := range o {
		if strings.HasPrefix(path, "rules/") {
			for _, m := range regexp.MustCompile(`runbooks/(\w+)\.md`).FindAllStringSubmatch(string(body), -1) {
				linked[m[1]] = true
			}
		}
	}
	if len(linked) < 30 {
		t.Fatalf("only %d runbooks are linked", len(linked))
	}
	for name := range linked {
		text, err := os.ReadFile(filepath.Join("runbooks", name+".md"))
		if err != nil {
			t.Errorf("%s has no runbook: %v", name, err)
			continue
		}
		for _, section := range []string{"# " + name, "## Meaning", "## Impact", "## First five minutes", "## Causes", "## Mitigation", "## Escalation", "## When to close"} {
			if !strings.Contains(string(text), section+"\n") {
				t.Errorf("%s.md has no %q", name, section)
			}
		}
		queries := regexp.MustCompile("(?s)```promql\n(.*?)\n```").FindAllStringSubmatch(string(text), -1)
		if len(queries) == 0 {
			t.Errorf("%s.md has no query", name)
		}
		for _, q := range queries {
			metrics, err := promql.Metrics(q[1])
			if err != nil {
				t.Errorf("%s.md: %s: %v", name, q[1], err)
			}
			for _, m := range metrics {
				if !known(t, m) {
					t.Errorf("%s.md asks for %s, which nothing exports or records", name, m)
				}
			}
		}
	}
	files, err := filepath.Glob("runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".md")
		if name != "README" && name != "postmortem" && !linked[name] {
			t.Errorf("%s belongs to no alert", f)
		}
	}
}
