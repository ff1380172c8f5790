package hook

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	notifications *prometheus.CounterVec
	alerts        *prometheus.CounterVec
	jobs          *prometheus.CounterVec
	waiting       *prometheus.GaugeVec
	started       *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer, jobs []Job) *metrics {
	m := &metrics{
		notifications: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gnomon_hook_notifications_total", Help: "Notifications by what they were answered: accepted, unauthorized, invalid, busy (a queue is full, Alertmanager tries again), error."}, []string{"outcome"}),
		alerts:        prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gnomon_hook_alerts_total", Help: "Alerts in them by what was decided: queued, resolved, not_listed, duplicate, rate_limited, queue_full, error."}, []string{"decision"}),
		jobs:          prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gnomon_hook_jobs_total", Help: "Started jobs by how they ended: success, failure."}, []string{"job", "outcome"}),
		waiting:       prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "gnomon_hook_queue_length", Help: "Starts that wait."}, []string{"job"}),
		started:       prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "gnomon_hook_last_start_timestamp_seconds", Help: "Unix time of the job's last start."}, []string{"job"}),
	}
	reg.MustRegister(m.notifications, m.alerts, m.jobs, m.waiting, m.started)
	for _, o := range []string{"accepted", "unauthorized", "invalid", "busy", "error"} {
		m.notifications.WithLabelValues(o)
	}
	for _, d := range []string{"queued", "resolved", "not_listed", "duplicate", "rate_limited", "queue_full", "error"} {
		m.alerts.WithLabelValues(d)
	}
	for i := range jobs {
		m.jobs.WithLabelValues(jobs[i].Name, "success")
		m.jobs.WithLabelValues(jobs[i].Name, "failure")
		m.waiting.WithLabelValues(jobs[i].Name)
	}
	return m
}
