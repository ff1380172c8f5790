package plugin

import (
	"context"
	"math"
	"strconv"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/gnomon-dev/gnomon/driftlib"
	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/stat"
)

// Frame types that panels know and the SDK has no name for.
const (
	frameHeatmapRows data.FrameType = "heatmap-rows"
	frameHistogram   data.FrameType = "histogram"
)

// distribution shows a feature's shares by bin, reference against current: as
// bars, as a histogram on the value's axis, or over time as a heatmap.
func distribution(ctx context.Context, in *input) (data.Frames, error) {
	h, err := in.resolve(ctx)
	if err != nil {
		return nil, err
	}
	switch in.Format {
	case "", "bars", "histogram":
		return in.distributionNow(ctx, h)
	case "heatmap":
		return in.distributionOverTime(ctx, h)
	}
	return nil, bad("format: %.50q is none of bars, histogram, heatmap", in.Format)
}

func (in *input) distributionNow(ctx context.Context, h held) (data.Frames, error) {
	current, reference, err := in.sides(ctx, h)
	if err != nil {
		return nil, err
	}
	if len(current) == 0 {
		return nil, in.missing(ctx, metricBins)
	}
	in.explain(rank(current, reference), current, reference, h)
	var frames data.Frames
	for _, f := range features(current) {
		b := pair(reference.counts[f], current[f], reference.effects[f])
		if in.Format == "histogram" {
			if frame := histogramFrame(f, b); frame != nil {
				frames = append(frames, frame)
				continue
			}
			in.notice(data.NoticeSeverityInfo, "%s has categories: bars are shown instead of a histogram.", f.name)
		}
		frames = append(frames, barsFrame(f, b))
	}
	return frames, nil
}

func shares(x []float64) []float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	out := make([]float64, len(x))
	for i, v := range x {
		if sum > 0 {
			out[i] = v / sum
		}
	}
	return out
}

func pointers(x []float64) []*float64 {
	out := make([]*float64, len(x))
	for i := range x {
		out[i] = number(x[i])
	}
	return out
}

func barsFrame(f feature, b *stat.Bins) *data.Frame {
	p, q := shares(b.Reference), shares(b.Current)
	change, pull := make([]float64, len(p)), make([]float64, len(p))
	for i := range p {
		change[i] = q[i] - p[i]
		lift, drop := math.Max(q[i], driftlib.Floor), math.Max(p[i], driftlib.Floor)
		pull[i] = (lift - drop) * math.Log(lift/drop)
	}
	labels := f.labels()
	frame := data.NewFrame(f.name,
		data.NewField("bin", nil, b.Labels),
		unit(data.NewField("reference", labels, pointers(p)), "percentunit"),
		unit(data.NewField("current", labels, pointers(q)), "percentunit"),
		unit(data.NewField("change", labels, pointers(change)), "percentunit"),
		describe(data.NewField("contribution", labels, pointers(pull)), "The bin's part of a PSI over these bins"),
		data.NewField("reference_rows", labels, pointers(b.Reference)),
		data.NewField("rows", labels, pointers(b.Current)),
	)
	return typed(frame, data.FrameTypeTable, data.VisTypeTable)
}

// edges reads the ends of a bin from its label: "03 (0.22, 0.3]". Open ends and
// single values have no extent.
func edges(label string) (lower, upper float64, ok bool) {
	_, d, _ := strings.Cut(label, " ")
	a, b, found := strings.Cut(strings.Trim(d, "[]() "), ",")
	if !found {
		return 0, 0, false
	}
	lower, err1 := strconv.ParseFloat(strings.TrimSpace(a), 64)
	upper, err2 := strconv.ParseFloat(strings.TrimSpace(b), 64)
	return lower, upper, err1 == nil && err2 == nil && finite(lower) && finite(upper) && upper > lower
}

// histogramFrame lays the bins with two ends on the value's axis, as densities
// would mislead less but nobody reads them: shares, with the ends in the frame.
// Nil where no bin has two ends.
func histogramFrame(f feature, b *stat.Bins) *data.Frame {
	p, q := shares(b.Reference), shares(b.Current)
	var lo, hi, reference, current []float64
	for i, l := range b.Labels {
		if lower, upper, ok := edges(l); ok {
			lo, hi = append(lo, lower), append(hi, upper)
			reference, current = append(reference, p[i]), append(current, q[i])
		}
	}
	if len(lo) == 0 {
		return nil
	}
	frame := data.NewFrame(f.name,
		data.NewField("xMin", nil, lo), data.NewField("xMax", nil, hi),
		unit(data.NewField("reference", f.labels(), reference), "percentunit"),
		unit(data.NewField("current", f.labels(), current), "percentunit"))
	plainNames(frame)
	frame.Meta = &data.FrameMeta{Type: frameHistogram, Notices: []data.Notice{{Severity: data.NoticeSeverityInfo, Text: "Bins with an open end, single values and missing values are not on the axis; the bars show them."}}}
	return frame
}

// distributionOverTime is ln(current share / reference share) by bin and
// moment, shares floored at 1e-4, or with normalise off the current share.
func (in *input) distributionOverTime(ctx context.Context, h held) (data.Frames, error) {
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
	keys := counts{}
	for f := range current {
		keys[f] = nil
	}
	var frames data.Frames
	for _, f := range features(keys) {
		if frame := in.heatmapFrame(f, current[f], reference.counts[f], g); frame != nil {
			frames = append(frames, frame)
		}
	}
	if len(frames) == 0 {
		in.notice(data.NoticeSeverityWarning, "There are rows, but nothing with the same bins to hold them against in %s.", h.words)
		return emptyFrame("distribution"), nil
	}
	return frames, nil
}

func (in *input) heatmapFrame(f feature, b *binSeries, reference map[string]float64, g grid) *data.Frame {
	if in.Normalise && reference == nil {
		return nil
	}
	sums, total := make([]float64, g.n), 0.0
	for j := range b.labels {
		for i, v := range b.counts[j] {
			sums[i] += v
		}
	}
	for _, v := range reference {
		total += v
	}
	frame := data.NewFrame(f.name, data.NewField("time", nil, g.times()))
	for j, l := range b.labels {
		values := make([]*float64, g.n)
		for i := range values {
			if sums[i] < 1 {
				continue
			}
			v := b.counts[j][i] / sums[i]
			if in.Normalise {
				v = math.Log(math.Max(v, driftlib.Floor) / math.Max(reference[l]/total, driftlib.Floor))
			}
			values[i] = &v
		}
		frame.Fields = append(frame.Fields, data.NewField(l, f.labels(), values))
	}
	plainNames(frame)
	frame.Meta = &data.FrameMeta{Type: frameHeatmapRows}
	return frame
}
