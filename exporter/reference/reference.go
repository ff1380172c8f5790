// Package reference loads the sample that the live data are held against and
// makes of it what the monitors need: the model's inputs row by row, the truth
// where the file has it, or a finished profile.
package reference

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/exporter/table"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// ErrReference: a reference that cannot be used. The message says why and
// names the columns.
var ErrReference = errors.New("unusable reference")

// Options say what the file's columns are.
type Options struct {
	File    string
	Label   string   // column with the truth; "" for none
	Exclude []string // columns that are no input
}

// Reference is the rows of a file, or a profile.
type Reference struct {
	Source  string
	Profile *profile.Profile // of a profile.json; then there are no rows
	Columns []table.Column   // the inputs, in order
	Labels  []string         // by row; nil without a label column
	Rows    int
}

// Load reads the file.
func Load(o Options) (*Reference, error) {
	r := &Reference{Source: o.File}
	if strings.HasSuffix(o.File, ".json") {
		return r, r.loadProfile()
	}
	t, err := table.Read(o.File, table.Options{})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReference, err)
	}
	r.Rows = t.Rows
	for _, name := range append(slices.Clone(o.Exclude), o.Label) {
		if name != "" && t.Column(name) == nil {
			return nil, fmt.Errorf("%w: %s has no column %q; it has %s", ErrReference, o.File, name, strings.Join(t.Names(), ", "))
		}
	}
	for _, c := range t.Columns {
		switch {
		case c.Name == o.Label:
			r.Labels = c.Values()
		case !slices.Contains(o.Exclude, c.Name):
			r.Columns = append(r.Columns, c)
		}
	}
	if len(r.Columns) == 0 {
		return nil, fmt.Errorf("%w: %s has no column left that is an input", ErrReference, o.File)
	}
	return r, nil
}

func (r *Reference) loadProfile() error {
	f, err := os.Open(r.Source)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrReference, err)
	}
	defer f.Close()
	if r.Profile, err = profile.Read(f); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrReference, r.Source, err)
	}
	r.Rows = r.Profile.Rows
	return nil
}

// Names are the input columns' names.
func (r *Reference) Names() []string {
	out := make([]string, len(r.Columns))
	for i := range r.Columns {
		out[i] = r.Columns[i].Name
	}
	return out
}

// Samples makes the model's inputs of every row: the columns, in order, are
// the elements of the inputs, in order. The error names both counts where they
// differ.
func (r *Reference) Samples(inputs []shadow.IO) ([]shadow.Sample, error) {
	want := 0
	widths := make([]int, len(inputs))
	for i, in := range inputs {
		shape := rowShape(in.Shape)
		n, err := tensor.Elements(shape)
		if err != nil {
			return nil, fmt.Errorf("%w: input %q has the open shape %v", ErrReference, in.Name, in.Shape)
		}
		widths[i] = n
		want += n
	}
	if want != len(r.Columns) {
		return nil, fmt.Errorf("%w: %s has %d input columns (%s), the model wants %d elements a row; name the columns that are no input with label or exclude",
			ErrReference, r.Source, len(r.Columns), abbreviated(r.Names()), want)
	}
	out := make([]shadow.Sample, r.Rows)
	for row := range out {
		at := 0
		for i, in := range inputs {
			t, err := r.tensor(in, row, at, widths[i])
			if err != nil {
				return nil, err
			}
			out[row] = append(out[row], t)
			at += widths[i]
		}
	}
	return out, nil
}

// rowShape is a shape with a batch of one.
func rowShape(shape []int64) []int64 {
	out := slices.Clone(shape)
	if len(out) > 0 {
		out[0] = 1
	}
	return out
}

func abbreviated(names []string) string {
	if len(names) > 8 {
		return strings.Join(names[:8], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

func (r *Reference) tensor(in shadow.IO, row, at, width int) (tensor.Tensor, error) {
	if in.Type == tensor.Bytes {
		t := tensor.Tensor{Name: in.Name, Type: tensor.Bytes, Shape: rowShape(in.Shape)}
		for k := range width {
			t.Strings = append(t.Strings, []byte(r.Columns[at+k].Value(row)))
		}
		return t, nil
	}
	t, err := tensor.New(in.Name, in.Type, rowShape(in.Shape)...)
	if err != nil {
		return t, fmt.Errorf("%w: %w", ErrReference, err)
	}
	for k := range width {
		c := &r.Columns[at+k]
		if !c.Numeric() {
			return t, fmt.Errorf("%w: column %q of %s holds text (row %d: %q), input %q wants numbers; exclude the column or encode it", ErrReference, c.Name, r.Source, row+1, c.Value(row), in.Name)
		}
		t.SetFloat64(k, c.Floats[row])
	}
	return t, nil
}
