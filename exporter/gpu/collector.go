package gpu

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// own are the families about the collector itself and about devices as a whole.
func own() map[string]*prometheus.Desc {
	device := []string{"gpu", "uuid", "mig"}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	list := map[string]*prometheus.Desc{
		"up":        desc("gnomon_gpu_up", "1 while GPUs are read, 0 where there is none, no driver, or no fresh report."),
		"info":      desc("gnomon_gpu_info", "1 for each GPU and MIG instance.", "gpu", "uuid", "mig", "pci_bus_id", "name", "vendor", "driver_version", "cuda_version", "hostname"),
		"device_up": desc("gnomon_gpu_device_up", "1 while the GPU answers, 0 where it is lost, has fallen off the bus or must be reset.", device...),
		"xid":       desc("gnomon_gpu_xid_errors_total", "XID errors that the driver reported, by code; gpu is empty where the device could not be told.", "gpu", "uuid", "xid"),
		"busy":      desc("gnomon_gpu_busy_seconds_total", "Time in which the GPU was busy: the utilisation over time.", device...),
		"role":      desc("gnomon_gpu_process_busy_seconds_total", "Busy time of the GPU by whose processes: primary, shadow, other.", "gpu", "uuid", "mig", "process"),
		"memory":    desc("gnomon_gpu_process_memory_bytes", "Memory of the GPU by whose processes: primary, shadow, other.", "gpu", "uuid", "mig", "process"),
		"processes": desc("gnomon_gpu_processes", "Processes on the GPU by whose they are.", "gpu", "uuid", "mig", "process"),
		"pod":       desc("gnomon_gpu_pod_info", "1 for the container that the kubelet gave the GPU to.", "gpu", "uuid", "mig", "namespace", "pod", "container"),
		"success":   desc("gnomon_gpu_last_success_timestamp_seconds", "Unix time at which the collector last read all that it reads.", "collector"),
		"duration":  desc("gnomon_gpu_collector_duration_seconds", "Time that the collector's last read took.", "collector"),
		"failures":  desc("gnomon_gpu_collector_errors_total", "Reads of the collector that failed, by the driver's code; timeout where it did not come back.", "collector", "code"),
		"restarts":  desc("gnomon_gpu_collector_restarts_total", "Collector processes that were replaced, by reason: crashed, hung.", "reason"),
	}
	return list
}

func descOf(m Metric) *prometheus.Desc {
	return prometheus.NewDesc(m.Name, m.Help, append([]string{"gpu", "uuid", "mig"}, m.Labels...), nil)
}

// Describe implements prometheus.Collector.
func (v *Supervisor) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range own() {
		ch <- d
	}
	for _, m := range Metrics() {
		ch <- descOf(m)
	}
	for _, a := range aliases(v.s.Compatibility) {
		ch <- a.desc()
	}
}

// Collect implements prometheus.Collector. It never waits for a driver.
func (v *Supervisor) Collect(ch chan<- prometheus.Metric) {
	v.mu.Lock()
	defer v.mu.Unlock()
	descs := own()
	send := func(name string, kind prometheus.ValueType, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(descs[name], kind, value, labels...)
	}
	up := v.started && v.s.Now().Sub(v.at) <= fresh*v.s.Interval+v.s.Timeout
	send("up", gauge, boolean(up))
	for reason, n := range v.restarts {
		send("restarts", counter, float64(n), reason)
	}
	if !v.started {
		return
	}
	for name, at := range v.success {
		send("success", gauge, float64(at.UnixNano())/1e9, name)
	}
	for f, n := range v.failures {
		send("failures", counter, float64(n), f.collector, f.code)
	}
	for x, n := range v.xids {
		send("xid", counter, float64(n), x.gpu, x.uuid, strconv.FormatUint(x.code, 10))
	}
	if !up {
		return // what was true is not said to be
	}
	for name, c := range v.report.Collectors {
		send("duration", gauge, c.Seconds, name)
	}
	rows := map[string]Metric{}
	for _, m := range Metrics() {
		rows[m.Name] = m
	}
	old := aliases(v.s.Compatibility)
	for i := range v.report.Devices {
		d := &v.report.Devices[i]
		v.device(d, send)
		for _, s := range d.Samples {
			if m, ok := rows[s.Metric]; ok && len(s.Labels) == len(m.Labels) {
				ch <- prometheus.MustNewConstMetric(descOf(m), m.Type, s.Value, append(d.labels(), s.Labels...)...)
			}
		}
		for _, a := range old {
			if value, ok := a.value(d); ok {
				ch <- prometheus.MustNewConstMetric(a.desc(), a.kind, value, a.labels(d, v.s.Hostname, v.pods)...)
			}
		}
	}
}

func (d *Device) labels() []string { return []string{strconv.Itoa(d.Index), d.UUID, d.MIG} }

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// device sends what is known of a device as a whole.
func (v *Supervisor) device(d *Device, send func(string, prometheus.ValueType, float64, ...string)) {
	with := func(labels ...string) []string { return append(d.labels(), labels...) }
	send("info", gauge, 1, with(d.PCI, d.Name, d.Vendor, v.report.Driver, v.report.CUDA, v.s.Hostname)...)
	send("device_up", gauge, boolean(d.Lost == ""), d.labels()...)
	if pod, ok := v.pods[d.UUID]; ok {
		send("pod", gauge, 1, with(pod.Namespace, pod.Name, pod.Container)...)
	}
	if _, ok := value(d, Utilization); ok {
		send("busy", counter, v.busy[d.UUID], d.labels()...)
	}
	for _, role := range []string{Primary, Shadow, Other} {
		if s, ok := v.shares[share{d.UUID, role}]; ok {
			send("role", counter, s, with(role)...)
		}
		n, memory, known := 0, uint64(0), false
		for _, p := range d.Processes {
			if v.role(p.PID) == role {
				n++
				if p.Memory != nil {
					memory, known = memory+*p.Memory, true
				}
			}
		}
		if d.Lost == "" && d.Vendor == "nvidia" {
			send("processes", gauge, float64(n), with(role)...)
		}
		if known {
			send("memory", gauge, float64(memory), with(role)...)
		}
	}
}
