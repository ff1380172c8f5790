package oip

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// data reads the elements of t, nested or flat, and returns how many there
// are. parser.dims and parser.rank say how they were nested.
func (p *parser) data(t *tensor.Tensor) (int, error) {
	p.rank, p.ragged = 0, false
	p.reserve(t)
	if p.peek() == '[' {
		n, err := p.array(t, 0)
		return n, err
	}
	p.odd.add(TypeMismatch) // one element without an array around it
	return 1, p.element(t)
}

// reserve makes room for what the shape promises, at most for what the rest
// of the body can hold: an element takes two bytes at least.
func (p *parser) reserve(t *tensor.Tensor) {
	n := (len(p.b) - p.i + 1) / 2
	for _, d := range t.Shape {
		if d < 0 {
			return
		}
	}
	if promised, err := tensor.Elements(t.Shape); err == nil && len(t.Shape) > 0 {
		n = min(n, promised)
	} else {
		n = min(n, 16)
	}
	if t.Type == tensor.Bytes {
		t.Strings = slices.Grow(t.Strings[:0], n)
		return
	}
	// Rounded up to whole words, so that the storage is aligned for every type.
	t.Data = slices.Grow(t.Data[:0], (n*t.Type.Size()+7)&^7)
}

func (p *parser) array(t *tensor.Tensor, level int) (total int, err error) {
	if level >= maxDepth {
		return 0, p.fail("nested too deeply")
	}
	p.i++ // the bracket
	first := level >= p.rank
	if first {
		p.rank = level + 1
	}
	n := 0
	switch c := p.peek(); {
	case c == ']':
		p.i++
	case c == '[':
		for {
			if p.peek() != '[' {
				return 0, p.fail("arrays and values mixed")
			}
			inner, err := p.array(t, level+1)
			if err != nil {
				return 0, err
			}
			total += inner
			n++
			if p.take(']') {
				break
			}
			if !p.take(',') {
				return 0, p.fail("no comma")
			}
		}
	default:
		if level+1 < p.rank {
			p.ragged = true
		}
		if t.Type == tensor.Float32 {
			n, err = p.float32s(t)
		} else {
			n, err = p.values(t)
		}
		if err != nil {
			return 0, err
		}
		total = n
	}
	if first {
		p.dims[level] = n
	} else if p.dims[level] != n {
		p.ragged = true
	}
	return total, nil
}

// float32s reads the elements of an innermost array of FP32 up to its
// bracket. This loop is where the time of decoding goes.
func (p *parser) float32s(t *tensor.Tensor) (n int, err error) {
	b, i, out := p.b, p.i, t.Data
	for {
		var f float32
		if i+1 < len(b) && b[i]-'0' <= 9 && (b[i+1] == ',' || b[i+1] == ']') {
			f = float32(b[i] - '0') // images are full of these
			i++
		} else if x, next, ok := plainFloat32(b, i); ok {
			f, i = x, next
		} else if d, next := scanNumber(b, i); next > i {
			f = d.float32(b[i:next])
			i = next
			if math.Float32bits(f)&0x7f800000 == 0x7f800000 {
				p.odd.add(NumberOutOfRange)
			}
		} else {
			p.i = i
			v, err := p.oddNumber(t.Type)
			if err != nil {
				return 0, err
			}
			f, i = float32(v), p.i
		}
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(f))
		n++
		for i < len(b) && b[i] <= ' ' {
			i++
		}
		if i >= len(b) {
			p.i = i
			return 0, p.fail("array without end")
		}
		c := b[i]
		i++
		if c == ']' {
			p.i, t.Data = i, out
			return n, nil
		}
		if c != ',' {
			p.i = i - 1
			return 0, p.fail("no comma")
		}
		for i < len(b) && b[i] <= ' ' {
			i++
		}
	}
}

// values is float32s for every other type.
func (p *parser) values(t *tensor.Tensor) (n int, err error) {
	for {
		if err := p.element(t); err != nil {
			return 0, err
		}
		n++
		if p.take(']') {
			return n, nil
		}
		if !p.take(',') {
			return 0, p.fail("no comma")
		}
	}
}

// element reads one element and appends it.
func (p *parser) element(t *tensor.Tensor) error {
	switch {
	case t.Type == tensor.Bytes:
		return p.bytesElement(t)
	case t.Type == tensor.Bool:
		return p.boolElement(t)
	}
	p.peek()
	d, next := scanNumber(p.b, p.i)
	if next == p.i {
		return p.oddElement(t)
	}
	text := p.b[p.i:next]
	p.i = next
	p.appendNumber(t, d, text)
	return nil
}

func (p *parser) appendNumber(t *tensor.Tensor, d decimal, text []byte) {
	le := binary.LittleEndian
	switch t.Type {
	case tensor.Float32:
		t.Data = le.AppendUint32(t.Data, math.Float32bits(d.float32(text)))
	case tensor.Float64:
		t.Data = le.AppendUint64(t.Data, math.Float64bits(d.float64(text)))
	case tensor.Float16, tensor.BFloat16:
		t.Data = appendFloat(t.Data, t.Type, float64(d.float32(text)))
	default:
		t.Data = appendInteger(t.Data, t.Type, p.integer(d, text, t.Type))
	}
}

// appendFloat appends a value that is a float of the type, NaN and infinities
// included.
func appendFloat(b []byte, dt tensor.DataType, f float64) []byte {
	le := binary.LittleEndian
	switch dt {
	case tensor.Float64:
		return le.AppendUint64(b, math.Float64bits(f))
	case tensor.Float32:
		return le.AppendUint32(b, math.Float32bits(float32(f)))
	case tensor.BFloat16:
		bits := math.Float32bits(float32(f))
		if f == f { // round to nearest even; a NaN keeps its upper bits
			bits += 0x7fff + bits>>16&1
		}
		return le.AppendUint16(b, uint16(bits>>16))
	default:
		return le.AppendUint16(b, tensor.Float32ToFloat16(float32(f)))
	}
}

// appendInteger appends the low bytes of v, a two's complement integer.
func appendInteger(b []byte, dt tensor.DataType, v uint64) []byte {
	le := binary.LittleEndian
	switch dt.Size() {
	case 1:
		return append(b, byte(v))
	case 2:
		return le.AppendUint16(b, uint16(v))
	case 4:
		return le.AppendUint32(b, uint32(v))
	default:
		return le.AppendUint64(b, v)
	}
}

// integer converts a number to a type's two's complement, clamped to its
// range.
func (p *parser) integer(d decimal, text []byte, dt tensor.DataType) uint64 {
	if !d.integer {
		f := d.float64(text)
		if f != math.Trunc(f) {
			p.odd.add(TypeMismatch)
		}
		return p.clamp(math.RoundToEven(f), dt)
	}
	m := d.mantissa
	if !d.exact {
		var err error
		digits := bytes.TrimPrefix(text, []byte("-"))
		if m, err = strconv.ParseUint(asString(digits), 10, 64); err != nil {
			m = math.MaxUint64
			p.odd.add(NumberOutOfRange)
		}
	}
	low, high := limits(dt)
	switch {
	case d.negative && m > low:
		p.odd.add(NumberOutOfRange)
		return -low
	case d.negative:
		return -m
	case m > high:
		p.odd.add(NumberOutOfRange)
		return high
	}
	return m
}

// limits are the magnitudes of a type's lowest and highest value.
func limits(dt tensor.DataType) (low, high uint64) {
	bits := 8 * dt.Size()
	switch dt {
	case tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64:
		return 0, math.MaxUint64 >> (64 - bits)
	}
	return 1 << (bits - 1), 1<<(bits-1) - 1
}

func (p *parser) clamp(f float64, dt tensor.DataType) uint64 {
	low, high := limits(dt)
	switch {
	case f != f:
		return 0
	case f < -float64(low):
		p.odd.add(NumberOutOfRange)
		return -low
	case f >= float64(high):
		if f > float64(high) {
			p.odd.add(NumberOutOfRange)
		}
		return high
	case f < 0:
		return uint64(int64(f))
	}
	return uint64(f)
}

// oddElement appends an element that is not written as a number.
func (p *parser) oddElement(t *tensor.Tensor) error {
	if p.peek() == '"' {
		at := p.i
		s, _, err := p.str()
		if err != nil {
			return err
		}
		s = bytes.TrimSpace(s)
		if d, next := scanNumber(s, 0); next == len(s) && next > 0 {
			p.odd.add(NumberString)
			p.appendNumber(t, d, s)
			return nil
		}
		p.i = at
	}
	f, err := p.oddNumber(t.Type)
	if err != nil {
		return err
	}
	switch t.Type {
	case tensor.Float16, tensor.BFloat16, tensor.Float32, tensor.Float64:
		t.Data = appendFloat(t.Data, t.Type, f)
	default:
		t.Data = appendInteger(t.Data, t.Type, p.clamp(f, t.Type))
	}
	return nil
}

// oddNumber reads what stands where a number should: a number in quotes, a
// literal that JSON does not have, null, a boolean.
func (p *parser) oddNumber(dt tensor.DataType) (float64, error) {
	var text []byte
	if p.peek() == '"' {
		s, _, err := p.str()
		if err != nil {
			return 0, err
		}
		p.odd.add(NumberString)
		text = bytes.TrimSpace(s)
		if d, next := scanNumber(text, 0); next == len(text) && next > 0 {
			if dt == tensor.Float32 {
				return float64(d.float32(text)), nil
			}
			return d.float64(text), nil
		}
	} else {
		at := p.i
		if !p.word() {
			return 0, p.fail("no number")
		}
		text = p.b[at:p.i]
	}
	return p.literal(text), nil
}

func (p *parser) literal(text []byte) float64 {
	switch string(bytes.ToLower(text)) {
	case "null", "":
		p.odd.add(NullElement)
		return math.NaN()
	case "true":
		p.odd.add(TypeMismatch)
		return 1
	case "false":
		p.odd.add(TypeMismatch)
		return 0
	case "nan", "-nan":
		p.odd.add(NonFiniteLiteral)
		return math.NaN()
	case "infinity", "inf":
		p.odd.add(NonFiniteLiteral)
		return math.Inf(1)
	case "-infinity", "-inf":
		p.odd.add(NonFiniteLiteral)
		return math.Inf(-1)
	}
	p.odd.add(TypeMismatch) // some text
	return math.NaN()
}

func (p *parser) boolElement(t *tensor.Tensor) error {
	v := byte(0)
	switch c := p.peek(); {
	case c == 't' && bytes.HasPrefix(p.b[p.i:], []byte("true")):
		p.i += 4
		v = 1
	case c == 'f' && bytes.HasPrefix(p.b[p.i:], []byte("false")):
		p.i += 5
	default:
		p.odd.add(TypeMismatch)
		if d, next := scanNumber(p.b, p.i); next > p.i {
			p.i = next
			if d.mantissa != 0 {
				v = 1
			}
			break
		}
		f, err := p.oddNumber(t.Type)
		if err != nil {
			return err
		}
		if f == 1 {
			v = 1
		}
	}
	t.Data = append(t.Data, v)
	return nil
}

func (p *parser) bytesElement(t *tensor.Tensor) error {
	if p.peek() == '"' {
		s, escaped, err := p.str()
		if err != nil {
			return err
		}
		if escaped {
			s = unescape(s)
		} else {
			s = bytes.Clone(s)
		}
		t.Strings = append(t.Strings, s)
		return nil
	}
	if p.null() {
		p.odd.add(NullElement)
		t.Strings = append(t.Strings, nil)
		return nil
	}
	p.odd.add(TypeMismatch)
	at := p.i
	if err := p.skip(); err != nil {
		return err
	}
	t.Strings = append(t.Strings, bytes.Clone(p.b[at:p.i]))
	return nil
}

// settle makes shape and data agree: the data is what it is.
func (p *parser) settle(t *tensor.Tensor, w *wireInfo) error {
	if p.ragged {
		p.odd.add(Ragged)
	}
	if !w.shape {
		p.odd.add(ShapeMissing)
		p.nestedShape(t, w.count)
		return nil
	}
	if inferDimension(t.Shape, w.count) {
		return nil
	}
	if n, err := tensor.Elements(t.Shape); err == nil && n == w.count {
		return nil
	}
	p.odd.add(ShapeMismatch)
	p.nestedShape(t, w.count)
	return nil
}

// inferDimension fills the one dimension of -1, where there is exactly one
// and the others divide count.
func inferDimension(shape []int64, count int) bool {
	at, rest := -1, int64(1)
	for i, d := range shape {
		switch {
		case d >= 0:
			if d != 0 && rest > math.MaxInt64/d {
				return false
			}
			rest *= d
		case at >= 0:
			return false
		default:
			at = i
		}
	}
	if at < 0 || rest == 0 || int64(count)%rest != 0 {
		return false
	}
	shape[at] = int64(count) / rest
	return true
}

// nestedShape is the shape that the data's nesting shows; flat where it is
// ragged.
func (p *parser) nestedShape(t *tensor.Tensor, count int) {
	t.Shape = t.Shape[:0]
	if p.ragged {
		t.Shape = append(t.Shape, int64(count))
		return
	}
	for _, d := range p.dims[:p.rank] {
		t.Shape = append(t.Shape, int64(d))
	}
	if n, err := tensor.Elements(t.Shape); err != nil || n != count {
		t.Shape = append(t.Shape[:0], int64(count))
	}
}
