package ruletest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/alerts/rules"
	"github.com/gnomon-dev/gnomon/alerts/spec"
)

// promtool is the real one, where there is one.
func promtool(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("promtool"); err == nil {
		return path
	}
	path, err := filepath.Abs("../../.cache/bin/promtool")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("no promtool; make tools builds it")
	}
	return path
}

// run writes a file's rules and tests and runs those whose names have a prefix
// of these.
func run(t *testing.T, f *spec.File, prefixes string) {
	t.Helper()
	tool, dir := promtool(t), t.TempDir()
	write := func(path string, b []byte) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range rules.New(f).Files() {
		write("rules/"+file.Name, file.YAML())
	}
	args := []string{"test", "rules"}
	for _, file := range Files(f) {
		for _, p := range strings.Fields(prefixes) {
			if strings.HasPrefix(file.Name, p) {
				write("tests/"+file.Name, file.YAML())
				args = append(args, filepath.Join(dir, "tests", file.Name))
			}
		}
	}
	if len(args) < 3 {
		t.Fatalf("no test begins with any of %s", prefixes)
	}
	if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
		t.Errorf("%v: %.4000s", err, out)
	}
}

// TestDefault runs the quick ones of the default's tests in promtool; make rules
// runs all.
func TestDefault(t *testing.T) {
	run(t, spec.Default(), `alert-A alert-C alert-E alert-F alert-GPUE alert-H alert-M alert-P alert-R alert-S alert-V alert-W
		slo-availability-fast drift-1d`)
}

// TestOther: other thresholds, a model of its own, another period. The tests
// follow the file.
func TestOther(t *testing.T) {
	f, err := spec.Parse("other.yaml", []byte(`
apiVersion: gnomon/v1
thresholds: {min_samples: 200, accuracy_floor: 0.6, accuracy_target: 0.8, drift_psi: 0.3, drift_psi_clear: 0.15, calibration_error: 0.2, calibration_clear: 0.1, stale_after: 5m, serving_failure_ratio: 0.9, drop_ratio: 0.05}
slos:
  - {name: vision, kind: availability, model: vision, objective: 99.5, period: 7d}
  - {name: fast, kind: latency, threshold: 200ms, objective: 95, period: 7d}
`))
	if err != nil {
		t.Fatal(err)
	}
	run(t, f, "alert-AccuracyD alert-AccuracyC alert-Cal alert-Pi alert-Pr alert-S alert-MonitorB slo-vision-fast")
}

func TestRuns(t *testing.T) {
	for want, values := range map[string][]float64{
		"0+0x2 5+1x2":           {0, 0, 0, 5, 6, 7},
		"_x2 1 stale _x2 3+0x1": {gone, gone, 1, gone, gone, gone, 3, 3},
		"1 stale":               {1, gone},
		"3-1x3":                 {3, 2, 1, 0},
	} {
		if got := runs(values); got != want {
			t.Errorf("%v is written %s, want %s", values, got, want)
		}
	}
}
