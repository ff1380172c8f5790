package onnx

import (
	"testing"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/shadowtest"
)

func TestConformance(t *testing.T) {
	if _, err := FindLibrary(""); err != nil {
		t.Skip(err)
	}
	shadowtest.Run(t, func(t *testing.T) shadow.Engine {
		e, err := Open(Settings{Path: "../../examples/digits/models/digits-fp32.onnx", Providers: []string{"cpu"}, MaxBatch: 64, Sessions: 2})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}, shadowtest.Digits(t))
}
