package rules

import (
	"fmt"
	"strings"
	"time"
)

// The statistics of fleet drift are taken over recorded differences of bin
// counters: summed per minute over all replicas, then over an hour and a day.
//
// What a minute adds is a telescoping difference and not increase(): summed
// over any range it is the counter's own difference, so that no row between two
// windows is lost and none extrapolated. A counter that restarted, known by the
// time its reference was loaded, counts from 0; a replica that is new counts
// what it had before its first scrape; a gap in the scrapes makes no jump.

// featureKey are the labels of one feature's reference.
const featureKey = "model, model_version, reference, feature"

// driftWindow is a window that drift is recorded over.
type driftWindow struct {
	name            string
	length, every   time.Duration
	keepDriftedOver time.Duration // how far back an earlier verdict is looked for
}

func driftWindows() []driftWindow {
	return []driftWindow{{"1h", time.Hour, time.Minute, 15 * time.Minute}, {"1d", 24 * time.Hour, 10 * time.Minute, time.Hour}}
}

func (g *Generator) drift() []Group {
	out := []Group{{Name: "gnomon-drift-rows", Interval: g.compress(time.Minute), Rules: g.driftRows()}}
	for _, w := range driftWindows() {
		out = append(out, Group{Name: "gnomon-drift-" + w.name, Interval: g.compress(w.every), Rules: g.driftStatistics(w)})
	}
	return out
}

// driftRows: what each minute adds to each bin, and the reference.
func (g *Generator) driftRows() []Rule {
	const (
		counter = "gnomon_feature_bin_total"
		loaded  = "gnomon_reference_loaded_timestamp_seconds"
		replica = "on (job, instance, model, model_version, reference)"
	)
	restarted := g.expr("%s (%s != %s offset <1m>)", replica, loaded, loaded)
	return []Rule{
		{Record: "gnomon:feature_bin:rows1m", Expr: fmt.Sprintf("sum by (%s, bin) (\n", featureKey) + g.expr(
			"  ((%[1]s - %[1]s offset <1m>) >= 0 unless %[2]s)\n  or (%[1]s and %[2]s)\n  or (%[1]s and %[3]s (%[4]s > time() - <<6m>> unless %[4]s offset <1m>))\n)",
			counter, restarted, replica, loaded)},
		{Record: "gnomon:reference_bin:ratio", Expr: fmt.Sprintf("max by (%s, bin) (gnomon_reference_bin_ratio)", featureKey)},
		{Record: "gnomon:reference:rows", Expr: fmt.Sprintf("max by (%s) (gnomon_reference_rows)", featureKey)},
	}
}

// driftStatistics: shares and every statistic over one window.
func (g *Generator) driftStatistics(w driftWindow) []Rule {
	const on = "on (" + featureKey + ")"
	name := func(what string) string { return "gnomon:feature:" + what + w.name }
	var (
		q, p = "gnomon:feature_bin:ratio" + w.name, "gnomon:reference_bin:ratio"
		n, m = name("rows"), "gnomon:reference:rows"
	)
	// A second short of the window: Prometheus 2 closes the left edge too and
	// would add a minute.
	length := (g.compress(w.length) - g.compress(time.Second)).String()
	sum := "sum by (" + featureKey + ")"
	decile := func(s string) string {
		return fmt.Sprintf(`clamp_min(sum by (%s, decile) (label_replace(%s, "decile", "$1", "bin", "(c[0-9]+|..).*")), 1e-4)`, featureKey, s)
	}
	mean := fmt.Sprintf("clamp_min((%s + %s) / 2, 1e-12)", q, p)
	entropy := func(s string) string { return fmt.Sprintf("%s * log2(clamp_min(%s, 1e-12) / %s)", s, s, mean) }
	return []Rule{
		{Record: "gnomon:feature_bin:rows" + w.name, Expr: fmt.Sprintf("sum_over_time(gnomon:feature_bin:rows1m[%s])", length)},
		{Record: n, Expr: fmt.Sprintf("%s (gnomon:feature_bin:rows%s)", sum, w.name)},
		{Record: q, Expr: fmt.Sprintf("(gnomon:feature_bin:rows%s or 0 * %s) / %s group_left () (%s > 0)", w.name, p, on, n)},
		{Record: name("psi"), Expr: fmt.Sprintf("%s ((%s - %s) * ln(%s / %s))", sum, decile(q), decile(p), decile(q), decile(p))},
		{Record: name("kl"), Expr: fmt.Sprintf("%s (%s * ln(%s / %s))", sum, decile(q), decile(q), decile(p))},
		{Record: name("js"), Expr: fmt.Sprintf("sqrt(clamp_min(%s (%s + %s) / 2, 0))", sum, entropy(q), entropy(p))},
		{Record: name("tv"), Expr: fmt.Sprintf("%s (abs(%s - %s)) / 2", sum, q, p)},
		{Record: name("hellinger"), Expr: fmt.Sprintf("sqrt(clamp_min(1 - %s (sqrt(%s * %s)), 0))", sum, q, p)},
		{Record: name("df"), Expr: fmt.Sprintf("count by (%s) ((%s + %s) > 0) - 1", featureKey, q, p)},
		{Record: name("chi2_"), Expr: fmt.Sprintf(
			"%[1]s * %[2]s / (%[1]s + %[2]s) * %[3]s %[4]s ((%[5]s - %[6]s) ^ 2 / clamp_min((%[5]s * %[3]s group_left () %[1]s + %[6]s * %[3]s group_left () %[2]s) / %[3]s group_left () (%[1]s + %[2]s), 1e-9))",
			n, m, on, sum, q, p)},
		{Record: name("sigma"), Expr: g.sigma(name)},
		{Record: "gnomon:feature_bin:shift" + w.name, Expr: shift(q, p)},
		{Record: name("ks"), Expr: ks("gnomon:feature_bin:shift" + w.name)},
		{Record: name("ks_pvalue"), Expr: fmt.Sprintf("clamp_max(2 * exp(-2 * %s ^ 2 * %s * %s / (%s + %s)), 1)", name("ks"), n, m, n, m)},
		{Record: name("drifted"), Expr: g.drifted(w, name)},
	}
}

// sigma is the chi-square over the design effect as a standard normal (Wilson
// and Hilferty): the evidence, comparable over features of any number of bins.
func (g *Generator) sigma(name func(string) string) string {
	const on = "on (" + featureKey + ")"
	effect := fmt.Sprintf("max by (%s) (gnomon_reference_design_effect_ratio)", featureKey)
	return fmt.Sprintf("(((%[1]s / %[2]s (%[3]s >= 1) or %[1]s) / %[2]s (%[4]s > 0)) ^ (1/3) - %[2]s (1 - 2 / (9 * %[4]s))) / %[2]s sqrt(2 / (9 * %[4]s))",
		name("chi2_"), on, effect, name("df"))
}

// drifted is 1 from PSI above the threshold until it is below the lower one;
// both with enough rows and evidence. Too few rows is 0.
func (g *Generator) drifted(w driftWindow, name func(string) string) string {
	certain := fmt.Sprintf("%s >= %s and %s > %s", name("rows"), number(g.t.MinSamples), name("sigma"), number(g.t.DriftSigma))
	return fmt.Sprintf("(%[1]s > bool %[2]s and %[3]s unless last_over_time(%[4]s[%[5]s]) == 1)\nor (%[1]s > bool %[6]s and %[3]s)\nor 0 * %[7]s",
		name("psi"), number(g.t.DriftPSI), certain, name("drifted"), g.duration(w.keepDriftedOver), number(g.t.DriftPSIClear), name("rows"))
}

// cuts are the codes of ordered bins, in order: deciles that tail cuts may
// have refined (01 is there or 01a, 01b, 01c).
func cuts() []string {
	return []string{"00", "01", "01a", "01b", "01c", "02", "03", "04", "05", "06", "07", "08", "09", "10", "10a", "10b", "10c", "90"}
}

// shift is how far each ordered bin's share is from the reference's, both
// renormalised without nan, missing and categories.
func shift(q, p string) string {
	const on = "on (" + featureKey + ")"
	ordered := func(s string) string { return fmt.Sprintf(`%s{bin=~"(%s)( .*)?"}`, s, strings.Join(cuts(), "|")) }
	share := func(s string) string {
		return fmt.Sprintf("%[1]s / %[2]s group_left () (sum by (%[3]s) (%[1]s) > 0)", ordered(s), on, featureKey)
	}
	return share(q) + " - " + share(p)
}

// ks is the largest distance of the two cumulative shares over the ordered
// bins: a lower bound of the Kolmogorov-Smirnov statistic that is short of it
// by at most a bin's share.
func ks(shift string) string {
	codes := cuts()
	var terms []string
	for k := 1; k < len(codes); k++ {
		terms = append(terms, fmt.Sprintf(`label_replace(abs(sum by (%s) (%s{bin=~"(%s)( .*)?"})), "cut", "%s", "", "")`,
			featureKey, shift, strings.Join(codes[:k], "|"), codes[k-1]))
	}
	return fmt.Sprintf("max by (%s) (\n  %s\n)", featureKey, strings.Join(terms, "\n  or "))
}
