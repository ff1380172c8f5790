package plugin

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/selector"
	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/upstream"
)

// sli is one service level indicator: bad and all events as expressions over a
// window. A new one is a row.
type sli struct {
	name      string
	objective float64
	drop      []string // labels that its metrics do not have
	bad, all  func(in *input, sel selector.Set, window string) string
}

func increase(metric string, more ...selector.Matcher) func(*input, selector.Set, string) string {
	return func(_ *input, sel selector.Set, w string) string {
		return "increase(" + sel.With(more...).Of(metric) + "[" + w + "])"
	}
}

// slis are the indicators that gnomon's counters carry in themselves.
// Client errors and cancelled requests are nobody's fault and count for
// nothing; before the first error bad is 0 and not absent, because every
// outcome is exported from the start.
func slis() []sli {
	failed := selector.Matcher{Label: "outcome", Op: selector.Match, Value: "infra_error|model_error"}
	counted := selector.Matcher{Label: "outcome", Op: selector.Match, Value: "infra_error|model_error|success"}
	quality := []string{"feature", "reference", "bin", "shadow"}
	return []sli{
		{"availability", .999, quality, increase("gnomon_requests_total", failed), increase("gnomon_requests_total", counted)},
		{"latency", .99, quality, slowRequests, increase("gnomon_request_duration_seconds_count")},
		{"accuracy", .95, quality, wrongAnswers, increase(metricCalibration)},
		{"agreement", .98, []string{"feature", "reference", "bin"}, ofTwins("gnomon_shadow_disagreements_total"), ofTwins(metricComparisons)},
		{"drift", .95, []string{"reference", "bin", "shadow"},
			func(_ *input, sel selector.Set, w string) string {
				return "sum_over_time(" + sel.Of("gnomon_feature_drifted") + "[" + w + "])"
			},
			func(_ *input, sel selector.Set, w string) string {
				return "count_over_time(" + sel.Of("gnomon_feature_drifted") + "[" + w + "])"
			}},
	}
}

// ofTwins counts only shadows that are meant to agree with the primary: a
// candidate or a baseline differs on purpose.
func ofTwins(metric string) func(*input, selector.Set, string) string {
	return func(in *input, sel selector.Set, w string) string {
		role := selector.Matcher{Label: "role", Op: selector.Match, Value: "twin|reference-precision"}
		return "(" + increase(metric)(in, sel, w) + " and on (model, model_version, shadow) " + sel.With(role).Of("gnomon_shadow_info") + ")"
	}
}

func slowRequests(in *input, sel selector.Set, w string) string {
	// Prometheus 3 stores le="1.0" where version 2 stored le="1".
	le := regexp.QuoteMeta(strconv.FormatFloat(in.latency(), 'f', -1, 64)) + `(\.0)?`
	all, quick := increase("gnomon_request_duration_seconds_count")(in, sel, w), increase("gnomon_request_duration_seconds_bucket", selector.Matcher{Label: "le", Op: selector.Match, Value: le})(in, sel, w)
	return "(" + all + " - ignoring (le) " + quick + ")"
}

func (in *input) latency() float64 {
	if in.Latency > 0 {
		return in.Latency
	}
	return .5
}

func wrongAnswers(in *input, sel selector.Set, w string) string {
	return "(" + increase(metricCalibration)(in, sel, w) + " - " + increase("gnomon_calibration_bin_correct_total")(in, sel, w) + ")"
}

var burnWindows = []string{"300s", "1800s", "3600s", "21600s", "86400s", "259200s"}

// slo shows error budgets: a table of all objectives, or burn rates over time.
func slo(ctx context.Context, in *input) (data.Frames, error) {
	chosen, err := in.chosenSLIs()
	if err != nil {
		return nil, err
	}
	if in.Format == "timeseries" {
		return in.burnSeries(ctx, chosen)
	}
	period := 30 * 24 * time.Hour
	if in.Period != "" {
		if period, err = in.parseDuration("period", in.Period); err != nil {
			return nil, err
		}
	}
	var rows []budget
	for _, s := range chosen {
		more, err := in.budgets(ctx, s, period)
		if err != nil {
			return nil, err
		}
		for i := range more {
			if len(more[i].bad) == 0 && s.name == "latency" {
				in.notice(data.NoticeSeverityWarning, "latencySeconds: %v is no bucket of gnomon_request_duration_seconds; choose one such as 0.1, 0.2, 0.5 or 1.", in.latency())
			}
		}
		rows = append(rows, more...)
	}
	if len(rows) == 0 {
		return nil, in.missing(ctx, "gnomon_requests_total")
	}
	return data.Frames{budgetFrame(rows, period)}, nil
}

func (in *input) chosenSLIs() ([]sli, error) {
	if in.Objective != 0 && (in.Objective <= 0 || in.Objective >= 1) {
		return nil, bad("objective: %v is not between 0 and 1; write 0.999 for 99.9 %%", in.Objective)
	}
	var out []sli
	var known []string
	wanted := in.SLO.list()
	for _, s := range slis() {
		known = append(known, s.name)
		if len(wanted) > 0 && !slices.Contains(wanted, s.name) {
			continue
		}
		if in.Objective != 0 {
			s.objective = in.Objective
		}
		out = append(out, s)
	}
	for _, w := range wanted {
		if !slices.Contains(known, w) {
			return nil, bad("slo: %.50q is none of %s", w, strings.Join(known, ", "))
		}
	}
	return out, nil
}

// budget is where one objective of one model stands.
type budget struct {
	slo                    string
	model, version, shadow string
	objective              float64
	bad, all               map[string]float64 // by window
}

const byObjective = "(model, model_version, shadow)"

func (in *input) budgets(ctx context.Context, s sli, period time.Duration) ([]budget, error) {
	whole := promDuration(period)
	sel := in.sel.Without(s.drop...)
	var parts []string
	windows := slices.Clone(burnWindows)
	if !slices.Contains(windows, whole) {
		windows = append(windows, whole)
	}
	for _, w := range windows {
		parts = append(parts,
			fmt.Sprintf(`label_replace(label_replace(sum by %s (%s), "window", %q, "", ""), "what", "bad", "", "")`, byObjective, s.bad(in, sel, w), w),
			fmt.Sprintf(`label_replace(label_replace(sum by %s (%s), "window", %q, "", ""), "what", "all", "", "")`, byObjective, s.all(in, sel, w), w))
	}
	a, err := in.ask(ctx, strings.Join(parts, "\n or "), in.to)
	if err != nil {
		return nil, err
	}
	found := map[string]*budget{}
	for i := range a.Series {
		l := a.Series[i].Labels
		key := groupKey(l, "model", "model_version", "shadow")
		b := found[key]
		if b == nil {
			b = &budget{slo: s.name, model: l["model"], version: l["model_version"], shadow: l["shadow"], objective: s.objective, bad: map[string]float64{}, all: map[string]float64{}}
			found[key] = b
		}
		side := b.all
		if l["what"] == "bad" {
			side = b.bad
		}
		side[l["window"]] = a.Series[i].Last()
		if l["window"] == whole {
			side["period"] = a.Series[i].Last()
		}
	}
	var out []budget
	for _, key := range sortedKeys(found) {
		out = append(out, *found[key])
	}
	return out, nil
}

// burn is the rate at which the budget is spent: 1 spends it in one period.
func (b *budget) burn(window string) float64 {
	bad, ok := b.bad[window]
	if b.all[window] <= 0 || !ok { // without bad events there is a 0, not nothing
		return math.NaN()
	}
	return max(bad, 0) / b.all[window] / (1 - b.objective)
}

// exhaustion is after how many seconds the budget is gone at the last hour's
// rate; NaN where it is not being spent.
func (b *budget) exhaustion(period time.Duration) float64 {
	left, rate := 1-b.burn("period"), b.burn("3600s")
	switch {
	case !finite(left) || !finite(rate) || rate <= 0:
		return math.NaN()
	case left <= 0:
		return 0
	}
	return left * period.Seconds() / rate
}

func budgetFrame(rows []budget, period time.Duration) *data.Frame {
	var text [4][]string
	objective := make([]float64, 0, len(rows))
	var current, remaining, exhausted []*float64
	burns := make([][]*float64, len(burnWindows))
	for i := range rows {
		b := &rows[i]
		for j, s := range []string{b.slo, b.model, b.version, b.shadow} {
			text[j] = append(text[j], s)
		}
		objective = append(objective, b.objective)
		used := b.burn("period")
		current = append(current, number(1-used*(1-b.objective)))
		remaining = append(remaining, number(1-used))
		exhausted = append(exhausted, number(b.exhaustion(period)))
		for j, w := range burnWindows {
			burns[j] = append(burns[j], number(b.burn(w)))
		}
	}
	f := data.NewFrame("slo",
		data.NewField("slo", nil, text[0]), data.NewField("model", nil, text[1]), data.NewField("model_version", nil, text[2]), data.NewField("shadow", nil, text[3]),
		unit(data.NewField("objective", nil, objective), "percentunit"),
		describe(unit(data.NewField("current", nil, current), "percentunit"), "Good over all events of the period"),
		describe(unit(data.NewField("budget_remaining", nil, remaining), "percentunit"), "Of the period's error budget; below 0 it is overspent"))
	for j, w := range []string{"5m", "30m", "1h", "6h", "1d", "3d"} {
		f.Fields = append(f.Fields, describe(data.NewField("burn_"+w, nil, burns[j]), "Burn rate: 1 spends the budget in exactly one period"))
	}
	f.Fields = append(f.Fields, describe(unit(data.NewField("exhausted_in", nil, exhausted), "s"), "Until the budget is gone, at the last hour's rate"))
	return typed(f, data.FrameTypeNumericLong, data.VisTypeTable)
}

// burnSeries is the burn rate of one window over time: what burn-rate alerts
// take.
func (in *input) burnSeries(ctx context.Context, chosen []sli) (data.Frames, error) {
	window := time.Hour
	if in.Window != "" && in.Window != "auto" {
		var err error
		if window, err = in.window(); err != nil {
			return nil, err
		}
	}
	g := in.grid(in.step(20))
	var frames data.Frames
	for _, s := range chosen {
		sel, w := in.sel.Without(s.drop...), promDuration(window)
		expr := fmt.Sprintf("clamp_min(sum by %[1]s (%[2]s), 0) / (sum by %[1]s (%[3]s) > 0) / %[4]v", byObjective, s.bad(in, sel, w), s.all(in, sel, w), 1-s.objective)
		a, err := in.askRange(ctx, expr, g)
		if err != nil {
			return nil, err
		}
		for i := range a.Series {
			frames = append(frames, burnFrame(s.name, &a.Series[i], g))
		}
	}
	if len(frames) == 0 {
		return nil, in.missing(ctx, "gnomon_requests_total")
	}
	return frames, nil
}

func burnFrame(name string, s *upstream.Series, g grid) *data.Frame {
	labels := pick(s.Labels, "model", "model_version", "shadow")
	labels["slo"] = name
	return seriesFrame("burn rate", labels, g.times(), nullable(s.Points, g))
}
