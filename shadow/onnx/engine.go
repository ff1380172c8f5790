package onnx

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
	ort "github.com/yalue/onnxruntime_go"
)

// Settings say what to load, and how to run it.
type Settings struct {
	Library   string   // as FindLibrary takes it
	Path      string   // of the .onnx file
	Digest    string   // "sha256:..." that the file must have; "" for any
	Providers []string // in the order of preference; the first that works is taken
	Threads   int      // intra-op; 1
	Sessions  int      // batches run at once; 1
	MaxBatch  int      // rows of one run; 64
}

// Engine implements shadow.Engine.
type Engine struct {
	model   shadow.Model
	names   [2][]string // inputs, outputs
	session *ort.DynamicAdvancedSession
	slots   chan struct{} // a token a running batch
	max     int

	mu     sync.RWMutex // held for reading while a batch runs
	closed bool
}

// Open loads a model and runs it once to warm it up. Errors are ErrLibrary or
// ErrModel and say what to do.
func Open(s Settings) (*Engine, error) {
	library, err := FindLibrary(s.Library)
	if err != nil {
		return nil, err
	}
	if err := Initialize(library); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(s.Path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", shadow.ErrModel, err)
	}
	sum := sha256.Sum256(data)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	if s.Digest != "" && s.Digest != digest {
		return nil, fmt.Errorf("%w: %s has digest %s, the configuration wants %s", shadow.ErrModel, s.Path, digest, s.Digest)
	}
	e := &Engine{slots: make(chan struct{}, max(s.Sessions, 1)), max: max(s.MaxBatch, 1)}
	e.model.Digest, e.model.Runtime = digest, "onnxruntime "+ort.GetVersion()
	if err := e.load(data, s); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", shadow.ErrModel, s.Path, err)
	}
	start := time.Now()
	if err := e.warmUp(); err != nil {
		_ = e.Close() // the warm-up's error is the one to tell
		return nil, fmt.Errorf("%w: %s: first inference: %w", shadow.ErrModel, s.Path, err)
	}
	e.model.WarmUp = time.Since(start)
	return e, nil
}

func (e *Engine) load(data []byte, s Settings) error {
	start := time.Now()
	inputs, outputs, err := ort.GetInputOutputInfoWithONNXData(data)
	if err != nil {
		return err
	}
	if e.model.Inputs, err = describe(inputs); err != nil {
		return err
	}
	if e.model.Outputs, err = describe(outputs); err != nil {
		return err
	}
	for side, list := range [2][]shadow.IO{e.model.Inputs, e.model.Outputs} {
		for _, io := range list {
			e.names[side] = append(e.names[side], io.Name)
		}
	}
	e.model.Batching = batching(e.model.Inputs)
	var failures []error
	for _, name := range s.Providers {
		o, err := options(name, max(s.Threads, 1))
		if err == nil {
			e.session, err = ort.NewDynamicAdvancedSessionWithONNXData(data, e.names[0], e.names[1], o)
			_ = o.Destroy() // the session has its own copy
		}
		if err == nil {
			e.model.Provider, e.model.Load = name, time.Since(start)
			e.model.Metadata = metadata(e.session)
			return nil
		}
		failures = append(failures, fmt.Errorf("provider %s: %w", name, err))
	}
	if len(failures) == 0 {
		return errors.New("no provider is configured; name cpu")
	}
	return errors.Join(failures...)
}

// batching: every input's leading dimension is dynamic.
func batching(inputs []shadow.IO) bool {
	for _, io := range inputs {
		if len(io.Shape) == 0 || io.Shape[0] != -1 {
			return false
		}
	}
	return len(inputs) > 0
}

func describe(list []ort.InputOutputInfo) ([]shadow.IO, error) {
	out := make([]shadow.IO, len(list))
	for i, info := range list {
		out[i] = shadow.IO{Name: info.Name}
		if info.OrtValueType != ort.ONNXTypeTensor {
			continue // a sequence or map: becomes a tensor when it is read
		}
		t, ok := fromORT(info.DataType)
		if !ok {
			return nil, fmt.Errorf("%q has element type %v, which gnomon does not read", info.Name, info.DataType)
		}
		out[i].Type, out[i].Shape = t, append([]int64{}, info.Dimensions...)
	}
	return out, nil
}

func metadata(s *ort.DynamicAdvancedSession) map[string]string {
	m, err := s.GetModelMetadata()
	if err != nil {
		return nil
	}
	defer m.Destroy()
	out := map[string]string{}
	put := func(key string, get func() (string, error)) {
		if v, err := get(); err == nil && v != "" {
			out[key] = v
		}
	}
	put("producer", m.GetProducerName)
	put("graph", m.GetGraphName)
	put("domain", m.GetDomain)
	put("description", m.GetDescription)
	put("version", func() (string, error) { v, err := m.GetVersion(); return strconv.FormatInt(v, 10), err })
	return out
}

// warmUp runs one row, and a full batch where the model takes batches, of
// zeros; dimensions that are open inside a row are 1.
func (e *Engine) warmUp() error {
	sample := make(shadow.Sample, 0, len(e.model.Inputs))
	for _, io := range e.model.Inputs {
		shape := append([]int64{}, io.Shape...)
		for i, d := range shape {
			if d < 0 {
				shape[i] = 1
			}
		}
		if io.Type == tensor.Bytes || io.Type == tensor.Invalid || openInside(io.Shape) {
			return nil // nothing that can be made up
		}
		t, err := tensor.New(io.Name, io.Type, shape...)
		if err != nil {
			return err
		}
		sample = append(sample, t)
	}
	sizes := []int{1}
	if e.model.Batching && e.max > 1 {
		sizes = append(sizes, e.max)
	}
	for _, n := range sizes {
		batch := make([]shadow.Sample, n)
		for i := range batch {
			batch[i] = sample
		}
		results, err := e.Infer(context.Background(), batch)
		if err != nil {
			return err
		}
		if results[0].Err != nil {
			return results[0].Err
		}
	}
	return nil
}

func openInside(shape []int64) bool {
	for i, d := range shape {
		if i > 0 && d < 0 {
			return true
		}
	}
	return false
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
	if e.session == nil {
		return nil
	}
	return e.session.Destroy()
}
