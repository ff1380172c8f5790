package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// scanner splits delimited text into records by the rules of RFC 4180 as
// encoding/csv reads them (its oracle in the tests): quotes may hold
// separators, line ends and doubled quotes; CRLF is LF; empty lines are skipped;
// a quote inside a field that is not quoted is an error. It gives fields as
// bytes of its own buffer, which is what makes it several times faster.
type scanner struct {
	r          io.Reader
	comma      byte
	max        int // bytes of a record
	buf        []byte
	start, end int
	eof        bool
	line       int // at which the record that was read last begins
	next       int // at which the next one does
	fields     [][]byte
	unquoted   []byte // fields with doubled quotes, CRLF in quotes
}

func newScanner(r io.Reader, comma byte, most int) *scanner {
	return &scanner{r: r, comma: comma, max: most, buf: make([]byte, min(1<<18, most+1)), next: 1}
}

// errMore says that the buffer ends inside the record.
var errMore = errors.New("more bytes are needed")

// record is the next record; its fields hold until the next call. io.EOF at the
// end.
func (s *scanner) record() ([][]byte, error) {
	for {
		n, lines, err := s.split(s.buf[s.start:s.end])
		switch {
		case errors.Is(err, errMore):
			if err := s.fill(); err != nil {
				return nil, err
			}
			continue
		case err != nil:
			return nil, fmt.Errorf("%w: line %d: %w", ErrTable, s.next+lines, err)
		}
		s.start += n
		s.line = s.next
		s.next += lines
		if n == 0 {
			return nil, io.EOF
		}
		if len(s.fields) == 0 {
			continue // an empty line
		}
		return s.fields, nil
	}
}

// fill reads more bytes behind those that are not used up.
func (s *scanner) fill() error {
	if s.end-s.start > s.max {
		return fmt.Errorf("%w: line %d: the row is longer than the limit of %d bytes; is a quote not closed?", ErrTable, s.next, s.max)
	}
	if s.start > 0 {
		copy(s.buf, s.buf[s.start:s.end])
		s.start, s.end = 0, s.end-s.start
	}
	if s.end == len(s.buf) {
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	for range 100 {
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		if errors.Is(err, io.EOF) {
			s.eof = true
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: line %d: %w", ErrTable, s.next, err)
		}
		if n > 0 {
			return nil
		}
	}
	return io.ErrNoProgress
}

// split takes one record from b: how many bytes and line ends it used up. No
// fields are left in s.fields for an empty line.
func (s *scanner) split(b []byte) (used, lines int, err error) {
	s.fields = s.fields[:0]
	used = bytes.IndexByte(b, '\n') + 1
	line := b[:max(used-1, 0)]
	if used == 0 {
		if !s.eof {
			return 0, 0, errMore
		}
		line, used = b, len(b)
	}
	if bytes.IndexByte(line, '"') >= 0 {
		return s.splitQuoted(b)
	}
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if len(line) == 0 {
		return used, 1, nil
	}
	for {
		i := bytes.IndexByte(line, s.comma)
		if i < 0 {
			s.fields = append(s.fields, line)
			return used, 1, nil
		}
		s.fields = append(s.fields, line[:i])
		line = line[i+1:]
	}
}

// splitQuoted is split for a record that has a quote somewhere.
func (s *scanner) splitQuoted(b []byte) (used, lines int, err error) {
	s.unquoted = s.unquoted[:0]
	for {
		var n, inside int
		var end bool
		if used < len(b) && b[used] == '"' {
			n, inside, end, err = s.quoted(b[used:])
		} else {
			n, end, err = s.bare(b[used:])
		}
		used += n
		lines += inside
		if err != nil {
			return used, lines, err
		}
		if end {
			return used, lines + 1, nil
		}
	}
}

// bare takes a field that is not quoted, and the separator or line end behind
// it; end says that it was the last of its record.
func (s *scanner) bare(b []byte) (used int, end bool, err error) {
	for i, c := range b {
		switch c {
		case s.comma:
			s.fields = append(s.fields, b[:i])
			return i + 1, false, nil
		case '\n':
			s.fields = append(s.fields, bytes.TrimSuffix(b[:i], []byte{'\r'}))
			return i + 1, true, nil
		case '"':
			return i, false, errors.New(`a quote inside a value that does not begin with one; write "..." around the value and double the quotes in it`)
		}
	}
	if !s.eof {
		return 0, false, errMore
	}
	s.fields = append(s.fields, bytes.TrimSuffix(b, []byte{'\r'}))
	return len(b), true, nil
}

// quoted takes a field that begins with a quote.
func (s *scanner) quoted(b []byte) (used, lines int, end bool, err error) {
	from := len(s.unquoted)
	for i := 1; ; {
		q := bytes.IndexByte(b[i:], '"')
		if q < 0 {
			if !s.eof {
				return 0, 0, false, errMore
			}
			return 0, 0, false, errors.New("a quote is opened and never closed")
		}
		lines += s.unquote(b[i : i+q])
		i += q + 1
		switch rest := b[i:]; {
		case len(rest) == 0 && !s.eof, len(rest) == 1 && rest[0] == '\r' && !s.eof:
			return 0, 0, false, errMore
		case len(rest) > 0 && rest[0] == '"': // doubled: one quote
			s.unquoted = append(s.unquoted, '"')
			i++
			continue
		case len(rest) > 0 && rest[0] == s.comma:
			i++
		case len(rest) > 0 && rest[0] == '\n':
			i, end = i+1, true
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			i, end = i+2, true
		case len(rest) == 0, len(rest) == 1 && rest[0] == '\r':
			i, end = len(b), true
		default:
			return i, lines, false, errors.New("text behind a closing quote; double the quotes inside a value")
		}
		s.fields = append(s.fields, s.unquoted[from:len(s.unquoted):len(s.unquoted)])
		return i, lines, end, nil
	}
}

// unquote copies text from inside quotes, CRLF as LF, and counts its lines.
func (s *scanner) unquote(b []byte) (lines int) {
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			s.unquoted = append(s.unquoted, b...)
			return lines
		}
		s.unquoted = append(append(s.unquoted, bytes.TrimSuffix(b[:i], []byte{'\r'})...), '\n')
		b = b[i+1:]
		lines++
	}
}
