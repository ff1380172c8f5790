package oip

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

func compressed(t *testing.T, plain []byte) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	write(t, g, plain)
	out["gzip"] = bytes.Clone(b.Bytes())
	b.Reset()
	write(t, zlib.NewWriter(&b), plain)
	out["deflate"] = bytes.Clone(b.Bytes())
	b.Reset()
	f, err := flate.NewWriter(&b, 5)
	if err != nil {
		t.Fatal(err)
	}
	write(t, f, plain)
	out["deflate bare"] = bytes.Clone(b.Bytes())
	b.Reset()
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	write(t, z, plain)
	out["zstd"] = bytes.Clone(b.Bytes())
	return out
}

func write(t *testing.T, w interface {
	Write([]byte) (int, error)
	Close() error
}, plain []byte,
) {
	t.Helper()
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// flatBody is a request of one FP32 tensor, about 15.6 KB: 784 pixels of full
// precision, twice.
func flatBody(b *testing.B) []byte {
	b.Helper()
	r := rand.New(rand.NewPCG(7, 7))
	values := make([]float32, 1500)
	for i := range values {
		values[i] = r.Float32()
	}
	body, err := EncodeRequest(Message{ID: "bench", Tensors: []tensor.Tensor{tensor.FromFloat32s("x", values, 1, 1500)}})
	if err != nil {
		b.Fatal(err)
	}
	return body
}

func nestedBody(b *testing.B) []byte {
	b.Helper()
	body, err := os.ReadFile(sharedData(b, "payloads", "oip_requests", "kserve_cifar10_input_v2.json"))
	if err != nil {
		b.Fatal(err)
	}
	return body
}

// BenchmarkParse against BenchmarkEncodingJSON is bar P7: at least 10 times
// the speed, no allocations.
func BenchmarkParse(b *testing.B) {
	for name, body := range map[string][]byte{"flat": flatBody(b), "nested": nestedBody(b)} {
		b.Run(name, func(b *testing.B) {
			var m Message
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if err := Parse(body, -1, &m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncodingJSON(b *testing.B) {
	type request[T any] struct {
		Inputs []struct {
			Name     string
			Shape    []int64
			Datatype string
			Data     T
		}
	}
	flat, nested := flatBody(b), nestedBody(b)
	b.Run("flat", func(b *testing.B) {
		b.SetBytes(int64(len(flat)))
		b.ReportAllocs()
		for b.Loop() {
			var m request[[]float32]
			if err := json.Unmarshal(flat, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("nested", func(b *testing.B) {
		b.SetBytes(int64(len(nested)))
		b.ReportAllocs()
		for b.Loop() {
			var m request[[][][][]float32]
			if err := json.Unmarshal(nested, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
