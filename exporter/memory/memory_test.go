package memory

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// tree lays a recorded tree of files out: sections "-- path --".
func tree(t *testing.T, name string) System {
	t.Helper()
	root := t.TempDir()
	b, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, section := range strings.Split("\n"+string(b), "\n-- ")[1:] {
		path, body, _ := strings.Cut(section, " --\n")
		write(t, filepath.Join(root, path), body+"\n")
	}
	return System{root}
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

const pod = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/"

func TestVersion2(t *testing.T) {
	s := tree(t, "v2")
	path, err := s.CgroupOf(4242)
	if err != nil || path != pod+"cri-containerd-triton.scope" {
		t.Fatalf("%q, %v", path, err)
	}
	r, err := s.Cgroup(path)
	if err != nil {
		t.Fatal(err)
	}
	want := Reading{Usage: 6442450944, Used: 6e9, Limit: 8 << 30, // the pod's
		Events: map[string]uint64{"high": 3, "max": 17, "oom": 2, "oom_kill": 1}, Stalled: map[string]float64{"some": 2.5, "full": .75}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
}

func TestVersion1(t *testing.T) {
	s := tree(t, "v1")
	path, err := s.CgroupOf(0)
	if err != nil || path != "/docker/abc" {
		t.Fatalf("%q, %v", path, err)
	}
	r, err := s.Cgroup(path)
	if err != nil {
		t.Fatal(err)
	}
	want := Reading{Usage: 536870912, Used: 5e8, Limit: 1 << 30, Events: map[string]uint64{"max": 42, "oom_kill": 2}, Stalled: map[string]float64{"some": 1, "full": .5}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	// Without a limit anywhere, the machine's memory is the limit.
	if r, err := s.Cgroup("/"); err != nil || r.Limit != 4036448<<10 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestInsideOfAContainer: the mount is the container's own group, and what is
// more than all is taken for all.
func TestInsideOfAContainer(t *testing.T) {
	s := tree(t, "inside")
	r, err := s.Cgroup("/not/seen/from/here")
	if err != nil || r.Limit != 2<<20 || r.Used != 0 || r.Usage != 1<<20 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAbsent(t *testing.T) {
	s := System{t.TempDir()}
	if _, err := s.CgroupOf(0); !errors.Is(err, ErrAbsent) {
		t.Error(err)
	}
	if _, err := s.Cgroup("/"); !errors.Is(err, ErrAbsent) {
		t.Error(err)
	}
	write(t, s.path("sys/fs/cgroup/memory.current"), "a lot\n")
	if _, err := s.Cgroup("/"); err == nil || !strings.Contains(err.Error(), `"a lot" is no number`) {
		t.Error(err)
	}
}

// TestFinder: by id with its children, by control group, by the owner of the
// port that it listens on.
func TestFinder(t *testing.T) {
	s := tree(t, "v2")
	if err := os.MkdirAll(s.path("proc/4242/fd"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("socket:[31337]", s.path("proc/4242/fd/7")); err != nil {
		t.Skip(err)
	}
	for _, target := range []Target{{PID: 4242}, {Cgroup: pod + "cri-containerd-triton.scope"}, {Port: 8000}} {
		f := Finder{System: s, Target: target}
		for range 2 {
			if got := f.Processes(); !slices.Equal(got, []int{4242, 4243}) {
				t.Errorf("%+v: %v", target, got)
			}
		}
	}
	f := Finder{System: s, Target: Target{Port: 8001}}
	if got := f.Processes(); len(got) != 0 {
		t.Errorf("nobody listens there: %v", got)
	}
	p, err := s.Process(4242) // with a name that has parentheses
	if err != nil || p.Parent != 4200 || p.CPUSeconds != 2.1 || p.Started != 8371 || p.Resident != 2048*uint64(os.Getpagesize()) {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestRealMachine: this process is the owner of a port that it listens on, and
// what is read of it is what the kernel says.
func TestRealMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no /proc")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f := Finder{System: System{"/"}, Target: Target{Port: l.Addr().(*net.TCPAddr).Port}}
	if got := f.Processes(); !slices.Contains(got, os.Getpid()) {
		t.Errorf("%v has not %d", got, os.Getpid())
	}
	p, err := System{"/"}.Process(os.Getpid())
	if err != nil || p.Resident < 1<<20 || p.Parent != os.Getppid() {
		t.Errorf("%+v, %v", p, err)
	}
	if ago := time.Since((System{"/"}).Began(os.Getpid())); ago < -2*time.Second || ago > time.Hour {
		t.Errorf("this process started %v ago", ago)
	}
}

func TestTheilSen(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	start := time.Unix(1e9, 0)
	fill := func(slope, noise float64, outliers bool) *Trend {
		tr := NewTrend(time.Hour)
		for i := range 360 {
			v := 1e9 + slope*float64(i)*10 + noise*r.NormFloat64()
			if outliers && i%10 == 3 {
				v += 1e9 // a burst
			}
			tr.Add(start.Add(time.Duration(i)*10*time.Second), v)
		}
		return tr
	}
	slope, lower, upper, ok := fill(1000, 1e5, true).Slope()
	if !ok || math.Abs(slope-1000) > 30 || lower > slope || upper < slope || lower < 900 {
		t.Errorf("a leak of 1000 a second: %v [%v, %v], %v", slope, lower, upper, ok)
	}
	held := 0
	for range 100 {
		if _, lower, upper, _ := fill(0, 1e6, false).Slope(); lower <= 0 && upper >= 0 {
			held++
		}
	}
	if held < 88 {
		t.Errorf("without growth the interval held 0 in %d of 100", held)
	}
	tr := NewTrend(time.Hour)
	tr.Add(start, 1)
	if _, _, _, ok := tr.Slope(); ok {
		t.Error("a slope of one point")
	}
	if n := len(fill(1, 1, false).points); n > trendPoints+1 {
		t.Errorf("%d points are kept", n)
	}
}

// TestWatcher: the kernel ends the model server's worker, and it is counted
// once, as the primary's; its leak reaches the limit when it will.
func TestWatcher(t *testing.T) {
	s := tree(t, "v2")
	now := time.Unix(1e9, 0)
	reg := prometheus.NewPedanticRegistry()
	group := pod + "cri-containerd-triton.scope"
	w := New(Settings{System: s, Primary: Target{Cgroup: group}, Interval: time.Minute, Window: 20 * time.Minute, Now: func() time.Time { return now }, Registerer: reg})
	stat := func(pages int) {
		write(t, s.path("proc/4242/stat"), fmt.Sprintf("4242 (triton) S 4200 1 1 0 -1 4194560 1 0 4 0 150 50 7 3 20 0 12 0 8371 2315542528 %d 18446744073709551615 1", pages))
	}
	for i := range 20 {
		now = now.Add(time.Minute)
		stat(2048 + 60*i) // 60 pages a minute
		w.Tick()
	}
	g := w.State(Primary).Growth
	page := float64(os.Getpagesize())
	if g == nil || math.Abs(g.PerSecond-page) > 1e-9*page || g.Left == nil || math.Abs(*g.Left-((8<<30)-6e9)/page) > 1 {
		t.Fatalf("%+v", g)
	}
	write(t, s.path("sys/fs/cgroup", group, "memory.events"), "oom_kill 2\n")
	write(t, s.path("sys/fs/cgroup", group, "cgroup.procs"), "4242\n")
	w.Tick()
	w.Tick()
	w.OutOfMemory(Shadow, Cause("CUDA out of memory. Tried to allocate 20 MiB", false))
	w.OutOfMemory(Shadow, Cause("shape mismatch", true))
	if got := testutil.ToFloat64(w.out.WithLabelValues(Primary, Killed)); got != 1 {
		t.Errorf("kills of the primary: %v", got)
	}
	if got := testutil.ToFloat64(w.gpu.WithLabelValues(Shadow)); got != 1 {
		t.Errorf("CUDA out of memory: %v", got)
	}
	want := `
# HELP gnomon_memory_limit_bytes Limit of that control group: the lowest of it and those above it; the machine's memory where none has one.
# TYPE gnomon_memory_limit_bytes gauge
gnomon_memory_limit_bytes{process="primary"} 8.589934592e+09
# HELP gnomon_memory_used_bytes Memory of the control group of the process, without file pages that can be dropped at once.
# TYPE gnomon_memory_used_bytes gauge
gnomon_memory_used_bytes{process="primary"} 6e+09
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "gnomon_memory_used_bytes", "gnomon_memory_limit_bytes"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}

func TestCause(t *testing.T) {
	for text, want := range map[string]string{
		"torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB": CUDA,
		"CUDA failure 2: out of memory ; GPU=0":                                       CUDA,
		"RESOURCE_EXHAUSTED: Out of memory while trying to allocate 1 bytes":          CUDA,
		"bfc_arena.cc:376 BFCArena::AllocateRawInternal Failed to allocate memory":    Allocation,
		"std::bad_alloc":                   Allocation,
		"Got invalid dimensions for input": "",
	} {
		if got := Cause(text, false); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := Cause("Failed to allocate memory for requested buffer of size 1", true); got != CUDA {
		t.Errorf("on a GPU: %q", got)
	}
}

// TestRealControlGroup makes a control group with a limit of 16 MiB, lets the
// kernel end a process in it, and finds that counted. It needs the right to
// make control groups of version 1 or 2.
func TestRealControlGroup(t *testing.T) {
	s := System{"/"}
	base, limit := "/sys/fs/cgroup", "memory.max"
	if s.exists(top, version1, "memory.usage_in_bytes") {
		base, limit = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
	}
	own, err := s.CgroupOf(0)
	if err != nil {
		t.Skip(err)
	}
	name := filepath.Join(own, "gnomon-test-"+strconv.Itoa(os.Getpid()))
	dir := filepath.Join(base, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skipf("no control group can be made here: %v", err)
	}
	defer os.Remove(dir)
	if err := os.WriteFile(filepath.Join(dir, limit), []byte("16777216"), 0o644); err != nil {
		t.Skipf("no limit can be set here: %v", err)
	}
	_ = os.WriteFile(filepath.Join(dir, "memory.swap.max"), []byte("0"), 0o644) // where there is swap
	_ = os.WriteFile(filepath.Join(dir, "memory.memsw.limit_in_bytes"), []byte("16777216"), 0o644)
	before, err := s.Cgroup(name)
	if err != nil || before.Limit != 16<<20 {
		t.Fatalf("%+v, %v", before, err)
	}
	// The shell enters the group itself, then doubles a string until it is ended.
	cmd := exec.Command("sh", "-c", `echo $$ > `+dir+`/cgroup.procs && x=0123456789abcdef; i=0; while [ $i -lt 23 ]; do x=$x$x; i=$((i+1)); done; echo survived`)
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Skipf("the process was not ended: %s", out)
	}
	after, err := s.Cgroup(name)
	if err != nil {
		t.Fatal(err)
	}
	if after.Events[Killed] != before.Events[Killed]+1 {
		t.Errorf("kills %d, then %d", before.Events[Killed], after.Events[Killed])
	}
}

func FuzzStat(f *testing.F) {
	f.Add([]byte("4242 (a) b) S 1 1 1 0 -1 4194560 8842 0 4 0 150 50 7 3 20 0 12 0 8371 2315542528 2048 1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = parseStat(1, b)
		_, _ = listener(string(b), 80)
	})
}
