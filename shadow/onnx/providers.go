package onnx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gnomon-dev/gnomon/shadow"
	ort "github.com/yalue/onnxruntime_go"
)

// provider is one way to execute a graph: a new one is a row.
type provider struct {
	name   string
	attach func(*ort.SessionOptions) error
}

func providers() []provider {
	return []provider{
		{"cpu", func(*ort.SessionOptions) error { return nil }},
		{"cuda", attachCUDA},
		{"tensorrt", attachTensorRT},
		{"webgpu", func(o *ort.SessionOptions) error { return o.AppendExecutionProvider("WebGPU", nil) }},
		{"coreml", func(o *ort.SessionOptions) error { return o.AppendExecutionProviderCoreMLV2(nil) }},
		{"directml", func(o *ort.SessionOptions) error { return o.AppendExecutionProviderDirectML(0) }},
	}
}

// Providers lists the names that Settings.Providers takes.
func Providers() []string {
	var names []string
	for _, p := range providers() {
		names = append(names, p.name)
	}
	return names
}

func attachCUDA(o *ort.SessionOptions) error {
	c, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer c.Destroy()
	if err := c.Update(map[string]string{"arena_extend_strategy": "kSameAsRequested", "cudnn_conv_algo_search": "HEURISTIC"}); err != nil {
		return err
	}
	return o.AppendExecutionProviderCUDA(c)
}

func attachTensorRT(o *ort.SessionOptions) error {
	t, err := ort.NewTensorRTProviderOptions()
	if err != nil {
		return err
	}
	defer t.Destroy()
	return o.AppendExecutionProviderTensorRT(t)
}

// options makes session options for one provider. Anything but the CPU must
// run the whole graph: a provider that quietly leaves nodes to the CPU would
// be shown as what it is not.
func options(name string, threads int) (*ort.SessionOptions, error) {
	i := slices.IndexFunc(providers(), func(p provider) bool { return p.name == name })
	if i < 0 {
		return nil, fmt.Errorf("%w: provider %q is not one of %s", shadow.ErrModel, name, strings.Join(Providers(), ", "))
	}
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	steps := []func() error{
		func() error { return o.SetIntraOpNumThreads(threads) },
		func() error { return o.SetInterOpNumThreads(1) },
		func() error { return o.AddSessionConfigEntry("session.intra_op.allow_spinning", "0") },
		func() error { return providers()[i].attach(o) },
	}
	if name != "cpu" {
		steps = append(steps, func() error { return o.AddSessionConfigEntry("session.disable_cpu_ep_fallback", "1") })
	}
	for _, step := range steps {
		if err := step(); err != nil {
			_ = o.Destroy() // the first error is the one to tell
			return nil, fmt.Errorf("provider %s: %w", name, err)
		}
	}
	return o, nil
}
