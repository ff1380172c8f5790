package onnx

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/gnomon-dev/gnomon/shadow/tensor"
	ort "github.com/yalue/onnxruntime_go"
)

func typePairs() map[tensor.DataType]ort.TensorElementDataType {
	return map[tensor.DataType]ort.TensorElementDataType{
		tensor.Bool: ort.TensorElementDataTypeBool, tensor.Bytes: ort.TensorElementDataTypeString,
		tensor.Uint8: ort.TensorElementDataTypeUint8, tensor.Uint16: ort.TensorElementDataTypeUint16, tensor.Uint32: ort.TensorElementDataTypeUint32, tensor.Uint64: ort.TensorElementDataTypeUint64,
		tensor.Int8: ort.TensorElementDataTypeInt8, tensor.Int16: ort.TensorElementDataTypeInt16, tensor.Int32: ort.TensorElementDataTypeInt32, tensor.Int64: ort.TensorElementDataTypeInt64,
		tensor.Float16: ort.TensorElementDataTypeFloat16, tensor.BFloat16: ort.TensorElementDataTypeBFloat16, tensor.Float32: ort.TensorElementDataTypeFloat, tensor.Float64: ort.TensorElementDataTypeDouble,
	}
}

func fromORT(t ort.TensorElementDataType) (tensor.DataType, bool) {
	for ours, theirs := range typePairs() {
		if theirs == t {
			return ours, true
		}
	}
	return tensor.Invalid, false
}

// toValue wraps a tensor's own bytes; strings are copied.
func toValue(t tensor.Tensor) (ort.Value, error) {
	if t.Type != tensor.Bytes {
		data := t.Data
		if len(data) == 0 {
			data = make([]byte, 8) // the binding takes no empty slice, and reads none of it
		}
		return ort.NewCustomDataTensor(ort.NewShape(t.Shape...), data, typePairs()[t.Type])
	}
	v, err := ort.NewStringTensor(ort.NewShape(t.Shape...))
	if err != nil {
		return nil, err
	}
	text := make([]string, len(t.Strings))
	for i, s := range t.Strings {
		text[i] = string(s)
	}
	if err := v.SetContents(text); err != nil {
		_ = v.Destroy() // the first error is the one to tell
		return nil, err
	}
	return v, nil
}

// fromValue copies what ONNX Runtime allocated. Sequences of maps (scikit-learn's
// zipmap) become a tensor of rows x keys, the keys ascending.
func fromValue(name string, v ort.Value) (tensor.Tensor, error) {
	switch t := v.(type) {
	case *ort.StringTensor:
		text, err := t.GetContents()
		if err != nil {
			return tensor.Tensor{}, err
		}
		out := tensor.Tensor{Name: name, Type: tensor.Bytes, Shape: slices.Clone([]int64(t.GetShape()))}
		for _, s := range text {
			out.Strings = append(out.Strings, []byte(s))
		}
		return out, nil
	case *ort.Sequence:
		return fromSequence(name, t)
	case *ort.CustomDataTensor:
		dt, _ := fromORT(ort.TensorElementDataType(t.DataType()))
		return raw(name, dt, t.GetShape(), t.GetData())
	case *ort.Tensor[float32]:
		return typed(name, tensor.Float32, t.GetShape(), t.GetData())
	case *ort.Tensor[float64]:
		return typed(name, tensor.Float64, t.GetShape(), t.GetData())
	case *ort.Tensor[int64]:
		return typed(name, tensor.Int64, t.GetShape(), t.GetData())
	case *ort.Tensor[int32]:
		return typed(name, tensor.Int32, t.GetShape(), t.GetData())
	case *ort.Tensor[int16]:
		return typed(name, tensor.Int16, t.GetShape(), t.GetData())
	case *ort.Tensor[int8]:
		return typed(name, tensor.Int8, t.GetShape(), t.GetData())
	case *ort.Tensor[uint64]:
		return typed(name, tensor.Uint64, t.GetShape(), t.GetData())
	case *ort.Tensor[uint32]:
		return typed(name, tensor.Uint32, t.GetShape(), t.GetData())
	case *ort.Tensor[uint16]:
		return typed(name, tensor.Uint16, t.GetShape(), t.GetData())
	case *ort.Tensor[uint8]:
		return typed(name, tensor.Uint8, t.GetShape(), t.GetData())
	}
	return tensor.Tensor{}, fmt.Errorf("a value of type %T cannot be read", v)
}

func typed[T any](name string, dt tensor.DataType, shape ort.Shape, data []T) (tensor.Tensor, error) {
	if len(data) == 0 {
		return raw(name, dt, shape, nil)
	}
	var one T
	return raw(name, dt, shape, unsafe.Slice((*byte)(unsafe.Pointer(&data[0])), len(data)*int(unsafe.Sizeof(one))))
}

func raw(name string, dt tensor.DataType, shape ort.Shape, data []byte) (tensor.Tensor, error) {
	out, err := tensor.New(name, dt, shape...)
	if err != nil {
		return out, err
	}
	copy(out.Data, data)
	return out, nil
}

// fromSequence reads a sequence of maps from class to probability.
func fromSequence(name string, s *ort.Sequence) (tensor.Tensor, error) {
	values, err := s.GetValues()
	if err != nil {
		return tensor.Tensor{}, err
	}
	var all []float32
	width := -1
	for _, v := range values {
		m, ok := v.(*ort.Map)
		if !ok {
			return tensor.Tensor{}, fmt.Errorf("a sequence of %T cannot be read", v)
		}
		row, err := mapRow(m)
		if err != nil {
			return tensor.Tensor{}, err
		}
		if width >= 0 && len(row) != width {
			return tensor.Tensor{}, fmt.Errorf("maps of %d and %d keys in one sequence", width, len(row))
		}
		width = len(row)
		all = append(all, row...)
	}
	return tensor.FromFloat32s(name, all, int64(len(values)), int64(max(width, 0))), nil
}

// mapRow is a map's values in the order of its keys.
func mapRow(m *ort.Map) ([]float32, error) {
	keys, values, err := m.GetKeysAndValues()
	if err != nil {
		return nil, err
	}
	k, err := fromValue("keys", keys)
	if err != nil {
		return nil, err
	}
	v, err := fromValue("values", values)
	if err != nil {
		return nil, err
	}
	row, err := v.AppendFloat32s(nil)
	if err != nil {
		return nil, err
	}
	order := make([]int, len(row))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if k.Type == tensor.Bytes {
			return slices.Compare(k.Strings[a], k.Strings[b])
		}
		return int(k.Float64At(a) - k.Float64At(b))
	})
	out := make([]float32, len(row))
	for i, j := range order {
		out[i] = row[j]
	}
	return out, nil
}
