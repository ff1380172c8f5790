package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/alerts/promql"
	"github.com/gnomon-dev/gnomon/examples/digits"
	"github.com/gnomon-dev/gnomon/exporter/gpu"
)

// scrape is /metrics of a sidecar.
func scrape(t *testing.T, s *sidecar) string {
	t.Helper()
	resp, err := http.Get(s.pages + "/metrics")
	if err != nil {
		return "" // not up yet
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sum adds up the series of an exposition that a pattern matches.
func sum(t *testing.T, exposition, pattern string) (v float64, found bool) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^`+pattern+` (\S+)$`).FindAllStringSubmatch(exposition, -1) {
		x, err := strconv.ParseFloat(m[len(m)-1], 64)
		if err != nil {
			t.Fatal(err)
		}
		v, found = v+x, true
	}
	return v, found
}

// TestMachine runs gnomon with prices in front of a real classifier: what the
// requests cost, the memory of server, gnomon and shadow, capacity and the
// absence of a GPU are in /metrics.
func TestMachine(t *testing.T) {
	requests, model := recorded(t)
	server := primary(t)
	dir := filepath.Dir(requests)
	prices, err := os.ReadFile("../../examples/cost/prices.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"prices.yaml": string(prices),
		"machine.yaml": "listen: FRONT\nupstream: " + server.URL + "\nmemory: {interval: 200ms, window: 10s}\ncost: {price_file: prices.yaml, reserved: {cpus: 2, memory: 1GiB}}\ncapacity: {slots: 4}\ncold_start: {interval: 100ms}\n" +
			"models: [{name: digits, shadows: [{model: " + filepath.Base(model) + "}]}]\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "machine.yaml")
	front := free(t)
	text, _ := os.ReadFile(file)
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "FRONT", front)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := sidecarOf(t, "--config", file)
	s.front = "http://" + front
	body := `{"inputs": [{"name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": [` + strings.Repeat("0.5, ", 63) + `0.5]}]}`
	s.until(t, "cost, memory, capacity", func() bool {
		for range 20 {
			resp, err := http.Post(s.front+"/v2/models/digits/infer", "application/json", strings.NewReader(body))
			if err != nil {
				return false
			}
			resp.Body.Close()
		}
		m := scrape(t, s)
		for _, pattern := range []string{
			`gnomon_cost_total\{component="cpu",currency="EUR",model="digits",model_version="[^"]*"\}`,
			`gnomon_cost_total\{component="shadow",currency="EUR",model="digits",model_version="[^"]*"\}`,
			`gnomon_cost_reserved_total\{component="memory",currency="EUR",model="digits",model_version="[^"]*"\}`,
			`gnomon_cost_inferences_total\{model="digits",model_version="[^"]*"\}`,
			`gnomon_process_resident_memory_bytes\{process="primary"\}`,
			`gnomon_process_resident_memory_bytes\{process="shadow"\}`,
			`gnomon_server_concurrency_requests`, `gnomon_server_utilization_ratio`, `gnomon_server_ready`, `gnomon_warm_request_seconds\{model="digits",model_version="[^"]*"\}`,
		} {
			if v, ok := sum(t, m, pattern); !ok || v <= 0 {
				return false
			}
		}
		return true
	})
	m := scrape(t, s)
	if v, ok := sum(t, m, `gnomon_gpu_up`); !ok || v != 0 {
		if _, err := os.Stat("/dev/nvidiactl"); err != nil {
			t.Errorf("gnomon_gpu_up is %v (%v)", v, ok)
		}
	}
	if own, ok := sum(t, m, `gnomon_process_resident_memory_bytes\{process="primary"\}`); !ok || own < 1<<20 {
		t.Errorf("the server, which is this process, has %v bytes", own)
	}
}

// TestTrainingJob watches a job without a model server and without a file.
func TestTrainingJob(t *testing.T) {
	dir := t.TempDir()
	metrics := filepath.Join(dir, "metrics.jsonl")
	var lines strings.Builder
	at := time.Now().Unix() - 100
	for i := range 20 {
		fmt.Fprintf(&lines, `{"step": %d, "loss": %v, "time": %d}`+"\n", i*10, 1/float64(i+1), at+int64(i)*5)
	}
	if err := os.WriteFile(metrics, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := sidecarOf(t, "--train", "--job", "nightly", "--name", "churn", "--train.metrics", metrics, "--train.prices", "../../examples/cost/prices.yaml", "--train.pid", strconv.Itoa(os.Getpid()))
	s.until(t, "the job is watched", func() bool {
		m := scrape(t, s)
		step, _ := sum(t, m, `gnomon_training_step\{job_name="nightly",model="churn"\}`)
		took, _ := sum(t, m, `gnomon_training_step_duration_seconds\{job_name="nightly",model="churn"\}`)
		loss, _ := sum(t, m, `gnomon_training_loss\{job_name="nightly",model="churn"\}`)
		return step == 190 && took == .5 && loss == .05
	})
	if code, _, errs := call(t, "", "run", "--train", "--upstream", "http://127.0.0.1:1"); code != exitUsage || !strings.Contains(errs, "--train") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// machineDocuments are the files of the commands about cost.
func machineDocuments(t *testing.T, dir string) {
	t.Helper()
	models, err := digits.Models()
	if err != nil {
		t.Fatal(err)
	}
	prices, err := os.ReadFile("../../examples/cost/prices.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"int8.onnx": models[digits.Int8].ONNX, "prices.yaml": prices} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDocumentedPromQL: every expression of the pages about the machine parses,
// and names metrics that there are.
func TestDocumentedPromQL(t *testing.T) {
	sources := ""
	for _, pattern := range []string{"../../exporter/*/*.go", "../../exporter/gpu/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			sources += string(b)
		}
	}
	n := 0
	for _, page := range []string{"docs/gpu.md", "docs/cost.md", "docs/training.md", "examples/autoscaling/README.md"} {
		b, err := os.ReadFile(filepath.Join("../..", page))
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(string(b), -1) {
			for _, expr := range regexp.MustCompile(`\n(?:\n|\b)`).Split(strings.TrimSpace(block[1]), -1) {
				metrics, err := promql.Metrics(expr)
				if err != nil {
					t.Errorf("%s: %q: %v", page, expr, err)
				}
				for _, m := range metrics {
					if !strings.Contains(sources, `"`+m+`"`) {
						t.Errorf("%s: nothing exports %s", page, m)
					}
				}
				n++
			}
		}
	}
	if n < 8 {
		t.Errorf("only %d expressions were found", n)
	}
}

// TestNamesAreDocumented: the table of other exporters' names is whole.
func TestNamesAreDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/gpu.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range gpu.Aliases() {
		if row := "| `" + a.Name + "` | `" + a.Metric + "`"; !strings.Contains(string(b), row) {
			t.Errorf("docs/gpu.md lacks the row %s", row)
		}
	}
}
