package onnx

import (
	"fmt"
	"slices"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Padding fills an input of any length up to one of a few lengths, so that
// samples can share a batch and a device meets few shapes. It changes what the
// model sees: only the user knows whether the model ignores the filling (by a
// mask that is padded too, by a token that stands for nothing).
type Padding struct {
	Input   string  `json:"input"`
	Axis    int     `json:"axis"`    // 1 or more
	Value   float64 `json:"value"`   // of the filling
	Lengths []int   `json:"lengths"` // ascending
}

func (e *Engine) padding(input string, axis int) *Padding {
	for i := range e.pads {
		if e.pads[i].Input == input && e.pads[i].Axis == axis {
			return &e.pads[i]
		}
	}
	return nil
}

// checkPadding reports a rule that no input has a use for.
func checkPadding(pads []Padding, inputs []shadow.IO) error {
	for _, p := range pads {
		i := slices.IndexFunc(inputs, func(io shadow.IO) bool { return io.Name == p.Input })
		switch {
		case i < 0:
			return fmt.Errorf("padding: the model has no input %q", p.Input)
		case p.Axis < 1 || p.Axis >= len(inputs[i].Shape) || inputs[i].Shape[p.Axis] >= 0:
			return fmt.Errorf("padding: axis %d of input %q is not open; its shape is %v", p.Axis, p.Input, inputs[i].Shape)
		case len(p.Lengths) == 0 || p.Lengths[0] < 1 || !slices.IsSorted(p.Lengths):
			return fmt.Errorf("padding: the lengths of input %q must be ascending and above 0, they are %v", p.Input, p.Lengths)
		case inputs[i].Type.Size() == 0:
			return fmt.Errorf("padding: input %q is %v, which cannot be filled", p.Input, inputs[i].Type)
		}
	}
	return nil
}

// filled is one axis of a sample that was filled up.
type filled struct{ axis, from, to int }

// pad fills the samples up, and says by how much.
func (e *Engine) pad(batch []shadow.Sample) ([]shadow.Sample, []filled) {
	if len(e.pads) == 0 {
		return batch, nil
	}
	out, lengths := make([]shadow.Sample, len(batch)), make([]filled, len(batch))
	for i, s := range batch {
		out[i] = slices.Clone(s)
		for k := range out[i] {
			t := &out[i][k]
			for _, p := range e.pads {
				if p.Input != t.Name || p.Axis >= len(t.Shape) || t.Validate() != nil || t.Type.Size() == 0 {
					continue
				}
				from := int(t.Shape[p.Axis])
				at := slices.IndexFunc(p.Lengths, func(n int) bool { return n >= from })
				if at < 0 || p.Lengths[at] == from {
					continue // longer than all: it runs as it is
				}
				if wide, err := resize(*t, p.Axis, p.Lengths[at], p.Value); err == nil {
					*t, lengths[i] = wide, filled{p.Axis, from, p.Lengths[at]}
				}
			}
		}
	}
	return out, lengths
}

// crop takes the filling's share off the answers: from outputs that have the
// filled length on the same axis, where the model says that it is open.
func (e *Engine) crop(results []shadow.Result, lengths []filled) {
	for i, f := range lengths {
		if f.to == 0 || results[i].Err != nil {
			continue
		}
		for k := range results[i].Outputs {
			t, open := &results[i].Outputs[k], e.model.Outputs[k].Shape
			if f.axis >= len(t.Shape) || int(t.Shape[f.axis]) != f.to || f.axis >= len(open) || open[f.axis] >= 0 || t.Type.Size() == 0 {
				continue
			}
			if short, err := resize(*t, f.axis, f.from, 0); err == nil {
				*t = short
			}
		}
	}
}

// resize makes an axis of a tensor longer, filled with value, or shorter.
func resize(t tensor.Tensor, axis, length int, value float64) (tensor.Tensor, error) {
	shape := slices.Clone(t.Shape)
	shape[axis] = int64(length)
	out, err := tensor.New(t.Name, t.Type, shape...)
	if err != nil {
		return out, err
	}
	if value != 0 {
		for i := range out.Len() {
			out.SetFloat64(i, value)
		}
	}
	outer, errOuter := tensor.Elements(t.Shape[:axis])
	inner, errInner := tensor.Elements(t.Shape[axis+1:])
	if errOuter != nil || errInner != nil {
		return out, shadow.ErrInput
	}
	from, to := int(t.Shape[axis])*inner*t.Type.Size(), length*inner*t.Type.Size()
	for i := range outer {
		copy(out.Data[i*to:(i+1)*to], t.Data[i*from:(i+1)*from])
	}
	return out, nil
}
