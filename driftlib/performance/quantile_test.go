package performance

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib/internal/vectors"
	"gonum.org/v1/gonum/stat/distuv"
)

// TestQuantileOracle: testdata/oracle.py on scikit-learn, properscoring, scipy.
func TestQuantileOracle(t *testing.T) {
	data, err := os.ReadFile("testdata/oracle.json")
	if err != nil {
		t.Fatal(err)
	}
	var o struct {
		Source                       string
		Y, Mean, Sigma, Lower, Upper []float64
		Members                      [][]float64
		PinballSklearn               float64 `json:"pinball_sklearn"`
		Pinball, CRPS                [3]float64
		CRPSNormal                   [3]float64 `json:"crps_normal"`
		IntervalScore                [3]float64 `json:"interval_score"`
		Covered                      float64
	}
	if err := json.Unmarshal(data, &o); err != nil {
		t.Fatal(err)
	}
	t.Log(o.Source)
	must := func(m Metric, err error) Metric {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for name, c := range map[string]struct {
		got  Metric
		want [3]float64
	}{
		"pinball":        {must(Pinball(o.Y, o.Upper, .84)), o.Pinball},
		"CRPS":           {must(CRPS(o.Y, o.Members)), o.CRPS},
		"normal CRPS":    {must(CRPSNormal(o.Y, o.Mean, o.Sigma)), o.CRPSNormal},
		"interval score": {must(IntervalScore(o.Y, o.Lower, o.Upper, .3)), o.IntervalScore},
	} {
		for k, got := range []float64{c.got.Value, c.got.Lower, c.got.Upper} {
			vectors.Near(t, name, got, c.want[k], 1e-9)
		}
	}
	vectors.Near(t, "pinball of scikit-learn", must(Pinball(o.Y, o.Upper, .84)).Value, o.PinballSklearn, 1e-12)
	vectors.Near(t, "coverage", must(QuantileCoverage(o.Y, o.Upper)).Value, o.Covered, 1e-12)

	// Many quantiles of the normal law come near to its CRPS.
	var levels []float64
	rows := make([][]float64, len(o.Y))
	for k := range 199 {
		levels = append(levels, float64(k+1)/200)
	}
	for i := range rows {
		for _, l := range levels {
			rows[i] = append(rows[i], o.Mean[i]+o.Sigma[i]*distuv.UnitNormal.Quantile(l))
		}
	}
	vectors.Near(t, "CRPS of quantiles", must(CRPSQuantiles(o.Y, levels, rows)).Value, o.CRPSNormal[0], 1e-3)
}

func TestQuantileRefusals(t *testing.T) {
	one, nan := []float64{1}, []float64{math.NaN()}
	for name, c := range map[string]struct{ got, want error }{
		"level":            {refused(Pinball(one, one, 1)), ErrValue},
		"NaN":              {refused(Pinball(nan, one, .5)), ErrValue},
		"length":           {refused(QuantileCoverage(one, nil)), ErrLength},
		"upside down":      {refused(IntervalScore(one, []float64{2}, one, .1)), ErrValue},
		"alpha":            {refused(IntervalScore(one, one, one, 0)), ErrValue},
		"no members":       {refused(CRPS(one, [][]float64{{}})), ErrValue},
		"infinite member":  {refused(CRPS(one, [][]float64{{math.Inf(1)}})), ErrValue},
		"negative sigma":   {refused(CRPSNormal(one, one, []float64{-1})), ErrValue},
		"falling levels":   {refused(CRPSQuantiles(one, []float64{.5, .4}, [][]float64{{1, 2}})), ErrValue},
		"missing quantile": {refused(CRPSQuantiles(one, []float64{.4, .5}, [][]float64{{1}})), ErrLength},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
	for name, f := range map[string]func() (Metric, error){
		"pinball": func() (Metric, error) { return Pinball(nil, nil, .5) }, "CRPS": func() (Metric, error) { return CRPS(nil, nil) },
		"coverage": func() (Metric, error) { return QuantileCoverage(nil, nil) }, "score": func() (Metric, error) { return IntervalScore(nil, nil, nil, .1) },
	} {
		if m, err := f(); err != nil || m.Defined() {
			t.Errorf("%s of nothing is %v, %v", name, m, err)
		}
	}
}

func refused(_ Metric, err error) error { return err }

func FuzzQuantiles(f *testing.F) {
	f.Add(1.0, 2.0, .5)
	f.Add(math.NaN(), math.Inf(1), 0.0)
	f.Add(math.MaxFloat64, -math.MaxFloat64, 5e-324)
	f.Fuzz(func(t *testing.T, a, b, c float64) {
		x, y, z := []float64{a, b}, []float64{b, c}, []float64{c, a}
		for name, f := range map[string]func() (Metric, error){
			"pinball": func() (Metric, error) { return Pinball(x, y, c) }, "coverage": func() (Metric, error) { return QuantileCoverage(x, y) },
			"score": func() (Metric, error) { return IntervalScore(x, y, z, c) }, "CRPS": func() (Metric, error) { return CRPS(x, [][]float64{y, z}) },
			"normal": func() (Metric, error) { return CRPSNormal(x, y, z) }, "quantiles": func() (Metric, error) { return CRPSQuantiles(x, []float64{c}, [][]float64{{a}, {b}}) },
		} {
			if m, err := f(); err == nil && m.Defined() && !(m.Value >= 0) {
				t.Errorf("%s of %v, %v, %v is %v", name, a, b, c, m)
			}
		}
	})
}

func ExamplePinball() {
	m, _ := Pinball([]float64{10, 12}, []float64{11, 11}, .9)
	fmt.Println(m.Value)
	// Output: 0.5
}

func ExampleQuantileCoverage() {
	m, _ := QuantileCoverage([]float64{1, 2, 3, 4}, []float64{2, 2, 2, 5})
	fmt.Println(m)
	// Output: 0.7500 [0.3006, 0.9544] (n=4)
}

func ExampleIntervalScore() {
	m, _ := IntervalScore([]float64{5, 12}, []float64{0, 0}, []float64{10, 10}, .1)
	fmt.Println(m.Value) // 10 and 10 + 20 * 2
	// Output: 30
}

func ExampleCRPS() {
	m, _ := CRPS([]float64{1}, [][]float64{{0, 2}})
	fmt.Println(m.Value)
	// Output: 0.5
}

func ExampleCRPSNormal() {
	m, _ := CRPSNormal([]float64{0}, []float64{0}, []float64{1})
	fmt.Printf("%.4f\n", m.Value)
	// Output: 0.2337
}

func ExampleCRPSQuantiles() {
	m, _ := CRPSQuantiles([]float64{1}, []float64{.25, .75}, [][]float64{{0, 2}})
	fmt.Println(m.Value)
	// Output: 0.5
}
