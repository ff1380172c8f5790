package api

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

const (
	maxLabelBody = 32 << 20 // bytes, unzipped
	maxRejected  = 100      // faults told in one answer
)

// rejected is one label that was not taken.
type rejected struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
}

// labels takes one label as a JSON object, several as a JSON array or as JSON
// Lines, or CSV with the header id,label[,time,model]; also gzipped. Good lines
// count although others are bad.
func (a *api) labels(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = http.MaxBytesReader(w, r.Body, maxLabelBody)
	if r.Header.Get("Content-Encoding") == "gzip" {
		zr, err := gzip.NewReader(body)
		if err != nil {
			a.fail(w, http.StatusBadRequest, fmt.Errorf("body: not gzip, although Content-Encoding says so: %w", err))
			return
		}
		body = io.LimitReader(zr, maxLabelBody)
	}
	answer := struct {
		Accepted int        `json:"accepted"`
		Rejected []rejected `json:"rejected"`
		Bad      int        `json:"rejected_total"`
	}{Rejected: []rejected{}}
	take := func(line int, l record.Label, err error) {
		if err == nil {
			err = a.s.Labels.Accept(l)
		}
		if err == nil {
			answer.Accepted++
			return
		}
		if answer.Bad++; len(answer.Rejected) < maxRejected {
			answer.Rejected = append(answer.Rejected, rejected{line, err.Error()})
		}
	}
	err := parseLabels(body, strings.HasPrefix(r.Header.Get("Content-Type"), "text/csv"), take)
	switch {
	case err != nil && answer.Accepted == 0:
		a.fail(w, http.StatusBadRequest, err)
		return
	case answer.Accepted == 0 && answer.Bad > 0:
		w.WriteHeader(http.StatusBadRequest)
	}
	a.write(w, r, answer)
}

// parseLabels hands over label by label, with the line that it came from.
func parseLabels(body io.Reader, isCSV bool, take func(int, record.Label, error)) error {
	if isCSV {
		return csvLabels(body, take)
	}
	br := bufio.NewReader(body)
	if first, err := firstByte(br); err != nil {
		return errors.New("body: empty; send {\"id\": ..., \"label\": ...}")
	} else if first == '[' {
		return arrayLabels(br, take)
	}
	for line := 1; ; line++ {
		text, err := br.ReadBytes('\n')
		if len(bytes.TrimSpace(text)) > 0 {
			l, perr := parseLabel(text)
			take(line, l, perr)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("body: %w", err)
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

func arrayLabels(r io.Reader, take func(int, record.Label, error)) error {
	dec := json.NewDecoder(r)
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	for n := 1; dec.More(); n++ {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return fmt.Errorf("body: element %d: %w", n, err)
		}
		l, err := parseLabel(raw)
		take(n, l, err)
	}
	return nil
}

// parseLabel reads {"id", "label", "time"?, "model"?}; the label may be a
// string, a number or a boolean.
func parseLabel(raw []byte) (record.Label, error) {
	var in struct {
		ID    string          `json:"id"`
		Label json.RawMessage `json:"label"`
		Time  string          `json:"time"`
		Model string          `json:"model"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return record.Label{}, fmt.Errorf("not a label object: %w", err)
	}
	class, err := className(in.Label)
	if err != nil {
		return record.Label{}, err
	}
	return label(in.ID, class, in.Time, in.Model)
}

func className(raw json.RawMessage) (string, error) {
	var s string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
		return s, nil
	}
	text := string(raw)
	switch {
	case len(raw) == 0 || text == "null":
		return "", errors.New("label: missing; send {\"id\": ..., \"label\": ...}")
	case text == "true" || text == "false":
		return text, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return "", fmt.Errorf("label: %.40s is neither a string nor a number", text)
	}
	return strconv.FormatFloat(v, 'f', -1, 64), nil
}

func label(id, class, at, model string) (record.Label, error) {
	l := record.Label{ID: id, Class: class, Model: model}
	if id == "" {
		return l, errors.New("id: missing; send the id of the inference request")
	}
	if class == "" {
		return l, errors.New("label: missing")
	}
	if at != "" {
		t, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			return l, fmt.Errorf("time: %q is no time; write it as RFC 3339", at)
		}
		l.Time = t
	}
	return l, nil
}

func csvLabels(body io.Reader, take func(int, record.Label, error)) error {
	cr := csv.NewReader(body)
	cr.FieldsPerRecord = -1
	header, err := cr.Read()
	if err != nil {
		return fmt.Errorf("body: no CSV header: %w", err)
	}
	column := func(name string) int { return slices.Index(header, name) }
	id, class, at, model := column("id"), column("label"), column("time"), column("model")
	if id < 0 || class < 0 {
		return fmt.Errorf("body: the CSV header is %q; it must have the columns id and label", strings.Join(header, ","))
	}
	field := func(row []string, i int) string {
		if i < 0 || i >= len(row) {
			return ""
		}
		return row[i]
	}
	for {
		row, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		line, _ := cr.FieldPos(0)
		if err != nil {
			take(line, record.Label{}, err)
			var perr *csv.ParseError
			if !errors.As(err, &perr) {
				return err
			}
			continue
		}
		l, err := label(field(row, id), field(row, class), field(row, at), field(row, model))
		take(line, l, err)
	}
}
