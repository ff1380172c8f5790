package provider

import (
	"errors"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want string // "" for a good one
	}{
		{Spec{Name: "cpu"}, ""},
		{Spec{Name: "cuda", Options: map[string]string{"gpu_mem_limit": "1"}}, ""},
		{Spec{Name: "webgpu", Options: map[string]string{"dawnBackendType": "Vulkan"}}, ""},
		{Spec{Name: "cuda", Options: map[string]string{"gpu_mem_limt": "1"}}, `cuda has no option "gpu_mem_limt", did you mean "gpu_mem_limit"?`},
		{Spec{Name: "webgpu", Options: map[string]string{"ep.webgpuexecutionprovider.deviceId": "0"}}, "it has dawnBackendType"},
		{Spec{Name: "tensorr"}, `did you mean "tensorrt"?`},
		{Spec{Name: "gpu"}, "write one of cpu, cuda"},
	} {
		err := c.spec.Check()
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %q", c.spec, err, c.want)
		}
	}
}

// TestRowsAreWhole: names and options are unique, defaults are options.
func TestRowsAreWhole(t *testing.T) {
	names := map[string]bool{}
	for _, r := range Table() {
		if names[r.Name] || names[r.ORT] || r.ORT == "" || (r.Attach == ByName) != (r.Append != "") {
			t.Errorf("%+v", r)
		}
		names[r.Name], names[r.ORT] = true, true
		if err := (Spec{Name: r.Name, Options: r.Default}).Check(); err != nil {
			t.Error(err)
		}
		keys := map[string]bool{}
		for _, k := range r.Keys {
			if keys[k] {
				t.Errorf("%s has %s twice", r.Name, k)
			}
			keys[k] = true
		}
	}
}
