package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"
)

// float32Bytes shares the storage of values as little-endian bytes on
// little-endian machines, and converts elsewhere.
func float32Bytes(values []float32) []byte {
	if len(values) == 0 {
		return []byte{}
	}
	if littleEndian() {
		return unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), 4*len(values))
	}
	out := alignedBytes(4 * len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint32(out[4*i:], math.Float32bits(v))
	}
	return out
}

func littleEndian() bool {
	one := uint16(1)
	return *(*byte)(unsafe.Pointer(&one)) == 1
}

// Float32s is a view of an FP32 tensor's elements: shared where the storage
// is aligned and the machine little-endian, a copy otherwise. Read only.
// Other types are ErrType; AppendFloat64s converts.
func (t Tensor) Float32s() ([]float32, error) {
	if t.Type != Float32 {
		return nil, fmt.Errorf("tensor %q: %w: %v is not FP32", t.Name, ErrType, t.Type)
	}
	n := len(t.Data) / 4
	if n == 0 {
		return nil, nil
	}
	if littleEndian() && uintptr(unsafe.Pointer(&t.Data[0]))%4 == 0 {
		return unsafe.Slice((*float32)(unsafe.Pointer(&t.Data[0])), n), nil
	}
	out := make([]float32, n)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
	}
	return out, nil
}

// AppendFloat64s appends every element as a float64 to dst. Booleans are 0
// and 1; integers beyond 2^53 round to nearest even. Bytes is ErrType.
func (t Tensor) AppendFloat64s(dst []float64) ([]float64, error) {
	size := t.Type.Size()
	if size == 0 {
		return dst, fmt.Errorf("tensor %q: %w: %v has no numeric value", t.Name, ErrType, t.Type)
	}
	read := reader(t.Type)
	for i := 0; i+size <= len(t.Data); i += size {
		dst = append(dst, read(t.Data[i:]))
	}
	return dst, nil
}

// AppendFloat32s is AppendFloat64s in single precision, without the detour
// for FP32 itself.
func (t Tensor) AppendFloat32s(dst []float32) ([]float32, error) {
	if t.Type == Float32 {
		v, err := t.Float32s()
		return append(dst, v...), err
	}
	size := t.Type.Size()
	if size == 0 {
		return dst, fmt.Errorf("tensor %q: %w: %v has no numeric value", t.Name, ErrType, t.Type)
	}
	read := reader(t.Type)
	for i := 0; i+size <= len(t.Data); i += size {
		dst = append(dst, float32(read(t.Data[i:])))
	}
	return dst, nil
}

// Float64At is element i as a float64; NaN where there is none.
func (t Tensor) Float64At(i int) float64 {
	size := t.Type.Size()
	if size == 0 || i < 0 || (i+1)*size > len(t.Data) {
		return math.NaN()
	}
	return reader(t.Type)(t.Data[i*size:])
}

func reader(t DataType) func([]byte) float64 {
	le := binary.LittleEndian
	switch t {
	case Bool:
		return func(b []byte) float64 {
			if b[0] != 0 {
				return 1
			}
			return 0
		}
	case Uint8:
		return func(b []byte) float64 { return float64(b[0]) }
	case Uint16:
		return func(b []byte) float64 { return float64(le.Uint16(b)) }
	case Uint32:
		return func(b []byte) float64 { return float64(le.Uint32(b)) }
	case Uint64:
		return func(b []byte) float64 { return float64(le.Uint64(b)) }
	case Int8:
		return func(b []byte) float64 { return float64(int8(b[0])) }
	case Int16:
		return func(b []byte) float64 { return float64(int16(le.Uint16(b))) }
	case Int32:
		return func(b []byte) float64 { return float64(int32(le.Uint32(b))) }
	case Int64:
		return func(b []byte) float64 { return float64(int64(le.Uint64(b))) }
	case Float16:
		return func(b []byte) float64 { return float64(Float16ToFloat32(le.Uint16(b))) }
	case BFloat16:
		return func(b []byte) float64 { return float64(math.Float32frombits(uint32(le.Uint16(b)) << 16)) }
	case Float32:
		return func(b []byte) float64 { return float64(math.Float32frombits(le.Uint32(b))) }
	default:
		return func(b []byte) float64 { return math.Float64frombits(le.Uint64(b)) }
	}
}

// Float16ToFloat32 widens an IEEE 754 binary16 exactly, subnormals, infinities
// and NaN payloads included.
func Float16ToFloat32(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exp := uint32(h>>10) & 0x1f
	frac := uint32(h & 0x3ff)
	switch {
	case exp == 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	case exp != 0:
		return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
	case frac == 0:
		return math.Float32frombits(sign)
	}
	// A subnormal half is a normal float32: frac * 2^-24.
	f := float32(frac) * (1.0 / (1 << 24))
	return math.Float32frombits(sign | math.Float32bits(f))
}

// Float32ToFloat16 narrows with round to nearest even; overflow gives an
// infinity, NaN stays NaN.
func Float32ToFloat16(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b>>16) & 0x8000
	abs := b & 0x7fffffff
	switch {
	case abs > 0x7f800000:
		return sign | 0x7e00
	case abs >= 0x47800000: // 65536 and above
		return sign | 0x7c00
	case abs < 0x38800000: // below 2^-14: subnormal half
		scaled := math.Float32frombits(abs) * (1 << 24)
		return sign | uint16(math.RoundToEven(float64(scaled)))
	}
	rounded := abs + 0xfff + (abs >> 13 & 1)
	return sign | uint16((rounded-0x38000000)>>13)
}

// SetFloat64 stores v as element i, rounded to the tensor's type: integers to
// nearest and clamped to their range, NaN as 0. It is for building tensors; a
// tensor that is shared is not written to. An index out of range and Bytes are
// ignored.
func (t Tensor) SetFloat64(i int, v float64) {
	size := t.Type.Size()
	if size == 0 || i < 0 || (i+1)*size > len(t.Data) {
		return
	}
	b, le := t.Data[i*size:], binary.LittleEndian
	switch t.Type {
	case Float32:
		le.PutUint32(b, math.Float32bits(float32(v)))
	case Float64:
		le.PutUint64(b, math.Float64bits(v))
	case Float16:
		le.PutUint16(b, Float32ToFloat16(float32(v)))
	case BFloat16:
		le.PutUint16(b, uint16(math.Float32bits(float32(v))>>16))
	case Bool:
		b[0] = 0
		if v != 0 && !math.IsNaN(v) {
			b[0] = 1
		}
	default:
		putInteger(t.Type, b, v)
	}
}

func putInteger(t DataType, b []byte, v float64) {
	if math.IsNaN(v) {
		v = 0
	}
	v = math.RoundToEven(v)
	le := binary.LittleEndian
	clamp := func(low, high float64) int64 { return int64(min(max(v, low), high)) }
	switch t {
	case Int8:
		b[0] = byte(clamp(math.MinInt8, math.MaxInt8))
	case Uint8:
		b[0] = byte(clamp(0, math.MaxUint8))
	case Int16:
		le.PutUint16(b, uint16(clamp(math.MinInt16, math.MaxInt16)))
	case Uint16:
		le.PutUint16(b, uint16(clamp(0, math.MaxUint16)))
	case Int32:
		le.PutUint32(b, uint32(clamp(math.MinInt32, math.MaxInt32)))
	case Uint32:
		le.PutUint32(b, uint32(clamp(0, math.MaxUint32)))
	case Int64:
		le.PutUint64(b, uint64(clamp(math.MinInt64, 0x1p63-1024)))
	case Uint64:
		le.PutUint64(b, uint64(min(max(v, 0), 0x1p64-2048)))
	}
}
