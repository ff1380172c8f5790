package table

import (
	"fmt"
	"math"
	"unicode/utf8"
)

const (
	// undecidedValues is how many values a column of text waits for before its
	// kind is settled. A later value that contradicts unsettles it again.
	undecidedValues = 64
	// Text is what has more distinct values or longer ones.
	textValues    = 50
	textDistinct  = 10_000
	textMeanBytes = 64
)

// cells says what the cells that are added are.
type cells uint8

const (
	untyped cells = iota // CSV: text that may stand for anything
	literal              // JSON, Parquet: text that is no number
	numbers              // JSON: the text of a number
)

// builder makes one column of cells. While the column is undecided it keeps
// the texts; then it keeps values of the likeliest kind and, should a cell
// contradict, is refused: the file is read again with less hope (fallback).
type builder struct {
	name  string
	mode  mode
	fixed bool // the kind was ordered or found by an earlier reading

	column   Column
	rows     int
	values   int // not missing
	integer  bool
	bytes    int // of all texts
	codes    map[string]uint32
	refused  bool
	quotedNo bool // a string was met, which is never a number
}

// mode is what a builder believes its column to be.
type mode uint8

const (
	undecided mode = iota
	asNumber
	asDatetime
	asBoolean
	asText
)

// newBuilder starts a column, of a kind if one was ordered.
func newBuilder(name string, o *Options) *builder {
	b := &builder{name: name, integer: true, codes: map[string]uint32{}}
	b.column.Name = name
	if kind, ok := o.Kinds[name]; ok {
		b.fix(kind)
	}
	return b
}

// fix sets the kind.
func (b *builder) fix(kind Kind) {
	b.fixed = true
	b.column.Kind = kind
	switch kind {
	case Numeric, Integer:
		b.mode = asNumber
	case Datetime:
		b.mode = asDatetime
	case Boolean:
		b.mode = asBoolean
		b.column.Dict = []string{"false", "true"}
	default:
		b.mode = asText
	}
}

// again is a builder for another reading, after this one was refused: its
// column can only be text.
func (b *builder) again() *builder {
	n := &builder{name: b.name, mode: asText, codes: map[string]uint32{}}
	n.column.Name = b.name
	return n
}

// absent adds a row without a value.
func (b *builder) absent() {
	if b.column.Missing == nil {
		n := b.column.Len()
		b.column.Missing = make([]bool, n, max(2*n, 64))
	}
	b.column.Missing = append(b.column.Missing, true)
	if b.mode == asNumber || b.mode == asDatetime {
		b.column.Floats = append(b.column.Floats, math.NaN())
	} else {
		b.column.Codes = append(b.column.Codes, 0)
	}
	b.rows++
}

// add adds one cell. The error says what is wrong with it, not where it is.
func (b *builder) add(cell []byte, what cells) error {
	if b.refused {
		return nil
	}
	if what != numbers && missing(cell) {
		b.absent()
		return nil
	}
	if b.column.Missing != nil {
		b.column.Missing = append(b.column.Missing, false)
	}
	b.rows++
	b.values++
	if what == literal && !b.quotedNo {
		if _, named := namedNumber(cell); !named {
			b.quotedNo = true
			if b.mode == asNumber {
				return b.refuse(cell)
			}
		}
	}
	switch b.mode {
	case asNumber:
		v, whole, ok := number(cell)
		if !ok {
			return b.refuse(cell)
		}
		b.integer = b.integer && whole
		b.column.Floats = append(b.column.Floats, v)
	case asDatetime:
		v, ok := datetime(cell)
		if !ok {
			return b.refuse(cell)
		}
		b.column.Floats = append(b.column.Floats, v)
	case asBoolean:
		v, ok := boolean(cell)
		if !ok {
			return b.refuse(cell)
		}
		b.column.Codes = append(b.column.Codes, map[bool]uint32{true: 1}[v])
	default:
		if err := b.text(cell); err != nil {
			return err
		}
		if b.mode == undecided && b.values == undecidedValues {
			b.decide()
		}
	}
	return nil
}

// addFloat adds a number that needs no parsing. In a column that was ordered to
// be no number it is its text.
func (b *builder) addFloat(v float64) error {
	if b.mode != asNumber && b.mode != asDatetime {
		return b.add([]byte(formatNumber(v)), numbers)
	}
	b.float(v)
	return nil
}

// float adds a number to a column of numbers.
func (b *builder) float(v float64) {
	if b.column.Missing != nil {
		b.column.Missing = append(b.column.Missing, false)
	}
	b.column.Floats = append(b.column.Floats, v)
	b.rows++
	b.values++
}

// namedNumber parses the numbers that JSON can only write as strings.
func namedNumber(b []byte) (v float64, ok bool) {
	switch string(b) {
	case "NaN", "nan":
		return math.NaN(), true
	case "Infinity", "Inf", "+Infinity", "inf":
		return math.Inf(1), true
	case "-Infinity", "-Inf", "-inf":
		return math.Inf(-1), true
	}
	return 0, false
}

// refuse gives the column up: its cells are not what they seemed to be.
func (b *builder) refuse(cell []byte) error {
	if b.fixed {
		return fmt.Errorf("%q is not %s", clip(cell), b.column.Kind)
	}
	b.refused = true
	b.column = Column{Name: b.name}
	return nil
}

func clip(b []byte) []byte { return b[:min(len(b), 40)] }

func (b *builder) text(cell []byte) error {
	code, ok := b.codes[string(cell)]
	if !ok {
		if !utf8.Valid(cell) {
			return fmt.Errorf("%q is not UTF-8; convert the file", clip(cell))
		}
		code = uint32(len(b.column.Dict))
		s := string(cell)
		b.codes[s] = code
		b.column.Dict = append(b.column.Dict, s)
	}
	b.bytes += len(cell)
	b.column.Codes = append(b.column.Codes, code)
	return nil
}

// decide settles what the column is by the texts so far.
func (b *builder) decide() {
	if b.values == 0 {
		b.mode = asText
		return
	}
	floats := make([]float64, len(b.column.Dict))
	all := func(parse func(i int, s []byte) bool) bool {
		for i, s := range b.column.Dict {
			if !parse(i, []byte(s)) {
				return false
			}
		}
		return true
	}
	switch {
	case !b.quotedNo && all(func(i int, s []byte) (ok bool) {
		var whole bool
		floats[i], whole, ok = number(s)
		b.integer = b.integer && whole
		return ok
	}):
		b.mode = asNumber
		b.spread(floats)
	case all(func(i int, s []byte) (ok bool) { floats[i], ok = datetime(s); return ok }):
		b.mode = asDatetime
		b.spread(floats)
	case all(func(_ int, s []byte) bool { _, ok := boolean(s); return ok }):
		b.mode = asBoolean
		for i, c := range b.column.Codes {
			if !b.column.IsMissing(i) {
				v, _ := boolean([]byte(b.column.Dict[c]))
				b.column.Codes[i] = map[bool]uint32{true: 1}[v]
			}
		}
		b.column.Dict = []string{"false", "true"}
	default:
		b.mode = asText
	}
}

// spread turns codes into the numbers that their texts stand for.
func (b *builder) spread(floats []float64) {
	b.column.Floats = make([]float64, len(b.column.Codes))
	for i, c := range b.column.Codes {
		if b.column.IsMissing(i) {
			b.column.Floats[i] = math.NaN()
		} else {
			b.column.Floats[i] = floats[c]
		}
	}
	b.column.Codes, b.column.Dict = nil, nil
}

// finish is the column.
func (b *builder) finish() Column {
	if b.mode == undecided {
		b.decide()
	}
	if !b.fixed {
		b.column.Kind = b.kind()
	}
	return b.column
}

func (b *builder) kind() Kind {
	switch b.mode {
	case asNumber:
		if b.integer {
			return Integer
		}
		return Numeric
	case asDatetime:
		return Datetime
	case asBoolean:
		return Boolean
	}
	return textKind(len(b.column.Dict), b.values, b.bytes)
}

// textKind tells text from categories.
func textKind(distinct, values, bytes int) Kind {
	if distinct > textDistinct || (values >= textValues && distinct*2 > values) || (values > 0 && bytes > textMeanBytes*values) {
		return Text
	}
	return Categorical
}
