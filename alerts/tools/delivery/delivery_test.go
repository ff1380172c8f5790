// Package delivery holds what gnomon rules generate writes for other rulers to
// their own schemas: the Prometheus Operator's CRD and Grafana's API models.
// It is a module of its own: its dependencies stay out of gnomon's.
package delivery

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-openapi/strfmt"
	"github.com/grafana/grafana-openapi-client-go/models"
	"gopkg.in/yaml.v3"
	"k8s.io/kube-openapi/pkg/validation/spec"
	kstrfmt "k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
)

// generated runs the real command.
func generated(t *testing.T, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", append([]string{"run", "./cmd/gnomon", "rules", "generate", "--output", dir}, args...)...)
	cmd.Dir = "../../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// asJSON turns YAML into what JSON decoders take.
func asJSON(t *testing.T, text []byte) []byte {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func crd(t *testing.T) *spec.Schema {
	t.Helper()
	text, err := os.ReadFile("testdata/prometheusrules-crd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Spec struct {
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema spec.Schema }
			}
		}
	}
	if err := json.Unmarshal(asJSON(t, text), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Spec.Versions) != 1 || c.Spec.Versions[0].Name != "v1" {
		t.Fatalf("%+v", c.Spec.Versions)
	}
	return &c.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// unknown finds fields that the API server would drop.
func unknown(s *spec.Schema, v any, path string) error {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			p, ok := s.Properties[k]
			switch {
			case ok:
			case s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil:
				p = *s.AdditionalProperties.Schema
			case len(s.Properties) == 0:
				continue // metadata: not described by the CRD
			default:
				return fmt.Errorf("%s.%s is not in the schema", path, k)
			}
			if err := unknown(&p, x, path+"."+k); err != nil {
				return err
			}
		}
	case []any:
		for i, x := range v {
			if s.Items == nil || s.Items.Schema == nil {
				return fmt.Errorf("%s is no list", path)
			}
			if err := unknown(s.Items.Schema, x, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func valid(s *spec.Schema, v any) error {
	if err := unknown(s, v, "object"); err != nil {
		return err
	}
	if r := validate.NewSchemaValidator(s, nil, "", kstrfmt.Default).Validate(v); r != nil && !r.IsValid() {
		return r.AsError()
	}
	return nil
}

// TestPrometheusRule: every object is valid by the operator's own CRD, and the
// check would see a fault.
func TestPrometheusRule(t *testing.T) {
	schema := crd(t)
	dir := generated(t, "--format", "prometheusrule", "--namespace", "monitoring", "--label", "release=kube")
	paths, err := filepath.Glob(filepath.Join(dir, "prometheusrules", "*.yaml"))
	if err != nil || len(paths) < 10 {
		t.Fatalf("%v %v", paths, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(asJSON(t, text), &v); err != nil {
			t.Fatal(err)
		}
		if err := valid(schema, v); err != nil {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
		for from, to := range map[string]string{"expr:": "exprs:", "interval: 30s": "interval: 30seconds"} {
			if !bytes.Contains(text, []byte(from)) {
				continue
			}
			if err := json.Unmarshal(asJSON(t, bytes.Replace(text, []byte(from), []byte(to), 1)), &v); err != nil {
				t.Fatal(err)
			}
			if valid(schema, v) == nil {
				t.Errorf("%s with %s is valid", filepath.Base(path), to)
			}
		}
	}
}

// TestGrafana: the file is what Grafana exports and provisions.
func TestGrafana(t *testing.T) {
	dir := generated(t, "--format", "grafana", "--datasource-uid", "prometheus")
	text, err := os.ReadFile(filepath.Join(dir, "grafana", "gnomon-alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(asJSON(t, text)))
	decoder.DisallowUnknownFields()
	var file models.AlertingFileExport
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	if err := file.Validate(strfmt.Default); err != nil {
		t.Fatal(err)
	}
	titles, uids := map[string]bool{}, map[string]bool{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if titles[r.Title] || uids[r.UID] || len(r.UID) > 40 || r.Condition != "B" || len(r.Data) != 2 || r.Annotations["runbook_url"] == "" {
				t.Errorf("%s: %+v", r.Title, r)
			}
			titles[r.Title], uids[r.UID] = true, true
		}
	}
	if len(titles) < 50 {
		t.Errorf("%d alerts", len(titles))
	}
}
