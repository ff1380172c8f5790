package jsonbody

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/exporter/pipeline"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

var _ pipeline.Decoder = (*Decoder)(nil)

type counter map[string]int

func (c counter) Anomaly(kind string) { c[kind]++ }

func show(tensors []tensor.Tensor) string {
	out := ""
	for _, t := range tensors {
		out += fmt.Sprintf("%s %v%v", t.Name, t.Type, t.Shape)
		if t.Type == tensor.Bytes {
			out += fmt.Sprintf("%s ", t.Strings)
			continue
		}
		values, _ := t.AppendFloat64s(nil)
		out += fmt.Sprint(values, " ")
	}
	return out
}

func TestBodies(t *testing.T) {
	for _, c := range []struct {
		name, contentType, request, response string
		rows                                 int
		inputs, outputs                      string // of the last row
		odd                                  int
	}{
		{"v1", "", `{"instances":[[1,2],[3,4]]}`, `{"predictions":[0,1]}`, 2, "inputs FP32[1 2][3 4] ", "predictions FP32[1][1] ", 0},
		{"v1, one row", "", `{"instances":[[1,2]]}`, `{"predictions":[[0.25,0.75]]}`, 1, "inputs FP32[1 2][1 2] ", "predictions FP32[1 2][0.25 0.75] ", 0},
		{"rows of objects", "", `{"instances":[{"a":1,"b":"x"},{"a":2,"b":"y"}]}`, `{"predictions":[{"p":0.5},{"p":0.25}]}`, 2, "a FP32[1][2] b BYTES[1][y] ", "p FP32[1][0.25] ", 0},
		{"columns", "", `{"signature_name":"s","inputs":{"a":[[1],[2]],"b":[[3],[4]]}}`, `{"outputs":{"y":[[5],[6]]}}`, 2, "a FP32[1 1][2] b FP32[1 1][4] ", "y FP32[1 1][6] ", 0},
		{"b64", "", `{"instances":[{"b64":"aGk="}]}`, `{"predictions":[1]}`, 1, "inputs BYTES[1][hi] ", "predictions FP32[1][1] ", 0},
		{"bare NaN", "", `{"instances":[["NaN is text"]]}`, `{"predictions":[[NaN,-Infinity,1]]}`, 1, "inputs BYTES[1 1][NaN is text] ", "predictions FP32[1 3][NaN NaN 1] ", 3},
		{"one object", "", `{"LotArea":8450,"SaleType":"WD"}`, `[3.5]`, 1, "LotArea FP32[1][8450] SaleType BYTES[1][WD] ", "predictions FP32[1][3.5] ", 0},
		{"torchserve's classes", "", `[1,2]`, "{\n  \"cat\": 0.75,\n  \"dog\": 0.25\n}", 1, "inputs FP32[2][1 2] ", "cat FP32[1][0.75] dog FP32[1][0.25] ", 0},
		{"csv", "text/csv", "1,2\n3,4\n", "0\n1\n", 2, "inputs FP32[1 2][3 4] ", "predictions FP32[1 1][1] ", 0},
		{"csv with names", "text/csv; header=present", "a, b\n1,x\n3,y\n", "p\n0.5\n0.25\n", 2, "a FP32[1][3] b BYTES[1][y] ", "p FP32[1][0.25] ", 0},
		{"mlflow split", "", `{"dataframe_split":{"columns":["a","b"],"data":[[1,2],[3,4]]}}`, `{"predictions":[1,0]}`, 2, "a FP32[1][3] b FP32[1][4] ", "predictions FP32[1][0] ", 0},
		{"mlflow records", "", `{"dataframe_records":[{"a":1},{"a":3}]}`, `{"predictions":[1,0]}`, 2, "a FP32[1][3] ", "predictions FP32[1][0] ", 0},
		{"booleans", "", `{"instances":[[true,false]]}`, `{"predictions":[true]}`, 1, "inputs BOOL[1 2][1 0] ", "predictions BOOL[1][1] ", 0},
		{"ragged", "", `{"instances":[[1,2],[3]]}`, `{"predictions":[1]}`, 1, "inputs FP32[3][1 2 3] ", "predictions FP32[1][1] ", 1},
		{"no answer", "", `{"instances":[[1,2],[3,4]]}`, ``, 2, "inputs FP32[1 2][3 4] ", "", 0},
		{"unreadable answer", "", `{"instances":[[1,2]]}`, `<html>`, 1, "inputs FP32[1 2][1 2] ", "", 2},
	} {
		counted := counter{}
		records, err := NewDecoder(counted, 1<<20, nil).Decode(&record.Capture{
			ID: "r", Request: record.Body{Bytes: []byte(c.request), ContentType: c.contentType}, Response: record.Body{Bytes: []byte(c.response), ContentType: c.contentType},
		})
		if err != nil || len(records) != c.rows {
			t.Errorf("%s: %d records, %v", c.name, len(records), err)
			continue
		}
		last := records[len(records)-1]
		odd := 0
		for _, n := range counted {
			odd += n
		}
		if show(last.Inputs) != c.inputs || show(last.Outputs) != c.outputs || odd != c.odd {
			t.Errorf("%s:\n got %q %q %v\nwant %q %q", c.name, show(last.Inputs), show(last.Outputs), counted, c.inputs, c.outputs)
		}
	}
}

func TestMapping(t *testing.T) {
	m := &Mapping{Inputs: map[string]string{"age": "user.age", "embedding": "items.0.vector"}, Outputs: map[string]string{"score": "result.score"}, ID: "meta.id", Label: "truth"}
	records, err := NewDecoder(nil, 1<<20, m).Decode(&record.Capture{
		Model:    "m",
		Request:  record.Body{Bytes: []byte(`{"meta":{"id":17},"user":{"age":40},"items":[{"vector":[1,2]}],"truth":1}`)},
		Response: record.Body{Bytes: []byte(`{"result":{"score":[0.25,0.75]}}`)},
	})
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	r := records[0]
	if r.ID != "17" || show(r.Inputs) != "age FP32[1][40] embedding FP32[2][1 2] " || show(r.Outputs) != "score FP32[2][0.25 0.75] " || r.Label == nil || *r.Label.Value != 1 || r.Label.ID != "17" {
		t.Errorf("%+v %s", r, show(r.Inputs))
	}
}

// TestEmbeddings: an OpenAI-style endpoint by a mapping, one row a text.
func TestEmbeddings(t *testing.T) {
	m := &Mapping{Inputs: map[string]string{"text": "input"}, Outputs: map[string]string{"embedding": "data.*.embedding"}}
	records, err := NewDecoder(nil, 1<<20, m).Decode(&record.Capture{
		Model: "embedder", ID: "e",
		Request:  record.Body{Bytes: []byte(`{"model":"text-embedding-3-small","input":["the first","the second"],"encoding_format":"float"}`)},
		Response: record.Body{Bytes: []byte(`{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-0.25]},{"object":"embedding","index":1,"embedding":[1,2]}],"usage":{"prompt_tokens":4}}`)},
	})
	if err != nil || len(records) != 2 {
		t.Fatal(len(records), err)
	}
	if r := records[1]; r.ID != "e#1" || show(r.Inputs) != "text BYTES[1][the second] " || show(r.Outputs) != "embedding FP32[1 2][1 2] " {
		t.Errorf("%s: %s-> %s", r.ID, show(r.Inputs), show(r.Outputs))
	}
}

func TestRefusals(t *testing.T) {
	for _, text := range []string{``, `{`, `{}`, `[]`, `{"instances":[]}`, `{"dataframe_split":{}}`} {
		counted := counter{}
		_, err := NewDecoder(counted, 1<<20, nil).Decode(&record.Capture{Request: record.Body{Bytes: []byte(text)}})
		if !errors.Is(err, ErrBody) && !errors.Is(err, oip.ErrSyntax) || len(counted) == 0 {
			t.Errorf("%s: %v, counted %v", text, err, counted)
		}
	}
}

// Every v1 example of the serving projects is read.
func TestExamplePayloads(t *testing.T) {
	data := os.Getenv("GNOMON_SHARED_DATA")
	if data == "" {
		data = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	files, _ := filepath.Glob(filepath.Join(data, "payloads", "v1_requests", "*.json"))
	if len(files) == 0 {
		t.Skip("shared test data absent")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		records, err := NewDecoder(nil, 1<<20, nil).Decode(&record.Capture{Request: record.Body{Bytes: text}})
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		}
		for _, x := range records[0].Inputs {
			if err := x.Validate(); err != nil {
				t.Errorf("%s: %v", filepath.Base(file), err)
			}
			if x.Len() > 0 && x.Type == tensor.Float32 && math.IsNaN(x.Float64At(0)) {
				t.Errorf("%s: %s is NaN", filepath.Base(file), x.Name)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"instances":[[1,NaN],[3]]}`), "")
	f.Add([]byte(`{"inputs":{"a":[{"b64":"aGk="}]}}`), "application/json")
	f.Add([]byte(`{"dataframe_split":{"columns":["a"],"data":[[1],[2,3]]}}`), "")
	f.Add([]byte("a,b\n1,2\n"), "text/csv")
	f.Fuzz(func(t *testing.T, text []byte, contentType string) {
		body := record.Body{Bytes: text, ContentType: contentType}
		for _, m := range []*Mapping{nil, {Inputs: map[string]string{"a": "inputs.a.0", "b": "", "c": "instances.*.0"}, ID: "id"}} {
			records, err := NewDecoder(nil, 1<<16, m).Decode(&record.Capture{Request: body, Response: body})
			if err != nil {
				continue
			}
			for _, r := range records {
				for _, x := range r.Inputs {
					if err := x.Validate(); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	})
}
