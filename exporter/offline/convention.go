package offline

import (
	"errors"
	"fmt"
	"math"

	"github.com/gnomon-dev/gnomon/driftlib/convention"
	"github.com/gnomon-dev/gnomon/driftlib/verdict"
	"github.com/gnomon-dev/gnomon/exporter/table"
)

// translate replaces gnomon's figures and verdicts by another tool's. The bins
// stay gnomon's.
func (d *Drift) translate(ref Known, current *table.File, name string) error {
	if ref.Table == nil {
		return fmt.Errorf("%w: convention %s needs the reference's values; give the table instead of its profile", ErrInput, name)
	}
	d.Convention = name
	d.Rule = "the default verdicts of " + name
	for i := range d.Features {
		f := &d.Features[i]
		old, err := ref.Table.Column(f.Name)
		if err != nil {
			return err
		}
		now, err := current.Column(f.Name)
		if err != nil {
			return err
		}
		r, err := convention.Compare(name, values(old, f.Type), values(now, f.Type), len(d.Features))
		f.Severity = ""
		if errors.Is(err, convention.ErrEmpty) {
			f.Verdict, f.Reason, f.Stats = verdict.InsufficientData, "a side has no values", map[string]float64{}
			continue
		}
		if err != nil {
			return fmt.Errorf("column %q: %w", f.Name, err)
		}
		f.Stats, f.Reason, f.Verdict = r.Statistics, r.Reason, verdict.NoDrift
		if r.Drifted {
			f.Verdict = verdict.Drift
		}
		f.Test = &Test{Name: r.Test, Score: r.Score}
		if !math.IsInf(r.Threshold, 0) {
			f.Test.Threshold = &r.Threshold
		}
	}
	d.sumUp()
	var err error
	d.Drifted, err = convention.Dataset(name, d.DriftedFeatures, len(d.Features))
	return err
}

// values are a column's values without those that are missing, NaN or infinite,
// which the other tools leave out.
func values(c *table.Column, kind string) convention.Column {
	p := column(c, kind)
	out := convention.Column{Integer: c.Kind == table.Integer}
	for i := range c.Len() {
		switch {
		case c.IsMissing(i):
		case p.Strings != nil:
			out.Strings = append(out.Strings, p.Strings[i])
		case !math.IsNaN(p.Floats[i]) && !math.IsInf(p.Floats[i], 0):
			out.Numbers = append(out.Numbers, p.Floats[i])
		}
	}
	return out
}
