package kafka

import (
	"bytes"
	"errors"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/tap/route"
)

// part is what one Kafka record holds.
type part uint8

const (
	neither part = iota
	request
	response
	both
)

// half is one record of a topic, ready to be paired.
type half struct {
	part    part
	id      string
	model   string
	version string
	format  string
	body    []byte
	record  *kgo.Record
}

func header(r *kgo.Record, names ...string) string {
	for _, name := range names {
		for _, h := range r.Headers {
			if strings.EqualFold(h.Key, name) {
				return strings.ToValidUTF8(string(h.Value), "\uFFFD") // some become labels of metrics
			}
		}
	}
	return ""
}

// read tells what a record is, by its topic, headers and value; neither where
// it is of no form that is known.
//
//   - Seldon Core v2: seldon.<namespace>.model.<name>.inputs|outputs (also
//     pipeline topics), protobuf v2 values, the request's id in x-request-id
//     or the key
//   - MLServer: JSON v2 values; the key, where there is one, overrides the
//     body's id; the model in mlserver-model
//   - gnomon's own lines (package jsonl) with request and response in one
func read(r *kgo.Record) half {
	h := half{
		id: header(r, "x-request-id", "ce-id"), record: r, body: r.Value, format: oip.GRPC,
		model: header(r, "seldon-model", "mlserver-model", "x-seldon-model"), version: header(r, "mlserver-version"),
	}
	if h.id == "" {
		h.id = strings.ToValidUTF8(string(r.Key), "\uFFFD")
	}
	if h.model == "" {
		h.model = seldonModel(r.Topic)
	}
	start := bytes.TrimLeft(r.Value[:min(len(r.Value), 64)], " \r\n\t")
	if len(start) > 0 && start[0] == '{' {
		return readJSON(h)
	}
	var m oip.Message
	if oip.ParseGRPCResponse(r.Value, &m) == nil && !strings.HasSuffix(r.Topic, ".inputs") {
		h.part = response
	} else if oip.ParseGRPCRequest(r.Value, &m) == nil {
		h.part = request
	}
	h.complete(&m)
	// Values are bare messages; the decoder expects a call's framing.
	h.body = frame(r.Value)
	return h
}

func readJSON(h half) half {
	h.format = route.OIP
	var m oip.Message
	switch err := oip.Parse(h.body, -1, &m); {
	case errors.Is(err, oip.ErrNoTensors) && bytes.Contains(h.body, []byte(`"request"`)):
		h.part = both
		return h
	case err != nil:
		return h
	}
	h.part = request
	if m.Model != "" || strings.HasSuffix(h.record.Topic, "outputs") || strings.HasSuffix(h.record.Topic, "output") {
		h.part = response // only answers name their model in the body
	}
	h.complete(&m)
	return h
}

func (h *half) complete(m *oip.Message) {
	for _, x := range []struct {
		to   *string
		from string
	}{{&h.id, m.ID}, {&h.model, m.Model}, {&h.version, m.Version}} {
		if *x.to == "" {
			*x.to = strings.ToValidUTF8(x.from, "\uFFFD")
		}
	}
}

func seldonModel(topic string) string {
	parts := strings.Split(topic, ".")
	for i, p := range parts {
		if p == "model" && i+1 < len(parts) && parts[0] == "seldon" {
			return parts[i+1]
		}
	}
	return ""
}

func frame(b []byte) []byte {
	n := len(b)
	return append([]byte{0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, b...)
}

// capture joins a request and its response.
func capture(a, b half) *record.Capture {
	c := &record.Capture{
		Tap: Name, Format: a.format, Model: a.model, Version: b.version, Key: a.id, ID: a.id,
		Time: a.record.Timestamp, Outcome: record.Success,
		TraceParent: header(a.record, "traceparent"),
		Request:     record.Body{Bytes: a.body, JSONLength: -1}, Response: record.Body{Bytes: b.body, JSONLength: -1},
	}
	if c.Model == "" {
		c.Model = b.model
	}
	if d := b.record.Timestamp.Sub(a.record.Timestamp); d > 0 {
		c.Latency = d // clocks may be apart: a negative one says nothing
	}
	return c
}
