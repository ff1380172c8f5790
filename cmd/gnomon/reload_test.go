package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gnomon-dev/gnomon/examples/digits"
	"github.com/gnomon-dev/gnomon/exporter/demo"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// put replaces a file at once, as a deployment does.
func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func digitsModel(t *testing.T, name string) []byte {
	t.Helper()
	models, err := digits.Models()
	if err != nil {
		t.Fatal(err)
	}
	return models[name].ONNX
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (s *sidecar) twin(t *testing.T) result.Shadow {
	t.Helper()
	m := s.model(t, demo.ModelName)
	if len(m.Shadows) == 0 {
		return result.Shadow{}
	}
	return m.Shadows[0]
}

// TestHotReload: the shadow's file is replaced by another model, by half of
// one, and by a good one again, while traffic flows.
func TestHotReload(t *testing.T) {
	server, dir := primary(t), t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	first, second := digitsModel(t, digits.FP32), digitsModel(t, digits.Int8)
	put(t, path, first)
	s := configured(t, server.URL, fmt.Sprintf("models:\n  - name: %s\n    shadows:\n      - {model: %q, reload: 1s}\n", demo.ModelName, path))
	s.until(t, "the shadow runs", func() bool { return s.twin(t).Digest == digestOf(first) })
	s.images(t, 200)

	put(t, path, second)
	s.until(t, "the other model is in place", func() bool { s.images(t, 10); return s.twin(t).Digest == digestOf(second) })
	if n, _ := s.metric(t, "gnomon_model_changes_total"); n != 1 {
		t.Errorf("gnomon_model_changes_total = %v, want 1", n)
	}

	put(t, path, second[:len(second)/2])
	s.until(t, "half a model is refused", func() bool { s.images(t, 10); return s.twin(t).Failed > 0 })
	if twin := s.twin(t); !twin.Up || twin.Digest != digestOf(second) || twin.Stale == "" {
		t.Errorf("half a model: %+v", twin)
	}
	put(t, path, first)
	s.until(t, "the good one is taken again", func() bool { s.images(t, 10); return s.twin(t).Digest == digestOf(first) })
	twin := s.twin(t)
	if twin.Reloads != 2 || twin.Failures != 0 || twin.Restarts != 0 || twin.Stale != "" {
		t.Errorf("after all: reloads %d, failures %d, restarts %d, stale %q; want 2, 0, 0, none", twin.Reloads, twin.Failures, twin.Restarts, twin.Stale)
	}
}

// TestModelOverHTTP: a model behind a URL, an origin that goes away, and a
// start without it.
func TestModelOverHTTP(t *testing.T) {
	server, dir := primary(t), t.TempDir()
	model := digitsModel(t, digits.FP32)
	var down atomic.Bool
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			http.Error(w, "expired", http.StatusForbidden)
			return
		}
		_, _ = w.Write(model)
	}))
	defer origin.Close()
	yaml := fmt.Sprintf("shadow_cache: %q\nmodels:\n  - name: %s\n    shadows:\n      - {model: %q, digest: %q, reload: 1s}\n", dir, demo.ModelName, origin.URL+"/m.onnx?signature=s3cret", digestOf(model))
	s := configured(t, server.URL, yaml)
	s.until(t, "the model was fetched", func() bool { return s.twin(t).Up })
	down.Store(true)
	s.until(t, "the origin's silence is told", func() bool { return s.twin(t).Stale != "" })
	if twin := s.twin(t); !twin.Up || twin.Digest != digestOf(model) {
		t.Errorf("%+v", twin)
	}
	again := configured(t, server.URL, yaml)
	again.until(t, "the last good copy runs", func() bool { return again.twin(t).Up })
	if n, _ := again.metric(t, "gnomon_shadow_source_stale"); n != 1 {
		t.Errorf("gnomon_shadow_source_stale = %v, want 1", n)
	}
	for _, one := range []*sidecar{s, again} {
		if strings.Contains(one.log.String()+fetch(t, one.pages+"/metrics")+fetch(t, one.pages+"/api/v1/models/"+demo.ModelName), "s3cret") {
			t.Error("the URL's signature was told")
		}
	}
}

// TestUnsignedModelIsNotLoaded: a wanted signature that is not there.
func TestUnsignedModelIsNotLoaded(t *testing.T) {
	server, dir := primary(t), t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	put(t, path, digitsModel(t, digits.FP32))
	key, err := filepath.Abs("../../shadow/source/testdata/cosign.pub")
	if err != nil {
		t.Fatal(err)
	}
	s := configured(t, server.URL, fmt.Sprintf("models:\n  - name: %s\n    shadows:\n      - {model: %q, signature: {key: %q}, reload: 1s}\n", demo.ModelName, path, key))
	s.until(t, "the reason is told", func() bool { return strings.Contains(s.twin(t).Error, "signature") })
	if s.twin(t).Up {
		t.Error("an unsigned model was loaded")
	}
}

// TestTriggerSet: a trigger that the served model does not answer as a sound
// one would is said to be a sign of poisoning.
func TestTriggerSet(t *testing.T) {
	server := primary(t)
	dir, model, reference, data := digitsFiles(t)
	set := filepath.Join(dir, "triggers.csv")
	put(t, set, []byte(csvOf(data.Reference[20:40], 0))) // the first is labelled wrongly: a model that must answer so is not this one
	s := configured(t, server.URL, fmt.Sprintf("models:\n  - name: %s\n    reference: {file: %q, label: digit}\n    identity: {interval: 1s, trigger_set: {file: %q, label: digit}}\n    shadows:\n      - {model: %q}\n", demo.ModelName, reference, set, model))
	s.until(t, "the trigger set was asked", func() bool { n, _ := s.metric(t, "gnomon_model_trigger_failures_total"); return n > 1 })
	m := s.model(t, demo.ModelName)
	if m.Identity == nil || !m.Identity.Match || m.Identity.Triggers == nil || m.Identity.Triggers.Inputs != 20 || m.Identity.Triggers.Failed != 1 {
		t.Errorf("identity %+v", m.Identity)
	}
	if !strings.Contains(fmt.Sprint(m.Verdict), "poisoning suspected: 1 of 20") {
		t.Errorf("verdict %+v", m.Verdict)
	}
}

// digitsFiles puts the demo's model and reference where a configuration can
// name them.
func digitsFiles(t *testing.T) (dir, model, reference string, data *digits.Data) {
	t.Helper()
	dir = t.TempDir()
	model, reference = filepath.Join(dir, "m.onnx"), filepath.Join(dir, "reference.csv")
	put(t, model, digitsModel(t, digits.FP32))
	data, err := digits.Load()
	if err != nil {
		t.Fatal(err)
	}
	put(t, reference, []byte(csvOf(data.Reference, -1)))
	return dir, model, reference, data
}

// csvOf is images with their digits; the one at wrong is labelled as another.
func csvOf(images []digits.Image, wrong int) string {
	var b strings.Builder
	for i := range images[0].Pixels {
		fmt.Fprintf(&b, "p%d,", i)
	}
	b.WriteString("digit\n")
	for k, img := range images {
		for _, p := range img.Pixels {
			fmt.Fprintf(&b, "%g,", p)
		}
		label := img.Label
		if k == wrong {
			label = (label + 1) % 10
		}
		fmt.Fprintln(&b, label)
	}
	return b.String()
}
