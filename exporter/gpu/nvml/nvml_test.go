package nvml

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
	"github.com/gnomon-dev/gnomon/exporter/gpu"
)

const ok = nvml.SUCCESS

// healthy is a GPU on which every field has a value.
func healthy(i int) *mock.Device {
	sample := func(v float64) (b [8]byte) {
		binary.NativeEndian.PutUint64(b[:], math.Float64bits(v))
		return b
	}
	d := &mock.Device{
		GetUUIDFunc: func() (string, nvml.Return) { return fmt.Sprintf("GPU-%d", i), ok },
		GetNameFunc: func() (string, nvml.Return) { return "NVIDIA H100 80GB HBM3", ok },
		GetPciInfoFunc: func() (nvml.PciInfo, nvml.Return) {
			p := nvml.PciInfo{}
			for i, c := range "00000000:1B:00.0" {
				p.BusId[i] = int8(c)
			}

			return p, ok
		},
		GetUtilizationRatesFunc: func() (nvml.Utilization, nvml.Return) { return nvml.Utilization{Gpu: 99, Memory: 40}, ok },
		GetSamplesFunc: func(_ nvml.SamplingType, since uint64) (nvml.ValueType, []nvml.Sample, nvml.Return) {
			return nvml.VALUE_TYPE_DOUBLE, []nvml.Sample{{TimeStamp: since, SampleValue: sample(0)}, {TimeStamp: since + 1, SampleValue: sample(50)}, {TimeStamp: since + 2, SampleValue: sample(70)}}, ok
		},
		GetEncoderUtilizationFunc: func() (uint32, uint32, nvml.Return) { return 5, 1, ok },
		GetDecoderUtilizationFunc: func() (uint32, uint32, nvml.Return) { return 6, 1, ok },
		GetBAR1MemoryInfoFunc: func() (nvml.BAR1Memory, nvml.Return) {
			return nvml.BAR1Memory{Bar1Total: 1 << 37, Bar1Used: 1 << 20}, ok
		},
		GetMemoryInfo_v2Func: func() (nvml.Memory_v2, nvml.Return) {
			return nvml.Memory_v2{Total: 80e9, Used: 60e9, Free: 19e9, Reserved: 1e9}, ok
		},
		GetMemoryInfoFunc:                   func() (nvml.Memory, nvml.Return) { return nvml.Memory{Total: 80e9, Used: 61e9, Free: 19e9}, ok },
		GetPowerUsageFunc:                   func() (uint32, nvml.Return) { return 650500, ok },
		GetEnforcedPowerLimitFunc:           func() (uint32, nvml.Return) { return 700000, ok },
		GetTotalEnergyConsumptionFunc:       func() (uint64, nvml.Return) { return 123456789, ok },
		GetTemperatureFunc:                  func(nvml.TemperatureSensors) (uint32, nvml.Return) { return 65, ok },
		GetTemperatureThresholdFunc:         func(k nvml.TemperatureThresholds) (uint32, nvml.Return) { return 85 + 5*uint32(1-k), ok },
		GetFanSpeedFunc:                     func() (uint32, nvml.Return) { return 42, ok },
		GetClockInfoFunc:                    func(k nvml.ClockType) (uint32, nvml.Return) { return 1000 + uint32(k), ok },
		GetMaxClockInfoFunc:                 func(k nvml.ClockType) (uint32, nvml.Return) { return 2000 + uint32(k), ok },
		GetPerformanceStateFunc:             func() (nvml.Pstates, nvml.Return) { return nvml.PSTATE_2, ok },
		GetCurrentClocksThrottleReasonsFunc: func() (uint64, nvml.Return) { return 0x44, ok },
		GetViolationStatusFunc: func(k nvml.PerfPolicyType) (nvml.ViolationTime, nvml.Return) {
			return nvml.ViolationTime{ViolationTime: 15e8 * uint64(k+1)}, ok
		},
		GetTotalEccErrorsFunc: func(k nvml.MemoryErrorType, c nvml.EccCounterType) (uint64, nvml.Return) {
			return 1 + 2*uint64(k) + 4*uint64(c), ok
		},
		GetEccModeFunc: func() (nvml.EnableState, nvml.EnableState, nvml.Return) {
			return nvml.FEATURE_ENABLED, nvml.FEATURE_ENABLED, ok
		},
		GetRetiredPagesFunc:           func(c nvml.PageRetirementCause) ([]uint64, nvml.Return) { return make([]uint64, 2+int(c)), ok },
		GetRemappedRowsFunc:           func() (int, int, bool, bool, nvml.Return) { return 7, 8, true, true, ok },
		GetPcieReplayCounterFunc:      func() (int, nvml.Return) { return 9, ok },
		GetCurrPcieLinkGenerationFunc: func() (int, nvml.Return) { return 5, ok },
		GetCurrPcieLinkWidthFunc:      func() (int, nvml.Return) { return 16, ok },
		GetMigModeFunc:                func() (int, int, nvml.Return) { return 0, 1, ok },
		GetPcieThroughputFunc:         func(k nvml.PcieUtilCounter) (uint32, nvml.Return) { return 1000 + uint32(k), ok },
		GetNvLinkStateFunc: func(l int) (nvml.EnableState, nvml.Return) {
			if l >= 4 {
				return 0, nvml.ERROR_INVALID_ARGUMENT
			}
			return nvml.FEATURE_ENABLED, ok
		},
		GetFieldValuesFunc: func(v []nvml.FieldValue) nvml.Return {
			for i := range v {
				v[i].ValueType, v[i].NvmlReturn = uint32(nvml.VALUE_TYPE_UNSIGNED_LONG_LONG), 0
				binary.NativeEndian.PutUint64(v[i].Value[:], uint64(v[i].FieldId))
			}
			return ok
		},
		GetComputeRunningProcessesFunc: func() ([]nvml.ProcessInfo, nvml.Return) {
			return []nvml.ProcessInfo{{Pid: 100, UsedGpuMemory: 5e9}, {Pid: 200, UsedGpuMemory: no64}}, ok
		},
		GetGraphicsRunningProcessesFunc: func() ([]nvml.ProcessInfo, nvml.Return) {
			return []nvml.ProcessInfo{{Pid: 100, UsedGpuMemory: 5e9}}, ok
		},
		GetProcessUtilizationFunc: func(since uint64) ([]nvml.ProcessUtilizationSample, nvml.Return) {
			return []nvml.ProcessUtilizationSample{{Pid: 100, TimeStamp: since + 1, SmUtil: 30}, {Pid: 100, TimeStamp: since + 2, SmUtil: 50}, {Pid: 200, TimeStamp: since + 1, SmUtil: 20}}, ok
		},
		RegisterEventsFunc: func(uint64, nvml.EventSet) nvml.Return { return ok },
	}
	return d
}

// machine is a library with devices; extensions lack the named functions.
func machine(devices []*mock.Device, lacks ...string) *mock.Interface {
	return &mock.Interface{
		InitFunc:                       func() nvml.Return { return ok },
		SystemGetDriverVersionFunc:     func() (string, nvml.Return) { return "570.86.15", ok },
		SystemGetCudaDriverVersionFunc: func() (int, nvml.Return) { return 12080, ok },
		DeviceGetCountFunc:             func() (int, nvml.Return) { return len(devices), ok },
		DeviceGetHandleByIndexFunc:     func(i int) (nvml.Device, nvml.Return) { return devices[i], ok },
		ExtensionsFunc: func() nvml.ExtendedInterface {
			return &mock.ExtendedInterface{LookupSymbolFunc: func(s string) error {
				if slices.Contains(lacks, s) {
					return errors.New("undefined symbol: " + s)
				}
				return nil
			}}
		},
	}
}

func options() gpu.Options { return gpu.Options{Links: true, Timeout: 60} }

func samples(d gpu.Device) map[string]float64 {
	out := map[string]float64{}
	for _, s := range d.Samples {
		out[strings.Join(append([]string{s.Metric}, s.Labels...), " ")] = s.Value
	}
	return out
}

// TestEveryField: every value in base units, and every row of the families that
// NVIDIA's GPUs fill is filled.
func TestEveryField(t *testing.T) {
	b := New(machine([]*mock.Device{healthy(0)}), options())
	if err := b.Open(); err != nil {
		t.Fatal(err)
	}
	r := b.Collect(t.Context())
	for name, c := range r.Collectors {
		if c.Error != "" {
			t.Errorf("%s: %s", name, c.Error)
		}
	}
	if r.Driver != "570.86.15" || r.CUDA != "12.8" || len(r.Devices) != 1 {
		t.Fatalf("%+v", r)
	}
	d := r.Devices[0]
	if d.PCI != "00000000:1B:00.0" || d.UUID != "GPU-0" || d.Name != "NVIDIA H100 80GB HBM3" || d.Lost != "" {
		t.Errorf("%+v", d)
	}
	got := samples(d)
	for k, v := range map[string]float64{
		gpu.Utilization: .6, "gnomon_gpu_memory_utilization_ratio": .4, "gnomon_gpu_encoder_utilization_ratio": .05, "gnomon_gpu_decoder_utilization_ratio": .06,
		gpu.MemoryUsed: 60e9, gpu.MemoryFree: 19e9, gpu.MemoryTotal: 80e9, "gnomon_gpu_memory_reserved_bytes": 1e9, "gnomon_gpu_bar1_used_bytes": 1 << 20, "gnomon_gpu_bar1_total_bytes": 1 << 37,
		gpu.Power: 650.5, gpu.PowerLimit: 700, gpu.Energy: 123456.789, gpu.Temperature + " gpu": 65, gpu.Temperature + " memory": 82, gpu.Fan: .42,
		"gnomon_gpu_temperature_threshold_celsius slowdown": 85, "gnomon_gpu_temperature_threshold_celsius shutdown": 90,
		gpu.Clock + " graphics": 1000e6, gpu.Clock + " sm": 1001e6, gpu.Clock + " memory": 1002e6, gpu.Clock + " video": 1003e6, gpu.ClockMax + " sm": 2001e6,
		gpu.Throttle + " power_cap": 1, gpu.Throttle + " hw_thermal": 1, gpu.Throttle + " gpu_idle": 0, gpu.Throttle + " sw_thermal": 0, "gnomon_gpu_performance_state": 2,
		"gnomon_gpu_throttle_seconds_total power": 1.5, "gnomon_gpu_throttle_seconds_total thermal": 3,
		gpu.ECC + " corrected volatile": 1, gpu.ECC + " uncorrected volatile": 3, gpu.ECC + " corrected aggregate": 5, gpu.ECC + " uncorrected aggregate": 7, "gnomon_gpu_ecc_enabled": 1,
		"gnomon_gpu_retired_pages single_bit": 2, "gnomon_gpu_retired_pages double_bit": 3, "gnomon_gpu_remapped_rows correctable": 7, "gnomon_gpu_remapped_rows uncorrectable": 8,
		"gnomon_gpu_remap_pending": 1, "gnomon_gpu_remap_failed": 1, "gnomon_gpu_pcie_replay_total": 9, "gnomon_gpu_pcie_link_generation": 5, "gnomon_gpu_pcie_link_width": 16,
		"gnomon_gpu_mig_enabled current": 0, "gnomon_gpu_mig_enabled pending": 1, "gnomon_gpu_pcie_throughput_bytes_per_second tx": 1e6, "gnomon_gpu_pcie_throughput_bytes_per_second rx": 1.001e6,
		"gnomon_gpu_nvlink_active": 4, "gnomon_gpu_nvlink_bytes_total tx": 138 * 1024, "gnomon_gpu_nvlink_bytes_total rx": 139 * 1024, "gnomon_gpu_nvlink_errors_total crc": 38,
	} {
		if w, there := got[k]; !there || math.Abs(w-v) > 1e-9*max(1, v) {
			t.Errorf("%s: %v (%v), want %v", k, w, there, v)
		}
	}
	filled := map[string]int{}
	for _, s := range d.Samples {
		filled[s.Metric] = len(s.Labels)
	}
	for _, m := range gpu.Metrics() {
		if n, there := filled[m.Name]; m.Name != "gnomon_gpu_mig_instances" && (!there || n != len(m.Labels)) {
			t.Errorf("%s is not filled, or has %d labels", m.Name, n)
		}
	}
	byPID := map[int]gpu.Process{}
	for _, p := range d.Processes {
		byPID[p.PID] = p
	}
	if p := byPID[100]; p.Memory == nil || *p.Memory != 5e9 || p.Busy == nil || *p.Busy != .4 {
		t.Errorf("%+v", p)
	}
	if p := byPID[200]; p.Memory != nil || p.Busy == nil || *p.Busy != .2 {
		t.Errorf("a sentinel: %+v", p)
	}
}

// codes are NVML's errors.
func codes() []nvml.Return {
	var out []nvml.Return
	for c := nvml.ERROR_UNINITIALIZED; c <= nvml.ERROR_RESET_TYPE_NOT_SUPPORTED; c++ {
		out = append(out, c)
	}
	return append(out, nvml.ERROR_UNKNOWN)
}

// TestEveryErrorOfEveryField makes every function of a device fail with every
// code in turn: what it fills is absent and never a zero, all else is there,
// and a fault is told by its code.
func TestEveryErrorOfEveryField(t *testing.T) {
	whole := samples(New(machine([]*mock.Device{healthy(0)}), options()).Collect(t.Context()).Devices[0])
	kind := reflect.TypeFor[mock.Device]()
	tried := 0
	for i := range kind.NumField() {
		name := kind.Field(i).Name
		if !strings.HasPrefix(name, "Get") || reflect.ValueOf(healthy(0)).Elem().Field(i).IsNil() || name == "GetUUIDFunc" {
			continue
		}
		tried++
		for _, code := range codes() {
			d := healthy(0)
			f := reflect.ValueOf(d).Elem().Field(i)
			f.Set(reflect.MakeFunc(f.Type(), func([]reflect.Value) []reflect.Value {
				out := make([]reflect.Value, f.Type().NumOut())
				for k := range out {
					out[k] = reflect.Zero(f.Type().Out(k))
				}
				out[len(out)-1] = reflect.ValueOf(code)
				return out
			}))
			r := New(machine([]*mock.Device{d}), options()).Collect(t.Context())
			got := samples(r.Devices[0])
			for k, v := range got {
				if whole[k] != v && k != gpu.Utilization && !strings.HasPrefix(k, "gnomon_gpu_memory_") {
					t.Errorf("%s fails with %s: %s is %v, not %v", name, Code(code), k, v, whole[k])
				}
			}
			lost := gone(code) && name != "GetNameFunc" && name != "GetPciInfoFunc" && name != "GetMemoryInfoFunc" && name != "GetProcessUtilizationFunc" && name != "GetMemoryInfo_v2Func"
			if (r.Devices[0].Lost != "") != lost {
				t.Errorf("%s fails with %s: lost is %q", name, Code(code), r.Devices[0].Lost)
			}
			if missing := len(whole) - len(got); !gone(code) && missing > 10 {
				t.Errorf("%s fails with %s: %d of %d fields are missing", name, Code(code), missing, len(whole))
			}
			told := false
			for _, c := range r.Collectors {
				told = told || c.Error == Code(code)
			}
			if lost && !told {
				t.Errorf("%s fails with %s, and no collector says so", name, Code(code))
			}
		}
	}
	if tried < 30 {
		t.Errorf("only %d functions are called", tried)
	}
}

// TestOldDriver: what the library does not have is not called, for that would
// end the process.
func TestOldDriver(t *testing.T) {
	lacks := []string{"nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetRemappedRows", "nvmlDeviceGetFieldValues", "nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetMigMode", "nvmlDeviceGetCurrentClocksThrottleReasons"}
	d := healthy(0)
	d.GetMemoryInfo_v2Func, d.GetRemappedRowsFunc, d.GetFieldValuesFunc, d.GetTotalEnergyConsumptionFunc, d.GetMigModeFunc, d.GetCurrentClocksThrottleReasonsFunc = nil, nil, nil, nil, nil, nil // the mock panics
	got := samples(New(machine([]*mock.Device{d}, lacks...), options()).Collect(t.Context()).Devices[0])
	if got[gpu.MemoryUsed] != 61e9 || got[gpu.Power] != 650.5 {
		t.Errorf("%v", got)
	}
}

// TestFallsOffTheBus: a GPU is lost, cannot be found any more, and comes back
// after a reset; the others do not notice.
func TestFallsOffTheBus(t *testing.T) {
	devices := []*mock.Device{healthy(0), healthy(1)}
	lib := machine(devices)
	b := New(lib, options())
	b.Collect(t.Context())
	devices[1].GetPowerUsageFunc = func() (uint32, nvml.Return) { return 0, nvml.ERROR_GPU_IS_LOST }
	if r := b.Collect(t.Context()); r.Devices[1].Lost != "gpu_is_lost" || r.Devices[0].Lost != "" || r.Collectors["power"].Error != "gpu_is_lost" {
		t.Errorf("lost: %q, %q, %+v", r.Devices[0].Lost, r.Devices[1].Lost, r.Collectors)
	}
	lib.DeviceGetHandleByIndexFunc = func(i int) (nvml.Device, nvml.Return) {
		if i == 1 {
			return nil, nvml.ERROR_GPU_IS_LOST
		}
		return devices[i], ok
	}
	for range 3 {
		r := b.Collect(t.Context())
		if len(r.Devices) != 2 || r.Devices[1].Lost != "gpu_is_lost" || r.Devices[1].UUID != "GPU-1" || len(r.Devices[1].Samples) != 0 || len(r.Devices[0].Samples) < 50 {
			t.Errorf("off the bus: %+v", r.Devices[1])
		}
	}
	// The driver counts one less: it is still missed.
	lib.DeviceGetCountFunc = func() (int, nvml.Return) { return 1, ok }
	if r := b.Collect(t.Context()); len(r.Devices) != 2 || r.Devices[1].Lost == "" {
		t.Errorf("%d devices", len(r.Devices))
	}
	lib.DeviceGetCountFunc = func() (int, nvml.Return) { return 2, ok }
	devices[1] = healthy(1)
	lib.DeviceGetHandleByIndexFunc = func(i int) (nvml.Device, nvml.Return) { return devices[i], ok }
	if r := b.Collect(t.Context()); r.Devices[1].Lost != "" || len(r.Devices[1].Samples) < 50 {
		t.Errorf("it came back: %+v", r.Devices[1])
	}
}

// TestMIG: instances are devices of their own; while the mode is being changed
// they come and go.
func TestMIG(t *testing.T) {
	d := healthy(0)
	d.GetMigModeFunc = func() (int, int, nvml.Return) { return 1, 1, ok }
	d.GetMaxMigDeviceCountFunc = func() (int, nvml.Return) { return 7, ok }
	instance := func(i int) *mock.Device {
		m := healthy(0)
		m.GetUUIDFunc = func() (string, nvml.Return) { return fmt.Sprintf("MIG-%d", i), ok }
		m.GetGpuInstanceIdFunc = func() (int, nvml.Return) { return i, ok }
		m.GetComputeInstanceIdFunc = func() (int, nvml.Return) { return 0, ok }
		m.GetMemoryInfo_v2Func = func() (nvml.Memory_v2, nvml.Return) { return nvml.Memory_v2{Total: 10e9, Used: 1e9, Free: 9e9}, ok }
		m.GetUtilizationRatesFunc = func() (nvml.Utilization, nvml.Return) { return nvml.Utilization{}, nvml.ERROR_NOT_SUPPORTED }
		m.GetPowerUsageFunc = func() (uint32, nvml.Return) { return 0, nvml.ERROR_INVALID_ARGUMENT }
		m.GetMigModeFunc = func() (int, int, nvml.Return) { return 0, 0, nvml.ERROR_INVALID_ARGUMENT }
		return m
	}
	state := nvml.SUCCESS
	d.GetMigDeviceHandleByIndexFunc = func(i int) (nvml.Device, nvml.Return) {
		if state != nvml.SUCCESS || i > 1 {
			return nil, max(state, nvml.ERROR_NOT_FOUND)
		}
		return instance(i + 3), ok
	}
	b := New(machine([]*mock.Device{d}), options())
	r := b.Collect(t.Context())
	if len(r.Devices) != 3 || r.Devices[1].MIG != "3/0" || r.Devices[1].UUID != "MIG-3" || r.Devices[2].MIG != "4/0" || r.Devices[1].Index != 0 {
		t.Fatalf("%+v", r.Devices)
	}
	got := samples(r.Devices[1])
	if _, there := got[gpu.Utilization]; there || got[gpu.MemoryTotal] != 10e9 {
		t.Errorf("an instance: %v", got)
	}
	for name, c := range r.Collectors {
		if c.Error != "" {
			t.Errorf("%s: what an instance does not have is no fault: %s", name, c.Error)
		}
	}
	for _, state = range []nvml.Return{nvml.ERROR_IN_USE, nvml.ERROR_INVALID_STATE, nvml.ERROR_UNKNOWN} {
		if r := b.Collect(t.Context()); len(r.Devices) != 1 || r.Devices[0].Lost != "" {
			t.Errorf("in flight: %+v", r.Devices)
		}
	}
	state = nvml.SUCCESS
	if r := b.Collect(t.Context()); len(r.Devices) != 3 {
		t.Errorf("%d devices after the change", len(r.Devices))
	}
}

// TestNoDriver: nothing is called after Init has failed.
func TestNoDriver(t *testing.T) {
	for _, code := range codes() {
		lib := &mock.Interface{InitFunc: func() nvml.Return { return code }} // everything else panics
		if err := New(lib, options()).Open(); !errors.Is(err, gpu.ErrNoDriver) || !strings.Contains(err.Error(), Code(code)) {
			t.Errorf("%v", err)
		}
	}
}

// TestHungGroup: a call that does not come back costs its own fields.
func TestHungGroup(t *testing.T) {
	d := healthy(0)
	release := make(chan struct{})
	var calls atomic.Int32
	d.GetTotalEccErrorsFunc = func(nvml.MemoryErrorType, nvml.EccCounterType) (uint64, nvml.Return) {
		calls.Add(1)
		<-release
		return 1, ok
	}
	b := New(machine([]*mock.Device{d}), gpu.Options{Timeout: 2})
	for range 2 {
		r := b.Collect(t.Context())
		if r.Collectors["health"].Error != "timeout" || r.Collectors["power"].Error != "" || samples(r.Devices[0])[gpu.Power] != 650.5 {
			t.Errorf("%+v", r.Collectors)
		}
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("the call that hangs was made %d times", n)
	}
	close(release)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if r := b.Collect(t.Context()); r.Collectors["health"].Error == "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the group did not recover")
		}
	}
}

// TestEvents: repeats count, other events do not, and a set that fails is made
// anew.
func TestEvents(t *testing.T) {
	d := healthy(0)
	lib := machine([]*mock.Device{d})
	script := []nvml.EventData{{Device: d, EventType: nvml.EventTypeXidCriticalError, EventData: 48}, {Device: d, EventType: nvml.EventTypePState, EventData: 1},
		{Device: d, EventType: nvml.EventTypeXidCriticalError, EventData: 48}, {EventType: nvml.EventTypeXidCriticalError, EventData: 79}}
	ctx, cancel := context.WithCancel(t.Context())
	lib.EventSetCreateFunc = func() (nvml.EventSet, nvml.Return) {
		at := 0
		return &mock.EventSet{FreeFunc: func() nvml.Return { return ok }, WaitFunc: func(uint32) (nvml.EventData, nvml.Return) {
			if at++; at > len(script) {
				cancel()
				return nvml.EventData{}, nvml.ERROR_TIMEOUT
			}
			return script[at-1], ok
		}}, ok
	}
	b := New(lib, options())
	b.Collect(ctx)
	var got []gpu.Event
	b.Events(ctx, func(e gpu.Event) { got = append(got, e) })
	want := []gpu.Event{{UUID: "GPU-0", XID: 48}, {UUID: "GPU-0", XID: 48}, {XID: 79}}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}
