package offline

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// ErrGate: a gate that cannot be read.
var ErrGate = errors.New("not a gate")

// Gate is conditions that a document must all meet, such as
//
//	agreement >= 0.99 and latency_seconds.p99 < 0.05 and metrics.accuracy.lower > 0.9
//
// A condition is a path into the document's JSON, a comparison (>=, <=, >, <,
// ==, !=) and a number. The path of a figure with an interval stands for its
// value.
type Gate struct{ conditions []condition }

type condition struct {
	text, operator string
	path           []string
	limit          float64
}

// ParseGate reads a gate. The error names the part that it cannot read.
func ParseGate(text string) (*Gate, error) {
	pattern := regexp.MustCompile(`^([A-Za-z_][\w.]*)\s*(>=|<=|==|!=|>|<)\s*(\S+)$`)
	g := &Gate{}
	for part := range strings.SplitSeq(strings.NewReplacer("&&", " and ", ",", " and ").Replace(text), " and ") {
		part = strings.TrimSpace(part)
		m := pattern.FindStringSubmatch(part)
		if m == nil {
			return nil, fmt.Errorf("%w: %q; write PATH >= NUMBER, joined by and, such as agreement >= 0.99", ErrGate, part)
		}
		limit, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return nil, fmt.Errorf("%w: %q in %q is no number", ErrGate, m[3], part)
		}
		g.conditions = append(g.conditions, condition{part, m[2], strings.Split(m[1], "."), limit})
	}
	return g, nil
}

// Check returns what is not met, one line a condition, empty where all is. A
// figure that the document has not is not met.
func (g *Gate) Check(document any) ([]string, error) {
	raw, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, err
	}
	var failed []string
	for _, c := range g.conditions {
		v, why := find(tree, c.path)
		switch {
		case why != "":
			failed = append(failed, fmt.Sprintf("%s: %s", c.text, why))
		case !c.holds(v):
			failed = append(failed, fmt.Sprintf("%s: it is %g", c.text, v))
		}
	}
	return failed, nil
}

func (c *condition) holds(v float64) bool {
	switch c.operator {
	case ">=":
		return v >= c.limit
	case "<=":
		return v <= c.limit
	case ">":
		return v > c.limit
	case "<":
		return v < c.limit
	case "==":
		return v == c.limit
	}
	return v != c.limit
}

// find follows a path to a number, or says why there is none.
func find(tree any, path []string) (float64, string) {
	for _, name := range path {
		object, ok := tree.(map[string]any)
		if !ok {
			return 0, fmt.Sprintf("there is nothing called %q inside", name)
		}
		if tree, ok = object[name]; !ok {
			return 0, fmt.Sprintf("%q is not in the result", name)
		}
	}
	if object, ok := tree.(map[string]any); ok {
		if why, ok := object["undefined"].(string); ok {
			return 0, "undefined: " + why
		}
		tree = object["value"]
	}
	switch v := tree.(type) {
	case float64:
		return v, ""
	case bool:
		return map[bool]float64{true: 1}[v], ""
	}
	return 0, "it is no number"
}
