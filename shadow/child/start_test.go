package child

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/shadow/onnx"
)

// wire writes protobuf, as much of it as a model needs.
type wire []byte

func (w wire) number(field int, v uint64) wire {
	return binary.AppendUvarint(binary.AppendUvarint(w, uint64(field)<<3), v)
}

func (w wire) bytes(field int, b []byte) wire {
	return append(binary.AppendUvarint(binary.AppendUvarint(w, uint64(field)<<3|2), uint64(len(b))), b...)
}

func (w wire) text(field int, s string) wire { return w.bytes(field, []byte(s)) }

// tenMegabytes writes a perceptron of 25 layers of 320 x 320 weights.
func tenMegabytes(tb testing.TB) string {
	const width, layers = 320, 25
	var graph wire
	name := func(i int) string { return fmt.Sprintf("h%d", i) }
	for i := range layers {
		node := wire{}.text(1, name(i)).text(1, fmt.Sprintf("w%d", i)).text(2, fmt.Sprintf("m%d", i)).text(4, "MatMul")
		relu := wire{}.text(1, fmt.Sprintf("m%d", i)).text(2, name(i+1)).text(4, "Relu")
		graph = graph.bytes(1, node).bytes(1, relu)
	}
	graph = graph.text(2, "perceptron")
	for i := range layers {
		raw := make([]byte, 4*width*width)
		for k := range width * width {
			binary.LittleEndian.PutUint32(raw[4*k:], math.Float32bits(float32((k*37+i)%101-50)/1000))
		}
		graph = graph.bytes(5, wire{}.number(1, width).number(1, width).number(2, 1).text(8, fmt.Sprintf("w%d", i)).bytes(9, raw))
	}
	value := func(name string) wire {
		shape := wire{}.bytes(1, wire{}.text(2, "N")).bytes(1, wire{}.number(1, width))
		return wire{}.text(1, name).bytes(2, wire{}.bytes(1, wire{}.number(1, 1).bytes(2, shape)))
	}
	graph = graph.bytes(11, value(name(0))).bytes(12, value(name(layers)))
	model := wire{}.number(1, 8).bytes(7, graph).bytes(8, wire{}.number(2, 17))
	path := filepath.Join(tb.TempDir(), "ten.onnx")
	if err := os.WriteFile(path, model, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// BenchmarkColdStart starts 20 processes of each kind in turn: the C API that
// loads a model of 10 MB and runs it once, and a shadow from nothing to
// answering, without and with an optimised model on disk. Bar: 1.2 x at the
// median and at the slowest but one in a hundred (of 20: the slowest).
func BenchmarkColdStart(b *testing.B) {
	library, err := onnx.FindLibrary("")
	if err != nil {
		b.Skip(err)
	}
	loop := filepath.Join(b.TempDir(), "loop")
	if text, err := exec.Command("cc", "-O2", "-I", "../onnx/ort", "../onnx/testdata/loop.c", "-o", loop, "-ldl").CombinedOutput(); err != nil {
		b.Skipf("no C compiler: %v: %s", err, text)
	}
	model, cache := tenMegabytes(b), b.TempDir()
	kinds := []struct {
		name string
		run  func() error
	}{
		{"C", func() error { return exec.Command(loop, library, model, "1", "0", "320").Run() }},
		{"cold", func() error { return startOnce(onnx.Settings{Path: model, Providers: onnx.CPU(), MaxBatch: 64}) }},
		{"cached", func() error {
			return startOnce(onnx.Settings{Path: model, Providers: onnx.CPU(), MaxBatch: 64, Cache: cache})
		}},
	}
	times, cpu := make([][]time.Duration, len(kinds)), make([][]time.Duration, len(kinds))
	for range 20 {
		for k, kind := range kinds {
			start, spent := time.Now(), used(syscall.RUSAGE_SELF)+used(syscall.RUSAGE_CHILDREN)
			if err := kind.run(); err != nil {
				b.Fatal(kind.name, err)
			}
			cpu[k] = append(cpu[k], used(syscall.RUSAGE_SELF)+used(syscall.RUSAGE_CHILDREN)-spent)
			times[k] = append(times[k], time.Since(start))
		}
	}
	for k, kind := range kinds {
		slices.Sort(times[k])
		slices.Sort(cpu[k])
		b.ReportMetric(times[k][10].Seconds()*1e3, kind.name+"_p50_ms")
		b.ReportMetric(times[k][19].Seconds()*1e3, kind.name+"_p99_ms")
	}
	b.ReportMetric(cpu[1][10].Seconds()/cpu[0][10].Seconds(), "cold_cpu_x_of_C")
	b.ReportMetric(cpu[2][10].Seconds()/cpu[0][10].Seconds(), "cached_cpu_x_of_C")
	b.ReportMetric(times[1][10].Seconds()/times[0][10].Seconds(), "cold_x_of_C")
	b.ReportMetric(times[2][10].Seconds()/times[0][10].Seconds(), "cached_x_of_C")
	b.ReportMetric(0, "ns/op")
}

// startOnce is a shadow from nothing until it answers, and its end.
func startOnce(s onnx.Settings) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	e, err := Start(context.Background(), Settings{Command: []string{exe}, Env: append(os.Environ(), workerEnv+"=1"), Spec: spec{Settings: &s},
		StartTimeout: time.Minute, HangTimeout: time.Minute, Logger: slog.New(slog.DiscardHandler), Restarted: func(string, int) {}})
	if err != nil {
		return err
	}
	return e.Close()
}

// used is the CPU time of this process, or of its children that have ended.
func used(who int) time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(who, &u) // it cannot fail
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ofProcess is the CPU time of a process that runs.
func ofProcess(b *testing.B, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err != nil {
		b.Skip("no CPU time of another process here: ", err)
	}
	var all time.Duration
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		b.Fatal(err, string(text))
	}
	for _, t := range threads {
		var running int64
		if text, err := os.ReadFile(t); err == nil {
			_, _ = fmt.Sscan(string(text), &running) // a thread that has just ended
		}
		all += time.Duration(running)
	}
	return all
}
