package plugin

import (
	"context"
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/selector"
	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/stat"
	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/upstream"
)

const (
	metricBins      = "gnomon_feature_bin_total"
	metricRecorded  = "gnomon:feature_bin:rows1m"
	metricShares    = "gnomon_reference_bin_ratio"
	metricReference = "gnomon_reference_rows"
	metricEffect    = "gnomon_reference_design_effect_ratio"
)

// feature is a distribution's identity. Bins of different references have
// different edges, so that the reference is part of it.
type feature struct{ model, reference, name string }

func (f feature) labels() data.Labels { return data.Labels{"model": f.model, "feature": f.name} }

// counts are rows by bin.
type counts map[feature]map[string]float64

func featureOf(labels map[string]string) feature {
	return feature{labels["model"], labels["reference"], labels["feature"]}
}

// source is where the rows of bins come from.
type source struct {
	metric   string
	recorded bool
	sel      selector.Set
}

// expr counts rows by bin over a window that ends at the moment of evaluation.
//
// Recorded rows are sums over one minute each: the window is a second shorter,
// because Prometheus 2 takes its left end too and would add a minute.
func (s source) expr(window time.Duration) string {
	const by = "sum by (model, reference, feature, bin) "
	if s.recorded {
		return by + fmt.Sprintf("(sum_over_time(%s[%s]))", s.sel.Of(s.metric), promDuration(window-time.Second))
	}
	return by + fmt.Sprintf("(increase(%s[%s]))", s.sel.Of(s.metric), promDuration(window))
}

// source chooses recorded rows where the rules are loaded, where the window is
// long enough for a minute's grain and where no filter asks for a label that
// the rules have summed away.
func (in *input) source(ctx context.Context, window time.Duration) (source, error) {
	raw := source{metricBins, false, in.sel.Without("shadow")}
	for _, m := range in.sel {
		switch m.Label {
		case "model", "feature", "reference", "bin", "shadow":
		default:
			return raw, nil
		}
	}
	if in.settings.RecordedRows == "never" || (in.settings.RecordedRows == "auto" && window < 10*time.Minute) {
		return raw, nil
	}
	recorded := source{metricRecorded, true, in.sel.Without("shadow")}
	if in.settings.RecordedRows == "always" {
		return recorded, nil
	}
	// The rules must have been there at the beginning: half a range of them would
	// silently be half the rows.
	at := in.from.Add(5 * time.Minute)
	there, err := cached(ctx, in.cache, fmt.Sprint("recorded ", recorded.sel.Of(metricRecorded), at.Truncate(time.Minute).Unix()), func(ctx context.Context) (bool, error) {
		a, err := in.prometheus.Instant(ctx, "count("+recorded.sel.Of(metricRecorded)+")", at)
		return err == nil && len(a.Series) > 0, err
	})
	if err != nil {
		return raw, err
	}
	if there {
		return recorded, nil
	}
	return raw, nil
}

// rows counts rows by bin between two moments.
func (in *input) rows(ctx context.Context, from, to time.Time) (counts, error) {
	window := max(to.Sub(from).Round(time.Second), 2*time.Second)
	src, err := in.source(ctx, window)
	if err != nil {
		return nil, err
	}
	a, err := in.ask(ctx, src.expr(window), to)
	if err != nil {
		return nil, err
	}
	out := counts{}
	for i := range a.Series {
		f := featureOf(a.Series[i].Labels)
		if out[f] == nil {
			out[f] = map[string]float64{}
		}
		out[f][a.Series[i].Labels["bin"]] = max(a.Series[i].Last(), 0)
	}
	return out, nil
}

// ask evaluates at one moment and passes warnings on to the panel.
func (in *input) ask(ctx context.Context, expr string, at time.Time) (*upstream.Answer, error) {
	a, err := in.prometheus.Instant(ctx, expr, at)
	if err != nil {
		return nil, err
	}
	in.warn(a)
	return a, nil
}

func (in *input) askRange(ctx context.Context, expr string, g grid) (*upstream.Answer, error) {
	a, err := in.prometheus.Range(ctx, expr, g.from, g.to(), g.step)
	if err != nil {
		return nil, err
	}
	in.warn(a)
	return a, nil
}

func (in *input) warn(a *upstream.Answer) {
	for _, w := range a.Warnings {
		in.notice(data.NoticeSeverityWarning, "%s: %s", in.prometheus.Name, w)
	}
}

// training is the reference profile as counts, and the design effects.
type training struct {
	counts  counts
	effects map[feature]float64
}

// lookback is how far back a series of the reference is looked for first: it is
// constant, but a model that has gone stops to export it.
const lookback = time.Hour

// training reads the reference profiles of the features in a range.
func (in *input) training(ctx context.Context, from, to time.Time) (*training, error) {
	window := min(to.Sub(from), lookback)
	t, err := in.trainingWithin(ctx, window, to)
	if err == nil && len(t.counts) == 0 && window < to.Sub(from) {
		return in.trainingWithin(ctx, to.Sub(from), to)
	}
	return t, err
}

func (in *input) trainingWithin(ctx context.Context, window time.Duration, at time.Time) (*training, error) {
	sel, w := in.sel.Without("shadow"), promDuration(max(window.Round(time.Second), time.Minute))
	shares, err := in.ask(ctx, fmt.Sprintf("max by (model, reference, feature, bin) (last_over_time(%s[%s]))", sel.Of(metricShares), w), at)
	if err != nil {
		return nil, err
	}
	plain := sel.Without("bin")
	sizes, err := in.ask(ctx, fmt.Sprintf(
		`label_replace(max by (model, reference, feature) (last_over_time(%s[%s])), "what", "rows", "", "") or label_replace(max by (model, reference, feature) (last_over_time(%s[%s])), "what", "effect", "", "")`,
		plain.Of(metricReference), w, plain.Of(metricEffect), w), at)
	if err != nil {
		return nil, err
	}
	t := &training{counts{}, map[feature]float64{}}
	size := map[feature]float64{}
	for i := range sizes.Series {
		s := &sizes.Series[i]
		if s.Labels["what"] == "rows" {
			size[featureOf(s.Labels)] = s.Last()
		} else {
			t.effects[featureOf(s.Labels)] = s.Last()
		}
	}
	for i := range shares.Series {
		s := &shares.Series[i]
		f := featureOf(s.Labels)
		if size[f] <= 0 {
			continue
		}
		if t.counts[f] == nil {
			t.counts[f] = map[string]float64{}
		}
		t.counts[f][s.Labels["bin"]] = s.Last() * size[f]
	}
	return t, nil
}

// pair lays two sides over the union of their bins, in order.
func pair(reference, current map[string]float64, effect float64) *stat.Bins {
	all := map[string]bool{}
	for l := range reference {
		all[l] = true
	}
	for l := range current {
		all[l] = true
	}
	b := &stat.Bins{Labels: sortedKeys(all), DesignEffect: effect}
	for _, l := range b.Labels {
		b.Reference = append(b.Reference, reference[l])
		b.Current = append(b.Current, current[l])
	}
	return b
}

// features lists both sides' features in order.
func features(sides ...counts) []feature {
	seen := map[feature]bool{}
	var out []feature
	for _, side := range sides {
		for f := range side {
			if !seen[f] {
				seen[f] = true
				out = append(out, f)
			}
		}
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.model != b.model {
			return a.model < b.model
		}
		if a.name != b.name {
			return a.name < b.name
		}
		return a.reference < b.reference
	})
	return out
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
