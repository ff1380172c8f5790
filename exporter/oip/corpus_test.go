package oip

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

type counter map[string]int

func (c counter) Anomaly(kind string) { c[kind]++ }

// Every payload of the serving projects' own examples is read, or its refusal
// is counted.
func TestExamplePayloads(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sharedData(t, "payloads"), "*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no payloads: %v", err)
	}
	read := 0
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		counted := counter{}
		d := NewDecoder(counted, 1<<20)
		records, err := d.Decode(&record.Capture{Request: record.Body{Bytes: body, JSONLength: -1}})
		name := filepath.Base(file)
		switch {
		case err != nil && len(counted) == 0:
			t.Errorf("%s: refused and not counted: %v", name, err)
		case err != nil:
			if dir := filepath.Base(filepath.Dir(file)); dir == "oip_requests" || dir == "oip_responses" {
				t.Errorf("%s: a payload of this protocol was refused: %v", name, err)
			}
		default:
			read++
			for _, r := range records {
				for _, x := range r.Inputs {
					if err := x.Validate(); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
			}
			t.Logf("%s: %d records of %d inputs, odd: %v", name, len(records), len(records[0].Inputs), counted)
		}
	}
	if read < 15 {
		t.Errorf("%d payloads were read, want all 16 of this protocol", read)
	}
}

func TestRecordedPairs(t *testing.T) {
	f, err := os.Open(sharedData(t, "payloads", "generated", "mnist12_pairs_50.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	counted := counter{}
	d := NewDecoder(counted, 1<<20)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	n := 0
	for lines.Scan() {
		var line struct{ Request, Response json.RawMessage }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		records, err := d.Decode(&record.Capture{
			Request:  record.Body{Bytes: line.Request, JSONLength: -1},
			Response: record.Body{Bytes: line.Response, JSONLength: -1},
		})
		if err != nil || len(records) != 1 {
			t.Fatalf("line %d: %d records, %v", n, len(records), err)
		}
		r := records[0]
		if !strings.HasPrefix(r.ID, "mnist-") || r.Inputs[0].Len() != 784 || r.Outputs[0].Len() != 10 {
			t.Errorf("line %d: id %q, %d inputs, %d outputs", n, r.ID, r.Inputs[0].Len(), r.Outputs[0].Len())
		}
		n++
	}
	if n != 50 || len(counted) != 0 {
		t.Errorf("%d records, oddities %v", n, counted)
	}
}

func TestDecodeSplitsBatches(t *testing.T) {
	base := record.Record{ID: "r"}
	f32 := func(name string, shape ...int64) tensor.Tensor {
		n, _ := tensor.Elements(shape)
		return tensor.FromFloat32s(name, make([]float32, n), shape...)
	}
	for _, c := range []struct {
		name    string
		inputs  []tensor.Tensor
		outputs []tensor.Tensor
		rows    int
	}{
		{"one row", []tensor.Tensor{f32("x", 1, 4)}, []tensor.Tensor{f32("y", 1, 3)}, 1},
		{"three rows", []tensor.Tensor{f32("x", 3, 4)}, []tensor.Tensor{f32("y", 3, 2)}, 3},
		{"no answer", []tensor.Tensor{f32("x", 3, 4)}, nil, 3},
		{"columns", []tensor.Tensor{f32("a", 3), f32("b", 3)}, []tensor.Tensor{f32("y", 3)}, 3},
		{"vectors without an answer", []tensor.Tensor{f32("ids", 150), f32("mask", 150)}, nil, 1},
		{"vector, one answer", []tensor.Tensor{f32("x", 3)}, []tensor.Tensor{f32("y", 1)}, 1},
		{"outputs disagree", []tensor.Tensor{f32("x", 3, 4)}, []tensor.Tensor{f32("y", 3), f32("loss")}, 1},
		{"inputs disagree", []tensor.Tensor{f32("x", 3, 4), f32("k", 1)}, []tensor.Tensor{f32("y", 3)}, 1},
		{"nothing in it", []tensor.Tensor{f32("x", 0, 4)}, nil, 1},
	} {
		rows := Rows(base, c.inputs, c.outputs)
		if len(rows) != c.rows {
			t.Errorf("%s: %d rows, want %d", c.name, len(rows), c.rows)
			continue
		}
		if c.rows == 1 {
			if rows[0].ID != "r" {
				t.Errorf("%s: id %q", c.name, rows[0].ID)
			}
			continue
		}
		last := rows[c.rows-1]
		if last.ID != "r#2" || last.Inputs[0].Rows() != 1 || (c.outputs == nil) != (last.Outputs == nil) {
			t.Errorf("%s: last row %+v", c.name, last)
		}
	}
}

func TestDecodePrefersTheAnswersVersionAndTheBodysID(t *testing.T) {
	c := &record.Capture{
		Model: "m", ID: "header",
		Request:  record.Body{Bytes: []byte(`{"id":"body","inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}`), JSONLength: -1},
		Response: record.Body{Bytes: []byte(`{"model_name":"other","model_version":"3","id":"answer","outputs":[{"name":"y","shape":[1],"datatype":"FP32","data":[1]}]}`), JSONLength: -1},
	}
	records, err := NewDecoder(nil, 1<<20).Decode(c)
	if err != nil {
		t.Fatal(err)
	}
	if r := records[0]; r.ID != "body" || r.Model != "m" || r.Version != "3" {
		t.Errorf("id %q, model %q, version %q", r.ID, r.Model, r.Version)
	}
}

func TestDecodeAnUnreadableAnswer(t *testing.T) {
	counted := counter{}
	records, err := NewDecoder(counted, 1<<20).Decode(&record.Capture{
		Request:  record.Body{Bytes: []byte(`{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}`), JSONLength: -1},
		Response: record.Body{Bytes: []byte(`<html>`), JSONLength: -1},
	})
	if err != nil || len(records) != 1 || records[0].Outputs != nil || counted["response_invalid"] != 1 {
		t.Errorf("%v, %v, %v", records, err, counted)
	}
}

func TestEncodings(t *testing.T) {
	plain := []byte(`{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}`)
	for name, body := range compressed(t, plain) {
		encoding, _, _ := strings.Cut(name, " ")
		got, err := NewInflater(1<<20).Inflate(body, encoding)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if _, err := NewInflater(10).Inflate(body, encoding); err == nil {
			t.Errorf("%s: a body beyond the limit was taken", name)
		}
		counted := counter{}
		if _, err := NewDecoder(counted, 1<<20).Decode(&record.Capture{Request: record.Body{Bytes: body[:len(body)/2], Encoding: encoding, JSONLength: -1}}); err == nil || counted["compression"] != 1 {
			t.Errorf("%s, cut short: %v, %v", name, err, counted)
		}
	}
	if _, err := NewInflater(1<<20).Inflate(plain, "br"); err == nil {
		t.Error("an unknown encoding was taken")
	}
}
