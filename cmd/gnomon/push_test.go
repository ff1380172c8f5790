package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestPushExamples runs the examples in every language that is here, against a
// real gnomon.
func TestPushExamples(t *testing.T) {
	s := configured(t, primary(t).URL, "discover: {enabled: true}\n")
	dir, err := filepath.Abs("../../examples/push")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, command := range [][]string{{"python3", "push.py"}, {"node", "push.mjs"}, {"sh", "push.sh"}, {"go", "run", "./go"}} {
		if _, err := exec.LookPath(command[0]); err != nil {
			t.Logf("SKIP %v: no %s", command, command[0])
			continue
		}
		if command[0] == "sh" {
			if _, err := exec.LookPath("curl"); err != nil {
				t.Log("SKIP push.sh: no curl")
				continue
			}
		}
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GNOMON="+s.pages)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v: %v: %s", command, err, out)
			continue
		}
		t.Logf("%v: %s", command, out)
		ran++
	}
	s.until(t, "every record is taken", func() bool {
		n, _ := s.metric(t, `gnomon_records_sampled_total{model="digits"`)
		return int(n) == ran && ran > 0
	})
}
