package schema

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/exporter/feature"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

const rowsOfReference = 2000

// draw is one record of a loan application: age is about 40, income about
// 3000, rate between 0 and 1, city one of five.
func draw(r *rand.Rand) []feature.Value {
	cities := []string{"Berlin", "Lagos", "Lima", "Oslo", "Pune"}
	return []feature.Value{
		{Number: 40 + 10*r.NormFloat64()}, {Number: 3000 + 400*r.NormFloat64()}, {Number: r.Float64()},
		{Text: cities[r.IntN(5)], IsText: true},
		{Text: "7", IsText: true}, // the answer
	}
}

func reference(t testing.TB, shift float64) *profile.Profile {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	columns := []profile.Column{{Name: "age", Kind: profile.Numeric}, {Name: "income", Kind: profile.Numeric}, {Name: "rate", Kind: profile.Numeric}, {Name: "city", Kind: profile.Categorical}, {Name: "prediction", Kind: profile.Categorical}}
	for range rowsOfReference {
		row := draw(r)
		for k := range columns[:3] {
			columns[k].Floats = append(columns[k].Floats, row[k].Number+shift)
		}
		columns[3].Strings = append(columns[3].Strings, row[3].Text)
		columns[4].Strings = append(columns[4].Strings, row[4].Text)
	}
	p, err := profile.FromColumns(columns, profile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type watch struct {
	*Monitor
	began int
	rand  *rand.Rand
}

func begin(t testing.TB) *watch {
	t.Helper()
	w := &watch{rand: rand.New(rand.NewPCG(3, 4))}
	w.Monitor = New(Settings{Now: func() time.Time { return time.Unix(1, 0) }, Fault: func() { w.began++ }}, "prediction")
	if err := w.Expect(reference(t, 0)); err != nil {
		t.Fatal(err)
	}
	return w
}

// feed sends n records, each broken as told.
func (w *watch) feed(n int, breaks func(row []feature.Value)) {
	for range n {
		row := draw(w.rand)
		if breaks != nil {
			breaks(row)
		}
		w.Rows([][]feature.Value{row})
	}
}

func (w *watch) faults() []string {
	var out []string
	for _, f := range w.Evaluate().Faults {
		out = append(out, f.Feature+" "+f.Kind)
	}
	slices.Sort(out)
	return out
}

func (w *watch) total(name string, kind Kind) uint64 {
	for _, a := range w.Evaluate().Anomalies {
		if a.Feature == name && a.Kind == string(kind) {
			return a.Count
		}
	}
	return math.MaxUint64 // not pre-created
}

// TestBrokenPipelines: each break is found within 100 records, is the only
// thing that is found, is counted, and ends when it is mended.
func TestBrokenPipelines(t *testing.T) {
	for name, c := range map[string]struct {
		breaks func(row []feature.Value)
		want   []string
	}{
		"nulls as NaN":         {func(row []feature.Value) { row[1].Number = math.NaN() }, []string{"income nan"}},
		"a feature is gone":    {func(row []feature.Value) { row[0] = feature.Nothing() }, []string{"age missing"}},
		"empty text":           {func(row []feature.Value) { row[3].Missing = true }, []string{"city missing"}},
		"numbers became text":  {func(row []feature.Value) { row[0] = feature.Value{Text: "40", IsText: true} }, []string{"age retyped"}},
		"text became numbers":  {func(row []feature.Value) { row[3] = feature.Value{Number: 4} }, []string{"city retyped"}},
		"cents for euros":      {func(row []feature.Value) { row[1].Number *= 100 }, []string{"income out_of_range"}},
		"a new category":       {func(row []feature.Value) { row[3].Text += " (new)" }, []string{"city unseen_category"}},
		"a default everywhere": {func(row []feature.Value) { row[2].Number = .5 }, []string{"rate constant"}},
		"columns exchanged":    {func(row []feature.Value) { row[0], row[2] = row[2], row[0] }, []string{"age order", "rate order"}},
		"columns shifted": {func(row []feature.Value) { row[0], row[1], row[2] = row[1], row[2], row[0] },
			[]string{"age order", "income order", "rate order"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := begin(t)
			w.feed(1000, nil)
			if got := w.faults(); got != nil {
				t.Fatalf("faults while all is well: %v", got)
			}
			w.feed(100, c.breaks)
			got := w.faults()
			for _, want := range c.want {
				if !slices.Contains(got, want) {
					t.Errorf("faults %v, want %v", got, c.want)
				}
			}
			// Values in the wrong place are out of range, too; nothing else may be.
			for _, f := range got {
				if !slices.Contains(c.want, f) && !(len(c.want) > 1 && f[len(f)-12:] == "out_of_range") {
					t.Errorf("fault %q beside %v", f, c.want)
				}
			}
			if w.began < len(c.want) {
				t.Errorf("told of %d faults", w.began)
			}
			w.feed(1000, nil)
			if got := w.faults(); got != nil {
				t.Errorf("faults after it was mended: %v", got)
			}
		})
	}
}

// TestCounts: every anomaly is counted, every pair exists at 0 before, and the
// model's own answer is none of the inputs.
func TestCounts(t *testing.T) {
	w := begin(t)
	for _, s := range []struct {
		name string
		kind Kind
		want uint64
	}{{"income", NaN, 0}, {"age", OutOfRange, 0}, {"city", Unseen, 0}, {"rate", Order, 0}, {"prediction", Missing, math.MaxUint64}} {
		if got := w.total(s.name, s.kind); got != s.want {
			t.Errorf("%s %s: %d, want %d", s.name, s.kind, got, s.want)
		}
	}
	w.feed(3, func(row []feature.Value) { row[1].Number = math.NaN() })
	if got := w.total("income", NaN); got != 3 || w.began != 0 {
		t.Errorf("%d counted, %d faults of three values", got, w.began)
	}
	if err := w.Expect(reference(t, 1)); err != nil { // another reference
		t.Fatal(err)
	}
	w.feed(1, func(row []feature.Value) { row[1].Number = math.NaN() })
	if got := w.total("income", NaN); got != 4 {
		t.Errorf("a counter went from 3 to %d", got)
	}
}

// TestQuiet: a hundred thousand records as the reference is raise nothing,
// though values beyond the range do come, and the first ones neither.
func TestQuiet(t *testing.T) {
	w := begin(t)
	w.feed(100_000, nil)
	if w.began != 0 {
		t.Errorf("%d false faults: %v", w.began, w.faults())
	}
	if w.total("age", OutOfRange) == 0 {
		t.Error("no value was out of range: the test tests nothing")
	}
}

// TestProbes: one record over and over is a probe, not a constant feature.
func TestProbes(t *testing.T) {
	w := begin(t)
	row := draw(w.rand)
	for range 500 {
		w.Rows([][]feature.Value{row})
	}
	if got := w.faults(); got != nil {
		t.Errorf("faults of a probe: %v", got)
	}
}

func sent(name string, kind tensor.DataType, shape ...int64) tensor.Tensor {
	x, _ := tensor.New(name, kind, shape...)
	return x
}

// TestInputs: tensors are held against what they usually are.
func TestInputs(t *testing.T) {
	usual := func() []tensor.Tensor {
		return []tensor.Tensor{sent("image", tensor.Float32, 1, 3, 8, 8), sent("age", tensor.Float32, 1, 1)}
	}
	for name, c := range map[string]struct {
		sent []tensor.Tensor
		want []string
	}{
		"as usual":      {usual(), nil},
		"gone":          {usual()[:1], []string{"age missing"}},
		"renamed":       {[]tensor.Tensor{usual()[0], sent("Age", tensor.Float32, 1, 1)}, []string{"age renamed"}},
		"one too many":  {append(usual(), sent("debug", tensor.Float32, 1, 1)), []string{"debug unexpected"}},
		"datatype":      {[]tensor.Tensor{usual()[0], sent("age", tensor.Int64, 1, 1)}, []string{"age datatype"}},
		"shape":         {[]tensor.Tensor{sent("image", tensor.Float32, 1, 8, 8, 3), usual()[1]}, []string{"image shape"}},
		"rank":          {[]tensor.Tensor{sent("image", tensor.Float32, 1, 192), usual()[1]}, []string{"image shape"}},
		"another order": {[]tensor.Tensor{usual()[1], usual()[0]}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := begin(t)
			for range 300 {
				w.Inputs(usual(), true)
			}
			for range 20 {
				w.Inputs(c.sent, false)
			}
			if got := w.faults(); !slices.Equal(got, c.want) {
				t.Errorf("faults %v, want %v", got, c.want)
			}
			for range accept + 2*window { // it is usual by now
				w.Inputs(c.sent, false)
			}
			if got := w.faults(); got != nil {
				t.Errorf("faults of what has become usual: %v", got)
			}
		})
	}
}

// TestOpenDimensions: lengths that vary are no fault, whenever they begin to.
func TestOpenDimensions(t *testing.T) {
	w := begin(t)
	for i := range 500 {
		n := int64(5)
		if i > 100 {
			n = int64(1 + i%7)
		}
		w.Inputs([]tensor.Tensor{sent("tokens", tensor.Int64, 1, n)}, true)
	}
	if got := w.faults(); got != nil {
		t.Errorf("faults: %v", got)
	}
}

// TestBounded: whatever names come from outside, the counts stay few.
func TestBounded(t *testing.T) {
	w := begin(t)
	for i := range 2000 {
		w.Inputs([]tensor.Tensor{sent("x", tensor.Float32, 1, 1), sent(fmt.Sprint("attack\xff", i), tensor.Float32, 1, 1)}, true)
	}
	unexpected := 0
	for _, a := range w.Evaluate().Anomalies {
		if a.Kind == string(Unexpected) {
			unexpected++
		}
	}
	if unexpected > maxUnexpected+1 {
		t.Errorf("%d names of unexpected inputs", unexpected)
	}
}

// TestLimits holds the limits to the binomial's tail, summed term by term.
func TestLimits(t *testing.T) {
	for _, p := range []float64{1e-4, .001, .006, .05, .3} {
		c := limit(p)
		term := func(k int) float64 {
			a, _ := math.Lgamma(window + 1)
			b, _ := math.Lgamma(float64(k + 1))
			d, _ := math.Lgamma(float64(window - k + 1))
			return math.Exp(a - b - d + float64(k)*math.Log(p) + float64(window-k)*math.Log1p(-p))
		}
		beyond := func(c int) (sum float64) {
			for k := window; k >= c; k-- {
				sum += term(k)
			}
			return sum
		}
		if beyond(c) > tail || beyond(c-1) <= tail {
			t.Errorf("p = %v: limit %d, tails %v and %v", p, c, beyond(c), beyond(c-1))
		}
	}
	if limit(1) != window+1 {
		t.Error("what the reference always has is never too much")
	}
}

func BenchmarkRow(b *testing.B) {
	w := begin(b)
	rows := make([][]feature.Value, 64)
	for i := range rows {
		rows[i] = draw(w.rand)
	}
	b.ReportAllocs()
	for b.Loop() {
		w.Rows(rows)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64/4, "ns/value")
}
