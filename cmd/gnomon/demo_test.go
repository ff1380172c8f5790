package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/shadow/onnx"
)

// binary builds gnomon once for the tests that need its child processes.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "gnomon-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "gnomon")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
})

func gnomon(t *testing.T) string {
	t.Helper()
	if _, err := onnx.FindLibrary(""); err != nil {
		t.Skip(err)
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// free is an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func library(t *testing.T) string {
	t.Helper()
	path, err := onnx.FindLibrary("")
	if err != nil {
		t.Skip(err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDemoTellsTheStory plays every phase and holds gnomon to what it must say
// in each, and to say nothing in the healthy ones.
func TestDemoTellsTheStory(t *testing.T) {
	if testing.Short() {
		t.Skip("plays for two minutes")
	}
	exe := gnomon(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, "demo", "--once", "--phase-duration", "16s", "--listen", free(t), "--web.listen-address", free(t), "--onnxruntime.library", library(t))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out.String(), errs.String())
	}
	t.Log("\n" + out.String())
	said := map[string]string{}
	phase := ""
	for _, line := range strings.Split(out.String(), "\n") {
		if _, words, ok := strings.Cut(line, "gnomon says: "); ok {
			said[phase] = words
		} else if f := strings.Fields(line); len(f) > 1 && strings.Count(f[0], ":") == 2 {
			phase = f[1]
		}
	}
	for phase, want := range map[string]string{
		"healthy":    "healthy: healthy",
		"drift":      "large input drift in",
		"settle":     "healthy: healthy",
		"regression": "silent regression: the inputs and the error rate are as before, but the shadow disagrees",
		"version":    `wrong version served: golden inputs are answered as by "version-1"`,
		"recovery":   "healthy: healthy",
	} {
		if !strings.Contains(said[phase], want) {
			t.Errorf("%s: gnomon says %q, want %q", phase, said[phase], want)
		}
	}
}

// TestWorkerKilledUnderLoad: kill -9 of the shadow's process while the demo's
// traffic runs; not one request may fail, and the shadow must be back.
func TestWorkerKilledUnderLoad(t *testing.T) {
	exe := gnomon(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	pages := free(t)
	cmd := exec.CommandContext(ctx, exe, "demo", "--phases", "healthy", "--phase-duration", "60s", "--listen", free(t), "--web.listen-address", pages, "--onnxruntime.library", library(t))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() }()
	metric := func(name string) float64 {
		for _, line := range strings.Split(fetch(t, "http://"+pages+"/metrics"), "\n") {
			if strings.HasPrefix(line, name) {
				var v float64
				_, _ = fmt.Sscan(line[strings.LastIndex(line, " ")+1:], &v)
				return v
			}
		}
		return -1
	}
	until := func(what string, ok func() bool) {
		for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: not within 20 s; %s", what, errs.String())
			}
		}
	}
	up := func() bool {
		resp, err := http.Get("http://" + pages + "/metrics")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return metric(`gnomon_shadow_inferences_total{model="digits",model_version="2",outcome="success",shadow="twin"}`) > 200
	}
	until("traffic is replayed", up)
	killed := 0
	for _, pid := range children(t, cmd.Process.Pid) {
		if strings.Contains(commandLine(pid), workerCommand) {
			p, err := os.FindProcess(pid)
			if err == nil && p.Kill() == nil {
				killed++
			}
		}
	}
	if killed == 0 {
		t.Skip("no /proc to find the worker by")
	}
	until("restarts are counted", func() bool {
		return metric(`gnomon_shadow_restarts_total{model="digits",model_version="2",reason="crashed",shadow="twin"}`) >= 1
	})
	before := metric(`gnomon_shadow_inferences_total{model="digits",model_version="2",outcome="success",shadow="twin"}`)
	until("the shadow is back", func() bool {
		return metric(`gnomon_shadow_inferences_total{model="digits",model_version="2",outcome="success",shadow="twin"}`) > before+100
	})
	for _, outcome := range []string{"model_error", "infra_error", "client_error", "cancelled"} {
		if n := metric(`gnomon_requests_total{model="digits",model_version="2",outcome="` + outcome + `",tap="http"}`); n != 0 {
			t.Errorf("%v requests ended as %s", n, outcome)
		}
	}
}

func children(t *testing.T, parent int) []int {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	var out []int
	for _, d := range dirs {
		b, err := os.ReadFile(d)
		if err != nil {
			continue // it has ended
		}
		var pid, ppid int
		rest := string(b[bytes.LastIndexByte(b, ')')+1:])
		_, _ = fmt.Sscan(string(b), &pid)
		_, _ = fmt.Sscanf(rest, " %s %d", new(string), &ppid)
		if ppid == parent {
			out = append(out, pid)
		}
	}
	return out
}

func commandLine(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return string(bytes.ReplaceAll(b, []byte{0}, []byte(" ")))
}
