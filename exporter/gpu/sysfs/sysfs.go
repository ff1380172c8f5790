// Package sysfs reads what the Linux kernel shows of AMD's and Intel's GPUs in
// /sys: no library, no rights beyond reading.
package sysfs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/gpu"
)

// field is a file that holds one number: a new one is a row.
type field struct {
	metric string
	path   string // pattern below the card's folder; the first match is read
	scale  float64
	labels []string
}

// vendor is one maker's files.
type vendor struct {
	name, id string // PCI vendor
	fields   []field
	idle     string // file with the milliseconds that the GPU slept, where busy time is not shown
}

// vendors is the table of makers.
func vendors() []vendor {
	const milli, micro, mega, percent = 1e-3, 1e-6, 1e6, .01
	return []vendor{
		{"amd", "0x1002", []field{
			{gpu.Utilization, "device/gpu_busy_percent", percent, nil},
			{"gnomon_gpu_memory_utilization_ratio", "device/mem_busy_percent", percent, nil},
			{gpu.MemoryUsed, "device/mem_info_vram_used", 1, nil},
			{gpu.MemoryTotal, "device/mem_info_vram_total", 1, nil},
			{gpu.Power, "device/hwmon/hwmon*/power1_average", micro, nil},
			{gpu.Power, "device/hwmon/hwmon*/power1_input", micro, nil},
			{gpu.PowerLimit, "device/hwmon/hwmon*/power1_cap", micro, nil},
			{gpu.Energy, "device/hwmon/hwmon*/energy1_input", micro, nil},
			{gpu.Temperature, "device/hwmon/hwmon*/temp1_input", milli, []string{"gpu"}},
			{gpu.Temperature, "device/hwmon/hwmon*/temp3_input", milli, []string{"memory"}},
			{gpu.Clock, "device/hwmon/hwmon*/freq1_input", 1, []string{"graphics"}},
			{gpu.Clock, "device/hwmon/hwmon*/freq2_input", 1, []string{"memory"}},
			{gpu.Fan, "device/hwmon/hwmon*/pwm1", 1. / 255, nil},
			{"gnomon_gpu_pcie_replay_total", "device/pcie_replay_count", 1, nil},
			{"gnomon_gpu_pcie_link_width", "device/current_link_width", 1, nil},
		}, ""},
		{"intel", "0x8086", []field{
			{gpu.Power, "device/hwmon/hwmon*/power1_input", micro, nil},
			{gpu.PowerLimit, "device/hwmon/hwmon*/power1_max", micro, nil},
			{gpu.Energy, "device/hwmon/hwmon*/energy1_input", micro, nil},
			{gpu.Temperature, "device/hwmon/hwmon*/temp2_input", milli, []string{"gpu"}},
			{gpu.Temperature, "device/hwmon/hwmon*/temp3_input", milli, []string{"memory"}},
			{gpu.Clock, "gt_act_freq_mhz", mega, []string{"graphics"}},
			{gpu.ClockMax, "gt_max_freq_mhz", mega, []string{"graphics"}},
			{gpu.Clock, "device/tile0/gt0/freq0/act_freq", mega, []string{"graphics"}},
			{gpu.ClockMax, "device/tile0/gt0/freq0/max_freq", mega, []string{"graphics"}},
			{"gnomon_gpu_pcie_link_width", "device/current_link_width", 1, nil},
		}, "{gt/gt0/rc6_residency_ms,device/tile0/gt0/gtidle/idle_residency_ms}"},
	}
}

// Backend implements gpu.Backend.
type Backend struct {
	root  string
	now   func() time.Time
	slept map[string]slept // by card
}

// slept is when a GPU had slept how long.
type slept struct {
	at time.Time
	ms float64
}

// New reads below root; / where it is empty.
func New(root string) *Backend {
	if root == "" {
		root = "/"
	}
	return &Backend{root: root, now: time.Now, slept: map[string]slept{}}
}

// Name is what the collector is called.
func (b *Backend) Name() string { return "sysfs" }

// Open looks for a card.
func (b *Backend) Open() error {
	if len(b.cards()) == 0 {
		return fmt.Errorf("%w: no GPU of AMD or Intel in /sys/class/drm", gpu.ErrNoDriver)
	}
	return nil
}

type card struct {
	path   string
	vendor vendor
}

// cards are those of makers that are known and whose driver shows something.
func (b *Backend) cards() []card {
	paths, _ := filepath.Glob(filepath.Join(b.root, "sys/class/drm/card*"))
	paths = slices.DeleteFunc(paths, func(p string) bool { return !regexp.MustCompile(`^card\d+$`).MatchString(filepath.Base(p)) })
	slices.SortFunc(paths, func(x, y string) int { return number(x) - number(y) })
	var out []card
	for _, p := range paths {
		id := read(filepath.Join(p, "device/vendor"))
		for _, v := range vendors() {
			if v.id == id {
				out = append(out, card{p, v})
			}
		}
	}
	return out
}

func number(path string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(filepath.Base(path), "card")) // matched above
	return n
}

// Collect reads every card.
func (b *Backend) Collect(context.Context) gpu.Report {
	start := b.now()
	r := gpu.Report{Collectors: map[string]gpu.Collector{}}
	for i, c := range b.cards() {
		d := gpu.Device{Index: i, Vendor: c.vendor.name, PCI: slot(c.path), Name: product(c)}
		d.UUID = read(filepath.Join(c.path, "device/unique_id"))
		if d.UUID == "" {
			d.UUID = d.PCI
		}
		seen := map[string]bool{}
		for _, f := range c.vendor.fields {
			key := f.metric + strings.Join(f.labels, ",")
			if v, ok := value(filepath.Join(c.path, f.path)); ok && !seen[key] {
				seen[key] = true
				d.Samples = append(d.Samples, gpu.Sample{Metric: f.metric, Value: v * f.scale, Labels: f.labels})
			}
		}
		b.awake(c, &d)
		derive(&d)
		r.Devices = append(r.Devices, d)
	}
	r.Collectors["files"] = gpu.Collector{Seconds: b.now().Sub(start).Seconds()}
	return r
}

// awake is the share of time since the last collection in which the GPU did not
// sleep, for drivers that do not show a utilisation: an upper bound of it.
func (b *Backend) awake(c card, d *gpu.Device) {
	if c.vendor.idle == "" {
		return
	}
	for path := range strings.SplitSeq(strings.Trim(c.vendor.idle, "{}"), ",") {
		ms, ok := value(filepath.Join(c.path, path))
		if !ok {
			continue
		}
		now := b.now()
		was, known := b.slept[c.path]
		b.slept[c.path] = slept{now, ms}
		passed := now.Sub(was.at).Seconds() * 1e3
		if known && passed > 0 && ms >= was.ms {
			d.Samples = append(d.Samples, gpu.Sample{Metric: gpu.Utilization, Value: min(max(1-(ms-was.ms)/passed, 0), 1)})
		}
		return
	}
}

// derive adds what follows from other fields.
func derive(d *gpu.Device) {
	var used, total float64
	n := 0
	for _, s := range d.Samples {
		switch s.Metric {
		case gpu.MemoryUsed:
			used, n = s.Value, n+1
		case gpu.MemoryTotal:
			total, n = s.Value, n+1
		}
	}
	if n == 2 && total >= used {
		d.Samples = append(d.Samples, gpu.Sample{Metric: gpu.MemoryFree, Value: total - used})
	}
}

// Events: the kernel tells of none here.
func (b *Backend) Events(ctx context.Context, _ func(gpu.Event)) { <-ctx.Done() }

func read(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b[:min(len(b), 4096)]))
}

// value reads the first file of a pattern that holds a number of at least 0.
func value(pattern string) (float64, bool) {
	paths, _ := filepath.Glob(pattern)
	for _, p := range paths {
		if v, err := strconv.ParseFloat(read(p), 64); err == nil && v >= 0 && v < 1e18 {
			return v, true
		}
	}
	return 0, false
}

// slot is the PCI address of a card.
func slot(path string) string {
	for line := range strings.SplitSeq(read(filepath.Join(path, "device/uevent")), "\n") {
		if s, ok := strings.CutPrefix(line, "PCI_SLOT_NAME="); ok {
			return s
		}
	}
	return filepath.Base(path)
}

// product is the card's name where the driver shows it, else its PCI id.
func product(c card) string {
	if name := read(filepath.Join(c.path, "device/product_name")); name != "" {
		return name
	}
	return c.vendor.name + " " + read(filepath.Join(c.path, "device/device"))
}
