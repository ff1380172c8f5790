package tracing

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/shadow/compare"
)

const recorded = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

var at = time.Unix(1_772_366_580, 0).UTC()

func observation(traceparent string) record.Observation {
	return record.Observation{
		Record:  record.Record{ID: "secret-id", Model: "iris", Version: "2", Tap: "http", Time: at, Latency: 5 * time.Millisecond, TraceParent: traceparent},
		Shadows: []record.ShadowAnswer{{Shadow: "twin", Role: "twin", Compared: true, Delta: compare.Delta{JS: .25}}, {Shadow: "next", Role: "candidate", Err: errors.New("down")}},
	}
}

// TestSpans: a record of a recorded trace is one span of it; others are none.
func TestSpans(t *testing.T) {
	memory := tracetest.NewInMemoryExporter()
	tracer := New(sdk.NewSimpleSpanProcessor(memory), "v1")
	tracer.Observe([]record.Observation{observation(recorded), observation(recorded[:53] + "00"), observation(""), observation("00-nonsense")})
	spans := memory.GetSpans()
	if len(spans) != 1 {
		t.Fatalf("%d spans", len(spans))
	}
	s := spans[0]
	if s.SpanContext.TraceID().String() != recorded[3:35] || s.Parent.SpanID().String() != recorded[36:52] || !s.StartTime.Equal(at) || !s.EndTime.Equal(at.Add(5*time.Millisecond)) || len(s.Events) != 2 {
		t.Errorf("span %+v", s)
	}
	got := map[string]string{}
	for _, a := range append(s.Attributes, s.Events[0].Attributes...) {
		got[string(a.Key)] = a.Value.Emit()
		if a.Value.Emit() == "secret-id" {
			t.Error("the record's id is in the span")
		}
	}
	for key, want := range map[string]string{"gnomon.model": "iris", "gnomon.model_version": "2", "gnomon.shadow": "twin", "gnomon.shadow.agrees": "false", "gnomon.shadow.js_distance": "0.25"} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
}

// TestOTLP: what a collector receives is OTLP; one that is down stops nothing.
func TestOTLP(t *testing.T) {
	received := make(chan *collector.ExportTraceServiceRequest, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m := &collector.ExportTraceServiceRequest{}
		if err := proto.Unmarshal(body, m); err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		received <- m
	}))
	defer server.Close()
	tracer, err := Open(t.Context(), server.URL+"/", "v1")
	if err != nil {
		t.Fatal(err)
	}
	tracer.Observe([]record.Observation{observation(recorded)})
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := <-received
	if span := m.ResourceSpans[0].ScopeSpans[0].Spans[0]; span.Name != "gnomon record" || span.StartTimeUnixNano != uint64(at.UnixNano()) {
		t.Errorf("received %v", span)
	}
	down, err := Open(t.Context(), "http://127.0.0.1:1", "v1")
	if err != nil {
		t.Fatal(err)
	}
	down.Observe([]record.Observation{observation(recorded)})
}

func FuzzParent(f *testing.F) {
	f.Add(recorded)
	f.Fuzz(func(t *testing.T, s string) {
		if c, ok := Parent(s); ok && !c.IsValid() {
			t.Errorf("%q is taken for valid", s)
		}
	})
}
