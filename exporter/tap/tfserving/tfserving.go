// Package tfserving decodes the calls of TensorFlow Serving's gRPC method
// tensorflow.serving.PredictionService/Predict. No server and no library of
// TensorFlow's is needed: the subset of its messages that is read is walked on
// the wire.
//
//	PredictRequest   model_spec 1, inputs 2 (map of TensorProto)
//	PredictResponse  outputs 1 (map of TensorProto), model_spec 2
//	ModelSpec        name 1, version 2 (Int64Value), version_label 4
//	TensorProto      dtype 1, tensor_shape 2, tensor_content 4, float_val 5,
//	                 double_val 6, int_val 7, string_val 8, int64_val 10,
//	                 bool_val 11, half_val 13, uint32_val 16, uint64_val 17
//
// Sources: tensorflow_serving/apis/{model,predict}.proto and
// tensorflow/core/framework/{tensor,tensor_shape,types}.proto; how fewer values
// than elements are meant, from tensor.cc (FromProtoField). Complex, 8-bit and
// 4-bit floating, resource and variant tensors are left out and counted.
package tfserving

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Decoder implements pipeline.Decoder. Safe for concurrent use.
type Decoder struct {
	observer oip.Observer
	inflater *oip.Inflater
	limit    int64
}

// NewDecoder returns a Decoder that reports oddities to o (nil: to nobody),
// takes messages of up to limit bytes once they are decompressed and fills
// tensors, where their values stand for more of them, up to as many bytes.
func NewDecoder(o oip.Observer, limit int64) *Decoder {
	return &Decoder{observer: o, inflater: oip.NewInflater(limit), limit: limit}
}

// message is what is read of a request or an answer.
type message struct {
	model, version string
	tensors        []tensor.Tensor // by name: a map has no order on the wire
	odd            oddities
	left           int64 // bytes that may yet be filled
}

// The fields of the two messages.
type layout struct{ spec, tensors protowire.Number }

func requestLayout() layout  { return layout{spec: 1, tensors: 2} }
func responseLayout() layout { return layout{spec: 2, tensors: 1} }

// Decode makes records of a call, one a row of the batch. The records own
// their storage: the capture may be released.
//
// An answer that cannot be read leaves the outputs nil. The errors are
// oip.ErrSyntax, oip.ErrNoTensors and oip.ErrCompression.
func (d *Decoder) Decode(c *record.Capture) ([]record.Record, error) {
	request, err := d.read(c.Request, requestLayout())
	d.report(request.odd)
	if err != nil {
		return nil, fmt.Errorf("decode call: %w", err)
	}
	answer := message{}
	if len(c.Response.Bytes) > 0 {
		if answer, err = d.read(c.Response, responseLayout()); err != nil {
			answer.odd.add(oip.ResponseInvalid)
			answer.tensors = nil
		}
		d.report(answer.odd)
	}
	base := oip.Base(c, "", &oip.Message{Model: answer.model, Version: answer.version})
	if c.Model == "" && request.model != "" {
		base.Model = strings.ToValidUTF8(request.model, "\uFFFD")
	}
	if base.Version == "" {
		base.Version = strings.ToValidUTF8(request.version, "\uFFFD")
	}
	return oip.Rows(base, request.tensors, answer.tensors), nil
}

func (d *Decoder) report(odd oddities) {
	if d.observer != nil {
		odd.each(func(k oip.Kind) { d.observer.Anomaly(k.String()) })
	}
}

// read reads the one message of a side of the call.
func (d *Decoder) read(b record.Body, l layout) (message, error) {
	m := message{left: d.limit}
	frames, err := d.inflater.Frames(b)
	switch {
	case errors.Is(err, oip.ErrCompression):
		m.odd.add(oip.Compression)
		return m, err
	case err != nil:
		m.odd.add(oip.ProtobufInvalid)
		return m, err
	case len(frames) == 0:
		m.odd.add(oip.NoTensors)
		return m, oip.ErrNoTensors
	case len(frames) > 1:
		m.odd.add(oip.TrailingData) // a unary call has one
	}
	if err := m.parse(frames[0], l); err != nil {
		m.odd.add(oip.ProtobufInvalid)
		m.tensors = nil
		return m, err
	}
	if len(m.tensors) == 0 {
		m.odd.add(oip.NoTensors)
		return m, oip.ErrNoTensors
	}
	return m, nil
}

func (m *message) parse(b []byte, l layout) error {
	entries := map[string][]byte{} // the last of a name counts
	err := oip.Fields(b, func(n protowire.Number, v oip.Value) error {
		switch {
		case v.Kind != protowire.BytesType:
		case n == l.spec:
			return m.spec(v.Bytes)
		case n == l.tensors:
			name, value, err := entry(v.Bytes)
			entries[name] = value
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		t, ok, err := m.tensor(name, entries[name])
		if err != nil {
			return err
		}
		if ok {
			m.tensors = append(m.tensors, t)
		}
	}
	return nil
}

// entry is an entry of a map: key 1, value 2.
func entry(b []byte) (name string, value []byte, err error) {
	err = oip.Fields(b, func(n protowire.Number, v oip.Value) error {
		switch n {
		case 1:
			name = strings.ToValidUTF8(string(v.Bytes), "\uFFFD")
		case 2:
			value = v.Bytes
		}
		return nil
	})
	return name, value, err
}

// spec reads a ModelSpec. A version has a number or a label.
func (m *message) spec(b []byte) error {
	return oip.Fields(b, func(n protowire.Number, v oip.Value) error {
		switch n {
		case 1:
			m.model = string(v.Bytes)
		case 2:
			m.version = "0" // an Int64Value's field that is 0 is not written
			return oip.Fields(v.Bytes, func(n protowire.Number, v oip.Value) error {
				if n == 1 {
					m.version = strconv.FormatInt(int64(v.Number), 10)
				}
				return nil
			})
		case 4:
			m.version = string(v.Bytes)
		}
		return nil
	})
}

// oddities is a set of kinds: each is reported once a message.
type oddities uint64

func (o *oddities) add(k oip.Kind) { *o |= 1 << k }

func (o oddities) each(f func(oip.Kind)) {
	for k := oip.Kind(0); k < 64; k++ {
		if o&(1<<k) != 0 {
			f(k)
		}
	}
}
