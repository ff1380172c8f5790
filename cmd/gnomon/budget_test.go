package main

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/gnomon-dev/gnomon/examples/digits"
	"github.com/gnomon-dev/gnomon/exporter/demo"
)

// TestBudgetHoldsTheShadowBack: the shadow's process stands still, the queue
// fills, and the sampling rate is lowered with its reason; when the shadow is
// back, so is the rate.
func TestBudgetHoldsTheShadowBack(t *testing.T) {
	server, path := primary(t), filepath.Join(t.TempDir(), "m.onnx")
	put(t, path, digitsModel(t, digits.FP32))
	s := configured(t, server.URL, fmt.Sprintf("queue: {max_bytes: 1MiB, body_limit: 64KiB}\nbudget: {interval: 200ms, min_rate: 0.1}\nmodels:\n  - name: %s\n    shadows:\n      - {model: %q}\n", demo.ModelName, path))
	s.until(t, "the shadow runs", func() bool { return s.twin(t).Up })
	worker := children(t, s.cmd.Process.Pid)
	if len(worker) != 1 {
		t.Fatalf("children %v, want the shadow's process", worker)
	}
	if err := syscall.Kill(worker[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s.until(t, "the rate is lowered", func() bool {
		s.images(t, 100)
		rate, _ := s.metric(t, "gnomon_sampling_rate_ratio")
		return rate < 1
	})
	if n, _ := s.metric(t, "gnomon_sampling_rate_changes_total", `reason="queue_full"`); n < 1 {
		t.Errorf("the reason is not counted: %v", n)
	}
	if err := syscall.Kill(worker[0], syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.until(t, "the rate is back", func() bool {
		rate, _ := s.metric(t, "gnomon_sampling_rate_ratio")
		return rate == 1
	})
}
