package ort

/*
#include "shim.h"
*/
import "C"

import (
	"fmt"
	"slices"
	"unsafe"
)

// Kinds of values (ONNXType).
const (
	Tensor   = 1
	Sequence = 2
	Map      = 3
)

// maxRank is the most dimensions that a shape is read with.
const maxRank = 32

// Info describes an input or output.
type Info struct {
	Name    string
	Kind    int
	Element int     // of a tensor: ONNXTensorElementDataType
	Shape   []int64 // of a tensor; -1 where a dimension is open
}

// Session is a loaded model. Run may be called concurrently.
type Session struct {
	Inputs, Outputs []Info

	c      *C.OrtSession
	in     []*C.char
	out    []*C.char
	memory texts
}

// NewSession loads a model from its bytes.
func NewSession(data []byte, o Options) (*Session, error) {
	if len(data) == 0 {
		return nil, &Error{InvalidArgument, "the model is empty"}
	}
	return newSession(o, func(options *C.OrtSessionOptions, s **C.OrtSession) *C.OrtStatus {
		return C.gn_session_bytes(unsafe.Pointer(&data[0]), C.size_t(len(data)), options, s)
	})
}

// OpenSession loads a model from its file; weights that lie in files beside it
// are found only this way.
func OpenSession(path string, o Options) (*Session, error) {
	c := C.CString(path)
	defer C.free(unsafe.Pointer(c))
	return newSession(o, func(options *C.OrtSessionOptions, s **C.OrtSession) *C.OrtStatus {
		return C.gn_session_file(c, options, s)
	})
}

func newSession(o Options, create func(*C.OrtSessionOptions, **C.OrtSession) *C.OrtStatus) (*Session, error) {
	options, err := o.make()
	if err != nil {
		return nil, err
	}
	defer C.gn_release_options(options) // the session has its own copy
	s := &Session{}
	if err := failure(create(options, &s.c)); err != nil {
		return nil, err
	}
	if err := s.describe(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// describe asks for inputs and outputs.
func (s *Session) describe() error {
	for side, list := range []*[]Info{&s.Inputs, &s.Outputs} {
		var n C.size_t
		if err := failure(C.gn_count(s.c, C.int(side), &n)); err != nil {
			return err
		}
		for i := range int(n) {
			info, err := s.one(side, i)
			if err != nil {
				return err
			}
			*list = append(*list, info)
			name := s.memory.of(info.Name)
			if side == 0 {
				s.in = append(s.in, name)
			} else {
				s.out = append(s.out, name)
			}
		}
	}
	if len(s.in) == 0 || len(s.out) == 0 {
		return &Error{InvalidArgument, "the model has no input or no output"}
	}
	return nil
}

func (s *Session) one(side, i int) (Info, error) {
	var name *C.char
	var kind, element, rank C.int
	var dims [maxRank]C.int64_t
	if err := failure(C.gn_describe(s.c, C.int(side), C.size_t(i), &name, &kind, &element, &rank, &dims[0], maxRank)); err != nil {
		return Info{}, err
	}
	defer C.gn_free(unsafe.Pointer(name))
	info := Info{Name: C.GoString(name), Kind: int(kind), Element: int(element)}
	if rank > maxRank {
		return info, fmt.Errorf("%q has %d dimensions, more than %d", info.Name, rank, maxRank)
	}
	if rank >= 0 {
		info.Shape = shapeOf(dims[:rank])
	}
	return info, nil
}

func shapeOf(dims []C.int64_t) []int64 {
	out := make([]int64, len(dims))
	for i, d := range dims {
		out[i] = int64(d)
	}
	return out
}

// EndProfiling ends the profile and returns its file.
func (s *Session) EndProfiling() (string, error) {
	var file *C.char
	if err := failure(C.gn_end_profiling(s.c, &file)); err != nil {
		return "", err
	}
	defer C.gn_free(unsafe.Pointer(file))
	return C.GoString(file), nil
}

// Close frees the model. No Run may be under way.
func (s *Session) Close() {
	if s.c != nil {
		C.gn_release_session(s.c)
		s.c = nil
	}
	s.memory.free()
}

// Run runs the model: in has a value an input, in the model's order, out a
// place an output. Outputs that are not nil are written to; the others become
// new values, which are the caller's to free.
func (s *Session) Run(in, out []Value) error {
	if len(in) != len(s.in) || len(out) != len(s.out) {
		return &Error{InvalidArgument, fmt.Sprintf("%d inputs and %d outputs given, the model has %d and %d", len(in), len(out), len(s.in), len(s.out))}
	}
	return failure(C.gn_run(s.c, &s.in[0], values(in), C.size_t(len(in)), &s.out[0], C.size_t(len(out)), values(out)))
}

// values is the list as C sees it: a Value is nothing but its pointer.
func values(v []Value) **C.OrtValue { return (**C.OrtValue)(unsafe.Pointer(&v[0])) }

// Binding is inputs and outputs bound once for many runs. Not for concurrent
// use.
type Binding struct {
	s *Session
	c *C.OrtIoBinding
	// in and out stay alive, and are freed with the binding.
	in, out []Value
}

// Bind binds values to every input and output, and owns them from then on,
// whether it succeeds or not.
func (s *Session) Bind(in, out []Value) (*Binding, error) {
	b := &Binding{s: s, in: slices.Clone(in), out: slices.Clone(out)}
	if len(in) != len(s.in) || len(out) != len(s.out) {
		b.Close()
		return nil, &Error{InvalidArgument, "not one value an input and output"}
	}
	if err := failure(C.gn_binding(s.c, &s.in[0], values(in), C.size_t(len(in)), &s.out[0], values(out), C.size_t(len(out)), &b.c)); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Run runs the model on what is bound.
func (b *Binding) Run() error { return failure(C.gn_run_binding(b.s.c, b.c)) }

// RunPlain is Run without the binding: the same values handed over anew.
func (b *Binding) RunPlain() error { return b.s.Run(b.in, b.out) }

// Close frees the binding and its values.
func (b *Binding) Close() {
	C.gn_release_binding(b.c)
	b.c = nil
	Free(b.in)
	Free(b.out)
}
