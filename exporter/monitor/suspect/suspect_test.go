package suspect

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/feature"
)

// customer is a row of two correlated numbers, a text and a margin.
func customer(rng *rand.Rand) Row {
	a := rng.NormFloat64()
	b := a + .5*rng.NormFloat64()
	jobs := []string{"clerk", "nurse", "pilot"}
	return Row{Values: []feature.Value{{Number: 50 + 10*a}, {Text: jobs[rng.IntN(3)], IsText: true}, {Number: 1000 * b}, {Number: rng.Float64()}, {Number: rng.ExpFloat64()}}, Margin: rng.Float64()}
}

func newMonitor(t *testing.T, seed uint64) (*Monitor, *rand.Rand) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	var reference []Row
	for range 3000 {
		reference = append(reference, customer(rng))
	}
	m, err := New(Settings{Reference: reference, Window: 1000, Threshold: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	return m, rng
}

func (m *Monitor) alarms() string {
	out := ""
	for _, r := range m.Evaluate() {
		if r.Alarm {
			out += string(r.Kind) + " "
		}
	}
	return out
}

func TestQuietOnTheReferencesOwnLaw(t *testing.T) {
	for seed := range uint64(5) {
		m, rng := newMonitor(t, seed)
		for i := range 10_000 {
			m.Observe(customer(rng))
			if i%100 == 0 {
				m.Tick()
			}
		}
		if a := m.alarms(); a != "" {
			t.Errorf("seed %d: alarms %s; %+v", seed, a, m.Evaluate())
		}
	}
}

func TestEverySign(t *testing.T) {
	for kind, make := range map[Kind]func(*rand.Rand, Row) Row{
		Outlier: func(rng *rand.Rand, r Row) Row { // against the correlation; each value alone is usual
			if rng.Float64() < .1 {
				r.Values[0].Number, r.Values[2].Number = 65, -1500
			}
			return r
		},
		NearDuplicate: func(rng *rand.Rand, r Row) Row {
			if rng.Float64() < .2 {
				r.Values = []feature.Value{{Number: 50 + .01*rng.Float64()}, {Text: "clerk", IsText: true}, {Number: 1 + rng.Float64()}, {Number: .5}, {Number: 1}}
			}
			return r
		},
		LowMargin: func(rng *rand.Rand, r Row) Row {
			if rng.Float64() < .2 {
				r.Margin = .01
			}
			return r
		},
	} {
		m, rng := newMonitor(t, 11)
		n := 0
		for ; n < 3000 && m.alarms() == ""; n++ {
			if n%100 == 0 {
				m.Tick()
			}
			m.Observe(make(rng, customer(rng)))
		}
		if got := m.alarms(); got != string(kind)+" " {
			t.Errorf("%s: alarms %q after %d records; %+v", kind, got, n, m.Evaluate())
		}
		for range 3000 {
			m.Observe(customer(rng))
		}
		if got := m.alarms(); got != "" {
			t.Errorf("%s: still in alarm 3000 records after the end: %s", kind, got)
		}
	}
}

func TestOddValues(t *testing.T) {
	m, _ := newMonitor(t, 3)
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e308} {
		m.Observe(Row{Values: []feature.Value{{Number: v}, feature.Nothing(), {Number: v}}, Margin: math.NaN()})
	}
	if _, err := New(Settings{Window: 100, Threshold: 100}); err == nil {
		t.Error("no reference was accepted")
	}
}

func BenchmarkObserve(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 0))
	var reference []Row
	for range 2000 {
		reference = append(reference, customer(rng))
	}
	m, err := New(Settings{Reference: reference, Window: 1000, Threshold: 1e300})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Observe(reference[i%len(reference)])
	}
}
