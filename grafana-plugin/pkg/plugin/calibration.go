package plugin

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/stat"
	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/upstream"
)

const metricCalibration = "gnomon_calibration_bin_total"

// calibration shows whether confidence can be believed: the reliability curve
// over the range, the histogram of confidence, or the error over time.
func calibration(ctx context.Context, in *input) (data.Frames, error) {
	switch in.Format {
	case "", "reliability", "confidence":
		return in.reliability(ctx)
	case "timeseries":
		return in.calibrationError(ctx)
	}
	return nil, bad("format: %.50q is none of reliability, confidence, timeseries", in.Format)
}

// calibrationExpr asks for the three counters at once, told apart by "what".
func (in *input) calibrationExpr(window string) string {
	sel := in.sel.Without("feature", "reference", "bin", "shadow")
	var parts []string
	for _, c := range [][2]string{{"count", metricCalibration}, {"correct", "gnomon_calibration_bin_correct_total"}, {"confidence", "gnomon_calibration_bin_confidence_total"}} {
		parts = append(parts, fmt.Sprintf(`label_replace(sum by (model, model_version, bin) (increase(%s[%s])), "what", %q, "", "")`, sel.Of(c[1]), window, c[0]))
	}
	return strings.Join(parts, " or ")
}

// set puts a counter's value where it belongs.
func set(b *stat.ReliabilityBin, what string, v float64) {
	switch what {
	case "count":
		b.Count = v
	case "correct":
		b.Correct = v
	case "confidence":
		b.Confidence = v
	}
}

func (in *input) reliability(ctx context.Context) (data.Frames, error) {
	a, err := in.ask(ctx, in.calibrationExpr(promDuration(in.span())), in.to)
	if err != nil {
		return nil, err
	}
	if len(a.Series) == 0 {
		return nil, in.missing(ctx, metricCalibration)
	}
	models := map[string]map[string]*stat.ReliabilityBin{}
	labels := map[string]data.Labels{}
	for i := range a.Series {
		s := &a.Series[i]
		key := groupKey(s.Labels, "model", "model_version")
		if models[key] == nil {
			models[key], labels[key] = map[string]*stat.ReliabilityBin{}, pick(s.Labels, "model", "model_version")
		}
		b := models[key][s.Labels["bin"]]
		if b == nil {
			b = &stat.ReliabilityBin{Label: s.Labels["bin"]}
			models[key][b.Label] = b
		}
		set(b, s.Labels["what"], max(s.Last(), 0))
	}
	var frames data.Frames
	for _, key := range sortedKeys(models) {
		var bins []stat.ReliabilityBin
		for _, l := range sortedKeys(models[key]) {
			bins = append(bins, *models[key][l])
		}
		frames = append(frames, in.reliabilityFrame(labels[key], bins))
	}
	return frames, nil
}

func (in *input) reliabilityFrame(labels data.Labels, bins []stat.ReliabilityBin) *data.Frame {
	c := stat.Calibrate(bins)
	if !finite(c.ECE) {
		in.notice(data.NoticeSeverityInfo, "%s: no label arrived in this range, so that calibration cannot be told.", labels)
	}
	n := len(bins)
	names, count, share := make([]string, n), make([]float64, n), make([]*float64, n)
	confidence, accuracy, lower, upper, gap := make([]*float64, n), make([]*float64, n), make([]*float64, n), make([]*float64, n), make([]*float64, n)
	for i, b := range bins {
		names[i], count[i] = b.Label, b.Count
		share[i] = number(b.Count / c.N)
		if b.Count < 1 {
			continue
		}
		lo, hi := stat.Wilson(b.Correct, b.Count)
		confidence[i], accuracy[i] = number(b.Confidence/b.Count), number(b.Correct/b.Count)
		lower[i], upper[i], gap[i] = &lo, &hi, number((b.Confidence-b.Correct)/b.Count)
	}
	percent := func(f *data.Field) *data.Field { return unit(f, "percentunit") }
	fields := []*data.Field{
		percent(data.NewField("confidence", labels, confidence)),
		percent(data.NewField("accuracy", labels, accuracy)),
		percent(data.NewField("calibrated", labels, confidence)), // the diagonal
		describe(percent(data.NewField("accuracy_lower", labels, lower)), "95 % Wilson interval"),
		percent(data.NewField("accuracy_upper", labels, upper)),
		percent(data.NewField("gap", labels, gap)),
		data.NewField("labelled", labels, count),
		data.NewField("bin", nil, names),
	}
	if in.Format == "confidence" {
		fields = []*data.Field{data.NewField("bin", nil, names), percent(data.NewField("share", labels, share)), data.NewField("labelled", labels, count)}
	}
	f := typed(data.NewFrame("calibration", fields...), data.FrameTypeTable, data.VisTypeTable)
	f.Meta.Custom = map[string]any{"ece": number(c.ECE), "ece_debiased": number(c.Debiased), "over": number(c.Over), "under": number(c.Under), "mce": number(c.MCE), "labelled": c.N}
	return f
}

func (in *input) calibrationError(ctx context.Context) (data.Frames, error) {
	window, err := in.window()
	if err != nil {
		return nil, err
	}
	g := in.grid(in.step(50))
	a, err := in.askRange(ctx, in.calibrationExpr(promDuration(window)), g)
	if err != nil {
		return nil, err
	}
	if len(a.Series) == 0 {
		return nil, in.missing(ctx, metricCalibration)
	}
	groups := map[string][]*upstream.Series{}
	for i := range a.Series {
		key := groupKey(a.Series[i].Labels, "model", "model_version")
		groups[key] = append(groups[key], &a.Series[i])
	}
	var frames data.Frames
	for _, key := range sortedKeys(groups) {
		labels := pick(groups[key][0].Labels, "model", "model_version")
		ece, debiased := eceOver(groups[key], g)
		frames = append(frames, seriesFrame("ECE", labels, g.times(), ece), seriesFrame("ECE debiased", labels, g.times(), debiased))
	}
	return frames, nil
}

// eceOver takes the calibration error at every moment of a grid.
func eceOver(series []*upstream.Series, g grid) (ece, debiased []*float64) {
	index, at := map[string]int{}, make([][]stat.ReliabilityBin, g.n)
	var names []string
	for _, s := range series {
		names = append(names, s.Labels["bin"])
	}
	sort.Strings(names)
	for _, n := range names {
		if _, ok := index[n]; !ok {
			index[n] = len(index)
		}
	}
	for i := range at {
		at[i] = make([]stat.ReliabilityBin, len(index))
	}
	for _, s := range series {
		for i, v := range onGrid(s.Points, g) {
			set(&at[i][index[s.Labels["bin"]]], s.Labels["what"], v)
		}
	}
	for _, bins := range at {
		c := stat.Calibrate(bins)
		ece, debiased = append(ece, number(c.ECE)), append(debiased, number(c.Debiased))
	}
	return ece, debiased
}
