package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"
)

// FieldKind is the type of a Field.
type FieldKind uint8

// The kinds of fields; every one may have nulls.
const (
	StringField FieldKind = iota
	DoubleField
	TimeField       // microseconds, UTC
	DoubleListField // LIST of DOUBLE
	IntListField    // LIST of INT64
	BytesListField  // LIST of BYTE_ARRAY
)

// Field is a column of a Parquet file with one value a row: in Values a string,
// float64, time.Time, []float64, []int64 or [][]byte, as the kind says, or nil.
type Field struct {
	Name   string
	Kind   FieldKind
	Values []any
}

func (k FieldKind) node() parquet.Node {
	switch k {
	case DoubleField:
		return parquet.Optional(parquet.Leaf(parquet.DoubleType))
	case TimeField:
		return parquet.Optional(parquet.Timestamp(parquet.Microsecond))
	case DoubleListField:
		return parquet.Optional(parquet.List(parquet.Leaf(parquet.DoubleType)))
	case IntListField:
		return parquet.Optional(parquet.List(parquet.Leaf(parquet.Int64Type)))
	case BytesListField:
		return parquet.Optional(parquet.List(parquet.Leaf(parquet.ByteArrayType)))
	}
	return parquet.Optional(parquet.String())
}

// WriteColumns writes fields of one length as a Parquet file, compressed with
// Zstandard. metadata goes into the file's key-value metadata.
func WriteColumns(w io.Writer, fields []Field, metadata map[string]string) error {
	group := parquet.Group{}
	byName := map[string]*Field{}
	for i := range fields {
		f := &fields[i]
		if len(f.Values) != len(fields[0].Values) || byName[f.Name] != nil {
			return fmt.Errorf("column %q: %d values beside %d, or its name is taken", f.Name, len(f.Values), len(fields[0].Values))
		}
		group[f.Name], byName[f.Name] = f.Kind.node(), f
	}
	schema := parquet.NewSchema("record", group)
	options := []parquet.WriterOption{schema, parquet.Compression(&parquet.Zstd), parquet.CreatedBy("gnomon", "1", "")}
	for _, k := range slices.Sorted(maps.Keys(metadata)) {
		options = append(options, parquet.KeyValueMetadata(k, metadata[k]))
	}
	out := parquet.NewWriter(w, options...)
	order := schema.Columns()
	rows := 0
	if len(fields) > 0 {
		rows = len(fields[0].Values)
	}
	row := parquet.Row{}
	for i := range rows {
		row = row[:0]
		for column, path := range order {
			f := byName[path[0]]
			var err error
			if row, err = appendValue(row, f.Kind, f.Values[i], column); err != nil {
				return fmt.Errorf("column %q, row %d: %w", f.Name, i, err)
			}
		}
		if _, err := out.WriteRows([]parquet.Row{row}); err != nil {
			return fmt.Errorf("write Parquet: %w", err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("write Parquet: %w", err)
	}
	return nil
}

// appendValue appends a value with its levels: definition 0 is null, 1 an empty
// list or a value, 2 an element; repetition 1 is an element behind the first.
func appendValue(row parquet.Row, kind FieldKind, v any, column int) (parquet.Row, error) {
	if v == nil {
		return append(row, parquet.NullValue().Level(0, 0, column)), nil
	}
	one := func(x parquet.Value) (parquet.Row, error) { return append(row, x.Level(0, 1, column)), nil }
	switch x := v.(type) {
	case string:
		if kind == StringField {
			return one(parquet.ValueOf(x))
		}
	case float64:
		if kind == DoubleField {
			return one(parquet.ValueOf(x))
		}
	case time.Time:
		if kind == TimeField {
			return one(parquet.ValueOf(x.UnixMicro()))
		}
	case []float64:
		if kind == DoubleListField {
			return appendList(row, x, column), nil
		}
	case []int64:
		if kind == IntListField {
			return appendList(row, x, column), nil
		}
	case [][]byte:
		if kind == BytesListField {
			return appendList(row, x, column), nil
		}
	}
	return row, fmt.Errorf("a %T does not fit the column", v)
}

func appendList[T any](row parquet.Row, list []T, column int) parquet.Row {
	if len(list) == 0 {
		return append(row, parquet.NullValue().Level(0, 1, column))
	}
	for i, x := range list {
		row = append(row, parquet.ValueOf(x).Level(min(i, 1), 2, column))
	}
	return row
}

// ReadColumns reads what WriteColumns wrote. Columns of other types are
// ErrTable.
func ReadColumns(in io.ReaderAt, size int64) (fields []Field, metadata map[string]string, err error) {
	defer contain(&err)
	if err := footerFits(in, size); err != nil {
		return nil, nil, err
	}
	file, err := parquet.OpenFile(in, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: no Parquet file, or a damaged one: %w", ErrTable, err)
	}
	if err := plausible(file, size); err != nil {
		return nil, nil, err
	}
	metadata = map[string]string{}
	for _, kv := range file.Metadata().KeyValueMetadata {
		metadata[kv.Key] = kv.Value
	}
	for _, path := range file.Schema().Columns() {
		leaf, ok := file.Schema().Lookup(path...)
		if !ok {
			return nil, nil, fmt.Errorf("%w: column %q is not in the schema", ErrTable, path[0])
		}
		kind, err := kindOf(leaf, path)
		if err != nil {
			return nil, nil, err
		}
		fields = append(fields, Field{Name: path[0], Kind: kind})
	}
	for _, group := range file.RowGroups() {
		if err := readGroup(group, fields); err != nil {
			return nil, nil, err
		}
	}
	for i := range fields {
		if int64(len(fields[i].Values)) != file.NumRows() {
			return nil, nil, fmt.Errorf("%w: a damaged Parquet file: column %q has %d values, the file %d rows", ErrTable, fields[i].Name, len(fields[i].Values), file.NumRows())
		}
	}
	return fields, metadata, nil
}

// footerFits refuses a file whose last bytes promise a longer footer than the
// file: the decoder would allocate up to 4 GiB for it before it looks.
func footerFits(in io.ReaderAt, size int64) error {
	var end [8]byte
	if size < 12 {
		return fmt.Errorf("%w: no Parquet file: %d bytes", ErrTable, size)
	}
	if _, err := in.ReadAt(end[:], size-8); err != nil {
		return fmt.Errorf("%w: %w", ErrTable, err)
	}
	if n := int64(binary.LittleEndian.Uint32(end[:])); n > size-12 {
		return fmt.Errorf("%w: no Parquet file, or a damaged one: a footer of %d bytes in %d", ErrTable, n, size)
	}
	return nil
}

// plausible refuses a file whose footer promises more than its size can hold: a
// damaged one would otherwise be answered with as much memory.
func plausible(file *parquet.File, size int64) error {
	const most = 1000 // times smaller than its contents, at the most, is a file
	for _, g := range file.Metadata().RowGroups {
		if g.NumRows < 0 || g.NumRows > most*size {
			return fmt.Errorf("%w: a damaged Parquet file: %d rows in %d bytes", ErrTable, g.NumRows, size)
		}
		for i := range g.Columns {
			m := &g.Columns[i].MetaData
			if m.TotalUncompressedSize < 0 || m.TotalUncompressedSize > most*size || m.TotalCompressedSize < 0 || m.TotalCompressedSize > size || m.NumValues < 0 || m.NumValues > most*size {
				return fmt.Errorf("%w: a damaged Parquet file: a column of %d bytes in %d", ErrTable, m.TotalUncompressedSize, size)
			}
		}
	}
	return nil
}

func kindOf(leaf parquet.LeafColumn, path []string) (FieldKind, error) {
	list := leaf.MaxRepetitionLevel == 1 && len(path) == 3
	single := leaf.MaxRepetitionLevel == 0 && len(path) == 1
	switch k := leaf.Node.Type().Kind(); {
	case list && k == parquet.Double:
		return DoubleListField, nil
	case list && k == parquet.Int64:
		return IntListField, nil
	case list && k == parquet.ByteArray:
		return BytesListField, nil
	case single && k == parquet.Double:
		return DoubleField, nil
	case single && k == parquet.Int64:
		return TimeField, nil
	case single && k == parquet.ByteArray:
		return StringField, nil
	}
	return 0, fmt.Errorf("%w: column %q is of a type that an inference log has not", ErrTable, path[0])
}

func readGroup(group parquet.RowGroup, fields []Field) error {
	rows := group.Rows()
	defer rows.Close()
	buffer, left := make([]parquet.Row, 64), group.NumRows()
	for {
		n, err := rows.ReadRows(buffer)
		if left -= int64(n); left < 0 {
			return fmt.Errorf("%w: a damaged Parquet file: more rows than it says", ErrTable)
		}
		for _, row := range buffer[:n] {
			row.Range(func(column int, values []parquet.Value) bool {
				f := &fields[column]
				f.Values = append(f.Values, valueOf(f.Kind, values))
				return true
			})
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", ErrTable, err)
		case n == 0:
			return io.ErrNoProgress
		}
	}
}

func valueOf(kind FieldKind, values []parquet.Value) any {
	first := values[0]
	if first.DefinitionLevel() == 0 {
		return nil
	}
	empty := first.DefinitionLevel() == 1
	switch kind {
	case StringField:
		return string(first.ByteArray())
	case DoubleField:
		return first.Double()
	case TimeField:
		return time.UnixMicro(first.Int64()).UTC()
	case DoubleListField:
		return listOf(values, empty, parquet.Value.Double)
	case IntListField:
		return listOf(values, empty, parquet.Value.Int64)
	}
	return listOf(values, empty, func(v parquet.Value) []byte { return slices.Clone(v.ByteArray()) })
}

func listOf[T any](values []parquet.Value, empty bool, of func(parquet.Value) T) []T {
	if empty {
		return []T{}
	}
	out := make([]T, len(values))
	for i, v := range values {
		out[i] = of(v)
	}
	return out
}
