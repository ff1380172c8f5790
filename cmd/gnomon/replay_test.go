package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReplayGateOnRecordedTraffic: the half-precision twin of a real model
// passes the gate of its own recorded traffic, which was asked in single
// precision; a gate that asks for more than there is trips.
func TestReplayGateOnRecordedTraffic(t *testing.T) {
	lib := library(t)
	dir := filepath.Join("..", "..", "..", "shared", "data")
	model, requests := filepath.Join(dir, "onnx", "mnist-12-fp16.onnx"), filepath.Join(dir, "payloads", "generated", "mnist12_pairs_50.jsonl")
	if _, err := os.Stat(requests); err != nil {
		t.Skip("the recorded traffic is not here: ", err)
	}
	gate := []string{"replay", "--model", model, "--requests", requests, "--onnxruntime.library", lib, "--gate", "agreement>=0.99,accuracy_drop<=0.005"}
	for format, want := range map[string]string{"table": "accuracy lower than theirs by", "json": `"accuracy_drop"`, "html": "accuracy lower than theirs by"} {
		if code, out, errs := call(t, "", append(gate, "--format", format)...); code != exitDone || !strings.Contains(out, want) {
			t.Errorf("%s: exit %d: %s %s", format, code, out[:min(len(out), 2000)], errs)
		}
	}
	strict := append(gate[:len(gate)-1], "agreement>=0.99,accuracy_drop.upper<=0.005")
	if code, _, errs := call(t, "", strict...); code != exitTripped || !strings.Contains(errs, "accuracy_drop.upper<=0.005: it is 0.07") {
		t.Errorf("50 records cannot show a drop below 0.005: exit %d, %s", code, errs)
	}
}
