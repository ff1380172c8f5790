package offline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/exporter/table"
)

// heldCells is how many values, over all columns that are being read, are held
// to be profiled exactly (14 bytes each at most). Beyond, columns go into
// sketches.
const heldCells = 1 << 20

// Profile makes a reference profile of a file in one pass. Integers and numbers
// are numeric, datetimes are seconds since 1970, texts are their lengths in
// characters, everything else are categories. A table of at most a million
// values, a Parquet file of as many rows, is profiled exactly; of a larger one
// memory stays bounded, see profile.Builder.
func Profile(path string, in table.Options, o profile.Options) (*profile.Profile, error) {
	return profileWithin(path, in, o, heldCells)
}

func profileWithin(path string, in table.Options, o profile.Options, held int) (*profile.Profile, error) {
	if o.Scratch == nil {
		o.Scratch = &profile.Scratch{}
	}
	r := &profiler{opts: o, limit: held, columns: map[int]*profiled{}}
	columns, err := table.Stream(path, in, r)
	if err != nil {
		return nil, err
	}
	p := &profile.Profile{Version: profile.FormatVersion, Source: path, Rows: columns[0].Rows, Features: r.features}
	if path == "-" {
		p.Source = "standard input"
	}
	return p, p.Validate()
}

// profiler is a table.Visitor that profiles what it is given.
type profiler struct {
	opts     profile.Options
	columns  map[int]*profiled // that are being read
	features []profile.Feature // of those that were
	held     int               // values
	limit    int               // of them
}

// Again implements table.Visitor.
func (r *profiler) Again(column int) { r.forget(column) }

func (r *profiler) forget(column int) {
	if p := r.columns[column]; p != nil && p.numbers == nil {
		r.held -= len(p.values.Missing)
	}
	delete(r.columns, column)
}

// Chunk implements table.Visitor.
func (r *profiler) Chunk(i int, name string, absent int, c *table.Column) error {
	p := r.columns[i]
	if p == nil {
		p = newProfiled(name, c.Numeric())
		r.columns[i] = p
	}
	n := absent + c.Len()
	if p.numbers == nil {
		if r.held += n; r.held > r.limit {
			if err := r.spill(); err != nil {
				return err
			}
		}
	}
	for range absent {
		if err := p.absent(); err != nil {
			return err
		}
	}
	return p.add(c)
}

// spill lets the columns that are being read go on in sketches.
func (r *profiler) spill() error {
	r.held = 0
	for _, p := range r.columns {
		if err := p.spill(r.opts); err != nil {
			return err
		}
	}
	return nil
}

// Done implements table.Visitor.
func (r *profiler) Done(i int, c table.StreamedColumn) error {
	p := r.columns[i]
	if p == nil {
		return nil // no rows, which is the reader's to say
	}
	f, err := p.feature(c.Kind, r.opts)
	f.Logical = logicalOf(c.Kind)
	r.forget(i)
	if err == nil {
		r.features = append(r.features, f)
	}
	return err
}

// logicalOf is what a profile calls a column's kind.
func logicalOf(k table.Kind) profile.Logical {
	switch k {
	case table.Integer, table.Boolean, table.Datetime, table.Text:
		return profile.Logical(k.String())
	}
	return ""
}

// Choose keeps only some features of a profile.
func Choose(p *profile.Profile, columns, exclude []string) error {
	for _, name := range append(slices.Clone(columns), exclude...) {
		if p.Feature(name) == nil {
			return fmt.Errorf("%w: the profile has no feature %q; it has %s", ErrInput, name, strings.Join(Known{Profile: p}.names(), ", "))
		}
	}
	p.Features = slices.DeleteFunc(p.Features, func(f profile.Feature) bool {
		return (columns != nil && !slices.Contains(columns, f.Name)) || slices.Contains(exclude, f.Name)
	})
	if len(p.Features) == 0 {
		return fmt.Errorf("%w: no feature of the profile is left", ErrInput)
	}
	return nil
}
