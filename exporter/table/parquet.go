package table

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// parquetFile is an open Parquet file. Its leaf columns are the table's
// columns, those of groups under the name group.leaf.
type parquetFile struct {
	file  *parquet.File
	rows  int
	names []string
	paths [][]string
}

// openParquet reads the file's footer.
func openParquet(in *input, o *Options) (p *parquetFile, err error) {
	defer contain(&err)
	at, size, err := in.at()
	if err != nil {
		return nil, err
	}
	if err := footerFits(at, size); err != nil {
		return nil, err
	}
	file, err := parquet.OpenFile(at, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, fmt.Errorf("%w: no Parquet file, or a damaged one: %w", ErrTable, err)
	}
	p = &parquetFile{file: file, rows: int(file.NumRows()), paths: file.Schema().Columns()}
	for _, path := range p.paths {
		p.names = append(p.names, strings.Join(path, "."))
	}
	if err := header(p.names, o); err != nil {
		return nil, err
	}
	if p.rows < 0 || p.rows > o.MaxCells {
		return nil, fmt.Errorf("%w: %d rows, beyond the limit of %d cells in memory", ErrTable, p.rows, o.MaxCells)
	}
	return p, o.check(p.names)
}

// contain makes an error of a panic: the decoder meets bytes that anybody may
// have written.
func contain(err *error) {
	if fault := recover(); fault != nil {
		*err = fmt.Errorf("%w: a damaged Parquet file: %v", ErrTable, fault)
	}
}

func (p *parquetFile) index(name string) int { return slices.Index(p.names, name) }

// column reads one column of all row groups.
func (p *parquetFile) column(name string, o *Options) (c *Column, err error) {
	defer contain(&err)
	b, err := p.read(name, o, nil)
	if err != nil {
		return nil, err
	}
	out := b.finish()
	return &out, nil
}

// read gives one column of all row groups to a builder; after every page, to
// what may take it away.
func (p *parquetFile) read(name string, o *Options, after func(*builder) error) (*builder, error) {
	i := p.index(name)
	leaf, ok := p.file.Schema().Lookup(p.paths[i]...)
	if !ok {
		return nil, fmt.Errorf("%w: column %q is not in the schema", ErrTable, name)
	}
	if leaf.MaxRepetitionLevel > 0 {
		return nil, fmt.Errorf("%w: column %q holds lists; flatten it, or exclude it", ErrTable, name)
	}
	add, b, err := converter(leaf.Node, name, o)
	if err != nil {
		return nil, fmt.Errorf("%w: column %q: %w", ErrTable, name, err)
	}
	if b.mode == asNumber && after == nil { // the footer may promise any number of rows
		b.column.Floats = make([]float64, 0, min(p.rows, 1<<20))
	}
	for _, group := range p.file.RowGroups() {
		if err := chunk(group.ColumnChunks()[leaf.ColumnIndex], b, add, after); err != nil {
			return nil, fmt.Errorf("%w: column %q: %w", ErrTable, name, err)
		}
	}
	if b.rows != p.rows {
		return nil, fmt.Errorf("%w: column %q has %d values, the file %d rows", ErrTable, name, b.rows, p.rows)
	}
	return b, nil
}

// chunk gives the values of one column chunk to a builder.
func chunk(c parquet.ColumnChunk, b *builder, add func(parquet.Value) error, after func(*builder) error) error {
	pages := c.Pages()
	defer pages.Close()
	values := make([]parquet.Value, 1024)
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !direct(page, b) {
			err = each(page.Values(), values, func(v parquet.Value) error {
				if v.IsNull() {
					b.absent()
					return nil
				}
				return add(v)
			})
		}
		parquet.Release(page)
		if err == nil && after != nil {
			err = after(b)
		}
		if err != nil {
			return err
		}
	}
}

func each(r parquet.ValueReader, values []parquet.Value, do func(parquet.Value) error) error {
	for {
		n, err := r.ReadValues(values)
		for _, v := range values[:n] {
			if err := do(v); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case n == 0:
			return io.ErrNoProgress
		}
	}
}

// converter says how a leaf's values become cells, and makes the builder for
// them.
func converter(leaf parquet.Node, name string, o *Options) (func(parquet.Value) error, *builder, error) {
	b := newBuilder(name, o)
	_, ordered := o.Kinds[name]
	as := func(kind Kind) {
		if !ordered {
			b.fix(kind)
		}
	}
	number := func(value func(parquet.Value) float64) func(parquet.Value) error {
		return func(v parquet.Value) error { return b.addFloat(value(v)) }
	}
	scale, logical := scaleOf(leaf.Type())
	switch kind := leaf.Type().Kind(); {
	case kind == parquet.Boolean:
		as(Boolean)
		return func(v parquet.Value) error { return b.add([]byte(v.String()), untyped) }, b, nil
	case kind == parquet.Float:
		as(Numeric)
		return number(func(v parquet.Value) float64 { return float64(v.Float()) }), b, nil
	case kind == parquet.Double:
		as(Numeric)
		return number(parquet.Value.Double), b, nil
	case kind == parquet.Int32 || kind == parquet.Int64:
		as(logical)
		unsigned := unsigned(leaf.Type())
		return number(func(v parquet.Value) float64 { return integer(v, kind, unsigned) / scale }), b, nil
	case kind == parquet.Int96:
		as(Datetime)
		return number(func(v parquet.Value) float64 { return impala(v) }), b, nil
	case logical == Numeric: // a decimal in bytes
		as(Numeric)
		return number(func(v parquet.Value) float64 { return bytesDecimal(v.ByteArray()) / scale }), b, nil
	case kind == parquet.ByteArray || kind == parquet.FixedLenByteArray:
		if !ordered {
			b.mode = asText
		}
		text := func(v parquet.Value) []byte { return v.ByteArray() }
		if isUUID(leaf.Type()) {
			text = func(v parquet.Value) []byte { return []byte(v.String()) }
		}
		return func(v parquet.Value) error { return b.add(text(v), literal) }, b, nil
	}
	return nil, nil, fmt.Errorf("type %s is not supported; exclude the column", leaf.Type())
}

// scaleOf is what the integers of a type are divided by, and what they are.
func scaleOf(t parquet.Type) (scale float64, kind Kind) {
	l := t.LogicalType()
	if l == nil {
		return scaleOfOld(t.ConvertedType())
	}
	switch v := l.Value.(type) {
	case *format.DateType:
		return 1.0 / 86400, Datetime
	case *format.TimestampType:
		return perSecond(v.Unit), Datetime
	case *format.TimeType:
		return perSecond(v.Unit), Numeric
	case *format.DecimalType:
		return math.Pow10(int(v.Scale)), Numeric
	}
	return 1, Integer
}

// scaleOfOld is scaleOf for files from before there were logical types.
func scaleOfOld(c *deprecated.ConvertedType) (scale float64, kind Kind) {
	if c == nil {
		return 1, Integer
	}
	switch *c {
	case deprecated.Date:
		return 1.0 / 86400, Datetime
	case deprecated.TimestampMillis:
		return 1e3, Datetime
	case deprecated.TimestampMicros:
		return 1e6, Datetime
	}
	return 1, Integer
}

func perSecond(u format.TimeUnit) float64 {
	if u.Value == nil {
		return 1e9
	}
	return float64(time.Second) / float64(u.Value.Duration())
}

func unsigned(t parquet.Type) bool {
	l := t.LogicalType()
	if l == nil {
		return false
	}
	v, ok := l.Value.(*format.IntType)
	return ok && !v.IsSigned
}

func isUUID(t parquet.Type) bool {
	l := t.LogicalType()
	if l == nil {
		return false
	}
	_, ok := l.Value.(*format.UUIDType)
	return ok
}

func integer(v parquet.Value, kind parquet.Kind, unsigned bool) float64 {
	switch {
	case kind == parquet.Int32 && unsigned:
		return float64(uint32(v.Int32()))
	case kind == parquet.Int32:
		return float64(v.Int32())
	case unsigned:
		return float64(uint64(v.Int64()))
	}
	return float64(v.Int64())
}

// impala is the old timestamp: nanoseconds of the day and the Julian day.
func impala(v parquet.Value) float64 {
	i := v.Int96()
	const unixEpoch = 2440588 // as a Julian day
	nanos := uint64(i[0]) | uint64(i[1])<<32
	return (float64(i[2])-unixEpoch)*86400 + float64(nanos)/1e9
}

// bytesDecimal is a two's complement number, the highest byte first.
func bytesDecimal(b []byte) float64 {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	v, _ := new(big.Float).SetInt(n).Float64()
	return v
}
