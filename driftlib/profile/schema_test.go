package profile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// node is a JSON Schema as far as schema.json uses it.
type node struct {
	Ref                 string          `json:"$ref"`
	Type                string          `json:"type"`
	Const               any             `json:"const"`
	Enum                []any           `json:"enum"`
	Required            []string        `json:"required"`
	Properties          map[string]node `json:"properties"`
	Items               *node           `json:"items"`
	MinItems, MinLength int
	Minimum             *float64
	Pattern             string
	Format, Description string
	Defs                map[string]node `json:"$defs"`
	Schema, ID, Title   string          `json:"-"`
}

func schema(t *testing.T) node {
	t.Helper()
	data, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var n node
	if err := json.Unmarshal(data, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// violations are where a value breaks a schema.
func violations(root, n node, at string, v any) (out []string) {
	if n.Ref != "" {
		return violations(root, root.Defs[strings.TrimPrefix(n.Ref, "#/$defs/")], at, v)
	}
	fail := func(format string, args ...any) { out = append(out, at+": "+fmt.Sprintf(format, args...)) }
	if n.Const != nil && v != n.Const {
		fail("is %v, not %v", v, n.Const)
	}
	if n.Enum != nil && !slices.Contains(n.Enum, v) {
		fail("%v is none of %v", v, n.Enum)
	}
	switch x := v.(type) {
	case map[string]any:
		if n.Type != "object" {
			fail("is an object")
		}
		for _, name := range n.Required {
			if _, ok := x[name]; !ok {
				fail("has no %s", name)
			}
		}
		for name, value := range x {
			property, ok := n.Properties[name]
			if !ok {
				fail("%s is not in the schema", name)
				continue
			}
			out = append(out, violations(root, property, at+"."+name, value)...)
		}
	case []any:
		if n.Type != "array" || len(x) < n.MinItems {
			fail("is an array of %d", len(x))
			break
		}
		for i, value := range x {
			out = append(out, violations(root, *n.Items, fmt.Sprintf("%s[%d]", at, i), value)...)
		}
	case string:
		if (n.Type != "string" && n.Enum == nil) || len(x) < n.MinLength || (n.Pattern != "" && !regexp.MustCompile(n.Pattern).MatchString(x)) {
			fail("%q is out of place", x)
		}
	case float64:
		whole := x == float64(int64(x))
		if n.Const == nil && (n.Type != "number" && (n.Type != "integer" || !whole) || (n.Minimum != nil && x < *n.Minimum)) {
			fail("%v is out of place", x)
		}
	case bool:
		if n.Type != "boolean" {
			fail("is %v", x)
		}
	default:
		fail("is %v", x)
	}
	return out
}

func parsed(t *testing.T, b []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSchema: profiles of every kind of column keep to schema.json, which names
// every field that they have and no other; what contradicts it is found.
func TestSchema(t *testing.T) {
	root := schema(t)
	p := build(t, Options{Sample: 40}, awkward(rand.New(rand.NewPCG(7, 9)), 2000)...)
	p.Source, p.Provisional = "train.csv", true
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, v := range violations(root, root, "profile", parsed(t, b.Bytes())) {
		t.Error(v)
	}
	streamed := written(t, feed(t, awkward(rand.New(rand.NewPCG(7, 8)), 900), upTo(0, 900)))
	for _, v := range violations(root, root, "streamed profile", parsed(t, []byte(streamed))) {
		t.Error(v)
	}
	for from, to := range map[string]string{`"version": 1`: `"version": 2`, `"kind": "numeric"`: `"kind": "picture"`, `"code": "92"`: `"code": "missing"`, `"tau": `: `"taw": `} {
		if broken := strings.Replace(b.String(), from, to, 1); broken == b.String() || len(violations(root, root, "profile", parsed(t, []byte(broken)))) == 0 {
			t.Errorf("%s in place of %s is not found", to, from)
		}
	}
	for name, of := range map[string]any{"": Profile{}, "feature": Feature{}, "bin": Bin{}, "moments": Moments{}} {
		n := root
		if name != "" {
			n = root.Defs[name]
		}
		fields := 0
		for i := range reflect.TypeOf(of).NumField() {
			tag, _, _ := strings.Cut(reflect.TypeOf(of).Field(i).Tag.Get("json"), ",")
			if _, ok := n.Properties[tag]; !ok {
				t.Errorf("%T: the schema has no %q", of, tag)
			}
			fields++
		}
		if fields != len(n.Properties) {
			t.Errorf("%T has %d fields, the schema %d", of, fields, len(n.Properties))
		}
	}
}
