package performance

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// The expected values are scikit-learn 1.9.1's on the same data.

func binary() (y []bool, s []float64) {
	for _, v := range []int{0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 1} {
		y = append(y, v == 1)
	}
	return y, []float64{0.16, 0.53, 0.31, 0.86, 0.73, 0.45, 0.4, 0.32, 0.3, 0.52, 0.57, 0.71, 0.39, 0.23, 0.19, 0.09, 0.49, 0.23, 0.59, 0.35, 0.71, 0.73, 0.41, 0.44, 0.61, 0.14, 0.24, 0.06, 0.58, 0.13, 0.4, 0.53, 0.87, 0.75, 0.08, 0.86, 0.92, 0.89, 0.34, 0.44}
}

func near(t *testing.T, name string, m Metric, want float64) {
	t.Helper()
	if !m.Defined() || math.Abs(m.Value-want) > 1e-12 {
		t.Errorf("%s is %v, want %v", name, m, want)
	}
	if !(m.Lower <= m.Value && m.Value <= m.Upper) {
		t.Errorf("%s: the interval of %v does not hold it", name, m)
	}
}

func must(t *testing.T) func(Metric, error) Metric {
	return func(m Metric, err error) Metric {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		return m
	}
}

func TestBinaryAgainstScikitLearn(t *testing.T) {
	y, s := binary()
	ok := must(t)
	near(t, "ROC AUC", ok(ROCAUC(s, y)), 0.9181585677749361)
	near(t, "average precision", ok(AveragePrecision(s, y)), 0.9085224089635855)
	near(t, "Brier", ok(Brier(s, y)), 0.1295275)
	var of []float64
	c, err := NewConfusion("0", "1")
	if err != nil {
		t.Fatal(err)
	}
	name := map[bool]string{false: "0", true: "1"}
	for i := range y {
		p := s[i]
		if !y[i] {
			p = 1 - p
		}
		of = append(of, p)
		if err := c.Observe(name[y[i]], name[s[i] >= .5]); err != nil {
			t.Fatal(err)
		}
	}
	near(t, "log loss", ok(LogLoss(of)), 0.4165846153584149)
	near(t, "accuracy", c.Accuracy(), 0.8)
	near(t, "balanced accuracy", c.BalancedAccuracy(), 0.7953964194373402)
	near(t, "precision", c.Precision("1"), 0.7647058823529411)
	near(t, "recall", c.Recall("1"), 0.7647058823529411)
	near(t, "F1", c.F1("1"), 0.7647058823529411)
	near(t, "MCC", c.MCC(), 0.5907928388746803)
	near(t, "kappa", c.Kappa(), 0.5907928388746804)
}

func threeClasses() (actual []int, p [][]float64) {
	return []int{1, 0, 2, 2, 0, 1, 0, 0, 1, 2, 2, 1, 1, 1, 0, 1, 2, 1, 0, 0, 2, 0, 2, 2, 1, 1, 2, 1, 1, 0},
		[][]float64{{0.738, 0.031, 0.231}, {0.066, 0.098, 0.836}, {0.547, 0.14, 0.313}, {0.248, 0.109, 0.643}, {0.681, 0.102, 0.217}, {0.434, 0.535, 0.031}, {0.843, 0.0, 0.157}, {0.581, 0.124, 0.295}, {0.23, 0.272, 0.498}, {0.16, 0.153, 0.687}, {0.127, 0.144, 0.729}, {0.059, 0.166, 0.775}, {0.421, 0.345, 0.234}, {0.497, 0.407, 0.096}, {0.572, 0.217, 0.211}, {0.443, 0.394, 0.163}, {0.231, 0.114, 0.655}, {0.081, 0.667, 0.252}, {0.29, 0.083, 0.627}, {0.383, 0.378, 0.239}, {0.38, 0.401, 0.219}, {0.637, 0.253, 0.11}, {0.452, 0.124, 0.424}, {0.313, 0.13, 0.557}, {0.669, 0.092, 0.239}, {0.072, 0.468, 0.46}, {0.366, 0.016, 0.618}, {0.456, 0.4, 0.144}, {0.04, 0.698, 0.262}, {0.728, 0.048, 0.224}}
}

func TestMulticlassAgainstScikitLearn(t *testing.T) {
	actual, p := threeClasses()
	c, err := NewConfusion()
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range p {
		best := 0
		for k := range row {
			if row[k] > row[best] {
				best = k
			}
		}
		if err := c.Observe(fmt.Sprint(actual[i]), fmt.Sprint(best)); err != nil {
			t.Fatal(err)
		}
	}
	near(t, "macro precision", c.AveragePrecisionOfLabels(Macro), 0.6222222222222222)
	near(t, "weighted precision", c.AveragePrecisionOfLabels(Weighted), 0.64)
	near(t, "macro recall", c.AverageRecall(Macro), 0.5925925925925926)
	near(t, "weighted recall", c.AverageRecall(Weighted), 0.5666666666666667)
	near(t, "macro F1", c.AverageF1(Macro), 0.5618335053319573)
	near(t, "micro F1", c.AverageF1(Micro), 0.5666666666666667)
	near(t, "weighted F1", c.AverageF1(Weighted), 0.5527089783281733)
	near(t, "MCC", c.MCC(), 0.39364791081110845)
	near(t, "kappa", c.Kappa(), 0.36585365853658536)
	near(t, "balanced accuracy", c.BalancedAccuracy(), 0.5925925925925926)
	near(t, "top 2", must(t)(TopK(p, actual, 2)), 0.8666666666666667)
}

func TestRegressionAgainstScikitLearn(t *testing.T) {
	a := []float64{-0.288, -1.22, 3.519, 3.089, 2.508, 3.077, 1.279, -0.027, 2.667, 1.057, -0.287, 4.011, 2.877, 3.813, 1.021, 1.684, 1.002, 1.227, 3.391, 1.434, 3.712, 3.68, 7.05, 0.214, 4.776}
	f := []float64{-0.333, -1.227, 2.794, 2.859, 2.88, 3.036, 1.32, -0.172, 3.244, 1.046, -1.387, 3.665, 1.893, 2.187, 0.756, 2.351, 1.026, 0.641, 2.921, 1.999, 3.791, 3.704, 7.023, 0.233, 5.179}
	r, err := Regress(a, f)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "MAE", r.MAE, 0.37516)
	near(t, "RMSE", r.RMSE, 0.5509190503150169)
	near(t, "MAPE", r.MAPE, 0.5126139839943008)
	near(t, "R2", r.R2, 0.9115204034093516)
	near(t, "median AE", r.MedianAE, 0.265)
	if r, err := Regress([]float64{0, 1}, []float64{1, 1}); err != nil || r.MAPE.Undefined != "an actual value is 0" {
		t.Errorf("%+v, %v", r.MAPE, err)
	}
	if r, err := Regress([]float64{2, 2}, []float64{1, 3}); err != nil || r.R2.Defined() {
		t.Errorf("%+v, %v", r.R2, err)
	}
}

func TestRankingAgainstScikitLearn(t *testing.T) {
	queries := []Query{{[]float64{3, 2, 3, 0, 1, 2}, []float64{.9, .8, .7, .6, .5, .4}}, {[]float64{0, 0, 1, 2, 0, 3}, []float64{.1, .2, .3, .4, .5, .6}}}
	for _, c := range []struct {
		k    int
		ndcg [2]float64
	}{{0, [2]float64{0.9608081943360616, 0.930450919735717}}, {3, [2]float64{0.9777813616305048, 0.8400079830158564}}} {
		for i, q := range queries {
			r, err := Rank([]Query{q}, c.k)
			if err != nil {
				t.Fatal(err)
			}
			near(t, fmt.Sprintf("NDCG@%d of %d", c.k, i), r.NDCG, c.ndcg[i])
			near(t, "MRR", r.MRR, 1)
			near(t, "hit rate", r.HitRate, 1)
		}
	}
}

func TestErrorRates(t *testing.T) {
	var words, characters ErrorRate
	words.Words("the cat sat on the mat", "the cat sit on mat")
	near(t, "WER", words.Rate(), 2.0/6)
	characters.Characters("kitten", "sitting")
	near(t, "CER", characters.Rate(), 3.0/6)
	if m := new(ErrorRate).Rate(); m.Defined() {
		t.Error(m)
	}
}

// TestIntervalsCover: the intervals hold the truth about as often as they say.
func TestIntervalsCover(t *testing.T) {
	const runs, n = 400, 300
	rng := rand.New(rand.NewPCG(4, 2))
	truth := .5 + math.Erf(1/2.0)/2 // P(positive above negative), scores N(1,1) and N(0,1): Phi(1/sqrt 2)
	held := 0
	for range runs {
		y, s := make([]bool, n), make([]float64, n)
		for i := range y {
			y[i] = rng.IntN(3) == 0
			s[i] = rng.NormFloat64()
			if y[i] {
				s[i]++
			}
		}
		m, err := ROCAUC(s, y)
		if err != nil {
			t.Fatal(err)
		}
		if m.Lower <= truth && truth <= m.Upper {
			held++
		}
	}
	if share := float64(held) / runs; share < .92 || share > .98 {
		t.Errorf("95 %% intervals of the AUC hold the truth in %.1f %%", 100*share)
	}
}

func TestUndefinedIsSaid(t *testing.T) {
	ok := must(t)
	for name, m := range map[string]Metric{
		"no positive observations": ok(ROCAUC([]float64{.1, .2}, []bool{false, false})),
		"no negative observations": ok(ROCAUC([]float64{.1}, []bool{true})),
		"no observations":          ok(LogLoss(nil)),
		"no queries":               first(Rank(nil, 3)),
	} {
		if m.Undefined != name {
			t.Errorf("%v, want undefined: %s", m, name)
		}
		if b, err := json.Marshal(m); err != nil || string(b) != fmt.Sprintf(`{"undefined":%q}`, name) {
			t.Errorf("%s, %v", b, err)
		}
	}
	c, err := NewConfusion()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Observe("cat", "cat"); err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]Metric{"precision": c.Precision("dog"), "recall": c.Recall("dog"), "F1": c.F1("dog"), "MCC": c.MCC(), "kappa": c.Kappa(), "specificity": c.Specificity("cat")} {
		if m.Defined() {
			t.Errorf("%s is %v", name, m)
		}
	}
}

func first(r Ranking, err error) Metric {
	if err != nil {
		return Metric{}
	}
	return r.NDCG
}

func TestBadInputIsTyped(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]struct{ got, want error }{
		"AUC length":   {second(ROCAUC([]float64{1}, nil)), ErrLength},
		"AUC NaN":      {second(ROCAUC([]float64{nan}, []bool{true})), ErrValue},
		"log loss":     {second(LogLoss([]float64{1.5})), ErrValue},
		"Brier":        {second(Brier([]float64{-1}, []bool{true})), ErrValue},
		"multiclass":   {second(BrierMulticlass([][]float64{{1}}, []int{1})), ErrValue},
		"top k":        {second(TopK([][]float64{{1}}, []int{0}, 0)), ErrValue},
		"regression":   {second(Regress([]float64{nan}, []float64{1})), ErrValue},
		"coverage":     {second(Coverage([]float64{1}, []float64{2}, []float64{1})), ErrValue},
		"ranking":      {second(Rank([]Query{{[]float64{-1}, []float64{1}}}, 1)), ErrValue},
		"proportion":   {second(Proportion(2, 1)), ErrValue},
		"mean":         {second(Mean([]float64{math.Inf(1)})), ErrValue},
		"mean nothing": {second(Mean(nil)), nil},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestConfusionMerges(t *testing.T) {
	a, _ := NewConfusion("x", "y")
	b, _ := NewConfusion("y", "x")
	for range 3 {
		_ = a.Observe("x", "y")
		_ = b.Observe("x", "y")
	}
	if err := a.Merge(b); err != nil || a.Counts()[0][1] != 6 || a.N() != 6 {
		t.Errorf("%v %v", a.Counts(), err)
	}
}

func FuzzScores(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		var s, p []float64
		var y []bool
		for i, v := range b {
			s = append(s, math.Float64frombits(uint64(v)<<56|uint64(i%3)))
			p = append(p, float64(v)/255)
			y = append(y, v%2 == 0)
		}
		for _, m := range []Metric{value(ROCAUC(s, y)), value(AveragePrecision(s, y)), value(Brier(p, y)), value(LogLoss(p)), value(Mean(p))} {
			if m.Defined() && (math.IsNaN(m.Value) || m.Lower > m.Value || m.Upper < m.Value) {
				t.Fatalf("%v of %v", m, b)
			}
		}
	})
}

func value(m Metric, err error) Metric {
	if err != nil {
		return undefined(err.Error())
	}
	return m
}

func ExampleROCAUC() {
	m, _ := ROCAUC([]float64{.1, .4, .35, .8}, []bool{false, false, true, true})
	fmt.Printf("%.2f\n", m.Value)
	// Output: 0.75
}

func ExampleConfusion() {
	c, _ := NewConfusion()
	for _, p := range [][2]string{{"cat", "cat"}, {"cat", "dog"}, {"dog", "dog"}} {
		_ = c.Observe(p[0], p[1])
	}
	fmt.Println(c.Precision("dog").Value, c.Precision("bird"))
	// Output: 0.5 undefined: no positive predictions
}
