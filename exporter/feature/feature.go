// Package feature turns a record's inputs into the row of features that is
// watched: the elements of tabular inputs under their columns' names, and
// summaries of images and of wide tensors.
package feature

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gnomon-dev/gnomon/driftlib/summary"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// ErrInputs: inputs that are not those the extractor was made for.
var ErrInputs = errors.New("inputs do not fit the features")

// Value is one feature of one record: a number or a text, or missing.
type Value struct {
	Number  float64
	Text    string
	IsText  bool
	Missing bool
}

// MaxColumns is the widest input that is watched element by element; a wider
// one is summarised.
const MaxColumns = 256

// Extractor makes rows of features. Immutable, safe for concurrent use.
type Extractor struct {
	names []string
	parts []part
}

// part is one input tensor's share of the row.
type part struct {
	name  string
	width int // elements of one row
	// image: planes, height and width of a tensor of rank 2 or more inside the
	// batch; all zero for columns.
	planes, height, breadth int
	first                   int // index of its first feature
	kind                    tensor.DataType
	shape                   []int64 // of one row, with a batch of 1
}

// Input is one input tensor and the features that its elements are.
type Input struct {
	Name     string
	Type     tensor.DataType
	Shape    []int64  // of one row, the leading dimension 1
	Features []string // in the order of the elements; nil where it is summarised
}

// Inputs say which features make up which input.
func (e *Extractor) Inputs() []Input {
	out := make([]Input, len(e.parts))
	for i := range e.parts {
		p := &e.parts[i]
		out[i] = Input{Name: p.name, Type: p.kind, Shape: p.shape}
		if p.planes == 0 {
			out[i].Features = e.names[p.first : p.first+p.width]
		}
	}
	return out
}

// Describe says what tensors look like, where no model says it.
func Describe(inputs []tensor.Tensor) []shadow.IO {
	out := make([]shadow.IO, len(inputs))
	for i, t := range inputs {
		out[i] = shadow.IO{Name: t.Name, Type: t.Type, Shape: t.Shape}
	}
	return out
}

// New returns an extractor for inputs. columns name the elements in order,
// where their number fits; otherwise elements are named after their input. The
// leading dimension is the batch; dimensions that are open inside a row are
// ErrInputs.
func New(inputs []shadow.IO, columns []string) (*Extractor, error) {
	e := &Extractor{}
	total := 0
	for _, in := range inputs {
		p, err := describe(in)
		if err != nil {
			return nil, err
		}
		e.parts = append(e.parts, p)
		total += p.width
	}
	if len(e.parts) == 0 {
		return nil, fmt.Errorf("%w: there are none", ErrInputs)
	}
	at := 0
	for i := range e.parts {
		p := &e.parts[i]
		p.first = len(e.names)
		switch {
		case p.planes > 0:
			for _, s := range summary.ImageNames() {
				e.names = append(e.names, e.prefix(p)+s)
			}
		case total == len(columns):
			e.names = append(e.names, columns[at:at+p.width]...)
		case p.width == 1:
			e.names = append(e.names, p.name)
		default:
			for k := range p.width {
				e.names = append(e.names, fmt.Sprintf("%s[%d]", p.name, k))
			}
		}
		at += p.width
	}
	return e, nil
}

// prefix tells the summaries of several inputs apart.
func (e *Extractor) prefix(p *part) string {
	if len(e.parts) == 1 {
		return ""
	}
	return p.name + "_"
}

func describe(in shadow.IO) (part, error) {
	p := part{name: in.Name, width: 1, kind: in.Type, shape: slices.Clone(in.Shape)}
	inside := in.Shape
	if len(inside) > 0 {
		p.shape[0] = 1
		inside = inside[1:]
	}
	for _, d := range inside {
		if d <= 0 {
			return p, fmt.Errorf("%w: input %q has the open shape %v; give the model a fixed one", ErrInputs, in.Name, in.Shape)
		}
		p.width *= int(d)
	}
	switch n := len(inside); {
	case in.Type == tensor.Bytes:
	case n >= 2:
		p.height, p.breadth = int(inside[n-2]), int(inside[n-1])
		p.planes = p.width / (p.height * p.breadth)
	case p.width > MaxColumns:
		p.planes, p.height, p.breadth = 1, 1, p.width
	}
	return p, nil
}

// Names are the features' names, in the order of a row.
func (e *Extractor) Names() []string { return e.names }

// Extract appends a record's row to dst. Inputs are found by name, or by
// position where the names differ. Where some are there and some are not, the
// features of those that are not have no value.
func (e *Extractor) Extract(dst []Value, inputs []tensor.Tensor) ([]Value, error) {
	found := 0
	for i := range e.parts {
		p := &e.parts[i]
		t, ok := find(inputs, p.name, i, len(e.parts))
		if !ok {
			for range p.features() {
				dst = append(dst, Nothing())
			}
			continue
		}
		found++
		if t.Len() != p.width {
			return dst, fmt.Errorf("%w: input %q has %d elements a row, the reference %d", ErrInputs, p.name, t.Len(), p.width)
		}
		var err error
		if dst, err = p.extract(dst, t); err != nil {
			return dst, err
		}
	}
	if found == 0 {
		return dst, fmt.Errorf("%w: input %q is missing, and so are all others", ErrInputs, e.parts[0].name)
	}
	return dst, nil
}

// features is how many features the part gives.
func (p *part) features() int {
	if p.planes > 0 {
		return len(summary.ImageNames())
	}
	return p.width
}

func (p *part) extract(dst []Value, t tensor.Tensor) ([]Value, error) {
	switch {
	case t.Type == tensor.Bytes:
		for _, s := range t.Strings {
			dst = append(dst, Value{Text: string(s), IsText: true, Missing: len(s) == 0})
		}
		return dst, nil
	case p.planes > 0:
		values, err := t.AppendFloat32s(nil)
		if err != nil {
			return dst, fmt.Errorf("%w: %w", ErrInputs, err)
		}
		var six [6]float64
		for _, v := range summary.Image(six[:0], values, p.planes, p.height, p.breadth) {
			dst = append(dst, Value{Number: v})
		}
		return dst, nil
	}
	for k := range p.width {
		dst = append(dst, Value{Number: t.Float64At(k)})
	}
	return dst, nil
}

func find(inputs []tensor.Tensor, name string, i, parts int) (tensor.Tensor, bool) {
	for _, t := range inputs {
		if t.Name == name {
			return t, true
		}
	}
	if len(inputs) == parts {
		return inputs[i], true
	}
	return tensor.Tensor{}, false
}

// Nothing is a value that is not there.
func Nothing() Value { return Value{Number: math.NaN(), Missing: true} }
