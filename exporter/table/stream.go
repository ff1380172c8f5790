package table

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
)

// streamRows is how many rows a chunk of a text format has.
const streamRows = 4096

// Visitor takes the chunks of a stream. Its errors end the reading.
type Visitor interface {
	// Chunk is the next rows of a column, the columns numbered in the order of
	// the file; absent rows without a value come before those of c. c is valid
	// until Chunk returns; its Dict is of this chunk alone. Its Kind is Text for
	// text and categories alike, which only the whole column tells apart, and
	// Numeric for integers.
	Chunk(column int, name string, absent int, c *Column) error
	// Again forgets a column, which is about to be read once more: its first
	// values promised something else than it is.
	Again(column int)
	// Done ends a column and says what it is.
	Done(column int, c StreamedColumn) error
}

// StreamedColumn is what a stream tells of a column in the end.
type StreamedColumn struct {
	Name string
	Kind Kind
	Rows int
}

// Stream reads a file in one pass and gives it in chunks, in bounded memory: a
// chunk of every column of a text format, a page of one column after the other
// of a Parquet file, and 80 KB a column of text to tell what it is. A column
// whose values turn out to be no numbers is read a second time. Kinds are those
// that Read finds. Standard input is held, since it may have to be read twice.
func Stream(path string, o Options, v Visitor) ([]StreamedColumn, error) {
	o = o.withDefaults()
	o.MaxCells = math.MaxInt
	in, err := openInput(path, &o)
	if err != nil {
		return nil, err
	}
	defer in.close()
	s := &streaming{o: &o, v: v, seed: maphash.MakeSeed()}
	var out []StreamedColumn
	if in.format == Parquet {
		out, err = s.parquet(in)
	} else {
		out, err = s.text(in)
	}
	switch {
	case err != nil:
	case len(out) == 0:
		err = fmt.Errorf("%w: no column is left to read; exclude fewer", ErrTable)
	case out[0].Rows == 0:
		err = fmt.Errorf("%w: a header but no rows; give a file with data", ErrTable)
	}
	if err != nil {
		return nil, named(in.name, err)
	}
	return out, nil
}

type streaming struct {
	o    *Options
	v    Visitor
	seed maphash.Seed
	of   []*streamed // by column; nil where it is not read
}

// streamed is what is kept of a column beside its builder.
type streamed struct {
	absent   int                 // rows that were not handed over yet
	distinct map[uint64]struct{} // hashes of texts, at most textDistinct+1
	rows     int
}

func (s *streaming) column(i int) *streamed {
	for len(s.of) <= i {
		s.of = append(s.of, nil)
	}
	if s.of[i] == nil {
		s.of[i] = &streamed{distinct: map[uint64]struct{}{}}
	}
	return s.of[i]
}

// flush hands over what a builder holds. A column without any value yet is only
// counted: its kind is not known.
func (s *streaming) flush(i int, b *builder) error {
	c := s.column(i)
	n := b.column.Len()
	if b.refused || n == 0 {
		return nil
	}
	c.rows += n
	if b.mode == undecided && b.values == 0 {
		c.absent += n
		b.column = Column{Name: b.name}
		return nil
	}
	if b.mode == undecided {
		b.decide()
	}
	chunk := b.column
	switch b.mode {
	case asNumber:
		chunk.Kind = Numeric
	case asDatetime:
		chunk.Kind = Datetime
	case asBoolean:
		chunk.Kind = Boolean
	default:
		chunk.Kind = Text
		c.remember(s.seed, chunk.Dict)
	}
	if err := s.v.Chunk(i, b.name, c.absent, &chunk); err != nil {
		return fmt.Errorf("column %q: %w", b.name, err)
	}
	c.absent = 0
	b.column.Floats, b.column.Codes, b.column.Missing = b.column.Floats[:0], b.column.Codes[:0], nil
	if b.mode == asText {
		b.column.Dict = nil
		clear(b.codes)
	}
	return nil
}

func (c *streamed) remember(seed maphash.Seed, dict []string) {
	for _, text := range dict {
		if len(c.distinct) > textDistinct {
			return
		}
		c.distinct[maphash.String(seed, text)] = struct{}{}
	}
}

// finish hands over the rest of a column, and tells its kind.
func (s *streaming) finish(i int, b *builder) (StreamedColumn, error) {
	if err := s.flush(i, b); err != nil {
		return StreamedColumn{}, err
	}
	c := s.column(i)
	out := StreamedColumn{Name: b.name, Rows: c.rows, Kind: b.column.Kind}
	if c.absent > 0 { // nothing but missing values
		b.mode = asText
		if err := s.v.Chunk(i, b.name, c.absent, &Column{Name: b.name, Kind: Text}); err != nil {
			return out, fmt.Errorf("column %q: %w", b.name, err)
		}
	}
	switch {
	case b.fixed:
	case b.mode == asText:
		out.Kind = textKind(len(c.distinct), b.values, b.bytes)
	default:
		out.Kind = b.kind()
	}
	if err := s.v.Done(i, out); err != nil {
		return out, fmt.Errorf("column %q: %w", b.name, err)
	}
	return out, nil
}

// text streams the rows of a text format.
func (s *streaming) text(in *input) ([]StreamedColumn, error) {
	rows, err := openRows(in, s.o)
	if err != nil {
		return nil, err
	}
	var builders []*builder
	for _, name := range rows.names() {
		builders = append(builders, wanted(name, s.o))
	}
	if builders, err = s.drain(rows, builders); err != nil {
		return nil, err
	}
	if err := s.o.check(rows.names()); err != nil {
		return nil, err
	}
	if err := s.reread(in, builders); err != nil {
		return nil, err
	}
	var out []StreamedColumn
	for i, b := range builders {
		if b == nil {
			continue
		}
		c, err := s.finish(i, b)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func (s *streaming) drain(rows rowReader, builders []*builder) (_ []*builder, err error) {
	for n := 1; ; n++ {
		builders, err = rows.next(builders)
		if errors.Is(err, io.EOF) {
			return builders, nil
		}
		if err != nil {
			return nil, err
		}
		if n%streamRows != 0 {
			continue
		}
		for i, b := range builders {
			if b == nil {
				continue
			}
			if err := s.flush(i, b); err != nil {
				return nil, err
			}
		}
	}
}

// reread streams the refused columns alone, as text.
func (s *streaming) reread(in *input, builders []*builder) error {
	again := make([]*builder, len(builders))
	some := false
	for i, b := range builders {
		if b == nil || !b.refused {
			continue
		}
		again[i] = b.again()
		builders[i], some = again[i], true
		s.of[i] = nil
		s.v.Again(i)
	}
	if !some {
		return nil
	}
	rows, err := openRows(in, s.o)
	if err != nil {
		return err
	}
	_, err = s.drain(rows, again)
	return err
}

// parquet streams one column after the other.
func (s *streaming) parquet(in *input) (out []StreamedColumn, err error) {
	defer contain(&err)
	p, err := openParquet(in, s.o)
	if err != nil {
		return nil, err
	}
	for i, name := range p.names {
		if !s.o.wants(name) {
			continue
		}
		b, err := p.read(name, s.o, func(b *builder) error { return s.flush(i, b) })
		if err != nil {
			return nil, err
		}
		c, err := s.finish(i, b)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}
