// Package table reads tabular files into columns: CSV and TSV (plain or
// gzipped), JSON Lines and Parquet, chosen by the file's name.
package table

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

// ErrTable: a file that is no table. The message names file, line and fix.
var ErrTable = errors.New("unreadable table")

// Column is one column. A column is numeric where every value that is not
// missing is a number; otherwise Text holds its values.
type Column struct {
	Name    string
	Numeric bool
	Numbers []float64 // of a numeric column; NaN where Missing
	Text    []string  // of any other
	Missing []bool
}

// Table is columns of one length.
type Table struct {
	Columns []Column
	Rows    int
}

// Column finds a column by name; nil where there is none.
func (t *Table) Column(name string) *Column {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &t.Columns[i]
}

// Names are the columns' names.
func (t *Table) Names() []string {
	out := make([]string, len(t.Columns))
	for i := range t.Columns {
		out[i] = t.Columns[i].Name
	}
	return out
}

// missing are the texts that stand for no value. NaN and Inf are values.
func missing(s string) bool {
	switch s {
	case "", "NA", "N/A", "null", "NULL", "None", "?":
		return true
	}
	return false
}

// Read reads a file.
func Read(path string) (*Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTable, err)
	}
	defer f.Close()
	t, err := read(f, path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if t.Rows == 0 {
		return nil, fmt.Errorf("%w: %s has a header but no rows; give a file with data", ErrTable, path)
	}
	return t, nil
}

func read(f *os.File, path string) (*Table, error) {
	var r io.Reader = bufio.NewReaderSize(f, 1<<16)
	base, zipped := strings.CutSuffix(path, ".gz")
	if zipped {
		zr, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("%w: not gzip, although its name ends in .gz: %w", ErrTable, err)
		}
		defer zr.Close()
		r = zr
	}
	switch {
	case strings.HasSuffix(base, ".csv"):
		return Delimited(r, ',')
	case strings.HasSuffix(base, ".tsv"):
		return Delimited(r, '\t')
	case strings.HasSuffix(base, ".jsonl"):
		return JSONLines(r)
	case strings.HasSuffix(path, ".parquet"):
		return fromParquet(f)
	}
	return nil, fmt.Errorf("%w: unknown suffix; give a .csv, .csv.gz, .tsv, .jsonl or .parquet file", ErrTable)
}

// builder gathers cells as text and types the columns in the end.
type builder struct {
	names []string
	cells [][]string
	gone  [][]bool
	rows  int
}

func newBuilder(names []string) (*builder, error) {
	seen := map[string]bool{}
	for i, n := range names {
		if n == "" || seen[n] {
			return nil, fmt.Errorf("%w: column %d has the name %q, which is empty or used twice; name every column once in the header", ErrTable, i+1, n)
		}
		seen[n] = true
	}
	return &builder{names: names, cells: make([][]string, len(names)), gone: make([][]bool, len(names))}, nil
}

func (b *builder) add(i int, cell string, gone bool) {
	b.cells[i] = append(b.cells[i], cell)
	b.gone[i] = append(b.gone[i], gone)
}

func (b *builder) table() *Table {
	t := &Table{Rows: b.rows}
	for i, name := range b.names {
		t.Columns = append(t.Columns, column(name, b.cells[i], b.gone[i]))
	}
	return t
}

// column makes numbers of the cells, if all of them are.
func column(name string, cells []string, gone []bool) Column {
	c := Column{Name: name, Missing: gone}
	numbers := make([]float64, len(cells))
	some := false
	for i, s := range cells {
		if gone[i] {
			numbers[i] = math.NaN()
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			c.Text = cells
			return c
		}
		numbers[i], some = v, true
	}
	if !some {
		c.Text = cells // nothing but missing values: of no type
		return c
	}
	c.Numeric, c.Numbers = true, numbers
	return c
}

// Delimited reads CSV or TSV with a header row.
func Delimited(r io.Reader, comma rune) (*Table, error) {
	cr := csv.NewReader(r)
	cr.Comma, cr.ReuseRecord = comma, true
	header, err := cr.Read()
	if err != nil {
		return nil, fmt.Errorf("%w: no header row: %w", ErrTable, err)
	}
	names := slices.Clone(header)
	names[0] = strings.TrimPrefix(names[0], "\ufeff")
	b, err := newBuilder(names)
	if err != nil {
		return nil, err
	}
	for {
		record, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return b.table(), nil
		}
		if errors.Is(err, csv.ErrFieldCount) {
			line, _ := cr.FieldPos(0)
			return nil, fmt.Errorf("%w: line %d has %d fields, the header %d", ErrTable, line, len(record), len(names))
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTable, err)
		}
		b.rows++
		for i, s := range record {
			if !utf8.ValidString(s) {
				line, _ := cr.FieldPos(i)
				return nil, fmt.Errorf("%w: line %d, column %q is not UTF-8; convert the file", ErrTable, line, names[i])
			}
			b.add(i, strings.Clone(s), missing(s))
		}
	}
}

// JSONLines reads one flat object a line. The first line's keys, sorted, are
// the columns; null and absent keys are missing values.
func JSONLines(r io.Reader) (*Table, error) {
	dec := json.NewDecoder(r)
	dec.UseNumber()
	var b *builder
	for line := 1; ; line++ {
		var row map[string]any
		err := dec.Decode(&row)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: object %d: %w", ErrTable, line, err)
		}
		if b == nil {
			names := make([]string, 0, len(row))
			for k := range row {
				names = append(names, k)
			}
			slices.Sort(names)
			if b, err = newBuilder(names); err != nil {
				return nil, err
			}
		}
		if err := b.object(row, line); err != nil {
			return nil, err
		}
	}
	if b == nil {
		return nil, fmt.Errorf("%w: the file is empty", ErrTable)
	}
	return b.table(), nil
}

func (b *builder) object(row map[string]any, line int) error {
	b.rows++
	for i, name := range b.names {
		switch v := row[name].(type) {
		case nil:
			b.add(i, "", true)
		case json.Number:
			b.add(i, v.String(), false)
		case string:
			b.add(i, v, missing(v))
		case bool:
			b.add(i, strconv.FormatBool(v), false)
		default:
			return fmt.Errorf("%w: object %d: key %q holds a list or an object; flatten it", ErrTable, line, name)
		}
	}
	return nil
}

// fromParquet reads the leaf columns of a Parquet file.
func fromParquet(f *os.File) (*Table, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTable, err)
	}
	file, err := parquet.OpenFile(f, st.Size())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTable, err)
	}
	var names []string
	for _, path := range file.Schema().Columns() {
		names = append(names, strings.Join(path, "."))
	}
	b, err := newBuilder(names)
	if err != nil {
		return nil, err
	}
	rows := make([]parquet.Row, 256)
	for _, group := range file.RowGroups() {
		reader := group.Rows()
		for {
			n, err := reader.ReadRows(rows)
			for _, row := range rows[:n] {
				b.row(row)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				reader.Close()
				return nil, fmt.Errorf("%w: %w", ErrTable, err)
			}
		}
		reader.Close()
	}
	return b.table(), nil
}

func (b *builder) row(row parquet.Row) {
	b.rows++
	for _, v := range row {
		i := v.Column()
		if i < 0 || i >= len(b.names) || len(b.cells[i]) >= b.rows {
			continue // the second element of a repeated column
		}
		b.add(i, v.String(), v.IsNull())
	}
	for i := range b.names { // a column that the row left out
		if len(b.cells[i]) < b.rows {
			b.add(i, "", true)
		}
	}
}
