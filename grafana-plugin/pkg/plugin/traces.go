package plugin

import (
	"context"
	"sort"
	"strconv"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// traces lists the slowest traced requests of the range by the exemplars of
// their histogram; the panel links trace_id to the tracing data source.
func traces(ctx context.Context, in *input) (data.Frames, error) {
	sel := in.sel.Without("feature", "reference", "bin", "shadow")
	list, err := in.prometheus.Exemplars(ctx, sel.Of("gnomon_request_duration_seconds_bucket"), in.from, in.to)
	if err != nil {
		return nil, older(err, "store of exemplars")
	}
	type row struct {
		at             time.Time
		trace, model   string
		version, route string
		seconds        float64
	}
	var rows []row
	for _, s := range list {
		for _, p := range s.Points {
			v, err := strconv.ParseFloat(p.Value, 64)
			id := p.Labels["trace_id"]
			if err != nil || id == "" {
				continue
			}
			rows = append(rows, row{time.UnixMilli(int64(p.Time * 1000)).UTC(), id, s.Series["model"], s.Series["model_version"], s.Series["tap"], v})
		}
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i].seconds > rows[j].seconds })
	limit := in.Limit
	if limit <= 0 {
		limit = 50
	}
	rows = rows[:min(len(rows), limit)]
	f := data.NewFrame("traces",
		data.NewField("time", nil, make([]time.Time, len(rows))), data.NewField("trace_id", nil, make([]string, len(rows))),
		unit(data.NewField("duration", nil, make([]float64, len(rows))), "s"),
		data.NewField("model", nil, make([]string, len(rows))), data.NewField("model_version", nil, make([]string, len(rows))), data.NewField("tap", nil, make([]string, len(rows))))
	for i, r := range rows {
		f.SetRow(i, r.at, r.trace, r.seconds, r.model, r.version, r.route)
	}
	if len(rows) == 0 {
		in.notice(data.NoticeSeverityInfo, "No exemplar with a trace_id in this range: Prometheus needs --enable-feature=exemplar-storage, and requests a traceparent header.")
	}
	return data.Frames{typed(f, data.FrameTypeTable, data.VisTypeTable)}, nil
}
