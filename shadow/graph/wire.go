package graph

import (
	"encoding/binary"
	"errors"
)

// field is one field of a protobuf message: its number, and what it holds.
type field struct {
	number int
	varint uint64
	bytes  []byte
}

var errWire = errors.New("malformed protobuf")

// fields calls f for every field of a message, in the order of the file.
func fields(b []byte, f func(field) error) error {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 || tag>>3 == 0 || tag>>3 > 1<<29 {
			return errWire
		}
		b = b[n:]
		one := field{number: int(tag >> 3)}
		switch tag & 7 {
		case 0:
			if one.varint, n = binary.Uvarint(b); n <= 0 {
				return errWire
			}
		case 1:
			n = 8
		case 2:
			size, m := binary.Uvarint(b)
			if m <= 0 || size > uint64(len(b)-m) {
				return errWire
			}
			one.bytes, n = b[m:m+int(size)], m+int(size)
		case 5:
			n = 4
		default:
			return errWire
		}
		if n > len(b) {
			return errWire
		}
		b = b[n:]
		if err := f(one); err != nil {
			return err
		}
	}
	return nil
}
