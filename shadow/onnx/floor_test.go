package onnx

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// floorLoop compiles the bare C loop.
func floorLoop(b *testing.B) string {
	b.Helper()
	out := filepath.Join(b.TempDir(), "loop")
	if text, err := exec.Command("cc", "-O2", "-I", "ort", "testdata/loop.c", "-o", out, "-ldl").CombinedOutput(); err != nil {
		b.Skipf("no C compiler: %v: %s", err, text)
	}
	return out
}

// floorRun is the C loop's CPU time a run.
func floorRun(b *testing.B, loop, library, model string, batch, iterations int, row []int64) time.Duration {
	b.Helper()
	args := []string{library, model, strconv.Itoa(batch), strconv.Itoa(iterations)}
	for _, d := range row {
		args = append(args, strconv.FormatInt(d, 10))
	}
	text, err := exec.Command(loop, args...).Output()
	var load, first, run float64
	if err == nil {
		_, err = fmt.Sscan(string(text), &load, &first, &run)
	}
	if err != nil {
		b.Fatal(err, string(text))
	}
	return time.Duration(run)
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it cannot fail
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAgainstC compares the engine, samples in and results out, with the
// C API in a loop over one prepared tensor: CPU time of a batch, the ratio of
// medians of interleaved rounds. Bars: 1.05 above 100 us a batch, 0.3 us of
// ours a record on tiny models.
func BenchmarkAgainstC(b *testing.B) {
	library, err := FindLibrary("")
	if err != nil {
		b.Skip(err)
	}
	loop := floorLoop(b)
	for _, c := range []struct {
		model      string
		batch      int
		iterations int
		row        []int64
	}{
		{shared("mnist-12.onnx"), 1, 3000, []int64{1, 28, 28}},
		{shared("cifar10-cnn.onnx"), 1, 500, []int64{3, 32, 32}},
		{shared("cifar10-cnn.onnx"), 64, 12, []int64{3, 32, 32}},
		{shared("iris-mlp.onnx"), 1, 30000, []int64{4}},
		{shared("iris-mlp.onnx"), 64, 15000, []int64{4}},
		{digitsModel, 64, 1000, []int64{1, 8, 8}},
	} {
		b.Run(fmt.Sprintf("%s/batch=%d", filepath.Base(c.model), c.batch), func(b *testing.B) {
			if _, err := os.Stat(c.model); err != nil {
				b.Skip("the model is not here: ", err)
			}
			e, err := Open(Settings{Path: c.model, Providers: CPU(), MaxBatch: c.batch})
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			batch := zeros(b, e, c.batch)
			run := func() {
				if r, err := e.Infer(context.Background(), batch); err != nil || r[0].Err != nil {
					b.Fatal(err, r[0].Err)
				}
			}
			for range 20 {
				run()
			}
			var ours, floor []time.Duration
			b.ResetTimer()
			for b.Loop() {
				floor = append(floor, floorRun(b, loop, library, c.model, c.batch, c.iterations, c.row))
				before := cpuTime()
				for range c.iterations {
					run()
				}
				ours = append(ours, (cpuTime()-before)/time.Duration(c.iterations))
			}
			slices.Sort(ours)
			slices.Sort(floor)
			mine, theirs := ours[len(ours)/2], floor[len(floor)/2]
			b.ReportMetric(float64(mine)/float64(theirs), "x_of_C")
			b.ReportMetric(float64(theirs)/1e3, "C_us/batch")
			b.ReportMetric(float64(mine-theirs)/1e3/float64(c.batch), "ours_us/record")
			b.ReportMetric(testing.AllocsPerRun(100, run)/float64(c.batch), "allocs/record")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// zeros is a batch of samples with storage of their own.
func zeros(tb testing.TB, e *Engine, n int) []shadow.Sample {
	tb.Helper()
	batch := make([]shadow.Sample, n)
	for i := range batch {
		for _, in := range e.Model().Inputs {
			shape := slices.Clone(in.Shape)
			if shape[0] < 0 {
				shape[0] = 1
			}
			x, err := tensor.New(in.Name, in.Type, shape...)
			if err != nil {
				tb.Fatal(err)
			}
			batch[i] = append(batch[i], x)
		}
	}
	return batch
}

// TestSteadyStreamAllocatesItsResultsOnly: a batch costs the same few
// allocations whatever its size.
func TestSteadyStreamAllocatesItsResultsOnly(t *testing.T) {
	e, err := Open(Settings{Path: digitsModel, Providers: CPU(), MaxBatch: 64})
	if err != nil {
		t.Skip(err)
	}
	defer e.Close()
	batch := zeros(t, e, 64)
	n := testing.AllocsPerRun(50, func() {
		if _, err := e.Infer(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
	})
	if n > 6 {
		t.Errorf("%v allocations a batch of 64, want the results' and the outputs' storage alone", n)
	}
}
