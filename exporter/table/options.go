package table

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// Format is the format of a file.
type Format string

// The formats. Gzip is seen by itself, whatever the name says.
const (
	ByName    Format = "" // by the file's suffix
	CSV       Format = "csv"
	TSV       Format = "tsv"
	JSONLines Format = "jsonl"
	Parquet   Format = "parquet"
)

// Options say what is read and how much of it at most. The zero value reads
// everything within the default limits.
type Options struct {
	Format  Format
	Stdin   io.Reader       // what the path "-" reads; needs a Format
	Columns []string        // only these columns, in the file's order; nil: all
	Exclude []string        // none of these
	Kinds   map[string]Kind // by name, instead of the inferred kind

	MaxBytes   int64 // of the text, unpacked; 16 GiB
	MaxColumns int   // 65,536
	MaxCells   int   // rows times columns held in memory; 250 million (2 GB)
	MaxRecord  int   // bytes of one row of text; 16 MiB
}

func (o Options) withDefaults() Options {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 16 << 30
	}
	if o.MaxColumns <= 0 {
		o.MaxColumns = 1 << 16
	}
	if o.MaxCells <= 0 {
		o.MaxCells = 250e6
	}
	if o.MaxRecord <= 0 {
		o.MaxRecord = 16 << 20
	}
	return o
}

// wants reports whether a column is to be read.
func (o *Options) wants(name string) bool {
	return (o.Columns == nil || slices.Contains(o.Columns, name)) && !slices.Contains(o.Exclude, name)
}

// check refuses names that are not there.
func (o *Options) check(names []string) error {
	for _, list := range [][]string{o.Columns, o.Exclude, slices.Sorted(maps.Keys(o.Kinds))} {
		for _, name := range list {
			if !slices.Contains(names, name) {
				return fmt.Errorf("%w: there is no column %q; there are %s", ErrTable, name, listing(names))
			}
		}
	}
	return nil
}

// listing names columns, the first of many.
func listing(names []string) string {
	if len(names) > 30 {
		return fmt.Sprintf("%s, ... (%d in all)", strings.Join(names[:30], ", "), len(names))
	}
	return strings.Join(names, ", ")
}

// header checks the columns' names.
func header(names []string, o *Options) error {
	if len(names) > o.MaxColumns {
		return fmt.Errorf("%w: %d columns, more than the limit of %d", ErrTable, len(names), o.MaxColumns)
	}
	seen := make(map[string]int, len(names))
	for i, n := range names {
		if strings.TrimSpace(n) == "" {
			return fmt.Errorf("%w: column %d has no name; name every column in the header", ErrTable, i+1)
		}
		if first, dup := seen[n]; dup {
			return fmt.Errorf("%w: columns %d and %d are both named %q; give every column a name of its own", ErrTable, first+1, i+1, n)
		}
		seen[n] = i
	}
	return nil
}

// FormatOf is the format that a file's name stands for.
func FormatOf(path string) (Format, error) {
	name := strings.ToLower(strings.TrimSuffix(strings.ToLower(path), ".gz"))
	for suffix, f := range map[string]Format{".csv": CSV, ".tsv": TSV, ".jsonl": JSONLines, ".ndjson": JSONLines, ".parquet": Parquet} {
		if strings.HasSuffix(name, suffix) {
			return f, nil
		}
	}
	return "", fmt.Errorf("%w: %s: its suffix is not known; give a .csv, .csv.gz, .tsv, .jsonl or .parquet file", ErrTable, path)
}

// input is a file, or all of a stream, that can be read more than once.
type input struct {
	name   string
	format Format
	file   *os.File // or
	held   []byte
}

// openInput opens a path, or reads all of Options.Stdin where the path is "-".
func openInput(path string, o *Options) (*input, error) {
	in := &input{name: path, format: o.Format}
	if path == "-" {
		in.name = "standard input"
		if o.Stdin == nil || o.Format == ByName {
			return nil, fmt.Errorf("%w: standard input has no suffix; name its format: csv, tsv, jsonl or parquet", ErrTable)
		}
		return in, in.hold(o.Stdin, o)
	}
	var err error
	if in.format == ByName {
		if in.format, err = FormatOf(path); err != nil {
			return nil, err
		}
	}
	if in.file, err = os.Open(path); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTable, err)
	}
	st, err := in.file.Stat()
	switch {
	case err != nil:
	case st.IsDir():
		err = fmt.Errorf("%s is a folder; name a file", path)
	case st.Mode().IsRegular():
		return in, nil
	default: // a pipe can be read once only
		err = in.hold(in.file, o)
	}
	if err != nil {
		in.close()
		return nil, fmt.Errorf("%w: %w", ErrTable, err)
	}
	return in, nil
}

func (in *input) hold(r io.Reader, o *Options) error {
	b, err := io.ReadAll(io.LimitReader(r, o.MaxBytes+1))
	switch {
	case err != nil:
		return fmt.Errorf("%w: %s: %w", ErrTable, in.name, err)
	case int64(len(b)) > o.MaxBytes:
		return fmt.Errorf("%w: %s: more than the limit of %d bytes", ErrTable, in.name, o.MaxBytes)
	}
	in.held = b
	return nil
}

func (in *input) close() {
	if in.file != nil {
		in.file.Close() // opened for reading: nothing to lose
	}
}

// at is the raw bytes for random access.
func (in *input) at() (io.ReaderAt, int64, error) {
	if in.held != nil || in.file == nil {
		return bytes.NewReader(in.held), int64(len(in.held)), nil
	}
	st, err := in.file.Stat()
	if err != nil {
		return nil, 0, err
	}
	return in.file, st.Size(), nil
}

// text is the unpacked bytes from the start.
func (in *input) text(o *Options) (io.Reader, error) {
	at, size, err := in.at()
	if err != nil {
		return nil, err
	}
	raw := io.NewSectionReader(at, 0, size)
	var magic [2]byte
	n, _ := raw.ReadAt(magic[:], 0)
	packed := n == 2 && magic == [2]byte{0x1f, 0x8b}
	if !packed && strings.HasSuffix(strings.ToLower(in.name), ".gz") {
		return nil, fmt.Errorf("%w: not gzip, although its name ends in .gz", ErrTable)
	}
	if !packed {
		return &capped{r: raw, left: o.MaxBytes, limit: o.MaxBytes}, nil
	}
	zr, err := gzip.NewReader(bufio.NewReaderSize(raw, 1<<16))
	if err != nil {
		return nil, fmt.Errorf("%w: damaged gzip: %w", ErrTable, err)
	}
	return &capped{r: zr, left: o.MaxBytes, limit: o.MaxBytes}, nil
}

// capped refuses to give more than a limit, so that a small packed file cannot
// fill the memory.
type capped struct {
	r           io.Reader
	left, limit int64
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, fmt.Errorf("%w: more than the limit of %d bytes unpacked", ErrTable, c.limit)
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}
