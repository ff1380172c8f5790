package app

import (
	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/adapt"
	"github.com/gnomon-dev/gnomon/shadow/chain"
	"github.com/gnomon-dev/gnomon/shadow/onnx"
	"github.com/gnomon-dev/gnomon/shadow/provider"
)

// WorkerSpec is what a shadow's process is told to open: a model, a graph in
// front of it, and what records need before either.
type WorkerSpec struct {
	onnx.Settings
	Preprocess string         `json:"preprocess"` // path of an .onnx file; "" for none
	Adapt      adapt.Settings `json:"adapt"`
}

// Open opens the engine that a WorkerSpec describes, in this process. A record
// passes the mapping, the graph in front, the model.
func (w WorkerSpec) Open() (shadow.Engine, error) {
	model, err := onnx.Open(w.Settings)
	if err != nil {
		return nil, err
	}
	var e shadow.Engine = model
	if w.Preprocess != "" {
		before := w.Settings
		before.Path, before.Digest, before.Padding, before.Providers = w.Preprocess, "", nil, onnx.CPU()
		first, err := onnx.Open(before)
		if err != nil {
			_ = model.Close() // the error is the one to tell
			return nil, err
		}
		if e, err = chain.New(first, model); err != nil {
			return nil, err
		}
	}
	return adapt.New(e, w.Adapt)
}

// workerSpec is a configured shadow's.
func workerSpec(r config.Runtime, s *config.Shadow) WorkerSpec {
	w := WorkerSpec{Settings: onnx.Settings{Library: r.Library, Path: s.Model, Digest: s.Digest, Providers: s.Specs(), Policy: provider.Policy(s.ProviderPolicy),
		Threads: s.Threads, Sessions: s.Sessions, MaxBatch: s.MaxBatch, Cache: r.CacheDir, Stateful: s.Stateful}, Preprocess: s.Preprocess}
	for _, p := range s.Padding {
		w.Padding = append(w.Padding, onnx.Padding(p))
	}
	w.Adapt.Outputs = s.Outputs
	for _, in := range s.Inputs {
		w.Adapt.Inputs = append(w.Adapt.Inputs, adapt.Input(in))
	}
	return w
}
