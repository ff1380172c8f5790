package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// invoke runs gnomon run --once and returns its exit code.
func invoke(t testing.TB, exe string, args ...string) (code int, out string) {
	t.Helper()
	cmd := exec.Command(exe, append([]string{"run", "--once"}, args...)...)
	b, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(b)
}

// TestOncePassesThrough: output, exit code and signal are the command's own,
// also where nobody takes the push; and that is bounded in time.
func TestOncePassesThrough(t *testing.T) {
	exe := gnomon(t)
	state := filepath.Join(t.TempDir(), "state.json")
	if code, out := invoke(t, exe, "--once.state", state, "--", "sh", "-c", "echo hello; exit 7"); code != 7 || out != "hello\n" {
		t.Errorf("exit %d: %q", code, out)
	}
	begin := time.Now()
	code, out := invoke(t, exe, "--once.state", state, "--push.otlp", "http://127.0.0.1:9/v1/metrics", "--push.timeout", "300ms", "--", "sh", "-c", "exit 3")
	if code != 3 || !strings.Contains(out, "push target") || time.Since(begin) > 30*time.Second {
		t.Errorf("exit %d after %v: %q", code, time.Since(begin), out)
	}
	if code, _ := invoke(t, exe, "--once.state", state, "--", "sh", "-c", "kill -9 $$"); code != 137 {
		t.Errorf("killed: exit %d", code)
	}
	if code, out := invoke(t, exe, "--once.state", state, "--", "/nowhere"); code != exitFailed || !strings.Contains(out, "/nowhere") {
		t.Errorf("no such command: exit %d: %s", code, out)
	}
	if code, _ := invoke(t, exe); code != exitUsage {
		t.Errorf("no command: exit %d", code)
	}
	b, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Invocations map[string]float64
		Cold        float64
		LostPushes  float64 `json:"lost_pushes"`
	}
	if err := json.Unmarshal(b, &s); err != nil || s.Invocations["error"] != 2 || s.Invocations["killed"] != 1 || s.Cold != 1 || s.LostPushes != 1 {
		t.Errorf("%v: %s", err, b)
	}
}

// receiver starts the real Prometheus with its receivers on.
func receiver(t *testing.T) (base string) {
	t.Helper()
	exe, err := filepath.Abs("../../.cache/bin/prometheus")
	if err == nil {
		_, err = os.Stat(exe)
	}
	if err != nil {
		t.Skip("no Prometheus; make tools builds it")
	}
	dir, address := t.TempDir(), free(t)
	if err := os.WriteFile(filepath.Join(dir, "p.yml"), []byte("global: {scrape_interval: 1m}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "--config.file", filepath.Join(dir, "p.yml"), "--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", address, "--web.enable-remote-write-receiver", "--web.enable-otlp-receiver")
	log := &logged{}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	base = "http://" + address
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(base + "/-/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return base
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("Prometheus is not ready: %s", log)
		}
	}
}

// query is the value of an instant query of one series.
func query(t *testing.T, base, expr string) (float64, bool) {
	t.Helper()
	resp, err := http.Get(base + "/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var r struct {
		Data struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&r); err != nil || len(r.Data.Result) != 1 {
		return 0, false
	}
	var v float64
	_, err = fmt.Sscan(r.Data.Result[0].Value[1].(string), &v)
	return v, err == nil
}

// TestOncePushes: three invocations of one container and one of another, pushed
// by remote write and by OTLP to a real Prometheus, add up in PromQL, with the
// time that the model took to load and the cost.
func TestOncePushes(t *testing.T) {
	exe, base := gnomon(t), receiver(t)
	dir := t.TempDir()
	for _, c := range []struct{ kind, url, extra string }{{"remote-write", base, ""}, {"otlp", base + "/api/v1/otlp/v1/metrics", ""}} {
		job := "function-" + c.kind
		run := func(container, script string) {
			code, out := invoke(t, exe, "--push."+c.kind, c.url, "--push.timeout", "30s", "--job", job, "--instance", container, "--name", "digits", "--model-version", "2", "--once.state", filepath.Join(dir, c.kind+container),
				"--once.cost", "../../examples/cost/prices.yaml", "--ready-line", "^model loaded", "--", "sh", "-c", script)
			if strings.Contains(out, "gnomon:") || code > 1 {
				t.Fatalf("%s: exit %d: %s", c.kind, code, out)
			}
		}
		run("a", "sleep 0.2; echo model loaded; exit 0")
		run("a", "exit 0")
		run("a", "echo CUDA out of memory; exit 1")
		run("b", "exit 0")
		for expr, want := range map[string]float64{
			`sum(gnomon_invocations_total{job="` + job + `",model="digits",model_version="2"})`:                     4,
			`sum(gnomon_invocations_total{job="` + job + `",outcome="success"})`:                                    3,
			`sum(gnomon_invocation_cold_starts_total{job="` + job + `"})`:                                           2,
			`sum(gnomon_out_of_memory_total{job="` + job + `",cause="cuda"})`:                                       1,
			`count(gnomon_invocation_duration_seconds{job="` + job + `"})`:                                          2,
			`sum(gnomon_cost_total{job="` + job + `",currency="EUR"}) > bool 0`:                                     1,
			`sum(gnomon_cost_inferences_total{job="` + job + `"})`:                                                  4,
			`max(max_over_time(gnomon_model_load_duration_seconds{job="` + job + `",instance="a"}[1h])) > bool .19`: 1,
		} {
			ok := false
			var got float64
			for deadline := time.Now().Add(time.Minute); !ok && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
				var found bool
				got, found = query(t, base, expr)
				ok = found && got == want
			}
			if !ok {
				t.Errorf("%s is %v, want %v", expr, got, want)
			}
		}
	}
}

// BenchmarkOnce starts a command 200 times alone and 200 times under gnomon run
// --once, each a cold process, in turns: by how much later does the command
// begin? It writes the time at which it does.
func BenchmarkOnce(b *testing.B) {
	exe := gnomon(b)
	dir := b.TempDir()
	stamp := filepath.Join(dir, "stamp")
	began := func(args ...string) time.Duration {
		at := time.Now()
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		text, err := os.ReadFile(stamp)
		if err != nil {
			b.Fatal(err)
		}
		var ns int64
		if _, err := fmt.Sscan(string(text), &ns); err != nil {
			b.Fatal(err)
		}
		return time.Unix(0, ns).Sub(at)
	}
	command := []string{"date", "+%s%N"}
	script := []string{"sh", "-c", strings.Join(command, " ") + " > " + stamp}
	for b.Loop() {
		var late, alones []time.Duration
		for range 200 {
			alone := began(script...)
			wrapped := began(append([]string{exe, "run", "--once", "--once.state", filepath.Join(dir, "state"), "--"}, script...)...)
			late = append(late, wrapped-alone)
			alones = append(alones, alone)
		}
		slices.Sort(late)
		slices.Sort(alones)
		b.ReportMetric((alones[197]-alones[100]).Seconds()*1e3, "p99-ms-jitter-alone")
		b.ReportMetric(late[100].Seconds()*1e3, "p50-ms-later")
		b.ReportMetric(late[197].Seconds()*1e3, "p99-ms-later")
	}
}
