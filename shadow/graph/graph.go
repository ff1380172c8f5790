// Package graph reads what an .onnx file says of itself without loading it:
// inputs and outputs, opsets, producer, metadata, and whether the model keeps
// state. Loading a model only to ask its inputs' names costs as much as
// loading it; this costs one walk over the file's outline, and weights are
// skipped.
//
// The format is the protobuf of onnx/onnx.proto (IR versions 3 and later).
package graph

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// ErrFormat: bytes that are no ONNX model.
var ErrFormat = errors.New("not an ONNX model")

// Kind is what a value of the graph is.
type Kind uint8

// Kinds of values.
const (
	Tensor Kind = iota
	Sequence
	Map
	Other // optional, sparse, or an element type that no protocol carries
)

// Value is an input or output of the graph.
type Value struct {
	shadow.IO
	Kind Kind
	// Ranked: the file says how many dimensions there are.
	Ranked bool
	// Element is ONNX's number of the element type.
	Element int
}

// Model is what the file says.
type Model struct {
	IRVersion int64
	Metadata  map[string]string // producer, graph, domain, description, version, opset, ir and the custom keys
	Inputs    []Value           // without those that initializers supply
	Outputs   []Value
	Nodes     int
	External  bool // weights lie in files beside it
	// Recurrent are the inputs that are the initial state of a recurrent node.
	Recurrent []string
}

// Read reads a model's outline. It allocates nothing for weights.
func Read(data []byte) (*Model, error) {
	m := &Model{Metadata: map[string]string{}}
	p := &parser{model: m, initial: map[string]bool{}, custom: map[string]string{}}
	graphs := 0
	err := fields(data, func(f field) error {
		if f.number == 7 {
			graphs++
		}
		return p.top(f)
	})
	if err == nil && (graphs != 1 || m.IRVersion == 0) {
		err = errors.New("it has no graph and IR version")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	m.Metadata["ir"] = strconv.FormatInt(m.IRVersion, 10)
	p.finish()
	return m, nil
}

// parser gathers a model.
type parser struct {
	model   *Model
	initial map[string]bool // names that initializers supply
	states  map[string]bool // names that recurrent nodes take as their initial state
	custom  map[string]string
}

func (p *parser) put(key, value string) {
	if value != "" {
		p.model.Metadata[key] = value
	}
}

// top reads a field of ModelProto.
func (p *parser) top(f field) error {
	switch f.number {
	case 1:
		p.model.IRVersion = int64(f.varint)
	case 2:
		p.put("producer", string(f.bytes))
	case 3:
		p.put("producer_version", string(f.bytes))
	case 4:
		p.put("domain", string(f.bytes))
	case 5:
		p.put("version", strconv.FormatInt(int64(f.varint), 10))
	case 6:
		p.put("description", string(f.bytes))
	case 7:
		return fields(f.bytes, p.graph)
	case 8:
		return p.opset(f.bytes)
	case 14:
		key, value, err := pair(f.bytes)
		if err == nil && key != "" && value != "" {
			p.custom[key] = value
		}
		return err
	}
	return nil
}

// opset reads an OperatorSetIdProto: "17" for the standard operators,
// "ai.onnx.ml:3" for others.
func (p *parser) opset(b []byte) error {
	var domain string
	var version uint64
	err := fields(b, func(f field) error {
		switch f.number {
		case 1:
			domain = string(f.bytes)
		case 2:
			version = f.varint
		}
		return nil
	})
	text := strconv.FormatUint(version, 10)
	if domain != "" && domain != "ai.onnx" {
		text = domain + ":" + text
	}
	if was := p.model.Metadata["opset"]; was != "" {
		text = was + " " + text
	}
	p.put("opset", text)
	return err
}

func pair(b []byte) (key, value string, err error) {
	err = fields(b, func(f field) error {
		switch f.number {
		case 1:
			key = string(f.bytes)
		case 2:
			value = string(f.bytes)
		}
		return nil
	})
	return key, value, err
}

// graph reads a field of GraphProto.
func (p *parser) graph(f field) error {
	switch f.number {
	case 1:
		p.model.Nodes++
		return p.node(f.bytes)
	case 2:
		p.put("graph", string(f.bytes))
	case 5:
		return p.initializer(f.bytes)
	case 11:
		v, err := value(f.bytes)
		p.model.Inputs = append(p.model.Inputs, v)
		return err
	case 12:
		v, err := value(f.bytes)
		p.model.Outputs = append(p.model.Outputs, v)
		return err
	}
	return nil
}

// node notes the initial states that a recurrent node takes: inputs 5 and 6 of
// RNN, GRU and LSTM.
func (p *parser) node(b []byte) error {
	var inputs []string
	var op string
	err := fields(b, func(f field) error {
		switch f.number {
		case 1:
			inputs = append(inputs, string(f.bytes))
		case 4:
			op = string(f.bytes)
		}
		return nil
	})
	if op == "RNN" || op == "GRU" || op == "LSTM" {
		if p.states == nil {
			p.states = map[string]bool{}
		}
		for i := 5; i < min(len(inputs), 7); i++ {
			p.states[inputs[i]] = true
		}
	}
	return err
}

func (p *parser) initializer(b []byte) error {
	return fields(b, func(f field) error {
		switch f.number {
		case 8:
			p.initial[string(f.bytes)] = true
		case 14:
			p.model.External = p.model.External || f.varint == 1
		}
		return nil
	})
}

// finish leaves out the inputs that are weights, and names the states. A custom
// key called as one of the file's own fields does not take its place: exporters
// write their own version under "version".
func (p *parser) finish() {
	for key, value := range p.custom {
		if p.model.Metadata[key] == "" {
			p.model.Metadata[key] = value
		}
	}
	kept := p.model.Inputs[:0]
	for _, v := range p.model.Inputs {
		if p.initial[v.Name] {
			continue
		}
		kept = append(kept, v)
		if p.states[v.Name] {
			p.model.Recurrent = append(p.model.Recurrent, v.Name)
		}
	}
	p.model.Inputs = kept
}

// value reads a ValueInfoProto.
func value(b []byte) (Value, error) {
	v := Value{Kind: Other}
	err := fields(b, func(f field) error {
		switch f.number {
		case 1:
			v.Name = string(f.bytes)
		case 2:
			return v.typ(f.bytes)
		}
		return nil
	})
	return v, err
}

// typ reads a TypeProto.
func (v *Value) typ(b []byte) error {
	return fields(b, func(f field) error {
		switch f.number {
		case 1:
			v.Kind = Tensor
			return v.tensor(f.bytes)
		case 4:
			v.Kind = Sequence
		case 5:
			v.Kind = Map
		}
		return nil
	})
}

func (v *Value) tensor(b []byte) error {
	return fields(b, func(f field) error {
		switch f.number {
		case 1:
			v.Element = int(f.varint)
			if v.Type = elementType(v.Element); v.Type == tensor.Invalid {
				v.Kind = Other
			}
		case 2:
			v.Ranked, v.Shape = true, []int64{}
			return fields(f.bytes, v.dimension)
		}
		return nil
	})
}

// dimension reads a TensorShapeProto's dimension: a number, else open.
func (v *Value) dimension(f field) error {
	if f.number != 1 {
		return nil
	}
	d := int64(-1)
	err := fields(f.bytes, func(f field) error {
		if f.number == 1 && int64(f.varint) >= 0 {
			d = int64(f.varint)
		}
		return nil
	})
	v.Shape = append(v.Shape, d)
	return err
}

// elementType is the protocol's type of ONNX's TensorProto.DataType.
func elementType(n int) tensor.DataType {
	table := [17]tensor.DataType{1: tensor.Float32, 2: tensor.Uint8, 3: tensor.Int8, 4: tensor.Uint16, 5: tensor.Int16, 6: tensor.Int32, 7: tensor.Int64,
		8: tensor.Bytes, 9: tensor.Bool, 10: tensor.Float16, 11: tensor.Float64, 12: tensor.Uint32, 13: tensor.Uint64, 16: tensor.BFloat16}
	if n < 0 || n >= len(table) {
		return tensor.Invalid
	}
	return table[n]
}
