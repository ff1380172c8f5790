package graph

import (
	"maps"
	"strings"
	"testing"
)

// message writes a protobuf field of bytes.
func message(number byte, body string) string {
	return string([]byte{number<<3 | 2, byte(len(body))}) + body
}

// TestCustomKeys: what a file's own fields say is not what an exporter writes
// under the same key.
func TestCustomKeys(t *testing.T) {
	file := "\x08\x08" + message(14, message(1, "version")+message(2, "8.3.0")) + message(14, message(1, "license")+message(2, "AGPL-3.0")) +
		message(14, message(1, "producer")+message(2, "nobody")) + message(2, "pytorch") + message(7, message(2, "main_graph")) + message(8, "\x10\x11") + message(8, message(1, "ai.onnx.ml")+"\x10\x03")
	m, err := Read([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"producer": "pytorch", "version": "8.3.0", "licence": "AGPL-3.0", "graph": "main_graph", "opset": "17 ai.onnx.ml:3", "ir": "8"}
	if got := Described(m.Metadata); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if m, err = Read([]byte(file + "\x28\x07")); err != nil || m.Metadata["version"] != "7" {
		t.Errorf("the file's own version: %v, %v", m.Metadata, err)
	}
}

func TestDescribed(t *testing.T) {
	got := Described(map[string]string{"description": "two\nlines \x00 and \xff", "author": strings.Repeat("ä", 500), "model_license": "MIT", "names": "{0: 'person'}", "graph": "\n"})
	want := map[string]string{"description": "two lines and", "author": strings.Repeat("ä", 119) + "…", "licence": "MIT"}
	if !maps.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := Described(nil); len(got) != 0 {
		t.Error(got)
	}
}
