package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gnomon-dev/gnomon/examples/digits"
	"github.com/gnomon-dev/gnomon/exporter/demo"
)

// TestShadowsShareADevice: two shadows wait for batches and take turns on the
// CPU; every record is answered by both, and golden inputs are held against the
// primary beside that.
func TestShadowsShareADevice(t *testing.T) {
	server := primary(t)
	dir, model, reference, _ := digitsFiles(t)
	int8 := filepath.Join(dir, "int8.onnx")
	put(t, int8, digitsModel(t, digits.Int8))
	front, path := free(t), filepath.Join(dir, "turns.yaml")
	text := fmt.Sprintf(`listen: %q
upstream: %q
onnxruntime: {library: %q, device_concurrency: 1}
evaluation: {interval: 1s, tick: 1s}
models:
  - name: %s
    reference: {file: %q, label: digit}
    identity: {interval: 1s, inputs: 150}
    shadows:
      - {name: twin, model: %q, max_delay: 100ms}
      - {name: next, role: candidate, model: %q, max_delay: 20ms, max_batch: 8}
`, front, server.URL, library(t), demo.ModelName, reference, model, int8)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := sidecarOf(t, "--config", path)
	s.front = "http://" + front
	s.until(t, "both shadows run", func() bool {
		m := s.model(t, demo.ModelName)
		return len(m.Shadows) == 2 && m.Shadows[0].Up && m.Shadows[1].Up
	})
	s.images(t, 300)
	s.until(t, "both have answered everything", func() bool {
		m := s.model(t, demo.ModelName)
		return m.Shadows[0].Comparisons == 300 && m.Shadows[1].Comparisons == 300
	})
	s.until(t, "the reference is held against the primary", func() bool {
		n, _ := s.metric(t, "gnomon_shadow_golden_comparisons_total", `shadow="twin"`)
		return n >= 454 // every row of it
	})
	twin := s.twin(t)
	if twin.Failures != 0 || twin.GoldenDisagreements > 4 {
		t.Errorf("failures %d, golden disagreements %d of %d", twin.Failures, twin.GoldenDisagreements, twin.GoldenComparisons)
	}
	if _, ok := s.metric(t, "gnomon_model_info{", `producer="gnomon examples/digits"`, `opset=`); !ok {
		t.Error("gnomon_model_info does not say who made the model")
	}
}
