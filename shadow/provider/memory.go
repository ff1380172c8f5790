package provider

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

const (
	cuda        = "cuda"
	memoryLimit = "gpu_mem_limit"
	leastMemory = 1 << 20 // of one shadow: below it no arena can begin
)

// Device names what a provider runs on, so that two of one device have one
// name: "cpu", "cuda/0". CUDA and TensorRT are on one GPU.
func (s Spec) Device() string {
	name := s.Name
	switch name {
	case "", CPU:
		return CPU
	case "tensorrt":
		name = cuda
	}
	return name + "/" + cmp.Or(s.Options["device_id"], s.Options["deviceId"], "0")
}

// SplitMemory divides a budget of bytes of each CUDA device among the shadows
// that list it: those that set gpu_mem_limit keep it, the others get equal
// shares of the rest. shadows is each one's providers; the answer is the limit
// of those that have none, by device. ErrSpec where the budget is too small.
//
// The limit is that of ONNX Runtime's arena: the CUDA context, cuDNN and
// TensorRT's engines come on top.
func SplitMemory(budget int64, shadows [][]Spec) (map[string]int64, error) {
	taken, without := map[string]int64{}, map[string]int64{}
	for _, list := range shadows {
		for _, s := range list {
			if s.Name != cuda {
				continue
			}
			text, limited := s.Options[memoryLimit]
			if !limited {
				without[s.Device()]++
				continue
			}
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < leastMemory {
				return nil, fmt.Errorf("%w: %s is %q, not a number of bytes of at least %d", ErrSpec, memoryLimit, text, leastMemory)
			}
			if taken[s.Device()] += n; taken[s.Device()] > budget || taken[s.Device()] < 0 {
				return nil, fmt.Errorf("%w: the %s of shadows on %s are %d bytes together, and the budget is %d", ErrSpec, memoryLimit, s.Device(), taken[s.Device()], budget)
			}
		}
	}
	shares := map[string]int64{}
	for device, n := range without {
		if shares[device] = (budget - taken[device]) / n; shares[device] < leastMemory {
			return nil, fmt.Errorf("%w: %d bytes are left for the %d shadows on %s that set no %s", ErrSpec, budget-taken[device], n, device, memoryLimit)
		}
	}
	return shares, nil
}

// WithMemory is the providers with the shares of SplitMemory as the limit of
// those that have none. It leaves the original alone.
func WithMemory(list []Spec, shares map[string]int64) []Spec {
	out := slices.Clone(list)
	for i, s := range out {
		share, ok := shares[s.Device()]
		if _, limited := s.Options[memoryLimit]; s.Name != cuda || limited || !ok {
			continue
		}
		out[i].Options = maps.Clone(s.Options)
		if out[i].Options == nil {
			out[i].Options = map[string]string{}
		}
		out[i].Options[memoryLimit] = strconv.FormatInt(share, 10)
	}
	return out
}
