package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/upstream"
)

// events are annotations: model changes, alarms, restarts. The sidecars tell
// them in words; without a sidecar they are read from Prometheus, which keeps
// them longer.
func events(ctx context.Context, in *input) (data.Frames, error) {
	list, err := in.happened(ctx)
	if err != nil {
		return nil, err
	}
	n := len(list)
	times := make([]time.Time, n)
	titles, texts, tags := make([]string, n), make([]string, n), make([]string, n)
	for i, e := range list {
		times[i] = e.Time
		titles[i] = strings.ReplaceAll(e.Kind, "_", " ") + " · " + strings.TrimSpace(e.Model+" "+e.Version)
		texts[i] = e.Words
		tags[i] = strings.Join(slices.DeleteFunc([]string{"gnomon", e.Kind, e.Level, e.Model}, func(s string) bool { return s == "" }), ",")
	}
	f := data.NewFrame("events", data.NewField("time", nil, times), data.NewField("title", nil, titles), data.NewField("text", nil, texts), data.NewField("tags", nil, tags))
	return data.Frames{typed(f, data.FrameTypeTable, data.VisTypeTable)}, nil
}

// logs are the same events as log lines.
func logs(ctx context.Context, in *input) (data.Frames, error) {
	list, err := in.happened(ctx)
	if err != nil {
		return nil, err
	}
	slices.Reverse(list) // the newest first, as logs are read
	n := len(list)
	times := make([]time.Time, n)
	body, severity, id, labels := make([]string, n), make([]string, n), make([]string, n), make([]json.RawMessage, n)
	for i, e := range list {
		times[i], body[i], severity[i] = e.Time, e.Words, logLevel(e.Level)
		id[i] = fmt.Sprintf("%d-%s-%s-%s", e.Time.UnixNano(), e.Kind, e.Model, e.Sidecar)
		l := map[string]string{"kind": e.Kind, "model": e.Model, "model_version": e.Version}
		if e.Sidecar != "" {
			l["sidecar"] = e.Sidecar
		}
		labels[i], _ = json.Marshal(l) // a map of strings always marshals
	}
	f := data.NewFrame("logs", data.NewField("timestamp", nil, times), data.NewField("body", nil, body), data.NewField("severity", nil, severity), data.NewField("id", nil, id), data.NewField("labels", nil, labels))
	return data.Frames{typed(f, data.FrameTypeLogLines, data.VisTypeLogs)}, nil
}

func logLevel(level string) string {
	switch level {
	case "critical":
		return "critical"
	case "warning":
		return "warning"
	}
	return "info"
}

// happened lists the events of the range in order. What both upstreams know of
// one kind is told once: by the sidecar.
func (in *input) happened(ctx context.Context) ([]upstream.Event, error) {
	recorded, err := in.recordedEvents(ctx)
	if err != nil {
		return nil, err
	}
	told, err := in.toldEvents(ctx)
	if err != nil {
		if len(recorded) == 0 {
			return nil, err
		}
		in.notice(data.NoticeSeverityWarning, "Only what Prometheus knows is shown: %v", err)
	}
	list := told
	for _, r := range recorded {
		if !slices.ContainsFunc(told, func(t upstream.Event) bool {
			return t.Kind == r.Kind && t.Model == r.Model && t.Time.Sub(r.Time).Abs() < 2*time.Minute
		}) {
			list = append(list, r)
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Time.Before(list[j].Time) })
	if len(list) == 0 {
		in.notice(data.NoticeSeverityInfo, "Nothing happened in this range.")
	}
	return list, nil
}

// toldEvents are the sidecars'. Replicas tell the same: one a kind, model and
// few seconds.
func (in *input) toldEvents(ctx context.Context) ([]upstream.Event, error) {
	if in.gnomon == nil {
		return nil, nil
	}
	replies, err := in.gnomon.Events(ctx, in.from)
	if err != nil {
		return nil, err
	}
	partly(in, replies)
	models, versions := in.Model.list(), in.Version.list()
	var out []upstream.Event
	for _, r := range replies {
		for _, e := range r.Value {
			if e.Time.Before(in.from) || e.Time.After(in.to) || (len(models) > 0 && !slices.Contains(models, e.Model)) || (len(versions) > 0 && !slices.Contains(versions, e.Version)) {
				continue
			}
			out = append(out, e)
		}
	}
	return out, nil
}

// recordedEvents reads changes of the model and alarms from counters and
// gauges.
func (in *input) recordedEvents(ctx context.Context) ([]upstream.Event, error) {
	sel := in.sel.Without("reference", "bin", "shadow", "feature")
	const by = "(model, model_version)"
	g := in.grid(max(in.step(10), 15*time.Second))
	expr := fmt.Sprintf(`label_replace(max by %[1]s (gnomon_model_last_change_timestamp_seconds%[2]s), "what", "change", "", "")
 or label_replace(count by %[1]s (gnomon_feature_drifted%[2]s == 1), "what", "input_drift", "", "")
 or label_replace(max by %[1]s (gnomon_accuracy_alarm%[2]s == 1), "what", "accuracy", "", "")`, by, sel.Of(""))
	a, err := in.askRange(ctx, expr, g)
	if err != nil {
		return nil, err
	}
	var out []upstream.Event
	for i := range a.Series {
		s := &a.Series[i]
		e := upstream.Event{Kind: s.Labels["what"], Level: "warning", Model: s.Labels["model"], Version: s.Labels["model_version"]}
		if e.Kind == "change" {
			out = append(out, changesOf(e, s.Points, in.from, in.to)...)
			continue
		}
		out = append(out, beginnings(e, s.Points, g)...)
	}
	return out, nil
}

// changesOf is an event for every moment that the gauge of the last change
// names.
func changesOf(e upstream.Event, points []upstream.Point, from, to time.Time) (out []upstream.Event) {
	last := 0.0
	for _, p := range points {
		if p.Value == last || p.Value <= 0 {
			continue
		}
		last = p.Value
		e.Time = time.UnixMilli(int64(p.Value * 1000)).UTC()
		if e.Time.Before(from) || e.Time.After(to) {
			continue
		}
		e.Kind, e.Words = "model_change", "what the primary serves has changed"
		out = append(out, e)
	}
	return out
}

// beginnings is an event wherever an alarm begins: a point without one before.
// An alarm that lasts since before the range began before it.
func beginnings(e upstream.Event, points []upstream.Point, g grid) (out []upstream.Event) {
	previous := g.from.UnixMilli()
	for _, p := range points {
		if p.Millis-previous > g.step.Milliseconds() {
			e.Time = time.UnixMilli(p.Millis).UTC()
			e.Words = "accuracy has fallen below its baseline"
			if e.Kind == "input_drift" {
				e.Words = fmt.Sprintf("large input drift in %.0f features", p.Value)
			}
			out = append(out, e)
		}
		previous = p.Millis
	}
	return out
}
