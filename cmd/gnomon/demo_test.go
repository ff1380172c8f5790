package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// telling is what gnomon must say at the end of each phase, and what a person
// must see on the page: the level, the features that are red, and what the
// cards of the twin and of the fingerprint show.
type telling struct {
	says, level string
	red         []string
	twin, match string
}

func tellings() map[string]telling {
	healthy := telling{"healthy: healthy", "healthy", nil, "healthy", "true"}
	return map[string]telling{
		"healthy": healthy,
		"drift":   {"large input drift in", "critical", []string{"mean", "std", "border_mean"}, "healthy", "true"},
		"settle":  healthy,
		"regression": {"silent regression: the inputs and the error rate are as before, but the shadow disagrees",
			"critical", nil, "critical", "false"},
		"version":  {`wrong version served: golden inputs are answered as by "version-1"`, "critical", nil, "critical", "false"},
		"recovery": healthy,
	}
}

// TestDemoTellsTheStory plays every phase and holds gnomon to what it must say
// in each, and to say nothing in the healthy ones. Where there is a Chromium,
// the page is looked at near the end of each phase.
func TestDemoTellsTheStory(t *testing.T) {
	if testing.Short() {
		t.Skip("plays for two minutes")
	}
	exe := gnomon(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	pages := free(t)
	const phase = 18 * time.Second
	cmd := exec.CommandContext(ctx, exe, "demo", "--once", "--phase-duration", phase.String(), "--listen", free(t), "--web.listen-address", pages, "--onnxruntime.library", library(t))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := listen(t, out, phase-3*time.Second, openBrowser(t, "http://"+pages+"/"))
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	for name, want := range tellings() {
		if !strings.Contains(said[name], want.says) {
			t.Errorf("%s: gnomon says %q, want %q", name, said[name], want.says)
		}
	}
}

// listen reads what the demo prints until it ends, and looks at the page when
// a phase has run for a while. It returns what gnomon said by phase.
func listen(t *testing.T, out io.Reader, after time.Duration, b *browser) map[string]string {
	said, phase := map[string]string{}, ""
	looks := errgroup.Group{}
	var now atomic.Value // the phase that runs
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		t.Log(line)
		if strings.HasPrefix(line, "page ") && b != nil {
			looks.Go(func() error { b.open(t); return nil }) // takes a while
		}
		if _, words, ok := strings.Cut(line, "gnomon says: "); ok {
			said[phase] = words
			now.Store("")
		} else if f := strings.Fields(line); len(f) > 1 && strings.Count(f[0], ":") == 2 {
			phase = f[1]
			name := phase
			now.Store(name)
			looks.Go(func() error {
				time.Sleep(after)
				b.check(t, name, tellings()[name], func() bool { return now.Load() == name })
				return nil
			})
		}
	}
	_ = looks.Wait()
	b.close(t)
	return said
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
