package plugin

import (
	"math"
	"sort"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// number is a value as frames hold it: null where there is none.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// unit configures a field for display.
func unit(f *data.Field, u string) *data.Field {
	f.Config = &data.FieldConfig{Unit: u}
	return f
}

// describe sets what the panel's tooltip says of a field.
func describe(f *data.Field, words string) *data.Field {
	if f.Config == nil {
		f.Config = &data.FieldConfig{}
	}
	f.Config.Description = words
	return f
}

// seriesFrame is one time series with its labels: what alert rules take.
func seriesFrame(name string, labels data.Labels, times []time.Time, values []*float64) *data.Frame {
	f := data.NewFrame(name, data.NewField("time", nil, times), data.NewField(name, labels, values))
	f.Meta = &data.FrameMeta{Type: data.FrameTypeTimeSeriesMulti, TypeVersion: data.FrameTypeVersion{0, 1}}
	return f
}

// typed completes a frame. The fields of tables are called what they are called,
// without their labels behind them, so that transformations and overrides find
// them by name whatever is selected.
func typed(f *data.Frame, t data.FrameType, preferred data.VisType) *data.Frame {
	plainNames(f)
	f.Meta = &data.FrameMeta{Type: t, TypeVersion: data.FrameTypeVersion{0, 1}, PreferredVisualization: preferred}
	return f
}

func plainNames(f *data.Frame) {
	for _, field := range f.Fields {
		if len(field.Labels) == 0 {
			continue
		}
		if field.Config == nil {
			field.Config = &data.FieldConfig{}
		}
		field.Config.DisplayNameFromDS = field.Name
	}
}

// emptyFrame carries a notice where there is nothing to show.
func emptyFrame(name string) data.Frames {
	return data.Frames{typed(data.NewFrame(name), data.FrameTypeTable, data.VisTypeTable)}
}

// grid is the moments of a range query.
type grid struct {
	from time.Time
	step time.Duration
	n    int
}

// newGrid begins at a multiple of the step, so that the same dashboard a little
// later asks for the same moments.
func newGrid(from, to time.Time, step time.Duration) grid {
	start := from.Truncate(step)
	if start.Before(from) {
		start = start.Add(step)
	}
	return grid{start, step, max(int(to.Sub(start)/step)+1, 1)}
}

// grid is the moments of a query. For an alert rule they end with the range: a
// value that waits for a full step comes late.
func (in *input) grid(step time.Duration) grid {
	g := newGrid(in.from, in.to, step)
	if in.alert {
		end := in.to.Truncate(time.Second)
		g.n = max(int(end.Sub(in.from)/step)+1, 1)
		g.from = end.Add(-time.Duration(g.n-1) * step)
	}
	return g
}

func (g grid) to() time.Time { return g.from.Add(time.Duration(g.n-1) * g.step) }

func (g grid) times() []time.Time {
	out := make([]time.Time, g.n)
	for i := range out {
		out[i] = g.from.Add(time.Duration(i) * g.step).UTC()
	}
	return out
}

// index is the place of a moment; -1 where it is none of the grid's.
func (g grid) index(millis int64) int {
	d := millis - g.from.UnixMilli()
	i := int(d / g.step.Milliseconds())
	if d < 0 || d%g.step.Milliseconds() != 0 || i >= g.n {
		return -1
	}
	return i
}

// shift moves the grid into the past.
func (g grid) shift(by time.Duration) grid { g.from = g.from.Add(-by); return g }

// pick is the labels of a series that a group has.
func pick(labels map[string]string, names ...string) data.Labels {
	out := data.Labels{}
	for _, n := range names {
		if v := labels[n]; v != "" {
			out[n] = v
		}
	}
	return out
}

// groupKey makes a key of labels that sorts as they do.
func groupKey(labels map[string]string, names ...string) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = labels[n]
	}
	return strings.Join(parts, "\xff")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
