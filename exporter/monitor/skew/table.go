package skew

import (
	"errors"
	"fmt"
	"hash/maphash"
	"strings"

	"github.com/gnomon-dev/gnomon/exporter/table"
)

// ErrTable: a file whose rows cannot be joined.
var ErrTable = errors.New("unusable rows for the skew check")

// maxCells bounds the rows in memory: 8 bytes a cell.
const maxCells = 25_000_000

// Table is the logged rows by entity. Immutable, safe for concurrent use. Of
// the entities' ids only hashes are kept.
type Table struct {
	Source    string
	Duplicate int
	seed      maphash.Seed
	rows      map[uint64]int32
	columns   []table.Column
	byName    map[string]int
}

// Load reads the file. Where an entity has several rows, the last one counts.
func Load(file, key string) (*Table, error) {
	t, err := table.Read(file, table.Options{Kinds: map[string]table.Kind{key: table.Text}, MaxCells: maxCells})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTable, err)
	}
	ids := t.Column(key)
	if ids == nil {
		return nil, fmt.Errorf("%w: %s has no column %q; it has %s", ErrTable, file, key, strings.Join(t.Names(), ", "))
	}
	rest := &table.Table{Rows: t.Rows}
	for i := range t.Columns {
		if t.Columns[i].Name != key {
			rest.Columns = append(rest.Columns, t.Columns[i])
		}
	}
	return index(file, ids, rest)
}

// index makes a Table of the columns whose rows are the entities of ids.
func index(source string, ids *table.Column, t *table.Table) (*Table, error) {
	out := &Table{Source: source, seed: maphash.MakeSeed(), rows: make(map[uint64]int32, t.Rows), columns: t.Columns, byName: map[string]int{}}
	for i := range t.Rows {
		id := ids.Value(i)
		if id == "" {
			continue
		}
		h := maphash.String(out.seed, id)
		if _, again := out.rows[h]; again {
			out.Duplicate++
		}
		out.rows[h] = int32(i)
	}
	if len(out.rows) == 0 {
		return nil, fmt.Errorf("%w: column %q of %s holds no id", ErrTable, ids.Name, source)
	}
	for i := range out.columns {
		out.byName[out.columns[i].Name] = i
	}
	return out, nil
}

// Rows is the number of entities.
func (t *Table) Rows() int { return len(t.rows) }

func (t *Table) find(id string) (row int, ok bool) {
	r, ok := t.rows[maphash.String(t.seed, id)]
	return int(r), ok
}
