package offline

import (
	"math"

	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/driftlib/summary"
	"github.com/gnomon-dev/gnomon/driftlib/verdict"
	"github.com/gnomon-dev/gnomon/exporter/table"
)

// textRows is the fewest reference rows from which a language model is fitted:
// one half of them fits it, the other is what it finds likely.
const textRows = 400

// compareTexts takes the statistics of the summaries of two columns of text, the
// length excepted, which is the column's own feature. Their names are those of
// the column with the summary behind a dot.
func compareTexts(old, cur *table.Column, o DriftOptions, s *scratch) (features []Feature, results []verdict.Result, err error) {
	var model *summary.Trigrams
	if old.Len()-old.MissingCount() >= textRows {
		var fit []string
		for i := 0; i < old.Len(); i += 2 {
			if !old.IsMissing(i) {
				fit = append(fit, old.Value(i))
			}
		}
		model = summary.FitTrigrams(fit)
	}
	known, now := summarised(old, model), summarised(cur, model)
	for k, name := range summary.TextNames() {
		a, b := known[k], now[k]
		switch name {
		case "length":
			continue
		case "likelihood":
			if model == nil {
				continue
			}
			a = odd(a)
		}
		a.Name, b.Name = old.Name+"."+name, old.Name+"."+name
		f, r, err := compareValues(a, b, o, s)
		if err != nil {
			return nil, nil, err
		}
		features, results = append(features, f), append(results, r)
	}
	return features, results, nil
}

// odd are the rows of odd numbers.
func odd(c profile.Column) profile.Column {
	out := profile.Column{Kind: c.Kind}
	for i := 1; i < len(c.Floats); i += 2 {
		out.Floats = append(out.Floats, c.Floats[i])
		if c.Missing != nil {
			out.Missing = append(out.Missing, c.Missing[i])
		}
	}
	return out
}

// summarised are the summaries of a column of text, those of equal texts taken
// once.
func summarised(c *table.Column, model *summary.Trigrams) []profile.Column {
	names := len(summary.TextNames())
	of := make([][]float64, len(c.Dict))
	for i, text := range c.Dict {
		of[i] = summary.Text(make([]float64, 0, names), text, model)
	}
	out := make([]profile.Column, names)
	for k := range out {
		out[k] = profile.Column{Kind: profile.Numeric, Floats: make([]float64, c.Len()), Missing: c.Missing}
		for i, code := range c.Codes {
			if !c.IsMissing(i) {
				out[k].Floats[i] = of[code][k]
			}
		}
	}
	return out
}

// compareValues takes the statistics of two columns of numbers.
func compareValues(old, cur profile.Column, o DriftOptions, s *scratch) (Feature, verdict.Result, error) {
	p, err := profile.FromColumns([]profile.Column{old}, profile.Options{Bins: o.Bins, Sample: math.MaxInt32, Scratch: &s.Scratch})
	if err != nil {
		return Feature{}, verdict.Result{}, err
	}
	known, err := verdict.NewReference(&p.Features[0])
	if err != nil {
		return Feature{}, verdict.Result{}, err
	}
	missing := 0
	for _, m := range cur.Missing {
		if m {
			missing++
		}
	}
	f, r := compared(known, cur, s)
	f.Type, f.Current = "numeric", Counts{len(cur.Floats), missing}
	return f, r, nil
}

// compared takes the statistics of a column against its reference.
func compared(known *verdict.Reference, cur profile.Column, s *scratch) (Feature, verdict.Result) {
	counts, sorted := count(known, cur, s)
	r := verdict.Compare(known, verdict.Sample{Counts: counts, Sorted: sorted})
	f := Feature{Name: known.Feature.Name, Reference: Counts{known.Feature.Count, known.Feature.Missing}}
	f.Bins = bins(known, counts, sorted)
	f.Stats = statistics(known, counts, &r)
	return f, r
}
