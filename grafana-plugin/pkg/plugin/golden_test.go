package plugin

import (
	"context"
	"strconv"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/experimental"
)

// golden is the frames of every query type and format over real answers.
var golden = []struct {
	name, kind string
	settings   map[string]any
	query      map[string]any
	frameType  data.FrameType
}{
	{"drift-table", "drift", nil, map[string]any{"model": "digits"}, data.FrameTypeNumericLong},
	{"drift-table-offset", "drift", nil, map[string]any{"model": "digits", "reference": map[string]any{"kind": "offset", "offset": "3m"}}, data.FrameTypeNumericLong},
	{"drift-table-before-change", "drift", nil, map[string]any{"reference": map[string]any{"kind": "before_change"}}, data.FrameTypeNumericLong},
	{"drift-series-psi", "drift", nil, map[string]any{"model": "digits", "feature": []string{"mean", "std"}, "format": "timeseries", "statistic": "psi", "window": "30s"}, data.FrameTypeTimeSeriesMulti},
	{"drift-series-ks-offset", "drift", nil, map[string]any{"mode": "code", "selector": `{model="digits",feature=~"mean|sharpness"}`, "format": "timeseries", "statistic": "ks", "window": "30s", "reference": map[string]any{"kind": "offset", "offset": "6m"}}, data.FrameTypeTimeSeriesMulti},
	{"distribution-bars", "distribution", nil, map[string]any{"model": "digits", "feature": "mean"}, data.FrameTypeTable},
	{"distribution-histogram", "distribution", nil, map[string]any{"model": "digits", "feature": "mean", "format": "histogram"}, frameHistogram},
	{"distribution-heatmap", "distribution", nil, map[string]any{"model": "digits", "feature": "mean", "format": "heatmap", "window": "30s", "normalise": true}, frameHeatmapRows},
	{"calibration-reliability", "calibration", nil, map[string]any{"model": "digits"}, data.FrameTypeTable},
	{"calibration-series", "calibration", nil, map[string]any{"model": "digits", "format": "timeseries", "window": "1m"}, data.FrameTypeTimeSeriesMulti},
	{"performance-accuracy", "performance", nil, map[string]any{"model": "digits", "window": "1m"}, data.FrameTypeTimeSeriesMulti},
	{"performance-recall", "performance", nil, map[string]any{"model": "digits", "metric": "recall", "window": "2m"}, data.FrameTypeTimeSeriesMulti},
	{"performance-classes", "performance", nil, map[string]any{"model": "digits", "metric": "classes"}, data.FrameTypeTable},
	{"performance-brier", "performance", nil, map[string]any{"model": "digits", "metric": "brier"}, data.FrameTypeTimeSeriesMulti},
	{"performance-estimated", "performance", nil, map[string]any{"model": "digits", "metric": "realised_estimated", "window": "2m"}, data.FrameTypeTimeSeriesMulti},
	{"confusion-counts", "confusion", nil, map[string]any{"model": "digits"}, data.FrameTypeTable},
	{"confusion-shares", "confusion", nil, map[string]any{"model": "digits", "normalise": true}, data.FrameTypeTable},
	{"shadows-table", "shadows", nil, map[string]any{"model": "digits"}, data.FrameTypeNumericLong},
	{"shadows-series", "shadows", nil, map[string]any{"model": "digits", "shadow": "twin", "format": "timeseries", "window": "1m"}, data.FrameTypeTimeSeriesMulti},
	{"performance-slices", "performance", nil, map[string]any{"model": "digits", "metric": "slices", "format": "table"}, data.FrameTypeNumericLong},
	{"performance-slices-series", "performance", nil, map[string]any{"model": "digits", "metric": "slices", "statistic": "macro_f1"}, data.FrameTypeTimeSeriesMulti},
	{"experiments-table", "experiments", nil, map[string]any{"model": "digits"}, data.FrameTypeNumericLong},
	{"experiments-series", "experiments", nil, map[string]any{"model": "digits", "format": "timeseries"}, data.FrameTypeTimeSeriesMulti},
	{"worst", "worst", map[string]any{"gnomon": true}, map[string]any{"model": "digits", "limit": 3}, data.FrameTypeTable},
	{"slo-table", "slo", nil, map[string]any{"model": "digits", "period": "1h"}, data.FrameTypeNumericLong},
	{"slo-burn", "slo", nil, map[string]any{"model": "digits", "slo": []string{"accuracy", "availability"}, "format": "timeseries", "window": "5m"}, data.FrameTypeTimeSeriesMulti},
	{"events-prometheus", "events", nil, map[string]any{"model": "digits"}, data.FrameTypeTable},
	{"events-both", "events", map[string]any{"gnomon": true}, map[string]any{"model": "digits"}, data.FrameTypeTable},
	{"logs", "logs", map[string]any{"gnomon": true}, map[string]any{}, data.FrameTypeLogLines},
	{"traces", "traces", nil, map[string]any{"model": "digits"}, data.FrameTypeTable},
	{"status", "status", nil, map[string]any{}, data.FrameTypeNumericLong},
}

// round takes nine significant digits: the last ones are those of an order of
// summation.
func round(frames data.Frames) {
	nine := func(v float64) float64 {
		out, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 9, 64), 64)
		if err != nil {
			return v
		}
		return out
	}
	for _, f := range frames {
		for _, field := range f.Fields {
			for i := range field.Len() {
				switch v := field.At(i).(type) {
				case float64:
					field.Set(i, nine(v))
				case *float64:
					if v != nil {
						x := nine(*v)
						field.Set(i, &x)
					}
				}
			}
		}
	}
}

func TestGolden(t *testing.T) {
	for _, c := range golden {
		t.Run(c.name, func(t *testing.T) {
			d, m := recorded(t, c.name, c.settings)
			q := query(t, c.kind, m.From, m.To, c.query)
			out, err := d.QueryData(context.Background(), &backend.QueryDataRequest{Queries: []backend.DataQuery{q}})
			if err != nil {
				t.Fatal(err)
			}
			r := out.Responses["A"]
			if r.Error != nil {
				t.Fatal(r.Error)
			}
			if len(r.Frames) == 0 || r.Frames[0].Meta == nil || r.Frames[0].Meta.Type != c.frameType {
				t.Fatalf("frames: %d, the first is %+v; it must be of type %s", len(r.Frames), r.Frames, c.frameType)
			}
			for _, f := range r.Frames {
				if f.Meta.Type == data.FrameTypeTimeSeriesMulti && (len(f.Fields) != 2 || len(f.Fields[1].Labels) == 0) {
					t.Errorf("frame %q cannot be alerted on: %d fields, labels %v", f.Name, len(f.Fields), f.Fields[1].Labels)
				}
				if _, err := f.RowLen(); err != nil {
					t.Error(err)
				}
			}
			round(r.Frames)
			experimental.CheckGoldenJSONResponse(t, "testdata/golden", c.name, &r, *update)
		})
	}
}
