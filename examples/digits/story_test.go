package digits

import (
	"math"
	"slices"
	"sort"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib/sequential"
	"github.com/gnomon-dev/gnomon/driftlib/summary"
)

func unchanged(img Image) Image { return img }

// TestWindowsOfTraffic: windows of 1,000 clean images are like the reference,
// corrupted ones are not. Two-sample KS of every summary and chi-square of the
// labels, both at p = 0.001.
func TestWindowsOfTraffic(t *testing.T) {
	const windows, n = 20, 1000
	d := load(t)
	images, err := d.ReferenceSample()
	if err != nil {
		t.Fatal(err)
	}
	reference := columns(images)
	limit := math.Sqrt(-math.Log(0.001/2) / 2 * (1.0/ReferenceRows + 1.0/n))
	names := summary.ImageNames()
	watched := map[string]func(Image) Image{"clean": unchanged, "pixel scale": PixelScale, "blur": Blur}
	alarms := map[string]map[string]int{"clean": {}, "pixel scale": {}, "blur": {}}
	for seed := range uint64(windows) {
		for kind, change := range watched {
			s := sampler(t, d.Traffic, 100+seed)
			window := make([]Image, n)
			for i := range window {
				window[i] = change(s.Next())
			}
			for k, column := range columns(window) {
				if ks(reference[k], column) > limit {
					alarms[kind][names[k]]++
				}
			}
			if chi2 := chiSquareOfLabels(images, window); chi2 > 27.88 { // 9 degrees of freedom
				t.Errorf("seed %d, %s: labels differ from the reference's: chi-square %.1f", seed, kind, chi2)
			}
		}
	}
	t.Log(alarms)
	// 120 tests at 0.001: three or more alarms have probability 0.0003.
	total := 0
	for _, count := range alarms["clean"] {
		total += count
	}
	if total > 2 {
		t.Errorf("clean traffic: alarms %v in %d windows", alarms["clean"], windows)
	}
	for kind, want := range map[string][]string{
		"pixel scale": {"mean", "std", "border_mean"},
		"blur":        {"mean", "std", "zero_ratio", "sharpness", "border_mean"},
	} {
		for _, name := range want {
			if alarms[kind][name] != windows {
				t.Errorf("%s: %s alarms in %d of %d windows", kind, name, alarms[kind][name], windows)
			}
		}
	}
	for _, name := range []string{"zero_ratio", "max_ratio", "sharpness"} {
		if alarms["pixel scale"][name] > 1 {
			t.Errorf("pixel scale moves %s, which is free of scale", name)
		}
	}
}

// TestDetectorOnTraffic puts traffic before the detectors that raise gnomon's
// alarms, at their default rate with a tick of 50 records: they are quiet for
// 20,000 clean images, and then find each corruption soon.
func TestDetectorOnTraffic(t *testing.T) {
	d := load(t)
	images, err := d.ReferenceSample()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		change func(Image) Image
	}{{"pixel scale", PixelScale}, {"blur", Blur}} {
		w := newWatch(t, images)
		s := sampler(t, d.Traffic, 200)
		if n := w.observe(s, unchanged, 20000); n >= 0 {
			t.Errorf("clean traffic: alarm after %d records", n)
		}
		switch n := w.observe(s, tc.change, 500); {
		case n < 0:
			t.Errorf("%s: no alarm in 500 records", tc.name)
		default:
			t.Logf("%s: alarm after %d records", tc.name, n+1)
		}
	}
}

// watch is one detector a summary.
type watch struct {
	edges     [][]float64
	detectors []*sequential.Detector
}

func newWatch(t *testing.T, reference []Image) *watch {
	t.Helper()
	w := &watch{}
	bets := sequential.NewBets(1)
	for k, column := range columns(reference) {
		edges, err := sequential.Edges(column, 64)
		if err != nil {
			t.Fatal(err)
		}
		counts := make([]float64, len(edges)+2)
		for _, v := range column {
			counts[1+sort.SearchFloat64s(edges, v)]++
		}
		detector, err := sequential.New(counts, sequential.Seed(summary.ImageNames()[k]), bets)
		if err != nil {
			t.Fatal(err)
		}
		w.edges, w.detectors = append(w.edges, edges), append(w.detectors, detector)
	}
	return w
}

// observe folds in up to n draws and returns the index of the one that raised
// the alarm, or -1.
func (w *watch) observe(s *Sampler, change func(Image) Image, n int) int {
	const runLength = 43200
	values := make([]float64, 0, 8)
	for i := range n {
		img := change(s.Next())
		values = summary.Image(values[:0], img.Pixels[:], 1, Size, Size)
		sum := 0.0
		for k, v := range values {
			w.detectors[k].Observe(1 + sort.SearchFloat64s(w.edges[k], v))
			sum += w.detectors[k].Evidence()
			if i%50 == 49 {
				w.detectors[k].Tick()
			}
		}
		if sum >= runLength*float64(len(w.detectors)) {
			return i
		}
	}
	return -1
}

// columns are the summaries of images, one sorted column a summary.
func columns(images []Image) [][]float64 {
	out := make([][]float64, len(summary.ImageNames()))
	row := make([]float64, 0, len(out))
	for i := range images {
		row = summary.Image(row[:0], images[i].Pixels[:], 1, Size, Size)
		for k, v := range row {
			out[k] = append(out[k], v)
		}
	}
	for _, column := range out {
		slices.Sort(column)
	}
	return out
}

// ks is the two-sample statistic of sorted samples, ties stepped together.
func ks(a, b []float64) float64 {
	var i, j int
	var d float64
	for i < len(a) && j < len(b) {
		x := min(a[i], b[j])
		for i < len(a) && a[i] == x {
			i++
		}
		for j < len(b) && b[j] == x {
			j++
		}
		d = max(d, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	return d
}

// chiSquareOfLabels is the statistic of the two-sample contingency test.
func chiSquareOfLabels(a, b []Image) float64 {
	var counts [2][Classes]float64
	for side, images := range [][]Image{a, b} {
		for i := range images {
			counts[side][images[i].Label]++
		}
	}
	n, m := float64(len(a)), float64(len(b))
	chi2 := 0.0
	for c := range Classes {
		both := counts[0][c] + counts[1][c]
		if both == 0 {
			continue
		}
		for side, size := range []float64{n, m} {
			expect := both * size / (n + m)
			chi2 += (counts[side][c] - expect) * (counts[side][c] - expect) / expect
		}
	}
	return chi2
}
