package oip

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

func TestClient(t *testing.T) {
	mux := http.NewServeMux()
	answer := func(pattern, body string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
	}
	answer("GET /v2", `{"name":"triton","version":"2.51.0","extensions":["model_repository"]}`)
	answer("GET /v2/health/ready", ``)
	answer("GET /v2/models/{m}/versions/{v}", `{"name":"m x","versions":["1"],"platform":"python","inputs":[{"name":"x","datatype":"FP32","shape":["-1",4]}],"outputs":[]}`)
	answer("GET /v2/models/{m}/ready", ``)
	answer("POST /v2/repository/index", `[{"name":"m","version":"1","state":"READY"}]`)
	mux.HandleFunc("POST /v2/models/{m}/infer", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var m Message
		if err := Parse(body, -1, &m); err != nil {
			t.Error(err)
		}
		out, err := EncodeResponse(Message{ID: m.ID, Model: r.PathValue("m"), Version: "1", Tensors: m.Tensors})
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(out)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	base, _ := url.Parse(server.URL)
	c := NewClient(base, server.Client())
	ctx := t.Context()
	if err := errors.Join(c.Ready(ctx), c.ModelReady(ctx, "m", "")); err != nil {
		t.Error(err)
	}
	if m, err := c.Server(ctx); err != nil || m.Name != "triton" {
		t.Errorf("server: %+v, %v", m, err)
	}
	m, err := c.Model(ctx, "m x", "1")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]TensorMetadata{{Name: "x", Datatype: "FP32", Shape: Shape{-1, 4}}}, m.Inputs); d != "" || m.Inputs[0].Type() != tensor.Float32 {
		t.Errorf("inputs (-want +got):\n%s", d)
	}
	if models, err := c.Models(ctx); err != nil || len(models) != 1 || models[0].State != "READY" {
		t.Errorf("models: %+v, %v", models, err)
	}
	x := tensor.FromFloat32s("x", []float32{1, 2}, 1, 2)
	if got, err := c.Infer(ctx, "m", "", Message{ID: "i", Tensors: []tensor.Tensor{x}}); err != nil || got.ID != "i" || got.Version != "1" || got.Tensors[0].Len() != 2 {
		t.Errorf("infer: %+v, %v", got, err)
	}
	if err := c.ModelReady(ctx, "absent", "9"); !errors.Is(err, ErrServer) {
		t.Errorf("absent model: %v", err)
	}
}

func TestClientWithoutARepository(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	base, _ := url.Parse(server.URL)
	if _, err := NewClient(base, nil).Models(t.Context()); !errors.Is(err, ErrUnsupported) {
		t.Errorf("no repository: %v", err)
	}
	server.Close()
	if err := NewClient(base, nil).Ready(t.Context()); err == nil || errors.Is(err, ErrServer) {
		t.Errorf("no server: %v", err)
	}
}
