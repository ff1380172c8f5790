package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/gnomon-dev/gnomon/shadow/adapt"
	"github.com/gnomon-dev/gnomon/shadow/provider"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
	"go.yaml.in/yaml/v3"
)

// Shadow is one engine beside the primary.
type Shadow struct {
	Name string `yaml:"name"`
	Role string `yaml:"role"` // twin, candidate, baseline, reference-precision
	// Model is where the model is: an .onnx file, a folder in KServe's or
	// Triton's layout, an https:// URL, models:/NAME@ALIAS or models:/NAME/VERSION.
	Model     string     `yaml:"model"`
	Digest    string     `yaml:"digest"`    // sha256:hex that the file must have
	Signature *Signature `yaml:"signature"` // that it must carry
	Reload    Duration   `yaml:"reload"`    // between looks for something newer

	Providers      []Provider `yaml:"providers"`       // in the order of preference
	ProviderPolicy string     `yaml:"provider_policy"` // require, prefer
	MaxBatch       int        `yaml:"max_batch"`
	MaxDelay       Duration   `yaml:"max_delay"` // that records wait for a batch to fill; 0: whatever waits is run
	Sessions       int        `yaml:"sessions"`
	Threads        int        `yaml:"threads"`  // intra-op, of one batch
	Stateful       bool       `yaml:"stateful"` // every request carries the whole state
	Padding        []Padding  `yaml:"padding"`

	Preprocess string            `yaml:"preprocess"` // an .onnx file in front, whose outputs are the model's inputs
	Inputs     []Input           `yaml:"inputs"`     // those that are not in the record as the model wants them
	Outputs    map[string]string `yaml:"outputs"`    // the model's names to the primary's
}

// Input says how one input of the model is made of a record's tensor.
type Input struct {
	Input  string  `yaml:"input"`  // the model's name
	From   string  `yaml:"from"`   // the record's
	Layout string  `yaml:"layout"` // nhwc_to_nchw, nchw_to_nhwc
	Scale  float64 `yaml:"scale"`
	Offset float64 `yaml:"offset"`
	Type   string  `yaml:"type"` // the record's
}

// Provider is an execution provider: its name alone, or with options.
type Provider struct {
	Name    string            `yaml:"name"`
	Options map[string]string `yaml:"options"`
}

// UnmarshalYAML reads "cuda" or {name: cuda, options: {device_id: 1}}.
func (p *Provider) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		p.Name = n.Value
		return nil
	}
	if n.Kind != yaml.MappingNode {
		return scalarError(n, "is no provider", "a name such as cuda, or {name: cuda, options: {device_id: 0}}")
	}
	for i := 0; i < len(n.Content); i += 2 {
		var err error
		switch key := n.Content[i]; key.Value {
		case "name":
			err = n.Content[i+1].Decode(&p.Name)
		case "options":
			err = n.Content[i+1].Decode(&p.Options)
		default:
			err = scalarError(key, "is no field of a provider", "name or options")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// MarshalYAML writes what UnmarshalYAML reads.
func (p Provider) MarshalYAML() (any, error) {
	if len(p.Options) == 0 {
		return p.Name, nil
	}
	return map[string]any{"name": p.Name, "options": p.Options}, nil
}

// Padding fills an input of any length up to one of a few.
type Padding struct {
	Input   string  `yaml:"input"`
	Axis    int     `yaml:"axis"`
	Value   float64 `yaml:"value"`
	Lengths []int   `yaml:"lengths"`
}

// defaults fills what the file leaves out.
func (s *Shadow) defaults() {
	if s.Role == "" {
		s.Role = "twin"
	}
	if s.Name == "" {
		s.Name = s.Role
	}
	if len(s.Providers) == 0 {
		s.Providers = []Provider{{Name: provider.CPU}}
	}
	if s.ProviderPolicy == "" {
		s.ProviderPolicy = string(provider.Require)
	}
	for _, n := range []*int{&s.Sessions, &s.Threads} {
		if *n == 0 {
			*n = 1
		}
	}
	if s.MaxBatch == 0 {
		s.MaxBatch = 64
	}
	if s.Reload == 0 {
		s.Reload = Duration(30 * time.Second)
	}
}

// Specs are the providers as the engine takes them.
func (s *Shadow) Specs() []provider.Spec {
	var out []provider.Spec
	for _, p := range s.Providers {
		out = append(out, provider.Spec{Name: p.Name, Options: maps.Clone(p.Options)})
	}
	return out
}

// Providers are every shadow's, of all models.
func (c *Config) Providers() [][]provider.Spec {
	var out [][]provider.Spec
	for i := range c.Models {
		for k := range c.Models[i].Shadows {
			out = append(out, c.Models[i].Shadows[k].Specs())
		}
	}
	return out
}

func (c *Config) checkDevices(k *checker) {
	k.that(c.Runtime.DeviceConcurrency >= 0, "onnxruntime.device_concurrency", "write how many batches may run on one device at once, or 0 for no limit", "is %d", c.Runtime.DeviceConcurrency)
	if m := c.Runtime.DeviceMemory; m != 0 {
		_, err := provider.SplitMemory(int64(m), c.Providers())
		k.that(m > 0 && err == nil, "onnxruntime.device_memory", "write more, such as 4GiB, run fewer shadows on the device, or lower their gpu_mem_limit", "is not enough: %v", err)
	}
}

func (s *Shadow) check(k *checker, at string) {
	k.oneOf(at+".role", s.Role, "twin", "candidate", "baseline", "reference-precision")
	k.that(s.Model != "", at+".model", "write the path of an .onnx file, a URL, or models:/NAME@ALIAS", "is missing")
	k.duration(at+".reload", s.Reload, Duration(time.Second))
	if g := s.Signature; g != nil {
		k.that(g.Key != "", at+".signature.key", "write the path of the public key, such as cosign.pub", "is missing")
		if g.Key != "" {
			k.file(at+".signature.key", g.Key)
		}
	}
	if s.Digest != "" {
		k.that(regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(s.Digest), at+".digest", "write sha256: and 64 hexadecimal digits, as sha256sum prints them", "%q is not a digest", s.Digest)
	}
	for i, spec := range s.Specs() {
		err := spec.Check()
		k.that(err == nil, fmt.Sprintf("%s.providers[%d]", at, i), "write a name or option that exists", "%v", err)
	}
	k.oneOf(at+".provider_policy", s.ProviderPolicy, string(provider.Require), string(provider.Prefer))
	k.that(s.MaxBatch >= 1 && s.MaxBatch <= 4096, at+".max_batch", "write a number from 1 to 4096", "is %d", s.MaxBatch)
	k.that(s.MaxDelay >= 0 && s.MaxDelay <= Duration(10*time.Second), at+".max_delay", "write a duration from 0 to 10s, such as 50ms", "is %v", time.Duration(s.MaxDelay))
	k.that(s.Sessions >= 1 && s.Sessions <= 64, at+".sessions", "write a number from 1 to 64", "is %d", s.Sessions)
	k.that(s.Threads >= 1 && s.Threads <= 64, at+".threads", "write a number from 1 to 64", "is %d", s.Threads)
	if s.Preprocess != "" {
		k.file(at+".preprocess", s.Preprocess)
	}
	for i, in := range s.Inputs {
		iat := fmt.Sprintf("%s.inputs[%d]", at, i)
		k.that(in.Input != "", iat+".input", "write the name of a model input", "is missing")
		k.that(slices.Contains(adapt.Layouts(), in.Layout), iat+".layout", "write nhwc_to_nchw, nchw_to_nhwc, or nothing", "%q is not known", in.Layout)
		_, known := tensor.ParseDataType(in.Type)
		k.that(in.Type == "" || known, iat+".type", "write a type of the protocol, such as UINT8 or FP32", "%q is not known", in.Type)
	}
	for i, p := range s.Padding {
		pat := fmt.Sprintf("%s.padding[%d]", at, i)
		k.that(p.Input != "", pat+".input", "write the name of a model input", "is missing")
		k.that(p.Axis >= 1, pat+".axis", "write the number of an open dimension, 1 or more", "is %d", p.Axis)
		k.that(len(p.Lengths) > 0 && p.Lengths[0] > 0 && slices.IsSorted(p.Lengths), pat+".lengths", "write ascending lengths such as [32, 64, 128]", "are %v", p.Lengths)
	}
}
