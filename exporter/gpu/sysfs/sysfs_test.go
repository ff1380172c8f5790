package sysfs

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/gpu"
)

// tree lays a recorded tree of files out: sections "-- path --".
func tree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	b, err := os.ReadFile("testdata/machine.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, section := range strings.Split("\n"+string(b), "\n-- ")[1:] {
		path, body, _ := strings.Cut(section, " --\n")
		write(t, filepath.Join(root, path), body+"\n")
	}
	return root
}

func write(t *testing.T, path, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
}

func key(s gpu.Sample) string { return strings.Join(append([]string{s.Metric}, s.Labels...), " ") }

// TestRecordedMachine: an Instinct under amdgpu and a Flex under i915, beside
// the server's own display, which is none of ours.
func TestRecordedMachine(t *testing.T) {
	root := tree(t)
	now := time.Unix(1e9, 0)
	b := New(root)
	b.now = func() time.Time { return now }
	if err := b.Open(); err != nil {
		t.Fatal(err)
	}
	b.Collect(t.Context())
	now = now.Add(10 * time.Second)
	write(t, filepath.Join(root, "sys/class/drm/card2/gt/gt0/rc6_residency_ms"), "8500\n") // slept 7.5 of 10 s
	r := b.Collect(t.Context())
	if len(r.Devices) != 2 {
		t.Fatalf("%d devices", len(r.Devices))
	}
	want := []map[string]float64{{
		gpu.Utilization: .87, "gnomon_gpu_memory_utilization_ratio": .35, gpu.MemoryUsed: 103079215104, gpu.MemoryTotal: 206141652992, gpu.MemoryFree: 206141652992 - 103079215104,
		gpu.Power: 612, gpu.PowerLimit: 750, gpu.Temperature + " gpu": 61, gpu.Temperature + " memory": 48, gpu.Clock + " graphics": 2.1e9, gpu.Clock + " memory": 9e8,
		"gnomon_gpu_pcie_replay_total": 3, "gnomon_gpu_pcie_link_width": 16,
	}, {gpu.Utilization: .25, gpu.Clock + " graphics": 1.55e9, gpu.ClockMax + " graphics": 2.05e9, gpu.Energy: 5000, gpu.PowerLimit: 150}}
	for i, d := range r.Devices {
		got := map[string]float64{}
		for _, s := range d.Samples {
			got[key(s)] = s.Value
		}
		for k, v := range want[i] {
			if math.Abs(got[k]-v) > 1e-9*v {
				t.Errorf("%s, %s: %v, want %v", d.Name, k, got[k], v)
			}
		}
		if len(got) != len(want[i]) {
			t.Errorf("%s: %v", d.Name, got)
		}
	}
	if d := r.Devices[0]; d.Name != "AMD Instinct MI300X OAM" || d.UUID != "d2f0a4b1c8e94a77" || d.PCI != "0000:0c:00.0" || d.Vendor != "amd" {
		t.Errorf("%+v", d)
	}
	if d := r.Devices[1]; d.Name != "intel 0x56c0" || d.UUID != "0000:4d:00.0" {
		t.Errorf("%+v", d)
	}
	// What cannot be read is left out, never 0.
	write(t, filepath.Join(root, "sys/class/drm/card1/device/gpu_busy_percent"), "")
	write(t, filepath.Join(root, "sys/class/drm/card1/device/mem_busy_percent"), "EBUSY\n")
	for _, s := range b.Collect(t.Context()).Devices[0].Samples {
		if s.Metric == gpu.Utilization || s.Metric == "gnomon_gpu_memory_utilization_ratio" {
			t.Errorf("%+v", s)
		}
	}
}

func TestNoCards(t *testing.T) {
	if err := New(t.TempDir()).Open(); !errors.Is(err, gpu.ErrNoDriver) {
		t.Error(err)
	}
}

// TestRows: every field is one of the families.
func TestRows(t *testing.T) {
	known := map[string]int{}
	for _, m := range gpu.Metrics() {
		known[m.Name] = len(m.Labels)
	}
	for _, v := range vendors() {
		for _, f := range v.fields {
			if n, ok := known[f.metric]; !ok || n != len(f.labels) {
				t.Errorf("%s: %s %v", v.name, f.metric, f.labels)
			}
		}
	}
}
