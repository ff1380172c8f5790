package gpu_test

import (
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/gpu"
)

// TestRealGPU holds what is read of a real NVIDIA GPU to what nvidia-smi says
// in the same second. make test-gpu runs it.
func TestRealGPU(t *testing.T) {
	if os.Getenv("GNOMON_TEST_GPU") == "" {
		t.Skip("run by make test-gpu")
	}
	d := start(t, "", "ok", func(s *gpu.Settings) { s.Interval = 500 * time.Millisecond })
	d.until(t, "up", d.is(t, "gnomon_gpu_up", 1))
	columns := []struct {
		query, metric, label string
		scale, tolerance     float64 // of ours; absolute
	}{
		{"memory.total", "gnomon_gpu_memory_total_bytes", "", 1 << 20, 4 << 20},
		{"memory.used", "gnomon_gpu_memory_used_bytes", "", 1 << 20, 64 << 20},
		{"power.draw.instant", "gnomon_gpu_power_watts", "", 1, 40},
		{"enforced.power.limit", "gnomon_gpu_power_limit_watts", "", 1, .5},
		{"temperature.gpu", "gnomon_gpu_temperature_celsius", `sensor="gpu",`, 1, 3},
		{"clocks.max.sm", "gnomon_gpu_clock_max_hertz", `clock="sm",`, 1e6, 1},
		{"clocks.current.memory", "gnomon_gpu_clock_hertz", `clock="memory",`, 1e6, 1e6},
		{"pcie.link.width.current", "gnomon_gpu_pcie_link_width", "", 1, 0},
		{"ecc.errors.uncorrected.volatile.total", "gnomon_gpu_ecc_errors_total", `counter="volatile",type="uncorrected",`, 1, 0},
	}
	compared := 0
	for _, c := range columns {
		out, err := exec.Command("nvidia-smi", "--query-gpu=index,uuid,"+c.query, "--format=csv,noheader,nounits").Output()
		if err != nil {
			t.Logf("nvidia-smi does not know %s: %v", c.query, err)
			continue
		}
		time.Sleep(time.Second)
		for line := range strings.Lines(string(out)) {
			f := strings.Split(strings.TrimSpace(line), ", ")
			want, err := strconv.ParseFloat(f[2], 64)
			if err != nil {
				continue // [N/A]
			}
			// Labels are sorted: clock and counter come before gpu, the others after.
			series := c.metric + `{gpu="` + f[0] + `",` + c.label + `uuid="` + f[1] + `"}`
			if strings.HasPrefix(c.label, "c") {
				first, rest, _ := strings.Cut(c.label, ",")
				series = c.metric + `{` + first + `,gpu="` + f[0] + `",` + rest + `uuid="` + f[1] + `"}`
			}
			got, ok := d.value(t, series)
			if !ok || math.Abs(got-want*c.scale) > c.tolerance {
				t.Errorf("%s: %v (%v), nvidia-smi says %v", series, got, ok, want*c.scale)
			}
			compared++
		}
	}
	if compared < 5 {
		t.Errorf("only %d values were compared", compared)
	}
}
