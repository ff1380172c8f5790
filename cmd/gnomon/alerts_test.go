package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/alerts"
	"github.com/gnomon-dev/gnomon/alerts/spec"
)

// tool finds one of the real tools: on the path, or built by make tools.
func tool(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	path, err := filepath.Abs(filepath.Join("..", "..", ".cache", "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no %s; make tools builds it", name)
	}
	return path
}

// inbox is what Alertmanager delivers: alert names by the receiver's path.
type inbox struct {
	mu  sync.Mutex
	got map[string]map[string]bool
	url string
}

func newInbox(t *testing.T) *inbox {
	b := &inbox{got: map[string]map[string]bool{}}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message struct {
			Alerts []struct {
				Status              string
				Labels, Annotations map[string]string
			}
		}
		if json.NewDecoder(r.Body).Decode(&message) != nil {
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, a := range message.Alerts {
			if b.got[r.URL.Path] == nil {
				b.got[r.URL.Path] = map[string]bool{}
			}
			if a.Annotations["runbook_url"] != "" {
				b.got[r.URL.Path][a.Status+" "+a.Labels["alertname"]] = true
			}
		}
	}))
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

func (b *inbox) has(path, what string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.got[path][what]
}

// alertmanager starts a real one with the generated configuration.
func alertmanager(t *testing.T, ctx context.Context, dir string) (address string) {
	t.Helper()
	address = free(t)
	launch(t, exec.CommandContext(ctx, tool(t, "alertmanager"), "--config.file", filepath.Join(dir, "alertmanager", "alertmanager.yml"), "--storage.path", filepath.Join(dir, "am"),
		"--web.listen-address", address, "--cluster.listen-address", "", "--log.level", "warn"), "http://"+address+"/-/ready")
	return address
}

// launch runs a process until the test ends, and waits until it is ready.
func launch(t *testing.T, cmd *exec.Cmd, ready string) {
	t.Helper()
	log := &logged{}
	cmd.Stderr, cmd.Stdout = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if strings.Contains(log.String(), "level=ERROR") {
			t.Errorf("%s says: %s", cmd.Path, log)
		}
	})
	(&sidecar{log: log}).until(t, ready, func() bool {
		resp, err := http.Get(ready)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// prometheus starts a real one that scrapes an address every second, with the
// generated rules 120 times as fast as in production.
func prometheus(t *testing.T, ctx context.Context, target string, b *inbox) (url string) {
	t.Helper()
	exe, dir, address := tool(t, "prometheus"), t.TempDir(), free(t)
	f, err := alerts.Load("")
	if err != nil {
		t.Fatal(err)
	}
	f.Compress = 120
	f.Notify.Page, f.Notify.Ticket = []spec.Receiver{{Webhook: b.url + "/page"}}, []spec.Receiver{{Webhook: b.url + "/ticket"}}
	files, err := alerts.Generate(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := files.Write(dir); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules/*.yml]\nalerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}\nscrape_configs: [{job_name: gnomon, static_configs: [{targets: [%q]}]}]\n", alertmanager(t, ctx, dir), target)
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	launch(t, exec.CommandContext(ctx, exe, "--config.file", filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", address, "--log.level", "warn"), "http://"+address+"/-/ready")
	return "http://" + address
}

// firing are the names of the alerts that fire now.
func firing(t *testing.T, url string) map[string]bool {
	var answer struct {
		Data struct {
			Alerts []struct {
				State  string
				Labels map[string]string
			}
		}
	}
	_ = json.Unmarshal([]byte(fetch(t, url+"/api/v1/alerts")), &answer)
	out := map[string]bool{}
	for _, a := range answer.Data.Alerts {
		if a.State == "firing" {
			out[a.Labels["alertname"]] = true
		}
	}
	return out
}

// TestAlertsFollowTheStory: the generated rules, in a real Prometheus, fire on
// each phase of the demo for what it is, and on the healthy one not at all.
func TestAlertsFollowTheStory(t *testing.T) {
	if testing.Short() {
		t.Skip("plays for a minute and a half")
	}
	tool(t, "prometheus")
	tool(t, "alertmanager")
	exe, b := gnomon(t), newInbox(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	pages := free(t)
	cmd := exec.CommandContext(ctx, exe, "demo", "--once", "--phases", "healthy,drift,settle,version", "--phase-duration", "24s", "--listen", free(t), "--web.listen-address", pages, "--onnxruntime.library", library(t))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	(&sidecar{log: &logged{}}).until(t, "the demo serves", func() bool {
		resp, err := http.Get("http://" + pages + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	url := prometheus(t, ctx, pages, b)
	// Prometheus takes some seconds to find its first target, which to rules this
	// fast is an exporter that is gone for minutes.
	settled := time.Now().Add(10 * time.Second)
	var mu sync.Mutex
	phase, fired := "", map[string]map[string]bool{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if f := strings.Fields(lines.Text()); len(f) > 1 && strings.Count(f[0], ":") == 2 {
				mu.Lock()
				phase = f[1]
				fired[phase] = map[string]bool{}
				mu.Unlock()
			}
		}
	}()
	for watching := true; watching; {
		select {
		case <-done:
			watching = false
		case <-time.After(time.Second):
			now := firing(t, url)
			mu.Lock()
			if phase != "" && time.Now().After(settled) {
				maps.Copy(fired[phase], now)
			}
			mu.Unlock()
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, p := range slices.Sorted(maps.Keys(fired)) {
		t.Logf("%s: %v", p, slices.Sorted(maps.Keys(fired[p])))
	}
	for name := range fired["healthy"] {
		if name != "Watchdog" && name != "RetrainCompleted" {
			t.Errorf("%s fires while all is well", name)
		}
	}
	for p, want := range map[string]string{"drift": "FeatureDrift", "version": "VersionMismatch"} {
		if !fired[p][want] {
			t.Errorf("%s: %s does not fire", p, want)
		}
	}
	b.mu.Lock()
	t.Logf("delivered: %v", b.got)
	b.mu.Unlock()
	for path, want := range map[string]string{"/ticket": "firing FeatureDrift", "/page": "firing VersionMismatch"} {
		if !b.has(path, want) {
			t.Errorf("%s has not got %s", path, want)
		}
	}
	if b.has("/page", "firing FeatureDrift") || b.has("/ticket", "firing SilentRegression") {
		t.Error("a ticket pages, or the symptom of a wrong version is told beside it")
	}
}
