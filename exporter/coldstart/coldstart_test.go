package coldstart

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

const tritonMetrics = `# HELP nv_model_load_duration_secs Model load time in seconds
# TYPE nv_model_load_duration_secs gauge
nv_model_load_duration_secs{model="resnet50",version="3"} 12.375
nv_model_load_duration_secs{model="bert",version="1"} 41.5
# TYPE nv_inference_count counter
nv_inference_count{model="resnet50",version="3"} 7
`

// TestColdStart plays a server's life: it is there, goes, comes back 8 s after
// its process was started, and its first answer takes 2 s where 20 ms is usual.
func TestColdStart(t *testing.T) {
	now := time.Unix(1e9, 0)
	var ready atomic.Bool
	ready.Store(true)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/metrics":
			_, _ = w.Write([]byte(tritonMetrics))
		case !ready.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	reg := prometheus.NewPedanticRegistry()
	var began time.Time
	w := New(Settings{ReadyURL: server.URL + "/v2/health/ready", Triton: server.URL + "/metrics", Interval: time.Second, Client: server.Client(), MaxModels: 2,
		Started: func() time.Time { return began }, Now: func() time.Time { return now }, Registerer: reg})
	step := func(d time.Duration, ok bool) {
		now = now.Add(d)
		ready.Store(ok)
		w.see(w.probe(t.Context()))
	}
	step(0, true)
	for range 20 {
		w.Request("digits", "1", 20*time.Millisecond)
	}
	step(time.Second, false)
	began = now.Add(2 * time.Second)
	step(5*time.Second, false)
	step(5*time.Second, true)
	for range 20 {
		w.Request("digits", "1", map[bool]time.Duration{true: 2 * time.Second, false: 20 * time.Millisecond}[testutil.ToFloat64(w.cold.WithLabelValues("digits", "1", "start")) == 0])
	}
	w.Request("digits", "2", 500*time.Millisecond) // another version
	w.scrape(t.Context())
	want := `
# HELP gnomon_cold_start_penalty_seconds By how much that was longer than the median of the warm requests; 0 where it was not.
# TYPE gnomon_cold_start_penalty_seconds gauge
gnomon_cold_start_penalty_seconds{model="digits",model_version="1"} 1.98
gnomon_cold_start_penalty_seconds{model="digits",model_version="2"} 0.48
# HELP gnomon_cold_starts_total First requests after a start of the server or a change of version.
# TYPE gnomon_cold_starts_total counter
gnomon_cold_starts_total{cause="start",model="digits",model_version="1"} 1
gnomon_cold_starts_total{cause="version",model="digits",model_version="2"} 1
# HELP gnomon_model_load_duration_seconds Load time of the model as Triton says (nv_model_load_duration_secs).
# TYPE gnomon_model_load_duration_seconds gauge
gnomon_model_load_duration_seconds{model="bert",model_version="1"} 41.5
gnomon_model_load_duration_seconds{model="resnet50",model_version="3"} 12.375
# HELP gnomon_server_load_duration_seconds Time from the start of the model server's process (from the first failed probe where that is not known) to its readiness, at its last start.
# TYPE gnomon_server_load_duration_seconds gauge
gnomon_server_load_duration_seconds 8
# HELP gnomon_server_starts_total Times that the model server became ready after it was not, as seen from outside.
# TYPE gnomon_server_starts_total counter
gnomon_server_starts_total 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "gnomon_cold_start_penalty_seconds", "gnomon_cold_starts_total", "gnomon_model_load_duration_seconds", "gnomon_server_load_duration_seconds", "gnomon_server_starts_total"); err != nil {
		t.Error(err)
	}
	w.Request("made-up-1", "", time.Second)
	w.Request("made-up-2", "", time.Second)
	if len(w.models) != 2 {
		t.Errorf("%d models are followed", len(w.models))
	}
	server.Close()
	if w.probe(t.Context()) {
		t.Error("a server that is gone is ready")
	}
}

// TestNoBaselineYet: the penalty waits until there are warm requests.
func TestNoBaselineYet(t *testing.T) {
	w := New(Settings{MaxModels: 2, Now: time.Now, Registerer: prometheus.NewRegistry()})
	w.Request("m", "1", time.Second)
	w.Request("m", "2", 3*time.Second) // cold, and nothing is warm
	if n := testutil.CollectAndCount(w.penalty); n != 0 {
		t.Error("a penalty without a baseline")
	}
	for range warmUp + least {
		w.Request("m", "2", time.Second)
	}
	if got := testutil.ToFloat64(w.penalty.WithLabelValues("m", "2")); got != 2 {
		t.Errorf("penalty %v", got)
	}
}

func FuzzLoads(f *testing.F) {
	f.Add(tritonMetrics)
	f.Add("nv_model_load_duration_secs{model=\"a\"")
	f.Fuzz(func(t *testing.T, s string) {
		if n := len(loads(strings.NewReader(s), 3)); n > 3 {
			t.Errorf("%d models", n)
		}
	})
}
