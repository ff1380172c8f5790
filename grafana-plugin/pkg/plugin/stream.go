package plugin

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/selector"
	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/upstream"
)

// Channels: "live" is all models, "live/NAME" one of them: verdict, rate of
// requests, errors and latency, every few seconds.
const (
	channel      = "live"
	streamPeriod = 2 * time.Second
)

// streamed is the model that a channel's path names; "" is all.
func streamed(path string) (model string, ok bool) {
	head, model, _ := strings.Cut(path, "/")
	return model, head == channel
}

// SubscribeStream lets everyone who may query the data source listen.
func (d *Datasource) SubscribeStream(_ context.Context, req *backend.SubscribeStreamRequest) (*backend.SubscribeStreamResponse, error) {
	if _, ok := streamed(req.Path); !ok {
		return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusNotFound}, nil
	}
	return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusOK}, nil
}

// PublishStream refuses: nobody writes to these channels.
func (d *Datasource) PublishStream(context.Context, *backend.PublishStreamRequest) (*backend.PublishStreamResponse, error) {
	return &backend.PublishStreamResponse{Status: backend.PublishStreamStatusPermissionDenied}, nil
}

// RunStream sends frames until nobody listens any more. An upstream that is
// gone for a while does not end the stream: its fault is logged once, and the
// frames go on when it is back.
func (d *Datasource) RunStream(ctx context.Context, req *backend.RunStreamRequest, sender *backend.StreamSender) error {
	model, _ := streamed(req.Path)
	tick := time.NewTicker(streamPeriod)
	defer tick.Stop()
	failing := false
	for {
		models, err := d.live(ctx, model)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !failing:
			d.log.Warn("the live stream waits for its upstream", "path", req.Path, "error", err)
		case err == nil:
			if err := sender.SendFrame(liveFrame(d.now().UTC(), models), data.IncludeAll); err != nil {
				return fmt.Errorf("send a frame: %w", err)
			}
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// live is where the models stand now: from the sidecars, else from Prometheus.
func (d *Datasource) live(ctx context.Context, model string) ([]upstream.Model, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if d.gnomon == nil {
		return d.liveFromPrometheus(ctx, model)
	}
	replies, err := d.gnomon.Statuses(ctx)
	if err != nil {
		return nil, err
	}
	merged := map[string]*upstream.Model{}
	for _, r := range replies {
		for _, m := range r.Value.Models {
			if model != "" && m.Name != model {
				continue
			}
			key := m.Name + "\xff" + m.Version
			if have := merged[key]; have != nil {
				merge(have, m)
				continue
			}
			merged[key] = &m
		}
	}
	return inOrder(merged), nil
}

// merge adds a replica: rates add up, of the rest the worst counts.
func merge(into *upstream.Model, m upstream.Model) {
	if levels[m.Verdict.Level] > levels[into.Verdict.Level] {
		into.Verdict = m.Verdict
	}
	into.Requests.PerSecond += m.Requests.PerSecond
	into.Requests.ErrorRate = larger(into.Requests.ErrorRate, m.Requests.ErrorRate)
	into.Requests.P50 = larger(into.Requests.P50, m.Requests.P50)
	into.Requests.P99 = larger(into.Requests.P99, m.Requests.P99)
}

func larger(a, b *float64) *float64 {
	if a == nil || (b != nil && *b > *a) {
		return b
	}
	return a
}

func inOrder(m map[string]*upstream.Model) []upstream.Model {
	out := make([]upstream.Model, 0, len(m))
	for _, key := range sortedKeys(m) {
		out = append(out, *m[key])
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

func (d *Datasource) liveFromPrometheus(ctx context.Context, model string) ([]upstream.Model, error) {
	sel := d.base
	if model != "" {
		sel = sel.With(selector.OneOf("model", []string{model})...)
	}
	s := sel.Of("")
	const by = "(model, model_version)"
	expr := fmt.Sprintf(`label_replace(sum by %[1]s (rate(gnomon_requests_total%[2]s[1m])), "what", "rate", "", "")
 or label_replace(sum by %[1]s (rate(gnomon_requests_total%[3]s[1m])) / (sum by %[1]s (rate(gnomon_requests_total%[2]s[1m])) > 0), "what", "errors", "", "")
 or label_replace(histogram_quantile(0.5, sum by (model, model_version, le) (rate(gnomon_request_duration_seconds_bucket%[2]s[1m]))), "what", "p50", "", "")
 or label_replace(histogram_quantile(0.99, sum by (model, model_version, le) (rate(gnomon_request_duration_seconds_bucket%[2]s[1m]))), "what", "p99", "", "")
 or label_replace(max by (model, model_version, level) (gnomon_model_verdict%[2]s) == 1, "what", "verdict", "", "")`,
		by, s, sel.With(selector.Matcher{Label: "outcome", Op: selector.Match, Value: "infra_error|model_error"}).Of(""))
	a, err := d.prometheus.Instant(ctx, expr, d.now())
	if err != nil {
		return nil, err
	}
	merged := map[string]*upstream.Model{}
	for i := range a.Series {
		l, v := a.Series[i].Labels, a.Series[i].Last()
		key := groupKey(l, "model", "model_version")
		m := merged[key]
		if m == nil {
			m = &upstream.Model{Name: l["model"], Version: l["model_version"]}
			merged[key] = m
		}
		switch l["what"] {
		case "rate":
			m.Requests.PerSecond = v
		case "errors":
			m.Requests.ErrorRate = number(v)
		case "p50":
			m.Requests.P50 = number(v)
		case "p99":
			m.Requests.P99 = number(v)
		case "verdict":
			if levels[l["level"]] >= levels[m.Verdict.Level] {
				m.Verdict.Level = l["level"]
			}
		}
	}
	return inOrder(merged), nil
}
