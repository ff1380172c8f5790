package gpu_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/gpu"
	"github.com/gnomon-dev/gnomon/exporter/gpu/nvml"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// The worker of the tests is the test binary itself.
const workerEnv = "GNOMON_TEST_GPU_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(workerEnv) != "" {
		if err := gpu.Serve(os.Stdin, os.Stdout, func(o gpu.Options) []gpu.Backend { return []gpu.Backend{nvml.New(nil, o)} }); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// library compiles testdata/fakenvml.c.
func library(t testing.TB) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the library of the tests is made on Linux")
	}
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/NVIDIA/go-nvml").Output()
	if err != nil {
		t.Skip(err)
	}
	out := filepath.Join(t.TempDir(), "libnvidia-ml.so.1")
	cmd := exec.Command("cc", "-shared", "-fPIC", "-O1", "-Wno-deprecated-declarations", "-I", filepath.Join(strings.TrimSpace(string(dir)), "pkg", "nvml"), "-o", out, "testdata/fakenvml.c")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

// driver is a supervised worker on the library, and the file that says how the
// library behaves.
type driver struct {
	v    *gpu.Supervisor
	reg  *prometheus.Registry
	mode string
	logs *text
	stop func()
}

type text struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *text) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *text) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func start(t testing.TB, lib, mode string, change func(*gpu.Settings)) *driver {
	t.Helper()
	d := &driver{mode: filepath.Join(t.TempDir(), "mode"), reg: prometheus.NewPedanticRegistry(), logs: &text{}}
	d.set(t, mode)
	t.Setenv(workerEnv, "1")
	t.Setenv("FAKE_NVML", d.mode)
	s := gpu.Settings{Command: []string{os.Args[0]}, Options: gpu.Options{Library: lib, Timeout: 20}, Interval: 100 * time.Millisecond, Timeout: 20 * time.Second, Retry: 100 * time.Millisecond,
		Role:   func(pid int) string { return map[int]string{4242: gpu.Primary}[pid] },
		Logger: slog.New(slog.NewTextHandler(d.logs, nil)), Now: time.Now, Hostname: "node-1"}
	if change != nil {
		change(&s)
	}
	d.v = gpu.New(s)
	d.reg.MustRegister(d.v)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.v.Run(ctx) }()
	d.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(d.stop)
	return d
}

func (d *driver) set(t testing.TB, mode string) {
	t.Helper()
	if err := os.WriteFile(d.mode, []byte(mode), 0o600); err != nil {
		t.Fatal(err)
	}
}

// value is one series, by its text: name{label="value",...}.
func (d *driver) value(t testing.TB, series string) (float64, bool) {
	t.Helper()
	families, err := d.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				if l.GetValue() != "" {
					labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
				}
			}
			name := f.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			if name == series {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue(), true
			}
		}
	}
	return 0, false
}

func (d *driver) until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within two minutes; %s", what, d.logs)
		}
	}
}

func (d *driver) is(t testing.TB, series string, want float64) func() bool {
	return func() bool { got, ok := d.value(t, series); return ok && got == want }
}

// TestRealBinding: the real binding in a real child process, with a library
// that lacks functions, is read; what the supervisor adds is there.
func TestRealBinding(t *testing.T) {
	d := start(t, library(t), "ok", func(s *gpu.Settings) {
		s.Compatibility = []string{"dcgm", "triton"}
		s.Pods = func(context.Context) (map[string]gpu.Pod, error) {
			return map[string]gpu.Pod{"GPU-1": {Namespace: "serving", Name: "triton-0", Container: "triton"}}, nil
		}
	})
	d.until(t, "up", d.is(t, "gnomon_gpu_up", 1))
	for series, want := range map[string]float64{
		`gnomon_gpu_utilization_ratio{gpu="7",uuid="GPU-7"}`:                                              .75,
		`gnomon_gpu_power_watts{gpu="7",uuid="GPU-7"}`:                                                    300.007,
		`gnomon_gpu_memory_used_bytes{gpu="0",uuid="GPU-0"}`:                                              20 << 30,
		`gnomon_gpu_throttle_active{gpu="0",reason="power_cap",uuid="GPU-0"}`:                             1,
		`gnomon_gpu_process_memory_bytes{gpu="0",process="primary",uuid="GPU-0"}`:                         19 << 30,
		`gnomon_gpu_pod_info{container="triton",gpu="1",namespace="serving",pod="triton-0",uuid="GPU-1"}`: 1,
		`gnomon_gpu_xid_errors_total{gpu="2",uuid="GPU-2",xid="79"}`:                                      0,
		`gnomon_gpu_device_up{gpu="3",uuid="GPU-3"}`:                                                      1,
		`DCGM_FI_DEV_GPU_UTIL{Hostname="node-1",UUID="GPU-1",container="triton",device="nvidia1",gpu="1",modelName="NVIDIA A100-SXM4-80GB",namespace="serving",pci_bus_id="00000000:01:00.0",pod="triton-0"}`: 75,
		`DCGM_FI_DEV_FB_USED{Hostname="node-1",UUID="GPU-0",device="nvidia0",gpu="0",modelName="NVIDIA A100-SXM4-80GB",pci_bus_id="00000000:00:00.0"}`:                                                        20 << 10,
		`nv_gpu_power_usage{gpu_uuid="GPU-7"}`: 300.007,
		`nv_gpu_utilization{gpu_uuid="GPU-7"}`: .75,
	} {
		if got, ok := d.value(t, series); !ok || math.Abs(got-want) > 1e-9*max(1, want) {
			t.Errorf("%s: %v (%v), want %v", series, got, ok, want)
		}
	}
	// What this library lacks or does not support is absent.
	for _, series := range []string{`gnomon_gpu_fan_speed_ratio{gpu="0",uuid="GPU-0"}`, `gnomon_gpu_memory_reserved_bytes{gpu="0",uuid="GPU-0"}`, `gnomon_gpu_pcie_throughput_bytes_per_second{direction="tx",gpu="0",uuid="GPU-0"}`} {
		if v, ok := d.value(t, series); ok {
			t.Errorf("%s is %v", series, v)
		}
	}
	d.until(t, "busy time", func() bool {
		busy, _ := d.value(t, `gnomon_gpu_busy_seconds_total{gpu="0",uuid="GPU-0"}`)
		mine, _ := d.value(t, `gnomon_gpu_process_busy_seconds_total{gpu="0",process="primary",uuid="GPU-0"}`)
		return busy > 0 && math.Abs(mine-busy) < 1e-9
	})
	if u := d.v.Usage(); u.Found["NVIDIA A100-SXM4-80GB"] != 8 || u.Busy[gpu.Primary]["NVIDIA A100-SXM4-80GB"] <= 0 || u.Joules <= 0 {
		t.Errorf("%+v", u)
	}
	if u := d.v.Busiest(); u != .75 {
		t.Errorf("the busiest: %v", u)
	}
	ours, err := testutil.GatherAndLint(d.reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range ours {
		if strings.HasPrefix(p.Metric, "gnomon_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// TestXIDsAreCounted: a repeat of the same code is an error more.
func TestXIDsAreCounted(t *testing.T) {
	d := start(t, library(t), "ok", nil)
	d.until(t, "up", d.is(t, "gnomon_gpu_up", 1))
	for n := range 2 {
		if err := os.WriteFile(d.mode+".xid", []byte("79"), 0o600); err != nil {
			t.Fatal(err)
		}
		d.until(t, "XID 79", d.is(t, `gnomon_gpu_xid_errors_total{gpu="2",uuid="GPU-2",xid="79"}`, float64(n+1)))
	}
}

// TestAbort: a driver that aborts ends the worker, which is replaced; counters
// go on.
func TestAbort(t *testing.T) {
	d := start(t, library(t), "ok", nil)
	d.until(t, "up", d.is(t, "gnomon_gpu_up", 1))
	d.set(t, "abort")
	d.until(t, "a restart", func() bool {
		n, _ := d.value(t, `gnomon_gpu_collector_restarts_total{reason="crashed"}`)
		return n >= 1
	})
	before, _ := d.value(t, `gnomon_gpu_busy_seconds_total{gpu="0",uuid="GPU-0"}`)
	d.set(t, "ok")
	last, _ := d.value(t, `gnomon_gpu_last_success_timestamp_seconds{collector="nvidia/power"}`)
	d.until(t, "a fresh report", func() bool {
		at, _ := d.value(t, `gnomon_gpu_last_success_timestamp_seconds{collector="nvidia/power"}`)
		after, _ := d.value(t, `gnomon_gpu_busy_seconds_total{gpu="0",uuid="GPU-0"}`)
		return at > last && after >= before
	})
}

// TestHang: a driver that hangs costs its fresh values: a scrape does not wait,
// the last success is old, the worker is replaced, and then all is well again.
func TestHang(t *testing.T) {
	d := start(t, library(t), "ok", func(s *gpu.Settings) { s.Timeout, s.Options.Timeout = time.Second, 1 })
	d.until(t, "up", d.is(t, "gnomon_gpu_up", 1))
	d.set(t, "hang")
	d.until(t, "the hang is seen", func() bool {
		begin := time.Now()
		n, _ := d.value(t, `gnomon_gpu_collector_restarts_total{reason="hung"}`)
		if took := time.Since(begin); took > 30*time.Second {
			t.Errorf("a scrape took %v", took)
		}
		return n >= 1
	})
	d.until(t, "what was true is not said to be", d.is(t, "gnomon_gpu_up", 0))
	if _, ok := d.value(t, `gnomon_gpu_power_watts{gpu="0",uuid="GPU-0"}`); ok {
		t.Error("a value of a report that is not fresh")
	}
	if _, ok := d.value(t, `gnomon_gpu_last_success_timestamp_seconds{collector="nvidia/power"}`); !ok {
		t.Error("the last success is not there")
	}
	d.set(t, "ok")
	d.until(t, "up again", d.is(t, "gnomon_gpu_up", 1))
}

// TestLost: a GPU that is lost says so and the others go on.
func TestLost(t *testing.T) {
	d := start(t, library(t), "ok", nil)
	d.until(t, "up", d.is(t, `gnomon_gpu_device_up{gpu="3",uuid="GPU-3"}`, 1))
	d.set(t, "lost")
	d.until(t, "it is lost", d.is(t, `gnomon_gpu_device_up{gpu="3",uuid="GPU-3"}`, 0))
	if v, ok := d.value(t, `gnomon_gpu_power_watts{gpu="4",uuid="GPU-4"}`); !ok || v != 300.004 {
		t.Errorf("its neighbour: %v", v)
	}
	d.set(t, "ok")
	d.until(t, "it is back", d.is(t, `gnomon_gpu_device_up{gpu="3",uuid="GPU-3"}`, 1))
}

// TestNoDriver: one line of information, gnomon_gpu_up 0, nothing else.
func TestNoDriver(t *testing.T) {
	none := func(lib, mode string, change func(*gpu.Settings)) func(*testing.T) {
		return func(t *testing.T) {
			d := start(t, lib, mode, change)
			d.until(t, "the line", func() bool { return strings.Contains(d.logs.String(), "no GPU metrics") })
			if n := strings.Count(d.logs.String(), "\n"); n != 1 || !strings.Contains(d.logs.String(), "level=INFO") {
				t.Errorf("said: %s", d.logs)
			}
			want := "# HELP gnomon_gpu_up 1 while GPUs are read, 0 where there is none, no driver, or no fresh report.\n# TYPE gnomon_gpu_up gauge\ngnomon_gpu_up 0\n"
			if err := testutil.GatherAndCompare(d.reg, strings.NewReader(want)); err != nil {
				t.Error(err)
			}
		}
	}
	t.Run("no library", none("/nowhere/libnvidia-ml.so.1", "ok", nil))
	t.Run("no driver", none(library(t), "none", nil))
	t.Run("loaded later", func(t *testing.T) {
		d := start(t, library(t), "none", nil)
		d.until(t, "the line", func() bool { return strings.Contains(d.logs.String(), "no GPU metrics") })
		d.set(t, "ok")
		d.until(t, "up", d.is(t, "gnomon_gpu_up", 1))
	})
	t.Run("no device", none("", "ok", func(s *gpu.Settings) { s.Present = func() bool { return false }; s.Command = []string{"/nowhere"} }))
}

// BenchmarkCollector is what the collection of eight GPUs with all default
// fields costs with latencies like the driver's: the share of one core at an
// interval of 10 s, and the memory of the worker's process.
func BenchmarkCollector(b *testing.B) {
	lib := library(b)
	mode := filepath.Join(b.TempDir(), "mode")
	if err := os.WriteFile(mode, []byte("ok"), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workerEnv+"=1", "FAKE_NVML="+mode)
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	if _, err := fmt.Fprintf(in, "{\"Library\":%q,\"Timeout\":20}\n", lib); err != nil {
		b.Fatal(err)
	}
	buffer := make([]byte, 1<<20)
	collect := func() {
		if _, err := in.Write([]byte("collect\n")); err != nil {
			b.Fatal(err)
		}
		for {
			n, err := out.Read(buffer)
			if err != nil {
				b.Fatal(err)
			}
			if n > 0 && buffer[n-1] == '\n' {
				return
			}
		}
	}
	collect()
	collect() // after which it gives back what starting took
	before, n := cpuOf(cmd.Process.Pid), 0
	for b.Loop() {
		collect()
		n++
	}
	used := cpuOf(cmd.Process.Pid) - before
	b.ReportMetric(used.Seconds()/float64(n)/10*100, "%core@10s")
	// The pages of the binary are in RSS too, though gnomon itself maps the same.
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	for line := range strings.SplitSeq(string(status), "\n") {
		for _, name := range []string{"VmRSS:", "RssAnon:"} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
				b.ReportMetric(kb/1024, strings.TrimSuffix(name, ":")+"-MB")
			}
		}
	}
	_ = in.Close()
	_ = cmd.Wait()
}

func cpuOf(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err == nil {
		// Of the main thread alone: sum over all.
		sum := time.Duration(0)
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		for _, task := range tasks {
			b, _ = os.ReadFile(task)
			if f := strings.Fields(string(b)); len(f) > 0 {
				n, _ := strconv.ParseInt(f[0], 10, 64)
				sum += time.Duration(n)
			}
		}
		return sum
	}
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_CHILDREN, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// TestAliases: every alias stands for a family that there is, with labels as it
// has, and no name is used twice.
func TestAliases(t *testing.T) {
	known := map[string]int{}
	for _, m := range gpu.Metrics() {
		known[m.Name] = len(m.Labels)
	}
	seen := map[string]int{}
	for _, a := range gpu.Aliases() {
		seen[a.Name]++
		if n, ok := known[a.Metric]; !ok || n != len(a.Label) {
			t.Errorf("%s: %s %v", a.Name, a.Metric, a.Label)
		}
	}
	for name, n := range seen {
		if n > 1 {
			t.Errorf("%s is there %d times", name, n)
		}
	}
	if diff := cmp.Diff(true, len(seen) > 30); diff != "" {
		t.Error(diff)
	}
}
