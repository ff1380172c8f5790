package sequential

import (
	"math"
	"testing"
)

// FuzzDetector: whatever the reference and the bins, a detector is refused or its
// evidence is a number that is not negative.
func FuzzDetector(f *testing.F) {
	f.Add(10.0, 20.0, 30.0, 1.0, []byte{0, 1, 2, 3, 4, 255})
	f.Add(math.NaN(), 1.0, math.Inf(1), math.NaN(), []byte{1})
	f.Add(0.0, 0.0, 0.0, 1e300, []byte{2, 2, 2, 2, 2, 2, 2, 2})
	f.Add(5e-324, math.MaxFloat64, math.MaxFloat64, -1.0, []byte{0, 1, 0})
	f.Fuzz(func(t *testing.T, a, b, c, tau float64, bins []byte) {
		d, err := NewStratified([][]float64{{a, b, c}, {c, a, b}}, 1, NewBets(tau))
		if err == nil {
			for i, j := range bins {
				if i%3 == 0 {
					d.Tick()
				}
				d.ObserveIn(i%3-1, int(j%5)-1)
				if e := d.Evidence(); !(e >= 0) {
					t.Fatalf("evidence %v of %v, %v, %v at tau %v", e, a, b, c, tau)
				}
			}
		}
		g, err := NewGroup([]Feature{{Name: "x", Ranks: []float64{a, b}, Groups: []float64{b, c}, Tau: tau, TauBins: a}}, max(a, 1), 1)
		if err == nil {
			for i, j := range bins {
				g.Tick()
				g.Observe(i%2, int(j%4)-1, int(j%4)-1)
				g.Check()
				g.Status(i%3 - 1)
			}
		}
		for _, v := range bins {
			if r, err := NewReliability([]int{int(v) - 3, 1}, []int{int(v%7) + 1, 2}, 1, tau); err == nil {
				r.Observe(int(v)%4-1, v%2 == 0)
				if e := r.Evidence(); !(e >= 0) {
					t.Fatalf("evidence %v", e)
				}
			}
		}
		_ = Tau([]int{0, 1, 5, -1}, []float64{a, b, c})
		_ = TauBins([]int{0, 1, 5, -1}, []float64{a, b, c})
		if i := IntervalOfPSI(a, b, c, 3, tau, tau); i.Lower > i.Upper {
			t.Fatalf("%+v", i)
		}
		_, _ = Edges([]float64{a, b}, int(tau))
		_, _ = ConfidenceEdges([]float64{a, b, c}, len(bins))
	})
}
