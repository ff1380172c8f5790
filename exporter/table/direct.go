package table

import (
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// direct gives a page of floating point numbers to a builder of numbers without
// a parquet.Value each, which is most of what reading them costs. It reports
// whether it could; nothing was added where it could not.
func direct(page parquet.Page, b *builder) bool {
	if b.mode != asNumber || len(page.RepetitionLevels()) > 0 {
		return false
	}
	data, dict := page.Data(), page.Dictionary()
	if dict != nil {
		codes := data
		if codes.Kind() != encoding.Int32 {
			return false
		}
		data = dict.Page().Data()
		switch data.Kind() {
		case encoding.Double:
			return looked(page, b, codes.Int32(), data.Double())
		case encoding.Float:
			return looked(page, b, codes.Int32(), data.Float())
		}
		return false
	}
	switch data.Kind() {
	case encoding.Double:
		values := data.Double()
		if page.NumNulls() == 0 && b.column.Missing == nil && int64(len(values)) == page.NumValues() {
			b.column.Floats = append(b.column.Floats, values...)
			b.rows += len(values)
			b.values += len(values)
			return true
		}
		return placed(page, b, len(values), func(i int) float64 { return values[i] })
	case encoding.Float:
		values := data.Float()
		return placed(page, b, len(values), func(i int) float64 { return float64(values[i]) })
	}
	return false
}

// looked takes the values that codes point to in a dictionary.
func looked[F float32 | float64](page parquet.Page, b *builder, codes []int32, dict []F) bool {
	for _, c := range codes {
		if c < 0 || int(c) >= len(dict) {
			return false // a damaged file, which the slow path refuses
		}
	}
	if page.NumNulls() == 0 && b.column.Missing == nil && int64(len(codes)) == page.NumValues() {
		for _, c := range codes {
			b.column.Floats = append(b.column.Floats, float64(dict[c]))
		}
		b.rows += len(codes)
		b.values += len(codes)
		return true
	}
	return placed(page, b, len(codes), func(i int) float64 { return float64(dict[codes[i]]) })
}

// placed adds n values, and the rows without one between them.
func placed(page parquet.Page, b *builder, n int, value func(i int) float64) bool {
	levels := page.DefinitionLevels()
	if len(levels) == 0 {
		if int64(n) != page.NumValues() {
			return false
		}
		for i := range n {
			b.float(value(i))
		}
		return true
	}
	nulls := int(page.NumNulls())
	if len(levels) != n+nulls {
		return false
	}
	// A row has its value where its level is the highest.
	var highest byte
	for _, l := range levels {
		highest = max(highest, l)
	}
	i := 0
	for _, l := range levels {
		if l == highest && i < n {
			i++
		}
	}
	if i != n {
		return false
	}
	i = 0
	for _, l := range levels {
		if l == highest && i < n {
			b.float(value(i))
			i++
		} else {
			b.absent()
		}
	}
	return true
}
