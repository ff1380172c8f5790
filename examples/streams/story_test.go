package streams

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/result"
)

const day = 24 * time.Hour

func start() time.Time { return time.Date(2026, 1, 12, 0, 0, 0, 0, time.UTC) }

// load reads one of the shared data sets, or skips.
func load(t *testing.T, file, target, positive string, exclude []string, train int) *data {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", "tabular", file)
	if _, err := os.Stat(path); err != nil {
		t.Skip("the data is not here: ", path)
	}
	d, err := read(path, target, positive, exclude, train)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func between(from, to, step int) (out []int) {
	for i := from; i < to; i += step {
		out = append(out, i)
	}
	return out
}

func near(t *testing.T, what string, got *float64, want, tolerance float64) {
	t.Helper()
	if got == nil || math.Abs(*got-want) > tolerance {
		text := "nothing"
		if got != nil {
			text = fmt.Sprintf("%.4f", *got)
		}
		t.Errorf("%s: %s, want %.3f within %.3f", what, text, want, tolerance)
	}
}

func accuracy(p *result.Performance) *float64 {
	if p.Accuracy == nil {
		return nil
	}
	return &p.Accuracy.Value
}

// TestElectricity: prices go UP or DOWN; labels come a day late. A model of
// the first eight months is overtaken by the market: its confidence stays as
// high as ever, the estimate without labels is void, and says so as soon as
// there are labels.
func TestElectricity(t *testing.T) {
	const train = 12_000
	d := load(t, "electricity.csv.gz", "class", "UP", []string{"date"}, train)
	rows, truth := d.pick(between(0, train, 2))
	m := fit(rows, truth)
	rows, truth = d.pick(between(1, train, 2))
	w, err := newWatch(m, rows, truth, start(), 14*day, 2000, 7*day)
	if err != nil {
		t.Fatal(err)
	}
	lowest := 1.0
	for i := train; i < 40_000; i++ {
		w.see(m.score(d.rows[i]), d.truth[i], day)
		w.advance(30 * time.Minute)
		if i%336 == 0 && i > train+1000 { // every week
			if l := w.result().LabelDrift; l.Drifted {
				t.Errorf("row %d: prices that hang together from half hour to half hour are no label drift: %s", i, l.Reason)
			}
		}
		if i%2000 == 0 && i > train {
			p := w.result()
			if a := accuracy(p); a != nil {
				lowest = min(lowest, *a)
				t.Logf("row %d: accuracy %.3f [%.3f, %.3f], estimated %.3f, off by %+.3f, valid %v", i, p.Accuracy.Value, p.Accuracy.Lower, p.Accuracy.Upper,
					*p.Estimate.Accuracy.Value, *p.Estimate.Error, p.Estimate.Valid)
			}
		}
	}
	p := w.result()
	if !p.Alarm || w.alarmed == 0 || w.alarmed > 2000 {
		t.Errorf("alarm %v after %d predictions", p.Alarm, w.alarmed)
	}
	if lowest > .6 {
		t.Errorf("accuracy never fell below %.3f", lowest)
	}
	if p.Estimate.Valid || *p.Estimate.Error < .2 {
		t.Errorf("the estimate without labels is %+.3f off and called valid: %v", *p.Estimate.Error, p.Estimate.Valid)
	}
	near(t, "delay", p.Delay.P50, day.Seconds(), 1)
	t.Logf("alarm after %d predictions; %s", w.alarmed, p.Maturity.Words)
}

// adult prepares the census: a model of the first third, a reference from the
// second, a stream of the rest.
func adult(t *testing.T) (d *data, m *logistic, rows [][]float64, truth []bool, stream []int) {
	d = load(t, "adult_census.csv.gz", "class", ">50K", []string{"fnlwgt"}, 16_000)
	rows, truth = d.pick(between(0, 16_000, 1))
	m = fit(rows, truth)
	rows, truth = d.pick(between(16_000, 26_000, 1))
	return d, m, rows, truth, between(26_000, len(d.rows), 1)
}

// TestCensus: the same model over three streams. Where nothing changes nothing
// is said; where only the highly educated come, confidence sees that accuracy
// falls before a label is there; where labels change their meaning only labels
// show it.
func TestCensus(t *testing.T) {
	d, m, rows, truth, stream := adult(t)
	for _, c := range []struct {
		name                        string
		keep                        func(i int) bool
		flip                        float64
		alarm, fallen, valid, drift bool
	}{
		{"as it was", func(int) bool { return true }, 0, false, false, true, false},
		{"educated only", func(i int) bool { return d.rows[i][d.names["education-num"]] >= 13 }, 0, true, true, true, true},
		{"labels flipped", func(int) bool { return true }, .15, true, false, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := newWatch(m, rows, truth, start(), 14*day, 5000)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, 1))
			for _, i := range stream {
				if !c.keep(i) {
					continue
				}
				y := d.truth[i]
				if rng.Float64() < c.flip {
					y = !y
				}
				w.see(m.score(d.rows[i]), y, time.Duration(rng.ExpFloat64()*float64(2*time.Hour)), "sex="+d.text[i]["sex"])
				w.advance(time.Minute)
			}
			p := w.result()
			if p.Alarm != c.alarm || p.Estimate.Fallen != c.fallen || p.Estimate.Valid != c.valid || p.LabelDrift.Drifted != c.drift {
				t.Errorf("alarm %v, estimate fallen %v, valid %v, label drift %v (%s)", p.Alarm, p.Estimate.Fallen, p.Estimate.Valid, p.LabelDrift.Drifted, p.LabelDrift.Reason)
			}
			if c.valid { // the estimate and the truth agree
				near(t, "estimated accuracy", p.Estimate.Accuracy.Value, p.Accuracy.Value, .02)
				near(t, "estimated F1", p.Estimate.F1.Value, *p.Windows[0].Metrics["f1"].Value, .03)
				near(t, "estimated AUC", p.Estimate.AUC.Value, *p.Windows[0].Metrics["roc_auc"].Value, .02)
			}
			if len(p.Slices) != 2 || p.Slices[0].Metrics["accuracy"].Value == nil {
				t.Errorf("slices: %+v", p.Slices)
			}
			t.Logf("%d predictions, accuracy %.3f, estimated %.3f, alarm after %d, temperature %.2f, ECE %.3f; %s",
				w.n, p.Accuracy.Value, *p.Estimate.Accuracy.Value, w.alarmed, *p.Trust.Temperature, *p.Calibration.ECEEqualWidth, p.LabelDrift.Reason)
		})
	}
}

// TestCredit: whether a customer defaults shows within weeks, that he does not
// only after three months. What is labelled first is therefore nearly all
// default. The model is as good as ever: it must stay quiet, and say why it
// says nothing yet.
func TestCredit(t *testing.T) {
	d := load(t, "credit_default_taiwan.csv.gz", "default payment next month", "1", []string{"ID"}, 10_000)
	rows, truth := d.pick(between(0, 10_000, 1))
	m := fit(rows, truth)
	rows, truth = d.pick(between(10_000, 15_000, 1))
	w, err := newWatch(m, rows, truth, start(), 180*day, 2000)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := 15_000; i < 30_000; i++ {
		delay := 90 * day
		if d.truth[i] {
			delay = time.Duration(5+rng.IntN(60)) * day
		}
		w.see(m.score(d.rows[i]), d.truth[i], delay)
		w.advance(20 * time.Minute)
		if i != 21_000 {
			continue
		}
		p := w.result()
		near(t, "accuracy of what is labelled after 83 days", &p.Uncorrected.Value, .25, .03)
		if p.Accuracy != nil || p.Maturity.Known || p.LabelDrift != nil {
			t.Errorf("judged by the fast labels alone: %+v", p.Accuracy)
		}
		t.Log(p.Undefined, "; ", p.Maturity.Words)
	}
	p := w.result()
	near(t, "accuracy in the end", accuracy(p), .81, .03)
	if w.alarmed != 0 {
		t.Errorf("false alarm after %d predictions", w.alarmed)
	}
	if p.LabelDrift == nil || p.LabelDrift.Drifted {
		t.Errorf("label drift: %+v", p.LabelDrift)
	}
	t.Logf("accuracy %.3f, of whatever is labelled %.3f; %s", p.Accuracy.Value, p.Uncorrected.Value, p.Maturity.Words)
}

// TestWeather: a forecaster that is sure of no rain in a dry month has no
// precision then, and says why; it is not 0 and not NaN.
func TestWeather(t *testing.T) {
	d := load(t, "weather_offutt_1949_1999.csv.gz", "target", "1", nil, 4000)
	rows, truth := d.pick(between(0, 4000, 2))
	m := fit(rows, truth)
	rows, truth = d.pick(between(1, 4000, 2))
	w, err := newWatch(m, rows, truth, start(), 60*day, 365, 30*day)
	if err != nil {
		t.Fatal(err)
	}
	without := 0
	for i := 4000; i < 10_000; i++ {
		w.see(m.score(d.rows[i]), d.truth[i], 12*time.Hour)
		w.advance(day)
		if i%30 != 0 || i < 4500 {
			continue
		}
		month := w.result().Windows[1]
		v, ok := month.Metrics["precision"]
		switch {
		case month.N < 30:
			if month.Note == "" {
				t.Errorf("row %d: %d labels and no word of it", i, month.N)
			}
		case !ok || v.Value == nil && v.Undefined == "":
			t.Errorf("row %d: precision is neither there nor explained: %+v", i, month)
		case v.Value == nil:
			without++
		}
	}
	t.Logf("%d months without a forecast of rain", without)
}

// TestLabelsThatDrift: the prices of the electricity again, judged by their
// labels alone. In any order of the rows shares stay what they are; where three
// in five falling prices are called rising, that is drift, dependent or not.
func TestLabelsThatDrift(t *testing.T) {
	const train, end = 12_000, 20_000
	d := load(t, "electricity.csv.gz", "class", "UP", []string{"date"}, train)
	rows, truth := d.pick(between(0, train, 2))
	m := fit(rows, truth)
	rng := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		name     string
		shuffled bool
		renamed  float64
	}{{"shuffled", true, 0}, {"renamed", false, .6}} {
		t.Run(c.name, func(t *testing.T) {
			order := between(0, end, 1)
			if c.shuffled {
				rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			}
			rows, truth := d.pick(order[train/2 : train])
			w, err := newWatch(m, rows, truth, start(), 14*day, 2000)
			if err != nil {
				t.Fatal(err)
			}
			looks, drifted := 0, 0
			for k, i := range order[train:] {
				w.see(m.score(d.rows[i]), d.truth[i] || rng.Float64() < c.renamed, time.Hour)
				w.advance(30 * time.Minute)
				if k%336 != 0 || k < 1000 {
					continue
				}
				looks++
				if w.result().LabelDrift.Drifted {
					drifted++
				}
			}
			if want := map[bool]int{false: 0, true: looks}[c.renamed > 0]; drifted != want {
				t.Errorf("label drift in %d of %d looks, want %d", drifted, looks, want)
			}
			l := w.result().LabelDrift
			t.Logf("design effect %.1f; %s", *l.DesignEffect, l.Reason)
		})
	}
}

// TestPhishing: pages in the order in which they were collected. The last ones
// are of another kind: the model is right less often, as sure as ever, and as
// many pages are phishing; only labels show it. In any other order nothing is
// said.
func TestPhishing(t *testing.T) {
	d := load(t, "phishing.csv.gz", "target", "1", nil, 3000)
	for _, c := range []struct {
		name  string
		falls bool
	}{{"as collected", true}, {"shuffled", false}} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 1))
			order := between(0, len(d.rows), 1)
			if !c.falls {
				rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			}
			rows, truth := d.pick(order[:3000])
			m := fit(rows, truth)
			rows, truth = d.pick(order[3000:6000])
			w, err := newWatch(m, rows, truth, start(), 14*day, 2000)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range order[6000:] {
				w.see(m.score(d.rows[i]), d.truth[i], time.Duration(rng.ExpFloat64()*float64(6*time.Hour)))
				w.advance(2 * time.Minute)
			}
			p := w.result()
			if w.alarmed > 0 != c.falls || p.LabelDrift.Drifted || p.Estimate.Fallen || p.Estimate.Valid == c.falls {
				t.Errorf("alarm after %d, %s, estimate fallen %v, valid %v", w.alarmed, p.LabelDrift.Reason, p.Estimate.Fallen, p.Estimate.Valid)
			}
			t.Logf("%d predictions, reference %.3f, accuracy %.3f, estimated %.3f, alarm after %d; %s", w.n, *p.Baseline, p.Accuracy.Value, *p.Estimate.Accuracy.Value, w.alarmed, p.LabelDrift.Reason)
		})
	}
}
