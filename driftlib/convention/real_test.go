package convention

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestRealEvidently asks an Evidently that is installed here about the samples
// of testdata, and holds the expected values, and so our own, to its answers:
// another version that computes otherwise shows. make bench-peers installs it.
func TestRealEvidently(t *testing.T) {
	if os.Getenv("GNOMON_TEST_PEERS") == "" {
		t.Skip("run by make test-peers")
	}
	python := filepath.Join("..", "..", ".cache", "peers", "evidently", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		t.Skipf("SKIP: no Evidently: %v; driftlib/peers/install.sh installs it", err)
	}
	out, err := exec.Command(python, "testdata/ask_evidently.py", "testdata/evidently.json").Output()
	if err != nil {
		t.Fatalf("ask Evidently: %v", err)
	}
	var answers map[string]map[string]float64
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatal(err)
	}
	_, cases := load[sample](t, "evidently")
	for _, c := range cases {
		if len(answers[c.Name]) != len(c.Expected) {
			t.Errorf("%s: Evidently answers %v", c.Name, answers[c.Name])
		}
		for name, got := range answers[c.Name] {
			near(t, c.Name+" "+name, got, c.Expected[name], 1e-9)
		}
	}
}
