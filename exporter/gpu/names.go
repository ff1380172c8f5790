package gpu

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// Alias is one of our metrics under the name, unit and labels of another
// exporter.
type Alias struct {
	Name   string // theirs
	Style  string // dcgm, triton
	Metric string // ours
	Label  []string
	Scale  float64 // theirs = ours x Scale
	kind   prometheus.ValueType
}

// Aliases is what users of dcgm-exporter's default counters and of Triton's own
// metrics know: a name is a row. DCGM's units are MHz, MiB, mJ and percent.
func Aliases() []Alias {
	const mib, percent = 1. / (1 << 20), 100.
	return []Alias{
		{"DCGM_FI_DEV_SM_CLOCK", "dcgm", Clock, []string{"sm"}, 1e-6, gauge},
		{"DCGM_FI_DEV_MEM_CLOCK", "dcgm", Clock, []string{"memory"}, 1e-6, gauge},
		{"DCGM_FI_DEV_GPU_TEMP", "dcgm", Temperature, []string{"gpu"}, 1, gauge},
		{"DCGM_FI_DEV_MEMORY_TEMP", "dcgm", Temperature, []string{"memory"}, 1, gauge},
		{"DCGM_FI_DEV_POWER_USAGE", "dcgm", Power, nil, 1, gauge},
		{"DCGM_FI_DEV_ENFORCED_POWER_LIMIT", "dcgm", PowerLimit, nil, 1, gauge},
		{"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "dcgm", Energy, nil, 1e3, counter},
		{"DCGM_FI_DEV_GPU_UTIL", "dcgm", Utilization, nil, percent, gauge},
		{"DCGM_FI_DEV_MEM_COPY_UTIL", "dcgm", "gnomon_gpu_memory_utilization_ratio", nil, percent, gauge},
		{"DCGM_FI_DEV_ENC_UTIL", "dcgm", "gnomon_gpu_encoder_utilization_ratio", nil, percent, gauge},
		{"DCGM_FI_DEV_DEC_UTIL", "dcgm", "gnomon_gpu_decoder_utilization_ratio", nil, percent, gauge},
		{"DCGM_FI_DEV_FB_FREE", "dcgm", MemoryFree, nil, mib, gauge},
		{"DCGM_FI_DEV_FB_USED", "dcgm", MemoryUsed, nil, mib, gauge},
		{"DCGM_FI_DEV_FB_TOTAL", "dcgm", MemoryTotal, nil, mib, gauge},
		{"DCGM_FI_DEV_FB_RESERVED", "dcgm", "gnomon_gpu_memory_reserved_bytes", nil, mib, gauge},
		{"DCGM_FI_DEV_FAN_SPEED", "dcgm", Fan, nil, percent, gauge},
		{"DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "dcgm", "gnomon_gpu_pcie_replay_total", nil, 1, counter},
		{"DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", "dcgm", ECC, []string{"corrected", "volatile"}, 1, counter},
		{"DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "dcgm", ECC, []string{"uncorrected", "volatile"}, 1, counter},
		{"DCGM_FI_DEV_ECC_SBE_AGG_TOTAL", "dcgm", ECC, []string{"corrected", "aggregate"}, 1, counter},
		{"DCGM_FI_DEV_ECC_DBE_AGG_TOTAL", "dcgm", ECC, []string{"uncorrected", "aggregate"}, 1, counter},
		{"DCGM_FI_DEV_RETIRED_SBE", "dcgm", "gnomon_gpu_retired_pages", []string{"single_bit"}, 1, gauge},
		{"DCGM_FI_DEV_RETIRED_DBE", "dcgm", "gnomon_gpu_retired_pages", []string{"double_bit"}, 1, gauge},
		{"DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", "dcgm", "gnomon_gpu_remapped_rows", []string{"correctable"}, 1, gauge},
		{"DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", "dcgm", "gnomon_gpu_remapped_rows", []string{"uncorrectable"}, 1, gauge},
		{"DCGM_FI_DEV_ROW_REMAP_PENDING", "dcgm", "gnomon_gpu_remap_pending", nil, 1, gauge},
		{"DCGM_FI_DEV_ROW_REMAP_FAILURE", "dcgm", "gnomon_gpu_remap_failed", nil, 1, gauge},
		{"nv_gpu_utilization", "triton", Utilization, nil, 1, gauge},
		{"nv_gpu_power_usage", "triton", Power, nil, 1, gauge},
		{"nv_gpu_power_limit", "triton", PowerLimit, nil, 1, gauge},
		{"nv_energy_consumption", "triton", Energy, nil, 1, counter},
		{"nv_gpu_memory_total_bytes", "triton", MemoryTotal, nil, 1, gauge},
		{"nv_gpu_memory_used_bytes", "triton", MemoryUsed, nil, 1, gauge},
	}
}

// aliases are those of the styles that are turned on.
func aliases(styles []string) []Alias {
	if len(styles) == 0 {
		return nil
	}
	return slices.DeleteFunc(Aliases(), func(a Alias) bool { return !slices.Contains(styles, a.Style) })
}

func (a *Alias) desc() *prometheus.Desc {
	names := []string{"gpu_uuid"}
	if a.Style == "dcgm" {
		names = []string{"gpu", "UUID", "pci_bus_id", "device", "modelName", "Hostname", "GPU_I_ID", "container", "namespace", "pod"}
	}
	help := fmt.Sprintf("%s in the units of %s.", a.Metric, map[string]string{"dcgm": "dcgm-exporter", "triton": "Triton"}[a.Style])
	return prometheus.NewDesc(a.Name, help, names, nil)
}

func (a *Alias) value(d *Device) (float64, bool) {
	for _, s := range d.Samples {
		if s.Metric == a.Metric && slices.Equal(s.Labels, a.Label) {
			return s.Value * a.Scale, true
		}
	}
	return 0, false
}

func (a *Alias) labels(d *Device, hostname string, pods map[string]Pod) []string {
	if a.Style != "dcgm" {
		return []string{d.UUID}
	}
	pod := pods[d.UUID]
	index := strconv.Itoa(d.Index)
	return []string{index, d.UUID, d.PCI, d.Vendor + index, d.Name, hostname, d.MIG, pod.Container, pod.Namespace, pod.Name}
}
