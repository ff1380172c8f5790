package labels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/monitor/performance"
	"github.com/gnomon-dev/gnomon/exporter/record"
)

// TestFleiss: the worked example of Fleiss (1971) as Wikipedia gives it: 14
// psychiatrists, 10 patients, 5 classes: P = 0.378, kappa = 0.210.
func TestFleiss(t *testing.T) {
	counts := [][5]int{{0, 0, 0, 0, 14}, {0, 2, 6, 4, 2}, {0, 0, 3, 5, 6}, {0, 3, 9, 2, 0}, {2, 2, 8, 1, 1}, {7, 7, 0, 0, 0}, {3, 2, 6, 3, 0}, {2, 5, 3, 2, 2}, {6, 5, 2, 1, 0}, {0, 2, 2, 3, 7}}
	var items []item
	for k, row := range counts {
		i, who := item{ID: fmt.Sprint(k)}, 0
		for class, n := range row {
			for range n {
				i.Votes = append(i.Votes, record.Vote{Annotator: fmt.Sprint(who), Class: fmt.Sprint(class)})
				who++
			}
		}
		items = append(items, i)
	}
	kappa, agreement := fleiss(items)
	if math.Abs(*kappa.Value-.210) > 5e-4 || math.Abs(*agreement.Value-.378) > 5e-4 {
		t.Errorf("kappa %v, agreement %v", *kappa.Value, *agreement.Value)
	}
	if k, _ := fleiss([]item{{"a", []record.Vote{{Annotator: "x", Class: "1"}, {Annotator: "y", Class: "1"}}}, {"b", []record.Vote{{Annotator: "x", Class: "1"}, {Annotator: "y", Class: "1"}}}}); k.Undefined == "" {
		t.Errorf("one class: %+v", k)
	}
}

// TestAnnotatorsLive: a second opinion adds, a changed one corrects, and the
// majority is the truth.
func TestAnnotatorsLive(t *testing.T) {
	w := newWorld(t, nil)
	vote := func(id, who, class string) {
		w.label(record.Label{ID: id, Class: class, Votes: []record.Vote{{Annotator: who, Class: class}}})
	}
	for i := range 40 {
		id := fmt.Sprint(i)
		w.predict(id, "1")
		vote(id, "ann", "0")
		vote(id, "bob", "1")
		vote(id, "cyd", "1")
	}
	vote("0", "ann", "1")
	p := w.result()
	if got := w.counts(); got != "matched 40 added 80 corrected 1 " {
		t.Errorf("%q", got)
	}
	if p.Accuracy.Value != 1 {
		t.Errorf("the majority is not the truth: %+v", p.Accuracy)
	}
	if a := p.Annotators; a.Items != 40 || len(a.Pairs) != 3 || math.Abs(*a.Agreement.Value-(39./3+1)/40) > 1e-9 {
		t.Errorf("%+v", a)
	}
}

// TestTemperature: a model whose logits are twice what they should be is
// mended by 2.
func TestTemperature(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	var list []*performance.Outcome
	for i := range 6000 {
		logit := 2 * rng.NormFloat64()
		truth := "0"
		if rng.Float64() < 1/(1+math.Exp(-logit)) {
			truth = "1"
		}
		p := 1 / (1 + math.Exp(-2*logit))
		o := &performance.Outcome{Seq: uint64(i), Predicted: "0", Value: math.NaN(), Confidence: math.Max(p, 1-p), Scores: []float32{float32(1 - p), float32(p)}}
		if p >= .5 {
			o.Predicted = "1"
		}
		o.Label(&record.Label{Class: truth})
		list = append(list, o)
	}
	c, tr := calibrate(list, []string{"0", "1"})
	if !c.Alarm || math.Abs(*tr.Temperature-2) > .15 || *tr.MendedECE > .02 {
		t.Errorf("temperature %v, error %v, mended %v", *tr.Temperature, *c.ECEEqualWidth, *tr.MendedECE)
	}
	if *tr.Overconfident < 5**tr.Underconfident || math.Abs(*tr.Overconfident+*tr.Underconfident-*c.ECEEqualWidth) > 1e-9 {
		t.Errorf("over %v, under %v, error %v", *tr.Overconfident, *tr.Underconfident, *c.ECEEqualWidth)
	}
	if sum := *tr.Reliability - *tr.Resolution + *tr.Uncertainty + *tr.WithinBins; math.Abs(sum-*c.Brier) > 1e-9 {
		t.Errorf("the parts sum to %v, the Brier score is %v", sum, *c.Brier)
	}
}

// TestDelayBias: right answers are labelled at once, wrong ones an hour later.
// The accuracy is 0.7, not what is labelled first.
func TestDelayBias(t *testing.T) {
	w := newWorld(t, nil)
	type due struct {
		at time.Time
		l  record.Label
	}
	var later []due
	for i := range 1500 {
		id := fmt.Sprint(i)
		w.predict(id, "1")
		w.now = w.now.Add(10 * time.Second)
		if i%10 < 7 {
			w.label(record.Label{ID: id, Class: "1"})
		} else {
			later = append(later, due{w.now.Add(time.Hour), record.Label{ID: id, Class: "0"}})
		}
		for len(later) > 0 && !later[0].at.After(w.now) {
			w.label(later[0].l)
			later = later[1:]
		}
	}
	p := w.result()
	if math.Abs(p.Accuracy.Value-.7) > .02 || p.Uncorrected.Value < .75 || !p.Maturity.Known || p.Maturity.Excluded == 0 {
		t.Errorf("accuracy %.3f, uncorrected %.3f, %s", p.Accuracy.Value, p.Uncorrected.Value, p.Maturity.Words)
	}
}
