package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// health is what the check found out; it is also the result's JSON details.
type health struct {
	Prometheus prometheusHealth `json:"prometheus"`
	Models     []string         `json:"models"`
	Missing    []string         `json:"missing_metrics"`
	Recorded   bool             `json:"recording_rules"`
	Gnomon     *gnomonHealth    `json:"gnomon,omitempty"`
	Warnings   []string         `json:"warnings"`
}

type prometheusHealth struct {
	Version string  `json:"version"`
	Millis  float64 `json:"answer_ms"`
	Skew    float64 `json:"clock_skew_s"`
}

type gnomonHealth struct {
	Sidecars int      `json:"sidecars"`
	Answer   int      `json:"answer"`
	Versions []string `json:"versions"`
	Millis   float64  `json:"slowest_ms"`
	Skew     float64  `json:"largest_clock_skew_s"`
	Error    string   `json:"error,omitempty"`
}

// needed are the metrics that query types cannot do without, and what is lost.
var needed = [][2]string{
	{metricBins, "drift and distributions"},
	{metricShares, "drift against the training profile"},
	{"gnomon_requests_total", "error budgets"},
	{metricCalibration, "accuracy and calibration (they need labels)"},
	{metricComparisons, "comparisons with shadows"},
}

const (
	tolerableSkew = 30 * time.Second
	healthTimeout = 15 * time.Second
)

// CheckHealth says what works and what does not.
func (d *Datasource) CheckHealth(ctx context.Context, _ *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	var h health
	start := time.Now()
	build, err := d.prometheus.Build(ctx)
	if err != nil {
		return unhealthy(&h, err.Error()), nil
	}
	h.Prometheus = prometheusHealth{Version: build.Version, Millis: millis(time.Since(start)), Skew: build.Skew.Seconds()}
	if build.Skew.Abs() > tolerableSkew {
		h.Warnings = append(h.Warnings, fmt.Sprintf("the clock of %s differs from Grafana's by %s: \"now\" will miss the newest data", d.prometheus.Name, build.Skew))
	}
	if err := d.metricsHealth(ctx, &h); err != nil {
		return unhealthy(&h, err.Error()), nil
	}
	if d.gnomon != nil {
		d.sidecarHealth(ctx, &h)
	}
	if len(h.Models) == 0 {
		return unhealthy(&h, fmt.Sprintf("%s answers, but it has no metrics of gnomon in the last hour: is a sidecar scraped?", d.prometheus.Name)), nil
	}
	if h.Gnomon != nil && h.Gnomon.Answer == 0 {
		return unhealthy(&h, "Prometheus works, the sidecars do not: "+h.Gnomon.Error), nil
	}
	return d.healthy(&h), nil
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// metricsHealth looks for models, for the metrics that are needed and for the
// recorded rows.
func (d *Datasource) metricsHealth(ctx context.Context, h *health) (err error) {
	now := d.now()
	if h.Models, err = d.prometheus.LabelValues(ctx, "model", d.base.Of("gnomon_model_verdict"), now.Add(-time.Hour), now); err != nil {
		return err
	}
	var parts []string
	for _, m := range append([][2]string{{metricRecorded}}, needed...) {
		parts = append(parts, fmt.Sprintf(`label_replace(count(%s), "metric", %q, "", "")`, d.base.Of(m[0]), m[0]))
	}
	a, err := d.prometheus.Instant(ctx, strings.Join(parts, " or "), now)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for i := range a.Series {
		there[a.Series[i].Labels["metric"]] = true
	}
	h.Recorded = there[metricRecorded]
	for _, m := range needed {
		if !there[m[0]] && len(h.Models) > 0 {
			h.Missing = append(h.Missing, m[0])
			h.Warnings = append(h.Warnings, fmt.Sprintf("no series of %s: no %s", m[0], m[1]))
		}
	}
	return nil
}

func (d *Datasource) sidecarHealth(ctx context.Context, h *health) {
	h.Gnomon = &gnomonHealth{}
	replies, err := d.gnomon.Statuses(ctx)
	if err != nil {
		h.Gnomon.Error = err.Error()
	}
	h.Gnomon.Sidecars = len(replies)
	versions := map[string]bool{}
	var skew time.Duration
	for _, r := range replies {
		if r.Err != nil {
			h.Warnings = append(h.Warnings, r.Err.Error())
			continue
		}
		h.Gnomon.Answer++
		versions[r.Value.Build.Version] = true
		h.Gnomon.Millis = max(h.Gnomon.Millis, millis(r.Took))
		if r.Skew.Abs() > skew.Abs() {
			skew = r.Skew
		}
	}
	h.Gnomon.Versions, h.Gnomon.Skew = sortedKeys(versions), skew.Seconds()
	if skew.Abs() > tolerableSkew {
		h.Warnings = append(h.Warnings, fmt.Sprintf("the clock of a sidecar differs from Grafana's by %s", skew))
	}
}

func (d *Datasource) healthy(h *health) *backend.CheckHealthResult {
	version := "(it does not tell its version)"
	if h.Prometheus.Version != "" {
		version = h.Prometheus.Version
	}
	words := []string{fmt.Sprintf("Prometheus %s answers in %.0f ms. Models: %s.", version, h.Prometheus.Millis, some(h.Models))}
	if h.Recorded {
		words = append(words, "Recorded rows are there: drift over days is cheap.")
	} else {
		words = append(words, "No recorded rows (gnomon:feature_bin:rows1m): drift is computed from raw counters, which is slower over days.")
	}
	switch {
	case h.Gnomon == nil:
		words = append(words, "No sidecar is configured: without its API there are no worst records, and events have no words.")
	default:
		words = append(words, fmt.Sprintf("%d of %d sidecars answer (%s).", h.Gnomon.Answer, h.Gnomon.Sidecars, some(h.Gnomon.Versions)))
	}
	for _, w := range h.Warnings {
		words = append(words, "Warning: "+w+".")
	}
	return result(backend.HealthStatusOk, h, strings.Join(words, " "))
}

func unhealthy(h *health, words string) *backend.CheckHealthResult {
	return result(backend.HealthStatusError, h, words)
}

func result(status backend.HealthStatus, h *health, words string) *backend.CheckHealthResult {
	details, _ := json.Marshal(h) // plain values always marshal
	return &backend.CheckHealthResult{Status: status, Message: words, JSONDetails: details}
}
