package plugin

import (
	"context"
	"sort"
	"strconv"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// confusion is the matrix of the range's labels: a row an actual class, a
// column a predicted one; with normalise, shares of the row.
func confusion(ctx context.Context, in *input) (data.Frames, error) {
	matrices, err := in.matrices(ctx)
	if err != nil {
		return nil, err
	}
	var frames data.Frames
	for _, m := range matrices {
		f := data.NewFrame("confusion", data.NewField("actual", nil, m.classes))
		for j, predicted := range m.classes {
			column := make([]*float64, len(m.classes))
			for i := range m.classes {
				column[i] = m.cell(i, j, in.Normalise)
			}
			field := data.NewField(predicted, m.labels, column)
			if in.Normalise {
				unit(field, "percentunit")
			}
			f.Fields = append(f.Fields, field)
		}
		frames = append(frames, typed(f, data.FrameTypeTable, data.VisTypeTable))
		if m.total < 1 {
			in.notice(data.NoticeSeverityInfo, "%s: no label arrived in this range.", m.labels)
		}
	}
	return frames, nil
}

// matrix is the confusion matrix of a model and version.
type matrix struct {
	labels  data.Labels
	classes []string
	counts  [][]float64 // actual, predicted
	total   float64
}

func (m *matrix) cell(i, j int, share bool) *float64 {
	if !share {
		return number(m.counts[i][j])
	}
	sum := 0.0
	for _, v := range m.counts[i] {
		sum += v
	}
	return number(m.counts[i][j] / sum)
}

func (m *matrix) class(i int) (c classCounts) {
	c.hit = m.counts[i][i]
	for j := range m.classes {
		c.actual += m.counts[i][j]
		c.predicted += m.counts[j][i]
	}
	return c
}

// matrices reads the range's confusion matrices.
func (in *input) matrices(ctx context.Context) ([]*matrix, error) {
	a, err := in.ask(ctx, in.confusionExpr(promDuration(in.span())), in.to)
	if err != nil {
		return nil, err
	}
	if len(a.Series) == 0 {
		return nil, in.missing(ctx, metricConfusion)
	}
	classes := map[string]map[string]bool{}
	byKey := map[string]*matrix{}
	for i := range a.Series {
		l := a.Series[i].Labels
		key := groupKey(l, "model", "model_version")
		if byKey[key] == nil {
			byKey[key], classes[key] = &matrix{labels: pick(l, "model", "model_version")}, map[string]bool{}
		}
		classes[key][l["actual"]], classes[key][l["predicted"]] = true, true
	}
	var out []*matrix
	index := map[string]map[string]int{}
	for _, key := range sortedKeys(byKey) {
		m := byKey[key]
		m.classes = sortedKeys(classes[key])
		sort.SliceStable(m.classes, func(i, j int) bool { return numericLess(m.classes[i], m.classes[j]) })
		index[key] = map[string]int{}
		for i, c := range m.classes {
			index[key][c] = i
			m.counts = append(m.counts, make([]float64, len(m.classes)))
		}
		out = append(out, m)
	}
	for i := range a.Series {
		s := &a.Series[i]
		key := groupKey(s.Labels, "model", "model_version")
		v := max(s.Last(), 0)
		byKey[key].counts[index[key][s.Labels["actual"]]][index[key][s.Labels["predicted"]]] = v
		byKey[key].total += v
	}
	return out, nil
}

// numericLess puts class 10 after class 9.
func numericLess(a, b string) bool {
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	if err1 == nil && err2 == nil {
		return x < y
	}
	return a < b
}
