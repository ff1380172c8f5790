package tap

import (
	"os"
	"slices"
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/pipeline"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/tap/jsonbody"
)

var _ pipeline.Decoder = (*Decoder)(nil)

// Every folder is a tap of the table, or known to be a part of several.
func TestEveryTapHasARow(t *testing.T) {
	parts := []string{"buffer", "exchange", "jsonbody", "jsonl", "proxy", "real", "route", "tapbench", "taptest", "tfserving"}
	var names []string
	for _, r := range Taps() {
		names = append(names, r.Name)
		if r.Summary == "" {
			t.Errorf("%s says nothing", r.Name)
		}
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(names, e.Name()) && !slices.Contains(parts, e.Name()) {
			t.Errorf("folder %s is in no row", e.Name())
		}
	}
	if reasons := DropReasons(); !slices.IsSorted(reasons) || !slices.Contains(reasons, "oversize") || !slices.Contains(reasons, "poison") {
		t.Errorf("reasons %v", reasons)
	}
}

func TestDecodeByFormatAndModel(t *testing.T) {
	d := NewDecoder(nil, 1<<20, map[string]jsonbody.Mapping{"house": {Inputs: map[string]string{"x": "features"}}})
	for _, c := range []struct {
		format, model, body, input string
	}{
		{"oip", "m", `{"inputs":[{"name":"a","shape":[1],"datatype":"FP32","data":[1]}]}`, "a"},
		{"v1", "m", `{"instances":[[1,2]]}`, "inputs"},
		{"torchserve", "m", `[1,2]`, "inputs"},
		{"invocations", "", `{"dataframe_records":[{"b":1}]}`, "b"},
		{"oip", "house", `{"features":[1,2]}`, "x"},
	} {
		records, err := d.Decode(&record.Capture{Format: c.format, Model: c.model, Request: record.Body{Bytes: []byte(c.body), JSONLength: -1}})
		if err != nil || records[0].Inputs[0].Name != c.input {
			t.Errorf("%+v: %v, %v", c, records, err)
		}
	}
	own := []record.Record{{ID: "x"}}
	if got, err := d.Decode(&record.Capture{Records: own}); err != nil || got[0].ID != "x" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := d.Decode(&record.Capture{Format: "unheard of"}); err == nil {
		t.Error("an unknown format was decoded")
	}
}
