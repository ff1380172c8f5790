// Package offline does on files what gnomon does on live traffic: drift between
// two tables, and performance of recorded predictions. Its results are the
// documents that gnomon drift and gnomon evaluate print.
package offline

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gnomon-dev/gnomon/driftlib"
	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/driftlib/verdict"
	"github.com/gnomon-dev/gnomon/exporter/table"
)

// ErrInput: tables that do not go together. The message names the columns.
var ErrInput = errors.New("cannot compare")

// Side is one side of a comparison.
type Side struct {
	Rows int `json:"rows"`
}

// Drift is the document of gnomon drift.
type Drift struct {
	Convention      string    `json:"convention"`
	Drifted         bool      `json:"drifted"`
	DriftedFeatures int       `json:"drifted_features"`
	Reference       Side      `json:"reference"`
	Current         Side      `json:"current"`
	Rule            string    `json:"rule"`
	Features        []Feature `json:"features"`
	Ignored         []string  `json:"ignored,omitempty"` // columns of one side only
}

// Feature is one column of both tables.
type Feature struct {
	Name      string             `json:"name"`
	Type      string             `json:"type"`
	Verdict   verdict.Verdict    `json:"verdict"`
	Severity  verdict.Severity   `json:"severity,omitempty"`
	Reason    string             `json:"reason"`
	Reference Counts             `json:"reference"`
	Current   Counts             `json:"current"`
	Bins      Bins               `json:"bins"`
	Stats     map[string]float64 `json:"statistics"` // what does not apply is absent
	Test      *Test              `json:"test,omitempty"`
}

// Test is the one that decides by another tool's convention.
type Test struct {
	Name      string   `json:"name"`
	Score     float64  `json:"score"`
	Threshold *float64 `json:"threshold,omitempty"`
}

// Counts is how many rows a side has, and how many without a value.
type Counts struct {
	Count   int `json:"count"`
	Missing int `json:"missing"`
}

// Bins are the bins that PSI, KL, JS, Hellinger and total variation are taken
// over. Those of numbers are the intervals between Edges, the outer ones of
// which are the smallest and largest value of either side; those of categories
// have Labels. Special are the bins of missing, NaN and infinite values, and of
// categories that the reference has not.
type Bins struct {
	Edges     []float64 `json:"edges,omitempty"`
	Labels    []string  `json:"labels,omitempty"`
	Reference []float64 `json:"reference"`
	Current   []float64 `json:"current"`
	Special   *Special  `json:"special,omitempty"`
}

// Special are counts outside the intervals and the known categories.
type Special struct {
	Labels    []string  `json:"labels"`
	Reference []float64 `json:"reference"`
	Current   []float64 `json:"current"`
}

// DriftOptions say how two tables are compared.
type DriftOptions struct {
	Bins    int // reference-quantile bins; 10 where 0
	Options verdict.Options
	// Convention is whose definitions and verdicts are used: "gnomon", where it is
	// empty, or one of convention.Names().
	Convention string
	// Texts compares further summaries of columns of text than their lengths, see
	// summary.Text. Of two tables, by our own convention.
	Texts bool
}

// Gnomon is the name of our own convention.
const Gnomon = "gnomon"

// Known is a reference: a table, or a profile that was made of one.
type Known struct {
	Table   *table.File
	Profile *profile.Profile
}

func (k Known) names() []string {
	if k.Profile == nil {
		return k.Table.Names()
	}
	var out []string
	for i := range k.Profile.Features {
		out = append(out, k.Profile.Features[i].Name)
	}
	return out
}

func (k Known) rows() int {
	if k.Profile != nil {
		return k.Profile.Rows
	}
	return k.Table.Rows()
}

// FindDrift compares every column of the reference with the same one of the
// current table. A column that the current table has not is an error that
// names it; further columns of the current table are listed as ignored.
func FindDrift(ref Known, current *table.File, o DriftOptions) (*Drift, error) {
	names, ignored, err := common(ref, current)
	if err != nil {
		return nil, err
	}
	d := &Drift{Convention: "gnomon", Reference: Side{ref.rows()}, Current: Side{current.Rows()}, Ignored: ignored, Rule: ruleOf(o.Options)}
	features, found := make([][]Feature, len(names)), make([][]verdict.Result, len(names))
	err = inParallel(len(names), func(i int, s *scratch) (err error) {
		if features[i], found[i], err = compareColumn(ref, current, names[i], o, s); err != nil {
			err = fmt.Errorf("column %q: %w", names[i], err)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	results := slices.Concat(found...)
	d.Features = slices.Concat(features...)
	o.Options.Independent = true
	verdict.Adjust(results, o.Options)
	for i := range results {
		d.Features[i].decide(&results[i])
	}
	if o.Convention != "" && o.Convention != Gnomon {
		return d, d.translate(ref, current, o.Convention)
	}
	d.sumUp()
	d.Drifted = d.DriftedFeatures > 0
	return d, nil
}

func (d *Drift) sumUp() {
	for i := range d.Features {
		if d.Features[i].Verdict == verdict.Drift {
			d.DriftedFeatures++
		}
	}
}

func ruleOf(o verdict.Options) string {
	return fmt.Sprintf("drift: p adjusted over the features (Holm) below %g and PSI, its bias taken off, at least %g, with at least %d rows on both sides; major: the lower bound of PSI above %g", o.Alpha, o.MinPSI, o.MinRows, o.Major)
}

// common are the columns to compare, in the reference's order.
func common(ref Known, current *table.File) (names, ignored []string, err error) {
	names = ref.names()
	var absent []string
	for _, n := range names {
		if !slices.Contains(current.Names(), n) {
			absent = append(absent, fmt.Sprintf("%q", n))
		}
	}
	if len(absent) > 0 {
		return nil, nil, fmt.Errorf("%w: %s has no column %s, which the reference has; exclude it, or name the columns to compare", ErrInput, current.Name(), strings.Join(absent, ", "))
	}
	for _, n := range current.Names() {
		if !slices.Contains(names, n) {
			ignored = append(ignored, n)
		}
	}
	return names, ignored, nil
}

// compareColumn takes the statistics of one column; those of the summaries of
// text come behind its own.
func compareColumn(ref Known, current *table.File, name string, o DriftOptions, s *scratch) ([]Feature, []verdict.Result, error) {
	cur, err := current.Column(name)
	if err != nil {
		return nil, nil, err
	}
	known, kind, changed, err := reference(ref, cur, name, o, s)
	if err != nil {
		return nil, nil, err
	}
	f, r := compared(known, column(cur, kind), s)
	f.Type, f.Reason, f.Current = kind, changed, Counts{cur.Len(), cur.MissingCount()}
	if kind == table.Datetime.String() {
		f.freshness(known.Feature, cur)
	}
	if kind != table.Text.String() || ref.Table == nil || !o.Texts || (o.Convention != "" && o.Convention != Gnomon) {
		return []Feature{f}, []verdict.Result{r}, nil
	}
	old, err := ref.Table.Column(name)
	if err != nil {
		return nil, nil, err
	}
	features, results, err := compareTexts(old, cur, o, s)
	return append([]Feature{f}, features...), append([]verdict.Result{r}, results...), err
}

// freshness says by how many seconds the newest time of a column is later than
// the reference's: negative where data has gone stale.
func (f *Feature) freshness(ref *profile.Feature, cur *table.Column) {
	newest := math.Inf(-1)
	for i, v := range cur.Floats {
		if !cur.IsMissing(i) && v > newest {
			newest = v
		}
	}
	if ref.Moments != nil && !math.IsInf(newest, 0) {
		f.Stats["newest_shift_seconds"] = newest - ref.Moments.Max
	}
}

// reference makes the reference's side of a column ready; kind is what both
// sides are compared as, changed says that their types differ.
func reference(ref Known, cur *table.Column, name string, o DriftOptions, s *scratch) (known *verdict.Reference, kind, changed string, err error) {
	if ref.Profile != nil {
		f := ref.Profile.Feature(name)
		kind = string(f.Kind)
		if f.Logical == profile.Text && !cur.Numeric() || f.Logical == profile.Datetime && cur.Kind == table.Datetime {
			known, err = verdict.NewReference(f)
			return known, string(f.Logical), "", err
		}
		if f.Kind == profile.Numeric && !cur.Numeric() {
			if cur.Kind != table.Text {
				return nil, "", "", fmt.Errorf("%w: the profile knows numbers, the current values are %s (%q)", ErrInput, cur.Kind, cur.Value(0))
			}
			kind = table.Text.String()
		}
		known, err = verdict.NewReference(f)
		return known, kind, "", err
	}
	old, err := ref.Table.Column(name)
	if err != nil {
		return nil, "", "", err
	}
	kind, changed = kindOf(old, cur)
	p, err := profile.FromColumns([]profile.Column{column(old, kind)}, profile.Options{Bins: o.Bins, Categories: math.MaxInt32, MinCount: 1, Sample: math.MaxInt32, Scratch: &s.Scratch})
	if err != nil {
		return nil, "", "", err
	}
	known, err = verdict.NewReference(&p.Features[0])
	return known, kind, changed, err
}

// kindOf is what two columns are compared as: their kind, or categories where
// they differ.
func kindOf(old, cur *table.Column) (kind, changed string) {
	a, b := old.Kind, cur.Kind
	switch {
	case old.Blank():
		a = b
	case cur.Blank():
		b = a
	}
	number := func(k table.Kind) bool { return k == table.Numeric || k == table.Integer }
	switch {
	case number(a) && number(b):
		return "numeric", ""
	case a == b:
		return a.String(), ""
	case (a == table.Text && b == table.Categorical) || (a == table.Categorical && b == table.Text):
		return table.Categorical.String(), ""
	}
	return table.Categorical.String(), fmt.Sprintf("its type changed from %s to %s, compared as categories; ", a, b)
}

// column is a table's column as the statistics take it: datetimes are seconds,
// texts are their lengths in characters.
func column(c *table.Column, kind string) profile.Column {
	out := profile.Column{Name: c.Name, Missing: c.Missing}
	switch kind {
	case "numeric", table.Datetime.String():
		if !c.Numeric() { // nothing but missing values
			out.Kind, out.Floats = profile.Numeric, make([]float64, c.Len())
			return out
		}
		out.Kind, out.Floats = profile.Numeric, c.Floats
	case table.Text.String():
		out.Kind, out.Floats = profile.Numeric, lengths(c)
	default:
		out.Kind, out.Strings = profile.Categorical, c.Values()
	}
	return out
}

func lengths(c *table.Column) []float64 {
	out := make([]float64, c.Len())
	if c.Dict == nil {
		for i := range out {
			out[i] = float64(utf8.RuneCountInString(c.Value(i)))
		}
		return out
	}
	of := make([]float64, len(c.Dict))
	for i, s := range c.Dict {
		of[i] = float64(utf8.RuneCountInString(s))
	}
	for i, code := range c.Codes {
		if !c.IsMissing(i) {
			out[i] = of[code]
		}
	}
	return out
}

// statistics are the named figures of a column.
func statistics(ref *verdict.Reference, counts []float64, r *verdict.Result) map[string]float64 {
	tens, now := ref.Binner.Rollup(ref.Counts), ref.Binner.Rollup(counts)
	out := map[string]float64{}
	put := func(name string, v float64, err error) {
		if err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
			out[name] = v
		}
	}
	distance := func(name string, f func(a, b []float64) (float64, error)) {
		v, err := f(tens, now)
		put(name, v, err)
	}
	put("psi", r.PSI.Value, nil)
	put("psi_lower", r.PSI.Lower, nil)
	put("psi_upper", r.PSI.Upper, nil)
	put("kl", r.KL, nil)
	distance("js_distance", driftlib.JSDistance)
	distance("js_distance_nats", driftlib.JSDistanceNats)
	distance("hellinger", driftlib.Hellinger)
	distance("total_variation", driftlib.TotalVariation)
	put("design_effect", ref.Feature.DesignEffect, nil)
	if ref.Feature.Kind == profile.Categorical {
		distance("l_infinity", driftlib.LInfinity)
		if c, err := driftlib.ChiSquareTest(ref.Counts, counts); err == nil && c.DoF > 0 {
			out["chi2"], out["chi2_pvalue"], out["chi2_dof"] = c.Statistic, c.PValue, float64(c.DoF)
		}
		return out
	}
	put("ks", r.KS, nil)
	put("ks_pvalue", r.KSIndependent, nil)
	put("wasserstein", r.WassersteinRaw(ref), nil)
	put("wasserstein_normalized", r.Wasserstein, nil)
	return out
}

// dependent is the design effect above which a report mentions it.
const dependent = 3

// decide takes over the verdict.
func (f *Feature) decide(r *verdict.Result) {
	f.Verdict, f.Severity, f.Reason = r.Verdict, r.Severity, f.Reason+r.Reason
	if e := f.Stats["design_effect"]; e > dependent {
		f.Reason += fmt.Sprintf("; the reference's rows depend on each other (design effect %.1f), so that they say less than their number", e)
	}
	for name, v := range map[string]float64{"ks_pvalue_adjusted": r.KSAdjusted, "pvalue": r.PValue, "pvalue_adjusted": r.Adjusted} {
		if !math.IsNaN(v) {
			f.Stats[name] = v
		}
	}
}
