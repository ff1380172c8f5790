package watch

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/result"
	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/compare/detection"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// labelled watches one model and returns what is said of it after n
// predictions and their labels.
func labelled(t *testing.T, output config.Output, cut []config.Slice, n int, predict func(i int) compare.Prediction, label func(i int) record.Label) *result.Performance {
	t.Helper()
	now := time.Unix(1_800_000_000, 0)
	c := config.Default()
	m := config.Model{Name: "m", Output: output, Slices: cut}
	c.Models = []config.Model{m}
	c.Upstream = "http://127.0.0.1:1"
	if err := c.Complete(); err != nil {
		t.Fatal(err)
	}
	set := NewSet(c.Models, Settings{Evaluation: c.Evaluation, Labels: c.Labels, Discover: c.Discover, Now: func() time.Time { return now }, Misfit: func() {}}, nil, func(string, string) {})
	var list []record.Observation
	for i := range n {
		p := predict(i)
		list = append(list, record.Observation{Primary: &p, Record: record.Record{ID: fmt.Sprint(i), Model: "m", Version: "1", Time: now,
			Inputs: []tensor.Tensor{tensor.FromFloat32s("x", []float32{float32(i)}, 1, 1)}, Metadata: map[string]string{"x-tenant": fmt.Sprint(i % 2)}}})
	}
	set.Observe(list)
	for i := range n {
		l := label(i)
		l.ID = fmt.Sprint(i)
		for _, err := range set.Accept([]record.Label{l}) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	models, _ := set.Evaluate(now.Add(time.Second), func(string) result.Requests { return result.Requests{} })
	if len(models) != 1 || models[0].Performance == nil {
		t.Fatalf("%d models", len(models))
	}
	return models[0].Performance
}

func holds(t *testing.T, m map[string]result.Metric, name string, want float64) {
	t.Helper()
	if v := m[name].Value; v == nil || math.Abs(*v-want) > 1e-9 {
		t.Errorf("%s: %+v, want %v", name, m[name], want)
	}
}

// TestClassesByIndex: labels by index and by name, slices by header and by
// condition.
func TestClassesByIndex(t *testing.T) {
	p := labelled(t, config.Output{Classes: []string{"stays", "leaves"}}, []config.Slice{{Header: "X-Tenant"}, {Name: "late", When: "x >= 60"}}, 80,
		func(i int) compare.Prediction {
			return compare.Prediction{Class: i % 2, Confidence: .75, Probabilities: []float64{.75 - .5*float64(i%2), .25 + .5*float64(i%2)}, Value: math.NaN()}
		},
		func(i int) record.Label {
			switch {
			case i < 20: // wrong, by name
				return record.Label{Class: []string{"leaves", "stays"}[i%2]}
			default:
				return record.Label{Class: fmt.Sprint(i % 2)}
			}
		})
	m := p.Windows[0].Metrics
	holds(t, m, "accuracy", .75)
	holds(t, m, "roc_auc", .75*.75+2*.75*.25/2)
	if p.LabelClasses["stays"] != 40 || p.LabelClasses["leaves"] != 40 || len(p.LabelClasses) != 2 {
		t.Errorf("%v", p.LabelClasses)
	}
	names := map[string]int{}
	for _, s := range p.Slices {
		names[s.Name] = s.N
	}
	if names["X-Tenant=0"] != 40 || names["X-Tenant=1"] != 40 || names["late"] != 20 {
		t.Errorf("slices %v", names)
	}
	for _, s := range p.Slices {
		if s.Name == "late" && (s.Note == "" || len(s.Metrics) > 0) {
			t.Errorf("20 labels are judged: %+v", s)
		}
	}
}

func TestValues(t *testing.T) {
	p := labelled(t, config.Output{Kind: "regression"}, nil, 40,
		func(i int) compare.Prediction {
			return compare.Prediction{Class: -1, Value: float64(i), Confidence: math.NaN()}
		},
		func(i int) record.Label { v := float64(i) + 2; return record.Label{Class: fmt.Sprint(v), Value: &v} })
	holds(t, p.Windows[0].Metrics, "mae", 2)
	holds(t, p.Windows[0].Metrics, "bias", -2)
	if p.Accuracy != nil || p.Undefined == "" {
		t.Errorf("accuracy of values: %+v", p.Accuracy)
	}
	if len(p.LabelClasses) > 0 {
		t.Errorf("every value is a class: %v", p.LabelClasses)
	}
}

// TestBoxes: boxes that a detector's output holds against boxes of labels,
// whose classes come by name or by index; every fourth image has a box that is
// none, and every fifth object is not found.
func TestBoxes(t *testing.T) {
	at := [4]float64{10, 10, 50, 50}
	kind := detection.New(compare.Options{Threshold: .3})
	p := labelled(t, config.Output{Kind: "detection", Classes: []string{"car", "dog"}}, nil, 80,
		func(i int) compare.Prediction {
			rows := []float32{200, 200, 240, 240, .1, 0} // below the threshold
			if i%5 > 0 {
				rows = append(rows, 12, 10, 52, 50, .9, 1)
			}
			if i%4 == 0 {
				rows = append(rows, 100, 100, 140, 140, .4, 1)
			}
			out, err := kind.Read([]tensor.Tensor{tensor.FromFloat32s("boxes", rows, int64(len(rows)/6), 6)})
			if err != nil {
				t.Fatal(err)
			}
			return out
		},
		func(i int) record.Label {
			return record.Label{Boxes: []record.Box{{Class: []string{"dog", "1"}[i%2], Box: at}}}
		})
	m := p.Windows[0].Metrics
	holds(t, m, "precision", 64./84)
	holds(t, m, "recall", 64./80)
	holds(t, m, "f1", 128./164)
	holds(t, m, "map_50", 81./101)         // all that are found come before all that are none
	holds(t, m, "map_50_95", 9*81./101/10) // the overlap is 38 / 42 = 0.905: all but 0.95
	if v := m["map_50"]; v.Lower == nil || !(*v.Lower < *v.Value && *v.Value < *v.Upper) {
		t.Errorf("interval: %+v", v)
	}
}

func TestSeveralLabels(t *testing.T) {
	p := labelled(t, config.Output{Kind: "multilabel", Classes: []string{"urgent", "billing", "spam"}}, nil, 40,
		func(i int) compare.Prediction {
			return compare.Prediction{Class: -1, Labels: []int{0, 1}, Confidence: .5, Value: math.NaN(), Probabilities: []float64{.9, .8, .3}}
		},
		func(i int) record.Label {
			if i%4 == 0 {
				return record.Label{Class: "1"} // the only one, by index
			}
			return record.Label{Classes: []string{"1", "0"}}
		})
	m := p.Windows[0].Metrics
	holds(t, m, "subset_accuracy", .75)
	holds(t, m, "micro_precision", 70./80)
	holds(t, m, "micro_recall", 1)
	if p.Accuracy == nil || p.Accuracy.Value != .75 {
		t.Errorf("%+v", p.Accuracy)
	}
}
