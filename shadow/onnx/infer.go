package onnx

import (
	"context"
	"fmt"
	"slices"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Infer runs the samples, as many together as the model takes. A sample that
// does not fit fails alone.
func (e *Engine) Infer(ctx context.Context, batch []shadow.Sample) ([]shadow.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var l *lane
	select {
	case l = <-e.lanes:
		defer func() { e.lanes <- l }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.closed {
		return nil, shadow.ErrClosed
	}
	results := make([]shadow.Result, len(batch))
	if e.plan == nil {
		return results, e.inferOpen(ctx, batch, results)
	}
	return results, l.infer(ctx, batch, results)
}

// infer copies samples into the lane's memory until a batch is full, and runs
// it.
func (l *lane) infer(ctx context.Context, batch []shadow.Sample, results []shadow.Result) error {
	rows := 0
	for i, s := range batch {
		n, err := l.e.fits(s)
		switch {
		case err != nil:
			results[i].Err = err
			continue
		case n == 0 || n > l.e.plan.most: // no sample of live traffic, but a legal one
			l.e.run(batch, []int{i}, results)
			continue
		}
		if rows+n > l.e.plan.most {
			if err := ctx.Err(); err != nil {
				return err
			}
			l.flush(batch, rows, results)
			rows = 0
		}
		for k, p := range l.e.plan.inputs {
			copy(l.inputs[k].Bytes[rows*p.bytes:], find(s, k, p.name).Data)
		}
		l.pending, l.counts = append(l.pending, i), append(l.counts, n)
		rows += n
	}
	if rows > 0 {
		l.flush(batch, rows, results)
	}
	return nil
}

// flush runs the batch that lies in the lane's memory. Where a device has a
// bucket above it, the rows that fill it up are left from earlier batches:
// nobody reads what it answers to them. A batch that fails is run again the
// slow way: an answer may have another size than all before it.
func (l *lane) flush(batch []shadow.Sample, rows int, results []shadow.Result) {
	if err := l.run(l.e.plan.bucket(rows)); err != nil {
		l.e.run(batch, l.pending, results)
	} else {
		l.share(rows, results)
	}
	l.pending, l.counts = l.pending[:0], l.counts[:0]
}

func (l *lane) run(rows int) error {
	b, err := l.binding(rows)
	switch {
	case err != nil:
		return err
	case l.e.plan.device:
		return b.RunPlain() // a binding copies inputs to the device once, when they are bound
	}
	return b.Run()
}

// share gives every sample its rows of the answers, which are copied: the
// lane's memory is written again by the next batch.
func (l *lane) share(rows int, results []shadow.Result) {
	outputs := l.e.plan.outputs
	slab := make([]tensor.Tensor, len(l.pending)*len(outputs))
	for k, p := range outputs {
		data := make([]uint64, (rows*p.bytes+7)/8)
		bytes := bytesOf(data)[:rows*p.bytes]
		copy(bytes, l.outputs[k].Bytes)
		shapes := make([]int64, len(l.pending)*len(p.shape))
		at := 0
		for j, n := range l.counts {
			size := n * p.bytes
			shape := shapes[j*len(p.shape) : (j+1)*len(p.shape) : (j+1)*len(p.shape)]
			copy(shape, p.shape)
			if l.e.model.Batching {
				shape[0] = int64(n)
			}
			slab[j*len(outputs)+k] = tensor.Tensor{Name: p.name, Type: p.typ, Shape: shape, Data: bytes[at : at+size : at+size]}
			at += size
		}
	}
	for j, i := range l.pending {
		results[i].Outputs = slab[j*len(outputs) : (j+1)*len(outputs) : (j+1)*len(outputs)]
	}
}

// find is the input with a name, which is usually the k-th.
func find(s shadow.Sample, k int, name string) *tensor.Tensor {
	if k < len(s) && s[k].Name == name {
		return &s[k]
	}
	for i := range s {
		if s[i].Name == name {
			return &s[i]
		}
	}
	return nil
}

// fits checks one sample against the model's inputs and counts its rows.
func (e *Engine) fits(s shadow.Sample) (rows int, err error) {
	for k := range e.model.Inputs {
		in := &e.model.Inputs[k]
		t := find(s, k, in.Name)
		switch {
		case t == nil:
			return 0, fmt.Errorf("%w: input %q is missing", shadow.ErrInput, in.Name)
		case t.Type != in.Type:
			return 0, fmt.Errorf("%w: input %q is %v, the model wants %v", shadow.ErrInput, in.Name, t.Type, in.Type)
		}
		if err := t.Validate(); err != nil {
			return 0, fmt.Errorf("%w: %w", shadow.ErrInput, err)
		}
		if !matches(t.Shape, in.Shape) {
			return 0, fmt.Errorf("%w: input %q has shape %v, the model wants %v", shadow.ErrInput, in.Name, t.Shape, in.Shape)
		}
		n := 1
		if e.model.Batching {
			n = t.Rows()
		}
		if k > 0 && n != rows {
			return 0, fmt.Errorf("%w: input %q has %d rows, %q has %d", shadow.ErrInput, in.Name, n, e.model.Inputs[0].Name, rows)
		}
		rows = n
	}
	return rows, nil
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

// slice is rows [at, at+n) of a tensor of some rows.
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
