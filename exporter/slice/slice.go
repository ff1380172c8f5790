// Package slice names the slices of the traffic that a record is in: by a
// feature's value, by a header or other metadata, or by a condition.
package slice

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/gnomon-dev/gnomon/exporter/feature"
)

// ErrRule: a rule that cannot be read.
var ErrRule = errors.New("not a slice")

// Rule is one way to slice. Exactly one of Feature, Header and When is set.
type Rule struct {
	Name    string // of the condition; its text where empty
	Feature string // a slice for each of its values
	Header  string // a slice for each of its values, from the record's metadata
	When    string // "amount > 1000 and region == north"
}

// term is one comparison of a condition.
type term struct {
	name, op, text string
	number         float64
	numeric        bool
}

type rule struct {
	Rule
	terms []term
}

// Slicer names slices. Safe for concurrent use.
type Slicer struct {
	rules []rule
	most  int

	mu   sync.Mutex
	seen map[string]bool
}

// other is the value that further values are put under once there are too
// many.
const other = "other"

// New returns a Slicer of at most so many slices: of feature and header rules,
// the values seen first are slices of their own.
func New(rules []Rule, most int) (*Slicer, error) {
	s := &Slicer{most: most, seen: map[string]bool{}}
	for _, r := range rules {
		c := rule{Rule: r}
		if r.When != "" {
			var err error
			if c.terms, err = parse(r.When); err != nil {
				return nil, err
			}
			if c.Name == "" {
				c.Name = r.When
			}
		}
		s.rules = append(s.rules, c)
	}
	return s, nil
}

// parse reads "name op value" joined by "and".
func parse(text string) ([]term, error) {
	shape := regexp.MustCompile(`^\s*(\S+)\s*(==|!=|>=|<=|>|<)\s*(.+?)\s*$`)
	var out []term
	for _, part := range strings.Split(text, " and ") {
		m := shape.FindStringSubmatch(part)
		if m == nil {
			return nil, fmt.Errorf("%w: %q; write a comparison such as \"amount > 1000\", several joined by \"and\"", ErrRule, part)
		}
		t := term{name: m[1], op: m[2], text: strings.Trim(m[3], `"'`)}
		v, err := strconv.ParseFloat(t.text, 64)
		t.number, t.numeric = v, err == nil
		if !t.numeric && t.op != "==" && t.op != "!=" {
			return nil, fmt.Errorf("%w: %q compares with %q, which is no number", ErrRule, part, t.text)
		}
		out = append(out, t)
	}
	return out, nil
}

// Check says what is wrong with a condition.
func Check(when string) error {
	_, err := parse(when)
	return err
}

// Names are the slices of a record: its features by name and value, and its
// metadata.
func (s *Slicer) Names(names []string, row []feature.Value, metadata map[string]string) []string {
	if s == nil || len(s.rules) == 0 {
		return nil
	}
	value := func(name string) (feature.Value, bool) {
		for i, n := range names {
			if n == name && i < len(row) {
				return row[i], true
			}
		}
		if v, ok := metadata[name]; ok {
			return feature.Value{Text: v, IsText: true}, true
		}
		return feature.Value{}, false
	}
	var out []string
	for i := range s.rules {
		r := &s.rules[i]
		switch {
		case r.Feature != "":
			if v, ok := value(r.Feature); ok {
				out = append(out, s.bounded(r.Feature, text(v)))
			}
		case r.Header != "":
			for k, v := range metadata {
				if strings.EqualFold(k, r.Header) {
					out = append(out, s.bounded(r.Header, v))
				}
			}
		default:
			if r.holds(value) {
				out = append(out, r.Name)
			}
		}
	}
	return out
}

func text(v feature.Value) string {
	switch {
	case v.Missing:
		return "missing"
	case v.IsText:
		return v.Text
	}
	return strconv.FormatFloat(v.Number, 'g', 6, 64)
}

const maxValue = 64 // bytes of a value in a slice's name

func (s *Slicer) bounded(name, value string) string {
	value = strings.ToValidUTF8(value[:min(len(value), maxValue)], "")
	full := name + "=" + value
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[full] {
		return full
	}
	if len(s.seen) >= s.most {
		return name + "=" + other
	}
	s.seen[full] = true
	return full
}

func (r *rule) holds(value func(string) (feature.Value, bool)) bool {
	for _, t := range r.terms {
		v, ok := value(t.name)
		if !ok || v.Missing || !t.holds(v) {
			return false
		}
	}
	return true
}

func (t *term) holds(v feature.Value) bool {
	x := v.Number
	if v.IsText {
		var err error
		if x, err = strconv.ParseFloat(v.Text, 64); err != nil || !t.numeric {
			return (t.op == "==") == (v.Text == t.text) && (t.op == "==" || t.op == "!=")
		}
	} else if !t.numeric {
		return t.op == "!="
	}
	switch t.op {
	case "==":
		return x == t.number
	case "!=":
		return x != t.number
	case ">":
		return x > t.number
	case ">=":
		return x >= t.number
	case "<":
		return x < t.number
	}
	return x <= t.number
}
