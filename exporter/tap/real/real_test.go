package real

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/exporter/queue"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/tap/proxy"
	"github.com/gnomon-dev/gnomon/exporter/tap/taptest"
)

// root is the repository's folder.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// environment is a Python environment that install.sh made.
func environment(t *testing.T, name string) string {
	t.Helper()
	wanted(t)
	dir := filepath.Join(root(t), ".cache", "real", name)
	if _, err := os.Stat(filepath.Join(dir, ".complete")); err != nil {
		t.Skipf("SKIP: %s is not installed; make servers does that (make real for the optional ones)", name)
	}
	return dir
}

// wanted skips where nobody asked for servers that take many seconds to start.
func wanted(t *testing.T) {
	t.Helper()
	if os.Getenv("GNOMON_SERVERS") == "" {
		t.Skip("SKIP: make servers runs this")
	}
}

// model copies a test model into a server's folder.
func model(t *testing.T, name, to string) {
	t.Helper()
	data := os.Getenv("GNOMON_SHARED_DATA")
	if data == "" {
		data = filepath.Join(root(t), "..", "shared", "data")
	}
	b, err := os.ReadFile(filepath.Join(data, "onnx", name))
	if err != nil {
		t.Skipf("SKIP: shared test data absent: onnx/%s", name)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// serve starts a model server and waits until it is ready.
func serve(t *testing.T, cmd *exec.Cmd, ready string) {
	t.Helper()
	start(t, cmd, func() bool {
		response, err := http.Get(ready)
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// start starts a server, waits until it is ready, and ends it with the test.
func start(t *testing.T, cmd *exec.Cmd, ready func() bool) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // they leave children behind
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() { _ = cmd.Wait(); close(gone) }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-gone:
		case <-time.After(15 * time.Second):
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-gone
		log.Close()
	})
	for {
		if ready() {
			t.Logf("ready after %v", time.Since(began).Round(10*time.Millisecond))
			return
		}
		stopped := false
		select {
		case <-gone:
			stopped = true
		case <-time.After(50 * time.Millisecond):
		}
		if stopped || time.Since(began) > 2*time.Minute {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("the server is not ready: %s", text[max(0, len(text)-4000):])
		}
	}
}

// taps are an HTTP and a gRPC proxy in front of a server.
type taps struct {
	http, grpc string
	journal    *taptest.Journal
	queue      *queue.Queue
}

func tap(t *testing.T, httpUpstream, grpcUpstream string) *taps {
	t.Helper()
	x := &taps{journal: taptest.NewJournal(), queue: queue.New(64 << 20)}
	settings := func(upstream string) proxy.Settings {
		return proxy.Settings{
			Upstream: &url.URL{Scheme: "http", Host: upstream}, Sampler: taptest.All{}, Observer: x.journal, Budget: x.queue.Budget(),
			Emit: func(c *record.Capture) {
				if !x.queue.Push(c) {
					t.Error("queue full")
				}
			},
		}
	}
	for _, c := range []struct {
		make     func(proxy.Settings) (*proxy.Proxy, error)
		upstream string
		address  *string
	}{{proxy.New, httpUpstream, &x.http}, {proxy.NewGRPC, grpcUpstream, &x.grpc}} {
		p, err := c.make(settings(c.upstream))
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		*c.address = l.Addr().String()
		server := proxy.Server(p, slog.New(slog.DiscardHandler))
		go func() { _ = server.Serve(l) }()
		t.Cleanup(func() { server.Close(); p.Close() })
	}
	return x
}

// records decodes what was captured, by id, once there are n records: a capture
// is emitted a moment after its request was counted.
func (x *taps) records(t *testing.T, n int) (map[string]record.Record, map[string]int) {
	t.Helper()
	counted := counter{}
	decoder := oip.NewDecoder(counted, 64<<20)
	out := map[string]record.Record{}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for x.queue.Len() > 0 || len(out) < n {
		c, err := x.queue.Pop(ctx)
		if err != nil {
			break // the tests of the records say which is missing
		}
		records, err := decoder.Decode(c)
		if err != nil && c.Outcome == record.Success {
			t.Errorf("capture %q of %s: %v", c.ID, c.Tap, err)
		}
		for _, r := range records {
			out[r.ID] = r
		}
		c.Release()
	}
	return out, counted
}

type counter map[string]int

func (c counter) Anomaly(kind string) { c[kind]++ }

// drive runs a client program and returns its lines.
func drive(t *testing.T, python, program, httpAddress, grpcAddress string) []string {
	t.Helper()
	cmd := exec.Command(python, program, httpAddress, grpcAddress)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%s", filepath.Base(program), err, out, stderr.String())
	}
	var lines []string
	for s := bufio.NewScanner(strings.NewReader(string(out))); s.Scan(); {
		var line map[string]any
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.Fatalf("%q: %v", s.Text(), err)
		}
		lines = append(lines, s.Text())
	}
	return lines
}

func outcomes(done []record.Done) map[string]int {
	out := map[string]int{}
	for _, d := range done {
		out[fmt.Sprint(d.Tap, " ", d.Outcome)]++
	}
	return out
}

func TestTriton(t *testing.T) {
	venv := environment(t, "triton")
	site, err := exec.Command(filepath.Join(venv, "bin", "python"), "-c", "import sysconfig; print(sysconfig.get_path('platlib'))").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.TrimSpace(string(site))
	triton := filepath.Join(packages, "pytriton", "tritonserver")
	stub := filepath.Join(triton, "backends", "python", "triton_python_backend_stub")
	if _, err := os.Stat(stub); err != nil {
		found, _ := filepath.Glob(filepath.Join(triton, "python_backend_stubs", "3.11", "triton_python_backend_stub"))
		if len(found) == 0 {
			t.Skip("SKIP: the wheel has no stub for Python 3.11")
		}
		copyFile(t, found[0], stub, 0o755)
	}
	repository := filepath.Join(t.TempDir(), "repository")
	if err := os.CopyFS(repository, os.DirFS("testdata/triton")); err != nil {
		t.Fatal(err)
	}
	model(t, "mnist-12.onnx", filepath.Join(repository, "mnist", "1", "model.onnx"))
	httpPort, grpcPort := freePort(t), freePort(t)
	cmd := exec.Command(filepath.Join(triton, "bin", "tritonserver"), "--model-repository="+repository, "--backend-directory="+filepath.Join(triton, "backends"),
		"--http-address=127.0.0.1", "--grpc-address=127.0.0.1", "--http-port="+httpPort, "--grpc-port="+grpcPort, "--allow-metrics=false")
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(venv, "bin")+":"+os.Getenv("PATH"), "PYTHONPATH="+packages)
	serve(t, cmd, "http://127.0.0.1:"+httpPort+"/v2/models/mnist/ready")

	x := tap(t, "127.0.0.1:"+httpPort, "127.0.0.1:"+grpcPort)
	python, program := filepath.Join(venv, "bin", "python"), "testdata/triton_client.py"
	direct := drive(t, python, program, "127.0.0.1:"+httpPort, "127.0.0.1:"+grpcPort)
	through := drive(t, python, program, x.http, x.grpc)
	if d := cmp.Diff(direct, through); d != "" {
		t.Errorf("through the taps (-direct +tap):\n%s", d)
	}
	t.Logf("%d calls answered alike", len(through))
	got := outcomes(x.journal.Done(t, 16))
	want := map[string]int{"http success": 8, "http client_error": 3, "grpc success": 4, "grpc client_error": 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("outcomes (-want +got):\n%s", d)
	}
	records, counted := x.records(t, 15)
	checkImages(t, records)
	if drops := x.journal.Drops(); len(drops) > 0 {
		t.Errorf("drops: %v", drops)
	}
	if len(counted) > 0 {
		t.Errorf("oddities of the official client: %v", counted)
	}
}

// checkImages compares the records with what triton_client.py sends.
func checkImages(t *testing.T, records map[string]record.Record) {
	t.Helper()
	ids := []string{"http-json", "http-binary", "http-binary-in", "http-gzip", "http-deflate", "http-batch#0", "http-batch#1", "http-version", "http-class",
		"grpc-plain", "grpc-gzip", "grpc-batch#0", "grpc-batch#1", "stream-0", "stream-1"}
	for _, id := range ids {
		r, ok := records[id]
		if !ok {
			t.Errorf("no record %q", id)
			continue
		}
		if r.Model != "mnist" || r.Version != "1" || len(r.Inputs) != 1 || len(r.Outputs) != 1 {
			t.Errorf("%s: model %q version %q, %d inputs, %d outputs", id, r.Model, r.Version, len(r.Inputs), len(r.Outputs))
			continue
		}
		first := 0
		if strings.HasSuffix(id, "#1") {
			first = 784
		}
		for i := range 784 {
			if got, want := r.Inputs[0].Float64At(i), float64((first+i)%17)/16; got != want {
				t.Errorf("%s: pixel %d is %v, want %v", id, i, got, want)
				break
			}
		}
		if n := r.Outputs[0].Len(); id == "http-class" && n != 3 || id != "http-class" && n != 10 {
			t.Errorf("%s: %d outputs", id, n)
		}
	}
	if len(records) != len(ids) {
		t.Errorf("%d records, want %d", len(records), len(ids))
	}
}

func copyFile(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, mode)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestMLServer(t *testing.T) {
	venv := environment(t, "mlserver")
	models := filepath.Join(t.TempDir(), "models")
	if err := os.CopyFS(models, os.DirFS("testdata/mlserver")); err != nil {
		t.Fatal(err)
	}
	model(t, "iris-mlp.onnx", filepath.Join(models, "iris", "model.onnx"))
	httpPort, grpcPort := freePort(t), freePort(t)
	cmd := exec.Command(filepath.Join(venv, "bin", "mlserver"), "start", ".")
	cmd.Dir = models
	cmd.Env = append(os.Environ(), "PYTHONPATH="+models, "MLSERVER_HTTP_PORT="+httpPort, "MLSERVER_GRPC_PORT="+grpcPort, "MLSERVER_METRICS_PORT="+freePort(t))
	serve(t, cmd, "http://127.0.0.1:"+httpPort+"/v2/models/iris/ready")

	x := tap(t, "127.0.0.1:"+httpPort, "127.0.0.1:"+grpcPort)
	python, program := filepath.Join(venv, "bin", "python"), "testdata/mlserver_client.py"
	direct := drive(t, python, program, "127.0.0.1:"+httpPort, "127.0.0.1:"+grpcPort)
	through := drive(t, python, program, x.http, x.grpc)
	if d := cmp.Diff(direct, through); d != "" {
		t.Errorf("through the taps (-direct +tap):\n%s", d)
	}
	got := outcomes(x.journal.Done(t, 8))
	want := map[string]int{"http success": 4, "http client_error": 2, "grpc success": 1, "grpc client_error": 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("outcomes (-want +got):\n%s", d)
	}
	records, counted := x.records(t, 6)
	for _, id := range []string{"mls-one", "mls-batch#0", "mls-batch#1", "mls-version", "mls-gzip", "grpc-typed"} {
		r, ok := records[id]
		if !ok || r.Model != "iris" || r.Version != "1" || r.Inputs[0].Len() != 4 || r.Outputs[0].Len() != 3 {
			t.Errorf("%s: %+v", id, r)
		}
	}
	t.Logf("%d calls answered alike, %d records, oddities %v", len(through), len(records), counted)
}
