package offline

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gnomon-dev/gnomon/driftlib/performance"
)

// classification judges classes and, where there are any, probabilities.
func (g *Group) classification(p *predictions, rows []int, o *EvaluateOptions) error {
	g.Metrics = map[string]performance.Metric{}
	switch {
	case o.Score != "":
		return g.binary(p, rows, o)
	case len(o.Scores) > 0:
		return g.multiclass(p, rows, o)
	}
	c, err := confusion(rows, func(i int) (actual, predicted string) { return p.label[i], p.answer[i] })
	if err != nil {
		return err
	}
	g.labels(c, positiveOf(c, o.Positive))
	return nil
}

// positiveOf is the positive class of two classes; "" where there is none.
func positiveOf(c *performance.Confusion, positive string) string {
	if labels := c.Labels(); len(labels) <= 2 && slices.Contains(labels, positive) {
		return positive
	}
	return ""
}

func confusion(rows []int, of func(i int) (actual, predicted string)) (*performance.Confusion, error) {
	seen := map[string]bool{}
	var labels []string
	for _, i := range rows {
		a, b := of(i)
		for _, l := range [2]string{a, b} {
			if !seen[l] {
				seen[l] = true
				labels = append(labels, l)
			}
		}
	}
	slices.SortFunc(labels, byNumberThenText)
	c, err := performance.NewConfusion(labels...)
	if errors.Is(err, performance.ErrLabels) {
		return nil, fmt.Errorf("%w: %d distinct labels; is this a regression?", ErrInput, len(labels))
	}
	if err != nil {
		return nil, err
	}
	for _, i := range rows {
		if err := c.Observe(of(i)); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// labels are the metrics of classes alone: of the positive class where there
// is one, else the mean over the classes.
func (g *Group) labels(c *performance.Confusion, positive string) {
	m := g.Metrics
	m["accuracy"], m["balanced_accuracy"], m["mcc"], m["kappa"] = c.Accuracy(), c.BalancedAccuracy(), c.MCC(), c.Kappa()
	if positive != "" {
		m["precision"], m["recall"], m["f1"], m["specificity"] = c.Precision(positive), c.Recall(positive), c.F1(positive), c.Specificity(positive)
	} else {
		m["precision"], m["recall"], m["f1"] = c.AveragePrecisionOfLabels(performance.Macro), c.AverageRecall(performance.Macro), c.AverageF1(performance.Macro)
	}
	m["precision_weighted"], m["recall_weighted"], m["f1_weighted"] = c.AveragePrecisionOfLabels(performance.Weighted), c.AverageRecall(performance.Weighted), c.AverageF1(performance.Weighted)
	m["f1_macro"], m["f1_micro"] = c.AverageF1(performance.Macro), c.AverageF1(performance.Micro)
	g.Confusion = &Confusion{Labels: c.Labels(), Counts: c.Counts()}
	g.Classes = byClass(c)
}

// binary judges the probability of the positive class.
func (g *Group) binary(p *predictions, rows []int, o *EvaluateOptions) error {
	negative, err := negativeOf(p, rows, o.Positive)
	if err != nil {
		return err
	}
	n := len(rows)
	score, is, ofActual := make([]float64, n), make([]bool, n), make([]float64, n)
	for k, i := range rows {
		score[k], is[k] = p.score[0][i], p.label[i] == o.Positive
		if ofActual[k] = score[k]; !is[k] {
			ofActual[k] = 1 - score[k]
		}
	}
	c, err := confusion(rows, func(i int) (string, string) {
		if p.score[0][i] >= o.Threshold {
			return p.label[i], o.Positive
		}
		return p.label[i], negative
	})
	if err != nil {
		return err
	}
	g.labels(c, o.Positive)
	for name, f := range map[string]func() (performance.Metric, error){
		"roc_auc":           func() (performance.Metric, error) { return performance.ROCAUC(score, is) },
		"average_precision": func() (performance.Metric, error) { return performance.AveragePrecision(score, is) },
		"log_loss":          func() (performance.Metric, error) { return performance.LogLoss(ofActual) },
		"brier":             func() (performance.Metric, error) { return performance.Brier(score, is) },
	} {
		if g.Metrics[name], err = f(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	g.Curves = scoreCurves(score, is)
	if err := g.calibrate(score, is, o.ECEBins); err != nil {
		return err
	}
	return g.temperBinary(score, is)
}

// negativeOf is the name of the other class.
func negativeOf(p *predictions, rows []int, positive string) (string, error) {
	negative := "not " + positive
	found := false
	for _, i := range rows {
		switch l := p.label[i]; {
		case l == positive:
		case !found:
			negative, found = l, true
		case l != negative:
			return "", fmt.Errorf("%w: a single score, but the labels are %q, %q and %q; name the score columns of all classes", ErrInput, positive, negative, l)
		}
	}
	return negative, nil
}

// multiclass judges the probabilities of all classes.
func (g *Group) multiclass(p *predictions, rows []int, o *EvaluateOptions) error {
	names, err := classNames(p, o.Scores)
	if err != nil {
		return err
	}
	index := map[string]int{}
	for k, n := range names {
		index[n] = k
	}
	n := len(rows)
	of, actual := make([][]float64, n), make([]int, n)
	top, right, ofActual := make([]float64, n), make([]bool, n), make([]float64, n)
	best := map[int]int{}
	for k, i := range rows {
		of[k] = make([]float64, len(names))
		for c := range names {
			of[k][c] = p.score[c][i]
			if of[k][c] > of[k][best[i]] {
				best[i] = c
			}
		}
		actual[k] = index[p.label[i]]
		top[k], right[k], ofActual[k] = of[k][best[i]], best[i] == actual[k], of[k][actual[k]]
	}
	c, err := confusion(rows, func(i int) (string, string) { return p.label[i], names[best[i]] })
	if err != nil {
		return err
	}
	g.labels(c, positiveOf(c, o.Positive))
	topName := "top_" + strconv.Itoa(o.TopK)
	for name, f := range map[string]func() (performance.Metric, error){
		"log_loss": func() (performance.Metric, error) { return performance.LogLoss(ofActual) },
		"brier":    func() (performance.Metric, error) { return performance.BrierMulticlass(of, actual) },
		topName:    func() (performance.Metric, error) { return performance.TopK(of, actual, o.TopK) },
		"roc_auc":  func() (performance.Metric, error) { return oneVersusRest(of, actual) },
	} {
		if g.Metrics[name], err = f(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := g.calibrate(top, right, o.ECEBins); err != nil {
		return err
	}
	return g.calibrateClasses(of, actual, o.ECEBins)
}

// classNames says which class each score column stands for: the label that is
// the column's name; else labels that are positions, 0 and up; else, where
// there are as many labels as columns, the sorted labels.
func classNames(p *predictions, columns []string) ([]string, error) {
	var labels []string
	byName, byPosition := true, true
	for i, l := range p.label {
		if !p.use[i] || slices.Contains(labels, l) {
			continue
		}
		labels = append(labels, l)
		byName = byName && slices.Contains(columns, l)
		k, err := strconv.Atoi(l)
		byPosition = byPosition && err == nil && k >= 0 && k < len(columns) && strconv.Itoa(k) == l
	}
	slices.SortFunc(labels, byNumberThenText)
	switch {
	case byName:
		return columns, nil
	case byPosition:
		out := make([]string, len(columns))
		for k := range out {
			out[k] = strconv.Itoa(k)
		}
		return out, nil
	case len(labels) == len(columns):
		return labels, nil
	}
	return nil, fmt.Errorf("%w: %d score columns (%s), but %d labels (%s); name the columns after the labels", ErrInput, len(columns), strings.Join(columns, ", "), len(labels), strings.Join(labels[:min(len(labels), 10)], ", "))
}

// oneVersusRest is the mean over classes of the area under the curve of that
// class against all others. Its interval takes the classes' errors as one.
func oneVersusRest(of [][]float64, actual []int) (performance.Metric, error) {
	if len(of) == 0 {
		return performance.ROCAUC(nil, nil)
	}
	classes := len(of[0])
	out := performance.Metric{N: len(of)}
	score, is := make([]float64, len(of)), make([]bool, len(of))
	for c := range classes {
		for i := range of {
			score[i], is[i] = of[i][c], actual[i] == c
		}
		m, err := performance.ROCAUC(score, is)
		if err != nil {
			return m, err
		}
		if !m.Defined() {
			return performance.Metric{Undefined: fmt.Sprintf("class %d: %s", c, m.Undefined)}, nil
		}
		out.Value += m.Value / float64(classes)
		out.Lower += m.Lower / float64(classes)
		out.Upper += m.Upper / float64(classes)
	}
	return out, nil
}

func (g *Group) regression(p *predictions, rows []int, o *EvaluateOptions) error {
	actual, predicted := pick(p.value, rows), pick(p.number, rows)
	r, err := performance.Regress(actual, predicted)
	if err != nil {
		return err
	}
	g.Metrics = map[string]performance.Metric{"mae": r.MAE, "rmse": r.RMSE, "mape": r.MAPE, "r2": r.R2, "median_absolute_error": r.MedianAE, "bias": r.Bias}
	if o.Quantile > 0 {
		if g.Metrics["pinball_loss"], err = performance.Pinball(actual, predicted, o.Quantile); err != nil {
			return err
		}
		if g.Metrics["quantile_coverage"], err = performance.QuantileCoverage(actual, predicted); err != nil {
			return err
		}
	}
	if o.Lower != "" {
		if err := g.intervals(actual, predicted, pick(p.lower, rows), pick(p.upper, rows), o); err != nil {
			return err
		}
	}
	g.Curves = errorCurves(actual, predicted)
	return nil
}

func pick(values []float64, rows []int) []float64 {
	out := make([]float64, len(rows))
	for k, i := range rows {
		out[k] = values[i]
	}
	return out
}

// intervals judges prediction intervals: whether they hold what they should, and
// how narrow they are. For CRPS they and the prediction are three quantiles.
func (g *Group) intervals(actual, predicted, lower, upper []float64, o *EvaluateOptions) error {
	width, quantiles := make([]float64, len(lower)), make([][]float64, len(lower))
	for i := range lower {
		width[i] = upper[i] - lower[i]
		quantiles[i] = []float64{lower[i], predicted[i], upper[i]}
	}
	for name, f := range map[string]func() (performance.Metric, error){
		"interval_coverage": func() (performance.Metric, error) { return performance.Coverage(actual, lower, upper) },
		"interval_width":    func() (performance.Metric, error) { return performance.Mean(width) },
		"interval_score": func() (performance.Metric, error) {
			return performance.IntervalScore(actual, lower, upper, o.IntervalAlpha)
		},
		"crps": func() (performance.Metric, error) {
			return performance.CRPSQuantiles(actual, []float64{o.IntervalAlpha / 2, .5, 1 - o.IntervalAlpha/2}, quantiles)
		},
	} {
		m, err := f()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		g.Metrics[name] = m
	}
	return nil
}

func (g *Group) ranking(p *predictions, rows []int, depth int) error {
	index := map[string]int{}
	var queries []performance.Query
	for _, i := range rows {
		k, ok := index[p.query[i]]
		if !ok {
			k = len(queries)
			index[p.query[i]] = k
			queries = append(queries, performance.Query{})
		}
		queries[k].Relevance = append(queries[k].Relevance, p.value[i])
		queries[k].Score = append(queries[k].Score, p.score[0][i])
	}
	r, err := performance.Rank(queries, depth)
	if err != nil {
		return err
	}
	at := ""
	if depth > 0 {
		at = "_at_" + strconv.Itoa(depth)
	}
	g.Metrics = map[string]performance.Metric{"ndcg" + at: r.NDCG, "mrr": r.MRR, "hit_rate" + at: r.HitRate}
	return nil
}
