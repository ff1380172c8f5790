package ruletest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/alerts/rules"
	"github.com/gnomon-dev/gnomon/alerts/spec"
)

// burn makes the test files of one SLO: one for its fast tiers, evaluated every
// half minute, one for each slower one.
func burn(all []rules.File, s *spec.SLO) []File {
	b := &burner{files: pick(all, "gnomon-slo-"+s.Name+".rules.yml", "gnomon-slo-windows.rules.yml"), budgets: pick(all, "gnomon-slo-budgets.rules.yml"), slo: s, slice: spec.Kinds()[s.Kind].Slice, rules: map[string]rules.Rule{}}
	for _, file := range b.files {
		for _, g := range file.Groups {
			for _, r := range g.Rules {
				if r.Alert != "" && r.Labels["slo"] == s.Name {
					b.rules[r.Alert+"/"+r.Labels["burn_tier"]] = r
				}
			}
		}
	}
	var out []File
	for _, t := range rules.Tiers(s) {
		name := s.Alerts.Page
		if t.Class == "ticket" {
			name = s.Alerts.Ticket
		}
		rule, ok := b.rules[name+"/"+t.Name]
		if !ok {
			continue
		}
		step, scrape := b.grid(t)
		file := File{Name: fmt.Sprintf("slo-%s-%s.test.yml", s.Name, t.Name), Rules: b.files, Interval: step}
		b.tier, b.rule, b.step, b.scrape = t, rule, step, scrape
		file.Cases = append(file.Cases, b.outage(), b.restart())
		if !b.slice {
			file.Cases = append(file.Cases, b.under(), b.few())
		}
		if !b.slice && len(out) == 0 { // the records are the same for every tier
			file.Cases = append(file.Cases, b.quiet(), b.noErrors())
		}
		out = append(out, file)
	}
	if rule, ok := b.rules["BudgetExhausted/trend"]; ok {
		b.rule = rule
		out = append(out, b.exhausted())
	}
	return out
}

// burner makes the cases of one tier of one SLO.
type burner struct {
	files        []rules.File
	budgets      []rules.File
	slo          *spec.SLO
	slice        bool
	rules        map[string]rules.Rule
	tier         rules.Tier
	rule         rules.Rule
	step, scrape time.Duration
}

// grid is how often a tier's test evaluates and scrapes: about a thousand
// evaluations over its long window.
func (b *burner) grid(t rules.Tier) (step, scrape time.Duration) {
	base := rules.Base(b.slo)
	switch {
	case t.Long <= 24*base:
		return base / 10, base / 10
	case t.Long <= 72*base:
		return base / 5, base / 5 // 30 evaluations in the short window
	case t.Long <= 288*base:
		return base, base / 5
	default:
		return 6 * base, base / 5
	}
}

// share of bad events at which the tier fires after about 60 % of its long
// window, or all.
func (b *burner) share() float64 {
	need := b.tier.Factor * (1 - b.slo.Target())
	if b.slice {
		return 1
	}
	return min(need/.6, 1)
}

// check is that the tier's alert fires or not.
func (b *burner) check(at time.Duration, fires bool, why string) Check {
	sel := map[string]string{"alertname": b.rule.Alert, "alertstate": "firing", "slo": b.slo.Name, "burn_tier": b.rule.Labels["burn_tier"]}
	c := firing(b.rule.Alert, at.Truncate(b.step), nil)
	if fires {
		c = firing(b.rule.Alert, at.Truncate(b.step), map[string]string{"model": "m", "model_version": "1"}, b.rule)
	}
	c.Expr, c.Why = selector("ALERTS", sel), why
	return c
}

func (b *burner) make(name, why string, phases []phase, checks ...Check) Case {
	return Case{Name: name, Why: why, Interval: b.scrape, Series: feed(b.slo, phases, b.scrape), Checks: checks}
}

// bounds are when the simulation says that the alert begins and ends, and how
// far off that may be: three evaluations and 3 %.
func (b *burner) bounds(phases []phase, incident time.Duration) (begin, end, slack, endSlack time.Duration) {
	begin, stop, ok := interval(simulate(phases, b.step, b.scrape, rules.Base(b.slo), b.slice).fires(b.slo, b.tier, b.slice), b.step)
	if !ok {
		panic(fmt.Sprintf("%s %s: the simulated outage does not fire", b.slo.Name, b.tier.Name)) // a fault of this package
	}
	slack = 2*b.step + (begin-incident)*3/100
	return begin, stop + b.rule.KeepFiring.Std(), slack, 2*b.step + b.tier.Short*3/100
}

// outage: fires when it must, not before, and ends when it must, not before.
func (b *burner) outage() Case {
	share := b.share()
	before, during := b.tier.Long*3/2, b.tier.Long
	phases := []phase{{length: before, rate: 10}, {length: during, rate: 10, bad: share}, {length: 3*b.tier.Short + 4*rules.Base(b.slo) + b.rule.KeepFiring.Std(), rate: 10}}
	phases[2].length = phases[2].length.Round(b.step)
	begin, end, slack, endSlack := b.bounds(phases, before)
	need := b.tier.Factor * (1 - b.slo.Target())
	why := fmt.Sprintf("%.4g of all are bad from %s on. %g x (1 - %.6g) = %.4g bad over %s fires: after %.4g/%.4g of it.\nThe short window %s holds that much sooner, and ends it when the outage has ended.",
		share, spec.Duration(before), b.tier.Factor, b.slo.Target(), need, spec.Duration(b.tier.Long), need, share, spec.Duration(b.tier.Short))
	return b.make("outage", why, phases,
		b.check(before-b.step, false, "healthy"),
		b.check(begin-slack, false, "too little of the long window is bad"),
		b.check(begin+slack, true, fmt.Sprintf("fires by %s", spec.Duration((begin+slack).Truncate(b.step)))),
		b.check(before+during, true, "while it lasts"),
		b.check(end-endSlack, true, "held"),
		b.check(end+endSlack, false, "resolved"))
}

// restart: the same outage with all counters restarting in it, then no scrapes
// at all: the restart changes nothing, and what is not seen does not fire.
func (b *burner) restart() Case {
	share := b.share()
	before := b.tier.Long * 3 / 2
	first := (b.tier.Long / 4).Round(b.step)
	gone := 2*b.tier.Short + 4*rules.Base(b.slo) + b.rule.KeepFiring.Std()
	phases := []phase{{length: before, rate: 10}, {length: first, rate: 10, bad: share}, {length: b.tier.Long - first, rate: 10, bad: share, reset: true}, {length: gone.Round(b.step), gone: true}}
	begin, _, slack, _ := b.bounds(phases, before)
	slack += b.tier.Long / 50 // the rows of one scrape are lost
	return b.make("restart, then absent", "The outage above; every counter restarts in it, and then nothing is scraped any more.", phases,
		b.check(begin-slack, false, ""),
		b.check(begin+slack, true, "a restart changes nothing"),
		b.check(before+b.tier.Long+gone-b.step, false, "absent data is ExporterAbsent's business"))
}

// under: 5 % below the limit for ever is quiet, 5 % above fires.
func (b *burner) under() Case {
	need := b.tier.Factor * (1 - b.slo.Target())
	length := (b.tier.Long * 5 / 4).Round(b.step)
	over := min(need*1.05, 1)
	phases := []phase{{length: length, rate: 10, bad: need * .95}, {length: length, rate: 10, bad: over}}
	return b.make("just under, just above", fmt.Sprintf("%.4g bad is 5 %% under the limit %.4g, then %.4g.", need*.95, need, over), phases,
		b.check(length-b.step, false, "under the limit for longer than the long window"),
		b.check(2*length-b.step, true, "above the limit for longer than the long window"))
}

// few: everything fails, but too few failures to mean something.
func (b *burner) few() Case {
	n := *b.slo.MinFailures
	length := (b.tier.Long * 5 / 4).Round(b.step)
	rate := func(failures float64) float64 { return failures / b.tier.Long.Seconds() }
	phases := []phase{{length: length, rate: rate(n * .94), bad: 1}, {length: length, rate: rate(n * 1.06), bad: 1}}
	return b.make("low traffic", fmt.Sprintf("All requests fail, %.4g in %s (the guard is %g), then %.4g.", n*.94, spec.Duration(b.tier.Long), n, n*1.06), phases,
		b.check(length-b.step, false, "too few"),
		b.check(2*length-b.step, true, "enough"))
}

// quiet hours: nothing is asked, then one bad minute's worth of a hundredth of
// the traffic; no record is NaN and nothing fires.
func (b *burner) quiet() Case {
	long := b.tier.Long
	phases := []phase{{length: long, rate: 10}, {length: (long * 3 / 2).Round(b.step), rate: 0}, {length: (long / 2).Round(b.step), rate: 10}}
	total := phases[0].length + phases[1].length + phases[2].length
	c := b.make("quiet hours", "No traffic for one and a half long windows, then traffic again.", phases,
		b.check(long+phases[1].length-b.step, false, "no traffic"), b.check(total-b.step, false, "traffic again"))
	for _, at := range []time.Duration{long + phases[1].length - b.step, total - b.step} {
		c.Checks = append(c.Checks, Check{At: at.Truncate(b.step), Expr: notNumbers, Why: "no NaN anywhere"})
	}
	return c
}

// notNumbers counts the records that are NaN: what differs from itself.
const notNumbers = `count(label_replace({__name__=~"gnomon:.+"}, "name", "$1", "__name__", "(.*)") != label_replace({__name__=~"gnomon:.+"}, "name", "$1", "__name__", "(.*)"))`

// noErrors: a series of errors that is not there before the first error.
func (b *burner) noErrors() Case {
	length := (b.tier.Long * 5 / 4).Round(b.step)
	c := b.make("before the first error", "The series of errors does not exist at all: zero, not unknown.", []phase{{length: length, rate: 10}})
	if b.slo.Kind == "availability" {
		c.Series = c.Series[:1]
	}
	w := spec.Duration(b.tier.Long).String()
	c.Checks = []Check{{At: length - b.step, Expr: fmt.Sprintf(`gnomon:slo_burn:ratio%s{slo=%q}`, w, b.slo.Name), Want: []Sample{{selector("gnomon:slo_burn:ratio"+w, b.recordLabels()), 0}}}}
	return c
}

func (b *burner) recordLabels() map[string]string {
	return map[string]string{"slo": b.slo.Name, "model": "m", "model_version": "1"}
}

// exhausted: the budget shrinks with what is seen and is nothing at the
// computed day; a redeploy does not bring it back.
func (b *burner) exhausted() File {
	base := rules.Base(b.slo)
	b.step, b.scrape = 6*base, base/5
	period := b.slo.Length()
	if b.slo.Month() {
		period = 31 * 24 * time.Hour // January
	}
	budget := 1 - b.slo.Target()
	share := min(2.5*budget, 1)
	if b.slice {
		share = 1
		if b.slo.Kind == "drift" { // one of four features would be 0.25
			share = 1
		}
	}
	rate := share / budget
	gone := time.Duration(float64(period) / rate).Round(b.step)
	slack := (gone / 25).Round(b.step) + b.step + b.rule.For.Std()
	phases := []phase{{length: gone + 2*slack, rate: 10, bad: share}, {length: (period / 10).Round(b.step), rate: 10}}
	end := phases[0].length + phases[1].length
	half := (gone / 2).Truncate(b.step)
	c := b.make("spent and not before", fmt.Sprintf("%.4g bad from the beginning on burns %.4g: the budget of %s lasts %s.\nWhat was not observed is not held against it.", share, rate, b.slo.Period, spec.Duration(gone)), phases,
		b.check(gone-slack, false, "something is left"),
		b.check(gone+slack, true, "nothing is left and it burns"),
		b.check(end, false, "nothing is left, but it does not burn any more"),
		Check{At: half, Expr: fmt.Sprintf("round(gnomon:slo_budget_remaining:ratio{slo=%q}, 0.1)", b.slo.Name), Want: []Sample{{selector("", map[string]string{"slo": b.slo.Name, "model": "m", "period": b.slo.Period}), .5}}, Why: "half of the time, half of the budget"},
		Check{At: half, Expr: fmt.Sprintf("round(gnomon:slo_budget_exhaustion:seconds{slo=%q} / %d, 0.2)", b.slo.Name, int(half.Seconds())), Want: []Sample{{selector("", map[string]string{"slo": b.slo.Name, "model": "m", "period": b.slo.Period}), 1}}, Why: "and as long again until it is spent"})
	return File{Name: fmt.Sprintf("slo-%s-budget.test.yml", b.slo.Name), Rules: append(b.files, b.budgets...), Interval: b.step, Cases: []Case{c}}
}

// Files are all test files of an SLO file's rules. SLOs of one name that hold
// for several models are the same templates: the first is tested. Compressed
// rules have no tests: their templates are those that the uncompressed ones
// prove.
func Files(f *spec.File) []File {
	if f.Compress != 1 {
		return nil
	}
	var out []File
	all := rules.New(f).Files()
	tested := map[string]bool{}
	for i := range f.SLOs {
		s := &f.SLOs[i]
		if tested[s.Name] || s.Kind == "ratio" || s.Kind == "threshold" { // the user's own queries: nothing is known of their series
			continue
		}
		tested[s.Name] = true
		for _, file := range burn(all, s) {
			out = append(out, file.of(s.Model))
		}
	}
	out = append(out, catalogue(f, all)...)
	return append(out, fleetFiles(&bench{f: f, t: f.Thresholds}, all)...)
}

// of puts a model's name into a file that is about model m.
func (f File) of(model string) File {
	if model == "" {
		return f
	}
	r := strings.NewReplacer(`model="m"`, "model="+strconv.Quote(model))
	for i := range f.Cases {
		c := &f.Cases[i]
		for j := range c.Series {
			c.Series[j].Name = r.Replace(c.Series[j].Name)
		}
		for j := range c.Checks {
			for k := range c.Checks[j].Want {
				c.Checks[j].Want[k].Labels = r.Replace(c.Checks[j].Want[k].Labels)
			}
		}
	}
	return f
}
