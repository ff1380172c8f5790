package onnx

import (
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkBinding compares a run on bound tensors with one that hands the
// same tensors over anew, interleaved: CPU time.
func BenchmarkBinding(b *testing.B) {
	for _, c := range []struct {
		model      string
		batch      int
		iterations int
	}{{shared("iris-mlp.onnx"), 1, 20000}, {shared("iris-mlp.onnx"), 64, 10000}, {shared("mnist-12.onnx"), 1, 2000}, {digitsModel, 64, 500}, {shared("cifar10-cnn.onnx"), 1, 400}} {
		b.Run(filepath.Base(c.model), func(b *testing.B) {
			e, err := Open(Settings{Path: c.model, Providers: CPU(), MaxBatch: c.batch})
			if err != nil {
				b.Skip(err)
			}
			defer e.Close()
			bound, err := e.all[0].binding(c.batch)
			if err != nil {
				b.Fatal(err)
			}
			var times [2][]time.Duration
			for b.Loop() {
				for k, run := range []func() error{bound.Run, bound.RunPlain} {
					before := cpuTime()
					for range c.iterations {
						if err := run(); err != nil {
							b.Fatal(err)
						}
					}
					times[k] = append(times[k], (cpuTime()-before)/time.Duration(c.iterations))
				}
			}
			for k, unit := range []string{"bound_us", "plain_us"} {
				slices.Sort(times[k])
				b.ReportMetric(float64(times[k][len(times[k])/2])/1e3, unit)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
