package oip

import "math/bits"

// Kind is an oddity of a payload that gnomon can read past, or the reason why
// it cannot. The primary is never disturbed by either.
type Kind uint8

// The kinds, in the order of Kinds.
const (
	InvalidJSON        Kind = iota // not JSON
	NoTensors                      // nothing that is an input or an output
	IDNotString                    // an id that is a number
	ShapeMissing                   // no shape: taken from the data's nesting
	ShapeNotArray                  // "shape": 150
	ShapeString                    // dimensions as strings, as protobuf's JSON writes int64
	ShapeNegative                  // -1: taken from the data
	ShapeMismatch                  // shape and data disagree: taken from the data
	Ragged                         // nested data with rows of different lengths
	DatatypeMissing                // no datatype: taken from the data
	DatatypeAlias                  // another spelling: "float32", "TYPE_FP32", "STRING"
	DatatypeUnknown                // no such type: taken from the data
	TypeMismatch                   // an element of another kind than the datatype says
	NumberString                   // a number written as a string
	NumberOutOfRange               // beyond what the datatype holds: clamped
	NullElement                    // null in the data: NaN, 0 or ""
	NonFiniteLiteral               // NaN, Infinity: Python writes them, JSON has none
	ContentsObject                 // "contents": {"fp32_contents": [...]}, as protobuf writes JSON
	TensorsByName                  // an object of name: data instead of a list of tensors
	TrailingData                   // bytes behind the JSON value that no tensor claims
	ByteOrderMark                  // U+FEFF before the JSON value
	BinaryLengthAbsent             // binary tensors without Inference-Header-Content-Length
	BinarySize                     // a binary tensor's size disagrees with its shape
	RawBody                        // the whole body is one input's bytes
	SharedMemory                   // a tensor in shared memory: its values cannot be seen
	Compression                    // a body that cannot be decompressed, or not within the limit
	ResponseInvalid                // the primary's answer could not be read
	ProtobufInvalid                // not the protocol's message
	kinds
)

// String is the value of the kind label.
func (k Kind) String() string {
	names := [kinds]string{
		"invalid_json", "no_tensors", "id_not_string", "shape_missing", "shape_not_array", "shape_string",
		"shape_negative", "shape_mismatch", "ragged", "datatype_missing", "datatype_alias", "datatype_unknown",
		"type_mismatch", "number_string", "number_out_of_range", "null_element", "non_finite_literal",
		"contents_object", "tensors_by_name", "trailing_data", "byte_order_mark", "binary_length_absent", "binary_size", "raw_body",
		"shared_memory", "compression", "response_invalid", "protobuf_invalid",
	}
	if k < kinds {
		return names[k]
	}
	return "unknown"
}

// Kinds lists every kind's label, for pre-created series.
func Kinds() []string {
	out := make([]string, kinds)
	for k := range kinds {
		out[k] = k.String()
	}
	return out
}

// Observer is told of every oddity, once a message and kind.
type Observer interface{ Anomaly(kind string) }

// kindSet is a set of kinds: a message with a thousand nulls has one oddity.
type kindSet uint64

func (s *kindSet) add(k Kind)     { *s |= 1 << k }
func (s kindSet) has(k Kind) bool { return s&(1<<k) != 0 }
func (s kindSet) each(f func(Kind)) {
	for ; s != 0; s &= s - 1 {
		f(Kind(bits.TrailingZeros64(uint64(s))))
	}
}
