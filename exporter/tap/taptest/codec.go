package taptest

import (
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// mixedCodec is rawCodec for raw messages and protobuf for generated ones, so
// that one server has both.
type mixedCodec struct{}

func (mixedCodec) Name() string { return "proto" }

func (mixedCodec) Marshal(v any) (mem.BufferSlice, error) {
	if m, ok := v.(proto.Message); ok {
		b, err := proto.Marshal(m)
		return mem.BufferSlice{mem.SliceBuffer(b)}, err
	}
	return rawCodec{}.Marshal(v)
}

func (mixedCodec) Unmarshal(data mem.BufferSlice, v any) error {
	switch m := v.(type) {
	case proto.Message:
		return proto.Unmarshal(data.Materialize(), m)
	case *raw:
		return rawCodec{}.Unmarshal(data, m)
	}
	return fmt.Errorf("message of type %T", v)
}
