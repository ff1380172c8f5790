package graph

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func model(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Skip("the model is not here: ", err)
	}
	return data
}

func TestRead(t *testing.T) {
	m, err := Read(model(t, "../../examples/digits/models/digits-fp32.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Inputs) != 1 || m.Inputs[0].Name != "image" || len(m.Inputs[0].Shape) != 4 || m.Inputs[0].Shape[0] != -1 || m.Inputs[0].Shape[3] != 8 || m.Nodes == 0 || m.External {
		t.Errorf("%+v", m)
	}
	if m.Metadata["opset"] == "" || m.Metadata["producer"] == "" || m.Metadata["ir"] == "" {
		t.Errorf("metadata %v", m.Metadata)
	}
	if why := m.Stateful(); why != "" {
		t.Error("it keeps no state: ", why)
	}
}

// TestRealModels: weights are no inputs, sequences are no tensors.
func TestRealModels(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "data", "onnx")
	for name, inputs := range map[string]int{"mnist-12.onnx": 1, "cifar10-cnn.onnx": 1, "iris-mlp.onnx": 1, "sklearn-randomforest.onnx": 1} {
		m, err := Read(model(t, filepath.Join(dir, name)))
		if err != nil || len(m.Inputs) != inputs || m.Stateful() != "" {
			t.Errorf("%s: %v, %+v", name, err, m)
		}
	}
}

func TestNoModel(t *testing.T) {
	for _, text := range []string{"", "no model", "\x08\x07", "\x08\x07\x3a\xff"} {
		if _, err := Read([]byte(text)); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func io(name string, shape ...int64) Value {
	v := Value{Element: 1}
	v.Name, v.Type, v.Shape = name, elementType(1), shape
	return v
}

func TestStateful(t *testing.T) {
	for _, c := range []struct {
		m    Model
		want bool
	}{
		{Model{Inputs: []Value{io("past_key_values.0.key", -1, 8, -1, 64)}, Outputs: []Value{io("present.0.key", -1, 8, -1, 64)}}, true},
		{Model{Inputs: []Value{io("state", 2, -1, 128)}, Outputs: []Value{io("stateN", 2, -1, 128)}}, true},
		{Model{Inputs: []Value{io("h0", 1, -1, 4)}, Outputs: []Value{io("hn", 1, -1, 4)}}, true},
		{Model{Inputs: []Value{io("h_in", 1, -1, 4)}, Outputs: []Value{io("h_out", 1, -1, 4)}}, true},
		{Model{Inputs: []Value{io("cache_last_channel", 1, -1)}, Outputs: []Value{io("cache_last_channel_next", 1, -1)}}, true},
		{Model{Inputs: []Value{io("x0", 1, -1, 4)}, Outputs: []Value{io("y", 1, -1, 4)}, Recurrent: []string{"x0"}}, true},
		{Model{Inputs: []Value{io("hidden_states", -1, 16)}, Outputs: []Value{io("logits", -1, 16)}}, false},
		{Model{Inputs: []Value{io("input", -1, 4)}, Outputs: []Value{io("output", -1, 4)}}, false},
		{Model{Inputs: []Value{io("cell_count", -1, 1)}, Outputs: []Value{io("probability", -1, 1)}}, false},
		{Model{Inputs: []Value{io("h0", 1, 4)}, Outputs: []Value{io("hn", 1, -1, 4)}}, false},
	} {
		if why := c.m.Stateful(); (why != "") != c.want {
			t.Errorf("%q to %q: %q, want a state: %v", c.m.Inputs[0].Name, c.m.Outputs[0].Name, why, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, path := range []string{"../../examples/digits/models/digits-int8.onnx"} {
		data := model(f, path)
		f.Add(data[len(data)-min(len(data), 4096):])
		f.Add(data[:min(len(data), 4096)])
	}
	f.Add([]byte("\x08\x07\x3a\x02\x12\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := Read(data); err == nil {
			_ = m.Stateful()
		}
	})
}
