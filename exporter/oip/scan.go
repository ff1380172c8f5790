package oip

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrSyntax: the body is not the JSON that the protocol asks for.
var ErrSyntax = errors.New("payload syntax")

// maxDepth bounds the nesting that is read: real tensors have a rank below 10.
const maxDepth = 64

// parser reads one message in one pass over its bytes.
type parser struct {
	b     []byte
	i     int
	depth int
	odd   kindSet

	dims   [maxDepth]int // of the data being read: elements a dimension
	rank   int
	ragged bool
}

func (p *parser) fail(what string) error {
	return fmt.Errorf("%w: %s at byte %d", ErrSyntax, what, p.i)
}

// peek skips white space and returns the next byte, 0 at the end.
func (p *parser) peek() byte {
	for p.i < len(p.b) {
		c := p.b[p.i]
		if c > ' ' {
			return c
		}
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
		p.i++
	}
	return 0
}

// take skips white space and consumes c if it is next.
func (p *parser) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.i++
	return true
}

// str reads the string that begins at the next byte and returns what is
// between its quotes. escaped tells that it must be unescaped.
func (p *parser) str() (s []byte, escaped bool, err error) {
	if !p.take('"') {
		return nil, false, p.fail("no string")
	}
	start := p.i
	for p.i < len(p.b) {
		switch c := p.b[p.i]; c {
		case '"':
			s = p.b[start:p.i]
			p.i++
			return s, escaped, nil
		case '\\':
			escaped = true
			p.i++
		}
		p.i++
	}
	p.i = start
	return nil, false, p.fail("string without end")
}

// unescape returns the string's bytes as they are meant; one that cannot be
// unescaped stays as written.
func unescape(s []byte) []byte {
	quoted := make([]byte, 0, len(s)+2)
	quoted = append(append(append(quoted, '"'), s...), '"')
	var out string
	if !utf8.Valid(s) || json.Unmarshal(quoted, &out) != nil {
		return s
	}
	return []byte(out)
}

// text reads a string that is kept, reusing old where it says the same.
func (p *parser) text(old string) (string, error) {
	s, escaped, err := p.str()
	if err != nil {
		return "", err
	}
	if escaped {
		s = unescape(s)
	}
	if string(s) == old {
		return old, nil
	}
	return string(s), nil
}

// members calls each for every member of the object that begins at the next
// byte. each must consume the value.
func (p *parser) members(each func(name []byte) error) error {
	if !p.take('{') {
		return p.fail("no object")
	}
	if p.depth++; p.depth > maxDepth {
		return p.fail("nested too deeply")
	}
	defer func() { p.depth-- }()
	if p.take('}') {
		return nil
	}
	for {
		name, escaped, err := p.str()
		if err != nil {
			return err
		}
		if escaped {
			name = unescape(name)
		}
		if !p.take(':') {
			return p.fail("no colon")
		}
		if err := each(name); err != nil {
			return err
		}
		if p.take('}') {
			return nil
		}
		if !p.take(',') {
			return p.fail("no comma")
		}
	}
}

// elements calls each for every element of the array that begins at the next
// byte. each must consume the element.
func (p *parser) elements(each func() error) error {
	if !p.take('[') {
		return p.fail("no array")
	}
	if p.depth++; p.depth > maxDepth {
		return p.fail("nested too deeply")
	}
	defer func() { p.depth-- }()
	if p.take(']') {
		return nil
	}
	for {
		if err := each(); err != nil {
			return err
		}
		if p.take(']') {
			return nil
		}
		if !p.take(',') {
			return p.fail("no comma")
		}
	}
}

// skip consumes any value.
func (p *parser) skip() error {
	switch c := p.peek(); c {
	case '{':
		return p.members(func([]byte) error { return p.skip() })
	case '[':
		return p.elements(p.skip)
	case '"':
		_, _, err := p.str()
		return err
	default:
		if p.word() {
			return nil
		}
		if _, next := scanNumber(p.b, p.i); next > p.i {
			p.i = next
			return nil
		}
		return p.fail("no value")
	}
}

// word consumes a literal: true, false, null, and the ones that Python's json
// writes though JSON has none.
func (p *parser) word() bool {
	if n := wordLength(p.b[p.i:]); n > 0 {
		p.i += n
		return true
	}
	return false
}

func wordLength(b []byte) int {
	n := 0
	for n < len(b) && (b[n]|0x20 >= 'a' && b[n]|0x20 <= 'z' || n == 0 && b[n] == '-') {
		n++
	}
	switch string(b[:n]) {
	case "null", "true", "false", "NaN", "Infinity", "-Infinity", "nan", "inf", "-inf", "-nan":
		return n
	}
	return 0
}

// null consumes a null.
func (p *parser) null() bool {
	if p.peek() == 'n' && p.i+4 <= len(p.b) && string(p.b[p.i:p.i+4]) == "null" {
		p.i += 4
		return true
	}
	return false
}
