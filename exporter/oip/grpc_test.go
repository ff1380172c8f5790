package oip

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// message builds protobuf by hand: there is no generated code to test against.
type message []byte

func (m message) text(n protowire.Number, s string) message {
	return protowire.AppendString(protowire.AppendTag(m, n, protowire.BytesType), s)
}

func (m message) sub(n protowire.Number, b []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, n, protowire.BytesType), b)
}

func (m message) packed(n protowire.Number, values ...int64) message {
	var b []byte
	for _, v := range values {
		b = protowire.AppendVarint(b, uint64(v))
	}
	return m.sub(n, b)
}

func floats(values ...float32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func grpcTensor(name, dt string, shape ...int64) message {
	return message{}.text(1, name).text(2, dt).packed(3, shape...)
}

func frame(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(b))), b...)
}

func TestParseGRPC(t *testing.T) {
	type f = []float64
	type i = []int64
	for _, c := range []struct {
		name string
		body message
		want []view
		odd  []Kind
	}{
		{"raw", message{}.sub(5, grpcTensor("x", "FP32", 1, 2)).sub(6, message{}.text(1, "asked")).sub(7, floats(1, 2)), one("x", "FP32", i{1, 2}, f{1, 2}), nil},
		{"typed", message{}.sub(5, grpcTensor("x", "FP32", 2).sub(5, message{}.sub(6, floats(1, 2)))), one("x", "FP32", i{2}, f{1, 2}), nil},
		{"integers", message{}.sub(5, grpcTensor("x", "INT8", 2).sub(5, message{}.packed(2, -1, 5))), one("x", "INT8", i{2}, f{-1, 5}), nil},
		{"large integers", message{}.sub(5, grpcTensor("x", "INT64", 2).sub(5, message{}.packed(3, math.MinInt64, 5))), one("x", "INT64", i{2}, f{math.MinInt64, 5}), nil},
		{"booleans", message{}.sub(5, grpcTensor("x", "BOOL", 2).sub(5, message{}.packed(1, 1, 0))), one("x", "BOOL", i{2}, f{1, 0}), nil},
		{"text", message{}.sub(5, grpcTensor("x", "BYTES", 2).sub(5, message{}.text(8, "a").text(8, ""))), one("x", "BYTES", i{2}, []string{"a", ""}), nil},
		{"raw text", message{}.sub(5, grpcTensor("x", "BYTES", 1)).sub(7, []byte("\x01\x00\x00\x00z")), one("x", "BYTES", i{1}, []string{"z"}), nil},
		{"half precision", message{}.sub(5, grpcTensor("x", "FP16", 1)).sub(7, []byte{0, 0x3c}), one("x", "FP16", i{1}, f{1}), nil},
		{"beyond the range", message{}.sub(5, grpcTensor("x", "UINT8", 1).sub(5, message{}.packed(4, 300))), one("x", "UINT8", i{1}, f{255}), []Kind{NumberOutOfRange}},
		{"wrong family", message{}.sub(5, grpcTensor("x", "FP32", 1).sub(5, message{}.packed(3, 7))), one("x", "FP32", i{1}, f{7}), []Kind{TypeMismatch}},
		{"wrong shape", message{}.sub(5, grpcTensor("x", "FP32", 3)).sub(7, floats(1, 2)), one("x", "FP32", i{2}, f{1, 2}), []Kind{BinarySize}},
		{"shared memory", message{}.sub(5, grpcTensor("s", "FP32", 1).sub(4, message{}.text(1, "shared_memory_region"))).sub(5, grpcTensor("x", "FP32", 1)).sub(7, floats(1)), one("x", "FP32", i{1}, f{1}), []Kind{SharedMemory}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m Message
			if err := ParseGRPCRequest(c.body.text(3, "id-1"), &m); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, views(t, m.Tensors)); d != "" || m.ID != "id-1" {
				t.Errorf("id %q, tensors (-want +got):\n%s", m.ID, d)
			}
			if d := cmp.Diff(c.odd, m.Oddities()); d != "" {
				t.Errorf("oddities (-want +got):\n%s", d)
			}
		})
	}
}

func TestDecodeGRPCStream(t *testing.T) {
	request := func(id string, v float32) []byte {
		return frame(message{}.text(1, "m").text(3, id).sub(5, grpcTensor("x", "FP32", 1)).sub(7, floats(v)))
	}
	answer := func(id string, v float32) []byte {
		inner := message{}.text(1, "m").text(2, "4").text(3, id).sub(5, grpcTensor("y", "FP32", 1)).sub(6, floats(v))
		return frame(message{}.sub(2, inner))
	}
	c := &record.Capture{Format: GRPC}
	c.Request.Bytes = append(append(request("a", 1), request("b", 2)...), request("c", 3)...)
	c.Response.Bytes = append(append(append(answer("b", 20), answer("b", 21)...), answer("a", 10)...), frame(message{}.text(1, "no"))...)
	records, err := NewDecoder(nil, 1<<20).Decode(c)
	if err != nil || len(records) != 3 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for k, want := range map[int]float64{0: 10, 1: 20} {
		if r := records[k]; r.Outputs[0].Float64At(0) != want || r.Model != "m" || r.Version != "4" {
			t.Errorf("record %d: %+v", k, r)
		}
	}
	if records[2].ID != "c" || records[2].Outputs != nil {
		t.Errorf("an unanswered request: %+v", records[2])
	}
}

// The bytes that real servers' connections carried: every call in them decodes.
func TestRealPayloadsOverGRPC(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(sharedData(t), "..", "prototypes", "real-components", "captures", "*-grpc.*.c2s"))
	if len(files) == 0 {
		t.Skip("no captured connections")
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		for _, data := range dataFrames(b) {
			counted := counter{}
			records, err := NewDecoder(counted, 1<<20).Decode(&record.Capture{Format: GRPC, Request: record.Body{Bytes: data, Encoding: "gzip"}})
			if err == nil && len(records) > 0 {
				calls++
				if x := records[0].Inputs[0]; records[0].Model == "" || x.Validate() != nil || x.Len() == 0 {
					t.Errorf("%s: %+v", filepath.Base(file), records[0])
				}
			}
		}
		if calls == 0 {
			t.Errorf("%s: no inference was read", filepath.Base(file))
		}
		t.Logf("%s: %d inferences", filepath.Base(file), calls)
	}
}

// dataFrames collects the DATA of every stream of a client's HTTP/2 bytes.
func dataFrames(b []byte) map[uint32][]byte {
	const preface = 24
	out := map[uint32][]byte{}
	for b = b[min(preface, len(b)):]; len(b) >= 9; {
		n := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
		stream := binary.BigEndian.Uint32(b[5:]) & 0x7fffffff
		if len(b) < 9+n {
			break
		}
		if b[3] == 0 {
			out[stream] = append(out[stream], b[9:9+n]...)
		}
		b = b[9+n:]
	}
	return out
}

func FuzzParseGRPC(f *testing.F) {
	f.Add([]byte(message{}.text(1, "m").text(3, "i").sub(5, grpcTensor("x", "FP32", 1, 2)).sub(7, floats(1, 2))))
	f.Add([]byte(message{}.sub(5, grpcTensor("x", "BYTES", 2).sub(5, message{}.text(8, "a").text(8, "b")))))
	f.Add([]byte(message{}.sub(5, grpcTensor("x", "INT8", 2).sub(5, message{}.packed(2, -1, 5)))))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, parse := range []func([]byte, *Message) error{ParseGRPCRequest, ParseGRPCResponse} {
			var m Message
			if parse(b, &m) != nil {
				continue
			}
			for _, x := range m.Tensors {
				if err := x.Validate(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_, _ = NewDecoder(nil, 1<<16).Decode(&record.Capture{Format: GRPC, Request: record.Body{Bytes: b}, Response: record.Body{Bytes: frame(b)}})
	})
}
