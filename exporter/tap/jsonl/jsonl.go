// Package jsonl reads gnomon's own form of a recorded inference, one JSON
// object a line:
//
//	{"id"?, "time"?, "model"?, "model_version"?, "request": {infer request},
//	 "response"?: {infer response}, "label"?, "metadata"?: {}}
//
// The request and the response are those of the Open Inference Protocol v2;
// time is RFC 3339; label is a string, a number, a boolean, or an object with
// class, value and time.
package jsonl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/exporter/record"
)

// ErrLine: a line that is no record.
var ErrLine = errors.New("not a record")

// Decoder makes records of lines. Safe for concurrent use.
type Decoder struct {
	tap      string
	observer oip.Observer
	now      func() time.Time
}

// NewDecoder returns a Decoder whose records bear the tap's name. Oddities go
// to o (nil: to nobody); now is the time of records without one.
func NewDecoder(tap string, o oip.Observer, now func() time.Time) *Decoder {
	return &Decoder{tap: tap, observer: o, now: now}
}

type line struct {
	ID          string                     `json:"id"`
	Time        *time.Time                 `json:"time"`
	Model       string                     `json:"model"`
	Version     string                     `json:"model_version"`
	Request     json.RawMessage            `json:"request"`
	Response    json.RawMessage            `json:"response"`
	Label       json.RawMessage            `json:"label"`
	Metadata    map[string]json.RawMessage `json:"metadata"`
	TraceParent string                     `json:"traceparent"`
}

// Decode makes a capture of one line, its records decoded, one a row. It is
// ErrLine, with what is wrong and how to mend it, where the line is none.
func (d *Decoder) Decode(text []byte) (*record.Capture, error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		d.anomaly(oip.InvalidJSON)
		return nil, fmt.Errorf("%w: %w", ErrLine, err)
	}
	if len(l.Request) == 0 || string(l.Request) == "null" {
		d.anomaly(oip.NoTensors)
		return nil, fmt.Errorf(`%w: no "request"; fix: put the infer request there, {"request":{"inputs":[...]}}`, ErrLine)
	}
	label, err := parseLabel(l.Label)
	if err != nil {
		d.anomaly(oip.TypeMismatch)
		return nil, err
	}
	c := &record.Capture{
		Tap: d.tap, Format: "oip", Model: l.Model, Version: l.Version, ID: l.ID, Outcome: record.Success,
		Status: 200, Time: d.now(), TraceParent: l.TraceParent,
		Request:  record.Body{Bytes: l.Request, JSONLength: -1},
		Response: record.Body{JSONLength: -1},
	}
	if len(l.Response) > 0 && string(l.Response) != "null" {
		c.Response.Bytes = l.Response
	}
	if l.Time != nil {
		c.Time = *l.Time
	}
	records, err := oip.NewDecoder(d.observer, int64(len(text))).Decode(c)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLine, err)
	}
	d.complete(c, records, &l, label)
	return c, nil
}

func (d *Decoder) anomaly(k oip.Kind) {
	if d.observer != nil {
		d.observer.Anomaly(k.String())
	}
}

// complete gives the records what the line says beside the protocol's
// messages, and drops the bytes.
func (d *Decoder) complete(c *record.Capture, records []record.Record, l *line, label *record.Label) {
	if l.ID != "" { // the line's own id wins
		for i := range records {
			records[i].ID = l.ID
			if len(records) > 1 {
				records[i].ID += "#" + strconv.Itoa(i)
			}
		}
	}
	var metadata map[string]string
	if len(l.Metadata) > 0 {
		metadata = make(map[string]string, len(l.Metadata))
		for k, v := range l.Metadata {
			metadata[k] = plain(v)
		}
	}
	c.Key = c.ID
	if c.Key == "" {
		c.Key = records[0].ID
	}
	if c.Key == "" {
		c.Key = strconv.FormatUint(xxhash.Sum64(l.Request), 16)
	}
	for i := range records {
		r := &records[i]
		r.Metadata, r.Key = metadata, c.Key
		if l.Time != nil {
			r.EventTime = *l.Time
		}
		if label != nil {
			own := *label
			own.ID, own.Model = r.ID, r.Model
			r.Label = &own
		}
	}
	c.Records = records
	c.Request.Bytes, c.Response.Bytes = nil, nil
}

// plain is a JSON value as text: a string without its quotes.
func plain(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	return string(v)
}

func parseLabel(v json.RawMessage) (*record.Label, error) {
	v = bytes.TrimSpace(v)
	if len(v) == 0 || string(v) == "null" {
		return nil, nil
	}
	var label record.Label
	switch v[0] {
	case '{':
		if err := json.Unmarshal(v, &label); err != nil {
			return nil, fmt.Errorf("%w: label: %w", ErrLine, err)
		}
	case '"':
		label.Class = plain(v)
	case '[':
		return nil, fmt.Errorf("%w: label is a list; fix: give one value for the request, or one line a row", ErrLine)
	default:
		label.Class = string(v)
		if f, err := strconv.ParseFloat(label.Class, 64); err == nil {
			label.Value = &f
		}
	}
	return &label, nil
}
