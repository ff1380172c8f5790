package offline

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/gnomon-dev/gnomon/exporter/table"
)

// predictions are the rows that can be judged, column by column.
type predictions struct {
	label   []string
	value   []float64 // the label as a number: regression, ranking
	score   [][]float64
	answer  []string // the predicted class
	number  []float64
	lower   []float64
	upper   []float64
	group   []string
	query   []string
	use     []bool
	scored  []bool // of rows to estimate: the label does not matter
	skipped map[string]int
}

// read takes the columns out of the table.
func (o *EvaluateOptions) read(data *table.File) (*predictions, error) {
	p := &predictions{use: make([]bool, data.Rows()), skipped: map[string]int{}}
	for i := range p.use {
		p.use[i] = true
	}
	numeric := o.Task != Classification
	if err := o.readLabels(p, data, numeric); err != nil {
		return nil, err
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
		if o.Reference != nil {
			p.scored = make([]bool, data.Rows())
			for i := range p.scored {
				p.scored[i] = !c.IsMissing(i)
			}
		}
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
	return p, o.readRest(p, data)
}

// readLabels reads what really happened. Without a column of it all can still be
// estimated from a reference.
func (o *EvaluateOptions) readLabels(p *predictions, data *table.File, numeric bool) error {
	if o.Reference != nil && !slices.Contains(data.Names(), o.Label) {
		p.label = make([]string, data.Rows())
		clear(p.use)
		p.skipped["no label"] = data.Rows()
		return nil
	}
	label, err := p.column(data, o.Label, "no label")
	if err != nil {
		return err
	}
	if label.Kind == table.Boolean && o.Positive == "1" {
		o.Positive = "true"
	}
	if p.label = label.Values(); numeric {
		p.value, err = asNumbers(label, o.Label)
	}
	return err
}

// readRest reads the columns that say which rows belong together, and intervals.
func (o *EvaluateOptions) readRest(p *predictions, data *table.File) error {
	for name, to := range map[string]*[]float64{o.Lower: &p.lower, o.Upper: &p.upper} {
		if name == "" {
			continue
		}
		c, err := p.column(data, name, "no interval")
		if err != nil {
			return err
		}
		if *to, err = asNumbers(c, name); err != nil {
			return err
		}
	}
	for name, to := range map[string]*[]string{o.GroupBy: &p.group, o.Query: &p.query} {
		if name == "" {
			continue
		}
		c, err := data.Column(name)
		if err != nil {
			return err
		}
		*to = c.Values()
	}
	return nil
}

// scoresOf are the scores of some rows.
func (p *predictions) scoresOf(rows []int) []float64 {
	out := make([]float64, len(rows))
	for k, i := range rows {
		out[k] = p.score[0][i]
	}
	return out
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
	name   string
	rows   []int
	scored []int // also those without a label, where performance is estimated
}

// groups are all rows, then those of every value of the group column, sorted.
func (p *predictions) groups() []rowsOf {
	out := []rowsOf{{name: "all"}}
	index := map[string]int{}
	var values []string
	for i := range p.use {
		if p.group != nil && p.has(i) {
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
	for i := range p.use {
		if !p.has(i) {
			continue
		}
		out[0].add(p, i)
		if p.group != nil {
			out[index[p.group[i]]].add(p, i)
		}
	}
	return out
}

// has reports whether row i can be judged or estimated.
func (p *predictions) has(i int) bool { return p.use[i] || (p.scored != nil && p.scored[i]) }

func (r *rowsOf) add(p *predictions, i int) {
	if p.use[i] {
		r.rows = append(r.rows, i)
	}
	if p.scored != nil && p.scored[i] {
		r.scored = append(r.scored, i)
	}
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
