package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// rowReader gives the rows of a text format to builders.
type rowReader interface {
	// names are the columns so far, in the file's order.
	names() []string
	// next adds one row to the builders that are not nil, by column; the slice
	// that it returns is longer where the row brought new columns. io.EOF at the
	// end.
	next(to []*builder) ([]*builder, error)
}

// delimited reads CSV and TSV.
type delimited struct {
	s    *scanner
	cols []string
}

var byteOrderMarks = [][]byte{{0xff, 0xfe}, {0xfe, 0xff}}

func newDelimited(r io.Reader, comma byte, o *Options) (*delimited, error) {
	s := newScanner(r, comma, o.MaxRecord)
	fields, err := s.record()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: the file is empty; a header row with the columns' names is needed", ErrTable)
	}
	for _, bom := range byteOrderMarks {
		if bytes.HasPrefix(s.buf[:s.end], bom) {
			return nil, fmt.Errorf("%w: the file is UTF-16; convert it to UTF-8", ErrTable)
		}
	}
	if err != nil && bytes.HasPrefix(s.buf[:s.end], []byte("\xef\xbb\xbf\"")) {
		// A byte order mark before a quoted name is no bare quote.
		s.start += 3
		fields, err = s.record()
	}
	if err != nil {
		return nil, err
	}
	fields[0] = bytes.TrimPrefix(fields[0], []byte("\xef\xbb\xbf"))
	d := &delimited{s: s}
	for i, f := range fields {
		if !utf8.Valid(f) {
			return nil, fmt.Errorf("%w: line %d: the name of column %d, %q, is not UTF-8; convert the file", ErrTable, s.line, i+1, clip(f))
		}
		d.cols = append(d.cols, string(f))
	}
	return d, header(d.cols, o)
}

func (d *delimited) names() []string { return d.cols }

func (d *delimited) next(to []*builder) ([]*builder, error) {
	fields, err := d.s.record()
	if err != nil {
		return to, err
	}
	if len(fields) != len(d.cols) {
		return to, fmt.Errorf("%w: line %d has %d fields, the header has %d; put quotes around values that hold a separator", ErrTable, d.s.line, len(fields), len(d.cols))
	}
	for i, b := range to {
		if b == nil {
			continue
		}
		if err := b.add(fields[i], untyped); err != nil {
			return to, fmt.Errorf("%w: line %d, column %q: %w", ErrTable, d.s.line, d.cols[i], err)
		}
	}
	return to, nil
}

// openRows begins reading the text of an input.
func openRows(in *input, o *Options) (rowReader, error) {
	r, err := in.text(o)
	if err != nil {
		return nil, err
	}
	switch in.format {
	case CSV:
		return newDelimited(r, ',', o)
	case TSV:
		return newDelimited(r, '\t', o)
	case JSONLines:
		return newJSONLines(r, o), nil
	}
	return nil, fmt.Errorf("%w: format %q is not known; it is csv, tsv, jsonl or parquet", ErrTable, in.format)
}

// readRows reads all rows of a text format. Columns whose values turned out to
// be something else than the first ones promised are read again as text.
func readRows(in *input, o *Options) (*Table, error) {
	rows, err := openRows(in, o)
	if err != nil {
		return nil, err
	}
	var builders []*builder
	for _, name := range rows.names() {
		builders = append(builders, wanted(name, o))
	}
	n, builders, err := drain(rows, builders, o)
	if err != nil {
		return nil, err
	}
	if err := o.check(rows.names()); err != nil {
		return nil, err
	}
	if err := rereadRefused(in, builders, o); err != nil {
		return nil, err
	}
	t := &Table{Rows: n}
	for _, b := range builders {
		if b != nil {
			t.Columns = append(t.Columns, b.finish())
		}
	}
	return t, nil
}

// wanted is a builder for a column, nil if it is not to be read.
func wanted(name string, o *Options) *builder {
	if !o.wants(name) {
		return nil
	}
	return newBuilder(name, o)
}

// drain gives all rows to the builders.
func drain(rows rowReader, builders []*builder, o *Options) (n int, _ []*builder, err error) {
	for {
		builders, err = rows.next(builders)
		if errors.Is(err, io.EOF) {
			return n, builders, nil
		}
		if err != nil {
			return n, nil, err
		}
		n++
		if n&1023 == 0 {
			if err := cellLimit(n, builders, o); err != nil {
				return n, nil, err
			}
		}
	}
}

func cellLimit(rows int, builders []*builder, o *Options) error {
	columns := 0
	for _, b := range builders {
		if b != nil {
			columns++
		}
	}
	if columns > 0 && rows > o.MaxCells/columns {
		return fmt.Errorf("%w: more than %d rows of %d columns, beyond the limit of %d cells in memory; choose columns, or take a sample of the rows", ErrTable, rows, columns, o.MaxCells)
	}
	return nil
}

// rereadRefused reads the refused columns alone, as text.
func rereadRefused(in *input, builders []*builder, o *Options) error {
	again := make([]*builder, len(builders))
	some := false
	for i, b := range builders {
		if b != nil && b.refused {
			again[i] = b.again()
			builders[i], some = again[i], true
		}
	}
	if !some {
		return nil
	}
	rows, err := openRows(in, o)
	if err != nil {
		return err
	}
	_, _, err = drain(rows, again, o)
	return err
}
