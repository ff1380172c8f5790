package plugin

import (
	"context"
	"sort"
	"strconv"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/upstream"
)

// worst lists the records that sidecars keep as the worst by a reason: failing,
// disagreeing, unsure, far from the reference. What a sidecar does not tell,
// because its privacy rules forbid it, is not asked for elsewhere.
func worst(ctx context.Context, in *input) (data.Frames, error) {
	if in.gnomon == nil {
		return nil, needsSidecar("single records")
	}
	models := in.Model.list()
	if len(models) != 1 {
		return nil, bad("model: choose one model; worst records are kept model by model")
	}
	limit := in.Limit
	if limit <= 0 {
		limit = 50
	}
	if limit > 1000 {
		return nil, bad("limit: %d is more than 1000", limit)
	}
	version := ""
	if v := in.Version.list(); len(v) == 1 {
		version = v[0]
	}
	replies, err := in.gnomon.Worst(ctx, models[0], version, in.Reason, strconv.Itoa(limit))
	if err != nil {
		return nil, older(err, "list of worst records")
	}
	partly(in, replies)
	var all []upstream.Record
	for _, r := range replies {
		all = append(all, r.Value...)
	}
	sort.SliceStable(all, func(i, j int) bool {
		return all[j].Score == nil || (all[i].Score != nil && *all[i].Score > *all[j].Score)
	})
	if len(all) == 0 {
		in.notice(data.NoticeSeverityInfo, "No record is kept: none was bad enough, or keeping them is not configured.")
	}
	return data.Frames{worstFrame(all[:min(len(all), limit)])}, nil
}

func worstFrame(records []upstream.Record) *data.Frame {
	n := len(records)
	times := make([]time.Time, n)
	var text [7][]string
	for i := range text {
		text[i] = make([]string, n)
	}
	score, confidence := make([]*float64, n), make([]*float64, n)
	for i, r := range records {
		times[i], score[i], confidence[i] = r.Time, r.Score, r.Confidence
		for j, s := range []string{r.ID, r.Reason, r.Predicted, r.Actual, r.Words, r.TraceID, r.Sidecar} {
			text[j][i] = s
		}
	}
	return typed(data.NewFrame("worst records",
		data.NewField("time", nil, times), data.NewField("id", nil, text[0]), data.NewField("reason", nil, text[1]),
		data.NewField("score", nil, score), data.NewField("predicted", nil, text[2]), data.NewField("actual", nil, text[3]),
		unit(data.NewField("confidence", nil, confidence), "percentunit"), data.NewField("words", nil, text[4]),
		data.NewField("trace_id", nil, text[5]), data.NewField("sidecar", nil, text[6]),
	), data.FrameTypeTable, data.VisTypeTable)
}
