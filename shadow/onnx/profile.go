package onnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// cpuShare reads a profile of ONNX Runtime: the share of the executed nodes
// that the CPU ran. Copies between devices are nodes too, but nobody's work.
func cpuShare(r io.Reader) (float64, error) {
	var events []struct {
		Category string `json:"cat"`
		Name     string `json:"name"`
		Args     struct {
			Provider string `json:"provider"`
			Op       string `json:"op_name"`
		} `json:"args"`
	}
	if err := json.NewDecoder(r).Decode(&events); err != nil {
		return 0, fmt.Errorf("profile: %w", err)
	}
	nodes := map[string]bool{} // by name: whether the CPU ran it
	for _, e := range events {
		name, ok := strings.CutSuffix(e.Name, "_kernel_time")
		if e.Category != "Node" || !ok || e.Args.Provider == "" || strings.HasPrefix(e.Args.Op, "Memcpy") {
			continue
		}
		nodes[name] = e.Args.Provider == "CPUExecutionProvider"
	}
	if len(nodes) == 0 {
		return 0, errors.New("profile: no node was executed")
	}
	cpu := 0
	for _, onCPU := range nodes {
		if onCPU {
			cpu++
		}
	}
	return float64(cpu) / float64(len(nodes)), nil
}
