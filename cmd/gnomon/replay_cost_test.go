package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/examples/digits"
)

// TestReplayCost tells the story of the quantised model: what it saves against
// fp32 is measured and has an interval, what it loses of accuracy is a paired
// difference on the same images, and the decision holds both against limits.
func TestReplayCost(t *testing.T) {
	lib := library(t)
	requests, fp32 := recorded(t)
	models, err := digits.Models()
	if err != nil {
		t.Fatal(err)
	}
	int8 := filepath.Join(t.TempDir(), "int8.onnx")
	if err := os.WriteFile(int8, models[digits.Int8].ONNX, 0o600); err != nil {
		t.Fatal(err)
	}
	prices := filepath.Join("..", "..", "examples", "cost", "prices.yaml")
	args := []string{"replay", "--model", int8, "--requests", requests, "--cost", prices, "--against", fp32, "--batch", "8", "--cost-time", "100ms", "--requests-per-month", "1e8", "--onnxruntime.library", lib}
	code, out, errs := call(t, "", append(args, "--format", "json", "--gate", "cost.accuracy_lost.upper < 0.05")...)
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, errs)
	}
	type interval struct {
		Value, Lower, Upper float64
		N                   int
	}
	var r struct {
		Cost struct {
			Currency     string
			Records      int
			Saved        interval
			AccuracyLost interval `json:"accuracy_lost"`
			Disagreement interval
			Decision     []struct{ Name, Wanted, Met string }
			Verdict      string
			Models       []struct {
				Role     string
				Per1k    float64 `json:"cost_per_1k"`
				Month    float64 `json:"cost_per_month"`
				Accuracy interval
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	c := r.Cost
	if c.Currency != "EUR" || c.Records != 200 || len(c.Models) != 2 || c.Models[0].Role != "candidate" || len(c.Decision) != 2 {
		t.Fatalf("%+v", c)
	}
	for _, m := range c.Models {
		if m.Per1k <= 0 || m.Month < m.Per1k*1e5*.999 || m.Month > m.Per1k*1e5*1.001 || m.Accuracy.N != 200 || m.Accuracy.Value < .95 {
			t.Errorf("%+v", m)
		}
	}
	if c.Saved.N < 3 || c.Saved.Lower > c.Saved.Value || c.Saved.Value > c.Saved.Upper || c.Saved.Value >= 1 {
		t.Errorf("saved %+v", c.Saved)
	}
	if d := c.Models[1].Accuracy.Value - c.Models[0].Accuracy.Value; d-c.AccuracyLost.Value > 1e-9 || c.AccuracyLost.Value-d > 1e-9 || c.Disagreement.Value > .02 {
		t.Errorf("lost %+v of a difference of %v, disagreement %+v", c.AccuracyLost, d, c.Disagreement)
	}
	if _, out, _ := call(t, "", args...); !strings.Contains(out, "use the candidate") || !strings.Contains(out, "at least 80 %") {
		t.Errorf("table: %s", out)
	}
	if code, _, errs := call(t, "", "replay", "--model", int8, "--requests", requests, "--cost", prices); code != exitUsage || !strings.Contains(errs, "--against") {
		t.Errorf("without --against: %d, %s", code, errs)
	}
}
