package offline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/table"
)

// scoredRows draws rows whose score is their probability, of two sites.
func scoredRows(n int, seed uint64, labelled bool) string {
	rng := rand.New(rand.NewPCG(seed, 3))
	var b strings.Builder
	if labelled {
		b.WriteString("y,")
	}
	b.WriteString("p,site\n")
	for i := range n {
		p := math.Round(1000*rng.Float64()) / 1000
		if labelled {
			fmt.Fprintf(&b, "%d,", map[bool]int{true: 1}[rng.Float64() < p])
		}
		fmt.Fprintf(&b, "%g,%c\n", p, 'a'+i%2)
	}
	return b.String()
}

func TestEvaluateCalibration(t *testing.T) {
	e := evaluate(t, scoredRows(2000, 1, true), EvaluateOptions{Label: "y", Score: "p", Positive: "1", Threshold: .5})
	g := e.Groups[0]
	c, b := g.Calibration, g.Calibration.Brier
	if math.Abs(b.Reliability-b.Resolution+b.Uncertainty+b.WithinBin-g.Metrics["brier"].Value) > 1e-12 || b.Score != g.Metrics["brier"].Value && math.Abs(b.Score-g.Metrics["brier"].Value) > 1e-12 {
		t.Errorf("%+v is not %v", b, g.Metrics["brier"])
	}
	if c.Z > 3 || c.Temperature == nil || math.Abs(c.Temperature.Value-1) > .1 || math.Abs(c.Temperature.Before-g.Metrics["log_loss"].Value) > 1e-9 {
		t.Errorf("a calibrated model has z %v and temperature %+v", c.Z, c.Temperature)
	}
	inside := 0
	for _, r := range c.Reliability {
		if r.AccuracyLower > r.Accuracy || r.AccuracyUpper < r.Accuracy || r.ConsistencyLower > r.MeanConfidence || r.ConsistencyUpper < r.MeanConfidence {
			t.Errorf("%+v", r)
		}
		if r.Accuracy >= r.ConsistencyLower && r.Accuracy <= r.ConsistencyUpper {
			inside++
		}
	}
	if inside < 12 {
		t.Errorf("%d of 15 bins are consistent with a calibrated model", inside)
	}
	if k := g.Curves; len(k.ROC) != mostPoints || k.ROC[0] != [2]float64{0, 0} || k.ROC[mostPoints-1] != [2]float64{1, 1} {
		t.Errorf("%+v", k.ROC)
	}
}

// TestEvaluateWithoutLabels: a labelled reference says what to expect of rows that
// have none; it is right where they have some after all.
func TestEvaluateWithoutLabels(t *testing.T) {
	o := EvaluateOptions{Label: "y", Score: "p", Positive: "1", Threshold: .5, GroupBy: "site"}
	o.Reference = open(t, scoredRows(4000, 2, true))
	e := evaluate(t, scoredRows(1000, 4, false), o)
	if len(e.Groups) != 3 || e.Groups[0].Rows != 0 || e.Groups[0].Estimate.Rows != 1000 || e.Groups[1].Estimate.Rows != 500 || e.Skipped["no label"] != 1000 {
		t.Fatalf("%+v", e)
	}
	if m := e.Groups[0].Metrics["accuracy"]; m.Defined() {
		t.Errorf("accuracy without labels is %v", m)
	}
	labelled := evaluate(t, scoredRows(4000, 5, true), o)
	for name, want := range labelled.Groups[0].Estimate.Metrics {
		got := labelled.Groups[0].Metrics[name]
		if math.Abs(got.Value-want.Value) > .03 {
			t.Errorf("%s is %v, estimated %v", name, got, want)
		}
	}
	var b bytes.Buffer
	for _, write := range []func() error{func() error { return e.WriteTable(&b) }, func() error { return e.WriteHTML(&b) }} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(b.String(), "estimated accuracy") {
		t.Error("the estimate is not printed")
	}
	if strings.Contains(b.String(), "NaN") {
		t.Error("NaN is printed")
	}
}

func TestEvaluateIntervals(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	var b strings.Builder
	b.WriteString("y,f,low,high\n")
	for range 1000 {
		m := 10 * rng.Float64()
		fmt.Fprintf(&b, "%g,%g,%g,%g\n", m+rng.NormFloat64(), m, m-1.645, m+1.645)
	}
	e := evaluate(t, b.String(), EvaluateOptions{Task: Regression, Label: "y", Prediction: "f", Lower: "low", Upper: "high", Quantile: .5})
	m := e.Groups[0].Metrics
	if c := m["interval_coverage"]; c.Lower > .9 || c.Upper < .9 {
		t.Errorf("coverage is %v", c)
	}
	isValue(t, e, 0, "pinball_loss", m["mae"].Value/2)
	if math.Abs(m["interval_width"].Value-3.29) > 1e-9 || m["interval_score"].Value < 3.29 || m["crps"].Value < .4 || m["crps"].Value > .8 || math.Abs(m["quantile_coverage"].Value-.5) > .06 {
		t.Errorf("%+v", m)
	}
	var html bytes.Buffer
	if err := e.WriteHTML(&html); err != nil || strings.Count(html.String(), "<svg viewBox=\"0 0 420") != 2 {
		t.Errorf("%d plots, %v", strings.Count(html.String(), "<svg viewBox=\"0 0 420"), err)
	}
}

// TestEvaluateClassesInFull: JSON Lines, several classes, each of them judged.
func TestEvaluateClassesInFull(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	var b strings.Builder
	for range 600 {
		p := []float64{rng.ExpFloat64(), rng.ExpFloat64(), rng.ExpFloat64()}
		sum := p[0] + p[1] + p[2]
		u, k := rng.Float64()*sum, 0
		for u > p[k] {
			u -= p[k]
			k++
		}
		fmt.Fprintf(&b, `{"y": "c%d", "c0": %g, "c1": %g, "c2": %g}`+"\n", k, p[0]/sum, p[1]/sum, p[2]/sum)
	}
	f, err := table.Open("-", table.Options{Stdin: strings.NewReader(b.String()), Format: table.JSONLines})
	if err != nil {
		t.Fatal(err)
	}
	e, err := Evaluate(f, EvaluateOptions{Task: Classification, Label: "y", Scores: []string{"c0", "c1", "c2"}, ECEBins: 15, TopK: 2})
	if err != nil {
		t.Fatal(err)
	}
	g := e.Groups[0]
	if len(g.Classes) != 3 || g.Classes[2].Label != "c2" || g.Calibration.ClassWise == nil || g.Calibration.Adaptive == nil || math.Abs(g.Calibration.Temperature.Value-1) > .25 {
		t.Errorf("%+v, %+v", g.Classes, g.Calibration)
	}
	if top := g.Metrics["top_2"]; !top.Defined() || top.Value <= g.Metrics["accuracy"].Value {
		t.Errorf("top 2 is %v", top)
	}
	raw, err := json.Marshal(e)
	if err != nil || !bytes.Contains(raw, []byte(`"ece_classwise"`)) || !bytes.Contains(raw, []byte(`"brier_decomposition"`)) {
		t.Error(err, string(raw[:200]))
	}
}

func TestEvaluateMoreRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		o    EvaluateOptions
		says string
	}{
		"one end":           {EvaluateOptions{Task: Regression, Label: "y", Prediction: "p", Lower: "p"}, "two ends"},
		"interval of class": {EvaluateOptions{Task: Classification, Label: "y", Score: "p", Lower: "p", Upper: "p"}, "of a regression"},
		"quantile":          {EvaluateOptions{Task: Regression, Label: "y", Prediction: "p", Quantile: 2}, "between 0 and 1"},
		"top":               {EvaluateOptions{Task: Classification, Label: "y", Score: "p", TopK: -1}, "give 1 or more"},
		"reference":         {EvaluateOptions{Task: Classification, Label: "y", Prediction: "p", Reference: open(t, "y,p\n1,.5\n")}, "score of a positive class"},
		"blank reference":   {EvaluateOptions{Task: Classification, Label: "y", Score: "p", Reference: open(t, "y,p\n,.5\n1,\n")}, "no row with both"},
		"upside down":       {EvaluateOptions{Task: Regression, Label: "y", Prediction: "y", Lower: "p", Upper: "q"}, "out of range"},
	} {
		c.o.ECEBins = 15
		_, err := Evaluate(open(t, "y,p,q\n1,.5,.4\n0,.2,.1\n"), c.o)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if name != "upside down" && !errors.Is(err, ErrInput) {
			t.Errorf("%s: %v is not of the input", name, err)
		}
	}
}
