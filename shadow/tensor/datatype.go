package tensor

import "fmt"

// DataType is an element type of the Open Inference Protocol.
type DataType uint8

// The element types. Invalid is the zero value, so that a forgotten type is
// never mistaken for a real one. The numbers are fixed: they cross the socket
// to the engine's process.
const (
	Invalid DataType = iota
	Bool
	Uint8
	Uint16
	Uint32
	Uint64
	Int8
	Int16
	Int32
	Int64
	Float16
	BFloat16
	Float32
	Float64
	Bytes
)

type typeRow struct {
	name string
	size int
}

func typeTable() [15]typeRow {
	return [15]typeRow{
		Invalid: {"INVALID", 0}, Bool: {"BOOL", 1},
		Uint8: {"UINT8", 1}, Uint16: {"UINT16", 2}, Uint32: {"UINT32", 4}, Uint64: {"UINT64", 8},
		Int8: {"INT8", 1}, Int16: {"INT16", 2}, Int32: {"INT32", 4}, Int64: {"INT64", 8},
		Float16: {"FP16", 2}, BFloat16: {"BF16", 2}, Float32: {"FP32", 4}, Float64: {"FP64", 8},
		Bytes: {"BYTES", 0},
	}
}

// Size is the bytes an element takes; 0 for Bytes and Invalid, whose elements
// have no fixed size.
func (t DataType) Size() int {
	switch t {
	case Bool, Uint8, Int8:
		return 1
	case Uint16, Int16, Float16, BFloat16:
		return 2
	case Uint32, Int32, Float32:
		return 4
	case Uint64, Int64, Float64:
		return 8
	default:
		return 0
	}
}

// Numeric reports whether the type has a value on the real line.
func (t DataType) Numeric() bool { return t > Invalid && t < Bytes }

// String is the protocol's name of the type: "FP32", "BYTES", ...
func (t DataType) String() string {
	table := typeTable()
	if int(t) < len(table) {
		return table[t].name
	}
	return fmt.Sprintf("DataType(%d)", uint8(t))
}

// ParseDataType reads the protocol's name of a type. Unknown names give
// Invalid and false.
func ParseDataType(name string) (DataType, bool) {
	switch name {
	case "FP32":
		return Float32, true
	case "FP64":
		return Float64, true
	case "INT64":
		return Int64, true
	case "BYTES":
		return Bytes, true
	}
	for i, row := range typeTable() {
		if row.name == name && DataType(i) != Invalid {
			return DataType(i), true
		}
	}
	return Invalid, false
}
