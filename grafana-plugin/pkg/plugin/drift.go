package plugin

import (
	"context"
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/gnomon-dev/gnomon/driftlib/verdict"
	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/stat"
	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/upstream"
)

// drift compares the range's rows with a reference: a ranking of features, or a
// statistic of a rolling window over time.
func drift(ctx context.Context, in *input) (data.Frames, error) {
	h, err := in.resolve(ctx)
	if err != nil {
		return nil, err
	}
	switch in.Format {
	case "", "table":
		return in.driftTable(ctx, h)
	case "timeseries":
		return in.driftSeries(ctx, h)
	}
	return nil, bad("format: %.50q is neither table nor timeseries", in.Format)
}

// ranked is one row of the ranking.
type ranked struct {
	feature
	stat.Distance
	effect  float64
	verdict verdict.Verdict
	reason  string
}

func (in *input) driftTable(ctx context.Context, h held) (data.Frames, error) {
	current, reference, err := in.sides(ctx, h)
	if err != nil {
		return nil, err
	}
	if len(current) == 0 {
		return nil, in.missing(ctx, metricBins)
	}
	rows := rank(current, reference)
	in.explain(rows, current, reference, h)
	return data.Frames{rankingFrame(rows, h)}, nil
}

// sides asks for both at once.
func (in *input) sides(ctx context.Context, h held) (counts, *training, error) {
	var current counts
	var reference *training
	err := together(
		func() (err error) { current, err = in.rows(ctx, in.from, in.to); return err },
		func() (err error) { reference, err = in.reference(ctx, h); return err })
	return current, reference, err
}

// together runs functions at once and returns the first error.
func together(fs ...func() error) error {
	errs := make([]error, len(fs))
	var wg sync.WaitGroup
	for i, f := range fs {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// rank compares every feature that both sides have, adjusts the p-values over
// them by Holm's procedure and decides by verdict.Defaults: effect size and
// adjusted p-value and enough rows. The largest distance comes first: ranked by
// Jensen-Shannon, because one row in an empty bin moves PSI.
func rank(current counts, reference *training) []ranked {
	var out []ranked
	var p []float64
	for _, f := range features(current) {
		side, ok := reference.counts[f]
		if !ok {
			continue
		}
		d := stat.Compare(pair(side, current[f], reference.effects[f]))
		out = append(out, ranked{feature: f, Distance: d, effect: max(reference.effects[f], 1)})
		p = append(p, d.PValue)
	}
	adjusted, limits := verdict.Holm(p), verdict.Defaults()
	for i := range out {
		out[i].Adjusted = adjusted[i]
		out[i].verdict, out[i].reason = decide(&out[i].Distance, limits)
	}
	sort.SliceStable(out, func(i, j int) bool {
		a, b := out[i].JS, out[j].JS
		return finite(a) && (!finite(b) || a > b)
	})
	return out
}

func decide(d *stat.Distance, o verdict.Options) (verdict.Verdict, string) {
	switch {
	case d.ReferenceRows < float64(o.MinRows) || d.CurrentRows < float64(o.MinRows):
		return verdict.InsufficientData, fmt.Sprintf("%.0f rows against %.0f; %d on either side are needed", d.CurrentRows, d.ReferenceRows, o.MinRows)
	case !(d.Adjusted < o.Alpha):
		return verdict.NoDrift, fmt.Sprintf("adjusted p %.3g is not below %g", d.Adjusted, o.Alpha)
	case d.PSI.Adjusted < o.MinPSI:
		return verdict.NoDrift, fmt.Sprintf("PSI less its bias %.3g is below %g", d.PSI.Adjusted, o.MinPSI)
	}
	return verdict.Drift, fmt.Sprintf("PSI %.3g, adjusted p %.2g", d.PSI.Value, d.Adjusted)
}

// explain says why features of the panel are missing from the ranking.
func (in *input) explain(rows []ranked, current counts, reference *training, h held) {
	if len(rows) == 0 && h.kind == "training" {
		in.notice(data.NoticeSeverityWarning, "There are rows, but no reference profile of them (%s): is the reference's scrape job there?", metricShares)
		return
	}
	lost := len(current) - len(rows)
	switch {
	case lost > 0 && h.kind != "training":
		in.notice(data.NoticeSeverityWarning, "%d of %d features have no rows in %s with the same bins: the reference profile, and with it the bins, changed in between, or nothing was recorded then.", lost, len(current), h.words)
	case lost > 0:
		in.notice(data.NoticeSeverityWarning, "%d of %d features have no reference profile.", lost, len(current))
	}
	for _, r := range rows {
		if r.CurrentRows >= 1 {
			return
		}
	}
	if len(rows) > 0 {
		in.notice(data.NoticeSeverityInfo, "There was no traffic in this range.")
	}
}

func rankingFrame(rows []ranked, h held) *data.Frame {
	text := func(f func(*ranked) string) []string {
		out := make([]string, len(rows))
		for i := range rows {
			out[i] = f(&rows[i])
		}
		return out
	}
	num := func(f func(*ranked) float64) []*float64 {
		out := make([]*float64, len(rows))
		for i := range rows {
			out[i] = number(f(&rows[i]))
		}
		return out
	}
	f := data.NewFrame("drift",
		data.NewField("model", nil, text(func(r *ranked) string { return r.model })),
		data.NewField("feature", nil, text(func(r *ranked) string { return r.name })),
		data.NewField("verdict", nil, text(func(r *ranked) string { return string(r.verdict) })),
		describe(data.NewField("js", nil, num(func(r *ranked) float64 { return r.JS })), "Jensen-Shannon distance, base 2, 0 to 1, over all bins"),
		describe(data.NewField("psi", nil, num(func(r *ranked) float64 { return r.PSI.Value })), "Population stability index, natural logarithm, ten bins, shares floored at 1e-4"),
		describe(data.NewField("psi_lower", nil, num(func(r *ranked) float64 { return r.PSI.Lower })), "Lower end of PSI's 90 % interval"),
		describe(data.NewField("psi_upper", nil, num(func(r *ranked) float64 { return r.PSI.Upper })), "Upper end of PSI's 90 % interval"),
		describe(data.NewField("ks", nil, num(func(r *ranked) float64 { return r.KS })), "Kolmogorov-Smirnov distance at the bins' edges: the true one is at least this"),
		describe(data.NewField("ks_upper", nil, num(func(r *ranked) float64 { return r.KSUpper })), "... and at most this"),
		describe(data.NewField("kl", nil, num(func(r *ranked) float64 { return r.KL })), "Kullback-Leibler divergence of current from reference, nats, ten bins"),
		describe(data.NewField("chi2", nil, num(func(r *ranked) float64 { return r.ChiSquare })), "Two-sample chi-square over all bins"),
		describe(data.NewField("p_value", nil, num(func(r *ranked) float64 { return r.PValue })), "Of chi-square over the design effect, small cells pooled"),
		describe(data.NewField("p_adjusted", nil, num(func(r *ranked) float64 { return r.Adjusted })), "Adjusted over the features of this query (Holm); valid for one look"),
		data.NewField("rows", nil, num(func(r *ranked) float64 { return r.CurrentRows })),
		data.NewField("reference_rows", nil, num(func(r *ranked) float64 { return r.ReferenceRows })),
		describe(data.NewField("design_effect", nil, num(func(r *ranked) float64 { return r.effect })), "By how much rows that depend on each other vary more than independent ones"),
		data.NewField("reason", nil, text(func(r *ranked) string { return r.reason })),
		data.NewField("reference", nil, text(func(r *ranked) string { return r.reference })),
	)
	typed(f, data.FrameTypeNumericLong, data.VisTypeTable)
	f.Meta.Custom = map[string]string{"reference": h.words}
	return f
}

var statistics = map[string]string{"psi": "PSI", "ks": "KS", "kl": "KL", "js": "JS distance", "chi2": "chi-square", "p_value": "p-value", "rows": "rows"}

// driftSeries takes one statistic of a rolling window.
func (in *input) driftSeries(ctx context.Context, h held) (data.Frames, error) {
	if in.Statistic == "" {
		in.Statistic = "psi"
	}
	if _, ok := statistics[in.Statistic]; !ok {
		return nil, bad("statistic: %.50q is none of psi, ks, kl, js, chi2, p_value, rows", in.Statistic)
	}
	window, err := in.window()
	if err != nil {
		return nil, err
	}
	reference, err := in.reference(ctx, h)
	if err != nil {
		return nil, err
	}
	g := in.grid(in.step(binCount(reference.counts)))
	current, err := in.rolling(ctx, window, g)
	if err != nil {
		return nil, err
	}
	if len(current) == 0 {
		return nil, in.missing(ctx, metricBins)
	}
	fixed := func(f feature, _ int) map[string]float64 { return reference.counts[f] }
	if h.kind == "offset" { // every window against the same window, the offset earlier
		before, err := in.rolling(ctx, window, g.shift(h.offset))
		if err != nil {
			return nil, err
		}
		fixed = func(f feature, i int) map[string]float64 { return before[f].at(i) }
	}
	frames := in.driftFrames(current, reference, fixed, h.kind == "offset", g)
	if len(frames) == 0 {
		in.notice(data.NoticeSeverityWarning, "There are rows, but nothing with the same bins to hold them against in %s.", h.words)
		return emptyFrame("drift"), nil
	}
	frames[0].Meta.Custom = map[string]string{"reference": h.words, "window": window.String()}
	return frames, nil
}

// driftFrames holds every window against its side of the reference, which moves
// with the window or not.
func (in *input) driftFrames(current map[feature]*binSeries, reference *training, side func(feature, int) map[string]float64, moves bool, g grid) data.Frames {
	var frames data.Frames
	times := g.times()
	keys := counts{}
	for f := range current {
		keys[f] = nil
	}
	for _, f := range features(keys) {
		values, any := make([]*float64, g.n), false
		series := current[f]
		b := &stat.Bins{Labels: series.labels, Current: make([]float64, len(series.labels)), Reference: make([]float64, len(series.labels)), DesignEffect: reference.effects[f]}
		var held map[string]float64 // what b.Reference is filled with
		for i := range values {
			against := side(f, i)
			if against == nil {
				continue
			}
			any = true
			if moves || held == nil {
				for j, l := range series.labels {
					b.Reference[j] = against[l]
				}
				held = against
			}
			for j := range series.labels {
				b.Current[j] = series.counts[j][i]
			}
			values[i] = number(b.Statistic(in.Statistic))
		}
		if any {
			frames = append(frames, seriesFrame(statistics[in.Statistic], f.labels(), times, values))
		}
	}
	return frames
}

func binCount(c counts) (n int) {
	for _, bins := range c {
		n += len(bins)
	}
	return n
}

// binSeries is a feature's rows by bin over a grid.
type binSeries struct {
	labels []string
	counts [][]float64 // by bin, then by moment
}

// at is the rows of one moment; nil where there were none.
func (b *binSeries) at(i int) map[string]float64 {
	if b == nil {
		return nil
	}
	out := make(map[string]float64, len(b.labels))
	sum := 0.0
	for j, l := range b.labels {
		out[l] = b.counts[j][i]
		sum += out[l]
	}
	if sum == 0 {
		return nil
	}
	return out
}

// rolling counts the rows of windows that end at a grid's moments.
func (in *input) rolling(ctx context.Context, window time.Duration, g grid) (map[feature]*binSeries, error) {
	src, err := in.source(ctx, window)
	if err != nil {
		return nil, err
	}
	a, err := in.askRange(ctx, src.expr(window), g)
	if err != nil {
		return nil, err
	}
	sort.Slice(a.Series, func(i, j int) bool { return a.Series[i].Labels["bin"] < a.Series[j].Labels["bin"] })
	out := map[feature]*binSeries{}
	for i := range a.Series {
		s := &a.Series[i]
		f := featureOf(s.Labels)
		b := out[f]
		if b == nil {
			b = &binSeries{}
			out[f] = b
		}
		b.labels = append(b.labels, s.Labels["bin"])
		b.counts = append(b.counts, onGrid(s.Points, g))
	}
	return out, nil
}

// onGrid lays points on a grid, zero where there is none.
func onGrid(points []upstream.Point, g grid) []float64 {
	out := make([]float64, g.n)
	for _, p := range points {
		if i := g.index(p.Millis); i >= 0 && p.Value > 0 {
			out[i] = p.Value
		}
	}
	return out
}
