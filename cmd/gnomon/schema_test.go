package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBrokenPipelineShows: a change of the data pipeline makes a feature null;
// the metrics, the API and the verdict say so without waiting for a window.
func TestBrokenPipelineShows(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	row := func() (age, income, rate float64) {
		return 20 + 50*r.Float64(), 3000 + 500*r.NormFloat64(), r.Float64()
	}
	var reference strings.Builder
	reference.WriteString("age,income,rate\n")
	for range 1000 {
		age, income, rate := row()
		fmt.Fprintf(&reference, "%g,%g,%g\n", age, income, rate)
	}
	file := filepath.Join(t.TempDir(), "train.csv")
	if err := os.WriteFile(file, []byte(reference.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := configured(t, "http://127.0.0.1:9", fmt.Sprintf("models: [{name: loans, reference: {file: %q}}]\n", file))
	s.until(t, "the reference is in place", func() bool { return s.model(t, "loans").Reference.Digest != "" })
	push := func(n int, income func(float64) any) {
		var lines bytes.Buffer
		for i := range n {
			age, was, rate := row()
			fmt.Fprintf(&lines, `{"id":"%d","model":"loans","request":{"inputs":[{"name":"input","shape":[1,3],"datatype":"FP64","data":[%g,%v,%g]}]}}`+"\n", i, age, income(was), rate)
		}
		response, err := http.Post(s.pages+"/api/v1/records", "application/x-ndjson", &lines)
		if err != nil || response.StatusCode != http.StatusAccepted {
			t.Fatal(err, response)
		}
		response.Body.Close()
	}
	push(200, func(v float64) any { return v })
	if v, ok := s.metric(t, "gnomon_schema_anomalies_total{", `feature="income"`, `kind="nan"`); !ok || v != 0 {
		t.Errorf("not there before anything happened: %v, %v", v, ok)
	}
	push(50, func(float64) any { return "null" })
	s.until(t, "the fault shows", func() bool {
		v, _ := s.metric(t, "gnomon_schema_fault{", `feature="income"`, `kind="nan"`)
		return v == 1
	})
	m := s.model(t, "loans")
	if len(m.Schema.Faults) != 1 || m.Schema.Faults[0].Feature != "income" {
		t.Errorf("faults: %+v", m.Schema.Faults)
	}
	if words := m.Verdict.Findings[0].Words; !strings.Contains(words, "income is not a number") {
		t.Errorf("verdict %q", words)
	}
}
