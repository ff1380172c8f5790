package inferencelog

import (
	"bytes"
	"encoding/json"

	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/feature"
	"github.com/gnomon-dev/gnomon/exporter/redact"
	"github.com/gnomon-dev/gnomon/exporter/table"
)

// segment is the rows of one file in the making.
type segment struct {
	started  time.Time
	rows     []row
	size     int64
	ids      map[string]int // place of the first row with the id
	layout   []layoutInput  // of the model's inputs
	redacted []string       // columns that do not hold the values as they were
}

// layoutInput is one input in the file's metadata: enough to make the tensor of
// its columns again.
type layoutInput struct {
	Name     string   `json:"name"`
	DataType string   `json:"datatype"`
	Shape    []int64  `json:"shape"`
	Columns  []string `json:"columns,omitempty"`
}

// Keys of the file's metadata.
const (
	metaInputs   = "gnomon.inputs"
	metaRedacted = "gnomon.redacted"
)

func newSegment(now time.Time) *segment { return &segment{started: now, ids: map[string]int{}} }

// describe notes once what the model's inputs look like.
func (s *segment) describe(e *feature.Extractor, r *redact.Redactor) {
	if e == nil || s.layout != nil {
		return
	}
	for _, in := range e.Inputs() {
		l := layoutInput{Name: in.Name, DataType: in.Type.String(), Shape: in.Shape}
		for _, f := range in.Features {
			column := Column(f)
			l.Columns = append(l.Columns, column)
			if rule, ok := r.Feature(column); !ok || rule.Action != redact.Keep {
				s.redacted = append(s.redacted, column)
			}
		}
		s.layout = append(s.layout, l)
	}
}

func (s *segment) add(r row) {
	if _, twice := s.ids[r.id]; !twice {
		s.ids[r.id] = len(s.rows)
	}
	s.rows = append(s.rows, r)
	s.size += r.size
}

// label gives a waiting row its label.
func (s *segment) label(id, class string) bool {
	i, ok := s.ids[id]
	if ok && class != "" {
		s.rows[i].values[columnLabel] = class
	}
	return ok
}

// remove takes the rows of ids out.
func (s *segment) remove(m matcher) (n int, size int64) {
	kept := s.rows[:0]
	s.ids = map[string]int{}
	for _, r := range s.rows {
		if m.match(r.id) {
			n++
			size += r.size
			continue
		}
		s.ids[r.id] = len(kept)
		kept = append(kept, r)
	}
	clear(s.rows[len(kept):])
	s.rows = kept
	s.size -= size
	return n, size
}

// write writes the file.
func (s *segment) write(w *bytes.Buffer) error {
	kinds := map[string]table.FieldKind{columnID: table.StringField}
	for _, r := range s.rows {
		for name, v := range r.values {
			k, known := kinds[name]
			kinds[name] = wider(k, known, v)
		}
	}
	var fields []table.Field
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		f := table.Field{Name: name, Kind: kinds[name], Values: make([]any, len(s.rows))}
		for i, r := range s.rows {
			f.Values[i] = fit(f.Kind, r.values[name])
		}
		fields = append(fields, f)
	}
	layout, err := json.Marshal(s.layout)
	if err != nil {
		return err
	}
	return table.WriteColumns(w, fields, map[string]string{metaInputs: string(layout), metaRedacted: strings.Join(s.redacted, "\n")})
}

// wider is the kind that holds both what a column has so far and v.
func wider(k table.FieldKind, known bool, v any) table.FieldKind {
	own := table.StringField
	switch v.(type) {
	case float64:
		own = table.DoubleField
	case time.Time:
		own = table.TimeField
	case []float64:
		own = table.DoubleListField
	case []int64:
		own = table.IntListField
	case [][]byte:
		own = table.BytesListField
	}
	if !known || k == own {
		return own
	}
	return table.StringField
}

// fit makes a value fit a column that met several types: as text; a list among
// texts is left out.
func fit(k table.FieldKind, v any) any {
	if v == nil || wider(k, true, v) == k && k != table.StringField {
		return v
	}
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return nil
}
