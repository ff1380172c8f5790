package exchange

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gnomon-dev/gnomon/exporter/tap/route"
)

// idWindow is how far into a JSON body the id is looked for.
const idWindow = 512

// findID finds the request's id without decoding the body: it is the cohort
// key of requests that have no header for it, so the rule must give the same
// answer for the same bytes, and cost next to nothing.
//
// JSON: the first member of the outermost object named "id" with a string
// value, looked for in the first 512 bytes and only before any other array or
// object. gRPC: field 3 of the first message; a PredictRequest has no id.
func findID(format string, p []byte) string {
	switch format {
	case route.OIP, route.V1, route.Invocations:
		return jsonID(p[:min(len(p), idWindow)])
	case route.OIPGRPC:
		return text(field(firstMessage(p), 3))
	}
	return ""
}

func jsonID(p []byte) string {
	p = skipSpace(p)
	if len(p) == 0 || p[0] != '{' {
		return ""
	}
	p = skipSpace(p[1:])
	for len(p) > 0 && p[0] == '"' {
		name, rest := quoted(p)
		rest = skipSpace(rest)
		if name == nil || len(rest) == 0 || rest[0] != ':' {
			return ""
		}
		p = skipSpace(rest[1:])
		if len(p) == 0 || p[0] == '{' || p[0] == '[' {
			return ""
		}
		if p[0] == '"' {
			value, rest := quoted(p)
			if value == nil {
				return ""
			}
			if string(name) == `"id"` {
				return unquote(value)
			}
			p = skipSpace(rest)
		} else {
			i := bytes.IndexByte(p, ',')
			if i < 0 {
				return ""
			}
			p = p[i:]
		}
		if len(p) == 0 || p[0] != ',' {
			return ""
		}
		p = skipSpace(p[1:])
	}
	return ""
}

func skipSpace(p []byte) []byte {
	for len(p) > 0 && (p[0] == ' ' || p[0] == '\n' || p[0] == '\t' || p[0] == '\r') {
		p = p[1:]
	}
	return p
}

// quoted splits p after the string it begins with, quotes included; nil where
// the string does not end.
func quoted(p []byte) (value, rest []byte) {
	for i := 1; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '"':
			return p[:i+1], p[i+1:]
		}
	}
	return nil, nil
}

func unquote(value []byte) string {
	if bytes.IndexByte(value, '\\') < 0 && utf8.Valid(value) {
		return string(value[1 : len(value)-1])
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}

// findModel finds the model that a gRPC message names: it is not in the path.
//
// The Open Inference Protocol: fields 1 and 2. TensorFlow Serving: name (1)
// and version (2, an Int64Value) or version_label (4) of model_spec (1).
func findModel(format string, p []byte) (model, version string) {
	p = firstMessage(p)
	if format != route.TFGRPC {
		return text(field(p, 1)), text(field(p, 2))
	}
	spec := field(p, 1)
	if n, size := protowire.ConsumeVarint(after(field(spec, 2))); size > 0 {
		version = strconv.FormatInt(int64(n), 10)
	} else {
		version = text(field(spec, 4))
	}
	return text(field(spec, 1)), version
}

// after is an Int64Value's number: what follows the tag of its only field.
func after(b []byte) []byte {
	if number, kind, n := protowire.ConsumeTag(b); n > 0 && number == 1 && kind == protowire.VarintType {
		return b[n:]
	}
	return nil
}

func text(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

// firstMessage is what is there of the first message of a gRPC body; nothing of
// one that is compressed.
func firstMessage(p []byte) []byte {
	const prefix = 5 // compressed flag and length
	if len(p) < prefix || p[0] != 0 {
		return nil
	}
	return p[prefix:min(uint64(len(p)), prefix+uint64(binary.BigEndian.Uint32(p[1:])))]
}

// field finds a field of a message by its number, passing over the fields
// before it.
func field(p []byte, want protowire.Number) []byte {
	for len(p) > 0 {
		number, kind, n := protowire.ConsumeTag(p)
		if n < 0 {
			return nil
		}
		p = p[n:]
		if number == want && kind == protowire.BytesType {
			value, n := protowire.ConsumeBytes(p)
			if n < 0 {
				return nil
			}
			return value
		}
		if n = protowire.ConsumeFieldValue(number, kind, p); n < 0 {
			return nil
		}
		p = p[n:]
	}
	return nil
}
