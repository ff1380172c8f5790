// Package jsonbody decodes the JSON and CSV bodies of serving protocols that
// are not the Open Inference Protocol: KServe v1 and TensorFlow Serving
// (instances, inputs; predictions, outputs), SageMaker's and MLflow's
// /invocations, TorchServe's free bodies, and any in-house server by a
// mapping of paths.
//
// These bodies say no datatypes: numbers are read as FP32. The path of
// TensorFlow Serving was written from its documented wire format alone; no
// such server could be run here.
package jsonbody

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strconv"
	"strings"

	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Mapping says where a body of an in-house server has what. A path is member
// names and list indices joined by dots ("data.rows", "result.0.score"); * is
// every element of a list ("data.*.embedding"); "" is the whole body.
type Mapping struct {
	Inputs  map[string]string // tensor name: path in the request
	Outputs map[string]string // tensor name: path in the response
	ID      string            // path in the request, then in the response; empty: none
	Label   string            // path in the request; empty: none
}

// Decoder implements pipeline.Decoder. Safe for concurrent use.
type Decoder struct {
	observer oip.Observer
	inflater *oip.Inflater
	mapping  *Mapping
}

// NewDecoder returns a Decoder. A nil mapping is the protocols' own form.
func NewDecoder(o oip.Observer, limit int64, mapping *Mapping) *Decoder {
	return &Decoder{observer: o, inflater: oip.NewInflater(limit), mapping: mapping}
}

// body is what was read of one side.
type body struct {
	tree    any
	tensors []tensor.Tensor
	id      string
}

// Decode makes records of a capture, one a row of the batch.
func (d *Decoder) Decode(c *record.Capture) ([]record.Record, error) {
	request, err := d.read(c.Request, "inputs", []string{"instances", "inputs", "dataframe_split", "dataframe_records", "data"}, false)
	if err != nil {
		return nil, fmt.Errorf("decode request: %w", err)
	}
	answer := body{}
	if len(c.Response.Bytes) > 0 {
		if answer, err = d.read(c.Response, "predictions", []string{"predictions", "outputs", "result", "results", "data"}, true); err != nil {
			d.odd(oip.ResponseInvalid)
		}
	}
	base := oip.Base(c, request.id, &oip.Message{ID: answer.id})
	records := oip.Rows(base, request.tensors, answer.tensors)
	if d.mapping != nil && d.mapping.Label != "" {
		d.label(records, request.tree)
	}
	return records, nil
}

func (d *Decoder) odd(k oip.Kind) {
	if d.observer != nil {
		d.observer.Anomaly(k.String())
	}
}

// read finds the tensors of one side.
func (d *Decoder) read(b record.Body, name string, members []string, answer bool) (body, error) {
	text, err := d.inflater.Inflate(b.Bytes, b.Encoding)
	if err != nil {
		d.odd(oip.Compression)
		return body{}, err
	}
	mediaType, _, _ := mime.ParseMediaType(b.ContentType)
	if mediaType == "text/csv" || mediaType == "application/csv" {
		t, err := readCSV(text, name, d.odd)
		return body{tensors: t}, err
	}
	tree, err := parse(text, d.odd)
	if err != nil {
		return body{}, err
	}
	out := body{tree: tree}
	if d.mapping != nil {
		out.id = d.idOf(tree)
		paths := d.mapping.Inputs
		if answer {
			paths = d.mapping.Outputs
		}
		out.tensors, err = mapped(tree, paths, d.odd)
	} else {
		if object, ok := tree.(map[string]any); ok {
			out.id, _ = object["id"].(string)
		}
		out.tensors, err = find(tree, name, members, d.odd)
	}
	if errors.Is(err, ErrBody) {
		d.odd(oip.NoTensors)
	}
	return out, err
}

// find takes the first of the members that is there; a body without any is
// the data itself.
func find(tree any, name string, members []string, odd func(oip.Kind)) ([]tensor.Tensor, error) {
	switch tree := tree.(type) {
	case []any:
		return rows(name, tree, odd)
	case map[string]any:
		for _, member := range members {
			value, ok := tree[member]
			if !ok || value == nil {
				continue
			}
			return memberTensors(member, name, value, odd)
		}
		for _, about := range []string{"signature_name", "id", "parameters", "meta"} {
			delete(tree, about)
		}
		// {"LotArea": 8450, ...}: one row of named columns, or one probability a
		// class.
		return named(tree, odd)
	}
	t, err := build(name, tree, odd)
	return []tensor.Tensor{t}, err
}

func memberTensors(member, name string, value any, odd func(oip.Kind)) ([]tensor.Tensor, error) {
	switch value := value.(type) {
	case []any:
		return rows(name, value, odd)
	case map[string]any:
		if member == "dataframe_split" {
			return split(value, odd)
		}
		return named(value, odd)
	}
	t, err := build(name, value, odd)
	return []tensor.Tensor{t}, err
}

// split reads pandas' orient="split": columns and rows apart.
func split(v map[string]any, odd func(oip.Kind)) ([]tensor.Tensor, error) {
	names, _ := v["columns"].([]any)
	data, _ := v["data"].([]any)
	if len(names) == 0 || len(data) == 0 {
		return nil, ErrBody
	}
	columns := map[string]any{}
	for k, name := range names {
		values := make([]any, len(data))
		for i, row := range data {
			if cells, _ := row.([]any); k < len(cells) {
				values[i] = cells[k]
			} else {
				odd(oip.Ragged)
			}
		}
		columns[fmt.Sprint(name)] = values
	}
	return named(columns, odd)
}

// readCSV reads rows of numbers; a first row that has none names columns.
func readCSV(text []byte, name string, odd func(oip.Kind)) ([]tensor.Tensor, error) {
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	all, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", oip.ErrSyntax, err)
	}
	var header []string
	if len(all) > 1 && !anyNumber(all[0]) && anyNumber(all[1]) {
		header, all = all[0], all[1:]
	}
	list := make([]any, len(all))
	for i, row := range all {
		cells := make([]any, len(row))
		for k, cell := range row {
			cells[k] = cellValue(cell)
		}
		list[i] = cells
	}
	if header != nil {
		names := make([]any, len(header))
		for k, h := range header {
			names[k] = h
		}
		return split(map[string]any{"columns": names, "data": list}, odd)
	}
	return rows(name, list, odd)
}

func anyNumber(row []string) bool {
	for _, cell := range row {
		if _, err := strconv.ParseFloat(strings.TrimSpace(cell), 64); err == nil {
			return true
		}
	}
	return false
}

func cellValue(cell string) any {
	cell = strings.TrimSpace(cell)
	if cell == "" {
		return nil
	}
	if _, err := strconv.ParseFloat(cell, 64); err == nil {
		return json.Number(cell)
	}
	return cell
}

func mapped(tree any, paths map[string]string, odd func(oip.Kind)) ([]tensor.Tensor, error) {
	members := map[string]any{}
	for name, path := range paths {
		if v, ok := at(tree, path); ok {
			members[name] = v
		}
	}
	return named(members, odd)
}

// at follows a path.
func at(v any, path string) (any, bool) {
	if path == "" {
		return v, true
	}
	step, rest, _ := strings.Cut(path, ".")
	switch node := v.(type) {
	case map[string]any:
		if inner, ok := node[step]; ok {
			return at(inner, rest)
		}
	case []any:
		if step == "*" {
			return every(node, rest)
		}
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(node) {
			return at(node[i], rest)
		}
	}
	return nil, false
}

// every follows a path from each element of a list; all must have it.
func every(list []any, path string) (any, bool) {
	out := make([]any, len(list))
	for i, v := range list {
		inner, ok := at(v, path)
		if !ok {
			return nil, false
		}
		out[i] = inner
	}
	return out, len(out) > 0
}

func (d *Decoder) idOf(tree any) string {
	if d.mapping.ID == "" {
		return ""
	}
	switch v, _ := at(tree, d.mapping.ID); v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func (d *Decoder) label(records []record.Record, tree any) {
	v, ok := at(tree, d.mapping.Label)
	if !ok || v == nil || len(records) != 1 {
		return
	}
	r := &records[0]
	label := record.Label{ID: r.ID, Model: r.Model}
	switch v := v.(type) {
	case string:
		label.Class = v
	case bool:
		label.Class = strconv.FormatBool(v)
	case json.Number:
		label.Class = v.String()
		if f, err := v.Float64(); err == nil {
			label.Value = &f
		}
	default:
		return
	}
	r.Label = &label
}
