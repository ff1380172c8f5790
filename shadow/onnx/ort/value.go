package ort

/*
#include "shim.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Value is a tensor, sequence or map of the library. The zero value is none.
type Value struct{ c *C.OrtValue }

// Valid reports whether it is one.
func (v Value) Valid() bool { return v.c != nil }

// Free frees it; the zero value is ignored.
func (v *Value) Free() {
	if v.c != nil {
		C.gn_release_value(v.c)
		v.c = nil
	}
}

// Free frees a list.
func Free(list []Value) {
	for i := range list {
		list[i].Free()
	}
}

// NewTensor is a tensor over the caller's memory, which must stay where it is,
// unmoved, until the value is freed: Allocate's, or pinned.
func NewTensor(data []byte, shape []int64, element int) (Value, error) {
	var v Value
	one := [1]byte{}
	p := unsafe.Pointer(&one[0]) // never read: the tensor is empty
	if len(data) > 0 {
		p = unsafe.Pointer(&data[0])
	}
	dims, rank := dimensions(shape)
	err := failure(C.gn_tensor(p, C.size_t(len(data)), dims, rank, C.int(element), &v.c))
	return v, err
}

// dimensions of a scalar are none, but the library wants a place for them.
func dimensions(shape []int64) (*C.int64_t, C.size_t) {
	if len(shape) == 0 {
		return new(C.int64_t), 0
	}
	return (*C.int64_t)(unsafe.Pointer(&shape[0])), C.size_t(len(shape))
}

// NewStrings is a tensor of strings, copied.
func NewStrings(text [][]byte, shape []int64) (Value, error) {
	var v Value
	dims, rank := dimensions(shape)
	if err := failure(C.gn_string_tensor(dims, rank, &v.c)); err != nil {
		return v, err
	}
	for i, s := range text {
		var to *C.char
		if err := failure(C.gn_string_buffer(v.c, C.size_t(i), C.size_t(len(s)), &to)); err != nil {
			v.Free()
			return v, err
		}
		copy(unsafe.Slice((*byte)(unsafe.Pointer(to)), len(s)), s)
	}
	return v, nil
}

// Kind is Tensor, Sequence, Map or another of ONNXType's numbers.
func (v Value) Kind() (int, error) {
	var k C.int
	err := failure(C.gn_value_kind(v.c, &k))
	return int(k), err
}

// Shape is a tensor's element type and dimensions.
func (v Value) Shape() (element int, shape []int64, err error) {
	var e, rank C.int
	var dims [maxRank]C.int64_t
	if err := failure(C.gn_value_shape(v.c, &e, &rank, &dims[0], maxRank)); err != nil {
		return 0, nil, err
	}
	if rank > maxRank {
		return 0, nil, fmt.Errorf("a tensor of %d dimensions, more than %d", rank, maxRank)
	}
	return int(e), shapeOf(dims[:rank]), nil
}

// Copy copies a tensor's first len(to) bytes.
func (v Value) Copy(to []byte) error {
	if len(to) == 0 {
		return nil
	}
	var p unsafe.Pointer
	if err := failure(C.gn_value_data(v.c, &p)); err != nil {
		return err
	}
	copy(to, unsafe.Slice((*byte)(p), len(to)))
	return nil
}

// Strings copies a tensor of n strings.
func (v Value) Strings(n int) ([][]byte, error) {
	if n == 0 {
		return nil, nil
	}
	var size C.size_t
	if err := failure(C.gn_strings_length(v.c, &size)); err != nil {
		return nil, err
	}
	all := make([]byte, int(size)+1) // never empty
	at := make([]C.size_t, n+1)
	if err := failure(C.gn_strings(v.c, unsafe.Pointer(&all[0]), size, &at[0], C.size_t(n))); err != nil {
		return nil, err
	}
	at[n] = size
	out := make([][]byte, n)
	for i := range out {
		out[i] = all[at[i]:at[i+1]:at[i+1]]
	}
	return out, nil
}

// Elements are a sequence's, or a map's two: keys and values. They are the
// caller's to free.
func (v Value) Elements() ([]Value, error) {
	var n C.size_t
	if err := failure(C.gn_value_count(v.c, &n)); err != nil {
		return nil, err
	}
	out := make([]Value, int(n))
	for i := range out {
		if err := failure(C.gn_value_at(v.c, C.int(i), &out[i].c)); err != nil {
			Free(out)
			return nil, err
		}
	}
	return out, nil
}

// Memory is memory that the garbage collector neither moves nor frees,
// aligned for vector instructions.
type Memory struct {
	Bytes []byte
	p     unsafe.Pointer
}

// alignment is a cache line, and what AVX-512 likes.
const alignment = 64

// Allocate takes n zeroed bytes.
func Allocate(n int) Memory {
	p := C.calloc(1, C.size_t(n+alignment))
	start := unsafe.Add(p, (alignment-uintptr(p)%alignment)%alignment)
	return Memory{unsafe.Slice((*byte)(start), n)[:n:n], p}
}

// Free gives it back.
func (m *Memory) Free() {
	C.free(m.p)
	m.p, m.Bytes = nil, nil
}
