package plugin

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
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
	all = byRank(all)
	if len(all) == 0 {
		in.notice(data.NoticeSeverityInfo, "No record is kept: none was bad enough, or keeping them is not configured.")
	}
	return data.Frames{worstFrame(all[:min(len(all), limit)])}, nil
}

// byRank lays the reasons' lists into one: the first of each reason, then the
// second of each. Scores of different reasons are on different scales: a
// probability, a distance.
func byRank(all []upstream.Record) []upstream.Record {
	sort.SliceStable(all, func(i, j int) bool {
		return all[i].Score != nil && (all[j].Score == nil || *all[i].Score > *all[j].Score)
	})
	type placed struct {
		upstream.Record
		rank int
	}
	seen, list := map[string]int{}, make([]placed, len(all))
	for i, r := range all {
		list[i] = placed{r, seen[r.Reason]}
		seen[r.Reason]++
	}
	place := func(reason string) int { return slices.Index(reasons[:], reason) }
	sort.SliceStable(list, func(i, j int) bool {
		if list[i].rank != list[j].rank {
			return list[i].rank < list[j].rank
		}
		return place(list[i].Reason) < place(list[j].Reason)
	})
	for i := range list {
		all[i] = list[i].Record
	}
	return all
}

// reasons are in the order in which a person wants to see them.
var reasons = [...]string{"wrong", "disagreement", "low_confidence", "outlier"}

// restsOn names the parts of the input that decided an answer.
func restsOn(r upstream.Record) string {
	if r.Explanation == nil {
		return ""
	}
	var parts []string
	for _, a := range r.Explanation.Attributions[:min(len(r.Explanation.Attributions), 3)] {
		parts = append(parts, fmt.Sprintf("%s (%+.2g)", a.Part, a.Value))
	}
	return strings.Join(parts, ", ")
}

func worstFrame(records []upstream.Record) *data.Frame {
	n := len(records)
	times := make([]time.Time, n)
	var text [8][]string
	for i := range text {
		text[i] = make([]string, n)
	}
	score, confidence := make([]*float64, n), make([]*float64, n)
	for i, r := range records {
		times[i], score[i], confidence[i] = r.Time, r.Score, r.Confidence
		for j, s := range []string{r.ID, r.Reason, r.Predicted, r.Actual, r.Words, restsOn(r), r.TraceID, r.Sidecar} {
			text[j][i] = s
		}
	}
	return typed(data.NewFrame("worst records",
		data.NewField("time", nil, times), data.NewField("id", nil, text[0]), data.NewField("reason", nil, text[1]),
		data.NewField("score", nil, score), data.NewField("predicted", nil, text[2]), data.NewField("actual", nil, text[3]),
		unit(data.NewField("confidence", nil, confidence), "percentunit"), data.NewField("words", nil, text[4]),
		describe(data.NewField("rests_on", nil, text[5]), "The parts of the input without which the score falls most, and by how much"),
		data.NewField("trace_id", nil, text[6]), data.NewField("sidecar", nil, text[7]),
	), data.FrameTypeTable, data.VisTypeTable)
}
