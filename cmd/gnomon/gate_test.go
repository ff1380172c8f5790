package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/examples/digits"
	"github.com/gnomon-dev/gnomon/exporter/demo"
)

// TestGate: two candidates answer the same real images as the primary; labels
// come late. The good one is to be promoted, the worse one is not.
func TestGate(t *testing.T) {
	server, dir := primary(t), t.TempDir()
	good, worse := filepath.Join(dir, "good.onnx"), filepath.Join(dir, "worse.onnx")
	put(t, good, digitsModel(t, digits.Int8))
	put(t, worse, digitsModel(t, digits.Worse))
	s := configured(t, server.URL, fmt.Sprintf(`models:
  - name: %s
    experiments:
      - {name: quantised, treatment: {shadow: good}, figures: [{kpi: accuracy, margin: 0.02}]}
      - {name: retrained, treatment: {shadow: worse}, figures: [{kpi: accuracy, margin: 0.005}]}
    shadows:
      - {name: good, role: candidate, model: %q}
      - {name: worse, role: candidate, model: %q}
`, demo.ModelName, good, worse))
	s.until(t, "the shadows run", func() bool {
		m := s.model(t, demo.ModelName)
		return len(m.Shadows) == 2 && m.Shadows[0].Up && m.Shadows[1].Up
	})
	gate := func(experiment string) (decision, int) {
		var out, stderr bytes.Buffer
		code := run(context.Background(), []string{"gate", "--url", s.pages, "--experiment", experiment, "--format", "json"}, streams{nil, &out, &stderr})
		var d decision
		_ = json.Unmarshal(out.Bytes(), &d) // a fault shows in d
		return d, code
	}
	if d, code := gate("quantised"); code != exitTripped || d.Decision != "hold" {
		t.Errorf("before any label: exit %d, %+v", code, d)
	}
	data, err := digits.Load()
	if err != nil {
		t.Fatal(err)
	}
	n := len(data.Traffic)
	s.images(t, n)
	var labels strings.Builder
	for i := range n {
		fmt.Fprintf(&labels, "{\"id\": \"%d\", \"label\": \"%d\"}\n", i, data.Traffic[i].Label)
	}
	resp, err := http.Post(s.pages+"/api/v1/labels", "application/json", strings.NewReader(labels.String()))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	s.until(t, "the labels are judged", func() bool {
		n, _ := s.metric(t, "gnomon_experiment_samples", `experiment="retrained"`, `arm="treatment"`)
		return int(n) >= 400
	})
	s.until(t, "the worse one is found out", func() bool {
		d, code := gate("retrained")
		return code == exitTripped && d.Decision == "roll_back" && strings.Contains(d.Reasons[0], "shadow worse against primary")
	})
	for name, want := range map[string]string{"quantised": "promote", "retrained": "roll_back"} {
		if v, ok := s.metric(t, "gnomon_experiment_decision", fmt.Sprintf("experiment=%q", name), fmt.Sprintf("decision=%q", want)); !ok || v != 1 {
			t.Errorf("%s: not %s: %+v", name, want, s.model(t, demo.ModelName).Experiments)
		}
	}
	if wrong := fetch(t, s.pages+"/api/v1/models/"+demo.ModelName+"/worst?reason=wrong"); !strings.Contains(wrong, "with confidence") {
		t.Errorf("no wrong prediction is kept: %s", wrong)
	}
	t.Run("templates", func(t *testing.T) { templates(t, s) })
	if _, code := gate("nobody"); code != exitFailed {
		t.Errorf("an experiment that is not there: exit %d", code)
	}
}

// templates runs the queries of the deployment tools' templates on a real
// Prometheus.
func templates(t *testing.T, s *sidecar) {
	dir, address := t.TempDir(), free(t)
	config := filepath.Join(dir, "prometheus.yml")
	put(t, config, []byte(fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs: [{job_name: gnomon, static_configs: [{targets: [%q]}]}]\n", strings.TrimPrefix(s.pages, "http://"))))
	launch(t, exec.Command(tool(t, "prometheus"), "--config.file", config, "--storage.tsdb.path", filepath.Join(dir, "tsdb"), "--web.listen-address", address, "--log.level", "error"), "http://"+address+"/-/ready")
	ask := func(query string) string {
		return fetch(t, "http://"+address+"/api/v1/query?query="+url.QueryEscape(query))
	}
	for file, want := range map[string]map[string]string{"analysis-template.yaml": {"quantised": "1 0", "retrained": "0 1"}, "metric-template.yaml": {"quantised": "0", "retrained": "1"}} {
		text, err := os.ReadFile(filepath.Join("..", "..", "examples", "rollouts", file))
		if err != nil {
			t.Fatal(err)
		}
		queries := regexp.MustCompile(`(?:min|max)\(gnomon_.*\)`).FindAllString(string(text), -1)
		for experiment, values := range want {
			s.until(t, file+" "+experiment, func() bool {
				var got []string
				for _, q := range queries {
					q = regexp.MustCompile(`\{\{ ?(args|variables)\.model ?\}\}`).ReplaceAllString(q, demo.ModelName)
					q = regexp.MustCompile(`\{\{ ?(args|variables)\.experiment ?\}\}`).ReplaceAllString(q, experiment)
					if m := regexp.MustCompile(`"value":\[[\d.]+,"(\d)"\]`).FindStringSubmatch(ask(q)); m != nil {
						got = append(got, m[1])
					}
				}
				return strings.Join(got, " ") == values
			})
		}
	}
}
