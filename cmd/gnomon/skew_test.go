package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib/summary"
	"github.com/gnomon-dev/gnomon/examples/digits"
	"github.com/gnomon-dev/gnomon/exporter/demo"
)

// TestSkew: what training saw of each image is logged by id, one column in
// another unit than what is served. The sidecar finds that column alone, and
// shows values of it because the inference log's rules list it.
func TestSkew(t *testing.T) {
	data, err := digits.Load()
	if err != nil {
		t.Fatal(err)
	}
	const n = 300
	names := summary.ImageNames()
	var b strings.Builder
	fmt.Fprintln(&b, "entity,"+strings.Join(names, ","))
	for i, img := range data.Traffic[:n] {
		fmt.Fprint(&b, i)
		for k, v := range summary.Image(nil, img.Pixels[:], 1, digits.Size, digits.Size) {
			if k == 0 {
				v *= 1000
			}
			fmt.Fprintf(&b, ",%v", v)
		}
		b.WriteByte('\n')
	}
	dir := t.TempDir()
	logged, model := filepath.Join(dir, "logged.csv"), filepath.Join(dir, "model.onnx")
	if err := os.WriteFile(logged, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, model, digitsModel(t, digits.Int8))
	s := configured(t, primary(t).URL, fmt.Sprintf("inference_log: {fields: [{name: %s, redact: keep}]}\nmodels: [{name: %s, skew: {file: %q, key: entity}, shadows: [{model: %q}]}]\n", names[0], demo.ModelName, logged, model))
	s.until(t, "the logged rows are there", func() bool {
		loaded, _ := s.metric(t, "gnomon_skew_rows")
		return loaded == n
	})
	s.images(t, n)
	s.until(t, "all are compared", func() bool {
		joined, _ := s.metric(t, "gnomon_skew_records_total", `outcome="joined"`)
		return joined == n
	})
	all, _ := s.metric(t, "gnomon_skew_mismatches_total")
	if one, _ := s.metric(t, "gnomon_skew_mismatches_total", fmt.Sprintf("feature=%q", names[0])); one != n || all != n {
		t.Errorf("%v mismatches, %v of them in the column that differs", all, one)
	}
	m := s.model(t, demo.ModelName)
	if len(m.Skew.Features) != len(names) {
		t.Fatalf("%+v", m.Skew)
	}
	if f := m.Skew.Features[0]; f.Name != names[0] || f.Factor == nil || *f.Factor < .000999 || *f.Factor > .001001 || len(f.Pairs) == 0 {
		t.Errorf("%+v", f)
	}
	found := false
	for _, x := range m.Verdict.Findings {
		found = found || x.Kind == "skew" && strings.Contains(x.Words, names[0])
	}
	if !found {
		t.Errorf("%+v", m.Verdict.Findings)
	}
}
