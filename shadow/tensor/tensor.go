// Package tensor is the one representation of model inputs and outputs in
// gnomon: little-endian, row-major, contiguous bytes with a shape and a type.
//
// Bytes rather than typed slices are the base because every wire format that
// matters (the binary tensor extension, gRPC raw contents, the socket to the
// engine's process, ONNX Runtime itself) already has them in this form, so a
// tensor crosses the program without being converted.
package tensor

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"unsafe"
)

// ErrType is returned where an operation does not apply to a tensor's type.
var ErrType = errors.New("tensor type does not apply")

// ErrShape is returned where a shape and the data do not agree.
var ErrShape = errors.New("tensor shape and data disagree")

// Tensor is a named, typed, dense array. Fixed-size types keep their elements
// in Data (little-endian, row-major); Bytes keeps them in Strings.
//
// A Tensor is a value that shares its storage: whoever receives one reads it
// and does not write to it.
type Tensor struct {
	Name    string
	Type    DataType
	Shape   []int64
	Data    []byte
	Strings [][]byte
}

// New allocates a zeroed tensor whose Data is aligned for every element type.
// It returns ErrShape for a negative or overflowing shape.
func New(name string, t DataType, shape ...int64) (Tensor, error) {
	n, err := Elements(shape)
	if err != nil {
		return Tensor{}, fmt.Errorf("tensor %q: %w", name, err)
	}
	out := Tensor{Name: name, Type: t, Shape: slices.Clone(shape)}
	if t == Bytes {
		out.Strings = make([][]byte, n)
		return out, nil
	}
	size := t.Size()
	if size == 0 {
		return Tensor{}, fmt.Errorf("tensor %q: %w: %v", name, ErrType, t)
	}
	if n > math.MaxInt/size {
		return Tensor{}, fmt.Errorf("tensor %q: %w: %v is too large", name, ErrShape, shape)
	}
	out.Data = alignedBytes(n * size)
	return out, nil
}

// FromFloat32s makes an FP32 tensor that shares values.
func FromFloat32s(name string, values []float32, shape ...int64) Tensor {
	return Tensor{Name: name, Type: Float32, Shape: slices.Clone(shape), Data: float32Bytes(values)}
}

// alignedBytes returns n zeroed bytes that start on an 8-byte boundary, so
// that a typed view of them is legal on every platform.
func alignedBytes(n int) []byte {
	if n == 0 {
		return []byte{}
	}
	words := make([]uint64, (n+7)/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), n)
}

// Elements is the number of elements of a shape: 1 for a scalar (no
// dimensions), 0 if any dimension is 0. Negative dimensions and products
// beyond an int are ErrShape.
func Elements(shape []int64) (int, error) {
	n := 1
	for i, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("%w: dimension %d is %d", ErrShape, i, d)
		}
		if d > 0 && int64(n) > int64(math.MaxInt)/d {
			return 0, fmt.Errorf("%w: %v overflows", ErrShape, shape)
		}
		n *= int(d)
	}
	return n, nil
}

// Len is the number of elements that the tensor holds.
func (t Tensor) Len() int {
	if t.Type == Bytes {
		return len(t.Strings)
	}
	if s := t.Type.Size(); s > 0 {
		return len(t.Data) / s
	}
	return 0
}

// Bytes is the memory the tensor's elements take.
func (t Tensor) Bytes() int {
	n := len(t.Data)
	for _, s := range t.Strings {
		n += len(s) + 24
	}
	return n
}

// Validate reports whether the shape matches the number of elements held.
func (t Tensor) Validate() error {
	n, err := Elements(t.Shape)
	if err != nil {
		return fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	if n != t.Len() {
		return fmt.Errorf("tensor %q: %w: shape %v wants %d elements, data holds %d", t.Name, ErrShape, t.Shape, n, t.Len())
	}
	return nil
}

// Rows is the length of the leading dimension; a scalar has one row.
func (t Tensor) Rows() int {
	if len(t.Shape) == 0 {
		return 1
	}
	return int(t.Shape[0])
}

// Row is row i of the leading dimension, kept as a batch of one (shape
// [1, ...]) and sharing the tensor's storage. It returns ErrShape where there
// is no such row.
func (t Tensor) Row(i int) (Tensor, error) {
	rows := t.Rows()
	if len(t.Shape) == 0 || i < 0 || i >= rows {
		return Tensor{}, fmt.Errorf("tensor %q: %w: no row %d in shape %v", t.Name, ErrShape, i, t.Shape)
	}
	shape := slices.Clone(t.Shape)
	shape[0] = 1
	out := Tensor{Name: t.Name, Type: t.Type, Shape: shape}
	if t.Type == Bytes {
		n := len(t.Strings) / rows
		out.Strings = t.Strings[i*n : (i+1)*n : (i+1)*n]
		return out, nil
	}
	n := len(t.Data) / rows
	out.Data = t.Data[i*n : (i+1)*n : (i+1)*n]
	return out, nil
}

// Clone returns a tensor with storage of its own.
func (t Tensor) Clone() Tensor {
	out := t
	out.Shape = slices.Clone(t.Shape)
	if t.Data != nil {
		out.Data = alignedBytes(len(t.Data))
		copy(out.Data, t.Data)
	}
	if t.Strings != nil {
		out.Strings = make([][]byte, len(t.Strings))
		for i, s := range t.Strings {
			out.Strings[i] = slices.Clone(s)
		}
	}
	return out
}
