package sequential

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"
)

// BenchmarkObserve is what a record costs a feature: the rank, all bets, and the
// evidence. cpu-ns is processor time, which a busy machine does not inflate.
func BenchmarkObserve(b *testing.B) {
	for _, tau := range []float64{1, 2.5} {
		b.Run(fmt.Sprintf("tau=%v", tau), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			d := uniform(b, tau)
			bins := make([]int, 1<<16)
			for i := range bins {
				bins[i] = rng.IntN(67)
			}
			b.ReportAllocs()
			i, sum := 0, 0.0
			before := cpu()
			for b.Loop() {
				d.Observe(bins[i&(len(bins)-1)])
				sum += d.Evidence()
				i++
			}
			b.ReportMetric((cpu()-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// uniform is a detector of 67 bins of 80 rows each.
func uniform(tb testing.TB, tau float64) *Detector {
	tb.Helper()
	counts := make([]float64, 67)
	for i := range counts {
		counts[i] = 80
	}
	d, err := New(counts, 1, NewBets(tau))
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano() + u.Stime.Nano())
}

// TestBoundedAndFree: a feature takes at most 2.5 KB, and a record allocates
// nothing.
func TestBoundedAndFree(t *testing.T) {
	d := uniform(t, 2.5)
	size := unsafe.Sizeof(*d) + unsafe.Sizeof(d.bags[0]) + unsafe.Sizeof(d.reference[0])
	for _, s := range [][]float64{d.reference[0], d.bags[0].counts, d.bags[0].blocks} {
		size += uintptr(cap(s)) * 8
	}
	t.Logf("%d bytes a feature", size)
	if size > 2560 {
		t.Errorf("%d bytes a feature, want at most 2,560", size)
	}
	i := 0
	if n := testing.AllocsPerRun(1000, func() {
		d.Tick()
		d.Observe(i % 67)
		_ = d.Evidence()
		i++
	}); n > 0 {
		t.Errorf("%v allocations a record", n)
	}
}

// TestTauOfTwoValues: a coin's squared scores are constant but for rounding, which
// is no dependence.
func TestTauOfTwoValues(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, counts := range [][]float64{{1000, 1000}, {0, 1000, 1000, 0}, {2000, 0}} {
		sequence := make([]int, 2000)
		for i := range sequence {
			sequence[i] = rng.IntN(2) + len(counts)/4
		}
		if tau := Tau(sequence, counts); tau > 1.25 {
			t.Errorf("counts %v: tau %v of independent rows", counts, tau)
		}
	}
}
