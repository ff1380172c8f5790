package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestServerOfOnesOwn: a server with paths and JSON of its own is watched by a
// mapping, and answers as it does without gnomon.
func TestServerOfOnesOwn(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `{"result":{"score":[0.25,0.75]},"length":%d}`, len(body))
	}))
	defer server.Close()
	s := configured(t, server.URL, "discover: {provisional_records: 200}\nmodels: [{name: churn, body: {endpoint: /score, inputs: {age: customer.age, plan: customer.plan}, outputs: {p: result.score}, id: request_id}}]\n")
	for i := range 300 {
		body := fmt.Sprintf(`{"request_id":"r%d","customer":{"age":%d,"plan":"gold"}}`, i, 20+i%50)
		response, err := http.Post(s.front+"/score", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if want := fmt.Sprintf(`{"result":{"score":[0.25,0.75]},"length":%d}`, len(body)); string(text) != want {
			t.Fatalf("answered %s, want %s", text, want)
		}
	}
	s.until(t, "the features are learned", func() bool { return len(s.model(t, "churn").Features) == 2 })
	m := s.model(t, "churn")
	if m.Features[0].Name != "age" || m.Features[1].Name != "plan" || m.Prediction == nil || m.Prediction.Bins[0].Label != "1" {
		t.Errorf("features %v, prediction %+v", m.Features, m.Prediction)
	}
}

// TestSpansReachACollector: a request's traceparent leads from the client
// through the proxy to a span by OTLP.
func TestSpansReachACollector(t *testing.T) {
	var bodies atomic.Pointer[[]byte]
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies.Store(&body)
	}))
	defer collector.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"model_name":"m","outputs":[{"name":"y","shape":[1,2],"datatype":"FP32","data":[0.25,0.75]}]}`)
	}))
	defer server.Close()
	s := configured(t, server.URL, fmt.Sprintf("tracing: {endpoint: %q}\n", collector.URL))
	send(t, s.front+"/v2/models/m/infer", map[string]string{"Content-Type": "application/json", "Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		[]byte(`{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}]}`))
	s.until(t, "the span arrives", func() bool {
		b := bodies.Load()
		return b != nil && bytes.Contains(*b, []byte("gnomon record")) && bytes.Contains(*b, []byte("\x0a\xf7\x65\x19\x16\xcd"))
	})
}
