package plugin

import (
	"context"
	"fmt"
	"math"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/stat"
	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/upstream"
)

const metricConfusion = "gnomon_confusion_total"

// performance shows what late labels say: accuracy with its interval over time,
// precision, recall and F1 by class, gauges of the sidecars, realised against
// estimated accuracy.
func performance(ctx context.Context, in *input) (data.Frames, error) {
	switch in.Metric {
	case "", "accuracy":
		return in.accuracySeries(ctx)
	case "precision", "recall", "f1":
		if in.Format == "table" {
			return in.classTable(ctx)
		}
		return in.classSeries(ctx)
	case "classes":
		return in.classTable(ctx)
	case "realised_estimated":
		return in.realisedEstimated(ctx)
	case "slices":
		return in.slices(ctx)
	}
	if m, ok := gauges[in.Metric]; ok {
		return in.gauge(ctx, m)
	}
	return nil, bad("metric: %.50q is none of accuracy, precision, recall, f1, classes, slices, realised_estimated, window_accuracy, brier, coverage, delay", in.Metric)
}

// gauges are metrics that sidecars conclude themselves; the mean over sidecars.
var gauges = map[string]string{
	"window_accuracy": "gnomon_accuracy_ratio",
	"brier":           "gnomon_brier_score",
	"coverage":        "gnomon_label_coverage_ratio",
	"delay":           "gnomon_label_delay_seconds",
}

func (in *input) quality() string {
	return in.sel.Without("feature", "reference", "bin", "shadow").Of("")
}

func (in *input) gauge(ctx context.Context, metric string) (data.Frames, error) {
	g := in.grid(in.step(10))
	a, err := in.askRange(ctx, fmt.Sprintf("avg by (model, model_version) (%s%s)", metric, in.quality()), g)
	if err != nil {
		return nil, err
	}
	if len(a.Series) == 0 {
		return nil, in.missing(ctx, metric)
	}
	var frames data.Frames
	for i := range a.Series {
		frames = append(frames, seriesFrame(in.Metric, pick(a.Series[i].Labels, "model", "model_version"), g.times(), nullable(a.Series[i].Points, g)))
	}
	return frames, nil
}

// nullable lays points on a grid, null where there is none.
func nullable(points []upstream.Point, g grid) []*float64 {
	out := make([]*float64, g.n)
	for _, p := range points {
		if i := g.index(p.Millis); i >= 0 {
			out[i] = number(p.Value)
		}
	}
	return out
}

// accuracySeries takes right answers over labelled ones of a rolling window:
// the calibration counters know both, for any number of classes.
func (in *input) accuracySeries(ctx context.Context) (data.Frames, error) {
	window, err := in.window()
	if err != nil {
		return nil, err
	}
	g := in.grid(in.step(10))
	w := promDuration(window)
	expr := fmt.Sprintf(`label_replace(sum by (model, model_version) (increase(gnomon_calibration_bin_correct_total%[1]s[%[2]s])), "what", "correct", "", "") or label_replace(sum by (model, model_version) (increase(gnomon_calibration_bin_total%[1]s[%[2]s])), "what", "count", "", "")`, in.quality(), w)
	a, err := in.askRange(ctx, expr, g)
	if err != nil {
		return nil, err
	}
	if len(a.Series) == 0 {
		return nil, in.missing(ctx, metricCalibration)
	}
	correct, count := map[string][]float64{}, map[string][]float64{}
	labels := map[string]data.Labels{}
	for i := range a.Series {
		s := &a.Series[i]
		key := groupKey(s.Labels, "model", "model_version")
		labels[key] = pick(s.Labels, "model", "model_version")
		if s.Labels["what"] == "count" {
			count[key] = onGrid(s.Points, g)
		} else {
			correct[key] = onGrid(s.Points, g)
		}
	}
	var frames data.Frames
	labelled := 0.0
	for _, key := range sortedKeys(count) {
		value, lower, upper := make([]*float64, g.n), make([]*float64, g.n), make([]*float64, g.n)
		for i, n := range count[key] {
			if n < 1 || correct[key] == nil {
				continue
			}
			labelled += n
			lo, hi := stat.Wilson(correct[key][i], n)
			value[i], lower[i], upper[i] = number(math.Min(correct[key][i]/n, 1)), &lo, &hi
		}
		frames = append(frames,
			seriesFrame("accuracy", labels[key], g.times(), value),
			seriesFrame("lower 95 %", labels[key], g.times(), lower),
			seriesFrame("upper 95 %", labels[key], g.times(), upper))
	}
	if labelled == 0 {
		in.notice(data.NoticeSeverityInfo, "No label arrived in this range: accuracy cannot be told.")
	}
	return frames, nil
}

// realisedEstimated lays the accuracy that labels show beside the one that was
// estimated without them.
func (in *input) realisedEstimated(ctx context.Context) (data.Frames, error) {
	realised, err := in.accuracySeries(ctx)
	if err != nil {
		return nil, err
	}
	const metric = "gnomon_estimated_accuracy_ratio"
	g := in.grid(in.step(10))
	a, err := in.askRange(ctx, fmt.Sprintf("avg by (model, model_version) (%s%s)", metric, in.quality()), g)
	if err != nil {
		return nil, err
	}
	if len(a.Series) == 0 {
		in.notice(data.NoticeSeverityWarning, "No estimate: these sidecars do not export %s.", metric)
	}
	for i := range a.Series {
		realised = append(realised, seriesFrame("estimated accuracy", pick(a.Series[i].Labels, "model", "model_version"), g.times(), nullable(a.Series[i].Points, g)))
	}
	return realised, nil
}

// classCounts are one class's part of a confusion matrix.
type classCounts struct{ hit, actual, predicted float64 }

func (c classCounts) metric(name string) (value, lower, upper float64) {
	ratio := func(n float64) (float64, float64, float64) {
		if n < 1 {
			return math.NaN(), math.NaN(), math.NaN()
		}
		lo, hi := stat.Wilson(c.hit, n)
		return math.Min(c.hit/n, 1), lo, hi
	}
	switch name {
	case "precision":
		return ratio(c.predicted)
	case "recall":
		return ratio(c.actual)
	}
	// F1 = 2 hit / (actual + predicted) = hit / (hit + wrong/2); no exact interval.
	if c.actual+c.predicted < 1 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	return 2 * c.hit / (c.actual + c.predicted), math.NaN(), math.NaN()
}

func (in *input) confusionExpr(window string) string {
	return fmt.Sprintf("sum by (model, model_version, actual, predicted) (increase(%s%s[%s]))", metricConfusion, in.quality(), window)
}

func (in *input) classTable(ctx context.Context) (data.Frames, error) {
	matrices, err := in.matrices(ctx)
	if err != nil {
		return nil, err
	}
	var frames data.Frames
	for _, m := range matrices {
		names := m.classes
		cells := map[string][]*float64{}
		support := make([]float64, len(names))
		for i := range names {
			c := m.class(i)
			support[i] = c.actual
			for _, metric := range []string{"precision", "recall", "f1"} {
				v, lo, hi := c.metric(metric)
				cells[metric] = append(cells[metric], number(v))
				cells[metric+"_lower"] = append(cells[metric+"_lower"], number(lo))
				cells[metric+"_upper"] = append(cells[metric+"_upper"], number(hi))
			}
		}
		f := data.NewFrame("classes", data.NewField("class", nil, names), data.NewField("support", m.labels, support))
		for _, column := range []string{"precision", "precision_lower", "precision_upper", "recall", "recall_lower", "recall_upper", "f1"} {
			f.Fields = append(f.Fields, unit(data.NewField(column, m.labels, cells[column]), "percentunit"))
		}
		frames = append(frames, typed(f, data.FrameTypeTable, data.VisTypeTable))
	}
	return frames, nil
}

// classSeries takes a metric of every class over a rolling window.
func (in *input) classSeries(ctx context.Context) (data.Frames, error) {
	window, err := in.window()
	if err != nil {
		return nil, err
	}
	g := in.grid(in.step(150))
	a, err := in.askRange(ctx, in.confusionExpr(promDuration(window)), g)
	if err != nil {
		return nil, err
	}
	if len(a.Series) == 0 {
		return nil, in.missing(ctx, metricConfusion)
	}
	classes, labels := map[string][]classCounts{}, map[string]data.Labels{}
	at := func(s *upstream.Series, class string) []classCounts {
		l := pick(s.Labels, "model", "model_version")
		l["class"] = class
		key := groupKey(l, "model", "model_version", "class")
		if classes[key] == nil {
			classes[key], labels[key] = make([]classCounts, g.n), l
		}
		return classes[key]
	}
	for i := range a.Series {
		s := &a.Series[i]
		actual, predicted := at(s, s.Labels["actual"]), at(s, s.Labels["predicted"])
		for j, v := range onGrid(s.Points, g) {
			actual[j].actual += v
			predicted[j].predicted += v
			if s.Labels["actual"] == s.Labels["predicted"] {
				actual[j].hit += v
			}
		}
	}
	var frames data.Frames
	for _, key := range sortedKeys(classes) {
		values := make([]*float64, g.n)
		for j, c := range classes[key] {
			v, _, _ := c.metric(in.Metric)
			values[j] = number(v)
		}
		frames = append(frames, seriesFrame(in.Metric, labels[key], g.times(), values))
	}
	return frames, nil
}
