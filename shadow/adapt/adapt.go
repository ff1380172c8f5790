// Package adapt stands before an engine and brings samples into the form that
// its model wants: other names, another layout of images, another scale,
// another type of numbers; and gives its outputs the primary's names.
package adapt

import (
	"context"
	"fmt"
	"slices"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Layouts.
const (
	NHWCToNCHW = "nhwc_to_nchw" // the record's images end with their channels, the model's begin with them
	NCHWToNHWC = "nchw_to_nhwc"
)

// Layouts lists them; "" leaves the order as it is.
func Layouts() []string { return []string{"", NHWCToNCHW, NCHWToNHWC} }

// Input says how one input of the model is made of a record's tensor: element
// by element value*Scale + Offset in the record's own numbers, then the
// layout, then the model's type.
type Input struct {
	Input  string  `json:"input"`  // the model's name
	From   string  `json:"from"`   // the record's; the same where empty
	Layout string  `json:"layout"` // a row of Layouts
	Scale  float64 `json:"scale"`  // 0 stands for 1
	Offset float64 `json:"offset"`
	Type   string  `json:"type"` // the record's; the model's where empty
}

// Settings are all inputs that are not as they should be.
type Settings struct {
	Inputs  []Input           `json:"inputs"`
	Outputs map[string]string `json:"outputs"` // the model's name to the primary's
}

// Engine implements shadow.Engine on another engine, which it owns. Without a
// rule it converts between floating-point types alone: a half-precision model
// takes what a single-precision one is asked.
type Engine struct {
	engine shadow.Engine
	rules  []*Input // by the model's input; nil without a rule
	inputs []shadow.IO
	s      Settings
}

// New returns an Engine. A rule for an input or output that the model has not
// is ErrModel; the engine is closed then.
func New(e shadow.Engine, s Settings) (*Engine, error) {
	m := e.Model()
	a := &Engine{engine: e, rules: make([]*Input, len(m.Inputs)), inputs: m.Inputs, s: s}
	for i := range s.Inputs {
		r := &s.Inputs[i]
		k := slices.IndexFunc(m.Inputs, func(io shadow.IO) bool { return io.Name == r.Input })
		_, known := tensor.ParseDataType(r.Type)
		switch {
		case k < 0:
			return nil, refuse(e, "the model has no input %q", r.Input)
		case !slices.Contains(Layouts(), r.Layout):
			return nil, refuse(e, "layout %q of input %q is not one of %q", r.Layout, r.Input, Layouts())
		case r.Layout != "" && len(m.Inputs[k].Shape) != 4:
			return nil, refuse(e, "input %q has shape %v; only four dimensions have a layout", r.Input, m.Inputs[k].Shape)
		case r.Type != "" && !known:
			return nil, refuse(e, "type %q of input %q is not known", r.Type, r.Input)
		}
		a.rules[k] = r
	}
	for name := range s.Outputs {
		if !slices.ContainsFunc(m.Outputs, func(io shadow.IO) bool { return io.Name == name }) {
			return nil, refuse(e, "the model has no output %q", name)
		}
	}
	return a, nil
}

func refuse(e shadow.Engine, text string, args ...any) error {
	_ = e.Close() // the fault is the one to tell
	return fmt.Errorf("%w: mapping: %s", shadow.ErrModel, fmt.Sprintf(text, args...))
}

// Model describes inputs and outputs as records have them.
func (a *Engine) Model() shadow.Model {
	m := a.engine.Model()
	m.Inputs = slices.Clone(m.Inputs)
	for i, r := range a.rules {
		if r == nil {
			continue
		}
		io := &m.Inputs[i]
		if r.From != "" {
			io.Name = r.From
		}
		if t, ok := tensor.ParseDataType(r.Type); ok {
			io.Type = t
		}
		if order := inverse(r.Layout); order != nil {
			io.Shape = permuted(io.Shape, order)
		}
	}
	m.Outputs = slices.Clone(m.Outputs)
	for i := range m.Outputs {
		if name := a.s.Outputs[m.Outputs[i].Name]; name != "" {
			m.Outputs[i].Name = name
		}
	}
	return m
}

// Infer runs the samples, each as the model wants it.
func (a *Engine) Infer(ctx context.Context, batch []shadow.Sample) ([]shadow.Result, error) {
	ready, faults := batch, []error(nil)
	for i, s := range batch {
		if a.fits(s) {
			continue
		}
		if faults == nil {
			ready, faults = slices.Clone(batch), make([]error, len(batch))
		}
		ready[i], faults[i] = a.convert(s)
	}
	results, err := a.engine.Infer(ctx, ready)
	if err != nil {
		return nil, err
	}
	for i := range results {
		if faults != nil && faults[i] != nil {
			results[i] = shadow.Result{Err: faults[i]}
		}
		for k := range results[i].Outputs {
			if name := a.s.Outputs[results[i].Outputs[k].Name]; name != "" {
				results[i].Outputs[k].Name = name
			}
		}
	}
	return results, nil
}

// Close closes the engine behind.
func (a *Engine) Close() error { return a.engine.Close() }

// fits reports that nothing is to be done.
func (a *Engine) fits(s shadow.Sample) bool {
	for i := range a.inputs {
		if a.rules[i] != nil {
			return false
		}
		for k := range s {
			if s[k].Name == a.inputs[i].Name && s[k].Type != a.inputs[i].Type && floating(s[k].Type) && floating(a.inputs[i].Type) {
				return false
			}
		}
	}
	return true
}

func floating(t tensor.DataType) bool {
	return t == tensor.Float16 || t == tensor.BFloat16 || t == tensor.Float32 || t == tensor.Float64
}

// convert makes the model's inputs of a record's tensors. Those that are
// missing stay missing: the engine says so.
func (a *Engine) convert(s shadow.Sample) (shadow.Sample, error) {
	out := make(shadow.Sample, 0, len(a.inputs))
	for i, in := range a.inputs {
		from, r := in.Name, a.rules[i]
		if r != nil && r.From != "" {
			from = r.From
		}
		k := slices.IndexFunc(s, func(t tensor.Tensor) bool { return t.Name == from })
		if k < 0 {
			continue
		}
		t := s[k]
		t.Name = in.Name
		t, err := one(t, in, r)
		if err != nil {
			return nil, fmt.Errorf("%w: input %q of the record: %w", shadow.ErrInput, from, err)
		}
		out = append(out, t)
	}
	return out, nil
}

// one converts one tensor.
func one(t tensor.Tensor, in shadow.IO, r *Input) (tensor.Tensor, error) {
	if err := t.Validate(); err != nil {
		return t, err
	}
	scale, offset, layout := 1., 0., ""
	if r != nil {
		offset, layout = r.Offset, r.Layout
		if r.Scale != 0 {
			scale = r.Scale
		}
	}
	if t.Type == in.Type && scale == 1 && offset == 0 && layout == "" {
		return t, nil
	}
	if !t.Type.Numeric() || !in.Type.Numeric() || r == nil && !(floating(t.Type) && floating(in.Type)) {
		return t, nil // the engine says what does not fit
	}
	values, err := t.AppendFloat64s(nil)
	if err != nil {
		return t, err
	}
	order := forward(layout)
	if order != nil && len(t.Shape) != len(order) {
		return t, fmt.Errorf("shape %v has no layout %s", t.Shape, layout)
	}
	shape, place := t.Shape, func(i int) int { return i }
	if order != nil {
		shape, place = permuted(t.Shape, order), places(t.Shape, order)
	}
	out, err := tensor.New(t.Name, in.Type, shape...)
	if err != nil {
		return t, err
	}
	for i, v := range values {
		out.SetFloat64(place(i), v*scale+offset)
	}
	return out, nil
}

// forward is, of each dimension of the model's, which of the record's it is.
func forward(layout string) []int {
	switch layout {
	case NHWCToNCHW:
		return []int{0, 3, 1, 2}
	case NCHWToNHWC:
		return []int{0, 2, 3, 1}
	}
	return nil
}

func inverse(layout string) []int {
	switch layout {
	case NHWCToNCHW:
		return forward(NCHWToNHWC)
	case NCHWToNHWC:
		return forward(NHWCToNCHW)
	}
	return nil
}

func permuted(shape []int64, order []int) []int64 {
	out := make([]int64, len(order))
	for i, k := range order {
		out[i] = shape[k]
	}
	return out
}

// places says where an element of the record's tensor goes.
func places(shape []int64, order []int) func(int) int {
	stride := make([]int, len(shape)) // of the record's dimensions, in the model's tensor
	step := 1
	for i := len(order) - 1; i >= 0; i-- {
		stride[order[i]] = step
		step *= int(shape[order[i]])
	}
	return func(i int) int {
		at := 0
		for k := len(shape) - 1; k >= 0; k-- {
			at += i % int(shape[k]) * stride[k]
			i /= int(shape[k])
		}
		return at
	}
}
