// Package ort is the part of ONNX Runtime's C API that gnomon needs, and
// nothing on top of it. The library is opened at run time.
//
// It is ours because the bindings there are for Go cannot read what models of
// every day answer: an empty output (a detector that found nothing), half
// precision of unknown shape, a scalar; and they lose the error's code. A call
// of Run allocates nothing.
package ort

/*
#cgo CFLAGS: -O2
#cgo linux LDFLAGS: -ldl
#include "shim.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// ErrLoad: the library cannot be used.
var ErrLoad = errors.New("load ONNX Runtime")

// Error is an error of ONNX Runtime with its code.
type Error struct {
	Code    int // OrtErrorCode
	Message string
}

// Codes of errors that callers branch on.
const (
	InvalidArgument = 2
	EngineError     = 5
	NotImplemented  = 9
)

func (e *Error) Error() string { return e.Message }

// failure takes a status over; nil for none.
func failure(s *C.OrtStatus) error {
	if s == nil {
		return nil
	}
	defer C.gn_release_status(s)
	return &Error{int(C.gn_status_code(s)), C.GoString(C.gn_status_message(s))}
}

// Load opens the library. There is one a process: a second call does nothing.
func Load(path string) error {
	c := C.CString(path)
	defer C.free(unsafe.Pointer(c))
	const fatalOnly = 4 // errors are returned, and must not be logged a record
	if text := C.gn_load(c, fatalOnly); text != nil {
		defer C.free(unsafe.Pointer(text))
		return fmt.Errorf("%w: %s", ErrLoad, C.GoString(text))
	}
	return nil
}

// Version is the library's, such as "1.30.0".
func Version() string { return C.GoString(C.gn_version()) }

// Available lists the execution providers that the library was built with.
func Available() ([]string, error) {
	var names **C.char
	var n C.int
	if err := failure(C.gn_available(&names, &n)); err != nil {
		return nil, err
	}
	defer C.gn_release_available(names, n)
	var out []string
	for _, c := range unsafe.Slice(names, int(n)) {
		out = append(out, C.GoString(c))
	}
	return out, nil
}

// Levels of graph optimisation.
const (
	NoOptimization   = 0
	AllOptimizations = 99
)

// Kinds of providers by how they are attached.
const (
	ByName = iota
	CUDA
	TensorRT
)

// Provider is one execution provider to attach.
type Provider struct {
	Kind    int
	Name    string // ONNX Runtime's, for ByName
	Options map[string]string
}

// Options are a session's.
type Options struct {
	Threads   int
	Level     int
	NoArena   bool
	Entries   map[string]string // session configuration
	Providers []Provider        // in the order of preference
	Optimized string            // file to write the optimised model to
	Profile   string            // prefix of a file to write a profile to
}

// make turns them into the library's.
func (o *Options) make() (*C.OrtSessionOptions, error) {
	var c *C.OrtSessionOptions
	arena := 1
	if o.NoArena {
		arena = 0
	}
	if err := failure(C.gn_options(&c, C.int(max(o.Threads, 1)), C.int(o.Level), C.int(arena))); err != nil {
		return nil, err
	}
	if err := o.fill(c); err != nil {
		C.gn_release_options(c)
		return nil, err
	}
	return c, nil
}

func (o *Options) fill(c *C.OrtSessionOptions) error {
	text := &texts{}
	defer text.free()
	for k, v := range o.Entries {
		if err := failure(C.gn_options_entry(c, text.of(k), text.of(v))); err != nil {
			return fmt.Errorf("session option %s: %w", k, err)
		}
	}
	if o.Optimized != "" {
		if err := failure(C.gn_options_optimized(c, text.of(o.Optimized))); err != nil {
			return err
		}
	}
	if o.Profile != "" {
		if err := failure(C.gn_options_profile(c, text.of(o.Profile))); err != nil {
			return err
		}
	}
	for _, p := range o.Providers {
		var keys, values []*C.char
		for k, v := range p.Options {
			keys, values = append(keys, text.of(k)), append(values, text.of(v))
		}
		keys, values = append(keys, nil), append(values, nil) // so that there is a first
		if err := failure(C.gn_options_provider(c, C.int(p.Kind), text.of(p.Name), &keys[0], &values[0], C.size_t(len(p.Options)))); err != nil {
			return err
		}
	}
	return nil
}

// texts are C strings that are freed together.
type texts struct{ all []*C.char }

func (t *texts) of(s string) *C.char {
	c := C.CString(s)
	t.all = append(t.all, c)
	return c
}

func (t *texts) free() {
	for _, c := range t.all {
		C.free(unsafe.Pointer(c))
	}
	t.all = nil
}
