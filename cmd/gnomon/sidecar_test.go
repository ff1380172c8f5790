package main

import (
	"bytes"
	"encoding/json"
	"fmt"
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

	"github.com/gnomon-dev/gnomon/examples/digits"
	"github.com/gnomon-dev/gnomon/exporter/demo"
	"github.com/gnomon-dev/gnomon/exporter/result"
	"github.com/gnomon-dev/gnomon/shadow"
)

// sidecar is a gnomon that runs as a process of its own.
type sidecar struct {
	front, pages string // base URLs
	cmd          *exec.Cmd
	log          *logged
}

// logged is what a process says.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// sidecarOf starts gnomon run in front of a server.
func sidecarOf(t *testing.T, args ...string) *sidecar {
	t.Helper()
	front, pages := free(t), free(t)
	s := &sidecar{front: "http://" + front, pages: "http://" + pages, log: &logged{}}
	for i, a := range args {
		args[i] = strings.NewReplacer("FRONT", front).Replace(a)
	}
	s.cmd = exec.Command(gnomon(t), append([]string{"run", "--web.listen-address", pages, "--log.level", "debug"}, args...)...)
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Signal(os.Interrupt)
		if err := s.cmd.Wait(); err != nil {
			t.Errorf("gnomon ended badly: %v\n%s", err, s.log)
		}
	})
	s.until(t, "gnomon serves", func() bool {
		resp, err := http.Get(s.pages + "/-/healthy")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return s
}

// configured writes a configuration and starts gnomon with it.
func configured(t *testing.T, upstream, yaml string) *sidecar {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gnomon.yaml")
	front := free(t)
	text := fmt.Sprintf("listen: %q\nupstream: %q\nonnxruntime: {library: %q}\nevaluation: {interval: 1s, tick: 1s}\n%s", front, upstream, library(t), yaml)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := sidecarOf(t, "--config", path)
	s.front = "http://" + front
	return s
}

func (s *sidecar) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 30 s\n%s", what, s.log)
		}
	}
}

// metric adds up the samples that begin with a text and hold all others.
func (s *sidecar) metric(t *testing.T, prefix string, hold ...string) (sum float64, found bool) {
	t.Helper()
	for line := range strings.SplitSeq(fetch(t, s.pages+"/metrics"), "\n") {
		if strings.HasPrefix(line, prefix) && !slices.ContainsFunc(hold, func(h string) bool { return !strings.Contains(line, h) }) {
			var v float64
			_, _ = fmt.Sscan(line[strings.LastIndex(line, " ")+1:], &v)
			sum, found = sum+v, true
		}
	}
	return sum, found
}

func (s *sidecar) model(t *testing.T, name string) result.Model {
	t.Helper()
	var m result.Model
	_ = json.Unmarshal([]byte(fetch(t, s.pages+"/api/v1/models/"+name)), &m) // not there yet: empty
	return m
}

// primary is the demo's real model server.
func primary(t *testing.T) *httptest.Server {
	t.Helper()
	lib, dir := library(t), t.TempDir()
	p, err := demo.NewPrimary(func(name string) (shadow.Engine, error) { return openDigits(dir, name, lib) }, digits.FP32)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(p.Handler())
	t.Cleanup(server.Close)
	return server
}

// images sends n real images through the sidecar.
func (s *sidecar) images(t *testing.T, n int) {
	t.Helper()
	data, err := digits.Load()
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		img := data.Traffic[i%len(data.Traffic)]
		body, err := json.Marshal(map[string]any{"id": fmt.Sprint(i), "inputs": []any{map[string]any{"name": digits.InputName, "shape": []int{1, 1, digits.Size, digits.Size}, "datatype": "FP32", "data": img.Pixels}}})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Post(s.front+"/v2/models/"+demo.ModelName+"/infer", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("image %d: %s", i, resp.Status)
		}
	}
}
