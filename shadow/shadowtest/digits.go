package shadowtest

import (
	_ "embed"
	"encoding/json"
	"testing"
)

// digitsJSON is the model's answers by the ONNX project's own reference
// implementation, which shares no code with ONNX Runtime.
//
//go:embed testdata/digits.json
var digitsJSON []byte

// Digits is the demo's float32 classifier.
func Digits(t *testing.T) Model {
	t.Helper()
	var known struct{ Outputs [][]float32 }
	if err := json.Unmarshal(digitsJSON, &known); err != nil {
		t.Fatal(err)
	}
	m := Model{Input: "image", Shape: []int64{1, 1, 8, 8}, Outputs: known.Outputs, Tolerance: 1e-4}
	for k := range known.Outputs {
		x := make([]float32, 64)
		for i := range x {
			x[i] = float32((i*37+k*11)%17) / 16
		}
		m.Inputs = append(m.Inputs, x)
	}
	return m
}
