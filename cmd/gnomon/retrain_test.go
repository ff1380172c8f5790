package main

import (
	"fmt"
	"testing"

	"github.com/gnomon-dev/gnomon/examples/digits"
	"github.com/gnomon-dev/gnomon/exporter/demo"
)

// TestRetrainWanted: a model of long ago asks for its training in /metrics and
// in the API, before any request.
func TestRetrainWanted(t *testing.T) {
	path := t.TempDir() + "/model.onnx"
	put(t, path, digitsModel(t, digits.Int8))
	s := configured(t, primary(t).URL, fmt.Sprintf("models: [{name: %s, retrain: {trained: 2020-01-01}, shadows: [{model: %q}]}]\n", demo.ModelName, path))
	s.until(t, "a training is wanted", func() bool {
		wanted, _ := s.metric(t, "gnomon_retrain_wanted")
		age, _ := s.metric(t, "gnomon_retrain_reason", `signal="age"`)
		trained, _ := s.metric(t, "gnomon_model_trained_timestamp_seconds")
		return wanted == 1 && age == 1 && trained == 1577836800
	})
	if r := s.model(t, demo.ModelName).Retrain; r == nil || !r.Wanted || r.TrainedFrom != "configuration" || len(r.Reasons) != 1 || r.Reasons[0].Signal != "age" {
		t.Errorf("%+v", r)
	}
}
