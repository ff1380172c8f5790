package offline

import (
	"fmt"
	"slices"
	"strconv"

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
}

// Confusion are counts by actual (row) and predicted (column) label.
type Confusion struct {
	Labels []string  `json:"labels"`
	Counts [][]int64 `json:"counts"`
}

// Calibration is how far the probabilities can be believed.
type Calibration struct {
	EqualWidth  Error         `json:"ece_equal_width"`
	EqualMass   Error         `json:"ece_equal_mass"`
	Debiased    Error         `json:"ece_debiased"` // of the equal-width bins
	MCE         Error         `json:"mce"`
	Reliability []Reliability `json:"reliability"`
}

// Error is a calibration error over a number of bins.
type Error struct {
	Value float64 `json:"value"`
	Bins  int     `json:"bins"`
}

// Reliability is one equal-width bin that is not empty.
type Reliability struct {
	Lower          float64 `json:"lower"`
	Upper          float64 `json:"upper"`
	Count          int     `json:"count"`
	MeanConfidence float64 `json:"mean_confidence"`
	Accuracy       float64 `json:"accuracy"`
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
	out := &Evaluation{Task: o.Task, Rows: data.Rows(), Skipped: rows.skipped}
	for _, g := range rows.groups() {
		group := Group{Name: g.name, Rows: len(g.rows)}
		switch {
		case o.Task == Regression:
			err = group.regression(rows, g.rows)
		case o.Task == Ranking:
			err = group.ranking(rows, g.rows, o.Depth)
		default:
			err = group.classification(rows, g.rows, &o)
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
	}
	return nil
}

// predictions are the rows that can be judged, column by column.
type predictions struct {
	label   []string
	value   []float64 // the label as a number: regression, ranking
	score   [][]float64
	answer  []string // the predicted class
	number  []float64
	group   []string
	query   []string
	use     []bool
	skipped map[string]int
}

// read takes the columns out of the table.
func (o *EvaluateOptions) read(data *table.File) (*predictions, error) {
	p := &predictions{use: make([]bool, data.Rows()), skipped: map[string]int{}}
	for i := range p.use {
		p.use[i] = true
	}
	numeric := o.Task != Classification
	label, err := p.column(data, o.Label, "no label")
	if err != nil {
		return nil, err
	}
	if label.Kind == table.Boolean && o.Positive == "1" {
		o.Positive = "true"
	}
	if p.label = label.Values(); numeric {
		if p.value, err = asNumbers(label, o.Label); err != nil {
			return nil, err
		}
	}
	scores := o.Scores
	if o.Score != "" {
		scores = []string{o.Score}
	}
	for _, name := range scores {
		c, err := p.column(data, name, "no score")
		if err != nil {
			return nil, err
		}
		values, err := asNumbers(c, name)
		if err != nil {
			return nil, err
		}
		p.score = append(p.score, values)
	}
	if o.Prediction != "" {
		c, err := p.column(data, o.Prediction, "no prediction")
		if err != nil {
			return nil, err
		}
		if p.answer = c.Values(); numeric {
			if p.number, err = asNumbers(c, o.Prediction); err != nil {
				return nil, err
			}
		}
	}
	for name, to := range map[string]*[]string{o.GroupBy: &p.group, o.Query: &p.query} {
		if name == "" {
			continue
		}
		c, err := data.Column(name)
		if err != nil {
			return nil, err
		}
		*to = c.Values()
	}
	return p, nil
}

// column reads a column and leaves the rows out that have no value in it.
func (p *predictions) column(data *table.File, name, reason string) (*table.Column, error) {
	c, err := data.Column(name)
	if err != nil {
		return nil, err
	}
	for i := range p.use {
		if p.use[i] && c.IsMissing(i) {
			p.use[i] = false
			p.skipped[reason]++
		}
	}
	return c, nil
}

func asNumbers(c *table.Column, name string) ([]float64, error) {
	if c.Blank() {
		return make([]float64, c.Len()), nil
	}
	if !c.Numeric() {
		row := 0
		for c.IsMissing(row) {
			row++
		}
		return nil, fmt.Errorf("%w: column %q holds no numbers (row %d: %q)", ErrInput, name, row+1, c.Value(row))
	}
	return c.Floats, nil
}

type rowsOf struct {
	name string
	rows []int
}

// groups are all rows, then those of every value of the group column, sorted.
func (p *predictions) groups() []rowsOf {
	out := []rowsOf{{name: "all"}}
	index := map[string]int{}
	var values []string
	for i, use := range p.use {
		if use && p.group != nil {
			if _, ok := index[p.group[i]]; !ok {
				index[p.group[i]] = 0
				values = append(values, p.group[i])
			}
		}
	}
	slices.SortFunc(values, byNumberThenText)
	for _, v := range values {
		index[v] = len(out)
		out = append(out, rowsOf{name: v})
	}
	for i, use := range p.use {
		if !use {
			continue
		}
		out[0].rows = append(out[0].rows, i)
		if p.group != nil {
			g := &out[index[p.group[i]]]
			g.rows = append(g.rows, i)
		}
	}
	return out
}

// byNumberThenText sorts 2 before 10, and numbers before words.
func byNumberThenText(a, b string) int {
	x, errA := strconv.ParseFloat(a, 64)
	y, errB := strconv.ParseFloat(b, 64)
	switch {
	case errA == nil && errB == nil && x != y:
		if x < y {
			return -1
		}
		return 1
	case (errA == nil) != (errB == nil):
		if errA == nil {
			return -1
		}
		return 1
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
