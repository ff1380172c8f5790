package training

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// metricsFile reads a file that the job appends to: JSON Lines, an object a
// line with "step" and metrics by their names, or CSV with a header. A time is
// taken from "time" or "timestamp": RFC 3339, or Unix seconds.
type metricsFile struct {
	path   string
	follow follower
	header []string // of CSV
	count  int64    // lines so far, the step where none is written
}

// longestLine is the longest line that is read.
const longestLine = 1 << 20

// Read implements Source.
func (m *metricsFile) Read(context.Context) ([]Point, error) {
	if m.follow.offset == 0 {
		m.header, m.count = nil, 0
	}
	b, err := m.follow.next(m.path)
	if err != nil {
		return nil, err
	}
	if m.follow.offset <= int64(len(b)) {
		m.header, m.count = nil, 0 // from the beginning: it is another file now
	}
	end := bytes.LastIndexByte(b, '\n') + 1
	if len(b)-end > longestLine {
		end = len(b)
	}
	m.follow.keep(b[end:])
	var out []Point
	bad := 0
	for line := range bytes.Lines(b[:end]) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		points, err := m.line(line)
		if err != nil {
			bad++
			continue
		}
		out = append(out, points...)
	}
	if bad > 0 {
		return out, fmt.Errorf("%s: %w: %d lines are neither JSON objects nor rows under a header; write {\"step\": 1, \"loss\": 0.5}", m.path, errFormat, bad)
	}
	return out, nil
}

func (m *metricsFile) line(line []byte) ([]Point, error) {
	if line[0] == '{' {
		return m.object(line)
	}
	row, err := csv.NewReader(bytes.NewReader(line)).Read()
	if err != nil {
		return nil, err
	}
	if m.header == nil {
		for i, name := range row {
			row[i] = strings.TrimSpace(name)
		}
		if _, err := strconv.ParseFloat(row[0], 64); err == nil || !slices.Contains(row, "step") && len(row) < 2 {
			return nil, errFormat
		}
		m.header = row
		return nil, nil
	}
	if len(row) != len(m.header) {
		return nil, errFormat
	}
	values := map[string]any{}
	for i, v := range row {
		values[m.header[i]] = v
	}
	return m.points(values)
}

// object reads a JSON object; NaN and infinities as Python writes them too.
func (m *metricsFile) object(line []byte) ([]Point, error) {
	values := map[string]any{}
	if err := json.Unmarshal(line, &values); err != nil {
		if err := json.Unmarshal(quoteNaN(line), &values); err != nil {
			return nil, err
		}
	}
	return m.points(values)
}

// quoteNaN makes strings of the bare NaN, Infinity and -Infinity that Python's
// json writes, outside of strings.
func quoteNaN(b []byte) []byte {
	var out []byte
	quoted := false
	for i := 0; i < len(b); {
		switch {
		case quoted && b[i] == '\\' && i+1 < len(b):
			out = append(out, b[i], b[i+1])
			i += 2
			continue
		case b[i] == '"':
			quoted = !quoted
		case !quoted:
			if word := nonFinite(b[i:]); word != "" {
				out = append(out, '"')
				out = append(out, word...)
				out = append(out, '"')
				i += len(word)
				continue
			}
		}
		out = append(out, b[i])
		i++
	}
	return out
}

func nonFinite(b []byte) string {
	for _, word := range []string{"NaN", "-Infinity", "Infinity"} {
		if bytes.HasPrefix(b, []byte(word)) {
			return word
		}
	}
	return ""
}

func (m *metricsFile) points(values map[string]any) ([]Point, error) {
	m.count++
	step := m.count
	if v, ok := number(values["step"]); ok && !math.IsNaN(v) && math.Abs(v) < 1<<53 {
		step = int64(v)
	}
	var at time.Time
	for _, key := range []string{"time", "timestamp"} {
		if at.IsZero() {
			at = moment(values[key])
		}
	}
	var out []Point
	for name, raw := range values {
		if name == "step" || name == "time" || name == "timestamp" {
			continue
		}
		if v, ok := number(raw); ok {
			out = append(out, Point{name, step, at, v})
		}
	}
	return out, nil
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		return f, err == nil || math.IsInf(f, 0)
	}
	return 0, false
}

func moment(v any) time.Time {
	if s, ok := v.(string); ok {
		if t, err := time.Parse(time.RFC3339, s); err == nil {
			return t
		}
	}
	if f, ok := number(v); ok && f > 0 && f < 1e11 {
		return time.Unix(0, int64(f*1e9))
	}
	return time.Time{}
}
