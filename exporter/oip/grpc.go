package oip

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// The fields that hold raw tensors.
const (
	rawInputs  = 7 // of ModelInferRequest
	rawOutputs = 6 // of ModelInferResponse
)

// ParseGRPCRequest reads a ModelInferRequest into m, as Parse does for JSON.
func ParseGRPCRequest(b []byte, m *Message) error { return parseGRPC(b, m, rawInputs) }

// ParseGRPCResponse reads a ModelInferResponse into m.
func ParseGRPCResponse(b []byte, m *Message) error { return parseGRPC(b, m, rawOutputs) }

func parseGRPC(b []byte, m *Message, rawField protowire.Number) error {
	m.ID, m.Model, m.Version, m.odd = "", "", "", 0
	m.Tensors, m.wire = m.Tensors[:0], m.wire[:0]
	p := parser{}
	var raw [][]byte
	err := Fields(b, func(n protowire.Number, v Value) error {
		switch {
		case n == 1:
			m.Model = string(v.Bytes)
		case n == 2:
			m.Version = string(v.Bytes)
		case n == 3:
			m.ID = string(v.Bytes)
		case n == 5:
			return p.grpcTensor(m, v.Bytes)
		case n == rawField:
			raw = append(raw, v.Bytes)
		}
		return nil
	})
	if err == nil {
		err = p.settleGRPC(m, raw)
	}
	m.odd |= p.odd
	if err != nil {
		m.odd.add(ProtobufInvalid)
		m.Tensors = m.Tensors[:0]
		return err
	}
	m.dropShared()
	if len(m.Tensors) == 0 {
		m.odd.add(NoTensors)
		return ErrNoTensors
	}
	return nil
}

func (p *parser) grpcTensor(m *Message, b []byte) error {
	t := m.next()
	w := &m.wire[len(m.wire)-1]
	w.shape = true
	t.Name = ""
	var contents []byte
	err := Fields(b, func(n protowire.Number, v Value) error {
		switch n {
		case 1:
			t.Name = string(v.Bytes)
		case 2:
			var known bool
			if t.Type, known = tensor.ParseDataType(asString(v.Bytes)); !known {
				if t.Type = alias(string(v.Bytes)); t.Type == tensor.Invalid {
					p.odd.add(DatatypeUnknown)
				} else {
					p.odd.add(DatatypeAlias)
				}
			}
			w.datatype = true
		case 3:
			return Varints(v, func(x uint64) {
				if int64(x) < 0 {
					p.odd.add(ShapeNegative)
					x = math.MaxUint64
				}
				if len(t.Shape) < maxDepth {
					t.Shape = append(t.Shape, int64(x))
				}
			})
		case 4:
			return Fields(v.Bytes, func(n protowire.Number, v Value) error {
				if n == 1 && string(v.Bytes) == "shared_memory_region" {
					w.shared = true
				}
				return nil
			})
		case 5:
			contents = v.Bytes
		}
		return nil
	})
	if err != nil || len(contents) == 0 {
		return err
	}
	w.read = true
	return p.contents(t, w, contents)
}

// contents reads the typed contents: one repeated field for each family of
// types.
func (p *parser) contents(t *tensor.Tensor, w *wireInfo, b []byte) error {
	if t.Type == tensor.Invalid {
		p.odd.add(DatatypeMissing)
		t.Type = tensor.Float64
	}
	return Fields(b, func(n protowire.Number, v Value) error {
		switch n {
		case 1, 2, 3, 4, 5: // bool, int, int64, uint, uint64
			return Varints(v, func(x uint64) { w.count++; p.appendVarint(t, n, x) })
		case 6: // fp32
			return Fixed(v, 4, func(x uint64) { w.count++; p.appendValue(t, float64(math.Float32frombits(uint32(x)))) })
		case 7: // fp64
			return Fixed(v, 8, func(x uint64) { w.count++; p.appendValue(t, math.Float64frombits(x)) })
		case 8:
			if t.Type != tensor.Bytes {
				p.odd.add(TypeMismatch)
				return nil
			}
			w.count++
			t.Strings = append(t.Strings, append([]byte{}, v.Bytes...))
		}
		return nil
	})
}

func (p *parser) appendVarint(t *tensor.Tensor, field protowire.Number, x uint64) {
	switch t.Type {
	case tensor.Bool:
		t.Data = append(t.Data, boolByte(x != 0))
	case tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64, tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64:
		if field == 2 {
			x = uint64(int64(int32(x)))
		}
		negative := (field == 2 || field == 3) && int64(x) < 0
		switch low, high := limits(t.Type); {
		case negative && -x > low:
			p.odd.add(NumberOutOfRange)
			x = -low
		case !negative && x > high:
			p.odd.add(NumberOutOfRange)
			x = high
		}
		t.Data = appendInteger(t.Data, t.Type, x)
	default:
		p.odd.add(TypeMismatch)
		f := float64(x)
		if field == 2 || field == 3 {
			f = float64(int64(x))
		}
		p.appendValue(t, f)
	}
}

// appendValue appends a number to a tensor of any numeric type.
func (p *parser) appendValue(t *tensor.Tensor, f float64) {
	switch t.Type {
	case tensor.Float16, tensor.BFloat16, tensor.Float32, tensor.Float64:
		t.Data = appendFloat(t.Data, t.Type, f)
	case tensor.Bool:
		p.odd.add(TypeMismatch)
		t.Data = append(t.Data, boolByte(f != 0))
	case tensor.Bytes:
		p.odd.add(TypeMismatch)
		t.Strings = append(t.Strings, fmt.Append(nil, f))
	default:
		p.odd.add(TypeMismatch)
		t.Data = appendInteger(t.Data, t.Type, p.clamp(math.RoundToEven(f), t.Type))
	}
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// settleGRPC gives the tensors without typed contents their raw ones, in
// order, and makes shapes and data agree.
func (p *parser) settleGRPC(m *Message, raw [][]byte) error {
	for i := range m.Tensors {
		t, w := &m.Tensors[i], &m.wire[i]
		switch {
		case w.shared:
		case w.read:
			p.rank, p.ragged = 0, false
			if err := p.settle(t, w); err != nil {
				return err
			}
		case len(raw) > 0:
			p.blob(t, w, raw[0])
			raw = raw[1:]
		default:
			if n, err := tensor.Elements(t.Shape); err == nil && n == 0 && t.Type != tensor.Invalid {
				continue // an empty tensor needs no contents
			}
			return fmt.Errorf("%w: tensor %q has no contents", ErrSyntax, t.Name)
		}
	}
	if len(raw) > 0 {
		p.odd.add(TrailingData)
	}
	return nil
}

// decodeGRPC makes records of a call. A stream has many messages: every
// request is paired with the first answer that bears its id, or, where ids
// are missing, with the one at its place; of a decoupled model's many answers
// to one request, the first counts.
func (d *Decoder) decodeGRPC(c *record.Capture) ([]record.Record, error) {
	requests, err := d.inflater.Frames(c.Request)
	if err == nil && len(requests) == 0 {
		err = ErrNoTensors
	}
	if err != nil {
		d.report(1 << frameKind(err))
		return nil, fmt.Errorf("decode call: %w", err)
	}
	answers := d.answers(c)
	var out []record.Record
	for i, b := range requests {
		var request Message
		err = ParseGRPCRequest(b, &request)
		d.report(request.odd)
		if err != nil {
			continue
		}
		answer := pair(answers, request.ID, i)
		base := Base(c, request.ID, answer)
		if base.Model == "" {
			base.Model = request.Model
		}
		if base.Version == "" {
			base.Version = request.Version
		}
		out = append(out, Rows(base, request.Tensors, answer.Tensors)...)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("decode call: %w", err)
	}
	return out, nil
}

func frameKind(err error) Kind {
	switch {
	case errors.Is(err, ErrCompression):
		return Compression
	case errors.Is(err, ErrNoTensors):
		return NoTensors
	}
	return ProtobufInvalid
}

// answers reads the responses of a call: of a unary call, or of a stream,
// whose messages wrap them.
func (d *Decoder) answers(c *record.Capture) []*Message {
	messages, err := d.inflater.Frames(c.Response)
	if err != nil {
		d.report(1<<ResponseInvalid | 1<<frameKind(err))
	}
	var out []*Message
	for _, b := range messages {
		m := new(Message)
		if err := ParseGRPCResponse(b, m); err != nil {
			inner, failed := unwrapStream(b)
			if failed {
				continue // an error in place of an answer
			}
			if err = ParseGRPCResponse(inner, m); err != nil {
				m.odd.add(ResponseInvalid)
				d.report(m.odd)
				continue
			}
		}
		d.report(m.odd)
		out = append(out, m)
	}
	return out
}

// unwrapStream returns the infer_response of a ModelStreamInferResponse;
// failed tells that it is an error message instead.
func unwrapStream(b []byte) (inner []byte, failed bool) {
	err := Fields(b, func(n protowire.Number, v Value) error {
		switch {
		case n == 1 && len(v.Bytes) > 0:
			failed = true
		case n == 2:
			inner = v.Bytes
		}
		return nil
	})
	return inner, failed || err != nil
}

func pair(answers []*Message, id string, i int) *Message {
	if id != "" {
		for _, m := range answers {
			if m.ID == id {
				return m
			}
		}
	}
	if i < len(answers) && (id == "" || answers[i].ID == "") {
		return answers[i]
	}
	return &Message{}
}
