package onnx

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"

	"github.com/gnomon-dev/gnomon/shadow/onnx/ort"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// elements are ONNXTensorElementDataType's numbers by our types.
func elements() [15]int {
	return [15]int{tensor.Float32: 1, tensor.Uint8: 2, tensor.Int8: 3, tensor.Uint16: 4, tensor.Int16: 5, tensor.Int32: 6, tensor.Int64: 7, tensor.Bytes: 8,
		tensor.Bool: 9, tensor.Float16: 10, tensor.Float64: 11, tensor.Uint32: 12, tensor.Uint64: 13, tensor.BFloat16: 16}
}

func toElement(t tensor.DataType) int { return elements()[t] }

func fromElement(n int) (tensor.DataType, bool) {
	table := elements()
	i := slices.Index(table[1:], n)
	return tensor.DataType(i + 1), i >= 0 && n != 0
}

// toValue wraps a tensor's own bytes, which pin holds in place; strings are
// copied.
func toValue(t tensor.Tensor, pin *runtime.Pinner) (ort.Value, error) {
	if t.Type == tensor.Bytes {
		return ort.NewStrings(t.Strings, t.Shape)
	}
	if len(t.Data) > 0 {
		pin.Pin(&t.Data[0])
	}
	return ort.NewTensor(t.Data, t.Shape, toElement(t.Type))
}

// fromValue copies what ONNX Runtime allocated. A sequence of maps
// (scikit-learn's zipmap) becomes a tensor of rows x keys, the keys ascending;
// a sequence of tensors of one shape becomes one tensor with a leading
// dimension more.
func fromValue(name string, v ort.Value) (tensor.Tensor, error) {
	kind, err := v.Kind()
	if err != nil {
		return tensor.Tensor{}, err
	}
	switch kind {
	case ort.Tensor:
		return fromTensor(name, v)
	case ort.Sequence:
		return fromSequence(name, v)
	case ort.Map:
		row, err := fromMap(v)
		if err != nil {
			return tensor.Tensor{}, err
		}
		return tensor.FromFloat32s(name, row, 1, int64(len(row))), nil
	}
	return tensor.Tensor{}, fmt.Errorf("a value of ONNX kind %d cannot be read", kind)
}

func fromTensor(name string, v ort.Value) (tensor.Tensor, error) {
	element, shape, err := v.Shape()
	if err != nil {
		return tensor.Tensor{}, err
	}
	t, ok := fromElement(element)
	if !ok {
		return tensor.Tensor{}, fmt.Errorf("element type %d of ONNX cannot be read", element)
	}
	out, err := tensor.New(name, t, shape...)
	if err != nil {
		return out, err
	}
	if t == tensor.Bytes {
		out.Strings, err = v.Strings(len(out.Strings))
		return out, err
	}
	return out, v.Copy(out.Data)
}

func fromSequence(name string, v ort.Value) (tensor.Tensor, error) {
	list, err := v.Elements()
	if err != nil {
		return tensor.Tensor{}, err
	}
	defer ort.Free(list)
	var rows []tensor.Tensor
	for _, one := range list {
		t, err := fromValue(name, one)
		if err != nil {
			return tensor.Tensor{}, err
		}
		if kind, err := one.Kind(); err == nil && kind == ort.Map {
			t.Shape = t.Shape[1:] // a map is a row already
		}
		if len(rows) > 0 && (t.Type != rows[0].Type || !slices.Equal(t.Shape, rows[0].Shape)) {
			return tensor.Tensor{}, fmt.Errorf("a sequence of different things (%v %v and %v %v) cannot be read", rows[0].Type, rows[0].Shape, t.Type, t.Shape)
		}
		rows = append(rows, t)
	}
	if len(rows) == 0 {
		return tensor.FromFloat32s(name, nil, 0), nil
	}
	out := tensor.Tensor{Name: name, Type: rows[0].Type, Shape: append([]int64{int64(len(rows))}, rows[0].Shape...)}
	for _, r := range rows {
		out.Data, out.Strings = append(out.Data, r.Data...), append(out.Strings, r.Strings...)
	}
	return out.Clone(), nil // aligned
}

// fromMap is a map's values in the order of its keys.
func fromMap(v ort.Value) ([]float32, error) {
	parts, err := v.Elements()
	if err != nil {
		return nil, err
	}
	defer ort.Free(parts)
	if len(parts) != 2 {
		return nil, fmt.Errorf("a map of %d parts", len(parts))
	}
	k, err := fromValue("keys", parts[0])
	if err != nil {
		return nil, err
	}
	values, err := fromValue("values", parts[1])
	if err != nil {
		return nil, err
	}
	row, err := values.AppendFloat32s(nil)
	if err != nil {
		return nil, err
	}
	if k.Len() != len(row) {
		return nil, fmt.Errorf("a map of %d keys and %d values", k.Len(), len(row))
	}
	order := make([]int, len(row))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if k.Type == tensor.Bytes {
			return slices.Compare(k.Strings[a], k.Strings[b])
		}
		return cmp.Compare(k.Float64At(a), k.Float64At(b))
	})
	out := make([]float32, len(row))
	for i, j := range order {
		out[i] = row[j]
	}
	return out, nil
}
