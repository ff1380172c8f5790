package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestReplaySources: gnomon replay takes a model from where shadows take it: a
// web server, a registry, a folder of Triton's. A digest that differs, a batch
// that the repository forbids and an origin that is down are seen to.
func TestReplaySources(t *testing.T) {
	lib := library(t)
	requests, path := recorded(t)
	dir := filepath.Dir(requests)
	model, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var down atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case down.Load():
			http.Error(w, "down", http.StatusBadGateway)
		case r.URL.Path == "/m.onnx":
			_, _ = w.Write(model)
		default:
			registry(w, r, model)
		}
	}))
	defer server.Close()
	repository := filepath.Join(dir, "repository", "digits")
	if err := os.MkdirAll(filepath.Join(repository, "3"), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(repository, "3", "model.onnx"), model)
	put(t, filepath.Join(repository, "config.pbtxt"), []byte("backend: \"onnxruntime\"\nmax_batch_size: 2\n"))
	token := filepath.Join(dir, "token")
	put(t, token, []byte("t0ken\n"))
	replay := func(ref string, more ...string) (int, string, string) {
		args := []string{"replay", "--model", ref, "--requests", requests, "--onnxruntime.library", lib, "--format", "json", "--batch", "8",
			"--cache", filepath.Join(dir, "cache"), "--mlflow.url", server.URL, "--mlflow.token-file", token}
		return call(t, "", append(args, more...)...)
	}
	for _, ref := range []string{server.URL + "/m.onnx", "models:/digits@prod", repository} {
		code, out, errs := replay(ref, "--digest", digestOf(model))
		var r struct {
			Records int
			Model   struct{ Digest string }
		}
		if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitDone || r.Records == 0 || r.Model.Digest != digestOf(model) {
			t.Errorf("%s: exit %d, %+v, %v: %s", ref, code, r, err, errs)
		}
	}
	if code, _, errs := replay(repository, "--digest", digestOf(nil)); code != exitFailed || !strings.Contains(errs, "digest differs") {
		t.Errorf("another digest: exit %d: %s", code, errs)
	}
	down.Store(true)
	if code, _, errs := replay("models:/digits@prod"); code != exitFailed || !strings.Contains(errs, "the copy in the cache may be another one") {
		t.Errorf("a registry that is down: exit %d: %s", code, errs)
	}
	if code, _, errs := replay("s3://bucket/m.onnx"); code != exitUsage || !strings.Contains(errs, "presigned") {
		t.Errorf("an object store: exit %d: %s", code, errs)
	}
}

// registry answers as an MLflow of one model does, to whom has the token.
func registry(w http.ResponseWriter, r *http.Request, model []byte) {
	if r.Header.Get("Authorization") != "Bearer t0ken" {
		http.Error(w, "who are you", http.StatusUnauthorized)
		return
	}
	const api = "/api/2.0/"
	switch path := strings.TrimPrefix(r.URL.Path, api); {
	case path == "mlflow/registered-models/alias" || path == "mlflow/model-versions/get":
		fmt.Fprint(w, `{"model_version":{"name":"digits","version":"3","source":"models:/m-1","status":"READY","creation_timestamp":1771000000000}}`)
	case path == "mlflow/model-versions/get-download-uri":
		fmt.Fprint(w, `{"artifact_uri":"mlflow-artifacts:/1/models/m-3/artifacts"}`)
	case path == "mlflow-artifacts/artifacts":
		fmt.Fprint(w, `{"files":[{"path":"model.onnx","is_dir":false}]}`)
	case strings.HasPrefix(path, "mlflow-artifacts/artifacts/"):
		_, _ = w.Write(model)
	default:
		http.NotFound(w, r)
	}
}
