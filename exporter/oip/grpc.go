package oip

import (
	"encoding/binary"
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
	err := fields(b, func(n protowire.Number, v value) error {
		switch {
		case n == 1:
			m.Model = string(v.bytes)
		case n == 2:
			m.Version = string(v.bytes)
		case n == 3:
			m.ID = string(v.bytes)
		case n == 5:
			return p.grpcTensor(m, v.bytes)
		case n == rawField:
			raw = append(raw, v.bytes)
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

// value is a field's value: bytes where it has a length, number otherwise.
type value struct {
	kind   protowire.Type
	bytes  []byte
	number uint64
}

// fields calls each for every field of a message.
func fields(b []byte, each func(protowire.Number, value) error) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("%w: %w", ErrSyntax, protowire.ParseError(n))
		}
		b = b[n:]
		v := value{kind: kind}
		switch kind {
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			v.number, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			v.number, n = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			var x uint32
			x, n = protowire.ConsumeFixed32(b)
			v.number = uint64(x)
		default:
			n = protowire.ConsumeFieldValue(field, kind, b)
		}
		if n < 0 {
			return fmt.Errorf("%w: %w", ErrSyntax, protowire.ParseError(n))
		}
		b = b[n:]
		if err := each(field, v); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) grpcTensor(m *Message, b []byte) error {
	t := m.next()
	w := &m.wire[len(m.wire)-1]
	w.shape = true
	t.Name = ""
	var contents []byte
	err := fields(b, func(n protowire.Number, v value) error {
		switch n {
		case 1:
			t.Name = string(v.bytes)
		case 2:
			var known bool
			if t.Type, known = tensor.ParseDataType(asString(v.bytes)); !known {
				if t.Type = alias(string(v.bytes)); t.Type == tensor.Invalid {
					p.odd.add(DatatypeUnknown)
				} else {
					p.odd.add(DatatypeAlias)
				}
			}
			w.datatype = true
		case 3:
			return varints(v, func(x uint64) {
				if int64(x) < 0 {
					p.odd.add(ShapeNegative)
					x = math.MaxUint64
				}
				if len(t.Shape) < maxDepth {
					t.Shape = append(t.Shape, int64(x))
				}
			})
		case 4:
			return fields(v.bytes, func(n protowire.Number, v value) error {
				if n == 1 && string(v.bytes) == "shared_memory_region" {
					w.shared = true
				}
				return nil
			})
		case 5:
			contents = v.bytes
		}
		return nil
	})
	if err != nil || len(contents) == 0 {
		return err
	}
	w.read = true
	return p.contents(t, w, contents)
}

// varints calls each for the numbers of a repeated field, packed or not.
func varints(v value, each func(uint64)) error {
	if v.kind == protowire.VarintType {
		each(v.number)
		return nil
	}
	for b := v.bytes; len(b) > 0; {
		x, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return fmt.Errorf("%w: %w", ErrSyntax, protowire.ParseError(n))
		}
		each(x)
		b = b[n:]
	}
	return nil
}

// contents reads the typed contents: one repeated field for each family of
// types.
func (p *parser) contents(t *tensor.Tensor, w *wireInfo, b []byte) error {
	if t.Type == tensor.Invalid {
		p.odd.add(DatatypeMissing)
		t.Type = tensor.Float64
	}
	return fields(b, func(n protowire.Number, v value) error {
		switch n {
		case 1, 2, 3, 4, 5: // bool, int, int64, uint, uint64
			return varints(v, func(x uint64) { w.count++; p.appendVarint(t, n, x) })
		case 6: // fp32
			return fixed(v, 4, func(x uint64) { w.count++; p.appendValue(t, float64(math.Float32frombits(uint32(x)))) })
		case 7: // fp64
			return fixed(v, 8, func(x uint64) { w.count++; p.appendValue(t, math.Float64frombits(x)) })
		case 8:
			if t.Type != tensor.Bytes {
				p.odd.add(TypeMismatch)
				return nil
			}
			w.count++
			t.Strings = append(t.Strings, append([]byte{}, v.bytes...))
		}
		return nil
	})
}

func fixed(v value, size int, each func(uint64)) error {
	if v.kind != protowire.BytesType {
		each(v.number)
		return nil
	}
	if len(v.bytes)%size != 0 {
		return fmt.Errorf("%w: packed field of %d bytes", ErrSyntax, len(v.bytes))
	}
	for b := v.bytes; len(b) > 0; b = b[size:] {
		if size == 4 {
			each(uint64(binary.LittleEndian.Uint32(b)))
		} else {
			each(binary.LittleEndian.Uint64(b))
		}
	}
	return nil
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

// frames splits a body of gRPC into its messages, decompressed.
func (d *Decoder) frames(b record.Body) ([][]byte, error) {
	var out [][]byte
	rest := b.Bytes
	for len(rest) > 0 {
		if len(rest) < 5 {
			return out, fmt.Errorf("%w: message cut short", ErrSyntax)
		}
		n := uint64(binary.BigEndian.Uint32(rest[1:]))
		if n > uint64(len(rest)-5) {
			return out, fmt.Errorf("%w: message cut short", ErrSyntax)
		}
		message := rest[5 : 5+n]
		if rest[0]&1 != 0 {
			var err error
			if message, err = d.inflater.Inflate(message, b.Encoding); err != nil {
				return out, err
			}
		}
		out = append(out, message)
		rest = rest[5+n:]
	}
	return out, nil
}

// decodeGRPC makes records of a call. A stream has many messages: every
// request is paired with the first answer that bears its id, or, where ids
// are missing, with the one at its place; of a decoupled model's many answers
// to one request, the first counts.
func (d *Decoder) decodeGRPC(c *record.Capture) ([]record.Record, error) {
	requests, err := d.frames(c.Request)
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
	messages, err := d.frames(c.Response)
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
	err := fields(b, func(n protowire.Number, v value) error {
		switch {
		case n == 1 && len(v.bytes) > 0:
			failed = true
		case n == 2:
			inner = v.bytes
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
