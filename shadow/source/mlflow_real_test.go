package source

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// register logs a model with mlflow.onnx, weights beside it as that does by
// default, and moves the alias to it.
const register = `
import sys, numpy, onnx, mlflow
from onnx import helper, TensorProto, numpy_helper
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("churn")
w = numpy_helper.from_array(numpy.full((4, 600), float(sys.argv[2]), dtype=numpy.float32), "w")
graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 600])], [w])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
with mlflow.start_run():
    info = mlflow.onnx.log_model(model, name="model", registered_model_name="churn")
mlflow.MlflowClient().set_registered_model_alias("churn", "prod", info.registered_model_version)
`

// TestRealMLflow follows an alias of a real MLflow registry from one version to
// the next, and outlives the registry. make test-mlflow runs it.
func TestRealMLflow(t *testing.T) {
	if os.Getenv("GNOMON_TEST_MLFLOW") == "" {
		t.Skip("run by make test-mlflow")
	}
	bin, err := filepath.Abs("../../.cache/real/mlflow/bin")
	if err == nil {
		_, err = os.Stat(filepath.Join(bin, "mlflow"))
	}
	if err != nil {
		t.Skipf("SKIP: no MLflow: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	dir, base := t.TempDir(), fmt.Sprintf("http://127.0.0.1:%d", port)
	var log bytes.Buffer
	server := exec.Command(filepath.Join(bin, "mlflow"), "server", "--host", "127.0.0.1", "--port", fmt.Sprint(port), "--workers", "1", "--backend-store-uri", "sqlite:///"+filepath.Join(dir, "m.db"), "--artifacts-destination", filepath.Join(dir, "artifacts"))
	server.Dir, server.Stdout, server.Stderr = dir, &log, &log
	server.Env = append(os.Environ(), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false")
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() {
		_ = syscall.Kill(-server.Process.Pid, syscall.SIGKILL)
		_ = server.Wait()
	}
	t.Cleanup(stop)
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(500 * time.Millisecond) {
		if resp, err := http.Get(base + "/health"); err == nil {
			resp.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("MLflow is not ready: %s", &log)
		}
	}
	put := func(value string) {
		cmd := exec.Command(filepath.Join(bin, "python3"), "-c", register, base, value)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("register: %v: %s", err, out)
		}
	}
	put("1")
	s := open(t, "models:/churn@prod", Settings{Cache: filepath.Join(dir, "cache"), MLflow: MLflow{URL: base}})
	first := fetch(t, s)
	if first.Version != "1" || filepath.Ext(first.Path) != ".onnx" || len(first.Files) < 2 || first.Stale != nil {
		t.Fatalf("%+v", first)
	}
	put("2")
	second := fetch(t, s)
	if second.Version != "2" || second.Weights == first.Weights {
		t.Errorf("the alias has moved: %+v", second)
	}
	if one := fetch(t, open(t, "models:/churn/1", Settings{Cache: filepath.Join(dir, "cache"), MLflow: MLflow{URL: base}})); one.Weights != first.Weights {
		t.Errorf("version 1 by its number: %+v", one)
	}
	if _, err := open(t, "models:/churn@nobody", Settings{Cache: t.TempDir(), MLflow: MLflow{URL: base}}).Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("an alias that is not there: %v", err)
	}
	stop()
	if last := fetch(t, s); last.Version != "2" || last.Stale == nil {
		t.Errorf("the registry is gone: %+v", last)
	}
}
