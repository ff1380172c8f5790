package onnx

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/onnx/ort"
	"github.com/gnomon-dev/gnomon/shadow/provider"
)

// opened is a session with what is known of how it came about.
type opened struct {
	session  *ort.Session
	row      provider.Row
	fallback string  // what was preferred, and why it is not in use
	cpuNodes float64 // share of nodes on the CPU
	start    string
}

// open tries the providers in their order.
func open(s *Settings, m *source) (*opened, error) {
	specs := s.Providers
	if s.Policy == provider.Prefer && !slices.ContainsFunc(specs, func(p provider.Spec) bool { return p.Name == provider.CPU }) {
		specs = append(slices.Clone(specs), provider.Spec{Name: provider.CPU})
	}
	if len(specs) == 0 {
		return nil, errors.New("no provider is configured; name cpu")
	}
	var failures []error
	for _, spec := range specs {
		o, err := attempt(s, m, spec)
		if err == nil {
			if len(failures) > 0 {
				o.fallback = errors.Join(failures...).Error()
			}
			return o, nil
		}
		failures = append(failures, fmt.Errorf("provider %s: %w", spec.Name, err))
	}
	return nil, errors.Join(failures...)
}

// attempt loads the model on one provider. A provider that quietly leaves
// nodes to the CPU would be shown as what it is not: it must run the whole
// graph, or else, where the policy allows it, the nodes are counted.
func attempt(s *Settings, m *source, spec provider.Spec) (*opened, error) {
	if err := spec.Check(); err != nil {
		return nil, err
	}
	row, err := provider.Find(spec.Name)
	if err != nil {
		return nil, err
	}
	if spec.Name == provider.CPU {
		o, err := create(s, m, row, spec, nil)
		if err == nil {
			o.cpuNodes = 1
		}
		return o, err
	}
	if err := available(row); err != nil {
		return nil, err
	}
	o, err := create(s, m, row, spec, map[string]string{"session.disable_cpu_ep_fallback": "1"})
	if err == nil || s.Policy != provider.Prefer {
		return o, err
	}
	share, countErr := countNodes(s, m, row, spec)
	if countErr != nil {
		return nil, errors.Join(err, countErr)
	}
	if share == 1 {
		return nil, fmt.Errorf("it runs no node of the graph (%w)", err)
	}
	if o, err = create(s, m, row, spec, nil); err == nil {
		o.cpuNodes = share
	}
	return o, err
}

func available(row provider.Row) error {
	names, err := ort.Available()
	if err != nil {
		return err
	}
	if !slices.Contains(names, row.ORT) {
		return fmt.Errorf("this ONNX Runtime library was built without it (it has %v); set onnxruntime.library to one that has it", names)
	}
	return nil
}

// create makes a session, from the optimised copy of an earlier start where
// there is one.
func create(s *Settings, m *source, row provider.Row, spec provider.Spec, entries map[string]string) (*opened, error) {
	c := openCache(s, m, row, spec)
	if data := c.read(); data != nil {
		o := options(s, row, spec, entries)
		o.Level = ort.NoOptimization // it has been done
		if session, err := ort.NewSession(data, o); err == nil {
			return &opened{session: session, row: row, start: shadow.StartCached}, nil
		}
		c.drop() // another library wrote it, or the disk lost some of it
	}
	o := options(s, row, spec, entries)
	if o.Optimized = c.scratch(); o.Optimized != "" {
		session, err := build(m, o)
		if err == nil {
			c.keep()
			return &opened{session: session, row: row, start: shadow.StartCold}, nil
		}
		c.forget() // the disk is full, or the provider's nodes cannot be written down
		o.Optimized = ""
	}
	session, err := build(m, o)
	if err != nil {
		return nil, err
	}
	return &opened{session: session, row: row, start: shadow.StartCold}, nil
}

func build(m *source, o ort.Options) (*ort.Session, error) {
	if m.external {
		return ort.OpenSession(m.path, o)
	}
	return ort.NewSession(m.data, o)
}

// options of a session: one thread and no spinning, because what waits here is
// never urgent; more sessions, not more threads, are how it scales.
func options(s *Settings, row provider.Row, spec provider.Spec, entries map[string]string) ort.Options {
	o := ort.Options{Threads: s.Threads, Level: ort.AllOptimizations, Entries: map[string]string{"session.intra_op.allow_spinning": "0"}}
	for k, v := range entries {
		o.Entries[k] = v
	}
	keys := map[string]string{}
	for _, from := range []map[string]string{row.Default, spec.Options} {
		for k, v := range from {
			keys[k] = v
		}
	}
	switch row.Attach {
	case provider.Always:
		o.NoArena = keys["arena"] == "0" || keys["arena"] == "false"
	case provider.ByName:
		o.Providers = []ort.Provider{{Kind: ort.ByName, Name: row.Append, Options: keys}}
	case provider.CUDA:
		o.Providers = []ort.Provider{{Kind: ort.CUDA, Options: keys}}
	case provider.TensorRT:
		device := map[string]string{}
		if id, ok := keys["device_id"]; ok {
			device["device_id"] = id
		}
		o.Providers = []ort.Provider{{Kind: ort.TensorRT, Options: keys}, {Kind: ort.CUDA, Options: device}}
	}
	return o
}

// countNodes loads the model with a profile, runs it once and counts who ran
// what: the share of nodes on the CPU.
func countNodes(s *Settings, m *source, row provider.Row, spec provider.Spec) (float64, error) {
	dir, err := os.MkdirTemp("", "gnomon-profile-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	o := options(s, row, spec, nil)
	o.Profile = filepath.Join(dir, "p")
	session, err := build(m, o)
	if err != nil {
		return 0, err
	}
	e := &Engine{session: session, max: 1, pads: s.Padding}
	defer e.Close()
	if err := e.describe(); err != nil {
		return 0, err
	}
	if sample, ok := e.madeUp(1); ok {
		if _, err := e.execute([]shadow.Sample{sample}, []int{0}); err != nil {
			return 0, err
		}
	} else {
		return 0, errors.New("no input can be made up for this model, so it cannot be found out which nodes run where")
	}
	file, err := session.EndProfiling()
	if err != nil {
		return 0, err
	}
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return cpuShare(f)
}
