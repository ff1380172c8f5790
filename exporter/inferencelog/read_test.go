package inferencelog

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/redact"
)

// TestPandasAndDuckDBRead: the files are read by others without us.
func TestPandasAndDuckDBRead(t *testing.T) {
	python, err := filepath.Abs("../../.cache/real/tables/bin/python")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(python); err != nil {
		t.Skip("SKIP: pandas and DuckDB are not installed; exporter/tap/real/install.sh does that")
	}
	x := newRig(t, StoreSettings{}, rules(redact.Rule{Field: "age"}, redact.Rule{Field: "city"}, redact.Rule{Field: "probabilities"}, redact.Rule{Field: "label"}, redact.Rule{Field: "metadata.region"}, redact.Rule{Field: "tensor.x"}))
	x.observe(0, 5)
	x.Accept(record.Label{ID: "r-1", Model: "loans", Class: "no"})
	x.flush(true)
	x.observe(5, 10)
	x.flush(true)
	x.Accept(record.Label{ID: "r-2", Model: "loans", Class: "yes"})
	x.flush(true)
	var stderr bytes.Buffer
	cmd := exec.Command(python, "testdata/read.py", x.dir)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var got map[string]any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"rows": 10.0, "folder": 10.0, "first": "2026-03-01 12:00:00+00:00", "mean age": 24.5, "probabilities": []any{.25, .75}, "labels": 1.0,
		"columns": []any{"age", "city", "id", "input_digest", "label", "latency_seconds", "metadata", "model", "outcome", "probabilities", "tap", "tensor_x", "tensor_x_shape", "time", "version"},
		"dtypes":  map[string]any{"id": "object", "time": "datetime64[us, UTC]", "age": "float64", "city": "object"},
		"tensor":  []any{[]any{20.0, 1234.5}, []any{1.0, 2.0}},
		"duckdb":  []any{10.0, "2026-03-01 12:00:00+00", 24.5, .75, 1.0, "eu"}, "late": []any{[]any{"r-2", "yes"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
