package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/alerts/spec"
)

// chunk is how many SLOs share a group: groups run beside each other.
const chunk = 50

// sloFiles make a file of each name of an SLO, which several models may share:
// the base records of each and its alerts.
func (g *Generator) sloFiles() []File {
	byName := map[string][]*spec.SLO{}
	var names []string
	for i := range g.f.SLOs {
		s := &g.f.SLOs[i]
		if byName[s.Name] == nil {
			names = append(names, s.Name)
		}
		byName[s.Name] = append(byName[s.Name], s)
	}
	var out []File
	for _, name := range names {
		f := File{Name: "gnomon-slo-" + name + ".rules.yml"}
		f.Groups = append(g.chunks("gnomon-slo-base-"+name, byName[name], g.base), g.chunks("gnomon-slo-alerts-"+name, byName[name], g.sloAlerts)...)
		out = append(out, f)
	}
	return out
}

// chunks make groups of the rules of some SLOs.
func (g *Generator) chunks(name string, slos []*spec.SLO, rules func(*spec.SLO) []Rule) []Group {
	var out []Group
	for i := 0; i < len(slos); i += chunk {
		group := Group{Name: fmt.Sprintf("%s-%d", name, i/chunk), Interval: g.interval()}
		for _, s := range slos[i:min(i+chunk, len(slos))] {
			group.Rules = append(group.Rules, rules(s)...)
		}
		if len(group.Rules) > 0 {
			out = append(out, group)
		}
	}
	return out
}

// windowGroups are the records that all SLOs of a base window share.
func (g *Generator) windowGroups() []Group {
	var out []Group
	for _, base := range g.bases() {
		out = append(out, g.windows(base))
	}
	return out
}

func (g *Generator) interval() spec.Duration { return g.compress(g.f.Interval.Std()) }

// bases are the different base windows in use.
func (g *Generator) bases() []time.Duration {
	var out []time.Duration
	for i := range g.f.SLOs {
		if b := Base(&g.f.SLOs[i]); !slices.Contains(out, b) {
			out = append(out, b)
		}
	}
	slices.Sort(out)
	return out
}

// name of an SLO's record over a window.
func (g *Generator) name(what string, w time.Duration) string {
	return "gnomon:slo_" + what + g.duration(w)
}

// base records what is bad and what there is over the base window.
//
// bad is `bad or 0 * total`: a series of errors that does not exist before the
// first error counts as zero. Not so where bad is total less good: without a
// series of good events there is no SLI, and zero would hide that. Rates are right over counter resets and are
// summed after, never before. A slice is looked at on every evaluation and
// averaged.
func (g *Generator) base(s *spec.SLO) []Rule {
	kind, b := g.kinds[s.Kind], Base(s)
	query := func(q string) string { return strings.ReplaceAll(q, spec.Window, g.duration(b)) }
	bad, total := query(kind.Bad(s)), query(kind.Total(s))
	if strings.Contains(bad, ") - sum") { // two counters, scraped together but summed apart
		bad = "clamp_min(" + bad + ", 0)"
	} else if !kind.Slice {
		bad += " or 0 * (" + total + ")"
	}
	labels := g.sloLabels(s)
	records := []string{g.name("bad:rate", b), g.name("total:rate", b)}
	if kind.Slice {
		records = []string{"gnomon:slo_bad:now", "gnomon:slo_total:now"}
	}
	out := []Rule{{Record: records[0], Expr: bad, Labels: labels}, {Record: records[1], Expr: total, Labels: labels}}
	if kind.Slice {
		for _, what := range []string{"bad", "total"} {
			out = append(out, Rule{Record: g.name(what+":rate", b), Labels: labels, Expr: fmt.Sprintf("avg_over_time(gnomon:slo_%s:now%s[%s])", what, g.selector(s), g.duration(b))})
		}
	}
	objective := map[string]string{"period": s.Period}
	for k, v := range labels {
		objective[k] = v
	}
	return append(out, Rule{Record: "gnomon:slo_objective:ratio", Labels: objective, Expr: fmt.Sprintf("0 * %s%s + %s", g.name("total:rate", b), g.selector(s), number(s.Target()))})
}

func (g *Generator) sloLabels(s *spec.SLO) map[string]string {
	labels := map[string]string{"slo": s.Name}
	if s.Model != "" {
		labels["model"] = s.Model
	}
	return labels
}

// selector of an SLO's records.
func (g *Generator) selector(s *spec.SLO) string {
	if s.Model != "" {
		return fmt.Sprintf(`{slo=%q, model=%s}`, s.Name, strconv.Quote(s.Model))
	}
	return fmt.Sprintf(`{slo=%q}`, s.Name)
}

// windows records the averages over every longer window that a tier of these
// SLOs uses, and the burn rates. Long windows step over the base records in
// tiles, so that they read every increment once and cost little.
func (g *Generator) windows(base time.Duration) Group {
	out := Group{Name: "gnomon-slo-windows-" + g.duration(base), Interval: g.interval()}
	used := []time.Duration{base, 6 * base, 72 * base} // 72: time to exhaustion
	for i := range g.f.SLOs {
		if Base(&g.f.SLOs[i]) == base {
			for _, t := range Tiers(&g.f.SLOs[i]) {
				used = append(used, t.Long, t.Short)
			}
		}
	}
	slices.Sort(used)
	used = slices.Compact(used)
	for _, w := range used {
		for _, what := range []string{"bad:rate", "total:rate"} {
			expr := ""
			switch from := g.name(what, base); {
			case w == base:
				continue
			case w <= 24*base:
				expr = fmt.Sprintf("avg_over_time(%s[%s])", from, g.duration(w))
			case w < 576*base:
				expr = fmt.Sprintf("avg_over_time(%s[%s:%s])", from, g.duration(w), g.duration(base))
			default:
				expr = fmt.Sprintf("avg_over_time(%s[%s:%s])", g.name(what, 6*base), g.duration(w), g.duration(6*base))
			}
			out.Rules = append(out.Rules, Rule{Record: g.name(what, w), Expr: expr})
		}
		out.Rules = append(out.Rules, Rule{Record: g.name("burn:ratio", w),
			Expr: fmt.Sprintf("%s / (%s > 0) / ignoring (period) (1 - gnomon:slo_objective:ratio)", g.name("bad:rate", w), g.name("total:rate", w))})
	}
	return out
}

// budgets records what is left of each model's budget over its period, all
// versions together, and the time until nothing is.
//
// remaining = 1 - (sum of bad over the samples that a whole period has / mean
// total) / (1 - target): time that was not observed is not held against the
// budget, so a young series does not begin exhausted.
func (g *Generator) budgets() []Group {
	out := Group{Name: "gnomon-slo-budgets", Interval: g.compress(5 * time.Minute)}
	monthly := false
	for _, p := range g.periods() {
		step, length := 6*p.base, p.slo.Length()
		window := fmt.Sprintf("%s:%s", g.duration(length), g.duration(step))
		samples, only := number(float64(length)/float64(step)), ""
		if p.slo.Month() {
			monthly = true
			window = fmt.Sprintf("%s:%s", g.duration(31*24*time.Hour), g.duration(step))
			samples = fmt.Sprintf("on () group_left () (%s * days_in_month(gnomon:slo_calendar:now))", number(float64(24*time.Hour)/float64(step)))
			only = " and on () (gnomon:slo_calendar:month == on () (gnomon:slo_calendar:month @ end()))"
		}
		sum := func(what string) string {
			return fmt.Sprintf("sum by (slo, model) (%s)%s", g.name(what+":rate", step), only)
		}
		out.Rules = append(out.Rules, Rule{Record: "gnomon:slo_budget_remaining:ratio", Labels: map[string]string{"period": p.slo.Period}, Expr: fmt.Sprintf(
			"1 - (sum_over_time((%s)[%s]) / %s) / (avg_over_time((%s)[%s]) > 0) / on (slo, model) (1 - max by (slo, model) (gnomon:slo_objective:ratio{period=%q}))",
			sum("bad"), window, samples, sum("total"), window, p.slo.Period)})
		burn := fmt.Sprintf("(sum by (slo, model) (%s) / (sum by (slo, model) (%s) > 0) / on (slo, model) (1 - max by (slo, model) (gnomon:slo_objective:ratio{period=%q})) > 0)",
			g.name("bad:rate", 72*p.base), g.name("total:rate", 72*p.base), p.slo.Period)
		out.Rules = append(out.Rules, Rule{Record: "gnomon:slo_budget_exhaustion:seconds", Labels: map[string]string{"period": p.slo.Period}, Expr: fmt.Sprintf(
			"%s * clamp_min(gnomon:slo_budget_remaining:ratio{period=%q}, 0) / ignoring (period) %s", g.seconds(length), p.slo.Period, burn)})
	}
	groups := []Group{out}
	if monthly {
		groups = append([]Group{{Name: "gnomon-slo-calendar", Interval: g.interval(), Rules: []Rule{
			{Record: "gnomon:slo_calendar:now", Expr: "vector(time())"}, {Record: "gnomon:slo_calendar:month", Expr: "month()"}}}}, groups...)
	}
	return groups
}

type period struct {
	base time.Duration
	slo  *spec.SLO // the first that has it
}

func (g *Generator) periods() []period {
	var out []period
	for i := range g.f.SLOs {
		s := &g.f.SLOs[i]
		if !slices.ContainsFunc(out, func(p period) bool { return p.slo.Period == s.Period }) {
			out = append(out, period{Base(s), s})
		}
	}
	return out
}
