package ruletest

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/gnomon-dev/gnomon/alerts/rules"
)

// bins are rows by bin, or shares.
type bins map[string]float64

func (b bins) sum() float64 {
	total := 0.0
	for _, code := range codes(b) {
		total += b[code]
	}
	return total
}

func codes(all ...bins) []string {
	var out []string
	for _, b := range all {
		for code := range b {
			if !slices.Contains(out, code) {
				out = append(out, code)
			}
		}
	}
	slices.Sort(out)
	return out
}

// statistics of a window against a reference, by their definitions.
type statistics struct{ n, psi, kl, js, tv, hellinger, df, chi2, sigma, ks, p float64 }

// compare computes what the recording rules must give for rows of a window
// against reference shares over m rows.
func compare(rows, reference bins, m, effect float64) statistics {
	s := statistics{n: rows.sum(), df: -1}
	deciles := map[string][2]float64{}
	var names []string
	ordered, expected := 0.0, 0.0
	for _, code := range codes(rows, reference) {
		q, p := rows[code]/s.n, reference[code]
		key := code[:2]
		if code[0] == 'c' {
			key = code[:3]
		} else if code < "91" {
			ordered, expected = ordered+q, expected+p
		}
		if _, ok := deciles[key]; !ok {
			names = append(names, key)
		}
		deciles[key] = [2]float64{deciles[key][0] + q, deciles[key][1] + p}
		term := func(a float64) float64 {
			if a == 0 {
				return 0
			}
			return a * math.Log2(a/((q+p)/2))
		}
		s.js += (term(q) + term(p)) / 2
		s.tv += math.Abs(q-p) / 2
		s.hellinger += math.Sqrt(q * p)
		if q+p > 0 {
			s.df++
			s.chi2 += (q - p) * (q - p) / ((s.n*q + m*p) / (s.n + m))
		}
	}
	for _, key := range names {
		q, p := math.Max(deciles[key][0], 1e-4), math.Max(deciles[key][1], 1e-4)
		s.psi += (q - p) * math.Log(q/p)
		s.kl += q * math.Log(q/p)
	}
	cumulative := 0.0
	for _, code := range codes(rows, reference) {
		if code[0] != 'c' && code < "91" {
			cumulative += rows[code]/s.n/ordered - reference[code]/expected
			s.ks = math.Max(s.ks, math.Abs(cumulative))
		}
	}
	s.js, s.hellinger = math.Sqrt(math.Max(s.js, 0)), math.Sqrt(math.Max(1-s.hellinger, 0))
	s.chi2 *= s.n * m / (s.n + m)
	s.sigma = (math.Cbrt(s.chi2/effect/s.df) - (1 - 2/(9*s.df))) / math.Sqrt(2/(9*s.df))
	if ordered == 0 {
		s.ks = math.NaN()
	}
	s.p = math.Min(2*math.Exp(-2*s.ks*s.ks*s.n*m/(s.n+m)), 1)
	return s
}

// fleet makes a case of the drift rules.
type fleet struct {
	scene
	name, why, window string // window is 1h or 1d
	checks            []Check
}

const reference = `model="m", model_version="1", reference=%q, job="gnomon", instance=%q`

// profile exports a feature's reference from a replica.
func (f *fleet) profile(ref, instance, feature string, shares bins, rows float64) {
	labels := fmt.Sprintf(reference, ref, instance)
	always := func(int) float64 { return 1 }
	for _, code := range codes(shares) {
		f.gauge(fmt.Sprintf("gnomon_reference_bin_ratio{feature=%q, bin=%q, %s}", feature, code, labels), constant(shares[code], always))
	}
	f.gauge(fmt.Sprintf("gnomon_reference_rows{feature=%q, %s}", feature, labels), constant(rows, always))
}

// loaded exports when a replica's counters began at 0, by minute.
func (f *fleet) loaded(ref, instance string, at func(i int) float64) {
	f.gauge("gnomon_reference_loaded_timestamp_seconds{"+fmt.Sprintf(reference, ref, instance)+"}", at)
}

// counts exports a feature's counters.
func (f *fleet) counts(ref, instance, feature string, codes []string, at func(code string, i int) float64) {
	for _, code := range codes {
		f.gauge(fmt.Sprintf("gnomon_feature_bin_total{feature=%q, bin=%q, %s}", feature, code, fmt.Sprintf(reference, ref, instance)), func(i int) float64 { return at(code, i) })
	}
}

// want checks a record's value to a relative 1e-6.
func (f *fleet) want(minute int, record, ref, feature string, v float64, why string) {
	labels := map[string]string{"model": "m", "model_version": "1", "reference": ref, "feature": feature}
	f.checks = append(f.checks, Check{At: time.Duration(minute) * f.step, Why: why, Want: []Sample{{selector("", labels), 1}},
		Expr: fmt.Sprintf("abs(%s%s{reference=%q, feature=%q} - %s) < bool %s", record, f.window, ref, feature, plain(v), plain(1e-9+1e-6*math.Abs(v)))})
}

// all checks every statistic.
func (f *fleet) all(minute int, ref, feature string, s statistics) {
	for _, x := range []struct {
		record string
		v      float64
	}{{"rows", s.n}, {"psi", s.psi}, {"kl", s.kl}, {"js", s.js}, {"tv", s.tv}, {"hellinger", s.hellinger}, {"df", s.df}, {"chi2_", s.chi2}, {"sigma", s.sigma}, {"ks", s.ks}, {"ks_pvalue", s.p}} {
		if math.IsNaN(x.v) {
			continue // categories have no order
		}
		f.want(minute, "gnomon:feature:"+x.record, ref, feature, x.v, "")
	}
}

// numbers checks that no record is NaN.
func (f *fleet) numbers(minute int) {
	f.checks = append(f.checks, Check{At: time.Duration(minute) * f.step, Expr: notNumbers, Why: "no NaN anywhere"})
}

func (f *fleet) done() Case {
	return Case{Name: f.name, Why: f.why, Interval: f.step, Series: f.series, Checks: f.checks}
}

func newFleet(name, why string, minutes int) *fleet {
	return &fleet{scene: scene{step: minute, n: minutes + 1}, name: name, why: why, window: "1h"}
}

// usual is the reference of most cases: deciles cut finer in the tails, and a
// bin for what is missing.
func usual() bins {
	return bins{"01a": .05, "01b (0, 1]": .1, "02 (1, 2]": .2, "03 (2, 3]": .23, "04 (3, 4]": .25, "09 (8, 9]": .02, "10c": .1, "90 +Inf": 0, "92 missing": .05}
}

// shifted is a change of PSI 0.5 or so; nobody has the ninth bin any more, and a
// bin that the reference never saw has rows.
func shifted() bins {
	return bins{"01a": .1, "01b (0, 1]": .2, "02 (1, 2]": .3, "03 (2, 3]": .2, "04 (3, 4]": .1, "10c": .03, "90 +Inf": .02, "92 missing": .05}
}

// growing counts rows a minute by shares, from a count at minute 0.
func growing(shares bins, rows float64) func(string, int) float64 {
	return func(code string, i int) float64 { return shares[code] * rows * float64(i) }
}

func since(at float64) func(int) float64 { return func(int) float64 { return at } }

// rows of an hour at so many a minute.
func hourOf(shares bins, rows float64) bins {
	out := bins{}
	for code, v := range shares {
		out[code] = 60 * rows * v
	}
	return out
}

// fleetFiles are the tests of the drift rules.
func fleetFiles(b *bench, all []rules.File) []File {
	one := File{Name: "drift-1h.test.yml", Rules: pick(all, "gnomon-drift-rows.rules.yml", "gnomon-drift-1h.rules.yml"), Interval: minute}
	for _, f := range []*fleet{plainFleet(b), restarts(), late(), gap(), noTraffic(), b.few(), b.correlated(), rollout(), b.hysteresis(), cuts()} {
		one.Cases = append(one.Cases, f.done())
	}
	d := File{Name: "drift-1d.test.yml", Rules: pick(all, "gnomon-drift-1d.rules.yml"), Interval: 10 * minute}
	for _, f := range b.day() {
		d.Cases = append(d.Cases, f.done())
	}
	return []File{one, d}
}
