// Package report asks a Prometheus what has become of the models over a range:
// the weekly review (performance, drift, pipeline, retrains, alerts and the time
// to detect, budgets) and the cost review. It reads the metrics of any number of
// gnomons and, where gnomon's rules are loaded, what those record.
package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// ErrPrometheus: the Prometheus did not answer, or not what was asked.
var ErrPrometheus = errors.New("ask Prometheus")

// Kinds of reports.
const (
	Weekly = "weekly"
	Cost   = "cost"
)

// Options say what to report on.
type Options struct {
	Kind  string // Weekly, Cost
	Range time.Duration
	End   time.Time
	Model string // "" for all
}

// Report is the document.
type Report struct {
	Kind     string    `json:"kind"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	Models   []string  `json:"models"`
	Sections []Section `json:"sections"`
	Missing  []string  `json:"missing,omitempty"` // figures that this Prometheus has no data for
}

// Section is one table: a row for each group, a column for each figure.
type Section struct {
	Title   string   `json:"title"`
	Labels  []string `json:"labels"`
	Columns []string `json:"columns"`
	Rows    []Row    `json:"rows"`
}

// Row is one group's figures; nil where there is none.
type Row struct {
	Labels []string   `json:"labels"`
	Values []*float64 `json:"values"`
	Shown  []string   `json:"shown"`
}

// Querier is the part of Prometheus's API that is needed.
type Querier interface {
	Query(ctx context.Context, query string, at time.Time, opts ...v1.Option) (model.Value, v1.Warnings, v1.Infos, error)
}

// Connect returns the API of the Prometheus at a URL.
func Connect(url string) (Querier, error) {
	client, err := api.NewClient(api.Config{Address: url})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPrometheus, err)
	}
	return v1.NewAPI(client), nil
}

// New asks for every figure. One that fails is the error; one without data is
// left out and named in Missing.
func New(ctx context.Context, q Querier, o Options) (*Report, error) {
	r := &Report{Kind: o.Kind, Start: o.End.Add(-o.Range), End: o.End, Models: []string{}}
	for _, s := range sections(o.Kind) {
		made, err := r.section(ctx, q, s, o)
		if err != nil {
			return nil, err
		}
		if len(made.Rows) > 0 {
			r.Sections = append(r.Sections, made)
		}
	}
	slices.Sort(r.Models)
	if len(r.Sections) == 0 {
		return nil, fmt.Errorf("%w: it has no metric of gnomon's in these %s; fix: check that it scrapes gnomon, and the range", ErrPrometheus, model.Duration(o.Range))
	}
	return r, nil
}

// section fills one table.
func (r *Report) section(ctx context.Context, q Querier, s section, o Options) (Section, error) {
	out := Section{Title: s.title, Labels: s.by}
	rows := map[string]*Row{}
	for k, f := range s.figures {
		out.Columns = append(out.Columns, f.title)
		vector, err := ask(ctx, q, f.query, s.by, o)
		if err != nil {
			return out, fmt.Errorf("%w: %s, %s: %w", ErrPrometheus, s.title, f.title, err)
		}
		if len(vector) == 0 {
			r.Missing = append(r.Missing, s.title+": "+f.title)
		}
		for _, sample := range vector {
			labels := make([]string, len(s.by))
			for i, name := range s.by {
				labels[i] = string(sample.Metric[model.LabelName(name)])
			}
			r.note(s.by, labels)
			key := strings.Join(labels, "\x00")
			row := rows[key]
			if row == nil {
				row = &Row{Labels: labels, Values: make([]*float64, len(s.figures)), Shown: make([]string, len(s.figures))}
				rows[key] = row
			}
			if v := float64(sample.Value); !math.IsNaN(v) && !math.IsInf(v, 0) {
				row.Values[k], row.Shown[k] = &v, f.show(v)
			}
		}
	}
	for _, row := range rows {
		out.Rows = append(out.Rows, *row)
	}
	slices.SortFunc(out.Rows, func(a, b Row) int { return slices.Compare(a.Labels, b.Labels) })
	if s.most > 0 {
		slices.SortStableFunc(out.Rows, func(a, b Row) int { return cmp.Compare(first(b), first(a)) })
		out.Rows = out.Rows[:min(len(out.Rows), s.most)]
	}
	return out, nil
}

func first(r Row) float64 {
	if r.Values[0] == nil {
		return math.Inf(-1)
	}
	return *r.Values[0]
}

func (r *Report) note(by, labels []string) {
	if i := slices.Index(by, "model"); i >= 0 && labels[i] != "" && !slices.Contains(r.Models, labels[i]) {
		r.Models = append(r.Models, labels[i])
	}
}

// ask evaluates a query at the end of the range. In it <range> is the range,
// <by> the labels, and <model> the matcher of the models.
func ask(ctx context.Context, q Querier, query string, by []string, o Options) (model.Vector, error) {
	matcher := `model!=""`
	if o.Model != "" {
		matcher = fmt.Sprintf("model=%q", o.Model)
	}
	query = strings.NewReplacer("<range>", model.Duration(o.Range).String(), "<by>", strings.Join(by, ", "), "<model>", matcher).Replace(query)
	value, _, _, err := q.Query(ctx, query, o.End)
	if err != nil {
		return nil, err
	}
	vector, ok := value.(model.Vector)
	if !ok {
		return nil, fmt.Errorf("it answers a %s", value.Type())
	}
	return vector, nil
}
