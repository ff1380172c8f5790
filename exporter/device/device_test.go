package device

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func observation(class string, agree bool, more ...string) record.Observation {
	o := record.Observation{Record: record.Record{Model: "m", Version: "1", Metadata: map[string]string{"device_class": class, "device_id": "secret"}}}
	for i := 0; i < len(more); i += 2 {
		o.Metadata[more[i]] = more[i+1]
	}
	o.Shadows = []record.ShadowAnswer{{Role: "twin", Compared: true, Delta: compare.Delta{Agree: agree}}, {Role: "candidate", Compared: true}}
	return o
}

// TestByClass: a fleet of half low and half high phones of which mostly high
// ones report; the low ones' model disagrees more, which the whole would hide.
func TestByClass(t *testing.T) {
	c := config.Default().Device
	c.Expected = map[string]float64{"low": .5, "high": .5}
	reg := prometheus.NewPedanticRegistry()
	m := New(c, 4, reg)
	for i := range 90 {
		m.Observe([]record.Observation{observation("high", i%90 != 0, "battery_ratio", "0.8", "latency_seconds", "0.02", "memory_bytes", "5e7")})
	}
	for i := range 10 {
		m.Observe([]record.Observation{observation("low", i%2 == 0, "battery_ratio", "much", "latency_seconds", "-1", "memory_bytes", "NaN")})
	}
	m.Observe([]record.Observation{{Record: record.Record{Model: "m"}}}) // from no device
	want := `
# HELP gnomon_device_comparisons_total Records whose answer was compared with the twin's, by class of the device.
# TYPE gnomon_device_comparisons_total counter
gnomon_device_comparisons_total{device_class="high",model="m",model_version="1"} 90
gnomon_device_comparisons_total{device_class="low",model="m",model_version="1"} 10
# HELP gnomon_device_disagreements_total Of those, the ones on which the twin disagrees.
# TYPE gnomon_device_disagreements_total counter
gnomon_device_disagreements_total{device_class="high",model="m",model_version="1"} 1
gnomon_device_disagreements_total{device_class="low",model="m",model_version="1"} 5
# HELP gnomon_device_invalid_total Telemetry that is no number or out of range, by field.
# TYPE gnomon_device_invalid_total counter
gnomon_device_invalid_total{field="battery"} 10
gnomon_device_invalid_total{field="latency"} 10
gnomon_device_invalid_total{field="memory"} 10
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "gnomon_device_comparisons_total", "gnomon_device_disagreements_total", "gnomon_device_invalid_total"); err != nil {
		t.Error(err)
	}
	if got := testutil.ToFloat64(m.coverage.WithLabelValues("m")); math.Abs(got-.6) > 1e-9 { // .1 of .5 and .5 of .5
		t.Errorf("coverage %v", got)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(fmt.Sprint(families), "secret") {
		t.Error("an identifier of a device is in the metrics")
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}

// TestBounded: classes and models come from devices and must not become series
// without end.
func TestBounded(t *testing.T) {
	c := config.Default().Device
	c.MaxClasses = 5
	reg := prometheus.NewRegistry()
	m := New(c, 3, reg)
	for i := range 200 {
		o := observation(fmt.Sprint("class-", i), true)
		o.Model = fmt.Sprint("model-", i%20)
		m.Observe([]record.Observation{o, observation(strings.Repeat("x", 1000), true)})
	}
	if n := testutil.CollectAndCount(m.records); n > 3*7 {
		t.Errorf("%d series", n)
	}
}
