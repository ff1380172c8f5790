package exchange

import (
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gnomon-dev/gnomon/exporter/tap/route"
)

func TestFindID(t *testing.T) {
	grpc := protowire.AppendTag(nil, 1, protowire.BytesType)
	grpc = protowire.AppendString(grpc, "model")
	grpc = protowire.AppendTag(grpc, 3, protowire.BytesType)
	grpc = protowire.AppendString(grpc, "g-1")
	grpc = append([]byte{0, 0, 0, 0, byte(len(grpc))}, grpc...)
	for _, c := range []struct{ format, body, want string }{
		{route.OIP, `{"id":"a","inputs":[]}`, "a"},
		{route.OIP, ` { "model_name" : "m" , "priority":3,"id" : "a\"b" , "inputs":[]}`, `a"b`},
		{route.OIP, `{"inputs":[],"id":"late"}`, ""},
		{route.OIP, `{"id":7}`, ""},
		{route.OIP, `{"id":"never ends`, ""},
		{route.OIP, `{"x":{"id":"inner"}}`, ""},
		{route.OIP, `["id"]`, ""},
		{route.OIP, ``, ""},
		{route.OIPGRPC, string(grpc), "g-1"},
		{route.OIPGRPC, string(grpc[:len(grpc)-1]), ""},
		{route.OIPGRPC, "\x01" + string(grpc[1:]), ""},
		{route.TorchServe, `{"id":"a"}`, ""},
	} {
		if got := findID(c.format, []byte(c.body)); got != c.want {
			t.Errorf("findID(%s, %q) = %q, want %q", c.format, c.body, got, c.want)
		}
	}
}

// TestFindModel: a model is found whatever the order of the fields.
func TestFindModel(t *testing.T) {
	bytes := func(b []byte, n protowire.Number, v string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), v)
	}
	frame := func(b []byte) []byte { return append([]byte{0, 0, 0, 0, byte(len(b))}, b...) }
	number := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 12)
	numbered := bytes(bytes(nil, 1, "m"), 2, string(number))
	for _, c := range []struct {
		format, body, model, version string
	}{
		{route.OIPGRPC, string(frame(bytes(bytes(nil, 1, "m"), 2, "v"))), "m", "v"},
		{route.TFGRPC, string(frame(bytes(nil, 1, string(numbered)))), "m", "12"},
		{route.TFGRPC, string(frame(bytes(bytes(nil, 2, "an input"), 1, string(numbered)))), "m", "12"},
		{route.TFGRPC, string(frame(bytes(nil, 1, string(bytes(bytes(nil, 1, "m"), 4, "stable"))))), "m", "stable"},
		{route.TFGRPC, string(frame(bytes(nil, 1, string(bytes(nil, 1, "m\xff"))))), "m\uFFFD", ""},
		{route.TFGRPC, "", "", ""},
	} {
		if model, version := findModel(c.format, []byte(c.body)); model != c.model || version != c.version {
			t.Errorf("%s %q: %q %q", c.format, c.body, model, version)
		}
	}
}

func FuzzFindID(f *testing.F) {
	f.Add([]byte(`{"id":"a","inputs":[]}`))
	f.Add([]byte(` {"a":null,"b":"\"", "id" : "x" }`))
	f.Add([]byte("{\"id\":\"\xba\"}"))
	f.Add([]byte{0, 0, 0, 0, 6, 0x0a, 1, 'm', 0x1a, 1, 'i'})
	f.Fuzz(func(t *testing.T, body []byte) {
		findID(route.OIPGRPC, body)
		findModel(route.TFGRPC, body)
		got := findID(route.OIP, body)
		var m struct {
			ID json.RawMessage `json:"id"`
		}
		// What it finds is what a JSON parser finds, where that finds one.
		if got == "" || len(body) > idWindow || json.Unmarshal(body, &m) != nil {
			return
		}
		var all map[string]json.RawMessage
		if json.Unmarshal(body, &all) != nil || len(all) == 0 {
			return
		}
		var want string
		if json.Unmarshal(all["id"], &want) == nil && want != got && all["ID"] == nil && json.Valid(body) && countIDs(body) == 1 {
			t.Errorf("found %q, encoding/json says %q", got, want)
		}
	})
}

// countIDs counts members named id of the outermost object.
func countIDs(body []byte) int {
	n := 0
	for i := 0; i+4 <= len(body); i++ {
		if string(body[i:i+4]) == `"id"` {
			n++
		}
	}
	return n
}
