package onnx

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
	ort "github.com/yalue/onnxruntime_go"
)

// Infer runs the samples, those of one shape together where the model takes
// batches. A sample that does not fit fails alone.
func (e *Engine) Infer(ctx context.Context, batch []shadow.Sample) ([]shadow.Result, error) {
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.closed {
		return nil, shadow.ErrClosed
	}
	results := make([]shadow.Result, len(batch))
	groups := map[string][]int{}
	var order []string
	for i, s := range batch {
		if results[i].Err = e.fits(s); results[i].Err != nil {
			continue
		}
		key := rowShape(s)
		if !e.model.Batching {
			key = fmt.Sprint(i) // one at a time
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], i)
	}
	for _, key := range order {
		for rows := range slices.Chunk(groups[key], e.max) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			e.run(batch, rows, results)
		}
	}
	return results, nil
}

// fits checks one sample against the model's inputs.
func (e *Engine) fits(s shadow.Sample) error {
	for _, in := range e.model.Inputs {
		i := slices.IndexFunc(s, func(t tensor.Tensor) bool { return t.Name == in.Name })
		if i < 0 {
			return fmt.Errorf("%w: input %q is missing", shadow.ErrInput, in.Name)
		}
		t := s[i]
		if t.Type != in.Type {
			return fmt.Errorf("%w: input %q is %v, the model wants %v", shadow.ErrInput, in.Name, t.Type, in.Type)
		}
		if err := t.Validate(); err != nil {
			return fmt.Errorf("%w: %w", shadow.ErrInput, err)
		}
		if !matches(t.Shape, in.Shape) {
			return fmt.Errorf("%w: input %q has shape %v, the model wants %v", shadow.ErrInput, in.Name, t.Shape, in.Shape)
		}
	}
	return nil
}

func matches(shape, want []int64) bool {
	if len(shape) != len(want) {
		return false
	}
	for i, d := range want {
		if d >= 0 && shape[i] != d {
			return false
		}
	}
	return true
}

// rowShape is equal for samples that can be put into one batch.
func rowShape(s shadow.Sample) string {
	var b strings.Builder
	for _, t := range s {
		fmt.Fprint(&b, t.Name, t.Shape[min(1, len(t.Shape)):], ";")
	}
	return b.String()
}

// run executes the samples at rows as one batch and gives each its share of
// the outputs. Outputs that do not have the batch's rows are no batch's
// outputs: then each sample is run alone.
func (e *Engine) run(batch []shadow.Sample, rows []int, results []shadow.Result) {
	counts := make([]int, len(rows))
	total := 0
	for k, i := range rows {
		counts[k] = batch[i][0].Rows()
		total += counts[k]
	}
	outputs, err := e.execute(batch, rows, total)
	if err != nil {
		for _, i := range rows {
			results[i].Err = err
		}
		return
	}
	if len(rows) == 1 {
		results[rows[0]].Outputs = outputs
		return
	}
	if slices.ContainsFunc(outputs, func(t tensor.Tensor) bool { return len(t.Shape) == 0 || t.Rows() != total }) {
		for _, i := range rows {
			e.run(batch, []int{i}, results)
		}
		return
	}
	at := 0
	for k, i := range rows {
		for _, t := range outputs {
			results[i].Outputs = append(results[i].Outputs, slice(t, at, counts[k]))
		}
		at += counts[k]
	}
}

// slice is rows [at, at+n) of a tensor.
func slice(t tensor.Tensor, at, n int) tensor.Tensor {
	out := t
	out.Shape = slices.Clone(t.Shape)
	rows := t.Rows()
	out.Shape[0] = int64(n)
	if t.Type == tensor.Bytes {
		per := len(t.Strings) / rows
		out.Strings = t.Strings[at*per : (at+n)*per]
	} else {
		per := len(t.Data) / rows
		out.Data = t.Data[at*per : (at+n)*per : (at+n)*per]
	}
	return out
}

func (e *Engine) execute(batch []shadow.Sample, rows []int, total int) ([]tensor.Tensor, error) {
	inputs := make([]ort.Value, 0, len(e.model.Inputs))
	defer func() { destroy(inputs) }()
	var keep [][]byte // ONNX Runtime reads these while it runs
	for _, in := range e.model.Inputs {
		t := join(batch, rows, in.Name, total)
		v, err := toValue(t)
		if err != nil {
			return nil, fmt.Errorf("%w: input %q: %w", shadow.ErrInput, in.Name, err)
		}
		keep = append(keep, t.Data)
		inputs = append(inputs, v)
	}
	outputs := make([]ort.Value, len(e.model.Outputs))
	defer func() { destroy(outputs) }()
	buffers := make([]tensor.Tensor, len(outputs))
	for i, out := range e.model.Outputs {
		t, known := allocate(out, total)
		if !known {
			continue // ONNX Runtime allocates it
		}
		v, err := toValue(t)
		if err != nil {
			return nil, err
		}
		outputs[i], buffers[i] = v, t
	}
	if err := e.session.Run(inputs, outputs); err != nil {
		return nil, fmt.Errorf("inference: %w", err)
	}
	runtime.KeepAlive(keep)
	return collect(e.model.Outputs, outputs, buffers)
}

// collect reads the outputs that ONNX Runtime allocated; the others are in
// their buffers already.
func collect(describe []shadow.IO, values []ort.Value, buffers []tensor.Tensor) ([]tensor.Tensor, error) {
	out := make([]tensor.Tensor, len(values))
	for i, v := range values {
		if buffers[i].Type != tensor.Invalid {
			out[i] = buffers[i]
			continue
		}
		t, err := fromValue(describe[i].Name, v)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", describe[i].Name, err)
		}
		out[i] = t
	}
	return out, nil
}

// join puts one input of all samples into one tensor.
func join(batch []shadow.Sample, rows []int, name string, total int) tensor.Tensor {
	find := func(s shadow.Sample) tensor.Tensor {
		return s[slices.IndexFunc(s, func(t tensor.Tensor) bool { return t.Name == name })]
	}
	first := find(batch[rows[0]])
	if len(rows) == 1 {
		return first
	}
	shape := slices.Clone(first.Shape)
	shape[0] = int64(total)
	if first.Type == tensor.Bytes {
		out := tensor.Tensor{Name: name, Type: tensor.Bytes, Shape: shape}
		for _, i := range rows {
			out.Strings = append(out.Strings, find(batch[i]).Strings...)
		}
		return out
	}
	out, err := tensor.New(name, first.Type, shape...)
	if err != nil {
		return first // cannot be: the samples were validated
	}
	at := 0
	for _, i := range rows {
		at += copy(out.Data[at:], find(batch[i]).Data)
	}
	return out
}

// allocate makes room for an output whose shape follows from the batch.
func allocate(io shadow.IO, total int) (tensor.Tensor, bool) {
	if io.Type == tensor.Invalid || io.Type == tensor.Bytes || openInside(io.Shape) {
		return tensor.Tensor{}, false
	}
	shape := slices.Clone(io.Shape)
	if len(shape) > 0 && shape[0] < 0 {
		shape[0] = int64(total)
	}
	t, err := tensor.New(io.Name, io.Type, shape...)
	return t, err == nil
}

func destroy(values []ort.Value) {
	for _, v := range values {
		if v != nil {
			_ = v.Destroy() // nothing can be done about it
		}
	}
}
