package onnx

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"unsafe"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/onnx/ort"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// inferOpen runs a model whose sizes are not all known: samples of one shape
// together where it takes batches, and ONNX Runtime allocates the answers.
func (e *Engine) inferOpen(ctx context.Context, batch []shadow.Sample, results []shadow.Result) error {
	padded, lengths := e.pad(batch)
	groups := map[string][]int{}
	var order []string
	for i, s := range padded {
		if _, results[i].Err = e.fits(s); results[i].Err != nil {
			continue
		}
		key := e.rowShape(s)
		if !e.model.Batching {
			key = strconv.Itoa(i) // one at a time
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], i)
	}
	for _, key := range order {
		for rows := range slices.Chunk(groups[key], e.max) {
			if err := ctx.Err(); err != nil {
				return err
			}
			e.run(padded, rows, results)
		}
	}
	e.crop(results, lengths)
	return nil
}

// rowShape is equal for samples that can be put into one batch.
func (e *Engine) rowShape(s shadow.Sample) string {
	var b []byte
	for k := range e.model.Inputs {
		t := find(s, k, e.model.Inputs[k].Name)
		for _, d := range t.Shape[min(1, len(t.Shape)):] {
			b = strconv.AppendInt(append(b, ' '), d, 10)
		}
		b = append(b, ';')
	}
	return string(b)
}

// run executes the samples at rows as one batch and gives each its share of
// the outputs. Outputs that do not have the batch's rows are no batch's
// outputs, and what fails may be one sample's fault: then each is run alone.
func (e *Engine) run(batch []shadow.Sample, rows []int, results []shadow.Result) {
	counts := make([]int, len(rows))
	total := 0
	for k, i := range rows {
		counts[k] = find(batch[i], 0, e.model.Inputs[0].Name).Rows()
		total += counts[k]
	}
	outputs, err := e.execute(batch, rows)
	if len(rows) == 1 {
		results[rows[0]] = shadow.Result{Outputs: outputs, Err: err}
		return
	}
	if err != nil || slices.ContainsFunc(outputs, func(t tensor.Tensor) bool { return len(t.Shape) == 0 || t.Rows() != total }) {
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

// execute runs the samples at rows in one call.
func (e *Engine) execute(batch []shadow.Sample, rows []int) ([]tensor.Tensor, error) {
	var pin runtime.Pinner // ONNX Runtime reads the tensors while it runs
	defer pin.Unpin()
	inputs := make([]ort.Value, len(e.model.Inputs))
	defer ort.Free(inputs)
	for k, in := range e.model.Inputs {
		t, err := join(batch, rows, k, in.Name)
		if err != nil {
			return nil, err
		}
		if inputs[k], err = toValue(t, &pin); err != nil {
			return nil, fmt.Errorf("%w: input %q: %w", shadow.ErrInput, in.Name, err)
		}
	}
	outputs := make([]ort.Value, len(e.model.Outputs))
	defer ort.Free(outputs)
	if err := e.session.Run(inputs, outputs); err != nil {
		return nil, fmt.Errorf("inference: %w", err)
	}
	out := make([]tensor.Tensor, len(outputs))
	for i, v := range outputs {
		t, err := fromValue(e.model.Outputs[i].Name, v)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", e.model.Outputs[i].Name, err)
		}
		out[i] = t
	}
	return out, nil
}

// join puts one input of all samples into one tensor.
func join(batch []shadow.Sample, rows []int, k int, name string) (tensor.Tensor, error) {
	first := find(batch[rows[0]], k, name)
	if len(rows) == 1 {
		return *first, nil
	}
	shape := slices.Clone(first.Shape)
	shape[0] = 0
	for _, i := range rows {
		shape[0] += find(batch[i], k, name).Shape[0]
	}
	out, err := tensor.New(name, first.Type, shape...)
	if err != nil {
		return out, fmt.Errorf("%w: %w", shadow.ErrInput, err)
	}
	at := 0
	for _, i := range rows {
		t := find(batch[i], k, name)
		if t.Type == tensor.Bytes {
			at += copy(out.Strings[at:], t.Strings)
		} else {
			at += copy(out.Data[at:], t.Data)
		}
	}
	return out, nil
}

// bytesOf is the memory of words, which is aligned for every element type.
func bytesOf(words []uint64) []byte {
	if len(words) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 8*len(words))
}
