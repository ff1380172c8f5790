package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/demo"
)

// TestModelThatDoesNotLoad: the proxy serves, a metric is set, and a message
// says why.
func TestModelThatDoesNotLoad(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken.onnx")
	if err := os.WriteFile(broken, []byte("this is no model"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := configured(t, primary(t).URL, fmt.Sprintf("models: [{name: digits, shadows: [{name: twin, role: twin, model: %q}]}]\n", broken))
	s.images(t, 20)
	s.until(t, "the page says why", func() bool {
		m := s.model(t, demo.ModelName)
		return len(m.Shadows) == 1 && !m.Shadows[0].Up && strings.Contains(m.Shadows[0].Error, "broken.onnx")
	})
	if up, found := s.metric(t, "gnomon_shadow_up{"); !found || up != 0 {
		t.Errorf("gnomon_shadow_up is %v, there: %v", up, found)
	}
	s.until(t, "20 successes are counted", func() bool {
		n, _ := s.metric(t, `gnomon_requests_total{model="digits"`, `outcome="success"`)
		return n == 20
	})
	if !strings.Contains(s.log.String(), "broken.onnx") {
		t.Errorf("the log does not say why: %s", s.log)
	}
}

// TestReferenceThatCannotBeUsed: refused with a message that names the columns.
func TestReferenceThatCannotBeUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reference.csv")
	if err := os.WriteFile(path, []byte("only,two\n1,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := configured(t, primary(t).URL, fmt.Sprintf("models: [{name: digits, reference: {file: %q, label: digit}}]\n", path))
	s.images(t, 5)
	s.until(t, "the page says why", func() bool {
		return strings.Contains(s.model(t, demo.ModelName).Reference.Note, `no column "digit"; it has only, two`)
	})
}

// TestMalformedBody: passed on, counted, never logged.
func TestMalformedBody(t *testing.T) {
	var got atomic.Pointer[string]
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		text := string(b)
		got.Store(&text)
		_, _ = io.WriteString(w, "answered all the same")
	}))
	defer upstream.Close()
	s := configured(t, upstream.URL, "")
	const secret = `{"id":"1","inputs":[{"name":"x","data":[secret-patient-7`
	resp, err := http.Post(s.front+"/v2/models/m/infer", "application/json", strings.NewReader(secret))
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if string(answer) != "answered all the same" || *got.Load() != secret {
		t.Errorf("got %q; the server got %q", answer, *got.Load())
	}
	s.until(t, "the anomaly is counted", func() bool {
		n, _ := s.metric(t, `gnomon_payload_anomalies_total{kind="invalid_json"}`)
		return n >= 1
	})
	if strings.Contains(s.log.String(), "secret-patient") {
		t.Errorf("the payload is in the log: %s", s.log)
	}
}

// TestUpstreamAlone: with nothing but the server's address, the models are
// found, request metrics come at once, and a reference is learned that says of
// itself that it is provisional.
func TestUpstreamAlone(t *testing.T) {
	front := free(t)
	s := sidecarOf(t, "--upstream", primary(t).URL, "--listen", front, "--onnxruntime.library", library(t))
	s.front = "http://" + front
	s.until(t, "the model is found", func() bool { return s.model(t, demo.ModelName).Name == demo.ModelName })
	s.images(t, 50)
	s.until(t, "50 successes are counted", func() bool {
		n, _ := s.metric(t, `gnomon_requests_total{model="digits"`, `outcome="success"`)
		return n == 50
	})
	s.images(t, 1000)
	s.until(t, "a provisional reference is learned", func() bool {
		m := s.model(t, demo.ModelName)
		return m.Reference.Provisional && m.Reference.Rows == 1000 && len(m.Features) == 6
	})
	if m := s.model(t, demo.ModelName); !strings.Contains(m.Reference.Note, "provisional") {
		t.Errorf("the reference does not say that it is provisional: %+v", m.Reference)
	}
	if v, found := s.metric(t, `gnomon_reference_provisional{`); !found || v != 1 {
		t.Errorf("gnomon_reference_provisional is %v, there: %v", v, found)
	}
}

// fixedPart is what the proxy's process needs beside queue.max_bytes, as the
// README states it.
const fixedPart = 128 << 20

// TestMemoryIsBounded floods gnomon with tensors of 600 KB at full speed while
// the engine's process is stopped: not one answer is lost or altered, and the
// memory stays within queue.max_bytes and the fixed part.
func TestMemoryIsBounded(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		n, _ := io.Copy(h, r.Body)
		fmt.Fprintf(w, "%d %x", n, h.Sum(nil))
	}))
	defer upstream.Close()
	_, model := recorded(t)
	const budget = 64 << 20
	s := configured(t, upstream.URL, fmt.Sprintf("queue: {max_bytes: 64MiB}\nmodels: [{name: m, shadows: [{name: twin, role: twin, model: %q}]}]\n", model))
	worker := 0
	s.until(t, "the engine runs", func() bool {
		for _, pid := range children(t, s.cmd.Process.Pid) {
			if strings.Contains(commandLine(pid), workerCommand) {
				worker = pid
			}
		}
		up, _ := s.metric(t, "gnomon_shadow_up{")
		return worker != 0 && up == 1
	})
	if err := syscall.Kill(worker, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(worker, syscall.SIGCONT) }()

	sent := flood(t, s.front, 6*time.Second)
	dropped, _ := s.metric(t, "gnomon_records_dropped_total{")
	peak := peakMemory(t, s.cmd.Process.Pid)
	t.Logf("%d requests of 600 KB; %.0f records dropped; peak memory %d MiB", sent, dropped, peak>>20)
	if peak > budget+fixedPart {
		t.Errorf("peak memory is %d MiB, more than %d MiB of the queue and %d MiB", peak>>20, budget>>20, fixedPart>>20)
	}
	if sent > 300 && dropped == 0 {
		t.Error("nothing was dropped although the engine stands still")
	}
	s.until(t, "every request is counted as a success", func() bool {
		n, _ := s.metric(t, `gnomon_requests_total{model="m"`, `outcome="success"`)
		return int(n) == sent
	})
	if q, _ := s.metric(t, "gnomon_queue_bytes "); q > budget {
		t.Errorf("the queue holds %v bytes", q)
	}
}

// flood sends tensors of 600 KB from eight clients and checks every answer.
func flood(t *testing.T, front string, span time.Duration) int {
	t.Helper()
	var sent atomic.Int64
	var wg sync.WaitGroup
	end := time.Now().Add(span)
	for k := range 8 {
		wg.Go(func() {
			head := fmt.Sprintf(`{"id":"%d","inputs":[{"name":"image","shape":[1,3,224,224],"datatype":"FP32","parameters":{"binary_data_size":602112}}]}`, k)
			body := append([]byte(head), make([]byte, 602112)...)
			for i := 0; time.Now().Before(end); i++ {
				binary.LittleEndian.PutUint64(body[len(head)+8*(i%1000):], uint64(i))
				want := fmt.Sprintf("%d %x", len(body), sha256.Sum256(body))
				request, err := http.NewRequest(http.MethodPost, front+"/v2/models/m/infer", bytes.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				request.Header.Set("Inference-Header-Content-Length", fmt.Sprint(len(head)))
				resp, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Error(err)
					return
				}
				answer, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if string(answer) != want {
					t.Errorf("answer %.80q, want %.80q", answer, want)
					return
				}
				sent.Add(1)
			}
		})
	}
	wg.Wait()
	return int(sent.Load())
}

// peakMemory is the most that a process has held, in bytes.
func peakMemory(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(status), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			var kib int64
			if _, err := fmt.Sscan(rest, &kib); err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}
