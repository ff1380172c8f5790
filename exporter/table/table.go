package table

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// ErrTable: a file that is no table. The message names file, line and fix.
var ErrTable = errors.New("unreadable table")

// Kind is the type of a column.
type Kind uint8

// The kinds, see the package's documentation for what makes which.
const (
	Categorical Kind = iota
	Numeric
	Integer
	Boolean
	Datetime
	Text
)

var kindNames = [...]string{"categorical", "numeric", "integer", "boolean", "datetime", "text"}

// String is the kind's name in small letters.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// ParseKind is the kind of a name; ErrTable for what is none.
func ParseKind(name string) (Kind, error) {
	i := slices.Index(kindNames[:], name)
	if i < 0 {
		return 0, fmt.Errorf("%w: there is no kind %q; there are %s", ErrTable, name, listing(kindNames[:]))
	}
	return Kind(i), nil
}

// Column is one column, row by row.
type Column struct {
	Name string
	Kind Kind
	// Floats are the values of a Numeric, Integer or Datetime column (seconds
	// since 1970, UTC), NaN where a value is missing. Nil for other kinds.
	Floats []float64
	// Codes point into Dict for a Categorical, Boolean or Text column; 0 where a
	// value is missing. Dict is in the order of first appearance; that of a
	// Boolean column is false, true. Nil for other kinds.
	Codes []uint32
	Dict  []string
	// Missing marks the rows without a value; nil where there are none.
	Missing []bool
}

// Len is the number of rows.
func (c *Column) Len() int { return max(len(c.Floats), len(c.Codes)) }

// IsMissing reports whether row i has no value.
func (c *Column) IsMissing(i int) bool { return c.Missing != nil && c.Missing[i] }

// MissingCount is the number of rows without a value.
func (c *Column) MissingCount() (n int) {
	for _, m := range c.Missing {
		if m {
			n++
		}
	}
	return n
}

// Blank reports whether no row has a value.
func (c *Column) Blank() bool { return c.MissingCount() == c.Len() }

// Numeric reports whether the values are in Floats.
func (c *Column) Numeric() bool {
	return c.Kind == Numeric || c.Kind == Integer || c.Kind == Datetime
}

// Value is row i as text: numbers in the shortest form that reads back the same
// (whole ones without a fraction, so that 3.0 is "3"), datetimes in RFC 3339,
// "" where it is missing.
func (c *Column) Value(i int) string {
	switch {
	case c.IsMissing(i):
		return ""
	case c.Kind == Datetime:
		return time.UnixMilli(int64(math.Round(c.Floats[i] * 1e3))).UTC().Format(time.RFC3339Nano)
	case c.Numeric():
		return formatNumber(c.Floats[i])
	}
	return c.Dict[c.Codes[i]]
}

func formatNumber(v float64) string {
	if math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// Values are all rows as text, see Value.
func (c *Column) Values() []string {
	out := make([]string, c.Len())
	for i := range out {
		out[i] = c.Value(i)
	}
	return out
}

// Categories is the column with its values as categories, each as Value writes
// it; c itself where it is one already.
func (c *Column) Categories() *Column {
	if !c.Numeric() {
		return c
	}
	out := &Column{Name: c.Name, Kind: Categorical, Missing: c.Missing, Codes: make([]uint32, c.Len())}
	codes := map[uint64]uint32{}
	for i, v := range c.Floats {
		if c.IsMissing(i) {
			continue
		}
		if v == 0 || v != v {
			v = math.Abs(v) // -0 is 0, and NaN is NaN
		}
		code, ok := codes[math.Float64bits(v)]
		if !ok {
			code = uint32(len(out.Dict))
			codes[math.Float64bits(v)] = code
			out.Dict = append(out.Dict, c.Value(i))
		}
		out.Codes[i] = code
	}
	return out
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
