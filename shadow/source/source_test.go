package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, ref string, s Settings) Source {
	t.Helper()
	src, err := Open(ref, s)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func fetch(t *testing.T, s Source) Model {
	t.Helper()
	m, err := s.Fetch(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func TestFileIsReadAgainOnlyWhenItChanged(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "m.onnx"), "one")
	s := open(t, path, Settings{})
	if m := fetch(t, s); m.Digest != digest("one") || m.Path != path || m.Weights != m.Digest {
		t.Errorf("model %+v", m)
	}
	write(t, path, "two!")
	if m := fetch(t, s); m.Digest != digest("two!") {
		t.Errorf("after the change: %+v", m)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Fetch(context.Background()); !errors.Is(err, ErrOrigin) {
		t.Errorf("a file that is gone: %v", err)
	}
}

func TestExternalWeightsBelongToTheModel(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "model.onnx"), "graph")
	weights := write(t, filepath.Join(dir, "7f.data"), "weights")
	s := open(t, dir, Settings{})
	m := fetch(t, s)
	if len(m.Files) != 2 || m.Weights != digest("graphweights") || m.Digest != digest("graph") {
		t.Fatalf("model %+v", m)
	}
	write(t, weights, "other weights")
	if again := fetch(t, s); again.Weights == m.Weights || again.Digest != m.Digest {
		t.Errorf("changed weights go unseen: %+v", again)
	}
}

func TestPinnedDigest(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "m.onnx"), "one")
	s := open(t, path, Settings{Digest: digest("another")})
	if _, err := s.Fetch(context.Background()); !errors.Is(err, ErrDigest) || !strings.Contains(err.Error(), "pins") {
		t.Errorf("%v", err)
	}
}

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	put := func(name, content string) { write(t, filepath.Join(dir, name), content) }
	put("triton/config.pbtxt", "name: \"t\" # the model\nmax_batch_size: 16\nbackend: 'onnxruntime'\ninput [ { name: \"x\", data_type: TYPE_FP32 dims: [ 4 ] } ]")
	put("triton/1/model.onnx", "v1")
	put("triton/2/model.onnx", "v2")
	put("triton/10/model.onnx", "v10")
	put("pinned/config.pbtxt", "version_policy: { specific { versions: [1, 2] } } default_model_filename: \"net\" \".onnx\"")
	put("pinned/1/net.onnx", "p1")
	put("pinned/2/net.onnx", "p2")
	put("pinned/3/net.onnx", "p3")
	put("plain/model.onnx", "k")
	put("plain/other.onnx", "o")
	put("plain/config.json", "{}")
	put("two/a.onnx", "a")
	put("two/b.onnx", "b")
	put("none/readme", "")
	put("ensemble/config.pbtxt", `platform: "ensemble" ensemble_scheduling { step [ { model_name: "a" model_version: -1 } ] }`)
	put("stateful/config.pbtxt", `backend: "onnxruntime" sequence_batching { max_sequence_idle_microseconds: 5000000 }`)
	put("python/config.pbtxt", `backend: "python"`)
	put("broken/config.pbtxt", "name: \"x\"\nmax_batch_size: [ 1")
	put("empty/config.pbtxt", "")
	for _, c := range []struct {
		folder, file, version string
		batch                 int
		err                   error
		says                  string
	}{
		{folder: "triton", file: "10/model.onnx", version: "10", batch: 16},
		{folder: "pinned", file: "2/net.onnx", version: "2"},
		{folder: "plain", file: "model.onnx"},
		{folder: "two", err: ErrReference, says: "a.onnx, b.onnx"},
		{folder: "none", err: ErrReference, says: "no .onnx file"},
		{folder: "ensemble", err: ErrRefused, says: "ensemble"},
		{folder: "stateful", err: ErrRefused, says: "state"},
		{folder: "python", err: ErrRefused, says: "export the model to ONNX"},
		{folder: "broken", err: ErrReference, says: "line 2"},
		{folder: "empty", err: ErrReference, says: "no version folder"},
	} {
		m, err := open(t, filepath.Join(dir, c.folder), Settings{}).Fetch(context.Background())
		if c.err != nil {
			if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: error %v, want %v saying %q", c.folder, err, c.err, c.says)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.folder, err)
			continue
		}
		if m.Path != filepath.Join(dir, c.folder, c.file) || m.Version != c.version || m.Hints.MaxBatch != c.batch {
			t.Errorf("%s: %+v", c.folder, m)
		}
	}
}

// TestNewVersionFolder: what Triton would serve after a poll of its repository.
func TestNewVersionFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "1", "model.onnx"), "v1")
	s := open(t, dir, Settings{})
	if m := fetch(t, s); m.Version != "1" {
		t.Fatalf("%+v", m)
	}
	write(t, filepath.Join(dir, "2", "model.onnx"), "v2")
	if m := fetch(t, s); m.Version != "2" || m.Digest != digest("v2") {
		t.Errorf("%+v", m)
	}
}

func TestReferencesThatNameNothing(t *testing.T) {
	for ref, says := range map[string]string{
		"":                      "it is empty",
		"models:/churn":         "NAME@ALIAS",
		"models:/churn/Staging": "stages are gone",
		"models:/churn@prod":    "mlflow.url",
		"s3://bucket/m.onnx":    "presigned",
		"https:///m.onnx":       "no URL",
	} {
		if _, err := Open(ref, Settings{Cache: t.TempDir()}); !errors.Is(err, ErrReference) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want it to say %q", ref, err, says)
		}
	}
	if _, err := Open("https://host/m.onnx", Settings{}); err == nil || !strings.Contains(err.Error(), "shadow_cache") {
		t.Errorf("no cache: %v", err)
	}
}

// server is a web server whose model and status can be changed.
type server struct {
	*httptest.Server
	body     atomic.Pointer[string]
	status   atomic.Int32
	sent     atomic.Int32 // whole bodies
	truncate atomic.Bool
}

func newServer(t *testing.T) *server {
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if code := s.status.Load(); code != 0 {
			http.Error(w, "no", int(code))
			return
		}
		body := *s.body.Load()
		tag := fmt.Sprintf("%q", digest(body)[7:15])
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		s.sent.Add(1)
		if s.truncate.Load() {
			w.Header().Set("Content-Length", fmt.Sprint(len(body)+100))
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) set(body string) { s.body.Store(&body) }

func TestWebServer(t *testing.T) {
	web, cache := newServer(t), t.TempDir()
	web.set("one")
	ref := web.URL + "/m.onnx?X-Amz-Signature=secret"
	s := open(t, ref, Settings{Cache: cache})
	m := fetch(t, s)
	if m.Digest != digest("one") || m.Stale != nil || strings.Contains(m.Origin, "secret") {
		t.Fatalf("%+v", m)
	}
	if again := fetch(t, s); again.Path != m.Path || web.sent.Load() != 1 {
		t.Errorf("an unchanged model was sent %d times", web.sent.Load())
	}
	web.set("two")
	if m = fetch(t, s); m.Digest != digest("two") {
		t.Errorf("%+v", m)
	}

	// An expired URL, a truncated body and a server that is gone leave the last
	// good copy in use, also after a start.
	web.status.Store(http.StatusForbidden)
	stale := fetch(t, s)
	if stale.Digest != digest("two") || stale.Stale == nil || !strings.Contains(stale.Stale.Error(), "expired") {
		t.Errorf("%+v", stale)
	}
	web.status.Store(0)
	web.truncate.Store(true)
	web.set("three")
	if m := fetch(t, s); m.Digest != digest("two") || !errors.Is(m.Stale, ErrOrigin) {
		t.Errorf("half a body was taken: %+v", m)
	}
	web.Close()
	m = fetch(t, open(t, ref, Settings{Cache: cache}))
	if m.Digest != digest("two") || m.Stale == nil || strings.Contains(m.Stale.Error(), "secret") {
		t.Errorf("at start, origin down: %+v", m)
	}
	if _, err := open(t, ref, Settings{Cache: t.TempDir()}).Fetch(context.Background()); !errors.Is(err, ErrOrigin) {
		t.Errorf("no copy: %v", err)
	}
	parts, _ := filepath.Glob(filepath.Join(cache, "models", ".part-*"))
	if len(parts) != 0 {
		t.Errorf("left behind: %v", parts)
	}
}

func TestModelLargerThanTheLimit(t *testing.T) {
	web := newServer(t)
	web.set(strings.Repeat("x", 1000))
	if _, err := open(t, web.URL, Settings{Cache: t.TempDir(), MaxBytes: 999}).Fetch(context.Background()); !errors.Is(err, ErrRefused) {
		t.Errorf("%v", err)
	}
}

// TestDamagedCopyIsNoCopy: a cache that was changed on disk is not trusted.
func TestDamagedCopyIsNoCopy(t *testing.T) {
	web, cache := newServer(t), t.TempDir()
	web.set("one")
	m := fetch(t, open(t, web.URL, Settings{Cache: cache}))
	if err := os.WriteFile(m.Path, []byte("evil"), 0o600); err != nil {
		t.Fatal(err)
	}
	web.status.Store(500)
	if m, err := open(t, web.URL, Settings{Cache: cache}).Fetch(context.Background()); err == nil {
		t.Errorf("taken: %+v", m)
	}
}

func TestSignature(t *testing.T) {
	dir := t.TempDir()
	blob, err := os.ReadFile("testdata/blob.onnx")
	if err != nil {
		t.Fatal(err)
	}
	sig, err := os.ReadFile("testdata/blob.onnx.sig")
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, filepath.Join(dir, "m.onnx"), string(blob))
	good := Signature{Key: "testdata/cosign.pub", File: "testdata/blob.onnx.sig"}
	fetch(t, open(t, path, Settings{Signature: &good}))

	bundle := write(t, filepath.Join(dir, "bundle.json"), fmt.Sprintf(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","messageSignature":{"signature":%q}}`, sig))
	old := write(t, filepath.Join(dir, "old.json"), fmt.Sprintf(`{"base64Signature":%q,"cert":""}`, sig))
	for _, file := range []string{bundle, old} {
		fetch(t, open(t, path, Settings{Signature: &Signature{Key: good.Key, File: file}}))
	}
	for name, s := range map[string]Signature{
		"no signature": {Key: good.Key},
		"no key":       {Key: filepath.Join(dir, "nowhere.pub"), File: good.File},
		"no PEM":       {Key: path, File: good.File},
		"no base64":    {Key: good.Key, File: path},
	} {
		if _, err := open(t, path, Settings{Signature: &s}).Fetch(context.Background()); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := open(t, path, Settings{Signature: &good})
	fetch(t, s)
	write(t, path, string(blob)+"tampered")
	if _, err := s.Fetch(context.Background()); !errors.Is(err, ErrSignature) || !strings.Contains(err.Error(), "signed") {
		t.Errorf("a tampered model: %v", err)
	}
}

// TestHalfWrittenFile: a file that grows while it is read is not taken.
func TestHalfWrittenFile(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "m.onnx"), strings.Repeat("x", 1<<20))
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		f, _ := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		defer f.Close()
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = f.WriteString("y")
			}
		}
	}()
	s := open(t, path, Settings{})
	var refused bool
	for deadline := time.Now().Add(20 * time.Second); !refused && time.Now().Before(deadline); {
		_, err := s.Fetch(context.Background())
		refused = errors.Is(err, ErrOrigin)
	}
	close(stop)
	<-done
	if !refused {
		t.Error("a file that was being written was taken every time")
	}
	fetch(t, s)
}

func FuzzText(f *testing.F) {
	f.Add([]byte("name: \"m\"\ninput [ { name: \"x\" dims: [ -1, 4 ] } ]\nversion_policy: { latest { num_versions: 2 } }"))
	f.Add([]byte("a < b: 'c' \"d\\n\" > # end"))
	f.Add([]byte("a: [ [ { {"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = parseTriton(data) // must not crash or hang
	})
}

func FuzzSignature(f *testing.F) {
	f.Add([]byte("MEUCIQ=="))
	f.Add([]byte(`{"messageSignature":{"signature":"AA=="}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if sig, err := decodeSignature(data); err == nil && len(sig) == 0 {
			t.Error("an empty signature was taken")
		}
	})
}
