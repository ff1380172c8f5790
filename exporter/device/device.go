// Package device follows models on phones and other devices by the telemetry
// that their records bring in the metadata: class of the device, battery,
// memory, latency. Everything is counted by class and nothing by device: no
// identifier is read, and the number of classes is bounded.
package device

import (
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/prometheus/client_golang/prometheus"
)

// The classes of records that name none, and of those beyond the bound.
const (
	unknown  = "_unknown"
	overflow = "_other"
)

// Monitor implements pipeline.Monitor.
type Monitor struct {
	c       config.Device
	classes map[string]bool
	counts  map[string]map[string]float64 // by model, then class

	records, comparisons, disagreements *prometheus.CounterVec
	invalid                             *prometheus.CounterVec
	latency, battery, memory            *prometheus.HistogramVec
	coverage                            *prometheus.GaugeVec
	models                              int
}

// New registers the metrics. At most models models are told apart.
func New(c config.Device, models int, r prometheus.Registerer) *Monitor {
	m := &Monitor{c: c, classes: map[string]bool{}, counts: map[string]map[string]float64{}, models: models}
	labels := []string{"model", "model_version", "device_class"}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		r.MustRegister(v)
		return v
	}
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
		r.MustRegister(v)
		return v
	}
	m.records = counter("gnomon_device_records_total", "Sampled records by class of the device: _unknown where they name none, _other beyond devices.max_classes.", labels...)
	m.comparisons = counter("gnomon_device_comparisons_total", "Records whose answer was compared with the twin's, by class of the device.", labels...)
	m.disagreements = counter("gnomon_device_disagreements_total", "Of those, the ones on which the twin disagrees.", labels...)
	m.invalid = counter("gnomon_device_invalid_total", "Telemetry that is no number or out of range, by field.", "field")
	m.latency = histogram("gnomon_device_latency_seconds", "Latency of the inference on the device.", []float64{.001, .0025, .005, .01, .025, .05, .1, .2, .5, 1, 2.5, 5, 10})
	m.battery = histogram("gnomon_device_battery_ratio", "Charge of the battery, 0 to 1.", []float64{.05, .1, .2, .3, .4, .5, .6, .7, .8, .9, 1})
	m.memory = histogram("gnomon_device_memory_bytes", "Memory that the model takes on the device.", prometheus.ExponentialBuckets(1<<20, 2, 14))
	m.coverage = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "gnomon_device_coverage_ratio", Help: "How much of the fleet as devices.expected describes it the records cover: 1 where every class has its share, 0 where none has any."}, []string{"model"})
	if len(c.Expected) > 0 {
		r.MustRegister(m.coverage)
		expected := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "gnomon_device_expected_ratio", Help: "Share of the fleet that the class has, as devices.expected says."}, []string{"device_class"})
		r.MustRegister(expected)
		for _, class := range slices.Sorted(maps.Keys(c.Expected)) {
			m.classes[class] = true
			expected.WithLabelValues(class).Set(c.Expected[class])
		}
	}
	for _, field := range []string{"battery", "memory", "latency"} {
		m.invalid.WithLabelValues(field)
	}
	return m
}

// Observe counts records that bring telemetry.
func (m *Monitor) Observe(list []record.Observation) {
	for i := range list {
		m.one(&list[i])
	}
}

func (m *Monitor) one(o *record.Observation) {
	if len(o.Metadata) == 0 {
		return
	}
	counts := m.counts[o.Model]
	if counts == nil {
		if len(m.counts) >= m.models {
			return
		}
		counts = map[string]float64{}
		m.counts[o.Model] = counts
	}
	class := m.class(o.Metadata[m.c.ClassKey])
	labels := []string{o.Model, o.Version, class}
	m.records.WithLabelValues(labels...).Inc()
	counts[class]++
	if len(m.c.Expected) > 0 {
		m.coverage.WithLabelValues(o.Model).Set(m.covered(counts))
	}
	for _, f := range []struct {
		name, key  string
		low, high  float64
		histograms *prometheus.HistogramVec
	}{{"battery", m.c.BatteryKey, 0, 1, m.battery}, {"memory", m.c.MemoryKey, 0, 1e15, m.memory}, {"latency", m.c.LatencyKey, 0, 1e6, m.latency}} {
		text, ok := o.Metadata[f.key]
		if !ok || f.key == "" {
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(v) || v < f.low || v > f.high {
			m.invalid.WithLabelValues(f.name).Inc()
			continue
		}
		f.histograms.WithLabelValues(labels...).Observe(v)
	}
	for _, s := range o.Shadows {
		if s.Role != "twin" || !s.Compared {
			continue
		}
		m.comparisons.WithLabelValues(labels...).Inc()
		if !s.Delta.Agree {
			m.disagreements.WithLabelValues(labels...).Inc()
		}
	}
}

// longest is the longest name of a class.
const longest = 64

// class bounds the classes: they come from devices.
func (m *Monitor) class(name string) string {
	switch {
	case name == "":
		return unknown
	case m.classes[name]:
		return name
	case len(m.classes) >= m.c.MaxClasses || len(name) > longest:
		return overflow
	}
	m.classes[name] = true
	return name
}

// covered is the sum over classes of min(share in the records, expected share),
// over the sum of the expected shares.
func (m *Monitor) covered(counts map[string]float64) float64 {
	total, expected, sum := 0., 0., 0.
	for _, n := range counts {
		total += n
	}
	for class, share := range m.c.Expected {
		expected += share
		sum += min(share, counts[class]/total)
	}
	if expected == 0 {
		return 0
	}
	return sum / expected
}
