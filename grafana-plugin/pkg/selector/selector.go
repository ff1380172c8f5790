// Package selector makes and reads the label matchers of a PromQL selector.
// Queries of the data source are built from it and from nothing that a user
// typed otherwise, so that no text can break out of a query.
package selector

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Op compares a label with a value.
type Op string

// The operators.
const (
	Equal    Op = "="
	NotEqual Op = "!="
	Match    Op = "=~"
	NotMatch Op = "!~"
)

// Matcher is one condition on a label.
type Matcher struct {
	Label string
	Op    Op
	Value string
}

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// New checks a matcher.
func New(label string, op Op, value string) (Matcher, error) {
	m := Matcher{label, op, value}
	if !labelName.MatchString(label) || label == "__name__" {
		return m, fmt.Errorf("label %.50q is no name of a label", label)
	}
	switch op {
	case Equal, NotEqual:
	case Match, NotMatch:
		if _, err := regexp.Compile("^(?s:" + value + ")$"); err != nil {
			return m, fmt.Errorf("label %q: %.100q is no regular expression: %w", label, value, err)
		}
	default:
		return m, fmt.Errorf("label %q: operator %.10q is none of =, !=, =~, !~", label, op)
	}
	return m, nil
}

// OneOf matches any of several values exactly; no value matches everything, so
// that there is no matcher then.
func OneOf(label string, values []string) []Matcher {
	switch len(values) {
	case 0:
		return nil
	case 1:
		return []Matcher{{label, Equal, values[0]}}
	}
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = regexp.QuoteMeta(v)
	}
	return []Matcher{{label, Match, strings.Join(quoted, "|")}}
}

// Set is the matchers of one selector.
type Set []Matcher

// With returns the set with more matchers.
func (s Set) With(more ...Matcher) Set { return append(append(Set{}, s...), more...) }

// Without returns the set less the matchers of some labels: those that a
// metric does not have.
func (s Set) Without(labels ...string) Set {
	var out Set
	for _, m := range s {
		keep := true
		for _, l := range labels {
			keep = keep && m.Label != l
		}
		if keep {
			out = append(out, m)
		}
	}
	return out
}

// Of writes the selector of a metric.
func (s Set) Of(metric string) string {
	var b strings.Builder
	b.WriteString(metric + "{")
	for i, m := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(m.Label + string(m.Op) + strconv.Quote(m.Value))
	}
	b.WriteByte('}')
	return b.String()
}

// Parse reads what a person writes: {model="digits",feature=~"mean|std"}, the
// braces optional.
func Parse(text string) (Set, error) {
	s := strings.TrimSpace(text)
	if strings.HasPrefix(s, "{") {
		if !strings.HasSuffix(s, "}") {
			return nil, errors.New("selector: the closing brace is missing")
		}
		s = s[1 : len(s)-1]
	}
	var out Set
	for s = strings.TrimSpace(s); s != ""; {
		m, rest, err := parseOne(s)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
		rest = strings.TrimSpace(rest)
		if rest != "" && rest[0] != ',' {
			return nil, fmt.Errorf("selector: %.30q stands where a comma must", rest)
		}
		s = strings.TrimSpace(strings.TrimPrefix(rest, ","))
	}
	return out, nil
}

var opening = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*`)

func parseOne(s string) (Matcher, string, error) {
	head := opening.FindStringSubmatch(s)
	if head == nil {
		return Matcher{}, "", fmt.Errorf(`selector: %.30q is no matcher; write label="value"`, s)
	}
	rest := s[len(head[0]):]
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil || quoted[0] == '\'' {
		return Matcher{}, "", fmt.Errorf("selector: the value of %q is not in double quotes", head[1])
	}
	value, err := strconv.Unquote(quoted)
	if err != nil {
		return Matcher{}, "", fmt.Errorf("selector: the value of %q: %w", head[1], err)
	}
	m, err := New(head[1], Op(head[2]), value)
	if err != nil {
		return m, "", fmt.Errorf("selector: %w", err)
	}
	return m, rest[len(quoted):], nil
}
