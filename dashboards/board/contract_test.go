package board

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// families reads testdata/families.txt: labels by metric. TestHost of the
// plugin's harness holds it to what a running gnomon exports.
func families(t *testing.T) (known map[string][]string, rest []string) {
	t.Helper()
	b, err := os.ReadFile("testdata/families.txt")
	if err != nil {
		t.Fatal(err)
	}
	known = map[string][]string{}
	live, optional, _ := bytes.Cut(b, []byte("\n\n"))
	for i, part := range [][]byte{live, optional} {
		for line := range strings.SplitSeq(string(part), "\n") {
			if f := strings.Fields(line); len(f) > 0 && f[0] != "#" {
				known[f[0]] = f[1:]
				if i == 1 {
					rest = append(rest, f[0])
				}
			}
		}
	}
	return known, rest
}

// ofTarget are the labels that a scrape adds.
var ofTarget = []string{"cluster", "namespace", "job", "instance"}

var (
	selectorOf = regexp.MustCompile(`\b((?:gnomon|process|go)_[a-z0-9_]+)(?:\{([^}]*)\})?`)
	matcherOf  = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"`)
	groupOf    = regexp.MustCompile(`\b(?:by|on|group_left|group_right|ignoring) \(([^)]*)\)`)
)

// check finds the metrics and labels of an expression that nothing exports.
func check(expr string, known map[string][]string) (faults []string, metrics int) {
	all := map[string]bool{}
	for _, m := range selectorOf.FindAllStringSubmatch(expr, -1) {
		labels, ok := known[m[1]]
		if !ok {
			faults = append(faults, m[1]+": nothing exports it")
			continue
		}
		metrics++
		labels = append(slices.Clone(labels), ofTarget...)
		for _, l := range labels {
			all[l] = true
		}
		for _, l := range matcherOf.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(labels, l[1]) {
				faults = append(faults, m[1]+" has no label "+l[1])
			}
		}
	}
	for _, g := range groupOf.FindAllStringSubmatch(expr, -1) {
		for _, l := range strings.FieldsFunc(g[1], func(r rune) bool { return r == ',' || r == ' ' }) {
			if !all[l] {
				faults = append(faults, "no metric has the label "+l)
			}
		}
	}
	return faults, metrics
}

// TestMetricsExist: every metric of every expression is one that gnomon
// exports, with the labels that the expression selects and groups by.
func TestMetricsExist(t *testing.T) {
	known, _ := families(t)
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for name, body := range files {
		for _, expr := range expressions(t, body) {
			faults, n := check(expr, known)
			seen += n
			for _, f := range faults {
				t.Errorf("%s: %s: %s", name, f, expr)
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d metrics are used", seen)
	}
}

// TestOptionalFamiliesAreInTheSource: what the demo does not export is at least
// what the exporter's packages name.
func TestOptionalFamiliesAreInTheSource(t *testing.T) {
	_, rest := families(t)
	var source strings.Builder
	for _, dir := range []string{"gpu", "cost", "training", "memory", "capacity", "coldstart", "metrics"} {
		paths, _ := filepath.Glob(filepath.Join("..", "..", "exporter", dir, "*.go"))
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(b)
		}
	}
	for _, name := range rest {
		if !strings.Contains(source.String(), `"`+name+`"`) {
			t.Errorf("%s is nowhere in the exporter", name)
		}
	}
}

func TestCheck(t *testing.T) {
	known := map[string][]string{"gnomon_a": {"model"}, "gnomon_b_total": {"model", "kind"}}
	for expr, want := range map[string]int{
		`sum by (model) (gnomon_a{cluster=~"$cluster",model="x"})`:         0,
		`sum by (kind) (gnomon_a)`:                                         1,
		`gnomon_a{kind="x"} + gnomon_c`:                                    2,
		`gnomon_a / on (model) sum by (model) (gnomon_b_total{kind!="x"})`: 0,
	} {
		if faults, _ := check(expr, known); len(faults) != want {
			t.Errorf("%s: %q, want %d", expr, faults, want)
		}
	}
}
