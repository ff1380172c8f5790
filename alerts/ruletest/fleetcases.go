package ruletest

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// plainFleet: two replicas of a numeric and a categorical feature, every
// statistic against its definition.
func plainFleet(b *bench) *fleet {
	f := newFleet("every statistic", "Two replicas, 40 and 60 rows a minute: the sums of the last 60 minutes against the reference, by the definitions.", 70)
	workclass, now := bins{"c01 Private": .7, "c02 Public": .2, "c10 Other": .1}, bins{"c01 Private": .4, "c02 Public": .3, "c10 Other": .3}
	for _, replica := range []struct {
		instance string
		rows     float64
	}{{"a", 40}, {"b", 60}} {
		f.profile("r", replica.instance, "age", usual(), 20000)
		f.profile("r", replica.instance, "class", workclass, 20000)
		f.loaded("r", replica.instance, since(-3600))
		f.counts("r", replica.instance, "age", codes(shifted()), growing(shifted(), replica.rows))
		f.counts("r", replica.instance, "class", codes(workclass), growing(now, replica.rows))
	}
	f.all(65, "r", "age", compare(hourOf(shifted(), 100), usual(), 20000, 1))
	f.all(65, "r", "class", compare(hourOf(now, 100), workclass, 20000, 1))
	f.want(65, "gnomon:feature:drifted", "r", "age", 1, "")
	f.numbers(65)
	return f
}

// restarts: a replica restarts twice, once with fewer rows than before and once
// with more, which only the time of loading tells.
func restarts() *fleet {
	f := newFleet("restart", "30 rows a minute for 20 minutes, a restart, 40 rows at once and 30 a minute; at 31 a restart that has 500 rows by the first scrape, more than before it, then 30 a minute.\nn = 20x30 + 40 + 10x30 + 500 + 30x30 = 2340 in the minutes 1 to 61.", 61)
	f.profile("r", "a", "age", bins{"01": 1}, 1000)
	count := func(_ string, i int) float64 {
		switch {
		case i <= 20:
			return 30 * float64(i)
		case i <= 31:
			return 40 + 30*float64(i-21)
		}
		return 500 + 30*float64(i-32)
	}
	f.loaded("r", "a", func(i int) float64 {
		switch {
		case i <= 20:
			return -3600
		case i <= 31:
			return 20*60 + 10
		}
		return 31*60 + 10
	})
	f.counts("r", "a", "age", []string{"01"}, count)
	// The window of 60 evaluations at 61 holds the minutes 2 to 61.
	f.want(61, "gnomon:feature:rows", "r", "age", 19*30+40+10*30+500+29*30, "without its first minute")
	f.want(20, "gnomon:feature:rows", "r", "age", 20*30, "before")
	f.want(21, "gnomon:feature:rows", "r", "age", 20*30+40, "counts from 0")
	f.want(32, "gnomon:feature:rows", "r", "age", 20*30+40+10*30+500, "not 500 less 340")
	return f
}

// late: a replica that begins between two scrapes counts from its beginning;
// one that was merely not seen for long does not.
func late() *fleet {
	f := newFleet("late replica", "Replica b begins at minute 30 and has counted 92 rows by its first scrape, then 10 a minute. Replica c is as old as a, but is scraped from minute 40 on: its 5,000 rows are not of this window.", 45)
	f.profile("r", "a", "age", bins{"01": 1}, 1000)
	f.loaded("r", "a", since(-3600))
	f.counts("r", "a", "age", []string{"01"}, growing(bins{"01": 1}, 10))
	from := func(begin int, first float64) func(string, int) float64 {
		return func(_ string, i int) float64 {
			if i < begin {
				return gone
			}
			return first + 10*float64(i-begin)
		}
	}
	began := func(begin int, at float64) func(int) float64 {
		return func(i int) float64 {
			if i < begin {
				return gone
			}
			return at
		}
	}
	f.loaded("r", "b", began(30, 29*60+1))
	f.counts("r", "b", "age", []string{"01"}, from(30, 92))
	f.loaded("r", "c", began(40, -3600))
	f.counts("r", "c", "age", []string{"01"}, from(40, 5000))
	f.want(30, "gnomon:feature:rows", "r", "age", 300+92, "")
	f.want(31, "gnomon:feature:rows", "r", "age", 310+102, "counted once")
	f.want(42, "gnomon:feature:rows", "r", "age", 420+92+120+20, "no jump by 5,000")
	return f
}

// gap: scrapes that fail lose nothing while the last one is remembered, and
// only their own rows beyond.
func gap() *fleet {
	f := newFleet("scrape gap", "10 rows a minute. Three scrapes fail: nothing is lost. The target is gone for 10 minutes: the rows of these 11 intervals are lost, and no jump follows.", 45)
	f.profile("r", "a", "age", bins{"01": 1}, 1000)
	missed := func(i int) bool { return i >= 10 && i <= 12 }
	away := func(i int) bool { return i >= 25 && i <= 34 }
	value := func(v float64, i int) float64 {
		if missed(i) || away(i) {
			return gone
		}
		return v
	}
	f.loaded("r", "a", func(i int) float64 { return value(-3600, i) })
	f.counts("r", "a", "age", []string{"01"}, func(_ string, i int) float64 { return value(10*float64(i), i) })
	for i := range f.series { // failed scrapes of a target that is still there leave no stale marker
		f.series[i].Values = unstale(f.series[i].Values)
	}
	f.want(9, "gnomon:feature:rows", "r", "age", 90, "")
	f.want(14, "gnomon:feature:rows", "r", "age", 140, "what came meanwhile is in the first difference")
	f.want(44, "gnomon:feature:rows", "r", "age", 440-110, "less the rows of the gap")
	f.numbers(44)
	return f
}

// noTraffic: nothing is asked.
func noTraffic() *fleet {
	f := newFleet("no traffic", "Rows in the first 5 minutes, then none for more than an hour: no share, no statistic, no drift, and nothing is NaN.", 75)
	f.profile("r", "a", "age", usual(), 20000)
	f.loaded("r", "a", since(-3600))
	now := shifted()
	f.counts("r", "a", "age", codes(usual()), func(code string, i int) float64 { return now[code] * 1000 * math.Min(float64(i), 5) })
	f.want(30, "gnomon:feature:drifted", "r", "age", 1, "")
	f.want(70, "gnomon:feature:rows", "r", "age", 0, "")
	f.want(70, "gnomon:feature:drifted", "r", "age", 0, "")
	f.checks = append(f.checks, Check{At: 70 * minute, Expr: `gnomon:feature:psi1h or gnomon:feature_bin:ratio1h or gnomon:feature:ks1h`, Why: "absent, not NaN"})
	f.numbers(70)
	return f
}

// few: a large change of too few rows is no drift.
func (b *bench) few() *fleet {
	n := b.t.MinSamples
	f := newFleet("few rows", fmt.Sprintf("The same change of %.4g, then %.4g rows an hour; %g are needed.", n*.98, n*1.02, n), 150)
	f.profile("r", "a", "age", usual(), 20000)
	f.loaded("r", "a", since(-3600))
	f.counts("r", "a", "age", codes(usual()), func(code string, i int) float64 {
		rows := n * .98 / 60 * float64(i)
		if i > 70 {
			rows += n * .04 / 60 * float64(i-70)
		}
		return shifted()[code] * rows
	})
	f.want(70, "gnomon:feature:drifted", "r", "age", 0, "")
	f.want(140, "gnomon:feature:drifted", "r", "age", 1, "")
	return f
}

// evidence finds rows an hour at which sigma is a value.
func evidence(q, p bins, m, effect, want float64) float64 {
	return solve(10, 1e6, func(n float64) float64 { return compare(hourOf(q, n/60), p, m, effect).sigma - want })
}

// correlated: rows that come in runs are fewer than they seem. The evidence is
// just short of enough, then just enough.
func (b *bench) correlated() *fleet {
	const m, effect = 20000, 60
	limit := b.t.DriftSigma
	f := newFleet("correlated rows", "", 70)
	for _, x := range []struct {
		feature      string
		effect, want float64
	}{{"under", effect, limit - .05}, {"over", effect, limit + .05}, {"independent", 1, limit + .05}, {"chance", 1, limit - .05}} {
		q := shifted()
		p := usual()
		if x.effect == 1 { // a change so rare that many rows are needed
			q = near2(usual())
			p = usual()
		}
		n := evidence(q, p, m, x.effect, x.want)
		s := compare(hourOf(q, n/60), p, m, x.effect)
		f.why += fmt.Sprintf("%s: PSI %.3g of %.0f rows, design effect %g: sigma %.4g of %.3g.\n", x.feature, s.psi, n, x.effect, s.sigma, limit)
		f.profile("r", "a", x.feature, p, m)
		f.counts("r", "a", x.feature, codes(p), growing(q, n/60))
		if x.effect > 1 {
			// Replicas learn it for themselves: the larger one counts.
			f.gauge(fmt.Sprintf("gnomon_reference_design_effect_ratio{feature=%q, %s}", x.feature, fmt.Sprintf(reference, "r", "a")), since(x.effect))
			f.gauge(fmt.Sprintf("gnomon_reference_design_effect_ratio{feature=%q, %s}", x.feature, fmt.Sprintf(reference, "r", "b")), since(x.effect/2))
		}
		f.want(65, "gnomon:feature:sigma", "r", x.feature, s.sigma, "")
		drifted := 0.0
		if s.psi > b.t.DriftPSI && s.n >= b.t.MinSamples && s.sigma > limit {
			drifted = 1
		}
		f.want(65, "gnomon:feature:drifted", "r", x.feature, drifted, "")
	}
	f.loaded("r", "a", since(-3600))
	return f
}

// near2 is a small change.
func near2(p bins) bins {
	q := bins{}
	for code, v := range p {
		q[code] = v
	}
	q["02 (1, 2]"], q["04 (3, 4]"] = q["02 (1, 2]"]+.03, q["04 (3, 4]"]-.03
	return q
}

// rollout: a new reference replaces the old one within a window. The two are
// never added up, though their bins have the same names.
func rollout() *fleet {
	f := newFleet("two references in one window", "Reference old until minute 30, new from then on, 60 rows a minute each: each has its own rows, reference and statistics.", 60)
	before := func(v float64, i int) float64 {
		if i > 30 {
			return gone
		}
		return v
	}
	after := func(v float64, i int) float64 {
		if i < 30 {
			return gone
		}
		return v
	}
	f.profile("old", "a", "age", usual(), 20000)
	f.profile("new", "a", "age", shifted(), 5000)
	f.loaded("old", "a", func(i int) float64 { return before(-3600, i) })
	f.loaded("new", "a", func(i int) float64 { return after(30*60-1, i) })
	f.counts("old", "a", "age", codes(usual()), func(code string, i int) float64 { return before(shifted()[code]*60*float64(i), i) })
	f.counts("new", "a", "age", codes(usual()), func(code string, i int) float64 { return after(shifted()[code]*60*float64(i-30), i) })
	half := func(minutes float64) bins { return hourOf(shifted(), minutes) }
	f.all(58, "old", "age", compare(half(30), usual(), 20000, 1))
	s := compare(half(28), shifted(), 5000, 1)
	f.want(58, "gnomon:feature:rows", "new", "age", s.n, "")
	f.want(58, "gnomon:feature:psi", "new", "age", 0, "what was drift from the old reference is none from the new one")
	f.want(58, "gnomon:feature:drifted", "new", "age", 0, "")
	return f
}

// mix goes a share of the way from one distribution to another.
func mix(from, to bins, share float64) bins {
	out := bins{}
	for _, code := range codes(from, to) {
		out[code] = from[code] + share*(to[code]-from[code])
	}
	return out
}

// distance finds the mixture that is a PSI away.
func distance(psi float64) bins {
	share := solve(0, 1, func(x float64) float64 {
		return compare(hourOf(mix(usual(), shifted(), x), 100), usual(), 20000, 1).psi - psi
	})
	return mix(usual(), shifted(), share)
}

func distances(psi []float64) []bins {
	out := make([]bins, len(psi))
	for i := range psi {
		out[i] = distance(psi[i])
	}
	return out
}

// hysteresis: drift begins above one PSI and ends below a lower one.
func (b *bench) hysteresis() *fleet {
	high, low := b.t.DriftPSI, b.t.DriftPSIClear
	levels := []float64{high * .97, high * 1.03, low * 1.05, low * .95, low * 1.05}
	f := newFleet("hysteresis", fmt.Sprintf("PSI %.4g is no drift, %.4g is; then it remains one at %.4g, ends at %.4g, and does not begin again at %.4g. Each for long enough to fill the window.", levels[0], levels[1], levels[2], levels[3], levels[4]), 5*75)
	f.profile("r", "a", "age", usual(), 20000)
	f.loaded("r", "a", since(-3600))
	shares := distances(levels)
	total := map[string][]float64{}
	for _, code := range codes(usual()) {
		total[code] = []float64{0}
	}
	for i := 1; i <= 5*75; i++ {
		q := shares[(i-1)/75]
		for code := range total {
			total[code] = append(total[code], total[code][i-1]+q[code]*100)
		}
	}
	f.counts("r", "a", "age", codes(usual()), func(code string, i int) float64 { return total[code][i] })
	for k, want := range []float64{0, 1, 1, 0, 0} {
		f.want(75*(k+1)-1, "gnomon:feature:drifted", "r", "age", want, fmt.Sprintf("PSI %.4g", levels[k]))
	}
	return f
}

// cuts: a feature for every cut, changed at that cut alone, so that its KS is
// the share that crosses it.
func cuts() *fleet {
	f := newFleet("every cut of KS", "Every bin up to a cut has 0.002 more than in the reference, the one beyond lacks it all: KS is 0.002 k / 0.9 at that cut. A bin of nan and one of missing are left out of both.", 62)
	f.loaded("r", "a", since(-3600))
	all := rulesCuts()
	for k := 1; k < len(all); k++ {
		feature := fmt.Sprintf("f%02d", k)
		p, q, ks := cut(all, k)
		f.profile("r", "a", feature, p, 20000)
		f.counts("r", "a", feature, codes(p), growing(q, 100))
		f.want(61, "gnomon:feature:ks", "r", feature, ks, "cut after "+all[k-1])
	}
	return f
}

// cut is a reference over all bins and what differs from it by a little in every
// bin up to one cut, and by the rest in the bin beyond: KS adds up all of the
// bins up to that cut.
func cut(all []string, k int) (p, q bins, ks float64) {
	p = bins{"91 nan": .05, "92 missing": .05}
	for _, code := range all {
		p[code] = .9 / float64(len(all))
	}
	q = mix(p, p, 1)
	for _, code := range all[:k] {
		q[code] += .002
		q[all[k]] -= .002
	}
	return p, q, .002 * float64(k) / .9
}

// dayCuts is cuts for the window of a day.
func dayCuts() *fleet {
	f := newFleet("every cut of KS in a day", "As for the hour, over its first minutes.", 30)
	f.window = "1d"
	all := rulesCuts()
	for k := 1; k < len(all); k++ {
		feature := fmt.Sprintf("f%02d", k)
		p, q, ks := cut(all, k)
		labels := fmt.Sprintf(`model="m", model_version="1", reference="r", feature=%q`, feature)
		for _, code := range codes(p) {
			f.gauge(fmt.Sprintf("gnomon:feature_bin:rows1m{%s, bin=%q}", labels, code), since(10*q[code]))
			f.gauge(fmt.Sprintf("gnomon:reference_bin:ratio{%s, bin=%q}", labels, code), since(p[code]))
		}
		f.gauge("gnomon:reference:rows{"+labels+"}", since(20000))
		f.want(20, "gnomon:feature:ks", "r", feature, ks, "cut after "+all[k-1])
	}
	return f
}

// rulesCuts are the codes of ordered bins, in order.
func rulesCuts() []string {
	out := []string{"00", "01", "01a", "01b", "01c", "02", "03", "04", "05", "06", "07", "08", "09", "10", "10a", "10b", "10c", "90"}
	slices.Sort(out)
	return out
}

// day: the window of a day, from recorded rows.
func (b *bench) day() []*fleet {
	high, low := b.t.DriftPSI, b.t.DriftPSIClear
	levels := []float64{high * .97, high * 1.03, low * 1.05, low * .95, low * 1.05}
	const each = 26 * 60
	shares := distances(levels)
	make := func(name, why string, minutes int, rows func(code string, i int) float64) *fleet {
		f := newFleet(name, why, minutes)
		f.window = "1d"
		always := since(1)
		for _, code := range codes(usual()) {
			labels := fmt.Sprintf(`model="m", model_version="1", reference="r", feature="age", bin=%q`, code)
			if rows(code, 0) > 0 { // a bin that nobody has is 0, not absent
				f.gauge("gnomon:feature_bin:rows1m{"+labels+"}", func(i int) float64 { return rows(code, i) })
			}
			f.gauge("gnomon:reference_bin:ratio{"+labels+"}", constant(usual()[code], always))
		}
		f.gauge(`gnomon:reference:rows{model="m", model_version="1", reference="r", feature="age"}`, since(20000))
		return f
	}
	h := make("hysteresis of a day", "As for the hour: each level for long enough to fill a day.", 5*each, func(code string, i int) float64 { return shares[min(i/each, 4)][code] * 10 })
	for k, want := range []float64{0, 1, 1, 0, 0} {
		h.want(each*(k+1)-10, "gnomon:feature:drifted", "r", "age", want, fmt.Sprintf("PSI %.4g", levels[k]))
	}
	s := make("every statistic of a day", "1,440 minutes of 2 rows.", 1500, func(code string, i int) float64 { return 2 * shifted()[code] })
	rows := bins{}
	for code, v := range shifted() {
		rows[code] = 1440 * 2 * v
	}
	for instance, effect := range []float64{4, 2} {
		s.gauge(fmt.Sprintf("gnomon_reference_design_effect_ratio{feature=\"age\", %s}", fmt.Sprintf(reference, "r", fmt.Sprint(instance))), since(effect))
	}
	s.all(1490, "r", "age", compare(rows, usual(), 20000, 4))
	n := b.t.MinSamples
	few := make("few rows in a day", fmt.Sprintf("%.4g rows a day.", n*.98), 1500, func(code string, i int) float64 { return n * .98 / 1440 * shifted()[code] })
	few.want(1490, "gnomon:feature:drifted", "r", "age", 0, "")
	return []*fleet{h, s, few, dayCuts()}
}

// unstale leaves the short gap of a failed scrape without a marker.
func unstale(values string) string {
	if i := strings.Index(values, "stale _x2"); i >= 0 {
		return values[:i] + "_x3" + values[i+len("stale _x2"):]
	}
	return values
}
