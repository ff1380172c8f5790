package plugin

import (
	"context"
	"fmt"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/selector"
)

const metricPerformance = "gnomon_performance_value"

// slices shows the metrics that sidecars take over labelled predictions, by
// window and slice: as a table all of them at the end of the range, over time
// one, accuracy where nothing else is asked for. Replicas are averaged.
func (in *input) slices(ctx context.Context) (data.Frames, error) {
	if in.Format == "table" {
		return in.sliceTable(ctx)
	}
	metric := in.Statistic
	if metric == "" {
		metric = "accuracy"
	}
	g := in.grid(in.step(10))
	a, err := in.askRange(ctx, fmt.Sprintf("avg by (model, model_version, metric, slice, window) (%s)", in.ofSlices(metricPerformance, metric)), g)
	if err != nil {
		return nil, err
	}
	if len(a.Series) == 0 {
		return nil, in.missing(ctx, metricPerformance)
	}
	var frames data.Frames
	for i := range a.Series {
		s := &a.Series[i]
		frames = append(frames, seriesFrame(metric, pick(s.Labels, "model", "model_version", "slice", "window"), g.times(), nullable(s.Points, g)))
	}
	return frames, nil
}

// ofSlices selects a family's series of one metric, of all where it is empty.
func (in *input) ofSlices(family, metric string) string {
	sel := in.sel.Without("feature", "reference", "bin", "shadow")
	if metric != "" {
		sel = sel.With(selector.OneOf("metric", []string{metric})...)
	}
	return sel.Of(family)
}

func (in *input) sliceTable(ctx context.Context) (data.Frames, error) {
	const by = "(model, model_version, metric, slice, window)"
	w := promDuration(min(in.span(), lookback))
	expr := fmt.Sprintf(`label_replace(avg by %[1]s (last_over_time(%[2]s[%[5]s])), "what", "value", "", "")
 or label_replace(avg by %[1]s (last_over_time(%[3]s[%[5]s])), "what", "lower", "", "")
 or label_replace(avg by %[1]s (last_over_time(%[4]s[%[5]s])), "what", "upper", "", "")
 or label_replace(sum by (model, model_version, slice, window) (last_over_time(%[6]s[%[5]s])), "what", "n", "", "")`,
		by, in.ofSlices(metricPerformance, in.Statistic), in.ofSlices("gnomon_performance_lower", in.Statistic), in.ofSlices("gnomon_performance_upper", in.Statistic), w, in.ofSlices("gnomon_performance_window_samples", ""))
	a, err := in.ask(ctx, expr, in.to)
	if err != nil {
		return nil, err
	}
	rows, samples := map[string]map[string]float64{}, map[string]float64{}
	labels := map[string]map[string]string{}
	for i := range a.Series {
		s := &a.Series[i]
		if s.Labels["what"] == "n" {
			samples[groupKey(s.Labels, "model", "model_version", "slice", "window")] = s.Last()
			continue
		}
		key := groupKey(s.Labels, "model", "model_version", "slice", "metric", "window")
		if rows[key] == nil {
			rows[key], labels[key] = map[string]float64{}, s.Labels
		}
		rows[key][s.Labels["what"]] = s.Last()
	}
	if len(rows) == 0 {
		return nil, in.missing(ctx, metricPerformance)
	}
	return data.Frames{sliceFrame(rows, labels, samples)}, nil
}

func sliceFrame(rows map[string]map[string]float64, labels map[string]map[string]string, samples map[string]float64) *data.Frame {
	names := [...]string{"model", "model_version", "slice", "metric", "window"}
	var text [len(names)][]string
	var value, lower, upper, n []*float64
	cell := func(m map[string]float64, key string) *float64 {
		if v, ok := m[key]; ok {
			return number(v)
		}
		return nil
	}
	for _, key := range sortedKeys(rows) {
		l, r := labels[key], rows[key]
		for i, name := range names {
			text[i] = append(text[i], l[name])
		}
		value, lower, upper = append(value, cell(r, "value")), append(lower, cell(r, "lower")), append(upper, cell(r, "upper"))
		n = append(n, cell(samples, groupKey(l, "model", "model_version", "slice", "window")))
	}
	f := data.NewFrame("slices")
	for i, name := range names {
		f.Fields = append(f.Fields, data.NewField(name, nil, text[i]))
	}
	f.Fields = append(f.Fields, data.NewField("value", nil, value),
		describe(data.NewField("lower", nil, lower), "Lower end of the 95 % interval"), describe(data.NewField("upper", nil, upper), "Upper end of the 95 % interval"),
		describe(data.NewField("records", nil, n), "Labelled predictions in the window and slice, of all replicas"))
	return typed(f, data.FrameTypeNumericLong, data.VisTypeTable)
}
