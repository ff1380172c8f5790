package watch

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/monitor/identity"
	"github.com/gnomon-dev/gnomon/exporter/monitor/noise"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/reference"
	"github.com/gnomon-dev/gnomon/exporter/table"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// parity answers 0 or 1 by an input's number; every so often the other one.
type parity struct {
	digest string
	wrong  int // every so many; 0: never
}

func (p *parity) Close() error { return nil }
func (p *parity) Model() shadow.Model {
	return shadow.Model{Digest: p.digest, Inputs: []shadow.IO{{Name: "x", Type: tensor.Float32, Shape: []int64{-1, 1}}}}
}
func (p *parity) Infer(_ context.Context, batch []shadow.Sample) ([]shadow.Result, error) {
	out := make([]shadow.Result, len(batch))
	for i, s := range batch {
		out[i].Outputs = p.outputs(int(s[0].Float64At(0)))
	}
	return out, nil
}

func (p *parity) outputs(n int) []tensor.Tensor {
	class := n % 2
	if p.wrong > 0 && n%p.wrong == 0 {
		class = 1 - class
	}
	v := []float32{.1, .1}
	v[class] = .9
	return []tensor.Tensor{tensor.FromFloat32s("p", v, 1, 2)}
}

// noisy is a model with a shadow of each role, all in place.
func noisy(t *testing.T) (*Model, map[string]int) {
	t.Helper()
	cfg, err := config.Parse("t.yaml", []byte("upstream: http://127.0.0.1:1\nevaluation: {window: 500}\nmodels: [{name: m, output: {softmax: never}, identity: {inputs: 100}, shadows: [{model: a, role: twin}, {model: b, role: candidate}, {model: c, role: reference-precision}]}]"))
	if err != nil {
		t.Fatal(err)
	}
	spec := NewSpec(cfg.Models[0], true, nil)
	by := map[string]int{}
	for i, s := range spec.Replay.Shadows {
		by[s.Role] = i
		s.SetEngine(&parity{digest: s.Role}, "")
	}
	return newModel(spec, "1", Settings{Evaluation: cfg.Evaluation, Labels: cfg.Labels, Now: time.Now}), by
}

// live shows shadow i so many comparisons, of which the first d disagree.
func (m *Model) live(i, n, d int) {
	for k := range n {
		m.agreements[i].Observe(&record.ShadowAnswer{Compared: true, Delta: compare.Delta{Agree: k >= d}})
	}
}

// TestFloorPolicy: what a floor is learned from, and what it is not.
func TestFloorPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		role string
		see  func(m *Model, i int)
		want float64
	}{
		"nothing is measured":         {"twin", func(*Model, int) {}, defaultFloor},
		"a window that is not full":   {"twin", func(m *Model, i int) { m.live(i, 499, 0) }, defaultFloor},
		"a window beside the primary": {"twin", func(m *Model, i int) { m.live(i, 500, 1) }, noise.Upper(1, 500)},
		"and of the other precision":  {"reference-precision", func(m *Model, i int) { m.live(i, 500, 1) }, noise.Upper(1, 500)},
		"a candidate may differ":      {"candidate", func(m *Model, i int) { m.live(i, 500, 1) }, defaultFloor},
		"in alarm nothing is learned": {"twin", func(m *Model, i int) { m.live(i, 500, 400) }, defaultFloor},
		"nor of the wrong model":      {"twin", func(m *Model, i int) { m.spec.prober.Store(probed(t, false)); m.live(i, 500, 0) }, defaultFloor},
		"the right one":               {"twin", func(m *Model, i int) { m.spec.prober.Store(probed(t, true)); m.live(i, 500, 1) }, noise.Upper(1, 500)},
		"itself, agreeing":            {"candidate", func(m *Model, i int) { m.spec.Noise[i].Add(noise.Count{Comparisons: 50}, nil, time.Now()) }, defaultFloor},
		"itself, disagreeing": {"candidate", func(m *Model, i int) {
			m.spec.Noise[i].Add(noise.Count{Comparisons: 2000, Disagreements: 30}, nil, time.Now())
		}, noise.Upper(30, 2000)},
		"itself, all the time": {"twin", func(m *Model, i int) {
			m.spec.Noise[i].Add(noise.Count{Comparisons: 10, Disagreements: 10}, nil, time.Now())
		}, highestFloor},
		"golden inputs, agreeing":       {"twin", func(m *Model, i int) { m.spec.Golden[i].add(noise.Count{Comparisons: 2000}, true) }, defaultFloor},
		"golden inputs, disagreeing":    {"twin", func(m *Model, i int) { m.spec.Golden[i].add(noise.Count{Comparisons: 2000, Disagreements: 30}, true) }, noise.Upper(30, 2000)},
		"golden inputs, too few":        {"twin", func(m *Model, i int) { m.spec.Golden[i].add(noise.Count{Comparisons: 200, Disagreements: 1}, true) }, defaultFloor},
		"golden inputs, a later pass":   {"twin", func(m *Model, i int) { m.spec.Golden[i].add(noise.Count{Comparisons: 2000, Disagreements: 30}, false) }, defaultFloor},
		"golden inputs, another model?": {"twin", func(m *Model, i int) { m.spec.Golden[i].add(noise.Count{Comparisons: 2000, Disagreements: 900}, true) }, highestFloor},
	} {
		m, by := noisy(t)
		c.see(m, by[c.role])
		if got := m.floor(by[c.role]); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// probed is a prober that has found the right model, or has not.
func probed(t *testing.T, match bool) *identity.Prober {
	t.Helper()
	m, _ := noisy(t)
	served := &parity{}
	if !match {
		served.wrong = 1
	}
	in := shadow.Sample{tensor.FromFloat32s("x", []float32{1}, 1, 1)}
	want := (&parity{}).outputs(1)
	p, err := m.spec.Reader.Read(want)
	if err != nil {
		t.Fatal(err)
	}
	prober := identity.New(identity.Settings{Primary: primaryOf{served}, Reader: m.spec.Reader, Comparer: m.spec.Reader, Golden: []shadow.Sample{in}, Timeout: time.Minute, Limit: identity.DefaultLimit, Now: time.Now,
		Known: []identity.Known{{Name: "twin", Role: "twin", Answers: []compare.Answer{{Prediction: p, Outputs: want}}}}})
	prober.Probe(context.Background())
	if r := prober.Result(); r.Match != match {
		t.Fatalf("%+v", r)
	}
	return prober
}

type primaryOf struct{ *parity }

func (p primaryOf) Infer(_ context.Context, in []tensor.Tensor) ([]tensor.Tensor, error) {
	return p.outputs(int(in[0].Float64At(0))), nil
}

// TestFloorIsLearnedOnce: a slow regression does not become its own floor;
// another model is learned anew.
func TestFloorIsLearnedOnce(t *testing.T) {
	m, by := noisy(t)
	twin := by["twin"]
	m.live(twin, 500, 0)
	first := m.floor(twin)
	m.live(twin, 500, 6)
	if got := m.floor(twin); got != first || first != noise.Upper(0, 500) {
		t.Errorf("%v, then %v", first, got)
	}
	m.spec.Replay.Shadows[twin].SetEngine(&parity{digest: "next"}, "")
	if got := m.floor(twin); got != noise.Upper(6, 500) {
		t.Errorf("of the next model: %v", got)
	}
}

// TestJudgeNoise: a floor that has moved starts the test anew; one that has
// hardly moved, and an alarm, are left alone.
func TestJudgeNoise(t *testing.T) {
	m, by := noisy(t)
	i := by["candidate"]
	m.spec.Noise[i].Add(noise.Count{Comparisons: 2000, Disagreements: 30}, nil, time.Now())
	m.judgeNoise()
	moved := m.agreements[i].Evaluate().Floor
	if moved != noise.Upper(30, 2000) {
		t.Errorf("floor %v", moved)
	}
	m.spec.Noise[i].Add(noise.Count{Comparisons: 2000, Disagreements: 31}, nil, time.Now())
	m.judgeNoise()
	if got := m.agreements[i].Evaluate().Floor; got != moved {
		t.Errorf("a small change: %v, was %v", got, moved)
	}
	m.live(i, 500, 500)
	m.spec.Noise[i].Add(noise.Count{Comparisons: 10_000, Disagreements: 10_000}, nil, time.Now())
	m.judgeNoise()
	if got := m.agreements[i].Evaluate(); !got.Alarm || got.Floor != moved {
		t.Errorf("in alarm: %+v", got)
	}
}

// TestGoldenRounds: the reference's rows go to the primary a few at a time,
// once a model and once an interval; what the primary does not answer comes
// again.
func TestGoldenRounds(t *testing.T) {
	m, by := noisy(t)
	now := time.Unix(1_800_000_000, 0)
	rows := make([]float64, 250)
	for i := range rows {
		rows[i] = float64(i)
	}
	r := &rounds{spec: m.spec, now: func() time.Time { return now }, log: slog.New(slog.DiscardHandler),
		ref: &reference.Reference{Rows: len(rows), Columns: []table.Column{{Name: "x", Kind: table.Numeric, Floats: rows}}}}
	primary, down, asked := &parity{wrong: 100}, false, 0
	step := func() (all, first noise.Count) {
		r.matched(context.Background(), func(_ context.Context, s shadow.Sample) (compare.Answer, error) {
			if asked++; down {
				return compare.Answer{}, errors.New("down")
			}
			out := primary.outputs(int(s[0].Float64At(0)))
			p, err := m.spec.Reader.Read(out)
			return compare.Answer{Prediction: p, Outputs: out}, err
		})
		return m.spec.Golden[by["twin"]].get()
	}
	if all, _ := step(); all.Comparisons != 100 || all.Disagreements != 1 || asked != 100 {
		t.Errorf("first step: %+v, asked %d", all, asked)
	}
	down = true
	if all, _ := step(); all.Comparisons != 100 || asked != 101 {
		t.Errorf("a primary that is down: %+v, asked %d", all, asked)
	}
	down = false
	step()
	if all, first := step(); all.Comparisons != 250 || all.Disagreements != 3 || first != all || all.MaxAbs == 0 {
		t.Errorf("a pass: %+v, %+v", all, first)
	}
	before := asked
	if all, _ := step(); all.Comparisons != 250 || asked != before {
		t.Errorf("a pass too many: %+v", all)
	}
	if c, _ := m.spec.Golden[by["candidate"]].get(); c != (noise.Count{}) {
		t.Errorf("a candidate was compared: %+v", c)
	}
	if c, _ := m.spec.Golden[by["reference-precision"]].get(); c.Comparisons != 250 {
		t.Errorf("the other precision: %+v", c)
	}
	now = now.Add(time.Hour)
	if all, first := step(); all.Comparisons != 350 || first.Comparisons != 250 {
		t.Errorf("the next pass: %+v, %+v", all, first)
	}
	m.spec.Replay.Shadows[by["twin"]].SetEngine(&parity{digest: "next", wrong: 100}, "")
	if all, first := step(); all.Comparisons != 100 || all.Disagreements != 0 || first != all {
		t.Errorf("another model: %+v, %+v", all, first)
	}
}
