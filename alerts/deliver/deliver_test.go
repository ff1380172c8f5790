package deliver

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/alerts/rules"
	"github.com/gnomon-dev/gnomon/alerts/spec"
	"go.yaml.in/yaml/v3"
)

func forms(t *testing.T, form string, s Settings) map[string][]byte {
	t.Helper()
	out, err := Forms()[form](rules.New(spec.Default()).Files(), s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// count the rules of a form by what they are.
func count(t *testing.T, files map[string][]byte) (records, alerts int) {
	t.Helper()
	for path, text := range files {
		if err := yaml.Unmarshal(text, &map[string]any{}); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		records += strings.Count(string(text), " record: ")
		alerts += strings.Count(string(text), " alert: ") + strings.Count(string(text), "condition: ")
	}
	return records, alerts
}

// TestNothingIsLost: every form has every alert, and all but Grafana's every
// record. The real schemas are checked in alerts/tools/delivery.
func TestNothingIsLost(t *testing.T) {
	records, alerts := count(t, forms(t, "prometheus", Settings{}))
	for _, form := range []string{"prometheusrule", "mimir"} {
		if r, a := count(t, forms(t, form, Settings{Namespace: "ml"})); r != records || a != alerts {
			t.Errorf("%s has %d records and %d alerts, want %d and %d", form, r, a, records, alerts)
		}
	}
	text := string(forms(t, "grafana", Settings{DataSource: "prom"})["grafana/gnomon-alerts.yaml"])
	if n := strings.Count(text, "condition: B"); n != alerts {
		t.Errorf("grafana has %d alerts, want %d", n, alerts)
	}
	for _, not := range []string{"| query", "$value ", "$value}"} {
		if strings.Contains(text, not) {
			t.Errorf("Grafana does not know %s", not)
		}
	}
	if _, err := grafana(nil, Settings{}); err == nil || !strings.Contains(err.Error(), "--datasource-uid") {
		t.Errorf("no data source: %v", err)
	}
}

// TestLimits: Mimir takes 20 rules a group, and names are used once.
func TestLimits(t *testing.T) {
	var n namespace
	if err := yaml.Unmarshal(forms(t, "mimir", Settings{})["mimir/gnomon.yaml"], &n); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, g := range n.Groups {
		if len(g.Rules) > mostRules || seen[g.Name] {
			t.Errorf("group %s has %d rules, or is there twice", g.Name, len(g.Rules))
		}
		seen[g.Name] = true
	}
	if n.Namespace != "gnomon" {
		t.Errorf("namespace %q", n.Namespace)
	}
	for path, text := range forms(t, "prometheusrule", Settings{Labels: map[string]string{"release": "kube"}}) {
		if len(text) > 1<<20 || !strings.Contains(string(text), "release: kube") {
			t.Errorf("%s: %d bytes, or no label", path, len(text))
		}
	}
}

// TestPromtool: Prometheus' own checker takes the plain rules, without a
// complaint, and the groups of Mimir's namespace.
func TestPromtool(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	if err != nil {
		if tool, err = filepath.Abs("../../.cache/bin/promtool"); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(tool); err != nil {
			t.Skip("no promtool; make tools builds it")
		}
	}
	dir := t.TempDir()
	for form, args := range map[string][]string{"prometheus": {"check", "rules", "--lint=all", "--lint-fatal"}, "mimir": {"check", "rules", "--ignore-unknown-fields"}} {
		for path, text := range forms(t, form, Settings{}) {
			path = filepath.Join(dir, form+"-"+filepath.Base(path))
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			args = append(args, path)
		}
		if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", form, err, out)
		}
	}
}
