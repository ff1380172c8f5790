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
)

// call runs a command in this process.
func call(t *testing.T, stdin string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, streams{strings.NewReader(stdin), &o, &e})
	return code, o.String(), e.String()
}

func tables(t *testing.T) (reference, same, shifted string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, from int) string {
		var b strings.Builder
		b.WriteString("age,city\n")
		for i := range 300 {
			fmt.Fprintf(&b, "%d,%s\n", 20+(i*37+from)%50, []string{"Rome", "Oslo"}[i%2])
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	shifted = write("shifted.csv", 0)
	text, err := os.ReadFile(shifted)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(shifted, []byte(strings.ReplaceAll(string(text), "Oslo", "Lima")), 0o600); err != nil {
		t.Fatal(err)
	}
	return write("reference.csv", 0), write("same.csv", 1), shifted
}

func TestDriftExitCodes(t *testing.T) {
	reference, same, shifted := tables(t)
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no drift":        {[]string{"drift", "--reference", reference, "--current", same, "--fail-on-drift"}, exitDone, "0 of 2 features"},
		"drift":           {[]string{"drift", "--reference", reference, "--current", shifted}, exitDone, "1 of 2 features"},
		"gate":            {[]string{"drift", "--reference", reference, "--current", shifted, "--fail-on-drift"}, exitTripped, "gate tripped: 1 of 2 features have drifted"},
		"excluded":        {[]string{"drift", "--reference", reference, "--current", shifted, "--fail-on-drift", "--exclude", "city"}, exitDone, "0 of 1 features"},
		"no file":         {[]string{"drift", "--reference", "absent.csv", "--current", shifted}, exitFailed, "absent.csv"},
		"no flag":         {[]string{"drift", "--reference", reference}, exitUsage, "--current"},
		"wrong bins":      {[]string{"drift", "--reference", reference, "--current", same, "--bins", "1"}, exitUsage, "--bins is 1; give 2 to 1000"},
		"wrong kind":      {[]string{"drift", "--reference", reference, "--current", same, "--kind", "age=number"}, exitUsage, `--kind age=number`},
		"no such kind":    {[]string{"profile", "--data", reference, "--kind", "agee=text"}, exitFailed, `no column "agee"`},
		"text of lengths": {[]string{"drift", "--reference", "p.json", "--current", same, "--text-summaries"}, exitUsage, "--text-summaries"},
		"wrong column":    {[]string{"drift", "--reference", reference, "--current", same, "--columns", "agee"}, exitFailed, `no column "agee"; there are age, city`},
		"both are stdin":  {[]string{"drift", "--reference", "-", "--current", "-"}, exitUsage, "both"},
	} {
		code, out, errs := call(t, "", c.args...)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("%s: exit %d, %q %q; want %d and %q", name, code, out, errs, c.code, c.says)
		}
	}
}

func TestProfileThenDrift(t *testing.T) {
	reference, same, _ := tables(t)
	path := filepath.Join(t.TempDir(), "profile.json")
	if code, _, errs := call(t, "", "profile", "--data", reference, "--output", path); code != exitDone {
		t.Fatal(errs)
	}
	text, err := os.ReadFile(same)
	if err != nil {
		t.Fatal(err)
	}
	code, out, errs := call(t, string(text), "drift", "--reference", path, "--current", "-", "--format", "json")
	var d struct {
		Convention string
		Drifted    bool
		Features   []struct {
			Name, Type, Verdict string
			Statistics          map[string]float64
		}
	}
	if err := json.Unmarshal([]byte(out), &d); code != exitDone || err != nil || d.Drifted || d.Convention != "gnomon" || len(d.Features) != 2 || d.Features[0].Statistics["psi"] > .01 {
		t.Errorf("exit %d, %v: %s %s", code, err, out, errs)
	}
	file := filepath.Join(t.TempDir(), "report.html")
	if code, out, errs := call(t, "", "drift", "--reference", reference, "--current", same, "--format", "html", "--output", file); code != exitDone || out != "" {
		t.Error(out, errs)
	}
	if b, err := os.ReadFile(file); err != nil || !bytes.HasPrefix(b, []byte("<!doctype html>")) {
		t.Errorf("%v: %.40s", err, b)
	}
}

// recorded writes traffic of the demo's model as JSON Lines, with labels.
func recorded(t *testing.T) (requests, model string) {
	t.Helper()
	data, err := digits.Load()
	if err != nil {
		t.Fatal(err)
	}
	models, err := digits.Models()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	model = filepath.Join(dir, "digits.onnx")
	if err := os.WriteFile(model, models[digits.FP32].ONNX, 0o600); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for i, img := range data.Traffic[:200] {
		if err := enc.Encode(map[string]any{"id": fmt.Sprint(i), "label": img.Label, "request": map[string]any{
			"inputs": []any{map[string]any{"name": "x", "shape": []int{1, 1, digits.Size, digits.Size}, "datatype": "FP32", "data": img.Pixels}}}}); err != nil {
			t.Fatal(err)
		}
	}
	b.WriteString("no record\n")
	requests = filepath.Join(dir, "requests.jsonl")
	if err := os.WriteFile(requests, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return requests, model
}

func TestReplay(t *testing.T) {
	lib := library(t)
	requests, model := recorded(t)
	args := []string{"replay", "--model", model, "--requests", requests, "--onnxruntime.library", lib, "--format", "json"}
	code, out, errs := call(t, "", append(args, "--gate", "metrics.accuracy > 0.9 and calibration.ece_equal_width < 0.2", "--batch", "16")...)
	var r struct {
		Records   int
		Skipped   map[string]int
		Model     struct{ Digest, Provider string }
		Agreement any
		Metrics   map[string]struct{ Value float64 }
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitDone {
		t.Fatalf("exit %d, %v: %s %s", code, err, out, errs)
	}
	if r.Records != 200 || r.Skipped["not_a_record"] != 1 || r.Agreement != nil || r.Model.Provider != "cpu" || r.Metrics["accuracy"].Value < .9 {
		t.Errorf("%+v", r)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"gate trips":  {append(args, "--gate", "agreement >= 0.9"), exitTripped, `"agreement" is not in the result`},
		"bad gate":    {append(args, "--gate", "agreement"), exitUsage, "write PATH >= NUMBER"},
		"no model":    {[]string{"replay", "--model", "absent.onnx", "--requests", requests, "--onnxruntime.library", lib}, exitFailed, "absent.onnx"},
		"no requests": {[]string{"replay", "--model", model, "--requests", "absent.jsonl"}, exitFailed, "absent.jsonl"},
	} {
		code, out, errs := call(t, "", c.args...)
		if code != c.code || !strings.Contains(errs, c.says) {
			t.Errorf("%s: exit %d, %q %q", name, code, out[:min(len(out), 200)], errs)
		}
	}
}

func TestEvaluate(t *testing.T) {
	const table = "label,p,site\n1,.9,a\n0,.2,b\n1,.7,a\n0,.6,b\n"
	code, out, errs := call(t, table, "evaluate", "--data", "-", "--label", "label", "--score", "p", "--group-by", "site", "--format", "json")
	if code != exitDone || !strings.Contains(out, `"name": "b"`) {
		t.Errorf("exit %d: %s %s", code, out, errs)
	}
	if code, _, errs := call(t, table, "evaluate", "--data", "-", "--label", "label", "--score", "p", "--gate", "metrics.accuracy.lower > 1"); code != exitTripped || !strings.Contains(errs, "metrics.accuracy.lower > 1: it is") {
		t.Errorf("a gate: %d, %s", code, errs)
	}
	if code, _, errs := call(t, table, "evaluate", "--data", "-", "--label", "label"); code != exitUsage || !strings.Contains(errs, "exactly one") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, _, errs := call(t, table, "evaluate", "--data", "-", "--label", "labels", "--score", "p"); code != exitFailed || !strings.Contains(errs, "there are label, p, site") {
		t.Errorf("exit %d: %s", code, errs)
	}
}
