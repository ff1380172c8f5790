package verdict

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib/profile"
)

// full runs the simulations at their full length: go test -run Trust -full.
var full = flag.Bool("full", false, "run the simulations at full length and print the tables")

// laws are ten columns of the kinds that tables have.
func laws() []func(*rand.Rand) (float64, string) {
	number := func(f func(*rand.Rand) float64) func(*rand.Rand) (float64, string) {
		return func(r *rand.Rand) (float64, string) { return f(r), "" }
	}
	category := func(shares ...float64) func(*rand.Rand) (float64, string) {
		return func(r *rand.Rand) (float64, string) {
			u := r.Float64()
			for i, s := range shares {
				if u -= s; u < 0 {
					return 0, string(rune('a' + i))
				}
			}
			return 0, "z"
		}
	}
	return []func(*rand.Rand) (float64, string){
		number((*rand.Rand).NormFloat64), number((*rand.Rand).ExpFloat64), number((*rand.Rand).Float64),
		number(func(r *rand.Rand) float64 { return math.Exp(r.NormFloat64()) }),
		number(func(r *rand.Rand) float64 { return float64(r.IntN(24)) }),             // hours
		number(func(r *rand.Rand) float64 { return max(0, r.NormFloat64()) }),         // half of it an atom
		number(func(r *rand.Rand) float64 { return math.Round(4 * r.NormFloat64()) }), // counts
		category(.7, .2, .1), category(.2, .2, .2, .2, .2), category(.5, .3, .1, .05, .03, .01), // with rare ones
	}
}

// draw makes n rows; the column shifted is moved by shift standard deviations.
func draw(n int, rng *rand.Rand, shifted int, shift float64) []profile.Column {
	spread := []float64{1, 1, .289, 2.16, 6.92, .583, 4.01}
	var out []profile.Column
	for k, law := range laws() {
		c := profile.Column{Name: fmt.Sprintf("c%d", k), Kind: profile.Numeric}
		if k >= 7 {
			c.Kind = profile.Categorical
		}
		for range n {
			v, s := law(rng)
			if k == shifted {
				v += shift * spread[k]
			}
			if c.Kind == profile.Categorical {
				c.Strings = append(c.Strings, s)
			} else {
				c.Floats = append(c.Floats, v)
			}
		}
		out = append(out, c)
	}
	return out
}

// judge compares two tables by the rule of a report.
func judge(t testing.TB, reference, current []profile.Column) []Result {
	t.Helper()
	p, err := profile.FromColumns(reference, profile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var results []Result
	for i := range p.Features {
		ref, err := NewReference(&p.Features[i])
		if err != nil {
			t.Fatal(err)
		}
		s := Sample{Counts: make([]float64, ref.Binner.Len())}
		for j := range current[i].Strings {
			s.Counts[ref.Binner.CategoryIndex(current[i].Strings[j])]++
		}
		for _, v := range current[i].Floats {
			s.Counts[ref.Binner.Index(v)]++
			s.Sorted = append(s.Sorted, v)
		}
		profile.Sort(s.Sorted)
		results = append(results, Compare(ref, s))
	}
	o := Defaults()
	o.Independent = true
	Adjust(results, o)
	return results
}

func drifted(results []Result) (any bool, which map[int]bool) {
	which = map[int]bool{}
	for i, r := range results {
		if r.Verdict == Drift {
			any, which[i] = true, true
		}
	}
	return any, which
}

// TestTrust: while nothing changes, at most 5 % of the tables raise any alarm;
// a quarter of a standard deviation in one of ten columns is found in at least
// 99 % of tables of 1,000 rows and 75 % of 200.
func TestTrust(t *testing.T) {
	runs := 120
	if *full {
		runs = 600
	}
	for _, c := range []struct {
		rows  int
		power float64
	}{{200, .75}, {1000, .99}, {10_000, 1}} {
		n := runs
		if c.rows == 10_000 {
			n = runs / 10
		}
		rng := rand.New(rand.NewPCG(uint64(c.rows), 2026))
		alarms, found := 0, 0
		for i := range n {
			if any, _ := drifted(judge(t, draw(c.rows, rng, -1, 0), draw(c.rows, rng, -1, 0))); any {
				alarms++
			}
			column := i % 7
			if _, which := drifted(judge(t, draw(c.rows, rng, -1, 0), draw(c.rows, rng, column, .25))); which[column] {
				found++
			}
		}
		t.Logf("%d rows: %.3f of %d unchanged tables raise an alarm; %.3f of the shifts are found", c.rows, float64(alarms)/float64(n), n, float64(found)/float64(n))
		// Three standard errors of the simulation on the safe side.
		if limit := .05 + 3*math.Sqrt(.05*.95/float64(n)); float64(alarms)/float64(n) > limit {
			t.Errorf("%d rows: %d alarms in %d unchanged tables, more than 5 %%", c.rows, alarms, n)
		}
		if limit := c.power - 3*math.Sqrt(c.power*(1-c.power)/float64(n)); float64(found)/float64(n) < limit {
			t.Errorf("%d rows: %d of %d shifts are found, fewer than %.0f %%", c.rows, found, n, 100*c.power)
		}
	}
}

// TestTriflesAreNotDrift: at 50,000 rows a trifle is significant, and the rule
// says that it is too small to matter.
func TestTriflesAreNotDrift(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	one := func(n int, shift float64) []profile.Column {
		c := profile.Column{Name: "x", Kind: profile.Numeric}
		for range n {
			c.Floats = append(c.Floats, rng.NormFloat64()+shift)
		}
		return []profile.Column{c}
	}
	r := judge(t, one(50_000, 0), one(50_000, .04))[0]
	if r.Verdict != NoDrift || r.Adjusted > .001 || !strings.Contains(r.Reason, "too small to matter") {
		t.Errorf("%+v", r)
	}
}

func TestHolmAndBenjaminiHochberg(t *testing.T) {
	p := []float64{.01, .04, math.NaN(), .03, .005}
	for name, c := range map[string]struct {
		got, want []float64
	}{
		"Holm":               {Holm(p), []float64{.03, .06, math.NaN(), .06, .02}},
		"Benjamini-Hochberg": {BenjaminiHochberg(p), []float64{.02, .04, math.NaN(), .04, .02}},
	} {
		for i := range p {
			if math.IsNaN(c.want[i]) != math.IsNaN(c.got[i]) || math.Abs(c.got[i]-c.want[i]) > 1e-12 {
				t.Errorf("%s: %v, want %v", name, c.got, c.want)
				break
			}
		}
	}
}

func TestEmptyAndBlank(t *testing.T) {
	reference := []profile.Column{{Name: "x", Kind: profile.Numeric, Floats: make([]float64, 40), Missing: slicesOf(true, 40)}}
	r := judge(t, reference, []profile.Column{{Name: "x", Kind: profile.Numeric}})[0]
	if r.Verdict != InsufficientData {
		t.Errorf("%+v", r)
	}
}

func slicesOf[T any](v T, n int) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = v
	}
	return out
}
