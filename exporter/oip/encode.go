package oip

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// EncodeRequest writes an infer request as JSON. It returns tensor.ErrShape
// or tensor.ErrType for a tensor that is not valid.
func EncodeRequest(m Message) ([]byte, error) { return encode(m, "inputs", false) }

// EncodeResponse writes an infer response as JSON.
func EncodeResponse(m Message) ([]byte, error) { return encode(m, "outputs", false) }

// EncodeBinaryRequest writes an infer request with the binary tensor
// extension. jsonLength belongs in the Inference-Header-Content-Length header.
func EncodeBinaryRequest(m Message) (body []byte, jsonLength int, err error) {
	return encodeBinary(m, "inputs")
}

// EncodeBinaryResponse writes an infer response with the binary tensor
// extension.
func EncodeBinaryResponse(m Message) (body []byte, jsonLength int, err error) {
	return encodeBinary(m, "outputs")
}

func encodeBinary(m Message, list string) ([]byte, int, error) {
	body, err := encode(m, list, true)
	if err != nil {
		return nil, 0, err
	}
	n := len(body)
	for _, t := range m.Tensors {
		body = append(body, t.Data...)
		for _, s := range t.Strings {
			body = append(binary.LittleEndian.AppendUint32(body, uint32(len(s))), s...)
		}
	}
	return body, n, nil
}

func encode(m Message, list string, blobs bool) ([]byte, error) {
	size := 256
	for _, t := range m.Tensors {
		size += 12*t.Len() + 128
	}
	b := append(make([]byte, 0, size), '{')
	for _, f := range []struct{ name, value string }{{"model_name", m.Model}, {"model_version", m.Version}, {"id", m.ID}} {
		if f.value != "" {
			b = append(appendString(append(appendString(b, f.name), ':'), f.value), ',')
		}
	}
	b = append(appendString(b, list), ':', '[')
	var err error
	for i, t := range m.Tensors {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendTensor(b, t, blobs); err != nil {
			return nil, err
		}
	}
	return append(b, ']', '}'), nil
}

func appendTensor(b []byte, t tensor.Tensor, blob bool) ([]byte, error) {
	if t.Type == tensor.Invalid {
		return nil, fmt.Errorf("encode tensor %q: %w: no type", t.Name, tensor.ErrType)
	}
	if err := t.Validate(); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	b = appendString(append(b, `{"name":`...), t.Name)
	b = append(b, `,"shape":[`...)
	for i, d := range t.Shape {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, d, 10)
	}
	b = append(b, `],"datatype":"`...)
	b = append(b, t.Type.String()...)
	if blob {
		n := len(t.Data)
		for _, s := range t.Strings {
			n += 4 + len(s)
		}
		b = append(b, `","parameters":{"binary_data_size":`...)
		return append(strconv.AppendInt(b, int64(n), 10), '}', '}'), nil
	}
	b = append(b, `","data":[`...)
	for i := range t.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendElement(b, t, i)
	}
	return append(b, ']', '}'), nil
}

func appendElement(b []byte, t tensor.Tensor, i int) []byte {
	le := binary.LittleEndian
	switch t.Type {
	case tensor.Bytes:
		return appendString(b, string(t.Strings[i]))
	case tensor.Bool:
		return strconv.AppendBool(b, t.Data[i] != 0)
	case tensor.Float32:
		return appendNumber(b, float64(math.Float32frombits(le.Uint32(t.Data[4*i:]))), 32)
	case tensor.Float16, tensor.BFloat16:
		return appendNumber(b, t.Float64At(i), 32)
	case tensor.Float64:
		return appendNumber(b, math.Float64frombits(le.Uint64(t.Data[8*i:])), 64)
	case tensor.Uint64:
		return strconv.AppendUint(b, le.Uint64(t.Data[8*i:]), 10)
	case tensor.Int64:
		return strconv.AppendInt(b, int64(le.Uint64(t.Data[8*i:])), 10)
	}
	return strconv.AppendInt(b, int64(t.Float64At(i)), 10)
}

// appendNumber writes a float that reads back bit for bit. NaN and infinities
// are written as Python's json does: JSON itself has no way to say them, and
// the servers that emit them do the same.
func appendNumber(b []byte, f float64, bits int) []byte {
	switch {
	case f != f:
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	}
	return strconv.AppendFloat(b, f, 'g', -1, bits)
}

func appendString(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil { // cannot be for a string
		return append(b, '"', '"')
	}
	return append(b, quoted...)
}
