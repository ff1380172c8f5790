package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// mlflow answers as MLflow 3.17.2 does; TestRealMLflow holds the source to the
// real one, this one is for its faults.
type mlflow struct {
	*httptest.Server
	version atomic.Int32
	down    atomic.Bool
	files   map[string]string // below the artifact's root
	sent    atomic.Int32
}

func newMLflow(t *testing.T) *mlflow {
	m := &mlflow{files: map[string]string{"MLmodel": "flavors: {}", "model.onnx": "graph", "w.data": "weights"}}
	m.version.Store(1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/2.0/mlflow/registered-models/alias", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("alias") != "prod" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error_code":"INVALID_PARAMETER_VALUE","message":"Registered model alias x not found."}`)
			return
		}
		fmt.Fprintf(w, `{"model_version":{"name":"churn","version":"%d","source":"models:/m-1","status":"READY","creation_timestamp":17720000000%02d}}`, m.version.Load(), m.version.Load())
	})
	mux.HandleFunc("GET /api/2.0/mlflow/model-versions/get-download-uri", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"artifact_uri":"mlflow-artifacts:/1/models/m-%s/artifacts"}`, r.FormValue("version"))
	})
	mux.HandleFunc("GET /api/2.0/mlflow/model-versions/get", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"model_version":{"name":"churn","version":"1","creation_timestamp":1771000000000}}`)
	})
	mux.HandleFunc("GET /api/2.0/mlflow-artifacts/artifacts", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"files":[{"path":"MLmodel","is_dir":false,"file_size":11},{"path":"data","is_dir":true}`)
		for name := range m.files {
			if name != "MLmodel" {
				fmt.Fprintf(w, `,{"path":%q,"is_dir":false}`, name)
			}
		}
		fmt.Fprint(w, `]}`)
	})
	mux.HandleFunc("GET /api/2.0/mlflow-artifacts/artifacts/{path...}", func(w http.ResponseWriter, r *http.Request) {
		m.sent.Add(1)
		name := r.PathValue("path")[strings.LastIndexByte(r.PathValue("path"), '/')+1:]
		fmt.Fprint(w, m.files[name], m.version.Load())
	})
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case m.down.Load():
			http.Error(w, "<html>bad gateway</html>", http.StatusBadGateway)
		case r.Header.Get("Authorization") != "Bearer t0ken":
			http.Error(w, "who are you", http.StatusUnauthorized)
		case r.FormValue("path") == "1/models/m-1/artifacts/data" || r.FormValue("path") == "1/models/m-2/artifacts/data":
			fmt.Fprint(w, `{"files":[]}`)
		default:
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *mlflow) settings(cache string) Settings {
	return Settings{Cache: cache, MLflow: MLflow{URL: m.URL, Token: "t0ken"}}
}

func TestMLflowAlias(t *testing.T) {
	m, cache := newMLflow(t), t.TempDir()
	s := open(t, "models:/churn@prod", m.settings(cache))
	first := fetch(t, s)
	if first.Version != "1" || first.Digest != digest("graph1") || len(first.Files) != 3 || first.Origin != "models:/churn/1" || first.Created.UnixMilli() != 1772000000001 {
		t.Fatalf("%+v", first)
	}
	sent := m.sent.Load()
	if again := fetch(t, s); again.Version != "1" || m.sent.Load() != sent {
		t.Errorf("an unchanged alias was downloaded again")
	}
	m.version.Store(2)
	if moved := fetch(t, s); moved.Version != "2" || moved.Digest != digest("graph2") {
		t.Errorf("the alias has moved: %+v", moved)
	}
	m.down.Store(true)
	if stale := fetch(t, s); stale.Version != "2" || stale.Stale == nil {
		t.Errorf("%+v", stale)
	}
	if cold := fetch(t, open(t, "models:/churn@prod", m.settings(cache))); cold.Version != "2" || cold.Stale == nil || cold.Origin != "models:/churn/2" || cold.Created.UnixMilli() != 1772000000002 {
		t.Errorf("registry down at start: %+v", cold)
	}
}

// TestMLflowVersion: a version by number says, too, when it was made.
func TestMLflowVersion(t *testing.T) {
	m := newMLflow(t)
	if got := fetch(t, open(t, "models:/churn/1", m.settings(t.TempDir()))); got.Created.UnixMilli() != 1771000000000 {
		t.Errorf("%+v", got)
	}
}

func TestMLflowFaults(t *testing.T) {
	m := newMLflow(t)
	for ref, says := range map[string]string{
		"models:/churn@nobody": "INVALID_PARAMETER_VALUE",
	} {
		if _, err := open(t, ref, m.settings(t.TempDir())).Fetch(context.Background()); !errors.Is(err, ErrOrigin) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	wrong := m.settings(t.TempDir())
	wrong.MLflow.Token = "no"
	if _, err := open(t, "models:/churn/1", wrong).Fetch(context.Background()); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("%v", err)
	}
	delete(m.files, "model.onnx")
	if _, err := open(t, "models:/churn/1", m.settings(t.TempDir())).Fetch(context.Background()); !errors.Is(err, ErrRefused) {
		t.Errorf("%v", err)
	}
	m.files["../../evil.onnx"] = "x"
	if got, err := open(t, "models:/churn/1", m.settings(t.TempDir())).Fetch(context.Background()); err == nil && strings.Contains(got.Path, "..") {
		t.Errorf("a path left the folder: %+v", got)
	}
}

func TestArtifactElsewhere(t *testing.T) {
	for _, uri := range []string{"s3://bucket/m", "file:///srv/m", "/srv/m"} {
		if _, err := artifactPath(uri); !errors.Is(err, ErrReference) || !strings.Contains(err.Error(), "fix:") {
			t.Errorf("%s: %v", uri, err)
		}
	}
}
