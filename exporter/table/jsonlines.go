package table

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// jsonLines reads one flat object a line. The columns are the keys in the order
// of their first appearance; a key that a line leaves out is missing there.
type jsonLines struct {
	r     *bufio.Reader
	o     *Options
	line  int
	rows  int
	cols  []string
	index map[string]int
	long  []byte
	seen  []int // by column: the last row, from 1, that had it
}

func newJSONLines(r io.Reader, o *Options) *jsonLines {
	return &jsonLines{r: bufio.NewReaderSize(r, 1<<17), o: o, index: map[string]int{}}
}

func (j *jsonLines) names() []string { return j.cols }

func (j *jsonLines) next(to []*builder) ([]*builder, error) {
	line, err := j.read()
	if err != nil {
		if errors.Is(err, io.EOF) && j.rows == 0 {
			return to, fmt.Errorf("%w: the file is empty; one JSON object a line is needed", ErrTable)
		}
		return to, err
	}
	if !json.Valid(line) {
		return to, j.fail(errors.New("not valid JSON; one object a line is needed"))
	}
	if line[0] != '{' {
		return to, j.fail(fmt.Errorf("%s is no object; one object a line is needed", clip(line)))
	}
	j.rows++
	if to, err = j.object(line, to); err != nil {
		return to, j.fail(err)
	}
	for i, b := range to {
		if b != nil && j.seen[i] != j.rows && !b.refused {
			b.absent()
		}
	}
	return to, nil
}

func (j *jsonLines) fail(err error) error {
	return fmt.Errorf("%w: line %d: %w", ErrTable, j.line, err)
}

// read is the next line that is not blank.
func (j *jsonLines) read() ([]byte, error) {
	for {
		j.line++
		line, err := j.r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			j.long = append(j.long[:0], line...)
			for errors.Is(err, bufio.ErrBufferFull) {
				if len(j.long) > j.o.MaxRecord {
					return nil, j.fail(fmt.Errorf("longer than the limit of %d bytes", j.o.MaxRecord))
				}
				line, err = j.r.ReadSlice('\n')
				j.long = append(j.long, line...)
			}
			line = j.long
		}
		if j.line == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil, io.EOF
			}
			return nil, j.fail(err)
		}
	}
}

// object adds the members of one valid object.
func (j *jsonLines) object(b []byte, to []*builder) ([]*builder, error) {
	b = space(b[1:])
	for b[0] != '}' {
		raw := jsonString(b)
		key, err := unquoteJSON(raw)
		if err != nil {
			return to, err
		}
		b = space(space(b[len(raw):])[1:]) // the colon
		value := jsonValue(b)
		b = space(b[len(value):])
		if b[0] == ',' {
			b = space(b[1:])
		}
		i, ok := j.index[string(key)]
		if !ok {
			if i, to, err = j.column(string(key), to); err != nil {
				return to, err
			}
		}
		if i >= len(to) || to[i] == nil {
			continue
		}
		if j.seen[i] == j.rows {
			return to, fmt.Errorf("key %q is there twice", key)
		}
		j.seen[i] = j.rows
		if err := addJSON(to[i], value); err != nil {
			return to, fmt.Errorf("key %q: %w", key, err)
		}
	}
	return to, nil
}

// column begins a column for a key that was not met before.
func (j *jsonLines) column(key string, to []*builder) (int, []*builder, error) {
	i := len(j.cols)
	j.cols = append(j.cols, key)
	if err := header(j.cols[max(0, i):], j.o); err != nil {
		return i, to, err
	}
	if i >= j.o.MaxColumns {
		return i, to, fmt.Errorf("more than %d keys", j.o.MaxColumns)
	}
	j.index[key] = i
	j.seen = append(j.seen, 0)
	if i < len(to) {
		return i, to, nil // read again: the builder is there
	}
	b := wanted(key, j.o)
	if b != nil {
		for range j.rows - 1 {
			b.absent()
		}
	}
	return i, append(to, b), nil
}

// addJSON adds one JSON value.
func addJSON(b *builder, v []byte) error {
	switch v[0] {
	case 'n':
		if !b.refused {
			b.absent()
		}
		return nil
	case 't', 'f':
		return b.add(v, untyped)
	case '"':
		s, err := unquoteJSON(v)
		if err != nil {
			return err
		}
		return b.add(s, literal)
	case '{', '[':
		return errors.New("a list or an object is no cell; flatten it, or exclude the column")
	}
	return b.add(v, numbers)
}

// What follows scans JSON that is known to be valid.

func space(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	return b
}

// jsonString is the string, quotes included, that b begins with.
func jsonString(b []byte) []byte {
	for i := 1; ; i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[:i+1]
		}
	}
}

// jsonValue is the value that b begins with.
func jsonValue(b []byte) []byte {
	switch b[0] {
	case '"':
		return jsonString(b)
	case '{', '[':
		depth := 0
		for i := 0; ; i++ {
			switch b[i] {
			case '"':
				i += len(jsonString(b[i:])) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return b[:i+1]
				}
			}
		}
	}
	return b[:bytes.IndexAny(b, ",} \t\r\n")]
}

// unquoteJSON is the text of a JSON string.
func unquoteJSON(raw []byte) ([]byte, error) {
	inside := raw[1 : len(raw)-1]
	if bytes.IndexByte(inside, '\\') < 0 {
		return inside, nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	return []byte(s), nil
}
