package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// dispatches is GitHub's endpoint as its documentation describes it: it answers
// 204 to a well-formed dispatch, and nothing else.
type dispatches struct {
	mu  sync.Mutex
	got []string
}

func (d *dispatches) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		EventType string            `json:"event_type"`
		Payload   map[string]string `json:"client_payload"`
	}
	data, _ := io.ReadAll(r.Body)
	if r.Header.Get("Authorization") != "Bearer of-github" || r.Header.Get("Accept") != "application/vnd.github+json" || json.Unmarshal(data, &body) != nil || body.EventType != "gnomon-retrain" || len(body.Payload) > 10 {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.got = append(d.got, body.Payload["alert"]+" "+body.Payload["model"]+" "+body.Payload["model_version"]+" "+body.Payload["why"])
	w.WriteHeader(http.StatusNoContent)
}

func (d *dispatches) list() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string{}, d.got...)
}

// hooked is the example's folder with free ports and servers that run here.
func hooked(t *testing.T, github, address string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"hook.yaml", "alertmanager.yml", "retrain.sh"} {
		data, err := os.ReadFile(filepath.Join("..", "..", "examples", "retrain", name))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer("https://api.github.com", github, "127.0.0.1:9465", address, "group_wait: 1m", "group_wait: 0s", "repeat_interval: 6h", "repeat_interval: 1s\n      group_interval: 1s").Replace(string(data))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, token := range map[string]string{"hook.token": "of-alertmanager\n", "github.token": "of-github\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestHook: the example's files, a real Alertmanager, the receiver and a
// stand-in for GitHub. The alert is repeated every second; the job starts once.
func TestHook(t *testing.T) {
	exe, alertmanager, amtool := gnomon(t), tool(t, "alertmanager"), tool(t, "amtool")
	github := &dispatches{}
	server := httptest.NewServer(github)
	defer server.Close()
	address, am := free(t), free(t)
	dir := hooked(t, server.URL, address)
	if out, err := exec.Command(exe, "hook", "--config", filepath.Join(dir, "hook.yaml"), "--check").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	launch(t, exec.Command(exe, "hook", "--config", filepath.Join(dir, "hook.yaml"), "--web.listen-address", address), "http://"+address+"/-/healthy")
	cmd := exec.Command(alertmanager, "--config.file", filepath.Join(dir, "alertmanager.yml"), "--storage.path", filepath.Join(dir, "am"), "--web.listen-address", am, "--cluster.listen-address", "", "--log.level", "warn")
	cmd.Dir = dir
	launch(t, cmd, "http://"+am+"/-/ready")

	add := func(name, model string) {
		out, err := exec.Command(amtool, "alert", "add", "--alertmanager.url", "http://"+am, "alertname="+name, "model="+model, "model_version=3", "--annotation", "description=accuracy has fallen").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	add("RetrainWanted", "digits")
	add("Watchdog", "digits")
	wait := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("no %s; dispatched: %q", what, github.list())
			}
		}
	}
	value := func(metric string) string {
		resp, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			return ""
		}
		defer resp.Body.Close()
		data, _ := io.ReadAll(resp.Body)
		for line := range strings.Lines(string(data)) {
			if v, ok := strings.CutPrefix(line, metric+" "); ok {
				return strings.TrimSpace(v)
			}
		}
		return ""
	}
	wait("dispatch", func() bool { return len(github.list()) == 1 })
	wait("local job", func() bool { return value(`gnomon_hook_jobs_total{job="local",outcome="success"}`) == "1" })
	wait("repeated notification", func() bool { return value(`gnomon_hook_alerts_total{decision="duplicate"}`) > "1" })
	if got := github.list(); len(got) != 1 || got[0] != "RetrainWanted digits 3 accuracy has fallen" {
		t.Errorf("dispatched: %q", got)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "audit.jsonl")); err != nil || strings.Count(string(data), `"event":"started"`) != 2 || !strings.Contains(string(data), `retraining \"digits\" after version \"3\" because of RetrainWanted`) && !strings.Contains(string(data), `retraining \\\"digits`) {
		t.Errorf("audit log: %s %v", data, err)
	}
	resp, err := http.Post("http://"+address+"/api/v1/alerts", "application/json", strings.NewReader("{}"))
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %v %v", resp, err)
	}
}
