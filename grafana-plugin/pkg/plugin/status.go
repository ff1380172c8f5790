package plugin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/upstream"
)

// levels are the verdicts from the best to the worst; the number is what value
// mappings and alert rules take.
var levels = map[string]float64{"healthy": 0, "learning": 1, "unknown": 2, "warning": 3, "critical": 4}

// wordsFor is how long after the end of the range the sidecars' words, which are
// those of now, may still stand beside its verdict.
const wordsFor = time.Minute

// status is every model with its verdict: from Prometheus, the words from the
// sidecars where there are any.
func status(ctx context.Context, in *input) (data.Frames, error) {
	sel := in.sel.Without("feature", "reference", "bin", "shadow")
	a, err := in.ask(ctx, fmt.Sprintf("max by (model, model_version, level) (%s) == 1", sel.Of("gnomon_model_verdict")), in.to)
	if err != nil {
		return nil, err
	}
	worstOf := map[string]map[string]string{}
	for i := range a.Series {
		l := a.Series[i].Labels
		key := groupKey(l, "model", "model_version")
		if old, ok := worstOf[key]; !ok || levels[l["level"]] > levels[old["level"]] {
			worstOf[key] = l
		}
	}
	if len(worstOf) == 0 {
		return nil, in.missing(ctx, "gnomon_model_verdict")
	}
	if in.alert {
		return data.Frames{levelFrame(worstOf)}, nil
	}
	words := map[string]string{}
	if in.now().Sub(in.to) < wordsFor {
		words = in.findings(ctx)
	} else if in.gnomon != nil {
		in.notice(data.NoticeSeverityInfo, "The verdict is that of %s; the sidecars only know the words of now.", in.to.UTC().Format(time.DateTime))
	}
	f := data.NewFrame("status", data.NewField("model", nil, []string{}), data.NewField("model_version", nil, []string{}), data.NewField("verdict", nil, []string{}),
		describe(data.NewField("level", nil, []float64{}), "0 healthy, 1 learning, 2 unknown, 3 warning, 4 critical"), data.NewField("findings", nil, []string{}))
	for _, key := range sortedKeys(worstOf) {
		l := worstOf[key]
		f.AppendRow(l["model"], l["model_version"], l["level"], levels[l["level"]], words[key])
	}
	return data.Frames{typed(f, data.FrameTypeNumericLong, data.VisTypeTable)}, nil
}

// levelFrame is what an alert rule takes: the level by model. Its strings become
// labels, and an alert whose labels change with the words is another alert.
func levelFrame(worst map[string]map[string]string) *data.Frame {
	f := data.NewFrame("status", data.NewField("model", nil, []string{}), data.NewField("model_version", nil, []string{}), data.NewField("level", nil, []float64{}))
	for _, key := range sortedKeys(worst) {
		l := worst[key]
		f.AppendRow(l["model"], l["model_version"], levels[l["level"]])
	}
	return typed(f, data.FrameTypeNumericLong, data.VisTypeTable)
}

// findings are the words of the worst verdict of every model.
func (in *input) findings(ctx context.Context) map[string]string {
	out := map[string]string{}
	if in.gnomon == nil {
		return out
	}
	replies, err := in.gnomon.Statuses(ctx)
	if err != nil {
		in.notice(data.NoticeSeverityWarning, "No words for the verdicts: %v", err)
		return out
	}
	partly(in, replies)
	worst := map[string]float64{}
	for _, r := range replies {
		for _, m := range r.Value.Models {
			key := groupKey(map[string]string{"model": m.Name, "model_version": m.Version}, "model", "model_version")
			if old, ok := worst[key]; ok && old >= levels[m.Verdict.Level] {
				continue
			}
			worst[key], out[key] = levels[m.Verdict.Level], said(m)
		}
	}
	return out
}

func said(m upstream.Model) string {
	var words []string
	for _, f := range m.Verdict.Findings {
		words = append(words, f.Words)
	}
	return strings.Join(words, "; ")
}

// liveFrame is one moment of all models for the live channel.
func liveFrame(at time.Time, models []upstream.Model) *data.Frame {
	f := data.NewFrame("live", data.NewField("time", nil, []time.Time{}), data.NewField("model", nil, []string{}), data.NewField("model_version", nil, []string{}),
		data.NewField("verdict", nil, []string{}), data.NewField("level", nil, []float64{}),
		unit(data.NewField("requests", nil, []float64{}), "reqps"), unit(data.NewField("errors", nil, []*float64{}), "percentunit"),
		unit(data.NewField("p50", nil, []*float64{}), "s"), unit(data.NewField("p99", nil, []*float64{}), "s"))
	for _, m := range models {
		f.AppendRow(at, m.Name, m.Version, m.Verdict.Level, levels[m.Verdict.Level], m.Requests.PerSecond, m.Requests.ErrorRate, m.Requests.P50, m.Requests.P99)
	}
	return f
}
