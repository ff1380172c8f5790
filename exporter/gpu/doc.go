// Package gpu watches the GPUs of the machine.
//
// The driver's library can hang and can abort the process that calls it, so it
// is called in a child process: a Supervisor starts the worker, asks it for a
// Report once an interval, kills and replaces it when it does not answer, and
// is the collector of the last report. A driver that hangs costs one stale
// report, visible by gnomon_gpu_last_success_timestamp_seconds, and nothing
// else; without a GPU there is gnomon_gpu_up 0 and nothing else.
//
// Backends read: gpu/nvml (NVIDIA), gpu/sysfs (AMD and Intel, from what the
// kernel shows). They share the names of Metrics: a new field is a row there
// and a row in the backend's table. What a device does not support is absent,
// never 0.
package gpu
