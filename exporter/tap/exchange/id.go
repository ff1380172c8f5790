package exchange

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
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
// object. gRPC: field 3 of the first message.
func findID(format string, p []byte) string {
	switch format {
	case route.OIP, route.V1, route.Invocations:
		return jsonID(p[:min(len(p), idWindow)])
	case route.OIPGRPC:
		return grpcField(p, 3)
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
func findModel(p []byte) (model, version string) { return grpcField(p, 1), grpcField(p, 2) }

// grpcField finds a string of the first message of a gRPC body by its number,
// passing over the fields before it. A compressed message shows nothing.
func grpcField(p []byte, want protowire.Number) string {
	const prefix = 5 // compressed flag and length
	if len(p) < prefix || p[0] != 0 {
		return ""
	}
	p = p[prefix:min(uint64(len(p)), prefix+uint64(binary.BigEndian.Uint32(p[1:])))]
	for len(p) > 0 {
		field, kind, n := protowire.ConsumeTag(p)
		if n < 0 || field > want {
			return "" // fields are written in order
		}
		p = p[n:]
		if field == want && kind == protowire.BytesType {
			text, n := protowire.ConsumeBytes(p)
			if n < 0 {
				return ""
			}
			return strings.ToValidUTF8(string(text), "\uFFFD")
		}
		if n = protowire.ConsumeFieldValue(field, kind, p); n < 0 {
			return ""
		}
		p = p[n:]
	}
	return ""
}
