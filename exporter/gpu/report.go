package gpu

import (
	"context"
	"errors"
)

// ErrNoDriver: there is no GPU that the backend could read, or no driver.
var ErrNoDriver = errors.New("no GPU driver")

// Report is what a worker has read at one time.
type Report struct {
	Down       string               `json:"down,omitempty"` // why there is nothing
	Driver     string               `json:"driver,omitempty"`
	CUDA       string               `json:"cuda,omitempty"`
	Devices    []Device             `json:"devices,omitempty"`
	Collectors map[string]Collector `json:"collectors,omitempty"`
	Events     []Event              `json:"events,omitempty"`
}

// Device is one GPU, or one MIG instance of one.
type Device struct {
	Index  int    `json:"index"`
	MIG    string `json:"mig,omitempty"` // GPU instance and compute instance, such as 3/0
	UUID   string `json:"uuid"`
	PCI    string `json:"pci,omitempty"`
	Name   string `json:"name"`
	Vendor string `json:"vendor"`
	// Lost is why the device does not answer: lost, reset_required, ...
	Lost      string    `json:"lost,omitempty"`
	Samples   []Sample  `json:"samples,omitempty"`
	Processes []Process `json:"processes,omitempty"`
}

// Sample is one value: a row of Metrics by its name and the values of its
// labels.
type Sample struct {
	Metric string   `json:"m"`
	Value  float64  `json:"v"`
	Labels []string `json:"l,omitempty"`
}

// Process is one process on a device.
type Process struct {
	PID    int      `json:"pid"`
	Memory *uint64  `json:"memory,omitempty"` // bytes; absent where the driver does not say
	Busy   *float64 `json:"busy,omitempty"`   // share of the multiprocessors' time, 0 to 1
}

// Collector is how one group of fields was read.
type Collector struct {
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error,omitempty"` // a code, such as timeout or gpu_is_lost
}

// Event is an error that the driver reported when it happened.
type Event struct {
	UUID string `json:"uuid"`
	XID  uint64 `json:"xid"`
}

// Backend reads the GPUs of one kind.
//
// Open is called once, in the worker's process; ErrNoDriver says that there is
// nothing to read. Collect reads all; it is called from one goroutine at a
// time. Events hands events over until ctx ends.
type Backend interface {
	Name() string
	Open() error
	Collect(ctx context.Context) Report
	Events(ctx context.Context, emit func(Event))
}

// Options is what a worker is told.
type Options struct {
	Library string // of NVML; found by the loader where empty
	Links   bool   // read PCIe and NVLink throughput too
	Timeout float64
	Sysfs   string // root of the files of AMD and Intel; / where empty
}
