package pusher

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

func batch() Batch {
	return Batch{Job: "f/1", Instance: "host", Start: time.Unix(1e9, 0), Time: time.Unix(1e9+5, 0), Metrics: []Metric{
		{Name: "gnomon_invocations_total", Help: "Runs\nof it.", Counter: true, Value: 2, Labels: []Label{{"model", `a "b" \`}, {"outcome", "success"}}},
		{Name: "gnomon_invocations_total", Help: "Runs\nof it.", Counter: true, Value: 1, Labels: []Label{{"model", `a "b" \`}, {"outcome", "error"}}},
		{Name: "gnomon_invocation_duration_seconds", Help: "Last.", Value: 1.5},
	}}
}

// TestPushgateway: what is sent parses as the text format, under the group of
// job and instance.
func TestPushgateway(t *testing.T) {
	var path, body string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		path, body = r.URL.EscapedPath(), string(b)
	}))
	defer server.Close()
	if err := Push(t.Context(), server.Client(), Target{Kind: "pushgateway", URL: server.URL + "/"}, batch()); err != nil {
		t.Fatal(err)
	}
	if path != "/metrics/job/f%2F1/instance/host" {
		t.Errorf("path %s", path)
	}
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(strings.NewReader(body))
	if err != nil || len(families) != 2 || len(families["gnomon_invocations_total"].Metric) != 2 {
		t.Fatalf("%v: %s", err, body)
	}
	if l := families["gnomon_invocations_total"].Metric[0].Label[0]; l.GetValue() != `a "b" \` {
		t.Errorf("label %q", l.GetValue())
	}
}

// TestTriedAgain: a busy server is asked again, one that refuses is not, one
// that hangs costs no more than the time that was given.
func TestTriedAgain(t *testing.T) {
	var calls atomic.Int32
	status := func(list ...int) *httptest.Server {
		calls.Store(0)
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			n := int(calls.Add(1))
			w.WriteHeader(list[min(n, len(list))-1])
		}))
	}
	for _, kind := range Kinds() {
		busy := status(503, 429, 204)
		if err := Push(t.Context(), busy.Client(), Target{Kind: kind.Name, URL: busy.URL}, batch()); err != nil || calls.Load() != 3 {
			t.Errorf("%s: %v after %d calls", kind.Name, err, calls.Load())
		}
		busy.Close()
		refuses := status(400)
		if err := Push(t.Context(), refuses.Client(), Target{Kind: kind.Name, URL: refuses.URL}, batch()); err == nil || calls.Load() != 1 {
			t.Errorf("%s: %v after %d calls", kind.Name, err, calls.Load())
		}
		refuses.Close()
	}
	release := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer hangs.Close()
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := Push(ctx, hangs.Client(), Target{Kind: "otlp", URL: hangs.URL}, batch()); err == nil {
		t.Error("a push that nobody took")
	}
	if err := Push(t.Context(), hangs.Client(), Target{Kind: "carrier-pigeon", URL: hangs.URL}, batch()); err == nil {
		t.Error("a protocol that there is not")
	}
}

func TestEndpoint(t *testing.T) {
	for url, want := range map[string]string{"http://h:1": "http://h:1/v1/metrics", "http://h:1/": "http://h:1/v1/metrics", "http://h:1/api/v1/otlp/v1/metrics": "http://h:1/api/v1/otlp/v1/metrics"} {
		if got := endpoint(url, "/v1/metrics"); got != want {
			t.Errorf("%s: %s", url, got)
		}
	}
}
