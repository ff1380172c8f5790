// Package chain puts a model in front of another: what the first answers are
// the second's inputs. It is how preprocessing that the primary does itself
// (scaling, a lookup, a resize) comes to a shadow that has it not.
package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Engine implements shadow.Engine on two others, which it owns.
type Engine struct {
	first, second shadow.Engine
	from          []string // of each of the second's inputs: the first's output; "" for one that comes with the sample
	inputs        []shadow.IO
}

// New connects the first's outputs to the second's inputs by name, or, where
// each has one, those. Inputs of the second that the first does not supply come
// with the sample. Where nothing connects the error is ErrModel, and both are
// closed.
func New(first, second shadow.Engine) (*Engine, error) {
	a, b := first.Model(), second.Model()
	e := &Engine{first: first, second: second, inputs: slices.Clone(a.Inputs)}
	connected := false
	for _, in := range b.Inputs {
		k := slices.IndexFunc(a.Outputs, func(io shadow.IO) bool { return io.Name == in.Name })
		if k < 0 && len(a.Outputs) == 1 && len(b.Inputs) == 1 {
			k = 0
		}
		if k < 0 {
			e.from = append(e.from, "")
			e.inputs = append(e.inputs, in)
			continue
		}
		connected = true
		e.from = append(e.from, a.Outputs[k].Name)
	}
	if !connected {
		return nil, errors.Join(fmt.Errorf("%w: preprocessing: none of its outputs is an input of the model", shadow.ErrModel), e.Close())
	}
	return e, nil
}

// Model is the second's with the inputs that samples must have.
func (e *Engine) Model() shadow.Model {
	a, m := e.first.Model(), e.second.Model()
	m.Inputs = e.inputs
	m.Batching = m.Batching && a.Batching
	m.Load, m.WarmUp, m.FirstInference, m.WarmInference = m.Load+a.Load, m.WarmUp+a.WarmUp, m.FirstInference+a.FirstInference, m.WarmInference+a.WarmInference
	return m
}

// Infer runs one after the other. A sample that fails in the first fails.
func (e *Engine) Infer(ctx context.Context, batch []shadow.Sample) ([]shadow.Result, error) {
	results, err := e.first.Infer(ctx, batch)
	if err != nil {
		return nil, err
	}
	next := make([]shadow.Sample, len(batch))
	inputs := e.second.Model().Inputs
	for i, r := range results {
		for k, in := range inputs {
			from := r.Outputs
			name := e.from[k]
			if name == "" {
				from, name = batch[i], in.Name
			}
			if j := slices.IndexFunc(from, func(t tensor.Tensor) bool { return t.Name == name }); j >= 0 {
				t := from[j]
				t.Name = in.Name
				next[i] = append(next[i], t)
			}
		}
	}
	out, err := e.second.Infer(ctx, next)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if results[i].Err != nil {
			out[i] = shadow.Result{Err: results[i].Err}
		}
	}
	return out, nil
}

// Close closes both.
func (e *Engine) Close() error { return errors.Join(e.first.Close(), e.second.Close()) }
