package plugin

import (
	"context"
	"fmt"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

const metricExperiment = "gnomon_experiment_delta"

// experiments shows canaries, A/B tests and shadows that are compared by key
// figures: the difference of the arms with its confidence sequence, which holds
// however often a panel is looked at, and the decision; or the difference over
// time.
func experiments(ctx context.Context, in *input) (data.Frames, error) {
	if in.Format == "timeseries" {
		return in.deltaSeries(ctx)
	}
	sel := in.sel.Without("feature", "reference", "bin", "shadow")
	w := promDuration(min(in.span(), lookback))
	one := func(metric, what, more string) string {
		return fmt.Sprintf(`label_replace(avg by (model, model_version, experiment, kpi%s) (last_over_time(%s[%s])), "what", "%s", "", "")`, more, sel.Of(metric), w, what)
	}
	expr := one(metricExperiment, "delta", "") + " or " + one("gnomon_experiment_delta_lower", "lower", "") + " or " + one("gnomon_experiment_delta_upper", "upper", "") +
		" or " + one("gnomon_experiment_margin", "margin", "") + " or " + one("gnomon_experiment_value", "value", ", arm") + " or " + one("gnomon_experiment_samples", "samples", ", arm") +
		fmt.Sprintf(` or label_replace(max by (model, model_version, experiment, decision) (last_over_time(%s[%s])) == 1, "what", "decision", "", "")`, sel.Of("gnomon_experiment_decision"), w)
	a, err := in.ask(ctx, expr, in.to)
	if err != nil {
		return nil, err
	}
	rows, decisions := map[string]*experimentRow{}, map[string]string{}
	for i := range a.Series {
		s := &a.Series[i]
		if s.Labels["what"] == "decision" {
			key := groupKey(s.Labels, "model", "model_version", "experiment")
			decisions[key] = graver(decisions[key], s.Labels["decision"])
			continue
		}
		key := groupKey(s.Labels, "model", "model_version", "experiment", "kpi")
		if rows[key] == nil {
			rows[key] = &experimentRow{labels: s.Labels, values: map[string]float64{}}
		}
		rows[key].values[s.Labels["what"]+s.Labels["arm"]] = s.Last()
	}
	if len(rows) == 0 {
		return nil, in.missing(ctx, metricExperiment)
	}
	for _, r := range rows {
		r.decision = decisions[groupKey(r.labels, "model", "model_version", "experiment")]
	}
	return data.Frames{experimentFrame(rows)}, nil
}

// graver is the decision to show where replicas differ: what undoes most.
func graver(a, b string) string {
	grave := map[string]int{"promote": 1, "hold": 2, "roll_back": 3}
	if grave[a] > grave[b] {
		return a
	}
	return b
}

type experimentRow struct {
	labels   map[string]string
	values   map[string]float64
	decision string
}

func (r *experimentRow) value(what string) *float64 {
	if v, ok := r.values[what]; ok {
		return number(v)
	}
	return nil
}

// says puts the figure in words. Whether more of it is better only the
// experiment knows: its decision tells.
func (r *experimentRow) says() string {
	lower, upper := r.value("lower"), r.value("upper")
	switch {
	case lower == nil || upper == nil:
		return "too few records yet"
	case *lower > 0:
		return "higher in the treatment"
	case *upper < 0:
		return "lower in the treatment"
	}
	return "no certain difference"
}

func experimentFrame(rows map[string]*experimentRow) *data.Frame {
	names := [...]string{"model", "model_version", "experiment", "kpi"}
	numbers := [...]string{"valuecontrol", "valuetreatment", "delta", "lower", "upper", "margin", "samplescontrol", "samplestreatment"}
	var text [len(names)][]string
	var values [len(numbers)][]*float64
	var decisions, says []string
	for _, key := range sortedKeys(rows) {
		r := rows[key]
		for i, name := range names {
			text[i] = append(text[i], r.labels[name])
		}
		for i, what := range numbers {
			values[i] = append(values[i], r.value(what))
		}
		decisions, says = append(decisions, r.decision), append(says, r.says())
	}
	f := data.NewFrame("experiments")
	for i, name := range names {
		f.Fields = append(f.Fields, data.NewField(name, nil, text[i]))
	}
	f.Fields = append(f.Fields, describe(data.NewField("decision", nil, decisions), "Of the experiment, over all of its figures"))
	for i, c := range [...]struct{ name, words string }{
		{"control", "Mean of the control"}, {"treatment", "Mean of the treatment"}, {"delta", "Treatment less control"},
		{"lower", "95 % confidence sequence: holds at all times at once"}, {"upper", "95 % confidence sequence"},
		{"margin", "How much worse the treatment may be"}, {"records_control", "Labelled records of the control"}, {"records_treatment", "Labelled records of the treatment"},
	} {
		f.Fields = append(f.Fields, describe(data.NewField(c.name, nil, values[i]), c.words))
	}
	f.Fields = append(f.Fields, data.NewField("says", nil, says))
	return typed(f, data.FrameTypeNumericLong, data.VisTypeTable)
}

// deltaSeries is the difference of the arms over time, with the sequence's ends.
func (in *input) deltaSeries(ctx context.Context) (data.Frames, error) {
	sel := in.sel.Without("feature", "reference", "bin", "shadow")
	g := in.grid(in.step(20))
	one := func(metric, what string) string {
		return fmt.Sprintf(`label_replace(avg by (model, model_version, experiment, kpi) (%s), "what", "%s", "", "")`, sel.Of(metric), what)
	}
	a, err := in.askRange(ctx, one(metricExperiment, "delta")+" or "+one("gnomon_experiment_delta_lower", "lower 95 %")+" or "+one("gnomon_experiment_delta_upper", "upper 95 %"), g)
	if err != nil {
		return nil, err
	}
	if len(a.Series) == 0 {
		return nil, in.missing(ctx, metricExperiment)
	}
	var frames data.Frames
	for i := range a.Series {
		s := &a.Series[i]
		frames = append(frames, seriesFrame(s.Labels["what"], pick(s.Labels, "model", "model_version", "experiment", "kpi"), g.times(), nullable(s.Points, g)))
	}
	return frames, nil
}
