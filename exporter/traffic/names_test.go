package traffic

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// TestNamesThatAreNoText: whatever a request calls its model, it is counted.
func TestNamesThatAreNoText(t *testing.T) {
	x := New(Settings{Registerer: prometheus.NewRegistry(), Now: time.Now, Span: time.Minute, MaxModels: 4})
	x.Request(record.Done{Tap: "grpc", Model: "\xff", Outcome: record.Success})
	x.Sampled("\xfe")
	if got := x.Totals(overflow)["success"]; got != 1 {
		t.Errorf("%d counted", got)
	}
}
