package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/demo"
	"github.com/gnomon-dev/gnomon/exporter/report"
)

// TestReport: the reviews of a real Prometheus that scrapes a real gnomon.
func TestReport(t *testing.T) {
	prometheus := tool(t, "prometheus")
	server := primary(t)
	dir, model, reference, _ := digitsFiles(t)
	s := configured(t, server.URL, fmt.Sprintf("cost: {currency: EUR, prices: [{request: 0.5}]}\nmodels:\n  - name: %s\n    reference: {file: %q, label: digit}\n    shadows:\n      - {model: %q}\n", demo.ModelName, reference, model))
	config, address := filepath.Join(dir, "prometheus.yml"), free(t)
	text := fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs: [{job_name: gnomon, static_configs: [{targets: [%q]}]}]\n", strings.TrimPrefix(s.pages, "http://"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	launch(t, exec.CommandContext(ctx, prometheus, "--config.file", config, "--storage.tsdb.path", filepath.Join(dir, "tsdb"), "--web.listen-address", address, "--log.level", "error"), "http://"+address+"/-/ready")
	var r report.Report
	s.until(t, "the review shows requests", func() bool {
		s.images(t, 50)
		var out, stderr bytes.Buffer
		if run(ctx, []string{"report", "--prometheus", "http://" + address, "--range", "1m", "--format", "json"}, streams{nil, &out, &stderr}) != exitDone {
			return false // nothing was scraped yet
		}
		r = report.Report{}
		return json.Unmarshal(out.Bytes(), &r) == nil && len(r.Models) == 1 && r.Sections[0].Title == "Served" && r.Sections[0].Rows[0].Values[0] != nil && *r.Sections[0].Rows[0].Values[0] > 50
	})
	if errors := r.Sections[0].Rows[0]; errors.Labels[0] != demo.ModelName || errors.Shown[1] != "0.00 %" {
		t.Errorf("the served models: %+v", errors)
	}
	for format, want := range map[string]string{"markdown": "| digits | 2 |", "html": "<td>100.00 %</td>"} {
		if out := say(t, "report", "--prometheus", "http://"+address, "--range", "1m", "--format", format); !strings.Contains(out, want) || !strings.Contains(out, "Model review") {
			t.Errorf("%s lacks %q:\n%s", format, want, out)
		}
	}
	s.until(t, "the cost review has a price", func() bool {
		s.images(t, 50)
		var out, stderr bytes.Buffer
		code := run(ctx, []string{"report", "--prometheus", "http://" + address, "--range", "1m", "--kind", "cost", "--format", "markdown"}, streams{nil, &out, &stderr})
		return code == exitDone && strings.Contains(out.String(), "| 500 |") // per 1000 requests
	})
}

func TestReportOfNothing(t *testing.T) {
	empty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[]}}`)
	}))
	defer empty.Close()
	html := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>login</html>") }))
	defer html.Close()
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--prometheus", empty.URL}, exitFailed, "no metric of gnomon's"},
		{[]string{"--prometheus", html.URL}, exitFailed, "ask Prometheus"},
		{[]string{"--prometheus", "nowhere"}, exitUsage, "is no URL"},
		{[]string{"--range", "week"}, exitUsage, "is no duration"},
		{[]string{"--end", "today"}, exitUsage, "is no time"},
	} {
		var out bytes.Buffer
		if code := run(context.Background(), append([]string{"report"}, c.args...), streams{nil, &out, &out}); code != c.code || !strings.Contains(out.String(), c.says) {
			t.Errorf("%v: exit %d, %s", c.args, code, out.String())
		}
	}
}
