package offline

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib/performance"
)

func evaluate(t *testing.T, content string, o EvaluateOptions) *Evaluation {
	t.Helper()
	if o.Task == "" {
		o.Task = Classification
	}
	o.ECEBins = 15
	e, err := Evaluate(open(t, content), o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func isValue(t *testing.T, e *Evaluation, group int, name string, want float64) {
	t.Helper()
	m, ok := e.Groups[group].Metrics[name]
	if !ok || !m.Defined() || math.Abs(m.Value-want) > 1e-12 {
		t.Errorf("%s of %s is %v, want %v", name, e.Groups[group].Name, m, want)
	}
}

const scored = `y,p,site
1,0.9,a
0,0.2,a
1,0.6,a
0,0.7,a
1,0.8,b
0,0.1,b
,0.5,b
1,,b
`

func TestEvaluateBinary(t *testing.T) {
	e := evaluate(t, scored, EvaluateOptions{Label: "y", Score: "p", Positive: "1", Threshold: .5, GroupBy: "site"})
	if e.Rows != 8 || e.Skipped["no label"] != 1 || e.Skipped["no score"] != 1 || len(e.Groups) != 3 || e.Groups[0].Rows != 6 || e.Groups[2].Name != "b" {
		t.Fatalf("%+v", e)
	}
	isValue(t, e, 0, "accuracy", 5.0/6)
	isValue(t, e, 0, "precision", .75)
	isValue(t, e, 0, "recall", 1)
	isValue(t, e, 0, "roc_auc", 8.0/9)
	isValue(t, e, 1, "accuracy", .75)
	isValue(t, e, 2, "accuracy", 1)
	c := e.Groups[0].Confusion
	if fmt.Sprint(c.Labels, c.Counts) != "[0 1] [[2 1] [0 3]]" {
		t.Errorf("%+v", c)
	}
	if cal := e.Groups[0].Calibration; cal == nil || len(cal.Reliability) != 6 || cal.EqualWidth.Bins != 15 {
		t.Errorf("%+v", cal)
	}
}

func TestEvaluateClasses(t *testing.T) {
	content := "label,cat,dog,bird\ncat,.7,.2,.1\ndog,.2,.5,.3\nbird,.1,.2,.7\nbird,.6,.1,.3\n"
	e := evaluate(t, content, EvaluateOptions{Label: "label", Scores: []string{"cat", "dog", "bird"}, Positive: "1"})
	isValue(t, e, 0, "accuracy", .75)
	isValue(t, e, 0, "brier", (.14+.38+.14+.86)/4)
	isValue(t, e, 0, "log_loss", -(math.Log(.7)+math.Log(.5)+math.Log(.7)+math.Log(.3))/4)
	e = evaluate(t, "y,a,b\n0,.7,.3\n1,.6,.4\n", EvaluateOptions{Label: "y", Scores: []string{"a", "b"}, Positive: "1"}) // labels are positions
	isValue(t, e, 0, "accuracy", .5)
	e = evaluate(t, "y,p_no,p_yes\nno,.7,.3\nyes,.4,.6\n", EvaluateOptions{Label: "y", Scores: []string{"p_no", "p_yes"}, Positive: "yes"}) // sorted labels
	isValue(t, e, 0, "recall", 1)
}

func TestEvaluatePredictions(t *testing.T) {
	e := evaluate(t, "y,f\nyes,yes\nno,yes\nno,no\n", EvaluateOptions{Label: "y", Prediction: "f", Positive: "yes"})
	isValue(t, e, 0, "precision", .5)
	isValue(t, e, 0, "specificity", .5)
	e = evaluate(t, "y,f\n1.5,1\n2,2\n", EvaluateOptions{Task: Regression, Label: "y", Prediction: "f"})
	isValue(t, e, 0, "mae", .25)
	e = evaluate(t, "q,rel,s\na,1,.9\na,0,.8\nb,0,.9\nb,1,.1\n", EvaluateOptions{Task: Ranking, Label: "rel", Score: "s", Query: "q", Depth: 1})
	isValue(t, e, 0, "mrr", .75)
	isValue(t, e, 0, "hit_rate_at_1", .5)
}

func TestEvaluateUndefined(t *testing.T) {
	e := evaluate(t, "y,p\n0,.1\n0,.2\n", EvaluateOptions{Label: "y", Score: "p", Positive: "1", Threshold: .5})
	for name, why := range map[string]string{"precision": "no positive predictions", "recall": "no actual positives", "roc_auc": "no positive observations"} {
		if m := e.Groups[0].Metrics[name]; m.Undefined != why {
			t.Errorf("%s is %v, want undefined: %s", name, m, why)
		}
	}
	var b bytes.Buffer
	for _, write := range []func() error{func() error { return e.WriteTable(&b) }, func() error { return e.WriteHTML(&b) }} {
		if err := write(); err != nil {
			t.Error(err)
		}
	}
	if !strings.Contains(b.String(), "undefined: no positive predictions") {
		t.Error(b.String()[:500])
	}
}

func TestEvaluateRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		o       EvaluateOptions
		want    error
		says    string
	}{
		"three labels":  {"y,p\na,.1\nb,.2\n1,.3\n", EvaluateOptions{Label: "y", Score: "p", Positive: "1"}, ErrInput, "name the score columns of all classes"},
		"not in [0, 1]": {"y,p\n1,1.5\n0,.2\n", EvaluateOptions{Label: "y", Score: "p", Positive: "1"}, performance.ErrValue, "not in [0, 1]"},
		"text":          {"y,p\n1,high\n0,low\n", EvaluateOptions{Label: "y", Score: "p", Positive: "1"}, ErrInput, `column "p" holds no numbers (row 1: "high")`},
		"no column":     {"y,p\n1,.5\n", EvaluateOptions{Label: "z", Score: "p", Positive: "1"}, nil, `"z"; there are y, p`},
		"two ways":      {"y,p\n1,.5\n", EvaluateOptions{Label: "y", Score: "p", Prediction: "p"}, ErrInput, "exactly one"},
		"no query":      {"y,p\n1,.5\n", EvaluateOptions{Task: Ranking, Label: "y", Score: "p"}, ErrInput, "query column"},
	} {
		if c.o.Task == "" {
			c.o.Task = Classification
		}
		c.o.ECEBins = 15
		_, err := Evaluate(open(t, c.content), c.o)
		if err == nil || (c.want != nil && !errors.Is(err, c.want)) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
