package calibration

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib/internal/vectors"
)

type oracle struct {
	Source           string
	Logits           [][]float64
	Actual           []int
	Bins             int
	TopBrier         float64 `json:"top_brier"`
	TopLogLoss       float64 `json:"top_log_loss"`
	Uniform          struct{ Accuracy, Confidence []float64 }
	Quantile         struct{ Accuracy, Confidence []float64 }
	Static, Adaptive float64
	Temperature      float64
	Before, After    float64
	Decomposition    map[string]float64
}

func load(t testing.TB) (o oracle, rows [][]float64) {
	t.Helper()
	data, err := os.ReadFile("testdata/oracle.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &o); err != nil {
		t.Fatal(err)
	}
	for _, l := range o.Logits {
		rows = append(rows, Temperature{T: 1}.Apply(l))
	}
	return o, rows
}

// TestOracle: testdata/oracle.py on scikit-learn, scipy and numpy.
func TestOracle(t *testing.T) {
	o, rows := load(t)
	t.Log(o.Source)
	top, right, err := TopLabel(rows, o.Actual)
	if err != nil {
		t.Fatal(err)
	}
	brier, _ := Brier(top, right)
	vectors.Near(t, "Brier", brier, o.TopBrier, 1e-12)
	losses, _ := LogLoss(top, right)
	vectors.Near(t, "log-loss", losses, o.TopLogLoss, 1e-12)
	width, _ := EqualWidth(top, right, o.Bins)
	mass, _ := EqualMass(top, right, o.Bins)
	for name, c := range map[string]struct {
		bins           []Bin
		accuracy, conf []float64
	}{"uniform": {width.Bins, o.Uniform.Accuracy, o.Uniform.Confidence}, "quantile": {mass.Bins, o.Quantile.Accuracy, o.Quantile.Confidence}} {
		k := 0
		for _, b := range c.bins {
			if b.Count == 0 {
				continue
			}
			vectors.Near(t, name+" accuracy", b.Accuracy(), c.accuracy[k], 1e-12)
			vectors.Near(t, name+" confidence", b.MeanConfidence(), c.conf[k], 1e-12)
			k++
		}
		if k != len(c.accuracy) {
			t.Errorf("%s: %d bins, want %d", name, k, len(c.accuracy))
		}
	}
	classes, err := Classwise(rows, o.Actual, o.Bins)
	if err != nil {
		t.Fatal(err)
	}
	vectors.Near(t, "class-wise", classes.Static, o.Static, 1e-12)
	vectors.Near(t, "ACE", classes.Adaptive, o.Adaptive, 1e-12)
	temperature, err := FitTemperature(o.Logits, o.Actual)
	if err != nil {
		t.Fatal(err)
	}
	vectors.Near(t, "temperature", temperature.T, o.Temperature, 1e-6) // of a flat minimum
	vectors.Near(t, "before", temperature.Before, o.Before, 1e-12)
	vectors.Near(t, "after", temperature.After, o.After, 1e-12)
	for i, c := range top {
		top[i] = math.RoundToEven(c*10) / 10
	}
	d, _ := DecomposeBrier(top, right)
	for name, got := range map[string]float64{"score": d.Score, "reliability": d.Reliability, "resolution": d.Resolution, "uncertainty": d.Uncertainty} {
		vectors.Near(t, name, got, o.Decomposition[name], 1e-12)
	}
	vectors.Near(t, "within", d.WithinBin, 0, 1e-15)
}

// TestSharedVectors: of torchmetrics and scikit-learn's own tests.
func TestSharedVectors(t *testing.T) {
	for name, of := range map[string]func(Report) float64{
		"ece_binary_l1": func(r Report) float64 { return r.ECE }, "ece_binary_max": func(r Report) float64 { return r.MCE },
		"ece_multiclass_l1": func(r Report) float64 { return r.ECE }, "ece_multiclass_max": func(r Report) float64 { return r.MCE },
	} {
		v := vectors.All(t, "statistics.json")[name]
		var in struct {
			Prob   json.RawMessage
			Target []int
		}
		var want, tolerance float64
		for raw, to := range map[*json.RawMessage]any{&v.Inputs: &in, &v.Expected: &want, &v.Tolerance: &tolerance} {
			if err := json.Unmarshal(*raw, to); err != nil {
				t.Fatal(err)
			}
		}
		var p []float64
		var rows [][]float64
		var right []bool
		bins := 2
		if err := json.Unmarshal(in.Prob, &rows); err == nil {
			bins = 3
			if p, right, err = TopLabel(rows, in.Target); err != nil {
				t.Fatal(err)
			}
		} else if err := json.Unmarshal(in.Prob, &p); err != nil {
			t.Fatal(err)
		}
		for _, y := range in.Target[len(right):] {
			right = append(right, y == 1)
		}
		r, err := EqualWidth(p, right, bins)
		if err != nil {
			t.Fatal(err)
		}
		if got := of(r); math.Abs(got-want) > tolerance {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// TestStreamIsTheBatch: a stream, and two merged in either order, give the
// batch's report.
func TestStreamIsTheBatch(t *testing.T) {
	o, rows := load(t)
	p, y, _ := TopLabel(rows, o.Actual)
	batch, _ := EqualWidth(p, y, 15)
	mass, _ := EqualMass(p, y, 10)
	for name, c := range map[string]struct {
		want Report
		make func() (*Stream, error)
	}{
		"width": {batch, func() (*Stream, error) { return NewStream(15) }},
		"mass":  {mass, func() (*Stream, error) { return NewStreamOver(mass.Edges()) }},
	} {
		a, err := c.make()
		if err != nil {
			t.Fatal(err)
		}
		b, _ := c.make()
		for i := range p {
			to := a
			if i%3 == 0 {
				to = b
			}
			if err := to.Observe(p[i], y[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Merge(a); err != nil {
			t.Fatal(err)
		}
		got, _ := b.Report()
		for what, v := range map[string][2]float64{"ECE": {got.ECE, c.want.ECE}, "Z": {got.Z, c.want.Z}, "MCE": {got.MCE, c.want.MCE},
			"reliability": {got.Brier.Reliability, c.want.Brier.Reliability}, "Brier": {got.Brier.Score, c.want.Brier.Score}} {
			vectors.Near(t, name+" "+what, v[0], v[1], 1e-12)
		}
		l, _ := LogLoss(p, y)
		vectors.Near(t, name+" log-loss", b.LogLoss(), l, 1e-12)
	}
	wide, _ := NewStream(3)
	narrow, _ := NewStream(4)
	if err := wide.Merge(narrow); !errors.Is(err, ErrLength) {
		t.Error(err)
	}
	if _, err := wide.Report(); !errors.Is(err, ErrEmpty) || !math.IsNaN(wide.LogLoss()) {
		t.Error(err)
	}
	if _, err := NewStreamOver([]float64{.5, .4}); !errors.Is(err, ErrConfidence) {
		t.Error(err)
	}
}

func TestNoTemperature(t *testing.T) {
	for name, c := range map[string]struct {
		logits [][]float64
		actual []int
		want   error
	}{
		"all right":     {[][]float64{{2, 1}, {0, 3}}, []int{0, 1}, ErrTemperature},
		"nothing":       {[][]float64{{1, 1}, {1, 1}}, []int{0, 1}, ErrTemperature},
		"no rows":       {nil, nil, ErrEmpty},
		"no class":      {[][]float64{{1, 2}}, []int{2}, ErrClass},
		"NaN":           {[][]float64{{math.NaN(), 2}}, []int{1}, ErrConfidence},
		"impossible":    {[][]float64{{math.Inf(-1), 2}}, []int{0}, ErrConfidence},
		"other lengths": {[][]float64{{1, 2}}, nil, ErrLength},
	} {
		if _, err := FitTemperature(c.logits, c.actual); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestBandsHoldWhatTheySay: of a calibrated model, a bin's accuracy lies outside
// its consistency band in about one case in twenty, and its true accuracy outside
// the Wilson interval likewise.
func TestBandsHoldWhatTheySay(t *testing.T) {
	theta := splitmix(9)
	var outside, missed, all int
	for range 300 {
		s, _ := NewStream(10)
		for range 1000 {
			c := theta()
			_ = s.Observe(c, theta() < c)
		}
		r, _ := s.Report()
		for _, b := range r.Bins {
			all++
			if low, high := b.Consistency(); b.Accuracy() < low || b.Accuracy() > high {
				outside++
			}
			if low, high := b.Interval(); b.MeanConfidence() < low || b.MeanConfidence() > high {
				missed++
			}
		}
	}
	for what, k := range map[string]int{"consistency": outside, "interval": missed} {
		if share := float64(k) / float64(all); share < .03 || share > .07 {
			t.Errorf("%s: missed in %.3f of the bins", what, share)
		}
	}
	if low, high := (Bin{}).Interval(); low != 0 || high != 1 {
		t.Error("an empty bin says something")
	}
}

func FuzzCalibration(f *testing.F) {
	f.Add(.5, .5, true, 3)
	f.Add(math.NaN(), math.Inf(1), false, -1)
	f.Add(5e-324, 1.0, true, 1)
	f.Fuzz(func(t *testing.T, a, b float64, y bool, bins int) {
		p, is := []float64{a, b, a}, []bool{y, !y, true}
		bins %= 1000
		for _, f := range []func([]float64, []bool, int) (Report, error){EqualWidth, EqualMass} {
			if r, err := f(p, is, bins); err == nil && !(r.ECE >= 0 && r.ECE <= 1 && r.MCE >= r.ECE-1e-9) {
				t.Errorf("%+v", r)
			}
		}
		if _, err := FitTemperature([][]float64{{a, b}, {b, a}}, []int{0, 0}); err == nil && (math.IsNaN(a) || math.IsNaN(b)) {
			t.Error("NaN has a temperature")
		}
		if c, err := Classwise([][]float64{{a, b}, {b, a}}, []int{0, 1}, bins); err == nil && !(c.Static >= 0 && c.Adaptive >= 0) {
			t.Errorf("%+v", c)
		}
		if d, err := DecomposeBrier(p, is); err == nil && math.Abs(d.WithinBin) > 1e-9 {
			t.Errorf("%+v", d)
		}
	})
}

func ExampleFitTemperature() {
	logits := [][]float64{{4, 0}, {4, 0}, {4, 0}, {0, 4}, {0, 4}} // each sure by 98 %
	t, _ := FitTemperature(logits, []int{0, 0, 1, 1, 1})          // four of five are right
	fmt.Printf("T = %.2f: %.2f, log-loss %.2f before, %.2f after\n", t.T, t.Apply(logits[0])[0], t.Before, t.After)
	// Output: T = 2.89: 0.80, log-loss 0.82 before, 0.50 after
}

func ExampleDecomposeBrier() {
	d, _ := DecomposeBrier([]float64{.9, .9, .1, .1}, []bool{true, true, false, true})
	fmt.Printf("%.3f = %.3f - %.4f + %.4f\n", d.Score, d.Reliability, d.Resolution, d.Uncertainty)
	// Output: 0.210 = 0.085 - 0.0625 + 0.1875
}

func ExampleClasswise() {
	c, _ := Classwise([][]float64{{.8, .2}, {.6, .4}}, []int{0, 1}, 2)
	fmt.Printf("%.2f %.2f\n", c.Static, c.Adaptive)
	// Output: 0.20 0.40
}

func ExampleTopLabel() {
	confidence, correct, _ := TopLabel([][]float64{{.7, .2, .1}, {.3, .3, .4}}, []int{0, 1})
	fmt.Println(confidence, correct)
	// Output: [0.7 0.4] [true false]
}

func ExampleStream() {
	s, _ := NewStream(10)
	for i, confidence := range []float64{.95, .95, .85, .55} {
		_ = s.Observe(confidence, i != 1)
	}
	r, _ := s.Report()
	low, high := r.Bins[9].Interval()
	fmt.Printf("ECE %.3f, accuracy of the highest bin %.2f [%.2f, %.2f]\n", r.ECE, r.Bins[9].Accuracy(), low, high)
	// Output: ECE 0.375, accuracy of the highest bin 0.50 [0.09, 0.91]
}
