package real

import (
	"bytes"
	"context"
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
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/queue"
	"github.com/gnomon-dev/gnomon/exporter/record"
	decoding "github.com/gnomon-dev/gnomon/exporter/tap"
	"github.com/gnomon-dev/gnomon/exporter/tap/jsonbody"
	"github.com/gnomon-dev/gnomon/exporter/tap/proxy"
	"github.com/gnomon-dev/gnomon/exporter/tap/route"
	"github.com/gnomon-dev/gnomon/exporter/tap/taptest"
)

// call is one request to a server, and the record that it must become.
type call struct {
	path, contentType, body string
	status                  int
	rows                    int // of the record; 0: none is kept
	inputs, outputs         int // elements of a row, all tensors together
	outcome                 record.Outcome
}

// driven makes each call directly and through a tap: the same answer, and the
// record that it says.
func driven(t *testing.T, upstream string, mapping map[string]jsonbody.Mapping, own map[string]string, calls []call) {
	t.Helper()
	journal, q := taptest.NewJournal(), queue.New(64<<20)
	p, err := proxy.New(proxy.Settings{Upstream: &url.URL{Scheme: "http", Host: upstream}, Sampler: taptest.All{}, Observer: journal, Budget: q.Budget(), Route: route.With(own),
		Emit: func(c *record.Capture) { q.Push(c) }})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := proxy.Server(p, slog.New(slog.DiscardHandler))
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close(); p.Close() })
	decoder := decoding.NewDecoder(nil, 64<<20, mapping)
	for i, c := range calls {
		status, direct := post(t, "http://"+upstream+c.path, c)
		through, tapped := post(t, "http://"+l.Addr().String()+c.path, c)
		if status != c.status || through != status || tapped != direct {
			t.Errorf("%s: %d %s\nthrough the tap: %d %s\nwant %d", c.path, status, direct, through, tapped, c.status)
		}
		if done := journal.Done(t, i+1)[i]; done.Outcome != c.outcome {
			t.Errorf("%s: outcome %v, want %v", c.path, done.Outcome, c.outcome)
		}
		if c.rows == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		capture, err := q.Pop(ctx)
		cancel()
		if err != nil {
			t.Fatalf("%s: no capture: %v, drops %v", c.path, err, journal.Drops())
		}
		records, err := decoder.Decode(capture)
		if err != nil || len(records) != c.rows {
			t.Errorf("%s: %d records, %v", c.path, len(records), err)
			continue
		}
		in, out := 0, 0
		for _, x := range records[0].Inputs {
			in += x.Len()
		}
		for _, x := range records[0].Outputs {
			out += x.Len()
		}
		if in != c.inputs || out != c.outputs {
			t.Errorf("%s: %d inputs and %d outputs a row: %+v", c.path, in, out, records[0])
		}
		capture.Release()
	}
}

func post(t *testing.T, address string, c call) (int, string) {
	t.Helper()
	response, err := http.Post(address, c.contentType, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

const (
	iris     = `[5.1,3.5,1.4,0.2]`
	flower   = `{"id":"k-1","inputs":[{"name":"input","shape":[2,4],"datatype":"FP32","data":[5.1,3.5,1.4,0.2,6.7,3.0,5.2,2.3]}]}`
	jsonType = "application/json"
)

// TestKServe: KServe's Python model server, v1 and v2.
func TestKServe(t *testing.T) {
	venv := environment(t, "kserve")
	dir := t.TempDir()
	model(t, "iris-mlp.onnx", filepath.Join(dir, "model.onnx"))
	port := freePort(t)
	program, err := filepath.Abs("testdata/kserve_server.py")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, exec.Command(filepath.Join(venv, "bin", "python"), program, "--model_name", "iris", "--onnx", filepath.Join(dir, "model.onnx"), "--http_port", port, "--enable_grpc", "false"),
		"http://127.0.0.1:"+port+"/v2/models/iris/ready")
	driven(t, "127.0.0.1:"+port, nil, nil, []call{
		{"/v1/models/iris:predict", jsonType, `{"instances":[` + iris + `,` + iris + `]}`, 200, 2, 4, 3, record.Success},
		{"/v2/models/iris/infer", jsonType, flower, 200, 2, 4, 3, record.Success},
		{"/v1/models/absent:predict", jsonType, `{"instances":[` + iris + `]}`, 404, 0, 0, 0, record.ClientError},
		{"/v1/models/iris:predict", jsonType, `{"instances"`, 400, 0, 0, 0, record.ClientError},
	})
}

// TestMLflow: MLflow's scoring server, every form that it takes.
func TestMLflow(t *testing.T) {
	venv := environment(t, "mlflow")
	dir := t.TempDir()
	model(t, "iris-mlp.onnx", filepath.Join(dir, "model.onnx"))
	python := filepath.Join(venv, "bin", "python")
	save := exec.Command(python, "-c", "import mlflow.onnx, onnx, sys; mlflow.onnx.save_model(onnx.load(sys.argv[1]), sys.argv[2])", filepath.Join(dir, "model.onnx"), filepath.Join(dir, "saved"))
	save.Env = append(os.Environ(), "MLFLOW_TRACKING_URI=sqlite:///"+filepath.Join(dir, "mlflow.db"))
	if out, err := save.CombinedOutput(); err != nil {
		t.Skipf("SKIP: MLflow cannot save the model here: %v: %s", err, out[max(0, len(out)-400):])
	}
	port := freePort(t)
	cmd := exec.Command(filepath.Join(venv, "bin", "mlflow"), "models", "serve", "--model-uri", filepath.Join(dir, "saved"), "--env-manager", "local", "--port", port, "--workers", "1")
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(venv, "bin")+":"+os.Getenv("PATH"))
	serve(t, cmd, "http://127.0.0.1:"+port+"/ping")
	driven(t, "127.0.0.1:"+port, nil, nil, []call{
		{"/invocations", jsonType, `{"inputs":[` + iris + `,` + iris + `]}`, 200, 2, 4, 3, record.Success},
		{"/invocations", jsonType, `{"inputs":{"input":[` + iris + `]}}`, 200, 1, 4, 3, record.Success},
		{"/invocations", jsonType, `{"nonsense":1}`, 400, 0, 0, 0, record.ClientError},
		{"/invocations", jsonType, `{`, 400, 0, 0, 0, record.ClientError},
	})
}

// TestSeldon: Seldon Core v1's Python wrapper, by a mapping: its JSON is its
// own.
func TestSeldon(t *testing.T) {
	venv := environment(t, "seldon")
	dir := t.TempDir()
	model(t, "iris-mlp.onnx", filepath.Join(dir, "iris-mlp.onnx"))
	program, err := os.ReadFile("testdata/seldon_iris.py")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Iris.py"), program, 0o600); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	cmd := exec.Command(filepath.Join(venv, "bin", "seldon-core-microservice"), "Iris", "--service-type", "MODEL", "--workers", "1")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PREDICTIVE_UNIT_HTTP_SERVICE_PORT="+port, "PREDICTIVE_UNIT_GRPC_SERVICE_PORT="+freePort(t), "PREDICTIVE_UNIT_METRICS_SERVICE_PORT="+freePort(t))
	serve(t, cmd, "http://127.0.0.1:"+port+"/health/ping")
	const path = "/api/v1.0/predictions"
	mapping := jsonbody.Mapping{Inputs: map[string]string{"input": "data.ndarray"}, Outputs: map[string]string{"output": "data.ndarray"}, ID: "meta.puid"}
	driven(t, "127.0.0.1:"+port, map[string]jsonbody.Mapping{"iris": mapping}, map[string]string{path: "iris"}, []call{
		{path, jsonType, `{"meta":{"puid":"s-1"},"data":{"ndarray":[` + iris + `,` + iris + `]}}`, 200, 2, 4, 3, record.Success},
	})
}

// TestTorchServe: its own predictions API and KServe's v1.
func TestTorchServe(t *testing.T) {
	venv := environment(t, "torchserve")
	if _, err := exec.LookPath("java"); err != nil {
		t.Skip("SKIP: TorchServe needs java")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/torchserve")); err != nil {
		t.Fatal(err)
	}
	model(t, "iris-mlp.onnx", filepath.Join(dir, "store", "iris", "model.onnx"))
	port := freePort(t)
	text := fmt.Appendf(nil, `inference_address=http://127.0.0.1:%s
management_address=http://127.0.0.1:%s
metrics_address=http://127.0.0.1:%s
grpc_inference_port=%s
grpc_management_port=%s
model_store=store
load_models=iris=iris
default_workers_per_model=1
number_of_netty_threads=2
disable_token_authorization=true
enable_envvars_config=false
vmargs=-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1
`, port, freePort(t), freePort(t), freePort(t), freePort(t))
	if err := os.WriteFile(filepath.Join(dir, "config.properties"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(venv, "bin", "torchserve"), "--start", "--foreground", "--ncs", "--ts-config", "config.properties", "--disable-token-auth")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(venv, "bin")+":"+os.Getenv("PATH"), "PYTHONPATH="+filepath.Join(dir, "stub"), "TS_CONFIG_FILE="+filepath.Join(dir, "config.properties"))
	start(t, cmd, func() bool {
		response, err := http.Post("http://127.0.0.1:"+port+"/predictions/iris", jsonType, bytes.NewReader([]byte("["+iris+"]")))
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	driven(t, "127.0.0.1:"+port, nil, nil, []call{
		{"/predictions/iris", jsonType, "[" + iris + "," + iris + "]", 200, 2, 4, 3, record.Success},
		{"/v1/models/iris:predict", jsonType, `{"instances":[` + iris + `]}`, 200, 1, 4, 3, record.Success},
		{"/predictions/absent", jsonType, "[" + iris + "]", 404, 0, 0, 0, record.ClientError},
	})
}
