package jsonl

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

type counter map[string]int

func (c counter) Anomaly(kind string) { c[kind]++ }

func fixed() time.Time { return time.Unix(1000, 0).UTC() }

func TestDecode(t *testing.T) {
	d := NewDecoder("file", nil, fixed)
	c, err := d.Decode([]byte(`{"id":"a","time":"2026-01-02T03:04:05Z","model":"m","model_version":"3","request":{"id":"body","inputs":[{"name":"x","shape":[2,1],"datatype":"FP32","data":[1,2]}]},
		"response":{"outputs":[{"name":"y","shape":[2,1],"datatype":"FP32","data":[3,4]}]},"label":7,"metadata":{"shop":"Köln","n":3}}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Records) != 2 {
		t.Fatalf("%d records", len(c.Records))
	}
	r := c.Records[1]
	seven := 7.0
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if d := cmp.Diff(&record.Label{ID: "a#1", Model: "m", Class: "7", Value: &seven}, r.Label); d != "" {
		t.Errorf("label (-want +got):\n%s", d)
	}
	if r.ID != "a#1" || r.Model != "m" || r.Version != "3" || r.Tap != "file" || r.Key != "a" || !r.Time.Equal(when) || !r.EventTime.Equal(when) {
		t.Errorf("record %+v", r)
	}
	if d := cmp.Diff(map[string]string{"shop": "Köln", "n": "3"}, r.Metadata); d != "" {
		t.Errorf("metadata (-want +got):\n%s", d)
	}
	if r.Outputs[0].Float64At(0) != 4 {
		t.Errorf("outputs %v", r.Outputs)
	}
}

func TestDecodeTheLeast(t *testing.T) {
	c, err := NewDecoder("push", nil, fixed).Decode([]byte(`{"request":{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]},"response":null}`))
	if err != nil {
		t.Fatal(err)
	}
	r := c.Records[0]
	if r.ID != "" || r.Key == "" || !r.Time.Equal(fixed()) || r.Outputs != nil || r.Label != nil || c.Size() < record.Overhead {
		t.Errorf("record %+v", r)
	}
}

func TestLabels(t *testing.T) {
	one := 1.5
	for text, want := range map[string]*record.Label{
		``: nil, `null`: nil, `"cat"`: {Class: "cat"}, `1.5`: {Class: "1.5", Value: &one}, `true`: {Class: "true"},
		`{"class":"x","value":1.5}`: {Class: "x", Value: &one},
	} {
		got, err := parseLabel([]byte(text))
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, d)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, text := range []string{``, `{`, `[]`, `{}`, `{"request":null}`, `{"request":{}}`, `{"request":{"inputs":[]}}`, `{"id":3,"request":{}}`,
		`{"request":{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]},"label":[1]}`, `{"time":"yesterday","request":{}}`} {
		counted := counter{}
		if _, err := NewDecoder("file", counted, fixed).Decode([]byte(text)); !errors.Is(err, ErrLine) || len(counted) == 0 {
			t.Errorf("%s: %v, counted %v", text, err, counted)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"id":"a","time":"2026-01-02T03:04:05Z","request":{"inputs":[{"name":"x","shape":[2,1],"datatype":"FP32","data":[1,2]}]},"label":{"class":"b"},"metadata":{"a":1}}`))
	f.Add([]byte(`{"request":{"inputs":{"x":[1]}},"response":{"outputs":[]},"label":"c"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := NewDecoder("fuzz", nil, fixed).Decode(text)
		if (err == nil) != (c != nil && len(c.Records) > 0) {
			t.Fatalf("%v, %v", c, err)
		}
	})
}
