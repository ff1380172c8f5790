package jsonbody

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strconv"

	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// ErrBody: a body in which no tensors are found.
var ErrBody = errors.New("no tensors in the body")

// parse reads JSON, also with the literals NaN and Infinity that Python and
// TensorFlow Serving write: they become null, which numbers read as NaN.
func parse(body []byte, odd func(oip.Kind)) (any, error) {
	if fixed, changed := withoutLiterals(body); changed {
		odd(oip.NonFiniteLiteral)
		body = fixed
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		odd(oip.InvalidJSON)
		return nil, fmt.Errorf("%w: %w", oip.ErrSyntax, err)
	}
	return v, nil
}

// withoutLiterals replaces NaN, Infinity and -Infinity outside of strings.
func withoutLiterals(b []byte) ([]byte, bool) {
	if !bytes.Contains(b, []byte("NaN")) && !bytes.Contains(b, []byte("Infinity")) {
		return b, false
	}
	out := make([]byte, 0, len(b))
	changed, inString := false, false
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case inString && c == '\\' && i+1 < len(b):
			out = append(out, c)
			i++
			c = b[i]
		case c == '"':
			inString = !inString
		case inString:
		case c == 'N' || c == 'I' || c == '-':
			if n := literal(b[i:]); n > 0 {
				out = append(out, "null"...)
				i += n - 1
				changed = true
				continue
			}
		}
		out = append(out, c)
	}
	return out, changed
}

func literal(b []byte) int {
	for _, word := range []string{"NaN", "Infinity", "-Infinity", "-NaN"} {
		if bytes.HasPrefix(b, []byte(word)) {
			return len(word)
		}
	}
	return 0
}

// leaves are the elements of a value: its nesting, and its scalars in order.
type leaves struct {
	shape   []int64
	scalars []any
	ragged  bool
}

func (l *leaves) add(v any, depth int) {
	list, ok := v.([]any)
	if !ok {
		l.scalars = append(l.scalars, v)
		l.ragged = l.ragged || depth != len(l.shape)
		return
	}
	if len(l.scalars) == 0 && depth == len(l.shape) {
		l.shape = append(l.shape, int64(len(list)))
	} else if depth >= len(l.shape) || l.shape[depth] != int64(len(list)) {
		l.ragged = true
	}
	for _, e := range list {
		l.add(e, depth+1)
	}
}

// build makes a tensor of a nested value. JSON says no datatypes: numbers
// become FP32, which nearly every model takes; booleans BOOL; text, b64
// objects and mixtures BYTES. A scalar has shape [1].
func build(name string, v any, odd func(oip.Kind)) (tensor.Tensor, error) {
	l := leaves{}
	l.add(v, 0)
	if len(l.shape) == 0 {
		l.shape = []int64{1}
	}
	if l.ragged {
		odd(oip.Ragged)
		l.shape = []int64{int64(len(l.scalars))}
	}
	if n, err := tensor.Elements(l.shape); err != nil || n != len(l.scalars) {
		odd(oip.Ragged)
		l.shape = []int64{int64(len(l.scalars))}
	}
	t := tensor.Tensor{Name: name, Shape: l.shape, Type: typeOf(l.scalars)}
	switch t.Type {
	case tensor.Bytes:
		t.Strings = make([][]byte, len(l.scalars))
		for i, s := range l.scalars {
			t.Strings[i] = text(s, odd)
		}
		return t, nil
	case tensor.Bool:
		t.Data = make([]byte, len(l.scalars))
		for i, s := range l.scalars {
			if b, _ := s.(bool); b {
				t.Data[i] = 1
			}
		}
		return t, nil
	}
	values := make([]float32, len(l.scalars))
	for i, s := range l.scalars {
		values[i] = number(s, odd)
	}
	return tensor.FromFloat32s(name, values, l.shape...), nil
}

func typeOf(scalars []any) tensor.DataType {
	booleans, numbers := 0, 0
	for _, s := range scalars {
		switch s.(type) {
		case bool:
			booleans++
		case json.Number, nil:
			numbers++
		}
	}
	switch {
	case booleans > 0 && booleans == len(scalars):
		return tensor.Bool
	case booleans+numbers == len(scalars):
		return tensor.Float32
	}
	return tensor.Bytes
}

func number(s any, odd func(oip.Kind)) float32 {
	switch s := s.(type) {
	case json.Number:
		f, err := strconv.ParseFloat(s.String(), 32)
		if err != nil {
			odd(oip.NumberOutOfRange)
		}
		return float32(f)
	case bool:
		odd(oip.TypeMismatch)
		if s {
			return 1
		}
		return 0
	}
	odd(oip.NullElement)
	nan, _ := strconv.ParseFloat("NaN", 32)
	return float32(nan)
}

// text is a scalar as bytes; {"b64": "..."} is TensorFlow Serving's way to
// write binary ones.
func text(s any, odd func(oip.Kind)) []byte {
	switch s := s.(type) {
	case string:
		return []byte(s)
	case json.Number:
		return []byte(s.String())
	case bool:
		return strconv.AppendBool(nil, s)
	case nil:
		odd(oip.NullElement)
		return nil
	case map[string]any:
		if b64, ok := s["b64"].(string); ok && len(s) == 1 {
			if b, err := base64.StdEncoding.DecodeString(b64); err == nil {
				return b
			}
			odd(oip.TypeMismatch)
			return []byte(b64)
		}
	}
	odd(oip.TypeMismatch)
	b, _ := json.Marshal(s) // it was JSON
	return b
}

// rows makes tensors of a list of rows: one tensor where the rows are values,
// one a column where they are objects.
func rows(name string, list []any, odd func(oip.Kind)) ([]tensor.Tensor, error) {
	if len(list) == 0 {
		return nil, ErrBody
	}
	first, ok := list[0].(map[string]any)
	if _, binary := first["b64"]; !ok || binary && len(first) == 1 {
		t, err := build(name, []any(list), odd)
		return []tensor.Tensor{t}, err
	}
	columns := map[string]any{}
	for column := range first {
		values := make([]any, len(list))
		for i, row := range list {
			object, _ := row.(map[string]any)
			values[i] = object[column] // nil where the row lacks it
		}
		columns[column] = values
	}
	return named(columns, odd)
}

// named makes one tensor a member, in the order of the names.
func named(members map[string]any, odd func(oip.Kind)) ([]tensor.Tensor, error) {
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	sort.Strings(names)
	var out []tensor.Tensor
	for _, name := range names {
		t, err := build(name, members[name], odd)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	if len(out) == 0 {
		return nil, ErrBody
	}
	return out, nil
}
