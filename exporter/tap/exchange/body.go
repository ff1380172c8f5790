package exchange

import (
	"net/http"
	"strings"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// BodyOf is what a decoder must know of a body beside its bytes.
func BodyOf(h http.Header) record.Body {
	b := record.Body{JSONLength: -1}
	if v := h["Content-Type"]; len(v) > 0 {
		b.ContentType = v[0]
	}
	if v := h["Content-Encoding"]; len(v) > 0 {
		b.Encoding = strings.Join(v, ",")
	} else if v := h["Grpc-Encoding"]; len(v) > 0 {
		b.Encoding = v[0] // of its messages, those that say they are compressed
	}
	if v := h["Inference-Header-Content-Length"]; len(v) > 0 {
		b.JSONLength = Number(v[0])
	}
	return b
}

// Number reads a length from a header; -1 where it is none.
func Number(s string) int {
	if s == "" || len(s) > 10 {
		return -1
	}
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return -1
		}
		n = 10*n + int(c-'0')
	}
	return n
}
