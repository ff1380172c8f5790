// Package oip reads and writes the Open Inference Protocol v2, as KServe,
// Triton, MLServer, Seldon and TorchServe speak it: JSON with or without the
// binary tensor extension, and the messages of its gRPC form.
//
// Real payloads break the specification in many small ways. The decoder reads
// what can be read, counts every oddity by kind, and fails only where nothing
// is left to read.
package oip

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// GRPC is the format of captures whose bodies are the messages of gRPC calls;
// every other format is read as JSON.
const GRPC = "oip-grpc"

// Decoder implements pipeline.Decoder for captures of this protocol. Safe for
// concurrent use.
type Decoder struct {
	observer Observer
	inflater *Inflater
}

// NewDecoder returns a Decoder that reports oddities to o (nil: to nobody) and
// takes bodies of up to limit bytes once they are decompressed.
func NewDecoder(o Observer, limit int64) *Decoder {
	return &Decoder{observer: o, inflater: NewInflater(limit)}
}

// Decode makes records of a capture, one a row of the batch. The records own
// their storage: the capture may be released.
//
// An answer that cannot be read leaves the outputs nil. The errors are
// ErrSyntax, ErrNoTensors and ErrCompression.
func (d *Decoder) Decode(c *record.Capture) ([]record.Record, error) {
	if c.Format == GRPC {
		return d.decodeGRPC(c)
	}
	var request, response Message
	err := d.parse(c.Request, &request)
	d.report(request.odd)
	if err != nil {
		return nil, fmt.Errorf("decode request: %w", err)
	}
	var outputs []tensor.Tensor
	if len(c.Response.Bytes) > 0 {
		if err := d.parse(c.Response, &response); err != nil {
			response.odd.add(ResponseInvalid)
			response.Tensors = nil
		}
		d.report(response.odd)
		outputs = response.Tensors
	}
	return Rows(Base(c, request.ID, &response), request.Tensors, outputs), nil
}

func (d *Decoder) parse(b record.Body, m *Message) error {
	body, err := d.inflater.Inflate(b.Bytes, b.Encoding)
	if err != nil {
		m.odd.add(Compression)
		return err
	}
	return Parse(body, b.JSONLength, m)
}

func (d *Decoder) report(odd kindSet) {
	if d.observer != nil {
		odd.each(func(k Kind) { d.observer.Anomaly(k.String()) })
	}
}

// Base is what all rows of a capture have in common. The request's id wins
// over the answer's, and that over a header's; the answer knows best which
// model and version answered, but a model that the client named stays.
func Base(c *record.Capture, id string, response *Message) record.Record {
	r := record.Record{
		ID: id, Model: c.Model, Version: c.Version, Tap: c.Tap, Key: c.Key,
		Time: c.Time, Latency: c.Latency, Outcome: c.Outcome, TraceParent: c.TraceParent, Weight: c.Weight, Metadata: c.Metadata,
	}
	if r.ID == "" {
		r.ID = response.ID
	}
	if r.ID == "" {
		r.ID = c.ID
	}
	if r.Model == "" {
		r.Model = response.Model
	}
	if response.Version != "" {
		r.Version = response.Version
	}
	for _, name := range []*string{&r.Model, &r.Version, &r.ID} { // they become labels and JSON
		*name = strings.ToValidUTF8(*name, "\uFFFD")
	}
	return r
}

// Rows splits a batch into one record a row, "id#i" each.
//
// The leading dimension is a batch where it is the same, and above 1, in
// every input and every output. Where all inputs have rank 1 (n rows of
// columns, or one row of vectors?) an output must be there to confirm it.
// Everything else is one record.
func Rows(base record.Record, inputs, outputs []tensor.Tensor) []record.Record {
	n := batchSize(inputs, outputs)
	if n <= 1 {
		base.Inputs, base.Outputs = inputs, outputs
		return []record.Record{base}
	}
	rows := make([]record.Record, n)
	for i := range rows {
		r := base
		if base.ID != "" {
			r.ID = base.ID + "#" + strconv.Itoa(i)
		}
		r.Inputs = row(inputs, i)
		if outputs != nil {
			r.Outputs = row(outputs, i)
		}
		rows[i] = r
	}
	return rows
}

func row(tensors []tensor.Tensor, i int) []tensor.Tensor {
	out := make([]tensor.Tensor, len(tensors))
	for k, t := range tensors {
		out[k], _ = t.Row(i) // batchSize checked that there is one
	}
	return out
}

func batchSize(inputs, outputs []tensor.Tensor) int {
	n, vectors := -1, true
	for _, set := range [][]tensor.Tensor{inputs, outputs} {
		for _, t := range set {
			if len(t.Shape) == 0 || t.Validate() != nil {
				return 1
			}
			if n < 0 {
				n = t.Rows()
			}
			if t.Rows() != n {
				return 1
			}
		}
	}
	for _, t := range inputs {
		vectors = vectors && len(t.Shape) == 1
	}
	if vectors && len(outputs) == 0 {
		return 1
	}
	return n
}
