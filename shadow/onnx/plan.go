package onnx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/onnx/ort"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// plan is a model all of whose sizes are known but the number of rows.
type plan struct {
	inputs, outputs []part
	most            int   // rows of one run
	device          bool  // memory is copied to it for every run
	buckets         []int // sizes that are run; nil: every size up to most
}

// part is one input's or output's share of a row.
type part struct {
	name  string
	typ   tensor.DataType
	shape []int64 // of a row; the leading dimension of 1 included where there are batches
	bytes int
}

// prepare finds out what the model does with one row and with two, plans the
// batches by it, and runs every bucket once. What the file says of its outputs
// is often wrong or missing; what it answers is not.
func (e *Engine) prepare(device bool, sessions int) error {
	e.model.Batching = batching(e.model.Inputs)
	e.lanes = make(chan *lane, sessions)
	one, ok := e.madeUp(1)
	if ok {
		start := time.Now()
		answer, err := e.execute([]shadow.Sample{one}, []int{0})
		if err != nil {
			return fmt.Errorf("first inference: %w", err)
		}
		e.model.FirstInference = time.Since(start)
		if e.model.Batching {
			e.model.Batching = e.takesBatches(answer)
		}
		e.plan = e.planFor(answer, device)
	}
	for range sessions {
		l, err := e.newLane()
		if err != nil {
			return err
		}
		e.all = append(e.all, l)
		e.lanes <- l
	}
	if !ok {
		return nil // sizes inside a row are open: nothing can be made up
	}
	return e.warmUp(one)
}

// takesBatches tries two rows: a model whose answer is not one row a row (a
// mean over the batch, a leading dimension that is no batch) takes them one at
// a time.
func (e *Engine) takesBatches(one []tensor.Tensor) bool {
	two, ok := e.madeUp(2)
	if !ok {
		return false
	}
	answer, err := e.execute([]shadow.Sample{two}, []int{0})
	if err != nil {
		return false
	}
	for i, t := range answer {
		a, b := one[i].Shape, t.Shape
		if len(a) == 0 || len(a) != len(b) || a[0] != 1 || b[0] != 2 {
			return false
		}
	}
	return true
}

// batching: every input's leading dimension is dynamic.
func batching(inputs []shadow.IO) bool {
	for _, io := range inputs {
		if len(io.Shape) == 0 || io.Shape[0] != -1 {
			return false
		}
	}
	return len(inputs) > 0
}

// madeUp is a sample of so many rows of zeros; false where a size inside a row
// is open and no padding closes it.
func (e *Engine) madeUp(rows int64) (shadow.Sample, bool) {
	var out shadow.Sample
	for _, io := range e.model.Inputs {
		shape := slices.Clone(io.Shape)
		for i, d := range shape {
			if d >= 0 {
				continue
			}
			if i == 0 {
				shape[i] = rows
			} else if p := e.padding(io.Name, i); p != nil {
				shape[i] = int64(p.Lengths[0])
			} else {
				return nil, false
			}
		}
		t, err := tensor.New(io.Name, io.Type, shape...)
		if err != nil {
			return nil, false
		}
		out = append(out, t)
	}
	return out, true
}

// planFor plans batches by the answer to one row; nil where a size is open.
func (e *Engine) planFor(answer []tensor.Tensor, device bool) *plan {
	p := &plan{most: 1, device: device}
	if e.model.Batching {
		p.most = e.max
	}
	for i, in := range e.model.Inputs {
		shape := slices.Clone(in.Shape)
		if len(shape) > 0 && shape[0] < 0 {
			shape[0] = 1
		}
		if openInside(in.Shape) || !p.add(&p.inputs, e.model.Inputs[i].Name, in.Type, shape) {
			return nil
		}
	}
	for i, out := range e.model.Outputs {
		// An output whose size follows from the values is open, whatever one
		// answer's was; and so is one whose rank the file leaves open.
		open := openInside(out.Shape) || len(out.Shape) != len(answer[i].Shape) || !e.model.Batching && len(out.Shape) > 0 && out.Shape[0] < 0
		if open || out.Type == tensor.Invalid || !p.add(&p.outputs, out.Name, out.Type, answer[i].Shape) {
			return nil
		}
	}
	if device {
		for n := 1; n < p.most; n *= 2 {
			p.buckets = append(p.buckets, n)
		}
		p.buckets = append(p.buckets, p.most)
	}
	return p
}

// add appends a part; false where it has no fixed size in memory.
func (p *plan) add(to *[]part, name string, t tensor.DataType, shape []int64) bool {
	n, err := tensor.Elements(shape)
	if err != nil || n == 0 || t.Size() == 0 {
		return false
	}
	*to = append(*to, part{name, t, slices.Clone(shape), n * t.Size()})
	return true
}

// bucket is how many rows are run for n.
func (p *plan) bucket(n int) int {
	for _, b := range p.buckets {
		if b >= n {
			return b
		}
	}
	return n
}

// sizes are the batch sizes to warm up.
func (p *plan) sizes() []int {
	if p.buckets != nil {
		return p.buckets
	}
	var out []int
	for n := 1; n < p.most; n *= 2 {
		out = append(out, n)
	}
	return append(out, p.most)
}

func openInside(shape []int64) bool {
	for i, d := range shape {
		if i > 0 && d < 0 {
			return true
		}
	}
	return false
}

// warmUp runs every bucket once, and one row again to see what that costs.
func (e *Engine) warmUp(one shadow.Sample) error {
	sizes := []int{1}
	if e.plan != nil {
		sizes = e.plan.sizes()
	} else if e.model.Batching && e.max > 1 {
		sizes = append(sizes, e.max)
	}
	for _, n := range sizes {
		if err := e.same(one, n); err != nil {
			return fmt.Errorf("first inference of %d rows: %w", n, err)
		}
		e.model.Buckets = append(e.model.Buckets, n)
	}
	start := time.Now()
	err := e.same(one, 1)
	e.model.WarmInference = time.Since(start)
	return err
}

// same runs n times the same sample.
func (e *Engine) same(one shadow.Sample, n int) error {
	batch := make([]shadow.Sample, n)
	for i := range batch {
		batch[i] = one
	}
	results, err := e.Infer(context.Background(), batch)
	if err == nil {
		err = results[0].Err
	}
	return err
}

// lane is the memory of one batch under way.
type lane struct {
	e       *Engine
	inputs  []ort.Memory
	outputs []ort.Memory
	bound   []*ort.Binding // by rows
	pending []int          // samples in the batch that is being put together
	counts  []int          // their rows
}

func (e *Engine) newLane() (*lane, error) {
	l := &lane{e: e}
	if e.plan == nil {
		return l, nil
	}
	l.bound = make([]*ort.Binding, e.plan.most+1)
	l.pending, l.counts = make([]int, 0, e.plan.most), make([]int, 0, e.plan.most)
	for _, p := range e.plan.inputs {
		l.inputs = append(l.inputs, ort.Allocate(p.bytes*e.plan.most))
	}
	for _, p := range e.plan.outputs {
		l.outputs = append(l.outputs, ort.Allocate(p.bytes*e.plan.most))
	}
	return l, nil
}

// binding is the lane's memory as tensors of so many rows, made once.
func (l *lane) binding(rows int) (*ort.Binding, error) {
	if b := l.bound[rows]; b != nil {
		return b, nil
	}
	p := l.e.plan
	in, errIn := tensors(p.inputs, l.inputs, rows, l.e.model.Batching)
	out, errOut := tensors(p.outputs, l.outputs, rows, l.e.model.Batching)
	if err := errors.Join(errIn, errOut); err != nil {
		ort.Free(in)
		ort.Free(out)
		return nil, err
	}
	b, err := l.e.session.Bind(in, out)
	if err == nil {
		l.bound[rows] = b
	}
	return b, err
}

func tensors(parts []part, memory []ort.Memory, rows int, batched bool) ([]ort.Value, error) {
	out := make([]ort.Value, len(parts))
	for i, p := range parts {
		shape := slices.Clone(p.shape)
		if batched {
			shape[0] = int64(rows)
		}
		var err error
		if out[i], err = ort.NewTensor(memory[i].Bytes[:p.bytes*rows], shape, toElement(p.typ)); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (l *lane) close() {
	for _, b := range l.bound {
		if b != nil {
			b.Close()
		}
	}
	for _, list := range [][]ort.Memory{l.inputs, l.outputs} {
		for i := range list {
			list[i].Free()
		}
	}
}
