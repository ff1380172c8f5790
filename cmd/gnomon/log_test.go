package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/examples/digits"
	"github.com/gnomon-dev/gnomon/exporter/demo"
	"github.com/gnomon-dev/gnomon/exporter/offline"
)

// TestLogIsReplayed: what a sidecar has logged runs again on the model and is
// answered alike; what was deleted is gone; nothing is logged unless asked for.
func TestLogIsReplayed(t *testing.T) {
	_, model := recorded(t)
	dir := filepath.Join(t.TempDir(), "log")
	s := configured(t, primary(t).URL, fmt.Sprintf("models: [{name: digits, shadows: [{model: %q}]}]\ninference_log: {directory: %q, fields: [{name: prediction}, {name: label}, {name: tensor.%s}, {name: output.%s}]}\n",
		model, dir, digits.InputName, digits.OutputName))
	s.until(t, "the twin runs", func() bool { up, _ := s.metric(t, "gnomon_shadow_up{"); return up == 1 })
	s.images(t, 30)
	s.replayed(t, demo.ModelName, 30)
	if found, _ := filepath.Glob(filepath.Join(dir, "records", "*", "*", "*")); len(found) != 0 {
		t.Errorf("written before its time: %v", found)
	}
	_ = s.cmd.Process.Signal(os.Interrupt) // what waits is written now
	s.until(t, "the log is written", func() bool {
		found, _ := filepath.Glob(filepath.Join(dir, "records", "digits", "*", "*.parquet"))
		return len(found) == 1
	})
	config := filepath.Join(t.TempDir(), "gnomon.yaml")
	if err := os.WriteFile(config, []byte(fmt.Sprintf("upstream: http://127.0.0.1:9\ninference_log: {directory: %q}\n", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"log", "delete", "--config", config, "--id", "7", "--id", "8"}, streams{nil, &out, &errs}); code != exitDone || !strings.Contains(out.String(), "2 records deleted") {
		t.Errorf("delete: %d %s%s", code, out.String(), errs.String())
	}
	out.Reset()
	if code := run(t.Context(), []string{"replay", "--model", model, "--requests", dir, "--format", "json", "--onnxruntime.library", library(t), "--gate", "agreement >= 1"}, streams{nil, &out, &errs}); code != exitDone {
		t.Fatalf("replay: %d %s", code, errs.String())
	}
	var r offline.Replay
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Records != 28 || len(r.Skipped) != 0 || r.Difference == nil || r.Difference.MaxAbs > 1e-4 {
		t.Errorf("replayed: %+v, difference %+v", r, r.Difference)
	}
}
