package provider

import (
	"errors"
	"maps"
	"testing"
)

func TestDevice(t *testing.T) {
	for want, s := range map[string]Spec{
		"cpu": {Name: CPU}, "cuda/0": {Name: "tensorrt"}, "cuda/1": {Name: "cuda", Options: map[string]string{"device_id": "1"}},
		"webgpu/2": {Name: "webgpu", Options: map[string]string{"deviceId": "2"}}, "directml/0": {Name: "directml"},
	} {
		if got := s.Device(); got != want {
			t.Errorf("%+v: %q, want %q", s, got, want)
		}
	}
}

func TestSplitMemory(t *testing.T) {
	on := func(device, limit string) []Spec {
		o := map[string]string{"device_id": device}
		if limit != "" {
			o[memoryLimit] = limit
		}
		return []Spec{{Name: "cuda", Options: o}, {Name: CPU}}
	}
	for name, c := range map[string]struct {
		budget  int64
		shadows [][]Spec
		want    map[string]int64
		fails   bool
	}{
		"even":          {8 << 20, [][]Spec{on("0", ""), on("0", "")}, map[string]int64{"cuda/0": 4 << 20}, false},
		"one has said":  {8 << 20, [][]Spec{on("0", "2097152"), on("0", ""), on("0", "")}, map[string]int64{"cuda/0": 3 << 20}, false},
		"two devices":   {8 << 20, [][]Spec{on("0", ""), on("1", ""), on("1", "")}, map[string]int64{"cuda/0": 8 << 20, "cuda/1": 4 << 20}, false},
		"no GPU":        {8 << 20, [][]Spec{{{Name: CPU}}, {{Name: "webgpu"}}}, map[string]int64{}, false},
		"too many":      {2 << 20, [][]Spec{on("0", ""), on("0", ""), on("0", "")}, nil, true},
		"more than all": {2 << 20, [][]Spec{on("0", "2097152"), on("0", "1048576")}, nil, true},
		"no number":     {2 << 20, [][]Spec{on("0", "2GiB")}, nil, true},
	} {
		got, err := SplitMemory(c.budget, c.shadows)
		if !maps.Equal(got, c.want) || (err != nil) != c.fails || err != nil && !errors.Is(err, ErrSpec) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
	}
	list := []Spec{{Name: "cuda"}, {Name: "cuda", Options: map[string]string{memoryLimit: "7"}}, {Name: "tensorrt"}, {Name: CPU}}
	with := WithMemory(list, map[string]int64{"cuda/0": 5})
	if with[0].Options[memoryLimit] != "5" || with[1].Options[memoryLimit] != "7" || with[2].Options != nil || with[3].Options != nil || list[0].Options != nil {
		t.Errorf("%+v of %+v", with, list)
	}
}
