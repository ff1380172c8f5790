// Package nvml reads NVIDIA's GPUs through NVML.
//
// Without a driver, any call after a failed Init ends the process (the binding
// links lazily), and so does a call that an older driver does not have: nothing
// is called before Init has succeeded, and every field names the function that
// the library must have.
package nvml

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/gnomon-dev/gnomon/exporter/gpu"
)

// Backend implements gpu.Backend. Not safe for concurrent use, but for Events.
type Backend struct {
	lib     nvml.Interface
	options gpu.Options

	mu      sync.Mutex // of devices, which Events reads
	devices []*device
	age     int // collections since the inventory was taken

	stuck map[string]chan struct{} // groups that have not come back
}

// device is a handle with what is kept between collections.
type device struct {
	handle   nvml.Device
	id       gpu.Device
	usedAt   atomic.Uint64 // time stamp of the last utilisation sample, in microseconds
	procAt   atomic.Uint64
	why      atomic.Pointer[string] // why it is lost
	children []*device              // MIG instances; under the backend's lock
}

// lost is why the device does not answer; "" where it does. A group that came
// too late may still ask, so it is read and written apart from the rest.
func (d *device) lost() string {
	if why := d.why.Load(); why != nil {
		return *why
	}
	return ""
}

func (d *device) lose(why string) { d.why.Store(&why) }

// New reads through lib; the default library where it is nil.
func New(lib nvml.Interface, o gpu.Options) *Backend {
	if lib == nil {
		var options []nvml.LibraryOption
		if o.Library != "" {
			options = append(options, nvml.WithLibraryPath(o.Library))
		}
		lib = nvml.New(options...)
	}
	return &Backend{lib: lib, options: o, stuck: map[string]chan struct{}{}}
}

// Name is the vendor.
func (b *Backend) Name() string { return "nvidia" }

// Open initialises the library. Nothing else is called where that fails.
func (b *Backend) Open() error {
	if ret := b.lib.Init(); ret != nvml.SUCCESS {
		return fmt.Errorf("%w: NVML: %s", gpu.ErrNoDriver, Code(ret))
	}
	return nil
}

// inventoryEvery is after how many collections devices are looked for again.
const inventoryEvery = 6

// Collect reads everything, group by group. A group that does not come back in
// a quarter of the timeout is reported as such and left alone until it has.
func (b *Backend) Collect(ctx context.Context) gpu.Report {
	r := gpu.Report{Collectors: map[string]gpu.Collector{}}
	end := time.Now().Add(time.Duration(b.options.Timeout * float64(time.Second)))
	found := []gpu.Device{}
	r.Collectors["inventory"] = b.bounded("inventory", end, func() (nvml.Return, func()) {
		ret, devices, driver, cuda := b.inventory()
		return ret, func() {
			r.Driver, r.CUDA = driver, cuda
			b.mu.Lock()
			b.devices = devices
			b.mu.Unlock()
		}
	})
	all := b.all()
	for _, d := range all {
		id := d.id
		id.Lost = d.lost()
		found = append(found, id)
	}
	for _, g := range groups() {
		if g.links && !b.options.Links || ctx.Err() != nil {
			continue
		}
		r.Collectors[g.name] = b.bounded(g.name, end, func() (nvml.Return, func()) {
			out, worst := make([]gpu.Device, len(all)), nvml.SUCCESS
			for i, d := range all {
				if ret := g.read(b, d, &out[i]); ret != nvml.SUCCESS {
					worst = ret
				}
			}
			return worst, func() { merge(found, out) }
		})
	}
	for i, d := range all {
		d.lose(found[i].Lost)
	}
	r.Devices = found
	return r
}

func merge(into, from []gpu.Device) {
	for i := range from {
		into[i].Samples = append(into[i].Samples, from[i].Samples...)
		into[i].Processes = append(into[i].Processes, from[i].Processes...)
		if from[i].Lost != "" {
			into[i].Lost = from[i].Lost
		}
	}
}

// bounded runs a group; what it read is taken over by the function that it
// returns, unless it came too late.
func (b *Backend) bounded(name string, end time.Time, read func() (nvml.Return, func())) gpu.Collector {
	if busy := b.stuck[name]; busy != nil {
		select {
		case <-busy:
			delete(b.stuck, name)
		default:
			return gpu.Collector{Error: "timeout"}
		}
	}
	type outcome struct {
		ret  nvml.Return
		take func()
	}
	start, done, ended := time.Now(), make(chan outcome, 1), make(chan struct{})
	go func() {
		defer close(ended)
		ret, take := read()
		done <- outcome{ret, take}
	}()
	limit := min(time.Until(end), time.Duration(b.options.Timeout*float64(time.Second)/4))
	timer := time.NewTimer(max(limit, 0))
	defer timer.Stop()
	select {
	case o := <-done:
		o.take()
		c := gpu.Collector{Seconds: time.Since(start).Seconds()}
		if o.ret != nvml.SUCCESS {
			c.Error = Code(o.ret)
		}
		return c
	case <-timer.C:
		b.stuck[name] = ended
		return gpu.Collector{Seconds: time.Since(start).Seconds(), Error: "timeout"}
	}
}

func (b *Backend) all() []*device {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []*device
	for _, d := range b.devices {
		out = append(out, d)
		out = append(out, d.children...)
	}
	return out
}

// inventory finds the devices. A device that is gone stays listed as it was,
// lost: that it has gone is what must be seen.
func (b *Backend) inventory() (ret nvml.Return, out []*device, driver, cuda string) {
	b.mu.Lock()
	was := b.devices
	b.mu.Unlock()
	driver, _ = b.lib.SystemGetDriverVersion() // "" where it is not known
	if v, ret := b.lib.SystemGetCudaDriverVersion(); ret == nvml.SUCCESS {
		cuda = fmt.Sprintf("%d.%d", v/1000, v%1000/10)
	}
	healthy := len(was) > 0
	for _, d := range was {
		healthy = healthy && d.lost() == ""
	}
	if b.age++; healthy && b.age%inventoryEvery != 0 {
		for _, d := range was {
			b.adopt(d)
		}
		return nvml.SUCCESS, was, driver, cuda
	}
	n, ret := b.lib.DeviceGetCount()
	if ret != nvml.SUCCESS {
		for _, d := range was {
			d.lose(Code(ret))
		}
		return ret, was, driver, cuda
	}
	worst := nvml.SUCCESS
	for i := range max(n, len(was)) {
		d, ret := b.identify(i)
		if ret != nvml.SUCCESS {
			worst = ret
			if i >= len(was) {
				continue
			}
			d = was[i]
			d.lose(Code(ret))
		} else if i < len(was) && was[i].id.UUID == d.id.UUID {
			d.usedAt.Store(was[i].usedAt.Load())
			d.procAt.Store(was[i].procAt.Load())
		}
		b.adopt(d)
		out = append(out, d)
	}
	return worst, out, driver, cuda
}

// adopt finds the instances of a device.
func (b *Backend) adopt(d *device) {
	var children []*device
	if d.lost() == "" {
		children = b.instances(d)
	}
	b.mu.Lock()
	d.children = children
	b.mu.Unlock()
}

func (b *Backend) identify(i int) (*device, nvml.Return) {
	handle, ret := b.lib.DeviceGetHandleByIndex(i)
	if ret != nvml.SUCCESS {
		return nil, ret
	}
	uuid, ret := handle.GetUUID()
	if ret != nvml.SUCCESS {
		return nil, ret
	}
	name, _ := handle.GetName() // "" where it does not say
	d := &device{handle: handle, id: gpu.Device{Index: i, UUID: uuid, Name: name, Vendor: "nvidia"}}
	if pci, ret := handle.GetPciInfo(); ret == nvml.SUCCESS {
		d.id.PCI = text(pci.BusId[:])
	}
	return d, nvml.SUCCESS
}

// instances are the MIG instances of a device; none while MIG is off or is
// being changed.
func (b *Backend) instances(d *device) []*device {
	if !b.has("nvmlDeviceGetMigMode") {
		return nil
	}
	current, _, ret := d.handle.GetMigMode()
	if ret != nvml.SUCCESS || current != nvml.DEVICE_MIG_ENABLE {
		return nil
	}
	n, ret := d.handle.GetMaxMigDeviceCount()
	if ret != nvml.SUCCESS {
		return nil
	}
	var out []*device
	for i := range n {
		handle, ret := d.handle.GetMigDeviceHandleByIndex(i)
		if ret != nvml.SUCCESS {
			continue // not every index is used
		}
		uuid, ret := handle.GetUUID()
		if ret != nvml.SUCCESS {
			continue // it has just been taken away
		}
		gi, _ := handle.GetGpuInstanceId()
		ci, _ := handle.GetComputeInstanceId()
		out = append(out, &device{handle: handle, id: gpu.Device{Index: d.id.Index, MIG: fmt.Sprintf("%d/%d", gi, ci), UUID: uuid, PCI: d.id.PCI, Name: d.id.Name, Vendor: "nvidia"}})
	}
	return out
}

// has reports whether the driver's library has a function.
func (b *Backend) has(symbol string) bool {
	return symbol == "" || b.lib.Extensions().LookupSymbol(symbol) == nil
}

// Events waits for the driver's XID errors until ctx ends.
func (b *Backend) Events(ctx context.Context, emit func(gpu.Event)) {
	for ctx.Err() == nil {
		b.listen(ctx, emit)
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Second):
		}
	}
}

// listen waits until the set of events fails, or devices have changed.
func (b *Backend) listen(ctx context.Context, emit func(gpu.Event)) {
	b.mu.Lock()
	devices := b.devices
	b.mu.Unlock()
	if len(devices) == 0 {
		return
	}
	set, ret := b.lib.EventSetCreate()
	if ret != nvml.SUCCESS {
		return
	}
	defer set.Free()
	names := map[string]bool{}
	for _, d := range devices {
		if d.lost() == "" && d.handle.RegisterEvents(nvml.EventTypeXidCriticalError, set) == nvml.SUCCESS {
			names[d.id.UUID] = true
		}
	}
	for began := time.Now(); len(names) > 0 && ctx.Err() == nil && time.Since(began) < time.Hour; {
		e, ret := set.Wait(1000)
		switch ret {
		case nvml.SUCCESS:
			if e.EventType == nvml.EventTypeXidCriticalError {
				emit(gpu.Event{UUID: uuidOf(e.Device), XID: e.EventData})
			}
		case nvml.ERROR_TIMEOUT:
		default:
			return
		}
	}
}

func uuidOf(d nvml.Device) string {
	if d == nil {
		return ""
	}
	uuid, ret := d.GetUUID()
	if ret != nvml.SUCCESS {
		return "" // it fell off the bus: which one is not known any more
	}
	return uuid
}

// text is a C string.
func text[T int8 | uint8](b []T) string {
	out := make([]byte, 0, len(b))
	for _, c := range b {
		if c == 0 {
			break
		}
		out = append(out, byte(c))
	}
	return string(out)
}

// Code names a return value for a label.
func Code(ret nvml.Return) string {
	names := map[nvml.Return]string{
		nvml.SUCCESS: "", nvml.ERROR_UNINITIALIZED: "uninitialized", nvml.ERROR_INVALID_ARGUMENT: "invalid_argument", nvml.ERROR_NOT_SUPPORTED: "not_supported",
		nvml.ERROR_NO_PERMISSION: "no_permission", nvml.ERROR_ALREADY_INITIALIZED: "already_initialized", nvml.ERROR_NOT_FOUND: "not_found",
		nvml.ERROR_INSUFFICIENT_SIZE: "insufficient_size", nvml.ERROR_INSUFFICIENT_POWER: "insufficient_power", nvml.ERROR_DRIVER_NOT_LOADED: "driver_not_loaded",
		nvml.ERROR_TIMEOUT: "timeout", nvml.ERROR_IRQ_ISSUE: "irq_issue", nvml.ERROR_LIBRARY_NOT_FOUND: "library_not_found", nvml.ERROR_FUNCTION_NOT_FOUND: "function_not_found",
		nvml.ERROR_CORRUPTED_INFOROM: "corrupted_inforom", nvml.ERROR_GPU_IS_LOST: "gpu_is_lost", nvml.ERROR_RESET_REQUIRED: "reset_required",
		nvml.ERROR_OPERATING_SYSTEM: "operating_system", nvml.ERROR_LIB_RM_VERSION_MISMATCH: "version_mismatch", nvml.ERROR_IN_USE: "in_use", nvml.ERROR_MEMORY: "memory",
		nvml.ERROR_NO_DATA: "no_data", nvml.ERROR_VGPU_ECC_NOT_SUPPORTED: "vgpu_ecc_not_supported", nvml.ERROR_INSUFFICIENT_RESOURCES: "insufficient_resources",
		nvml.ERROR_FREQ_NOT_SUPPORTED: "freq_not_supported", nvml.ERROR_ARGUMENT_VERSION_MISMATCH: "argument_version_mismatch", nvml.ERROR_DEPRECATED: "deprecated",
		nvml.ERROR_NOT_READY: "not_ready", nvml.ERROR_GPU_NOT_FOUND: "gpu_not_found", nvml.ERROR_INVALID_STATE: "invalid_state", nvml.ERROR_RESET_TYPE_NOT_SUPPORTED: "reset_type_not_supported",
	}
	if name, ok := names[ret]; ok {
		return name
	}
	return "unknown"
}

// absent reports whether a return value says that the device does not have the
// field, which is no fault.
func absent(ret nvml.Return) bool {
	switch ret {
	case nvml.ERROR_NOT_SUPPORTED, nvml.ERROR_NO_DATA, nvml.ERROR_NOT_FOUND, nvml.ERROR_FUNCTION_NOT_FOUND, nvml.ERROR_VGPU_ECC_NOT_SUPPORTED, nvml.ERROR_DEPRECATED, nvml.ERROR_FREQ_NOT_SUPPORTED, nvml.ERROR_ARGUMENT_VERSION_MISMATCH:
		return true
	}
	return false
}

// gone reports whether a return value is about the whole device.
func gone(ret nvml.Return) bool {
	return ret == nvml.ERROR_GPU_IS_LOST || ret == nvml.ERROR_RESET_REQUIRED || ret == nvml.ERROR_GPU_NOT_FOUND
}

// The values that stand for "not known".
const (
	no64 = math.MaxUint64
	no32 = math.MaxUint32
)
