package source

import (
	"fmt"
	"strconv"
	"strings"
)

// field is one field of a protobuf text: a scalar in value, or a message in
// fields. A list is the same field several times.
type field struct {
	name   string
	value  string
	fields []field
	line   int
}

const deepest = 64

// parseText reads protobuf's text format without its schema: what config.pbtxt
// is written in. Comments, both bracket styles, lists, adjacent strings and
// optional separators are understood.
func parseText(data []byte) ([]field, error) {
	p := &textParser{rest: string(data), line: 1}
	fields, err := p.message("", 0)
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", p.line, err)
	}
	return fields, nil
}

type textParser struct {
	rest string
	line int
}

// space passes blanks, comments and separators.
func (p *textParser) space() {
	for p.rest != "" {
		switch c := p.rest[0]; {
		case c == '\n':
			p.line++
			p.rest = p.rest[1:]
		case c == ' ' || c == '\t' || c == '\r' || c == ',' || c == ';':
			p.rest = p.rest[1:]
		case c == '#':
			end := strings.IndexByte(p.rest, '\n')
			if end < 0 {
				end = len(p.rest)
			}
			p.rest = p.rest[end:]
		default:
			return
		}
	}
}

func (p *textParser) take(c byte) bool {
	p.space()
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// message reads fields up to the closing bracket; up to the end where that is
// "".
func (p *textParser) message(closing string, depth int) ([]field, error) {
	if depth > deepest {
		return nil, fmt.Errorf("messages nest deeper than %d", deepest)
	}
	var out []field
	for {
		p.space()
		switch {
		case p.rest == "" && closing == "":
			return out, nil
		case p.rest == "":
			return nil, fmt.Errorf("the text ends before %q", closing)
		case closing != "" && p.take(closing[0]):
			return out, nil
		}
		line := p.line
		name := p.word()
		if name == "" {
			return nil, fmt.Errorf("%q where a field's name is expected", p.rest[:1])
		}
		fields, err := p.values(name, line, depth)
		if err != nil {
			return nil, err
		}
		out = append(out, fields...)
	}
}

// values reads what follows a field's name: a scalar, a message, or a list of
// either.
func (p *textParser) values(name string, line, depth int) ([]field, error) {
	colon := p.take(':')
	if p.take('[') {
		var out []field
		for !p.take(']') {
			f, err := p.value(name, line, depth)
			if err != nil {
				return nil, err
			}
			out = append(out, f)
		}
		return out, nil
	}
	p.space()
	if !colon && (p.rest == "" || p.rest[0] != '{' && p.rest[0] != '<') {
		return nil, fmt.Errorf("%s: a colon or a message is expected", name)
	}
	f, err := p.value(name, line, depth)
	return []field{f}, err
}

func (p *textParser) value(name string, line, depth int) (field, error) {
	f := field{name: name, line: line}
	var err error
	switch {
	case p.take('{'):
		f.fields, err = p.message("}", depth+1)
	case p.take('<'):
		f.fields, err = p.message(">", depth+1)
	case p.rest != "" && (p.rest[0] == '"' || p.rest[0] == '\''):
		f.value, err = p.quoted()
	default:
		if f.value = p.word(); f.value == "" {
			err = fmt.Errorf("%s: a value is expected", name)
		}
	}
	return f, err
}

// quoted reads one or more adjacent strings.
func (p *textParser) quoted() (string, error) {
	var out strings.Builder
	for p.rest != "" && (p.rest[0] == '"' || p.rest[0] == '\'') {
		mark := p.rest[0]
		end := 1
		for end < len(p.rest) && p.rest[end] != mark && p.rest[end] != '\n' {
			if p.rest[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(p.rest) || p.rest[end] != mark {
			return "", fmt.Errorf("a string has no end")
		}
		body := p.rest[1:end]
		if s, err := strconv.Unquote(`"` + strings.ReplaceAll(body, `"`, `\"`) + `"`); err == nil {
			body = s
		}
		out.WriteString(body)
		p.rest = p.rest[end+1:]
		p.space()
	}
	return out.String(), nil
}

func (p *textParser) word() string {
	n := 0
	for n < len(p.rest) && strings.IndexByte(" \t\r\n,;:#{}<>[]\"'", p.rest[n]) < 0 {
		n++
	}
	w := p.rest[:n]
	p.rest = p.rest[n:]
	return w
}
