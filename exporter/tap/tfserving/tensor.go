package tfserving

import (
	"encoding/binary"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// maxDimensions is TensorFlow's own bound of a rank.
const maxDimensions = 254

// dataType is our type of a DataType's number, and the field of TensorProto
// that holds its values; Invalid where there is none. Quantized values are read
// as the integers that they are kept as.
func dataType(n uint64) (tensor.DataType, protowire.Number) {
	const (
		floats, doubles, ints, strings, int64s, bools, halves, uint32s, uint64s = 5, 6, 7, 8, 10, 11, 13, 16, 17
	)
	switch n {
	case 1: // DT_FLOAT
		return tensor.Float32, floats
	case 2: // DT_DOUBLE
		return tensor.Float64, doubles
	case 3, 13: // DT_INT32, DT_QINT32
		return tensor.Int32, ints
	case 4, 12: // DT_UINT8, DT_QUINT8
		return tensor.Uint8, ints
	case 5, 15: // DT_INT16, DT_QINT16
		return tensor.Int16, ints
	case 6, 11: // DT_INT8, DT_QINT8
		return tensor.Int8, ints
	case 7: // DT_STRING
		return tensor.Bytes, strings
	case 9: // DT_INT64
		return tensor.Int64, int64s
	case 10: // DT_BOOL
		return tensor.Bool, bools
	case 14: // DT_BFLOAT16
		return tensor.BFloat16, halves
	case 16, 17: // DT_QUINT16, DT_UINT16
		return tensor.Uint16, ints
	case 19: // DT_HALF
		return tensor.Float16, halves
	case 22: // DT_UINT32
		return tensor.Uint32, uint32s
	case 23: // DT_UINT64
		return tensor.Uint64, uint64s
	}
	return tensor.Invalid, 0
}

// protoTensor is a TensorProto before its type is known.
type protoTensor struct {
	dtype   uint64
	shape   []int64
	unknown bool // the shape is not fixed
	content []byte
	values  []numbered
}

type numbered struct {
	field protowire.Number
	oip.Value
}

func readProto(b []byte) (protoTensor, error) {
	var p protoTensor
	err := oip.Fields(b, func(n protowire.Number, v oip.Value) error {
		switch n {
		case 1:
			p.dtype = v.Number
		case 2:
			return p.readShape(v.Bytes)
		case 4:
			p.content = v.Bytes
		case 5, 6, 7, 8, 10, 11, 13, 16, 17:
			p.values = append(p.values, numbered{n, v})
		}
		return nil
	})
	return p, err
}

// readShape reads a TensorShapeProto: dim 2 (size 1), unknown_rank 3.
func (p *protoTensor) readShape(b []byte) error {
	return oip.Fields(b, func(n protowire.Number, v oip.Value) error {
		switch n {
		case 2:
			if len(p.shape) == maxDimensions {
				return fmt.Errorf("%w: more than %d dimensions", oip.ErrSyntax, maxDimensions)
			}
			size := int64(0) // a field that is 0 is not written
			err := oip.Fields(v.Bytes, func(n protowire.Number, v oip.Value) error {
				if n == 1 {
					size = int64(v.Number)
				}
				return nil
			})
			p.shape = append(p.shape, size)
			p.unknown = p.unknown || size < 0
			return err
		case 3:
			p.unknown = p.unknown || v.Number != 0
		}
		return nil
	})
}

// tensor reads a TensorProto; ok is false for one whose values we have no type
// for.
func (m *message) tensor(name string, b []byte) (t tensor.Tensor, ok bool, err error) {
	p, err := readProto(b)
	if err != nil {
		return t, false, fmt.Errorf("tensor %q: %w", name, err)
	}
	dtype, field := dataType(p.dtype)
	if dtype == tensor.Invalid {
		m.odd.add(oip.DatatypeUnknown)
		return t, false, nil
	}
	t = tensor.Tensor{Name: name, Type: dtype, Shape: p.shape}
	n, err := tensor.Elements(p.shape)
	switch {
	case p.unknown:
		m.odd.add(oip.ShapeNegative)
		n = -1
	case err != nil:
		m.odd.add(oip.ShapeMismatch)
		n = -1
	}
	if len(p.content) > 0 {
		m.content(&t, p.content, n)
	} else if err := m.typed(&t, field, p.values); err != nil {
		return t, false, fmt.Errorf("tensor %q: %w", name, err)
	} else if n > t.Len() && !m.fill(&t, n) {
		m.odd.add(oip.ShapeMismatch)
		return t, false, nil
	}
	settle(m, &t, n)
	return t, true, nil
}

// content reads tensor_content: the elements as they are in memory, or for
// strings their lengths, each a varint, and then their bytes.
func (m *message) content(t *tensor.Tensor, b []byte, n int) {
	if t.Type == tensor.Bytes {
		if !splitStrings(t, b, n) {
			m.odd.add(oip.BinarySize)
		}
		return
	}
	size := t.Type.Size()
	if n >= 0 && len(b)/size != n || len(b)%size != 0 {
		m.odd.add(oip.BinarySize)
	}
	b = b[:len(b)-len(b)%size]
	t.Data = append(make([]byte, 0, (len(b)+7)&^7), b...) // whole words: aligned for every type
}

func splitStrings(t *tensor.Tensor, b []byte, n int) bool {
	if n < 0 || n > len(b) { // a length takes a byte at least
		return false
	}
	lengths := make([]uint64, n)
	for i := range lengths {
		length, size := protowire.ConsumeVarint(b)
		if size < 0 {
			return false
		}
		lengths[i], b = length, b[size:]
	}
	b = slices.Clone(b)
	for _, length := range lengths {
		if length > uint64(len(b)) {
			return false
		}
		t.Strings = append(t.Strings, b[:length:length])
		b = b[length:]
	}
	return len(b) == 0
}

// typed reads the field of a type's values. Values in another field are not
// the tensor's: TensorFlow does not look at them.
func (m *message) typed(t *tensor.Tensor, field protowire.Number, values []numbered) error {
	for _, v := range values {
		var err error
		switch size := t.Type.Size(); {
		case v.field != field:
			m.odd.add(oip.TypeMismatch)
		case t.Type == tensor.Bytes:
			t.Strings = append(t.Strings, slices.Clone(v.Bytes))
		case t.Type == tensor.Float32 || t.Type == tensor.Float64:
			err = oip.Fixed(v.Value, size, func(x uint64) { t.Data = appendBits(t.Data, size, x) })
		case t.Type == tensor.Bool:
			err = oip.Varints(v.Value, func(x uint64) { t.Data = append(t.Data, byte(min(x, 1))) })
		default:
			err = oip.Varints(v.Value, func(x uint64) {
				if !fits(t.Type, x) {
					m.odd.add(oip.NumberOutOfRange) // its low bits are what the model gets
				}
				t.Data = appendBits(t.Data, size, x)
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fits reports whether an integer as it was written is one of the type. The 16
// bits of a half are padded with zeros.
func fits(t tensor.DataType, x uint64) bool {
	bits := 8 * t.Size()
	switch t {
	case tensor.Int8, tensor.Int16, tensor.Int32:
		shift := 64 - bits
		return int64(x)<<shift>>shift == int64(x)
	case tensor.Int64:
		return true
	}
	return bits == 64 || x>>bits == 0
}

func appendBits(b []byte, size int, x uint64) []byte {
	le := binary.LittleEndian
	switch size {
	case 1:
		return append(b, byte(x))
	case 2:
		return le.AppendUint16(b, uint16(x))
	case 4:
		return le.AppendUint32(b, uint32(x))
	}
	return le.AppendUint64(b, x)
}

// fill makes n elements of fewer: the last value stands for all that follow,
// and none for zeros. False where the message would fill more than its limit:
// a few bytes can claim any shape.
func (m *message) fill(t *tensor.Tensor, n int) bool {
	size, have := int64(t.Type.Size()), t.Len()
	if t.Type == tensor.Bytes {
		size = 24 // what the slice of a string takes
	}
	if int64(n-have) > m.left/size {
		return false
	}
	m.left -= int64(n-have) * size
	if t.Type == tensor.Bytes {
		last := []byte{}
		if have > 0 {
			last = t.Strings[have-1]
		}
		t.Strings = append(t.Strings, slices.Repeat([][]byte{last}, n-have)...)
		return true
	}
	last := make([]byte, size)
	if have > 0 {
		copy(last, t.Data[len(t.Data)-int(size):])
	}
	t.Data = append(slices.Grow(t.Data, (n-have)*int(size)+7), slices.Repeat(last, n-have)...)
	return true
}

// settle makes shape and data agree: more values than elements are cut, as
// TensorFlow does; of a shape that is not known the data is the shape.
func settle(m *message, t *tensor.Tensor, n int) {
	have := t.Len()
	switch {
	case n == have:
		return
	case n >= 0 && n < have:
		m.odd.add(oip.ShapeMismatch)
		if t.Type == tensor.Bytes {
			t.Strings = t.Strings[:n]
		} else {
			t.Data = t.Data[:n*t.Type.Size()]
		}
	default:
		t.Shape = []int64{int64(have)}
	}
}
