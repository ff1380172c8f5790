package offline

import (
	"errors"
	"fmt"

	"github.com/gnomon-dev/gnomon/driftlib/cbpe"
	"github.com/gnomon-dev/gnomon/driftlib/performance"
	"github.com/gnomon-dev/gnomon/exporter/table"
)

// Estimate is what a classifier's performance is expected to be without labels,
// from its calibrated confidence. It sees that the data have become harder, and
// is blind to labels that have changed their meaning.
type Estimate struct {
	Rows    int                           `json:"rows"` // that have a score, labelled or not
	Metrics map[string]performance.Metric `json:"metrics"`
}

// calibrator learns from a labelled reference what a score is worth.
func (o *EvaluateOptions) calibrator(reference *table.File) (*cbpe.Calibrator, error) {
	label, err := reference.Column(o.Label)
	if err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	column, err := reference.Column(o.Score)
	if err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	scores, err := asNumbers(column, o.Score)
	if err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	positive := o.Positive
	if label.Kind == table.Boolean && positive == "1" {
		positive = "true"
	}
	var score []float64
	var is []bool
	values := label.Values()
	for i, s := range scores {
		if !label.IsMissing(i) && !column.IsMissing(i) {
			score, is = append(score, s), append(is, values[i] == positive)
		}
	}
	c, err := cbpe.Fit(score, is)
	if errors.Is(err, cbpe.ErrEmpty) {
		return nil, fmt.Errorf("%w: the reference has no row with both %q and %q", ErrInput, o.Label, o.Score)
	}
	return c, err
}

// estimate fills in what the calibrator expects of the group's scores.
func (g *Group) estimate(c *cbpe.Calibrator, score []float64, threshold float64) error {
	if len(score) == 0 {
		return nil
	}
	p := make([]float64, len(score))
	for i, s := range score {
		p[i] = c.At(s)
	}
	e, err := cbpe.Binary(score, p, threshold)
	if err != nil {
		return fmt.Errorf("estimate: %w", err)
	}
	g.Estimate = &Estimate{Rows: e.N, Metrics: map[string]performance.Metric{"accuracy": e.Accuracy, "precision": e.Precision, "recall": e.Recall, "f1": e.F1, "roc_auc": e.ROCAUC}}
	return nil
}
