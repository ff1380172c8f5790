package offline

import (
	"fmt"

	"github.com/gnomon-dev/gnomon/driftlib/cbpe"
	"github.com/gnomon-dev/gnomon/driftlib/performance"
	"github.com/gnomon-dev/gnomon/exporter/table"
)

// The tasks of EvaluateOptions.
const (
	Classification = "classification"
	Regression     = "regression"
	Ranking        = "ranking"
)

// EvaluateOptions name the columns of recorded predictions. Exactly one of
// Score, Scores and Prediction is given.
type EvaluateOptions struct {
	Task       string
	Label      string   // what really happened
	Score      string   // probability of the positive class; of ranking: the score
	Scores     []string // probability of every class
	Prediction string   // the predicted class, or the predicted value
	Positive   string
	Threshold  float64 // Score at which the positive class is predicted
	GroupBy    string
	Query      string // ranking: the list that a row belongs to
	Depth      int    // ranking: NDCG and hit rate at this depth
	ECEBins    int
	TopK       int // scores of all classes: the metric top_K; 3 where 0
	// Lower and Upper are the ends of prediction intervals of a regression that
	// should miss a share IntervalAlpha; Quantile, where above 0, is the level that
	// Prediction is the quantile of.
	Lower, Upper  string
	IntervalAlpha float64
	Quantile      float64
	// Reference is labelled predictions, by which performance is estimated where
	// there are no labels yet; nil for none. Classification with Score.
	Reference *table.File
}

// Evaluation is the document of gnomon evaluate.
type Evaluation struct {
	Task    string         `json:"task"`
	Rows    int            `json:"rows"`
	Skipped map[string]int `json:"skipped"` // rows that were left out, by reason
	Groups  []Group        `json:"groups"`
}

// Group is the rows of one value of the group column, or all of them.
type Group struct {
	Name        string                        `json:"name"`
	Rows        int                           `json:"rows"`
	Metrics     map[string]performance.Metric `json:"metrics"`
	Calibration *Calibration                  `json:"calibration,omitempty"`
	Confusion   *Confusion                    `json:"confusion,omitempty"`
	Classes     []ClassMetrics                `json:"classes,omitempty"`
	Estimate    *Estimate                     `json:"estimate,omitempty"`
	Curves      *Curves                       `json:"curves,omitempty"`
}

// Confusion are counts by actual (row) and predicted (column) label.
type Confusion struct {
	Labels []string  `json:"labels"`
	Counts [][]int64 `json:"counts"`
}

// Evaluate says how good recorded predictions are.
func Evaluate(data *table.File, o EvaluateOptions) (*Evaluation, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	rows, err := o.read(data)
	if err != nil {
		return nil, err
	}
	var expected *cbpe.Calibrator
	if o.Reference != nil {
		if expected, err = o.calibrator(o.Reference); err != nil {
			return nil, err
		}
	}
	out := &Evaluation{Task: o.Task, Rows: data.Rows(), Skipped: rows.skipped}
	for _, g := range rows.groups() {
		group := Group{Name: g.name, Rows: len(g.rows)}
		switch {
		case o.Task == Regression:
			err = group.regression(rows, g.rows, &o)
		case o.Task == Ranking:
			err = group.ranking(rows, g.rows, o.Depth)
		default:
			err = group.classification(rows, g.rows, &o)
		}
		if err == nil && expected != nil {
			err = group.estimate(expected, rows.scoresOf(g.scored), o.Threshold)
		}
		if err != nil {
			return nil, fmt.Errorf("group %q: %w", g.name, err)
		}
		out.Groups = append(out.Groups, group)
	}
	return out, nil
}

func (o *EvaluateOptions) validate() error {
	given := 0
	for _, is := range []bool{o.Score != "", len(o.Scores) > 0, o.Prediction != ""} {
		if is {
			given++
		}
	}
	switch {
	case o.Label == "":
		return fmt.Errorf("%w: no label column; name it", ErrInput)
	case given != 1:
		return fmt.Errorf("%w: name exactly one of the score column, the score columns of all classes, and the prediction column", ErrInput)
	case o.Task == Regression && o.Prediction == "":
		return fmt.Errorf("%w: regression needs the prediction column", ErrInput)
	case o.Task == Ranking && (o.Score == "" || o.Query == ""):
		return fmt.Errorf("%w: ranking needs the score column and the query column", ErrInput)
	case len(o.Scores) == 1:
		return fmt.Errorf("%w: one column of scores; name it as the score of the positive class, or name all classes", ErrInput)
	case o.ECEBins < 1 || o.ECEBins > 10_000:
		return fmt.Errorf("%w: %d calibration bins; give 1 to 10000", ErrInput, o.ECEBins)
	case o.Reference != nil && (o.Task != Classification || o.Score == ""):
		return fmt.Errorf("%w: only the score of a positive class can be estimated from a reference", ErrInput)
	}
	return o.validateIntervals()
}

func (o *EvaluateOptions) validateIntervals() error {
	if o.TopK == 0 {
		o.TopK = 3
	}
	if o.IntervalAlpha == 0 {
		o.IntervalAlpha = .1
	}
	switch {
	case o.TopK < 0:
		return fmt.Errorf("%w: top %d; give 1 or more", ErrInput, o.TopK)
	case (o.Lower == "") != (o.Upper == ""):
		return fmt.Errorf("%w: an interval has two ends; name the columns of both", ErrInput)
	case o.Task != Regression && (o.Lower != "" || o.Quantile != 0):
		return fmt.Errorf("%w: intervals and quantiles are of a regression; give the task", ErrInput)
	case !(o.IntervalAlpha > 0 && o.IntervalAlpha < 1) || !(o.Quantile >= 0 && o.Quantile < 1):
		return fmt.Errorf("%w: intervals that miss %v, a quantile of %v; both lie between 0 and 1", ErrInput, o.IntervalAlpha, o.Quantile)
	}
	return nil
}
