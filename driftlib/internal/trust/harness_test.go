package trust

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib/sequential"
	"gonum.org/v1/gonum/stat/distuv"
)

// full runs everything at full length: make test-statistics.
var full = flag.Bool("full", false, "run the simulations at full length and print the tables")

// runs is how many runs a scenario has: short in make test.
func runs(short, long int) int {
	if *full {
		return long
	}
	return short
}

// stream draws one value after another; a run's reference comes first.
type stream func() float64

// law makes the stream of a run.
type law func(rng *rand.Rand) stream

func independent(draw func(*rand.Rand) float64) law {
	return func(rng *rand.Rand) stream { return func() float64 { return draw(rng) } }
}

func normal(rng *rand.Rand) float64 { return rng.NormFloat64() }

func poisson(rng *rand.Rand) float64 { return distuv.Poisson{Lambda: 3, Src: rng}.Rand() }

// autoregressive is AR(1) with unit variance.
func autoregressive(phi float64) law {
	return func(rng *rand.Rand) stream {
		x := rng.NormFloat64()
		return func() float64 {
			x = phi*x + math.Sqrt(1-phi*phi)*rng.NormFloat64()
			return x
		}
	}
}

// sessions are bursts of a mean length of 10 records that share icc of their
// variance.
func sessions(icc float64) law {
	return func(rng *rand.Rand) stream {
		left, common := 0, 0.0
		return func() float64 {
			if left == 0 {
				left, common = 1, rng.NormFloat64()
				for rng.Float64() > .1 {
					left++
				}
			}
			left--
			return math.Sqrt(icc)*common + math.Sqrt(1-icc)*rng.NormFloat64()
		}
	}
}

// subject is one feature under watch: its reference's edges, and its detector.
type subject struct {
	edges    []float64 // nil: the value is the bin
	detector *sequential.Detector
	tau      float64
}

func (s *subject) bin(v float64) int {
	if s.edges == nil {
		return int(v)
	}
	return 1 + sort.SearchFloat64s(s.edges, v)
}

// bets are shared by all runs: they depend on tau alone.
var bets = map[float64]*sequential.Bets{}

func betsOf(tau float64) *sequential.Bets {
	if bets[tau] == nil {
		bets[tau] = sequential.NewBets(tau)
	}
	return bets[tau]
}

// learn takes n values of the stream as reference. estimate finds tau from them.
func learn(t testing.TB, n int, next stream, seed uint64, estimate bool) *subject {
	t.Helper()
	values := make([]float64, n)
	for i := range values {
		values[i] = next()
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	edges, err := sequential.Edges(sorted, 64)
	if err != nil {
		t.Fatal(err)
	}
	s := &subject{edges: edges, tau: 1}
	counts, sequence := make([]float64, len(edges)+2), make([]int, n)
	for i, v := range values {
		sequence[i] = s.bin(v)
		counts[sequence[i]]++
	}
	if estimate {
		s.tau = sequential.Tau(sequence, counts)
	}
	if s.detector, err = sequential.New(counts, seed, betsOf(s.tau)); err != nil {
		t.Fatal(err)
	}
	return s
}

// categories is a subject of equally likely bins, n rows.
func categories(t testing.TB, bins, n int, rng *rand.Rand, seed uint64) *subject {
	t.Helper()
	counts := make([]float64, bins+2)
	for range n {
		counts[1+rng.IntN(bins)]++
	}
	d, err := sequential.New(counts, seed, betsOf(1))
	if err != nil {
		t.Fatal(err)
	}
	return &subject{detector: d, tau: 1}
}

// watch feeds the stream until the evidence reaches c, a tick every so many
// records; it returns the records until then, or most.
func (s *subject) watch(next stream, c float64, tick, most int) int {
	for i := range most {
		if i%tick == 0 {
			s.detector.Tick()
		}
		s.detector.Observe(s.bin(next()))
		if s.detector.Evidence() >= c {
			return i + 1
		}
	}
	return most
}

// seedOf makes the ties of each run its own.
func seedOf(run int) uint64 { return sequential.Seed(fmt.Sprint("run ", run)) }

// rate is what runs of a null say about a stated run length.
type rate struct {
	stated  float64
	lengths []float64 // ticks to the first false alarm; those at most are cut short
}

// check holds the mean run length to at least 0.95 of the stated one, and the
// share of runs with an alarm in the first quarter of it to at most a quarter
// (an e-detector alarms before time t with probability at most t/c), each within
// the error of the simulation.
func (r rate) check(t *testing.T, name string) {
	t.Helper()
	n := float64(len(r.lengths))
	var sum, early float64
	for _, l := range r.lengths {
		sum += l
		if l < r.stated/4 {
			early++
		}
	}
	mean := sum / n
	half := 1.96 * mean / math.Sqrt(n) // run lengths are nearly exponential
	t.Logf("%-38s | stated %7.0f | run length %7.0f ± %5.0f | alarms in the first quarter %.3f of %.0f runs", name, r.stated, mean, half, early/n, n)
	if mean+half < .95*r.stated {
		t.Errorf("%s: mean run length %.0f ticks, stated %.0f", name, mean, r.stated)
	}
	if p := (distuv.Binomial{N: n, P: .25}).Survival(early - 1); p < .005 {
		t.Errorf("%s: %.0f of %.0f runs alarm in the first quarter of the stated time (p = %.4f)", name, early, n, p)
	}
}

// delay is what runs say about the records from a change to its alarm.
type delay struct {
	records []float64
	most    float64 // median that the design page measured; 0 where it has none
}

// check holds the median to at most the measured one, within the errors of both
// simulations: the lower end of its interval by order statistics, and a tenth.
func (d delay) check(t *testing.T, name string) {
	t.Helper()
	slices.Sort(d.records)
	n := len(d.records)
	low := max(int(float64(n)/2-1.96*math.Sqrt(float64(n))/2), 0)
	text := fmt.Sprintf("%-38s | median %6.0f | p90 %6.0f | %d runs", name, d.records[n/2], d.records[n*9/10], n)
	if d.most > 0 {
		text += fmt.Sprintf(" | design %.0f", d.most)
	}
	t.Log(text)
	if d.most > 0 && d.records[low] > 1.1*d.most {
		t.Errorf("%s: median delay %.0f records (at least %.0f), the design has %.0f", name, d.records[n/2], d.records[low], d.most)
	}
}

// share checks that k of n is at most the stated probability, within the error
// of the simulation.
func share(t *testing.T, name string, k, n int, most float64) {
	t.Helper()
	t.Logf("%-38s | %.3f of %d | at most %.3f", name, float64(k)/float64(n), n, most)
	if p := (distuv.Binomial{N: float64(n), P: most}).Survival(float64(k) - 1); p < .005 {
		t.Errorf("%s: %d of %d, stated %.3f (p = %.4f)", name, k, n, most, p)
	}
}
