package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/examples/digits"
	"github.com/gnomon-dev/gnomon/exporter/demo"
)

// image is an inference request with the n-th image of the demo's traffic.
func imageRequest(t *testing.T, n int) []byte {
	t.Helper()
	data, err := digits.Load()
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"id": fmt.Sprint(n), "inputs": []any{map[string]any{"name": digits.InputName, "shape": []int{1, 1, digits.Size, digits.Size}, "datatype": "FP32", "data": data.Traffic[n].Pixels}}})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func send(t *testing.T, url string, header map[string]string, body []byte) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		request.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		t.Fatalf("%s: %s", url, resp.Status)
	}
}

// replayed waits until a model's twin has answered n records.
func (s *sidecar) replayed(t *testing.T, model string, n uint64) {
	t.Helper()
	s.until(t, fmt.Sprintf("%d records are replayed", n), func() bool {
		m := s.model(t, model)
		return len(m.Shadows) == 1 && m.Shadows[0].Inferences >= n
	})
}

// TestMirroredRequests: the twin supplies the answers; agreement is unknown.
func TestMirroredRequests(t *testing.T) {
	_, model := recorded(t)
	mirror := free(t)
	s := configured(t, primary(t).URL, fmt.Sprintf("discover: {enabled: false}\ntaps: {mirror: {listen: %q}}\nmodels: [{name: digits, shadows: [{model: %q}]}]\n", mirror, model))
	s.until(t, "the twin runs", func() bool { up, _ := s.metric(t, "gnomon_shadow_up{"); return up == 1 })
	for i := range 40 {
		send(t, "http://"+mirror+"/v2/models/"+demo.ModelName+"/infer", map[string]string{"Content-Type": "application/json"}, imageRequest(t, i))
	}
	s.replayed(t, demo.ModelName, 40)
	m := s.model(t, demo.ModelName)
	if m.Shadows[0].Comparisons != 0 || m.Shadows[0].Disagreement != nil {
		t.Errorf("agreement is claimed: %+v", m.Shadows[0])
	}
}

// TestEventsOfPayloadLoggers: a request and its response, as KServe's agent
// sends them, become one record.
func TestEventsOfPayloadLoggers(t *testing.T) {
	server := primary(t)
	_, model := recorded(t)
	events := free(t)
	s := configured(t, server.URL, fmt.Sprintf("discover: {enabled: false}\ntaps: {cloudevents: {listen: %q}}\nmodels: [{name: digits, shadows: [{model: %q}]}]\n", events, model))
	s.until(t, "the twin runs", func() bool { up, _ := s.metric(t, "gnomon_shadow_up{"); return up == 1 })
	for i := range 30 {
		request := imageRequest(t, i)
		resp, err := http.Post(server.URL+"/v2/models/digits/infer", "application/json", bytes.NewReader(request))
		if err != nil {
			t.Fatal(err)
		}
		var answer bytes.Buffer
		_, err = answer.ReadFrom(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for kind, body := range map[string][]byte{"request": request, "response": answer.Bytes()} {
			send(t, "http://"+events+"/", map[string]string{"Ce-Specversion": "1.0", "Ce-Id": fmt.Sprint("e", i), "Ce-Type": "org.kubeflow.serving.inference." + kind,
				"Ce-Source": "http://localhost/", "Ce-Inferenceservicename": "digits", "Content-Type": "application/json"}, body)
		}
	}
	s.replayed(t, demo.ModelName, 30)
	s.until(t, "the answers are compared", func() bool {
		m := s.model(t, demo.ModelName)
		return m.Shadows[0].Comparisons == 30 && m.Shadows[0].Disagreements == 0
	})
}

// TestRecordedTrafficAlone: no server at all, only a file.
func TestRecordedTrafficAlone(t *testing.T) {
	requests, model := recorded(t)
	text, err := os.ReadFile(requests)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "traffic.jsonl")
	if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte(`{"id"`), []byte(`{"model":"digits","id"`)), 0o600); err != nil {
		t.Fatal(err)
	}
	front := free(t)
	config := filepath.Join(t.TempDir(), "gnomon.yaml")
	yaml := fmt.Sprintf("listen: %q\nonnxruntime: {library: %q}\nevaluation: {interval: 1s, tick: 1s}\ntaps: {file: {path: %q}}\nmodels: [{name: digits, shadows: [{model: %q}]}]\n", front, library(t), path, model)
	if err := os.WriteFile(config, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	s := sidecarOf(t, "--config", config)
	s.until(t, "the records are seen", func() bool {
		n, _ := s.metric(t, `gnomon_records_sampled_total{model="digits"`)
		return n == 200
	})
	s.until(t, "accuracy is known", func() bool {
		m := s.model(t, demo.ModelName)
		return m.Performance != nil && m.Performance.Accuracy != nil && m.Performance.Accuracy.Value > .9
	})
	if n, _ := s.metric(t, "gnomon_payload_anomalies_total{"); n == 0 {
		t.Error("the line that is no record is not counted")
	}
	if strings.Contains(s.log.String(), "ERROR") {
		t.Errorf("%s", s.log)
	}
}
