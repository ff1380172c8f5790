package plugin

import (
	"context"
	"fmt"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/stat"
)

const metricComparisons = "gnomon_shadow_comparisons_total"

// shadows compares the primary with its shadows (A/B, canary, twin): the share
// of disagreements over the range with a confidence sequence, which stays valid
// however often a panel is looked at, against the noise floor; or the share
// over time.
func shadows(ctx context.Context, in *input) (data.Frames, error) {
	if in.Format == "timeseries" {
		return in.disagreementSeries(ctx)
	}
	sel := in.sel.Without("feature", "reference", "bin")
	w := promDuration(in.span())
	const by = "(model, model_version, shadow)"
	expr := fmt.Sprintf(`label_replace(sum by %[1]s (increase(gnomon_shadow_comparisons_total%[2]s[%[3]s])), "what", "n", "", "")
 or label_replace(sum by %[1]s (increase(gnomon_shadow_disagreements_total%[2]s[%[3]s])), "what", "k", "", "")
 or label_replace(max by %[1]s (last_over_time(gnomon_shadow_noise_floor_ratio%[2]s[%[3]s])), "what", "floor", "", "")
 or label_replace(max by (model, model_version, shadow, role, provider) (last_over_time(gnomon_shadow_info%[2]s[%[3]s])), "what", "info", "", "")`, by, sel.Of(""), w)
	a, err := in.ask(ctx, expr, in.to)
	if err != nil {
		return nil, err
	}
	rows := map[string]*shadowRow{}
	for i := range a.Series {
		s := &a.Series[i]
		key := groupKey(s.Labels, "model", "model_version", "shadow")
		if rows[key] == nil {
			rows[key] = &shadowRow{model: s.Labels["model"], version: s.Labels["model_version"], shadow: s.Labels["shadow"]}
		}
		rows[key].set(s.Labels, s.Last())
	}
	if len(rows) == 0 {
		return nil, in.missing(ctx, metricComparisons)
	}
	return data.Frames{shadowFrame(rows)}, nil
}

type shadowRow struct {
	model, version, shadow, role, provider string
	n, k, floor                            float64
}

func (r *shadowRow) set(labels map[string]string, v float64) {
	switch labels["what"] {
	case "n":
		r.n = v
	case "k":
		r.k = v
	case "floor":
		r.floor = v
	case "info":
		r.role, r.provider = labels["role"], labels["provider"]
	}
}

// says puts the comparison in words. Only a twin must agree: the others are
// meant to differ.
func (r *shadowRow) says(lower, upper float64) string {
	switch {
	case r.n < 1:
		return "no comparison in this range"
	case lower > r.floor:
		return "disagrees more than noise explains"
	case upper <= r.floor:
		return "agrees up to noise"
	}
	return "not decided"
}

func shadowFrame(rows map[string]*shadowRow) *data.Frame {
	const alpha = .05
	var text [6][]string
	var n, k []float64
	var rate, lower, upper, floor []*float64
	for _, key := range sortedKeys(rows) {
		r := rows[key]
		lo, hi := stat.Sequence(r.k, r.n, alpha)
		for i, s := range []string{r.model, r.version, r.shadow, r.role, r.provider, r.says(lo, hi)} {
			text[i] = append(text[i], s)
		}
		n, k = append(n, r.n), append(k, r.k)
		rate, lower, upper, floor = append(rate, number(r.k/r.n)), append(lower, number(lo)), append(upper, number(hi)), append(floor, number(r.floor))
	}
	percent := func(name, words string, v []*float64) *data.Field {
		return describe(unit(data.NewField(name, nil, v), "percentunit"), words)
	}
	return typed(data.NewFrame("shadows",
		data.NewField("model", nil, text[0]), data.NewField("model_version", nil, text[1]), data.NewField("shadow", nil, text[2]),
		data.NewField("role", nil, text[3]), data.NewField("provider", nil, text[4]),
		data.NewField("comparisons", nil, n), data.NewField("disagreements", nil, k),
		percent("disagreement", "Disagreements over comparisons", rate),
		percent("lower", "95 % confidence sequence: holds at all times at once", lower),
		percent("upper", "95 % confidence sequence", upper),
		percent("noise_floor", "What two correct runs show (99 % upper bound)", floor),
		data.NewField("says", nil, text[5]),
	), data.FrameTypeNumericLong, data.VisTypeTable)
}

func (in *input) disagreementSeries(ctx context.Context) (data.Frames, error) {
	window, err := in.window()
	if err != nil {
		return nil, err
	}
	sel, w := in.sel.Without("feature", "reference", "bin"), promDuration(window)
	g := in.grid(in.step(20))
	const by = "(model, model_version, shadow)"
	expr := fmt.Sprintf(`label_replace(sum by %[1]s (increase(gnomon_shadow_disagreements_total%[2]s[%[3]s])) / (sum by %[1]s (increase(gnomon_shadow_comparisons_total%[2]s[%[3]s])) > 0), "what", "disagreement", "", "")
 or label_replace(max by %[1]s (gnomon_shadow_noise_floor_ratio%[2]s), "what", "noise floor", "", "")`, by, sel.Of(""), w)
	a, err := in.askRange(ctx, expr, g)
	if err != nil {
		return nil, err
	}
	if len(a.Series) == 0 {
		return nil, in.missing(ctx, metricComparisons)
	}
	var frames data.Frames
	for i := range a.Series {
		s := &a.Series[i]
		frames = append(frames, seriesFrame(s.Labels["what"], pick(s.Labels, "model", "model_version", "shadow"), g.times(), nullable(s.Points, g)))
	}
	return frames, nil
}
