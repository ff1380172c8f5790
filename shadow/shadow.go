// Package shadow replays sampled inputs on models of the user's choice,
// beside the primary and never in its way.
//
// Engine is the one interface: shadow/onnx implements it on ONNX Runtime in
// this process, shadow/child runs any engine in a process of its own (ONNX
// Runtime can abort a process; the proxy must survive that). Both pass
// shadow/shadowtest.
package shadow

import (
	"context"
	"errors"
	"time"

	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Errors that callers branch on.
var (
	// ErrUnavailable: the engine is not there now (starting, crashed,
	// restarting). The batch was not run; a later one may be.
	ErrUnavailable = errors.New("shadow engine unavailable")
	// ErrClosed: the engine was closed.
	ErrClosed = errors.New("shadow engine closed")
	// ErrInput: a sample does not fit the model's inputs.
	ErrInput = errors.New("input does not fit the model")
	// ErrModel: the model cannot be loaded or served here.
	ErrModel = errors.New("model cannot be served")
	// ErrLibrary: the ONNX Runtime library is missing or unusable.
	ErrLibrary = errors.New("onnxruntime library unusable")
)

// Sample is the inputs of one record, one tensor a model input, by name. Every
// tensor has a leading batch dimension of 1 where the model's is dynamic.
type Sample []tensor.Tensor

// Result is the answer to one sample: its outputs, in the model's order, or
// the reason why there are none.
type Result struct {
	Outputs []tensor.Tensor
	Err     error
}

// Engine runs one loaded model.
//
// Infer runs every sample and returns one result a sample, in order; samples
// that do not fit fail alone (ErrInput in their Result). The error is for the
// whole batch: ErrUnavailable, ErrClosed or the context's. Infer may be called
// concurrently. Results do not share storage with later calls.
//
// Close waits for running calls and frees the model; it may be called twice.
type Engine interface {
	Model() Model
	Infer(ctx context.Context, batch []Sample) ([]Result, error)
	Close() error
}

// IO describes one input or output of a model. A dimension of -1 is dynamic.
type IO struct {
	Name  string          `json:"name"`
	Type  tensor.DataType `json:"datatype"`
	Shape []int64         `json:"shape"`
}

// Kinds of a start.
const (
	StartCold   = "cold"   // the model was optimised now
	StartCached = "cached" // it was optimised at an earlier start
)

// Model says what was loaded, from what, on what, and what that took.
type Model struct {
	Inputs   []IO `json:"inputs"`
	Outputs  []IO `json:"outputs"`
	Batching bool `json:"batching"` // rows of several samples are run together

	Digest   string            `json:"digest"`   // sha256:hex of the model's bytes
	Provider string            `json:"provider"` // that really executes: "cpu", "webgpu", "cuda", ...
	Runtime  string            `json:"runtime"`  // "onnxruntime 1.30.0"
	Metadata map[string]string `json:"metadata"` // producer, domain, description, graph name, version, opset, custom keys

	// CPUNodes is the share of the executed nodes that the CPU runs, 0 to 1.
	CPUNodes float64 `json:"cpu_nodes_ratio"`
	// Fallback says why a provider that was preferred is not the one in use.
	Fallback string `json:"fallback,omitempty"`
	// Buckets are the batch sizes that were warmed up.
	Buckets []int `json:"buckets,omitempty"`

	Start  string        `json:"start"`  // StartCold, StartCached
	Load   time.Duration `json:"load"`   // read, optimise, initialise
	WarmUp time.Duration `json:"warmup"` // first inference of every batch bucket
	// FirstInference is the very first one; WarmInference one after the warm-up,
	// of one row. 0 where no input could be made up.
	FirstInference time.Duration `json:"first_inference"`
	WarmInference  time.Duration `json:"warm_inference"`
}
