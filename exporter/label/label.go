// Package label reads labels as people and programs send them: JSON objects,
// arrays, JSON Lines and CSV. Every door for labels (HTTP, Kafka, folders of
// files) reads by it.
//
//	{"id": "the-request-id", "label": 7}
//
// label is a class by name or index, a number, or a boolean. Beside it or
// instead of it: "classes" (several that hold), "boxes" ({"class", "box": [left,
// top, right, bottom]}), "labels" ({"annotator", "label"}) or "annotator",
// "kpi" ({"revenue": 12.3}), "weight", "time" (RFC 3339) and "model". A CSV
// file has the columns id, label, time, model, annotator, weight, and kpi.NAME
// for business figures.
package label

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// Format says how a body is written.
type Format int

// Auto is JSON, whatever its form, unless the first line is a CSV header.
const (
	Auto Format = iota
	CSV
)

// maxLine bounds one JSON Line.
const maxLine = 8 << 20

// Read hands over label by label, with the line (of an array: the element)
// that it came from, or what is wrong there. It goes on behind a bad one; the
// error is that of the whole body.
func Read(body io.Reader, f Format, take func(line int, l record.Label, err error)) error {
	br := bufio.NewReaderSize(body, 64<<10)
	if head, _ := br.Peek(3); bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		_, _ = br.Discard(3) // it was peeked
	}
	first, err := firstByte(br)
	if err != nil {
		return errors.New(`empty; send {"id": ..., "label": ...}`)
	}
	switch {
	case f == CSV, first != '{' && first != '[' && header(br):
		return readCSV(br, take)
	case first == '[':
		return readArray(br, take)
	}
	return readLines(br, take)
}

// header reports whether the first line names the columns of a CSV file.
func header(br *bufio.Reader) bool {
	head, _ := br.Peek(4096)
	line, _, _ := bytes.Cut(head, []byte("\n"))
	for _, name := range bytes.Split(bytes.TrimSpace(line), []byte(",")) {
		if string(bytes.Trim(name, `" `)) == "id" {
			return true
		}
	}
	return false
}

func readLines(br *bufio.Reader, take func(int, record.Label, error)) error {
	var text []byte
	for line := 1; ; line++ {
		text = text[:0]
		long := false
		var err error
		for {
			var part []byte
			part, err = br.ReadSlice('\n')
			if len(text)+len(part) > maxLine {
				long = true
			} else {
				text = append(text, part...)
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				break
			}
		}
		switch {
		case long:
			take(line, record.Label{}, fmt.Errorf("longer than %d bytes", maxLine))
		case len(bytes.TrimSpace(text)) > 0:
			l, perr := Parse(text)
			take(line, l, perr)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func firstByte(br *bufio.Reader) (byte, error) {
	for {
		b, err := br.ReadByte()
		if err != nil {
			return 0, err
		}
		if !slices.Contains([]byte(" \t\r\n"), b) {
			return b, br.UnreadByte()
		}
	}
}

func readArray(r io.Reader, take func(int, record.Label, error)) error {
	dec := json.NewDecoder(r)
	if _, err := dec.Token(); err != nil {
		return err
	}
	for n := 1; dec.More(); n++ {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return fmt.Errorf("element %d: %w", n, err)
		}
		l, err := Parse(raw)
		take(n, l, err)
	}
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("the array does not end: %w", err)
	}
	return nil
}

type wire struct {
	ID        string             `json:"id"`
	Label     json.RawMessage    `json:"label"`
	Class     json.RawMessage    `json:"class"`
	Value     *float64           `json:"value"`
	Classes   []json.RawMessage  `json:"classes"`
	Boxes     []box              `json:"boxes"`
	Labels    []vote             `json:"labels"`
	Annotator string             `json:"annotator"`
	KPI       map[string]float64 `json:"kpi"`
	Weight    *float64           `json:"weight"`
	Time      string             `json:"time"`
	Model     string             `json:"model"`
}

type box struct {
	Class json.RawMessage `json:"class"`
	Box   [4]float64      `json:"box"`
}

type vote struct {
	Annotator string          `json:"annotator"`
	Label     json.RawMessage `json:"label"`
}

// Parse reads one JSON object.
func Parse(raw []byte) (record.Label, error) {
	var in wire
	if err := json.Unmarshal(raw, &in); err != nil {
		return record.Label{}, fmt.Errorf("not a label object: %w", err)
	}
	l := record.Label{ID: in.ID, Model: in.Model, Value: in.Value, KPI: in.KPI, Weight: in.Weight}
	if err := in.classes(&l); err != nil {
		return l, err
	}
	if in.Time != "" {
		t, err := time.Parse(time.RFC3339Nano, in.Time)
		if err != nil {
			return l, fmt.Errorf("time: %q is no time; write it as RFC 3339", in.Time)
		}
		l.Time = t
	}
	return l, Check(&l)
}

// classes reads what names classes.
func (in *wire) classes(l *record.Label) error {
	name, text := "label", in.Label
	if len(text) == 0 {
		name, text = "class", in.Class
	}
	if len(text) > 0 && string(text) != "null" {
		class, value, err := className(text)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		l.Class = class
		if l.Value == nil {
			l.Value = value
		}
	}
	if in.Classes != nil {
		l.Classes = []string{}
		for i, raw := range in.Classes {
			class, _, err := className(raw)
			if err != nil {
				return fmt.Errorf("classes[%d]: %w", i, err)
			}
			l.Classes = append(l.Classes, class)
		}
		slices.Sort(l.Classes)
		l.Classes = slices.Compact(l.Classes)
	}
	for i, b := range in.Boxes {
		one := record.Box{Box: b.Box}
		if len(b.Class) > 0 {
			class, _, err := className(b.Class)
			if err != nil {
				return fmt.Errorf("boxes[%d].class: %w", i, err)
			}
			one.Class = class
		}
		l.Boxes = append(l.Boxes, one)
	}
	for i, v := range in.Labels {
		class, _, err := className(v.Label)
		if err != nil {
			return fmt.Errorf("labels[%d].label: %w", i, err)
		}
		l.Votes = append(l.Votes, record.Vote{Annotator: v.Annotator, Class: class})
	}
	if in.Annotator != "" && l.Class != "" {
		l.Votes = append(l.Votes, record.Vote{Annotator: in.Annotator, Class: l.Class})
	}
	if len(l.Votes) > 0 {
		l.Class = record.Majority(l.Votes)
	}
	return nil
}

// className is a class as text; a number's value too.
func className(raw json.RawMessage) (string, *float64, error) {
	var s string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
		if s == "" {
			return "", nil, errors.New("is empty")
		}
		return s, nil, nil
	}
	text := string(raw)
	switch text {
	case "":
		return "", nil, errors.New("missing")
	case "true":
		return text, ptr(1), nil
	case "false":
		return text, ptr(0), nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return "", nil, fmt.Errorf("%.40s is neither a string nor a number", text)
	}
	return strconv.FormatFloat(v, 'f', -1, 64), &v, nil
}

func ptr(v float64) *float64 { return &v }

// maxKPI bounds the business figures of one label.
const maxKPI = 16

// Check says what is wrong with a label, and how to mend it.
func Check(l *record.Label) error {
	switch {
	case l.ID == "":
		return errors.New("id: missing; send the id of the inference request")
	case len(l.ID) > 1024:
		return fmt.Errorf("id: %d bytes are too many; ids have at most 1024", len(l.ID))
	case !l.Truth() && len(l.KPI) == 0:
		return errors.New(`label: missing; send {"id": ..., "label": ...}, or a "kpi"`)
	case l.Value != nil && (math.IsNaN(*l.Value) || math.IsInf(*l.Value, 0)):
		return errors.New("value: is not a finite number")
	case l.Weight != nil && !(*l.Weight >= 0 && !math.IsInf(*l.Weight, 0)):
		return errors.New("weight: is not a number of 0 or more")
	case len(l.KPI) > maxKPI:
		return fmt.Errorf("kpi: %d figures are too many; send at most %d", len(l.KPI), maxKPI)
	}
	for i, v := range l.Votes {
		if v.Annotator == "" {
			return fmt.Errorf("labels[%d].annotator: missing; name who said so", i)
		}
	}
	for i, b := range l.Boxes {
		if !(b.Box[0] <= b.Box[2] && b.Box[1] <= b.Box[3]) {
			return fmt.Errorf("boxes[%d].box: %v is not [left, top, right, bottom]", i, b.Box)
		}
	}
	return nil
}

func readCSV(r io.Reader, take func(int, record.Label, error)) error {
	cr := csv.NewReader(r)
	cr.FieldsPerRecord, cr.TrimLeadingSpace = -1, true
	head, err := cr.Read()
	if err != nil {
		return fmt.Errorf("no CSV header: %w", err)
	}
	c := columns{}
	for i, name := range head {
		c[strings.TrimSpace(name)] = i
	}
	if _, ok := c["id"]; !ok {
		return fmt.Errorf("the CSV header is %q; it must have the columns id and label", strings.Join(head, ","))
	}
	if !slices.ContainsFunc(head, func(n string) bool {
		n = strings.TrimSpace(n)
		return n == "label" || n == "value" || strings.HasPrefix(n, "kpi.")
	}) {
		return fmt.Errorf("the CSV header is %q; it must have the columns id and label", strings.Join(head, ","))
	}
	for {
		row, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var fault *csv.ParseError
		if errors.As(err, &fault) { // a line that could not be read has no fields to ask for their place
			take(fault.StartLine, record.Label{}, err)
			continue
		}
		if err != nil {
			return err
		}
		line, _ := cr.FieldPos(0)
		l, err := c.label(row)
		take(line, l, err)
	}
}

// columns are the places of a CSV file's columns by name.
type columns map[string]int

func (c columns) field(row []string, name string) string {
	if i, ok := c[name]; ok && i < len(row) {
		return strings.TrimSpace(row[i])
	}
	return ""
}

func (c columns) number(row []string, name string) (*float64, error) {
	text := c.field(row, name)
	if text == "" {
		return nil, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("%s: %q is no number", name, text)
	}
	return &v, nil
}

func (c columns) label(row []string) (record.Label, error) {
	l := record.Label{ID: c.field(row, "id"), Model: c.field(row, "model"), Class: c.field(row, "label")}
	if v, err := strconv.ParseFloat(l.Class, 64); err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
		l.Value = &v
		l.Class = strconv.FormatFloat(v, 'f', -1, 64)
	}
	var errs [2]error
	var value *float64
	value, errs[0] = c.number(row, "value")
	if value != nil {
		l.Value = value
	}
	l.Weight, errs[1] = c.number(row, "weight")
	if err := errors.Join(errs[:]...); err != nil {
		return l, err
	}
	for name := range c {
		figure, ok := strings.CutPrefix(name, "kpi.")
		if !ok {
			continue
		}
		v, err := c.number(row, name)
		if err != nil {
			return l, err
		}
		if v != nil {
			if l.KPI == nil {
				l.KPI = map[string]float64{}
			}
			l.KPI[figure] = *v
		}
	}
	if who := c.field(row, "annotator"); who != "" && l.Class != "" {
		l.Votes = []record.Vote{{Annotator: who, Class: l.Class}}
	}
	if at := c.field(row, "time"); at != "" {
		t, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			return l, fmt.Errorf("time: %q is no time; write it as RFC 3339", at)
		}
		l.Time = t
	}
	return l, Check(&l)
}
