package oip

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// ErrNoTensors: the body is well-formed but holds no tensor that can be read.
var ErrNoTensors = errors.New("no tensors in the payload")

// Message is an infer request or response.
type Message struct {
	ID      string
	Model   string // of a response
	Version string // of a response
	Tensors []tensor.Tensor

	wire []wireInfo // a tensor each
	odd  kindSet
}

// wireInfo is what the wire says of a tensor beside the tensor itself.
type wireInfo struct {
	binary   int // binary_data_size; -1 where the data is JSON
	dataAt   int // where data was skipped, its type not being known yet; -1
	datatype bool
	shape    bool
	shared   bool // in shared memory
	read     bool // data was read, count elements of it
	count    int
}

// Oddities lists the kinds of what was odd about the message.
func (m *Message) Oddities() []Kind {
	var out []Kind
	m.odd.each(func(k Kind) { out = append(out, k) })
	return out
}

// Parse reads a request or response body into m, whose storage it reuses: a
// caller who keeps tensors parses into a new Message. jsonLength is the
// binary extension's header, -1 where there is none. The tensors do not share
// body.
//
// It is lenient: what can be read is read, and every oddity noted. The errors
// are ErrSyntax and ErrNoTensors.
func Parse(body []byte, jsonLength int, m *Message) error {
	last := Message{ID: m.ID, Model: m.Model, Version: m.Version}
	m.ID, m.Model, m.Version, m.odd = "", "", "", 0
	m.Tensors, m.wire = m.Tensors[:0], m.wire[:0]
	if jsonLength == 0 {
		return m.raw(body)
	}
	p := parser{b: body}
	if jsonLength > 0 && jsonLength <= len(body) {
		p.b = body[:jsonLength]
	}
	err := p.message(m, &last)
	if err == nil {
		err = p.blobs(m, body, jsonLength)
	}
	m.odd |= p.odd
	if err != nil {
		m.Tensors = m.Tensors[:0]
		if errors.Is(err, ErrSyntax) {
			m.odd.add(InvalidJSON)
		}
		return err
	}
	m.dropShared()
	if len(m.Tensors) == 0 {
		m.odd.add(NoTensors)
		return ErrNoTensors
	}
	return nil
}

// raw makes the whole body one element: only the model's metadata would say
// what it holds.
func (m *Message) raw(body []byte) error {
	m.odd.add(RawBody)
	t := m.next()
	t.Type, t.Shape = tensor.Bytes, append(t.Shape, 1)
	t.Strings = append(t.Strings, bytes.Clone(body))
	return nil
}

// next adds a tensor, with the storage of an earlier message's where there is
// any.
func (m *Message) next() *tensor.Tensor {
	if n := len(m.Tensors); n < cap(m.Tensors) {
		m.Tensors = m.Tensors[:n+1]
		t := &m.Tensors[n]
		t.Type, t.Shape, t.Data, t.Strings = tensor.Invalid, t.Shape[:0], t.Data[:0], t.Strings[:0]
	} else {
		m.Tensors = append(m.Tensors, tensor.Tensor{})
	}
	m.wire = append(m.wire, wireInfo{binary: -1, dataAt: -1})
	return &m.Tensors[len(m.Tensors)-1]
}

// dropShared removes the tensors whose values are not in the message.
func (m *Message) dropShared() {
	kept := 0
	for i := range m.Tensors {
		if m.wire[i].shared {
			m.odd.add(SharedMemory)
			continue
		}
		m.Tensors[kept], m.wire[kept] = m.Tensors[i], m.wire[i]
		kept++
	}
	m.Tensors, m.wire = m.Tensors[:kept], m.wire[:kept]
}

// message reads the body; strings that last has too are taken from it.
func (p *parser) message(m, last *Message) error {
	if bytes.HasPrefix(p.b, []byte("\xef\xbb\xbf")) {
		p.odd.add(ByteOrderMark)
		p.i = 3
	}
	return p.members(func(name []byte) (err error) {
		switch string(name) {
		case "id":
			m.ID, err = p.stringOrNumber(last.ID)
		case "model_name":
			m.Model, err = p.stringOrNumber(last.Model)
		case "model_version":
			m.Version, err = p.stringOrNumber(last.Version)
		case "inputs":
			err = p.tensors(m)
		case "outputs":
			// In a request these are the outputs asked for, without data.
			err = p.tensors(m)
		default:
			err = p.skip()
		}
		return err
	})
}

// stringOrNumber reads a string, or null as "", or a number as it is written.
func (p *parser) stringOrNumber(old string) (string, error) {
	switch {
	case p.peek() == '"':
		return p.text(old)
	case p.null():
		return "", nil
	}
	start := p.i
	err := p.skip()
	p.odd.add(IDNotString)
	return string(p.b[start:p.i]), err
}

// tensors reads a list of tensors, or an object of name: data.
func (p *parser) tensors(m *Message) error {
	switch p.peek() {
	case '[':
		return p.elements(func() error { return p.tensor(m) })
	case '{':
		p.odd.add(TensorsByName)
		return p.members(func(name []byte) error {
			t := m.next()
			t.Name = string(name)
			w := &m.wire[len(m.wire)-1]
			w.dataAt = p.i
			if err := p.skip(); err != nil {
				return err
			}
			return p.late(t, w)
		})
	default:
		return p.skip()
	}
}

func (p *parser) tensor(m *Message) error {
	if p.peek() != '{' {
		p.odd.add(NoTensors)
		return p.skip()
	}
	t := m.next()
	w := &m.wire[len(m.wire)-1]
	if err := p.members(func(name []byte) error { return p.tensorMember(t, w, name) }); err != nil {
		return err
	}
	if w.read {
		return p.settle(t, w)
	}
	if w.dataAt >= 0 && !w.shared && w.binary < 0 {
		return p.late(t, w)
	}
	if w.binary < 0 && !w.shared {
		m.Tensors, m.wire = m.Tensors[:len(m.Tensors)-1], m.wire[:len(m.wire)-1]
	}
	return nil
}

func (p *parser) tensorMember(t *tensor.Tensor, w *wireInfo, name []byte) (err error) {
	switch string(name) {
	case "name":
		t.Name, err = p.stringOrNumber(t.Name)
	case "shape":
		w.shape, err = p.shape(t)
	case "datatype":
		err = p.datatype(t, w)
	case "data":
		err = p.dataMember(t, w)
	case "parameters":
		err = p.parameters(w)
	case "contents":
		if p.peek() != '{' {
			return p.skip()
		}
		p.odd.add(ContentsObject)
		err = p.members(func([]byte) error { return p.dataMember(t, w) })
	default:
		err = p.skip()
	}
	return err
}

// dataMember reads the data where its type is known, and else remembers where
// it is.
func (p *parser) dataMember(t *tensor.Tensor, w *wireInfo) error {
	if p.null() {
		return nil
	}
	if !w.datatype || t.Type == tensor.Invalid || w.read {
		w.dataAt = p.i
		return p.skip()
	}
	var err error
	w.read = true // settled when the shape is known
	w.count, err = p.data(t)
	return err
}

// late reads data that was skipped because its type was not known.
func (p *parser) late(t *tensor.Tensor, w *wireInfo) error {
	end := p.i
	p.i = w.dataAt
	if t.Type == tensor.Invalid {
		if !w.datatype {
			p.odd.add(DatatypeMissing)
		}
		t.Type = p.guess()
	}
	n, err := p.data(t)
	if err != nil {
		return err
	}
	p.i = end
	w.count = n
	return p.settle(t, w)
}

// guess takes the type from the first element.
func (p *parser) guess() tensor.DataType {
	at := p.i
	defer func() { p.i = at }()
	for p.take('[') {
	}
	switch p.peek() {
	case '"':
		return tensor.Bytes
	case 't', 'f':
		return tensor.Bool
	}
	return tensor.Float64
}

func (p *parser) datatype(t *tensor.Tensor, w *wireInfo) error {
	if p.null() {
		return nil
	}
	name, _, err := p.str()
	if err != nil {
		return err
	}
	w.datatype = true
	var known bool
	if t.Type, known = tensor.ParseDataType(asString(name)); known {
		return nil
	}
	if t.Type = alias(string(name)); t.Type != tensor.Invalid {
		p.odd.add(DatatypeAlias)
		return nil
	}
	p.odd.add(DatatypeUnknown)
	return nil
}

// alias knows the spellings of numpy, ONNX, Triton's model configuration and
// TensorFlow.
func alias(name string) tensor.DataType {
	name = string(bytes.ToLower([]byte(name)))
	name = string(bytes.TrimPrefix([]byte(name), []byte("type_")))
	switch name {
	case "fp32", "float32", "float", "dt_float":
		return tensor.Float32
	case "fp64", "float64", "double", "dt_double":
		return tensor.Float64
	case "fp16", "float16", "half", "dt_half":
		return tensor.Float16
	case "bf16", "bfloat16", "dt_bfloat16":
		return tensor.BFloat16
	case "int", "int64", "long", "dt_int64":
		return tensor.Int64
	case "int32", "dt_int32":
		return tensor.Int32
	case "int16":
		return tensor.Int16
	case "int8":
		return tensor.Int8
	case "uint64":
		return tensor.Uint64
	case "uint32":
		return tensor.Uint32
	case "uint16":
		return tensor.Uint16
	case "uint8", "byte":
		return tensor.Uint8
	case "bool", "boolean", "dt_bool":
		return tensor.Bool
	case "bytes", "string", "str", "object", "dt_string":
		return tensor.Bytes
	}
	return tensor.Invalid
}

// parameters reads the ones that say where the data is.
func (p *parser) parameters(w *wireInfo) error {
	if p.peek() != '{' {
		return p.skip()
	}
	return p.members(func(name []byte) error {
		switch string(name) {
		case "binary_data_size":
			p.peek()
			if d, next := scanNumber(p.b, p.i); next > p.i && d.integer && d.exact && !d.negative && d.mantissa < 1<<40 {
				w.binary = int(d.mantissa)
				p.i = next
				return nil
			}
		case "shared_memory_region":
			w.shared = true
		}
		return p.skip()
	})
}

// shape reads the dimensions; false where there are none.
func (p *parser) shape(t *tensor.Tensor) (bool, error) {
	t.Shape = t.Shape[:0]
	switch {
	case p.null():
		return false, nil
	case p.peek() == '[':
		return true, p.elements(func() error { return p.dimension(t) })
	}
	p.odd.add(ShapeNotArray)
	return true, p.dimension(t)
}

func (p *parser) dimension(t *tensor.Tensor) error {
	if len(t.Shape) >= maxDepth {
		return p.fail("too many dimensions")
	}
	text := p.b
	at, quoted := p.i, false
	if p.peek() == '"' {
		s, _, err := p.str()
		if err != nil {
			return err
		}
		p.odd.add(ShapeString)
		text, at, quoted = s, 0, true
	} else {
		at = p.i
	}
	d, next := scanNumber(text, at)
	if next == at || !d.exact || d.mantissa > 1<<62 {
		return fmt.Errorf("%w: dimension is no number at byte %d", ErrSyntax, p.i)
	}
	n := int64(d.float64(text[at:next]))
	if n < 0 {
		p.odd.add(ShapeNegative)
		n = -1
	}
	t.Shape = append(t.Shape, n)
	if !quoted {
		p.i = next
	}
	return nil
}
