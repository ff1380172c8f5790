package trust

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib/sequential"
)

// TestStatedRate: nothing changes; the mean time to a false alarm is what was
// stated, for any law, and for dependent rows with tau estimated from the
// reference.
func TestStatedRate(t *testing.T) {
	const stated = 2000
	for _, c := range []struct {
		name        string
		of          law
		n           int
		estimate    bool
		short, long int
	}{
		{"normal", independent(normal), 5000, false, 40, 400},
		{"Cauchy", independent(func(r *rand.Rand) float64 { return r.NormFloat64() / r.NormFloat64() }), 5000, false, 40, 400},
		{"Poisson(3)", independent(poisson), 5000, false, 40, 400},
		{"normal, n = 1,000", independent(normal), 1000, false, 40, 400},
		{"AR(1) 0.3, tau estimated", autoregressive(.3), 5000, true, 15, 100},
		{"AR(1) 0.7, tau estimated", autoregressive(.7), 5000, true, 15, 100},
		{"sessions, ICC 0.3, tau estimated", sessions(.3), 5000, true, 15, 100},
		{"sessions, ICC 0.8, tau estimated", sessions(.8), 5000, true, 15, 100},
	} {
		r := rate{stated: stated}
		for run := range runs(c.short, c.long) {
			next := c.of(rand.New(rand.NewPCG(uint64(run), 101)))
			s := learn(t, c.n, next, seedOf(run), c.estimate)
			r.lengths = append(r.lengths, float64(s.watch(next, stated, 1, 10*stated)))
		}
		r.check(t, c.name)
	}
	r := rate{stated: stated}
	for run := range runs(40, 400) {
		rng := rand.New(rand.NewPCG(uint64(run), 103))
		s := categories(t, 52, 5000, rng, seedOf(run))
		r.lengths = append(r.lengths, float64(s.watch(func() float64 { return float64(1 + rng.IntN(52)) }, stated, 1, 10*stated)))
	}
	r.check(t, "52 categories")
	const tick = 20
	r = rate{stated: 500}
	for run := range runs(60, 300) {
		next := independent(normal)(rand.New(rand.NewPCG(uint64(run), 107)))
		s := learn(t, 5000, next, seedOf(run), false)
		r.lengths = append(r.lengths, float64(s.watch(next, 500, tick, 20*500*tick))/tick)
	}
	r.check(t, "normal, ticks of 20 records")
}

// TestManyFeatures: the sum over a model's features, independent or correlated,
// alarms at the stated rate of the model.
func TestManyFeatures(t *testing.T) {
	const stated, n = 1000, 2000
	features := runs(20, 100)
	for _, c := range []struct {
		name string
		rho  float64
	}{{"independent", 0}, {"correlated 0.5", .5}} {
		r := rate{stated: stated}
		for run := range runs(20, 80) {
			rng := rand.New(rand.NewPCG(uint64(run), 109))
			rows := make([][]float64, features)
			draw := func() {
				common := rng.NormFloat64()
				for f := range rows {
					rows[f] = append(rows[f], math.Sqrt(c.rho)*common+math.Sqrt(1-c.rho)*rng.NormFloat64())
				}
			}
			for range n {
				draw()
			}
			subjects := make([]*subject, features)
			for f := range subjects {
				k := 0
				subjects[f] = learn(t, n, func() float64 { k++; return rows[f][k-1] }, sequential.Seed(fmt.Sprint(run, "/", f)), false)
			}
			length := 6 * stated
			for i := range length {
				draw()
				sum := 0.0
				for f, s := range subjects {
					s.detector.Tick()
					s.detector.Observe(s.bin(rows[f][len(rows[f])-1]))
					rows[f] = rows[f][:n]
					sum += s.detector.Evidence()
				}
				if sum >= float64(features)*stated {
					length = i + 1
					break
				}
			}
			r.lengths = append(r.lengths, float64(length))
		}
		r.check(t, fmt.Sprintf("%d features, %s", features, c.name))
	}
}

// TestDelay: from a change to its alarm, with one false alarm stated in 43,200
// ticks of 100 records; at most the medians of the design.
func TestDelay(t *testing.T) {
	centre := func(u, x float64) float64 {
		if u < .05 {
			return 0
		}
		return x
	}
	for _, c := range []struct {
		name  string
		alter func(i int, u, x float64) float64
		most  float64
	}{
		{"+0.1 sigma", func(_ int, _, x float64) float64 { return x + .1 }, 3568},
		{"+0.25 sigma", func(_ int, _, x float64) float64 { return x + .25 }, 434},
		{"+0.5 sigma", func(_ int, _, x float64) float64 { return x + .5 }, 109},
		{"+1 sigma", func(_ int, _, x float64) float64 { return x + 1 }, 27},
		{"scale 1.5", func(_ int, _, x float64) float64 { return 1.5 * x }, 87},
		{"5 % set to the centre", func(_ int, u, x float64) float64 { return centre(u, x) }, 571},
		{"5 % set to -99", func(_ int, u, x float64) float64 {
			if u < .05 {
				return -99
			}
			return x
		}, 102},
		{"ramp to +1 sigma in 10,000", func(i int, _, x float64) float64 { return x + min(float64(i)/10_000, 1) }, 2036},
	} {
		d := delay{most: c.most}
		for run := range runs(15, 200) {
			rng := rand.New(rand.NewPCG(uint64(run), 113))
			s := learn(t, 5000, rng.NormFloat64, seedOf(run), false)
			s.watch(rng.NormFloat64, math.Inf(1), 100, 1000)
			i := 0
			d.records = append(d.records, float64(s.watch(func() float64 { i++; return c.alter(i, rng.Float64(), rng.NormFloat64()) }, 43_200, 100, 20_000)))
		}
		d.check(t, c.name)
	}
	for _, c := range []struct {
		name string
		of   law
		most float64
	}{{"AR(1) 0.7, +0.5 sigma", autoregressive(.7), 703}, {"sessions ICC 0.8, +0.5 sigma", sessions(.8), 1606}} {
		d := delay{most: c.most}
		for run := range runs(15, 100) {
			next := c.of(rand.New(rand.NewPCG(uint64(run), 127)))
			s := learn(t, 5000, next, seedOf(run), true)
			s.watch(next, math.Inf(1), 100, 3000) // the evidence of dependent rows builds up slowly
			d.records = append(d.records, float64(s.watch(func() float64 { return next() + .5 }, 43_200, 100, 20_000)))
		}
		d.check(t, c.name)
	}
}

// TestDailyCycle: a sine of one sigma a day, a record a minute, 60 days, one
// false alarm stated in 30 days. Strata of the hour hold it; without them every
// day is an alarm.
func TestDailyCycle(t *testing.T) {
	const minutes, days, stated = 1440, 60, 43_200
	value := func(i int, rng *rand.Rand) (hour int, v float64) {
		at := i % minutes
		return at / 60, math.Sin(2*math.Pi*float64(at)/minutes) + rng.NormFloat64()
	}
	counted := map[bool]int{}
	d := delay{most: 150}
	n := runs(4, 30)
	for run := range n {
		rng := rand.New(rand.NewPCG(uint64(run), 131))
		all := make([]float64, 7*minutes)
		hours := make([]int, len(all))
		for i := range all {
			hours[i], all[i] = value(i, rng)
		}
		k := 0
		pooled := learn(t, len(all), func() float64 { k++; return all[k-1] }, seedOf(run), false)
		counts := make([][]float64, 24)
		for h := range counts {
			counts[h] = make([]float64, len(pooled.edges)+2)
		}
		for i, v := range all {
			counts[hours[i]][pooled.bin(v)]++
		}
		strata, err := sequential.NewStratified(counts, seedOf(run), betsOf(1))
		if err != nil {
			t.Fatal(err)
		}
		detectors := map[bool]*sequential.Detector{false: pooled.detector, true: strata}
		for i := range days * minutes {
			h, v := value(i, rng)
			for with, of := range detectors {
				of.Tick()
				if with {
					of.ObserveIn(h, pooled.bin(v))
				} else {
					of.Observe(pooled.bin(v))
				}
				if of.Evidence() >= stated {
					counted[with]++
					of.Reset()
				}
			}
		}
		strata.Reset()
		for i := range 10_000 {
			h, v := value(i, rng)
			strata.Tick()
			strata.ObserveIn(h, pooled.bin(v+.5))
			if strata.Evidence() >= stated {
				d.records = append(d.records, float64(i+1))
				break
			}
		}
	}
	t.Logf("%-38s | %.2f alarms in 60 days with strata, %.0f without; stated 2 | %d runs", "daily cycle", float64(counted[true])/float64(n), float64(counted[false])/float64(n), n)
	if most := 2 * float64(n); float64(counted[true]) > most+3*math.Sqrt(most) {
		t.Errorf("%d alarms in %d times 60 days with strata, stated %v", counted[true], n, most)
	}
	if counted[false] < 100*n {
		t.Error("without strata a daily cycle should alarm every day: is this a cycle at all?")
	}
	d.check(t, "daily cycle with strata, +0.5 sigma")
}

// TestRealColumns: shuffled real columns, whatever their law.
func TestRealColumns(t *testing.T) {
	const stated = 1000
	for _, c := range []struct {
		file    string
		columns []string
	}{
		{"electricity.csv.gz", []string{"nswprice", "nswdemand", "vicprice", "transfer"}},
		{"bike_hour.csv.gz", []string{"temp", "hum", "windspeed", "cnt"}},
	} {
		for _, name := range c.columns {
			values := column(t, c.file, name)
			r := rate{stated: stated}
			for run := range runs(10, 100) {
				rng := rand.New(rand.NewPCG(uint64(run), 137))
				rng.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
				k := 0
				next := func() float64 { k++; return values[k-1] }
				s := learn(t, 5000, next, seedOf(run), false)
				r.lengths = append(r.lengths, float64(s.watch(next, stated, 1, min(len(values)-5000, 10*stated))))
			}
			r.check(t, name)
		}
	}
}

// column reads a numeric column of the shared data.
func column(t *testing.T, file, name string) []float64 {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "..", "shared", "data", "tabular", file))
	if err != nil {
		t.Skip("the shared data are not here: ", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []float64
	for k, title := range rows[0] {
		if title != name {
			continue
		}
		for _, row := range rows[1:] {
			v, err := strconv.ParseFloat(row[k], 64)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, v)
		}
	}
	return out
}
