package oip

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// Value is a field's value: Bytes where it has a length, Number otherwise.
type Value struct {
	Kind   protowire.Type
	Bytes  []byte
	Number uint64
}

// Fields calls each for every field of a message.
func Fields(b []byte, each func(protowire.Number, Value) error) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("%w: %w", ErrSyntax, protowire.ParseError(n))
		}
		b = b[n:]
		v := Value{Kind: kind}
		switch kind {
		case protowire.BytesType:
			v.Bytes, n = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			v.Number, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			v.Number, n = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			var x uint32
			x, n = protowire.ConsumeFixed32(b)
			v.Number = uint64(x)
		default:
			n = protowire.ConsumeFieldValue(field, kind, b)
		}
		if n < 0 {
			return fmt.Errorf("%w: %w", ErrSyntax, protowire.ParseError(n))
		}
		b = b[n:]
		if err := each(field, v); err != nil {
			return err
		}
	}
	return nil
}

// Varints calls each for the numbers of a repeated field, packed or not.
func Varints(v Value, each func(uint64)) error {
	if v.Kind == protowire.VarintType {
		each(v.Number)
		return nil
	}
	for b := v.Bytes; len(b) > 0; {
		x, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return fmt.Errorf("%w: %w", ErrSyntax, protowire.ParseError(n))
		}
		each(x)
		b = b[n:]
	}
	return nil
}

// Fixed calls each for the numbers of size bytes, 4 or 8, of a repeated field,
// packed or not.
func Fixed(v Value, size int, each func(uint64)) error {
	if v.Kind != protowire.BytesType {
		each(v.Number)
		return nil
	}
	if len(v.Bytes)%size != 0 {
		return fmt.Errorf("%w: packed field of %d bytes", ErrSyntax, len(v.Bytes))
	}
	for b := v.Bytes; len(b) > 0; b = b[size:] {
		if size == 4 {
			each(uint64(binary.LittleEndian.Uint32(b)))
		} else {
			each(binary.LittleEndian.Uint64(b))
		}
	}
	return nil
}

// Frames splits a body of gRPC into its messages, decompressed. Those before a
// message that is cut short are returned with the error.
func (f *Inflater) Frames(b record.Body) ([][]byte, error) {
	var out [][]byte
	rest := b.Bytes
	for len(rest) > 0 {
		if len(rest) < 5 {
			return out, fmt.Errorf("%w: message cut short", ErrSyntax)
		}
		n := uint64(binary.BigEndian.Uint32(rest[1:]))
		if n > uint64(len(rest)-5) {
			return out, fmt.Errorf("%w: message cut short", ErrSyntax)
		}
		message := rest[5 : 5+n]
		if rest[0]&1 != 0 {
			var err error
			if message, err = f.Inflate(message, b.Encoding); err != nil {
				return out, err
			}
		}
		out = append(out, message)
		rest = rest[5+n:]
	}
	return out, nil
}
