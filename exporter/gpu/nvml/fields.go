package nvml

import (
	"encoding/binary"
	"math"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/gnomon-dev/gnomon/exporter/gpu"
)

// put takes a value of a field with its labels.
type put func(v float64, labels ...string)

// field is one metric: a new one is a row.
type field struct {
	metric string
	symbol string // function that the library must have; "" for those that every driver has
	read   func(d nvml.Device, p put) nvml.Return
}

// group is fields that are read and timed together.
type group struct {
	name  string
	links bool // slow: only where gpu.links is on
	read  func(b *Backend, d *device, out *gpu.Device) nvml.Return
}

func groups() []group {
	return []group{
		{"utilization", false, fields(utilizationFields()).plus(utilization)},
		{"memory", false, fields(memoryFields()).plus(memory)},
		{"power", false, fields(powerFields()).read},
		{"clocks", false, fields(clockFields()).read},
		{"health", false, fields(healthFields()).read},
		{"processes", false, processes},
		{"links", true, fields(linkFields()).plus(nvlink)},
	}
}

type fields []field

// read reads every field of a device. What is not supported is left out; the
// first other fault is returned; a device that is lost is not asked further.
func (list fields) read(b *Backend, d *device, out *gpu.Device) nvml.Return {
	worst := nvml.SUCCESS
	for _, f := range list {
		if d.lost() != "" {
			break
		}
		if !b.has(f.symbol) {
			continue
		}
		ret := f.read(d.handle, func(v float64, labels ...string) {
			if !math.IsNaN(v) && !math.IsInf(v, 0) && v >= 0 {
				out.Samples = append(out.Samples, gpu.Sample{Metric: f.metric, Value: v, Labels: labels})
			}
		})
		if ret == nvml.SUCCESS || absent(ret) || d.id.MIG != "" && ret == nvml.ERROR_INVALID_ARGUMENT {
			continue
		}
		worst = ret
		if gone(ret) {
			out.Lost = Code(ret)
			break
		}
	}
	return worst
}

// plus reads fields that need more than a handle after the others.
func (list fields) plus(more func(b *Backend, d *device, out *gpu.Device) nvml.Return) func(*Backend, *device, *gpu.Device) nvml.Return {
	return func(b *Backend, d *device, out *gpu.Device) nvml.Return {
		worst := list.read(b, d, out)
		if d.lost() != "" || out.Lost != "" {
			return worst
		}
		if ret := more(b, d, out); ret != nvml.SUCCESS && !absent(ret) && (d.id.MIG == "" || ret != nvml.ERROR_INVALID_ARGUMENT) {
			worst = ret
			if gone(ret) {
				out.Lost = Code(ret)
			}
		}
		return worst
	}
}

// u32 makes a field of a function that returns a number; sentinels are left
// out.
func u32(metric, symbol string, scale float64, f func(nvml.Device) (uint32, nvml.Return), labels ...string) field {
	return field{metric, symbol, func(d nvml.Device, p put) nvml.Return {
		v, ret := f(d)
		if ret == nvml.SUCCESS && v != no32 {
			p(float64(v)*scale, labels...)
		}
		return ret
	}}
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func utilizationFields() []field {
	first := func(v, _ uint32, ret nvml.Return) (uint32, nvml.Return) { return v, ret }
	return []field{
		u32("gnomon_gpu_encoder_utilization_ratio", "", .01, func(d nvml.Device) (uint32, nvml.Return) { return first(d.GetEncoderUtilization()) }),
		u32("gnomon_gpu_decoder_utilization_ratio", "", .01, func(d nvml.Device) (uint32, nvml.Return) { return first(d.GetDecoderUtilization()) }),
	}
}

// utilization is the mean of the driver's samples since the last collection:
// its own figure is of the last sixth of a second to second only.
func utilization(_ *Backend, d *device, out *gpu.Device) nvml.Return {
	rates, ret := d.handle.GetUtilizationRates()
	if ret != nvml.SUCCESS {
		return ret
	}
	busy := float64(rates.Gpu) / 100
	since := d.usedAt.Load()
	kind, samples, ret := d.handle.GetSamples(nvml.GPU_UTILIZATION_SAMPLES, since)
	if ret == nvml.SUCCESS {
		sum, n := 0., 0
		for _, s := range samples {
			if v, ok := number(kind, s.SampleValue); ok && s.TimeStamp > since && v >= 0 && v <= 100 {
				sum += v
				n++
			}
		}
		for _, s := range samples {
			d.usedAt.Store(max(d.usedAt.Load(), s.TimeStamp))
		}
		if n > 0 {
			busy = sum / float64(n) / 100
		}
	}
	if rates.Gpu <= 100 {
		out.Samples = append(out.Samples, gpu.Sample{Metric: gpu.Utilization, Value: busy})
	}
	if rates.Memory <= 100 {
		out.Samples = append(out.Samples, gpu.Sample{Metric: "gnomon_gpu_memory_utilization_ratio", Value: float64(rates.Memory) / 100})
	}
	if gone(ret) {
		return ret
	}
	return nvml.SUCCESS // without samples there is the driver's own figure
}

// number reads NVML's union of value types.
func number(kind nvml.ValueType, b [8]byte) (float64, bool) {
	bits := binary.NativeEndian.Uint64(b[:])
	switch kind {
	case nvml.VALUE_TYPE_DOUBLE:
		return math.Float64frombits(bits), true
	case nvml.VALUE_TYPE_UNSIGNED_INT:
		return float64(binary.NativeEndian.Uint32(b[:])), true
	case nvml.VALUE_TYPE_UNSIGNED_LONG, nvml.VALUE_TYPE_UNSIGNED_LONG_LONG:
		return float64(bits), bits != no64
	case nvml.VALUE_TYPE_SIGNED_LONG_LONG:
		return float64(int64(bits)), true
	case nvml.VALUE_TYPE_SIGNED_INT:
		return float64(int32(binary.NativeEndian.Uint32(b[:]))), true
	case nvml.VALUE_TYPE_UNSIGNED_SHORT:
		return float64(binary.NativeEndian.Uint16(b[:])), true
	}
	return 0, false
}

func memoryFields() []field {
	return []field{
		{"gnomon_gpu_bar1_used_bytes", "", func(d nvml.Device, p put) nvml.Return {
			m, ret := d.GetBAR1MemoryInfo()
			if ret == nvml.SUCCESS && m.Bar1Used != no64 {
				p(float64(m.Bar1Used))
			}
			return ret
		}},
		{"gnomon_gpu_bar1_total_bytes", "", func(d nvml.Device, p put) nvml.Return {
			m, ret := d.GetBAR1MemoryInfo()
			if ret == nvml.SUCCESS && m.Bar1Total != no64 {
				p(float64(m.Bar1Total))
			}
			return ret
		}},
	}
}

// memory prefers the second version, which tells the driver's own part apart.
func memory(b *Backend, d *device, out *gpu.Device) nvml.Return {
	add := func(name string, v uint64) {
		if v != no64 {
			out.Samples = append(out.Samples, gpu.Sample{Metric: name, Value: float64(v)})
		}
	}
	if b.has("nvmlDeviceGetMemoryInfo_v2") {
		if m, ret := d.handle.GetMemoryInfo_v2(); ret == nvml.SUCCESS {
			add(gpu.MemoryUsed, m.Used)
			add(gpu.MemoryFree, m.Free)
			add(gpu.MemoryTotal, m.Total)
			add("gnomon_gpu_memory_reserved_bytes", m.Reserved)
			return ret
		}
	}
	m, ret := d.handle.GetMemoryInfo()
	if ret == nvml.SUCCESS {
		add(gpu.MemoryUsed, m.Used)
		add(gpu.MemoryFree, m.Free)
		add(gpu.MemoryTotal, m.Total)
	}
	return ret
}

func powerFields() []field {
	return []field{
		u32(gpu.Power, "", 1e-3, nvml.Device.GetPowerUsage),
		u32(gpu.PowerLimit, "", 1e-3, nvml.Device.GetEnforcedPowerLimit),
		{gpu.Energy, "nvmlDeviceGetTotalEnergyConsumption", func(d nvml.Device, p put) nvml.Return {
			v, ret := d.GetTotalEnergyConsumption()
			if ret == nvml.SUCCESS && v != no64 {
				p(float64(v) / 1e3)
			}
			return ret
		}},
		u32(gpu.Temperature, "", 1, func(d nvml.Device) (uint32, nvml.Return) { return d.GetTemperature(nvml.TEMPERATURE_GPU) }, "gpu"),
		{gpu.Temperature, "nvmlDeviceGetFieldValues", func(d nvml.Device, p put) nvml.Return {
			return one(d, nvml.FI_DEV_MEMORY_TEMP, 0, func(v float64) {
				if v > 0 { // 0 where the memory has no sensor
					p(v, "memory")
				}
			})
		}},
		u32("gnomon_gpu_temperature_threshold_celsius", "", 1, func(d nvml.Device) (uint32, nvml.Return) {
			return d.GetTemperatureThreshold(nvml.TEMPERATURE_THRESHOLD_SLOWDOWN)
		}, "slowdown"),
		u32("gnomon_gpu_temperature_threshold_celsius", "", 1, func(d nvml.Device) (uint32, nvml.Return) {
			return d.GetTemperatureThreshold(nvml.TEMPERATURE_THRESHOLD_SHUTDOWN)
		}, "shutdown"),
		u32(gpu.Fan, "", .01, nvml.Device.GetFanSpeed),
	}
}

// one reads one of the driver's field values.
func one(d nvml.Device, id, scope uint32, f func(float64)) nvml.Return {
	values := []nvml.FieldValue{{FieldId: id, ScopeId: scope}}
	if ret := d.GetFieldValues(values); ret != nvml.SUCCESS {
		return ret
	}
	ret := nvml.Return(values[0].NvmlReturn)
	if v, ok := number(nvml.ValueType(values[0].ValueType), values[0].Value); ret == nvml.SUCCESS && ok {
		f(v)
	}
	return ret
}

func clockFields() []field {
	var out []field
	for _, c := range []struct {
		kind nvml.ClockType
		name string
	}{{nvml.CLOCK_SM, "sm"}, {nvml.CLOCK_MEM, "memory"}, {nvml.CLOCK_GRAPHICS, "graphics"}, {nvml.CLOCK_VIDEO, "video"}} {
		out = append(out, u32(gpu.Clock, "", 1e6, func(d nvml.Device) (uint32, nvml.Return) { return d.GetClockInfo(c.kind) }, c.name),
			u32(gpu.ClockMax, "", 1e6, func(d nvml.Device) (uint32, nvml.Return) { return d.GetMaxClockInfo(c.kind) }, c.name))
	}
	out = append(out, field{"gnomon_gpu_performance_state", "", func(d nvml.Device, p put) nvml.Return {
		s, ret := d.GetPerformanceState()
		if ret == nvml.SUCCESS && s <= nvml.PSTATE_15 {
			p(float64(s))
		}
		return ret
	}}, field{gpu.Throttle, "nvmlDeviceGetCurrentClocksThrottleReasons", func(d nvml.Device, p put) nvml.Return {
		bits, ret := d.GetCurrentClocksThrottleReasons()
		if ret == nvml.SUCCESS {
			for _, r := range reasons() {
				p(boolean(bits&r.bit != 0), r.name)
			}
		}
		return ret
	}})
	for _, v := range []struct {
		kind nvml.PerfPolicyType
		name string
	}{{nvml.PERF_POLICY_POWER, "power"}, {nvml.PERF_POLICY_THERMAL, "thermal"}, {nvml.PERF_POLICY_SYNC_BOOST, "sync_boost"}, {nvml.PERF_POLICY_BOARD_LIMIT, "board_limit"}, {nvml.PERF_POLICY_RELIABILITY, "reliability"}} {
		out = append(out, field{"gnomon_gpu_throttle_seconds_total", "", func(d nvml.Device, p put) nvml.Return {
			t, ret := d.GetViolationStatus(v.kind)
			if ret == nvml.SUCCESS && t.ViolationTime != no64 {
				p(float64(t.ViolationTime)/1e9, v.name)
			}
			return ret
		}})
	}
	return out
}

type reason struct {
	bit  uint64
	name string
}

func reasons() []reason {
	return []reason{{1, "gpu_idle"}, {2, "clocks_setting"}, {4, "power_cap"}, {8, "hw_slowdown"}, {0x10, "sync_boost"}, {0x20, "sw_thermal"}, {0x40, "hw_thermal"}, {0x80, "hw_power_brake"}, {0x100, "display_clocks"}}
}
