package table

import (
	"errors"
	"fmt"
	"io"
)

// Read reads a file whole; "-" is Options.Stdin. A table without rows is an
// error.
func Read(path string, o Options) (*Table, error) {
	f, err := Open(path, o)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t := &Table{Rows: f.Rows()}
	for _, name := range f.Names() {
		c, err := f.Column(name)
		if err != nil {
			return nil, err
		}
		t.Columns = append(t.Columns, *c)
	}
	return t, nil
}

// ReadFrom reads a table of a format from a stream.
func ReadFrom(r io.Reader, format Format, o Options) (*Table, error) {
	o.Stdin, o.Format = r, format
	return Read("-", o)
}

// File is an open table that gives its columns one at a time: those of a Parquet
// file are read when they are asked for, those of other formats were read when
// it was opened. Column is safe for concurrent use.
type File struct {
	in      *input
	opts    Options
	all     []string
	names   []string
	rows    int
	held    *Table
	parquet *parquetFile
}

// Open opens a file; "-" is Options.Stdin. A table without rows or without
// chosen columns is an error.
func Open(path string, o Options) (*File, error) {
	o = o.withDefaults()
	in, err := openInput(path, &o)
	if err != nil {
		return nil, err
	}
	f := &File{in: in, opts: o}
	if err := f.load(); err != nil {
		in.close()
		return nil, named(in.name, err)
	}
	return f, nil
}

// named puts the file's name before an error.
func named(name string, err error) error { return fmt.Errorf("%s: %w", name, err) }

func (f *File) load() error {
	if f.in.format == Parquet {
		p, err := openParquet(f.in, &f.opts)
		if err != nil {
			return err
		}
		f.parquet, f.rows, f.all = p, p.rows, p.names
	} else {
		t, err := readRows(f.in, &f.opts)
		if err != nil {
			return err
		}
		f.held, f.rows, f.all = t, t.Rows, t.Names()
	}
	for _, name := range f.all {
		if f.opts.wants(name) {
			f.names = append(f.names, name)
		}
	}
	switch {
	case f.rows == 0:
		return fmt.Errorf("%w: a header but no rows; give a file with data", ErrTable)
	case len(f.names) == 0:
		return fmt.Errorf("%w: no column is left to read; exclude fewer", ErrTable)
	}
	return nil
}

// Close closes the file. Columns that were given remain good.
func (f *File) Close() error {
	f.in.close()
	return nil
}

// Name is the file's path, as it was given.
func (f *File) Name() string { return f.in.name }

// Names are the columns that are read, in the file's order.
func (f *File) Names() []string { return f.names }

// Rows is the number of rows.
func (f *File) Rows() int { return f.rows }

// ErrNoColumn: a column that the file has not, or that was not to be read.
var ErrNoColumn = errors.New("no such column")

// Column reads one column.
func (f *File) Column(name string) (*Column, error) {
	if f.held != nil {
		if c := f.held.Column(name); c != nil {
			return c, nil
		}
	} else if f.parquet.index(name) >= 0 && f.opts.wants(name) {
		c, err := f.parquet.column(name, &f.opts)
		if err != nil {
			return nil, named(f.in.name, err)
		}
		return c, nil
	}
	return nil, fmt.Errorf("%w: %s: %w %q; there are %s", ErrTable, f.in.name, ErrNoColumn, name, listing(f.names))
}
