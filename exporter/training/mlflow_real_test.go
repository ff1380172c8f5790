package training

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
)

// TestRealMLflow logs metrics to a run of a real MLflow tracking server through
// its REST API, as its clients do, NaN too, and watches them arrive.
// make test-mlflow runs it.
func TestRealMLflow(t *testing.T) {
	if os.Getenv("GNOMON_TEST_MLFLOW") == "" {
		t.Skip("run by make test-mlflow")
	}
	exe, err := filepath.Abs("../../.cache/real/mlflow/bin/mlflow")
	if err == nil {
		_, err = os.Stat(exe)
	}
	if err != nil {
		t.Skipf("SKIP: no MLflow: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().(*net.TCPAddr)
	l.Close()
	dir := t.TempDir()
	cmd := exec.Command(exe, "server", "--host", "127.0.0.1", "--port", fmt.Sprint(address.Port), "--workers", "1", "--backend-store-uri", "sqlite:///"+filepath.Join(dir, "m.db"), "--artifacts-destination", dir)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &log, &log, dir
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endGroup(cmd); _ = cmd.Wait() })
	base := "http://" + address.String()
	post := func(path, body string) string {
		resp, err := http.Post(base+"/api/2.0/mlflow/"+path, "application/json", bytes.NewReader([]byte(body)))
		if err != nil {
			return ""
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s: %s", path, resp.Status, b)
		}
		return string(b)
	}
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(500 * time.Millisecond) {
		resp, err := http.Get(base + "/health")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("MLflow is not ready: %s", &log)
		}
	}
	found := regexp.MustCompile(`"run_id": *"(\w+)"`).FindStringSubmatch(post("runs/create", `{"experiment_id": "0"}`))
	if found == nil {
		t.Fatal("no run was made")
	}
	c := config.Training{Job: "j", MLflow: config.MLflow{URL: base, Run: found[1]}}
	config.TrainingDefaults(&c)
	job := NewJob(c, Options{Client: &http.Client{}, Now: time.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	at := time.Now().UnixMilli()
	for i, v := range []string{"2.5", "1.25", `"NaN"`} {
		post("runs/log-metric", fmt.Sprintf(`{"run_id": %q, "key": "loss", "value": %s, "timestamp": %d, "step": %d}`, found[1], v, at+int64(i)*4000, i*10))
		job.Tick(t.Context())
		s := job.State()
		if s.Step != int64(i*10) || s.Failures["mlflow"] != 0 {
			t.Fatalf("%+v", s)
		}
		if i == 1 && (s.Loss != 1.25 || math.Abs(s.StepTime-.4) > 1e-9) {
			t.Errorf("%+v", s)
		}
	}
	if s := job.State(); s.NonFinite != 1 || !s.Diverged {
		t.Errorf("NaN: %+v", s)
	}
}
