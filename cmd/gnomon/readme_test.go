package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/examples/digits"
	"github.com/gnomon-dev/gnomon/shadow/onnx"
)

// commands are the lines of a document that begin with "$ ".
func documented(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", path))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile(`(?m)^\$ (.+)$`).FindAllStringSubmatch(string(text), -1) {
		out = append(out, m[1])
	}
	return out
}

// documents are the files that the documents' commands read: the demo's real
// images as columns, predictions, recorded traffic.
func documents(t *testing.T) (dir string) {
	t.Helper()
	requests, model := recorded(t)
	dir = filepath.Dir(requests)
	data, err := digits.Load()
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, images []digits.Image) {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		w := csv.NewWriter(f)
		header := []string{}
		for i := range digits.Pixels {
			header = append(header, fmt.Sprintf("pixel%d", i))
		}
		_ = w.Write(append(header, "target"))
		for _, img := range images {
			row := []string{}
			for _, p := range img.Pixels {
				row = append(row, fmt.Sprint(p))
			}
			_ = w.Write(append(row, fmt.Sprint(img.Label)))
		}
		w.Flush()
		if err := w.Error(); err != nil {
			t.Fatal(err)
		}
	}
	write("train.csv", data.Reference)
	write("last-week.csv", data.Traffic)
	for name, text := range map[string]string{
		"slo.yaml":        "slos: [{name: availability, kind: availability, objective: 99.9}]\n",
		"metrics.txt":     "# TYPE gnomon_requests_total counter\n",
		"predictions.csv": "y,p,region\n1,.9,north\n0,.2,north\n1,.8,south\n0,.3,south\n",
		"gnomon.yaml":     "listen: \":0\"\nupstream: http://127.0.0.1:8000\nmodels: [{name: digits, reference: {file: train.csv, label: target}, shadows: [{model: model.onnx}]}]\ninference_log: {directory: log}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	machineDocuments(t, dir)
	for from, to := range map[string]string{model: "model.onnx", requests: "recorded.jsonl"} {
		if err := os.Rename(from, filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestDocumentedCommands runs every command of the README and of the page on
// sidecars. Those that serve are held to a page that answers.
func TestDocumentedCommands(t *testing.T) {
	exe := gnomon(t)
	dir := documents(t)
	server := primary(t)
	elsewhere := map[string]string{
		"make run":                       "TestDemoTellsTheStory and TestWorkerKilledUnderLoad",
		"make test":                      "whoever runs this",
		"gnomon gate --model digits":     "TestGate",
		"gnomon hook --config hook.yaml": "TestHook",
		"gnomon card --model digits --output card.md":                                      "TestCard",
		"gnomon report --prometheus http://127.0.0.1:9090 --range 7d --output review.html": "TestReport",
		"gnomon rules test rules":                                                          "make rules, and ruletest's TestDefault",
	}
	ran := map[string]bool{}
	for _, path := range []string{"README.md", "docs/sidecar.md", "docs/api.md", "docs/alerting.md", "docs/shadow.md"} {
		for _, line := range documented(t, path) {
			if ran[line] || elsewhere[line] != "" {
				continue
			}
			ran[line] = true
			t.Run(line, func(t *testing.T) {
				switch {
				case strings.HasPrefix(line, "gnomon run "):
					serves(t, exe, dir, line, server.URL)
				case strings.HasPrefix(line, "curl "):
					labels(t, exe, dir, line, server.URL)
				default:
					finishes(t, exe, dir, line)
				}
			})
		}
	}
	if len(ran) < 9 {
		t.Errorf("only %d commands are documented", len(ran))
	}
}

// finishes runs a command that ends by itself; 3 is a gate's honest answer.
func finishes(t *testing.T, exe, dir, line string) {
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(exe)+string(os.PathListSeparator)+os.Getenv("PATH"), onnx.EnvLibrary+"="+library(t))
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState.ExitCode() != exitTripped {
		t.Errorf("%v: %s", err, out)
	}
}

// start runs a documented gnomon run with free ports and a real server.
func start(t *testing.T, exe, dir, line, upstream string) (pages string) {
	t.Helper()
	front, address := free(t), free(t)
	args := strings.Fields(strings.ReplaceAll(strings.TrimPrefix(line, "gnomon "), "http://127.0.0.1:8000", upstream))
	args = append(args, "--web.listen-address", address)
	if !strings.Contains(line, "--config") {
		args = append(args, "--listen", front)
	} else {
		path := filepath.Join(dir, "gnomon.yaml")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte("http://127.0.0.1:8000"), []byte(upstream)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(exe, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), onnx.EnvLibrary+"="+library(t))
	log := &logged{}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() })
	s := &sidecar{pages: "http://" + address, log: log}
	s.until(t, line, func() bool {
		resp, err := http.Get(s.pages + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return s.pages
}

func serves(t *testing.T, exe, dir, line, upstream string) {
	pages := start(t, exe, dir, line, upstream)
	s := &sidecar{pages: pages, log: &logged{}}
	s.until(t, "the model is watched", func() bool { return s.model(t, "digits").Name == "digits" })
	if strings.Contains(line, "--reference") || strings.Contains(line, "--config") {
		s.until(t, "the reference is in place", func() bool {
			m := s.model(t, "digits")
			return m.Reference.Rows > 0 && !m.Reference.Provisional && m.Reference.Note == ""
		})
	}
}

func labels(t *testing.T, exe, dir, line, upstream string) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("no curl")
	}
	pages := start(t, exe, dir, "gnomon run --upstream http://127.0.0.1:8000", upstream)
	out, err := exec.Command("sh", "-c", strings.ReplaceAll(strings.Replace(line, "curl ", "curl -sS ", 1), "http://127.0.0.1:9464", pages)).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "accepted") {
		t.Errorf("%v: %s", err, out)
	}
}
