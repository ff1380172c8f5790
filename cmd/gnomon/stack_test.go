package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/shadow/onnx"
)

// TestStack is make stack with ports of its own: the demo's wrong version
// reaches Alertmanager; every query of every runbook is asked of Prometheus; a
// postmortem is filled from it; Ctrl-C ends all of it.
func TestStack(t *testing.T) {
	if testing.Short() {
		t.Skip("plays for a minute")
	}
	tool(t, "prometheus")
	tool(t, "alertmanager")
	pages, prometheus, alertmanager := free(t), free(t), free(t)
	cmd := exec.Command("../../alerts/stack.sh", "--listen", free(t), "--phases", "healthy,version", "--phase-duration", "12s")
	if _, err := os.Stat("../../.cache/bin/prometheus"); err != nil {
		t.Skip("no Prometheus in .cache/bin; make tools builds it")
	}
	cmd.Env = append(os.Environ(), "GNOMON="+gnomon(t), "DIR="+t.TempDir(), "PAGES="+pages, "PROMETHEUS="+prometheus, "ALERTMANAGER="+alertmanager, onnx.EnvLibrary+"="+library(t))
	log := &logged{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	s := &sidecar{log: log}
	s.until(t, "VersionMismatch is at Alertmanager", func() bool {
		return strings.Contains(quietly("http://"+alertmanager+"/api/v2/alerts"), `"alertname":"VersionMismatch"`)
	})
	for _, address := range []string{"http://" + prometheus + "/alerts", "http://" + alertmanager} {
		if !strings.Contains(log.String(), address) {
			t.Errorf("%s is not printed", address)
		}
	}
	asksRunbooks(t, "http://"+prometheus)
	var out strings.Builder
	report := exec.Command(gnomon(t), "rules", "postmortem", "--prometheus", "http://"+prometheus, "--model", "digits", "--step", "1s")
	report.Stdout, report.Stderr = &out, &out
	if err := report.Run(); err != nil || !regexp.MustCompile(`\| Time to detect \| \d+.*s \|`).MatchString(out.String()) || !strings.Contains(out.String(), "| VersionMismatch | page |") {
		t.Errorf("%v: %s", err, out.String())
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(time.Minute):
		_ = cmd.Process.Kill()
		t.Fatalf("does not end: %s", log)
	}
	for _, address := range []string{pages, prometheus, alertmanager} {
		if quietly("http://"+address+"/-/healthy") != "" {
			t.Errorf("%s still answers", address)
		}
	}
}

// quietly is a body, or nothing.
func quietly(url string) string {
	resp, err := http.Get(url)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	var b strings.Builder
	buffer := make([]byte, 1<<16)
	for {
		n, err := resp.Body.Read(buffer)
		b.Write(buffer[:n])
		if err != nil {
			return b.String()
		}
	}
}

// asksRunbooks asks every query of the runbooks. All are understood; those about
// what the demo exports have an answer.
func asksRunbooks(t *testing.T, prometheus string) {
	t.Helper()
	paths, err := filepath.Glob("../../alerts/runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	asked, answered := map[string]bool{}, 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("(?s)```promql\n(.*?)\n```").FindAllStringSubmatch(string(text), -1) {
			q := strings.ReplaceAll(m[1], "$MODEL", "digits")
			if asked[q] {
				continue
			}
			asked[q] = true
			var answer struct {
				Status, Error string
				Data          struct{ Result []json.RawMessage }
			}
			body := quietly(prometheus + "/api/v1/query?query=" + url.QueryEscape(q))
			if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Status != "success" {
				t.Errorf("%s: %s: %s %.200s", filepath.Base(path), q, answer.Error, body)
			}
			if len(answer.Data.Result) > 0 {
				answered++
			}
		}
	}
	t.Logf("%d of %d queries of the runbooks have an answer in the demo", answered, len(asked))
	if len(asked) < 30 || answered < len(asked)*3/4 {
		t.Errorf("%d of %d queries have an answer", answered, len(asked))
	}
}
