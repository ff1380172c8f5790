package spec

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Fault is one thing wrong with a file.
type Fault struct {
	File   string
	Line   int
	Field  string
	Reason string
	Fix    string
}

func (f Fault) String() string {
	return fmt.Sprintf("%s:%d: %s: %s; fix: %s", f.File, f.Line, f.Field, f.Reason, f.Fix)
}

// Faults is all that is wrong with a file.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].String()
	}
	return strings.Join(lines, "\n")
}

// checker collects the faults of one document.
type checker struct {
	file   string
	root   *yaml.Node
	faults Faults
	seen   map[visit]bool // what an alias led to: aliases may form cycles and bombs
}

type visit struct {
	node *yaml.Node
	kind reflect.Type
}

// at returns the line of a field given as slos[2].objective, or that of the
// nearest thing above it that is there.
func (c *checker) at(field string) int {
	node, line := c.root, c.root.Line
	for _, part := range strings.FieldsFunc(field, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		next := child(node, part)
		if next == nil {
			return line
		}
		node, line = next, next.Line
	}
	return line
}

func child(n *yaml.Node, name string) *yaml.Node {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == name {
				return n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i]
		}
	case yaml.AliasNode:
		return child(n.Alias, name)
	}
	return nil
}

func (c *checker) add(field, fix, reason string, args ...any) {
	c.faults = append(c.faults, Fault{c.file, c.at(field), field, fmt.Sprintf(reason, args...), fix})
}

// decode fills out from the document: unknown fields and wrong types are
// faults.
func (c *checker) decode(out any) {
	c.unknown(c.root, reflect.TypeOf(out).Elem(), "", 0)
	if err := c.root.Decode(out); err != nil {
		messages := []string{err.Error()}
		if e, ok := err.(*yaml.TypeError); ok {
			messages = e.Errors
		}
		line := regexp.MustCompile(`^(?:yaml: )?line (\d+): `)
		for _, m := range messages {
			at := c.root.Line
			if g := line.FindStringSubmatch(m); g != nil {
				at, _ = strconv.Atoi(g[1])
				m = strings.TrimPrefix(m, g[0])
			}
			c.faults = append(c.faults, Fault{c.file, at, "value", m, "write a value of the type that the field has"})
		}
	}
}

// unknown reports the fields that the type does not have.
func (c *checker) unknown(n *yaml.Node, t reflect.Type, path string, depth int) {
	if depth > 50 {
		return
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
		if c.seen == nil {
			c.seen = map[visit]bool{}
		}
		if c.seen[visit{n, t}] {
			return
		}
		c.seen[visit{n, t}] = true
	}
	switch {
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for i, e := range n.Content {
			c.unknown(e, t.Elem(), fmt.Sprintf("%s[%d]", path, i), depth+1)
		}
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		known := fields(t)
		seen := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			at := strings.TrimPrefix(path+"."+key.Value, ".")
			f, ok := known[key.Value]
			switch {
			case !ok:
				c.faults = append(c.faults, Fault{c.file, key.Line, at, "unknown field", "write one of " + nearest(key.Value, known) + ", or leave it out"})
			case seen[key.Value]:
				c.faults = append(c.faults, Fault{c.file, key.Line, at, "is there twice", "leave one of the two out"})
			default:
				c.unknown(n.Content[i+1], f, at, depth+1)
			}
			seen[key.Value] = true
		}
	}
}

func fields(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); name != "" && name != "-" {
			out[name] = t.Field(i).Type
		}
	}
	return out
}

// nearest names up to three known fields, the most alike first.
func nearest(name string, known map[string]reflect.Type) string {
	var best []string
	for len(best) < 3 && len(best) < len(known) {
		pick, least := "", 1<<30
		for k := range known {
			if d := distance(name, k); !strings.Contains("\n"+strings.Join(best, "\n")+"\n", "\n"+k+"\n") && (d < least || d == least && k < pick) {
				pick, least = k, d
			}
		}
		best = append(best, pick)
	}
	return strings.Join(best, ", ")
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
