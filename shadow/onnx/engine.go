package onnx

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/graph"
	"github.com/gnomon-dev/gnomon/shadow/onnx/ort"
	"github.com/gnomon-dev/gnomon/shadow/provider"
)

// Settings say what to load, and how to run it.
type Settings struct {
	Library   string          `json:"library"`   // as FindLibrary takes it
	Path      string          `json:"path"`      // of the .onnx file
	Digest    string          `json:"digest"`    // "sha256:..." that the file must have; "" for any
	Providers []provider.Spec `json:"providers"` // in the order of preference
	Policy    provider.Policy `json:"policy"`    // what becomes of one that cannot run the model; provider.Require
	Threads   int             `json:"threads"`   // intra-op; 1
	Sessions  int             `json:"sessions"`  // batches run at once; 1
	MaxBatch  int             `json:"max_batch"` // rows of one run; 1
	// Cache is a folder for optimised models; "" for none. It may be shared.
	Cache string `json:"cache"`
	// Stateful takes a model that keeps state: its states are inputs like any
	// other, and must come with every sample.
	Stateful bool `json:"stateful"`
	// Padding is legal only where the user says so.
	Padding []Padding `json:"padding"`
}

// CPU is the list of providers that has nothing but the CPU.
func CPU() []provider.Spec { return []provider.Spec{{Name: provider.CPU}} }

// Engine implements shadow.Engine on a model in this process.
//
// Where every size is known, samples are copied into memory that was prepared
// for the batch and handed over as they lie there: a steady stream allocates
// only its results. Where it is not (sequences of any length, strings, boxes
// as many as there are), ONNX Runtime allocates what it answers.
type Engine struct {
	model   shadow.Model
	session *ort.Session
	pads    []Padding
	plan    *plan // nil: sizes are not known
	lanes   chan *lane
	all     []*lane
	max     int

	mu     sync.RWMutex // held for reading while a batch runs
	closed bool
}

// Open loads a model and runs every bucket of its batches once. Errors are
// ErrLibrary or ErrModel and say what to do.
func Open(s Settings) (*Engine, error) {
	library, err := FindLibrary(s.Library)
	if err != nil {
		return nil, err
	}
	if err := ort.Load(library); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", shadow.ErrLibrary, library, err)
	}
	start := time.Now()
	source, err := readModel(&s)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", shadow.ErrModel, err)
	}
	e := &Engine{max: max(s.MaxBatch, 1), pads: s.Padding}
	e.model.Digest, e.model.Runtime, e.model.Metadata = source.digest, "onnxruntime "+ort.Version(), source.metadata
	if err := e.start(&s, source, start); err != nil {
		_ = e.Close() // the first error is the one to tell
		return nil, fmt.Errorf("%w: %s: %w", shadow.ErrModel, s.Path, err)
	}
	return e, nil
}

// start opens the session, plans the batches and warms them up.
func (e *Engine) start(s *Settings, source *source, began time.Time) error {
	opened, err := open(s, source)
	if err != nil {
		return err
	}
	e.session = opened.session
	e.model.Provider, e.model.Fallback, e.model.CPUNodes, e.model.Start = opened.row.Name, opened.fallback, opened.cpuNodes, opened.start
	if err := e.describe(); err != nil {
		return err
	}
	e.model.Load = time.Since(began)
	if err := checkPadding(e.pads, e.model.Inputs); err != nil {
		return err
	}
	warm := time.Now()
	if err := e.prepare(opened.row.Device, max(s.Sessions, 1)); err != nil {
		return err
	}
	e.model.WarmUp = time.Since(warm)
	return nil
}

// describe takes inputs and outputs over from the session.
func (e *Engine) describe() error {
	for _, info := range e.session.Inputs {
		io, err := describe(info)
		if err != nil {
			return err
		}
		if info.Kind != ort.Tensor {
			return fmt.Errorf("input %q is no tensor; only tensors come with requests", info.Name)
		}
		e.model.Inputs = append(e.model.Inputs, io)
	}
	for _, info := range e.session.Outputs {
		io, err := describe(info)
		if err != nil {
			return err
		}
		e.model.Outputs = append(e.model.Outputs, io)
	}
	return nil
}

func describe(info ort.Info) (shadow.IO, error) {
	io := shadow.IO{Name: info.Name}
	if info.Kind != ort.Tensor {
		return io, nil // a sequence or map: becomes a tensor when it is read
	}
	t, ok := fromElement(info.Element)
	if !ok {
		return io, fmt.Errorf("%q has element type %d of ONNX, which the inference protocol does not have", info.Name, info.Element)
	}
	io.Type, io.Shape = t, info.Shape
	return io, nil
}

// Model says what was loaded.
func (e *Engine) Model() shadow.Model { return e.model }

// Close waits for running batches and frees the model.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	for _, l := range e.all {
		l.close()
	}
	if e.session != nil {
		e.session.Close()
	}
	return nil
}

// source is a model's file, read and checked.
type source struct {
	path     string
	data     []byte
	digest   string
	external bool
	metadata map[string]string
}

// readModel reads the file, holds it to its digest, and refuses models that
// cannot be replayed.
func readModel(s *Settings) (*source, error) {
	data, err := os.ReadFile(s.Path)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	out := &source{path: s.Path, data: data, digest: "sha256:" + hex.EncodeToString(sum[:])}
	if s.Digest != "" && s.Digest != out.digest {
		return nil, fmt.Errorf("%s has digest %s, the configuration wants %s", s.Path, out.digest, s.Digest)
	}
	outline, err := graph.Read(data)
	if err != nil {
		return out, nil // ONNX Runtime says what is wrong with it, or reads its own format
	}
	if why := outline.Stateful(); why != "" && !s.Stateful {
		return nil, fmt.Errorf("%s keeps state between calls (%s): samples of live traffic are no sequence, so what it answers to them cannot be compared; set stateful: true if every request carries the whole state", s.Path, why)
	}
	out.external, out.metadata = outline.External, outline.Metadata
	return out, nil
}
