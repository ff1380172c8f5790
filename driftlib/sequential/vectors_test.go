package sequential

import (
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib"
	"github.com/gnomon-dev/gnomon/driftlib/internal/vectors"
	"gonum.org/v1/gonum/stat/distuv"
)

// expect decodes a vector of the shared detection.json, computed by an
// independent reference implementation in double precision.
func expect(t *testing.T, name string, inputs, expected any) {
	t.Helper()
	vectors.Read(t, "detection.json", name, inputs, expected)
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*(1+math.Abs(want))) {
		t.Errorf("%s = %.15g, want %.15g", what, got, want)
	}
}

func TestThetaAndSeed(t *testing.T) {
	var in struct{ Seed uint64 }
	var want []float64
	expect(t, "splitmix64_theta_seed42", &in, &want)
	g := splitMix64{in.Seed}
	for _, w := range want {
		near(t, "theta", g.next(), w, 1e-15)
	}
	var name struct{ Name string }
	var seed string
	expect(t, "fnv1a64_seed", &name, &seed)
	if got := strconv.FormatUint(Seed(name.Name), 10); got != seed {
		t.Errorf("Seed = %s, want %s", got, seed)
	}
}

func TestBetTables(t *testing.T) {
	b := NewBets(1)
	var in struct {
		Cells []int
		V     []float64
	}
	var want []float64
	expect(t, "betting_table_mean_+0.5", &in, &want)
	for i, c := range in.Cells {
		near(t, "mean +0.5", b.table[c][4], want[i], 1e-9)
	}
	expect(t, "betting_table_scale_1.5", &in, &want)
	for i, c := range in.Cells {
		near(t, "scale 1.5", b.table[c][9], want[i], 1e-9)
	}
	for k := range tabulated {
		var sum float64
		for i := range cells {
			sum += b.table[i][k] / cells
		}
		near(t, "mean of a table", sum, 1, 1e-12)
	}
	expect(t, "tail_bet", &in, &want)
	for i, v := range in.V {
		near(t, "tail", b.tail[tailLevel(v)], want[i], 1e-12)
	}
}

func TestEdges(t *testing.T) {
	var in struct {
		Reference []float64
		Bins      int
	}
	var want []float64
	expect(t, "detector_edges_8bins", &in, &want)
	slices.Sort(in.Reference)
	got, err := Edges(in.Reference, in.Bins)
	if err != nil || len(got) != len(want) {
		t.Fatalf("edges %v, %v; want %v", got, err, want)
	}
	for i := range want {
		near(t, "edge", got[i], want[i], 1e-12)
	}
}

func numericDetector(t *testing.T, reference []float64, bins int, seed uint64, tau float64) (*Detector, func(float64) int) {
	t.Helper()
	sorted := slices.Clone(reference)
	slices.Sort(sorted)
	edges, err := Edges(sorted, bins)
	if err != nil {
		t.Fatal(err)
	}
	index := func(v float64) int {
		k := 1
		for _, e := range edges {
			if v > e {
				k++
			}
		}
		return k
	}
	counts := make([]float64, len(edges)+2)
	for _, v := range reference {
		counts[index(v)]++
	}
	d, err := New(counts, seed, NewBets(tau))
	if err != nil {
		t.Fatal(err)
	}
	return d, index
}

func TestSmallStreams(t *testing.T) {
	for _, name := range []string{"edetector_small_tau1_tick1", "edetector_small_tau2.5_tick3"} {
		var in struct {
			Reference []float64
			Bins      int
			Seed      uint64
			Tau       float64
			Tick      int
			Stream    []*float64
		}
		var want struct{ Counts, S []float64 }
		expect(t, name, &in, &want)
		d, index := numericDetector(t, in.Reference, in.Bins, in.Seed, in.Tau)
		if !slices.Equal(d.bags[0].counts, want.Counts) {
			t.Errorf("%s: counts %v, want %v", name, d.bags[0].counts, want.Counts)
		}
		for i, v := range in.Stream {
			if i%in.Tick == 0 {
				d.Tick()
			}
			j := 0
			if v != nil {
				j = index(*v)
			}
			d.Observe(j)
			near(t, name, d.Evidence(), want.S[i], 1e-9)
		}
	}
}

func TestCategories(t *testing.T) {
	var in struct{ Stream []*string }
	var want struct{ Counts, S []float64 }
	expect(t, "edetector_categories", &in, &want)
	d, err := New(want.Counts, 11, NewBets(1))
	if err != nil {
		t.Fatal(err)
	}
	order := map[string]int{"a": 1, "b": 2, "c": 3}
	for i, v := range in.Stream {
		d.Tick()
		j := 0
		if v != nil {
			j = 4
			if k, ok := order[*v]; ok {
				j = k
			}
		}
		d.Observe(j)
		near(t, "categories", d.Evidence(), want.S[i], 1e-9)
	}
}

// normals is n values of PhiInv(theta), theta from SplitMix64(seed).
func normals(seed uint64, n int) []float64 {
	g := splitMix64{seed}
	out := make([]float64, n)
	for i := range out {
		out[i] = distuv.UnitNormal.Quantile(g.next())
	}
	return out
}

func TestStreams(t *testing.T) {
	var in struct{}
	var want []struct {
		Case       string
		FirstAlarm *int     `json:"first_alarm"`
		At1000     *float64 `json:"S_at_1000"`
		LogAt3000  *float64 `json:"log_S_at_3000"`
	}
	expect(t, "edetector_streams", &in, &want)
	for _, w := range want {
		change, ok := map[string]func(i int, x float64) float64{
			"null":                 func(_ int, x float64) float64 { return x },
			"shift_0.25_from_1000": func(i int, x float64) float64 { return x + .25*b2f(i >= 1000) },
			"shift_0.5_from_1000":  func(i int, x float64) float64 { return x + .5*b2f(i >= 1000) },
			"shift_1_from_1000":    func(i int, x float64) float64 { return x + b2f(i >= 1000) },
		}[w.Case]
		if !ok {
			continue
		}
		d, index := numericDetector(t, normals(1001, 2000), 64, 3001, 1)
		var first *int
		for i, x := range normals(2001, 3000) {
			if i%10 == 0 {
				d.Tick()
			}
			d.Observe(index(change(i, x)))
			if first == nil && d.Evidence() >= 43200 {
				at := i
				first = &at
			}
			if i+1 == 1000 && w.At1000 != nil {
				near(t, w.Case+" at 1000", d.Evidence(), *w.At1000, 1e-6)
			}
		}
		if w.LogAt3000 != nil {
			near(t, w.Case+" at 3000", math.Log(d.Evidence()), *w.LogAt3000, 1e-6)
		}
		if (first == nil) != (w.FirstAlarm == nil) || (first != nil && *first != *w.FirstAlarm && *first+1 != *w.FirstAlarm) {
			t.Errorf("%s: first alarm %v, want %v", w.Case, first, w.FirstAlarm)
		}
	}
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func TestRateVectors(t *testing.T) {
	var in struct {
		K, N   int
		Seed   uint64
		Tau    float64
		Tick   int
		Events []int
		P0     float64
	}
	var want []float64
	expect(t, "rate_conformal", &in, &want)
	d, err := NewRate(in.K, in.N, in.Seed, in.Tau)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range in.Events {
		if i%in.Tick == 0 {
			d.Tick()
		}
		d.Observe(e == 1)
		near(t, "rate", d.Evidence(), want[i], 1e-9)
	}
	expect(t, "rate_fixed_bound", &in, &want)
	f, err := NewDisagreement(in.P0)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range in.Events {
		f.Tick()
		f.Observe(e == 1)
		near(t, "disagreement", f.Evidence(), want[i], 1e-9)
	}
}

func TestTauVector(t *testing.T) {
	x := normals(1002, 1500)
	x[0] *= math.Sqrt(.51)
	for i := 1; i < len(x); i++ {
		x[i] = .7*x[i-1] + math.Sqrt(.51)*x[i]
	}
	d, index := numericDetector(t, x, 64, 1, 1)
	sequence := make([]int, len(x))
	for i, v := range x {
		sequence[i] = index(v)
	}
	near(t, "tau of AR(1) .7", Tau(sequence, d.reference[0]), 6.25, 1e-9)
}

func TestGeyerVector(t *testing.T) {
	var in struct {
		Z      []float64
		Repeat int
	}
	var want float64
	expect(t, "geyer_small", &in, &want)
	near(t, "geyer", driftlib.AutocorrelationTime(slices.Repeat(in.Z, in.Repeat)), want, 1e-9)
}

func TestPSIIntervalVectors(t *testing.T) {
	for _, name := range []string{"psi_interval", "psi_interval_dependent"} {
		var in struct {
			PSI        float64
			NReference float64 `json:"n_reference"`
			NCurrent   float64 `json:"n_current"`
			Bins       int
			TauBins    float64 `json:"tau_bins"`
			TauZ       float64 `json:"tau_z"`
		}
		var want []float64
		expect(t, name, &in, &want)
		got := IntervalOfPSI(in.PSI, in.NReference, in.NCurrent, in.Bins, in.TauBins, in.TauZ)
		near(t, name+" adjusted", got.Adjusted, want[0], 1e-9)
		near(t, name+" lower", got.Lower, want[1], 1e-9)
		near(t, name+" upper", got.Upper, want[2], 1e-9)
	}
}

func TestTauBinsVector(t *testing.T) {
	sequence := make([]int, 240)
	for i := range sequence {
		sequence[i] = i / 3 % 4
	}
	near(t, "tau_bins", TauBins(sequence, []float64{60, 60, 60, 60}), 2.113888888888889, 1e-9)
}

func TestReliabilityVector(t *testing.T) {
	var in struct {
		Wrong, Total []int
		Seed         uint64
		Observations [][2]int `json:"observations_bin_wrong"`
	}
	var want []float64
	expect(t, "reliability_conformal", &in, &want)
	d, err := NewReliability(in.Wrong, in.Total, in.Seed, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range in.Observations {
		d.Tick()
		d.Observe(o[0], o[1] == 1)
		near(t, "reliability", d.Evidence(), want[i], 1e-9)
	}
}

func TestTablesMeanOne(t *testing.T) {
	var in struct{ Tables int }
	var want []float64
	expect(t, "betting_table_means_to_one", &in, &want)
	b := NewBets(1)
	if in.Tables != tabulated {
		t.Fatalf("%d tables, want %d", tabulated, in.Tables)
	}
	for k := range tabulated {
		var sum float64
		for i := range cells {
			sum += b.table[i][k] / cells
		}
		near(t, "mean of a table", sum, want[k], 1e-12)
	}
}
