package inferencelog

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	written, dropped, failures prometheus.Counter
	files, bytes               prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	records := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gnomon_inference_log_records_total",
		Help: "Rows of the inference log by outcome: written, or dropped because the disk failed or did not keep up."}, []string{"outcome"})
	m := &metrics{
		written: records.WithLabelValues("written"), dropped: records.WithLabelValues("dropped"),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "gnomon_inference_log_write_failures_total", Help: "Files of the inference log that could not be written."}),
		files:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "gnomon_inference_log_files", Help: "Files of the inference log."}),
		bytes:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "gnomon_inference_log_bytes", Help: "Bytes of these files."}),
	}
	if r != nil {
		r.MustRegister(records, m.failures, m.files, m.bytes)
	}
	return m
}
