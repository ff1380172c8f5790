package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"go.yaml.in/yaml/v3"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/plugin"
)

// alerting is what is read of provisioning/alerting.
type alerting struct {
	APIVersion int `yaml:"apiVersion"`
	Groups     []struct {
		Name, Folder, Interval string
		Rules                  []struct {
			UID, Title, Condition string
			Annotations           map[string]string
			Data                  []struct {
				RefID         string         `yaml:"refId"`
				DatasourceUID string         `yaml:"datasourceUid"`
				Range         map[string]int `yaml:"relativeTimeRange"`
				QueryType     string         `yaml:"queryType"`
				Model         map[string]any
			}
		}
	}
}

func provisioned(t *testing.T, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "provisioning", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.NewDecoder(bytes.NewReader(b)).Decode(v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// TestProvisioning: the examples name each other's things as they are called.
func TestProvisioning(t *testing.T) {
	var sources struct {
		Datasources []struct {
			Name, UID, Type, URL string
			JSONData             map[string]any `yaml:"jsonData"`
		}
	}
	provisioned(t, "datasources/gnomon.yaml", &sources)
	types := map[string]string{}
	for _, s := range sources.Datasources {
		types[s.UID] = s.Type
		if s.URL == "" || s.Name == "" {
			t.Errorf("data source %q has no address or name", s.UID)
		}
	}
	if types["gnomon"] != plugin.ID || types["prometheus"] != "prometheus" {
		t.Error(types)
	}
	var dashboards struct{ Providers []struct{ Type string } }
	provisioned(t, "dashboards/gnomon.yaml", &dashboards)
	if len(dashboards.Providers) == 0 || dashboards.Providers[0].Type != "file" {
		t.Error(dashboards)
	}
	var a alerting
	provisioned(t, "alerting/gnomon.yaml", &a)
	for _, g := range a.Groups {
		for _, r := range g.Rules {
			refs := map[string]bool{}
			for _, d := range r.Data {
				if e, ok := d.Model["expression"].(string); ok && !refs[e] {
					t.Errorf("%s: %s takes %s, which is not before it", r.UID, d.RefID, e)
				}
				if d.DatasourceUID != "__expr__" && types[d.DatasourceUID] == "" || d.Model["refId"] != d.RefID || d.Range["from"] == 0 {
					t.Errorf("%s: query %+v", r.UID, d)
				}
				refs[d.RefID] = true
			}
			if !refs[r.Condition] || r.Title == "" || r.Annotations["runbook_url"] == "" {
				t.Errorf("rule %+v", r)
			}
		}
	}
}

// provisionedRules runs the queries of the provisioned alert rules as Grafana's
// alerting does.
func provisionedRules(t *testing.T, ctx context.Context, s *Source) {
	var a alerting
	provisioned(t, "alerting/gnomon.yaml", &a)
	now, asked := time.Now(), 0
	for _, g := range a.Groups {
		for _, r := range g.Rules {
			for _, d := range r.Data {
				if d.DatasourceUID != "gnomon" {
					continue
				}
				asked++
				raw, err := json.Marshal(d.Model)
				if err != nil {
					t.Fatal(err)
				}
				from := now.Add(-time.Duration(d.Range["from"]) * time.Second)
				out, err := s.Query(ctx, from, now, map[string]string{"FromAlert": "true"}, raw)
				if err != nil {
					t.Fatal(err)
				}
				answer := out.Responses[d.RefID]
				if answer.Error != nil || len(answer.Frames) == 0 {
					t.Errorf("%s: %v, %d frames", r.UID, answer.Error, len(answer.Frames))
					continue
				}
				f := answer.Frames[0]
				numbers := 0
				for _, field := range f.Fields {
					if field.Type().Numeric() {
						numbers++
					}
				}
				if numbers != 1 || f.Meta.Type != data.FrameTypeTimeSeriesMulti && f.Meta.Type != data.FrameTypeNumericLong {
					t.Errorf("%s: a frame of type %s with %d numbers", r.UID, f.Meta.Type, numbers)
				}
			}
		}
	}
	if asked < 3 {
		t.Errorf("only %d queries of the data source", asked)
	}
}
