package gpu

import "github.com/prometheus/client_golang/prometheus"

// Metric is one family of the exposition; every one has the labels gpu, uuid
// and mig before its own.
type Metric struct {
	Name, Help string
	Type       prometheus.ValueType
	Labels     []string
}

const (
	gauge   = prometheus.GaugeValue
	counter = prometheus.CounterValue
)

// The names that backends use in more than one place.
const (
	Utilization = "gnomon_gpu_utilization_ratio"
	MemoryUsed  = "gnomon_gpu_memory_used_bytes"
	MemoryFree  = "gnomon_gpu_memory_free_bytes"
	MemoryTotal = "gnomon_gpu_memory_total_bytes"
	Power       = "gnomon_gpu_power_watts"
	PowerLimit  = "gnomon_gpu_power_limit_watts"
	Energy      = "gnomon_gpu_energy_joules_total"
	Temperature = "gnomon_gpu_temperature_celsius"
	Clock       = "gnomon_gpu_clock_hertz"
	ClockMax    = "gnomon_gpu_clock_max_hertz"
	Throttle    = "gnomon_gpu_throttle_active"
	Fan         = "gnomon_gpu_fan_speed_ratio"
	ECC         = "gnomon_gpu_ecc_errors_total"
)

// Metrics is every field of a device.
func Metrics() []Metric {
	return []Metric{
		{Utilization, "Share of time in which a kernel ran on the GPU: the mean of the driver's samples since the last collection where it keeps them, else its last figure.", gauge, nil},
		{"gnomon_gpu_memory_utilization_ratio", "Share of time in which the GPU's memory was read or written.", gauge, nil},
		{"gnomon_gpu_encoder_utilization_ratio", "Share of time in which the video encoder was busy.", gauge, nil},
		{"gnomon_gpu_decoder_utilization_ratio", "Share of time in which the video decoder was busy.", gauge, nil},
		{MemoryUsed, "Memory of the GPU in use.", gauge, nil},
		{MemoryFree, "Memory of the GPU that is free.", gauge, nil},
		{MemoryTotal, "Memory of the GPU.", gauge, nil},
		{"gnomon_gpu_memory_reserved_bytes", "Memory of the GPU that the driver keeps for itself.", gauge, nil},
		{"gnomon_gpu_bar1_used_bytes", "Memory mapped through BAR1.", gauge, nil},
		{"gnomon_gpu_bar1_total_bytes", "Size of BAR1.", gauge, nil},
		{Power, "Power that the GPU draws.", gauge, nil},
		{PowerLimit, "Limit of the power that is enforced.", gauge, nil},
		{Energy, "Energy used since the driver was loaded.", counter, nil},
		{Temperature, "Temperature by sensor: gpu, memory.", gauge, []string{"sensor"}},
		{"gnomon_gpu_temperature_threshold_celsius", "Temperature at which the GPU slows down or shuts down.", gauge, []string{"threshold"}},
		{Clock, "Clock by domain: sm, memory, graphics, video.", gauge, []string{"clock"}},
		{ClockMax, "Highest clock of the domain.", gauge, []string{"clock"}},
		{Throttle, "1 while the clocks are held back for the reason, else 0. gpu_idle is no fault.", gauge, []string{"reason"}},
		{"gnomon_gpu_throttle_seconds_total", "Time in which the clocks were held back for the policy.", counter, []string{"policy"}},
		{"gnomon_gpu_performance_state", "Performance state, 0 (fastest) to 15.", gauge, nil},
		{Fan, "Speed of the fan, of its most.", gauge, nil},
		{ECC, "Memory errors by type and counter: volatile since the driver was loaded, aggregate over the GPU's life.", counter, []string{"type", "counter"}},
		{"gnomon_gpu_ecc_enabled", "1 where error correction is on, else 0.", gauge, nil},
		{"gnomon_gpu_remapped_rows", "Rows of memory that were remapped, by cause: correctable, uncorrectable.", gauge, []string{"cause"}},
		{"gnomon_gpu_remap_pending", "1 where a row waits for a reset to be remapped, else 0.", gauge, nil},
		{"gnomon_gpu_remap_failed", "1 where a row could not be remapped, else 0.", gauge, nil},
		{"gnomon_gpu_retired_pages", "Pages of memory that were retired, by cause: single_bit, double_bit.", gauge, []string{"cause"}},
		{"gnomon_gpu_pcie_replay_total", "Retransmissions on PCIe.", counter, nil},
		{"gnomon_gpu_pcie_link_generation", "Generation of the PCIe link now.", gauge, nil},
		{"gnomon_gpu_pcie_link_width", "Lanes of the PCIe link now.", gauge, nil},
		{"gnomon_gpu_pcie_throughput_bytes_per_second", "Throughput of PCIe over the last 20 ms, by direction: tx, rx. Read where gpu.links is on.", gauge, []string{"direction"}},
		{"gnomon_gpu_nvlink_bytes_total", "Data over all NVLinks by direction: tx, rx. Read where gpu.links is on.", counter, []string{"direction"}},
		{"gnomon_gpu_nvlink_active", "NVLinks that are up. Read where gpu.links is on.", gauge, nil},
		{"gnomon_gpu_nvlink_errors_total", "Errors of all NVLinks by kind: crc, replay, recovery. Read where gpu.links is on.", counter, []string{"kind"}},
		{"gnomon_gpu_mig_enabled", "1 where MIG is on, by state: current, pending.", gauge, []string{"state"}},
		{"gnomon_gpu_mig_instances", "MIG instances of the GPU.", gauge, nil},
	}
}

// xids are the codes whose counters exist before the first error, so that
// increase() sees it: those that NVIDIA documents as serious or frequent.
func xids() []uint64 {
	return []uint64{13, 31, 43, 45, 48, 61, 62, 63, 64, 68, 69, 74, 79, 92, 94, 95, 109, 119, 120, 140, 149}
}
