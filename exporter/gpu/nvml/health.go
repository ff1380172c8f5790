package nvml

import (
	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/gnomon-dev/gnomon/exporter/gpu"
)

func healthFields() []field {
	var out []field
	for _, e := range []struct {
		kind  nvml.MemoryErrorType
		scope nvml.EccCounterType
		names []string
	}{{nvml.MEMORY_ERROR_TYPE_CORRECTED, nvml.VOLATILE_ECC, []string{"corrected", "volatile"}}, {nvml.MEMORY_ERROR_TYPE_UNCORRECTED, nvml.VOLATILE_ECC, []string{"uncorrected", "volatile"}},
		{nvml.MEMORY_ERROR_TYPE_CORRECTED, nvml.AGGREGATE_ECC, []string{"corrected", "aggregate"}}, {nvml.MEMORY_ERROR_TYPE_UNCORRECTED, nvml.AGGREGATE_ECC, []string{"uncorrected", "aggregate"}}} {
		out = append(out, field{gpu.ECC, "", func(d nvml.Device, p put) nvml.Return {
			n, ret := d.GetTotalEccErrors(e.kind, e.scope)
			if ret == nvml.SUCCESS && n != no64 {
				p(float64(n), e.names...)
			}
			return ret
		}})
	}
	out = append(out, field{"gnomon_gpu_ecc_enabled", "", func(d nvml.Device, p put) nvml.Return {
		current, _, ret := d.GetEccMode()
		if ret == nvml.SUCCESS {
			p(boolean(current == nvml.FEATURE_ENABLED))
		}
		return ret
	}})
	for cause, name := range []string{nvml.PAGE_RETIREMENT_CAUSE_MULTIPLE_SINGLE_BIT_ECC_ERRORS: "single_bit", nvml.PAGE_RETIREMENT_CAUSE_DOUBLE_BIT_ECC_ERROR: "double_bit"} {
		out = append(out, field{"gnomon_gpu_retired_pages", "", func(d nvml.Device, p put) nvml.Return {
			pages, ret := d.GetRetiredPages(nvml.PageRetirementCause(cause))
			if ret == nvml.SUCCESS {
				p(float64(len(pages)), name)
			}
			return ret
		}})
	}
	out = append(out, remapFields()...)
	return append(out, linkStateFields()...)
}

// remapFields asks once for each of the four values: a call takes microseconds.
func remapFields() []field {
	rows := func(metric string, f func(corrected, uncorrected int, pending, failed bool, p put)) field {
		return field{metric, "nvmlDeviceGetRemappedRows", func(d nvml.Device, p put) nvml.Return {
			corrected, uncorrected, pending, failed, ret := d.GetRemappedRows()
			if ret == nvml.SUCCESS {
				f(corrected, uncorrected, pending, failed, p)
			}
			return ret
		}}
	}
	return []field{
		rows("gnomon_gpu_remapped_rows", func(c, u int, _, _ bool, p put) { p(float64(c), "correctable"); p(float64(u), "uncorrectable") }),
		rows("gnomon_gpu_remap_pending", func(_, _ int, pending, _ bool, p put) { p(boolean(pending)) }),
		rows("gnomon_gpu_remap_failed", func(_, _ int, _, failed bool, p put) { p(boolean(failed)) }),
	}
}

func integer(metric, symbol string, f func(nvml.Device) (int, nvml.Return)) field {
	return field{metric, symbol, func(d nvml.Device, p put) nvml.Return {
		v, ret := f(d)
		if ret == nvml.SUCCESS && v != no32 {
			p(float64(v))
		}
		return ret
	}}
}

func linkStateFields() []field {
	return []field{
		integer("gnomon_gpu_pcie_replay_total", "", nvml.Device.GetPcieReplayCounter),
		integer("gnomon_gpu_pcie_link_generation", "", nvml.Device.GetCurrPcieLinkGeneration),
		integer("gnomon_gpu_pcie_link_width", "", nvml.Device.GetCurrPcieLinkWidth),
		{"gnomon_gpu_mig_enabled", "nvmlDeviceGetMigMode", func(d nvml.Device, p put) nvml.Return {
			current, pending, ret := d.GetMigMode()
			if ret == nvml.SUCCESS {
				p(float64(current), "current")
				p(float64(pending), "pending")
			}
			return ret
		}},
	}
}

func linkFields() []field {
	pcie := func(kind nvml.PcieUtilCounter, name string) field {
		return u32("gnomon_gpu_pcie_throughput_bytes_per_second", "", 1000, func(d nvml.Device) (uint32, nvml.Return) { return d.GetPcieThroughput(kind) }, name)
	}
	return []field{pcie(nvml.PCIE_UTIL_TX_BYTES, "tx"), pcie(nvml.PCIE_UTIL_RX_BYTES, "rx")}
}

// allLinks is the scope of a field value that stands for all links together.
const allLinks = no32

// nvlink reads what all links have moved and the errors on them.
func nvlink(b *Backend, d *device, out *gpu.Device) nvml.Return {
	active := 0
	for link := range nvml.NVLINK_MAX_LINKS {
		state, ret := d.handle.GetNvLinkState(link)
		if ret != nvml.SUCCESS {
			if gone(ret) {
				return ret
			}
			break // there are no further links
		}
		if state == nvml.FEATURE_ENABLED {
			active++
		}
	}
	if active == 0 || !b.has("nvmlDeviceGetFieldValues") {
		return nvml.SUCCESS
	}
	add := func(metric string, v float64, label ...string) {
		out.Samples = append(out.Samples, gpu.Sample{Metric: metric, Value: v, Labels: label})
	}
	add("gnomon_gpu_nvlink_active", float64(active))
	worst := nvml.SUCCESS
	for _, f := range []struct {
		id, scope uint32
		scale     float64
		metric    string
		label     string
	}{
		{nvml.FI_DEV_NVLINK_THROUGHPUT_DATA_TX, allLinks, 1024, "gnomon_gpu_nvlink_bytes_total", "tx"},
		{nvml.FI_DEV_NVLINK_THROUGHPUT_DATA_RX, allLinks, 1024, "gnomon_gpu_nvlink_bytes_total", "rx"},
		{nvml.FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL, 0, 1, "gnomon_gpu_nvlink_errors_total", "crc"},
		{nvml.FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL, 0, 1, "gnomon_gpu_nvlink_errors_total", "replay"},
		{nvml.FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL, 0, 1, "gnomon_gpu_nvlink_errors_total", "recovery"},
	} {
		ret := one(d.handle, f.id, f.scope, func(v float64) { add(f.metric, v*f.scale, f.label) })
		if ret != nvml.SUCCESS && !absent(ret) {
			worst = ret
		}
	}
	return worst
}

// processes lists who is on a device: memory by the lists of compute and
// graphics contexts, time by the driver's samples since the last collection.
func processes(_ *Backend, d *device, out *gpu.Device) nvml.Return {
	if d.lost() != "" {
		return nvml.SUCCESS
	}
	byPID := map[int]*gpu.Process{}
	at := func(pid uint32) *gpu.Process {
		p := byPID[int(pid)]
		if p == nil {
			p = &gpu.Process{PID: int(pid)}
			byPID[int(pid)] = p
		}
		return p
	}
	worst := nvml.SUCCESS
	for _, list := range []func() ([]nvml.ProcessInfo, nvml.Return){d.handle.GetComputeRunningProcesses, d.handle.GetGraphicsRunningProcesses} {
		infos, ret := list()
		if ret != nvml.SUCCESS {
			if !absent(ret) && ret != nvml.ERROR_INVALID_ARGUMENT {
				worst = ret
			}
			continue
		}
		for _, i := range infos {
			p := at(i.Pid)
			if v := i.UsedGpuMemory; v != no64 && (p.Memory == nil || *p.Memory < v) {
				p.Memory = &v // a process in both lists has the same memory in both
			}
		}
	}
	if d.id.MIG == "" {
		busyOf(d, at)
	}
	for _, p := range byPID {
		out.Processes = append(out.Processes, *p)
	}
	if gone(worst) {
		out.Lost = Code(worst)
	}
	return worst
}

// busyOf adds each process's mean share of the time.
func busyOf(d *device, at func(uint32) *gpu.Process) {
	since := d.procAt.Load()
	samples, ret := d.handle.GetProcessUtilization(since)
	if ret != nvml.SUCCESS {
		return // not there: the device's own utilisation is
	}
	count := map[uint32]int{}
	last := since
	for _, s := range samples {
		if s.TimeStamp <= since || s.SmUtil > 100 || s.Pid == 0 {
			continue
		}
		last = max(last, s.TimeStamp)
		p := at(s.Pid)
		n := count[s.Pid]
		mean := float64(s.SmUtil) / 100
		if n > 0 {
			mean = (*p.Busy*float64(n) + mean) / float64(n+1)
		}
		p.Busy, count[s.Pid] = &mean, n+1
	}
	d.procAt.Store(last)
}
