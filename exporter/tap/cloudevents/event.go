package cloudevents

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"
)

// ErrEvent: a body that is no CloudEvent.
var ErrEvent = errors.New("not a CloudEvent")

// event is one CloudEvent, from any of the three HTTP modes.
type event struct {
	id, kind, source string
	time             time.Time
	contentType      string
	data             []byte
	attributes       map[string]string // extensions, names in lower case
}

// parse reads the events of a request: one in binary or structured mode, any
// number in batched mode.
func parse(h http.Header, body []byte) ([]event, error) {
	mediaType, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	switch mediaType {
	case "application/cloudevents+json":
		e, err := structured(body)
		if err != nil {
			return nil, err
		}
		return []event{e}, nil
	case "application/cloudevents-batch+json":
		var list []json.RawMessage
		if err := json.Unmarshal(body, &list); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrEvent, err)
		}
		var out []event
		for i, text := range list {
			e, err := structured(text)
			if err != nil {
				return out, fmt.Errorf("event %d: %w", i, err)
			}
			out = append(out, e)
		}
		return out, nil
	}
	return binary(h, body)
}

// binary reads attributes from ce- headers; the body is the data.
func binary(h http.Header, body []byte) ([]event, error) {
	e := event{contentType: h.Get("Content-Type"), data: body, attributes: map[string]string{}}
	for name, values := range h {
		if rest, ok := strings.CutPrefix(name, "Ce-"); ok && len(values) > 0 {
			e.set(strings.ToLower(rest), values[0])
		}
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	return []event{e}, nil
}

func structured(text []byte) (event, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return event{}, fmt.Errorf("%w: %w", ErrEvent, err)
	}
	e := event{attributes: map[string]string{}}
	for name, value := range members {
		switch name {
		case "data":
			e.data = value
			var s string
			// Data that is not JSON comes as a string.
			if len(value) > 0 && value[0] == '"' && json.Unmarshal(value, &s) == nil {
				e.data = []byte(s)
			}
		case "data_base64":
			var s string
			if err := json.Unmarshal(value, &s); err != nil {
				return e, fmt.Errorf("%w: data_base64: %w", ErrEvent, err)
			}
			data, err := base64.StdEncoding.DecodeString(s)
			if err != nil {
				return e, fmt.Errorf("%w: data_base64: %w", ErrEvent, err)
			}
			e.data = data
		case "datacontenttype":
			_ = json.Unmarshal(value, &e.contentType)
		default:
			var s string
			if json.Unmarshal(value, &s) != nil {
				s = string(bytes.TrimSpace(value)) // numbers and booleans as they are written
			}
			e.set(name, s)
		}
	}
	return e, e.check()
}

func (e *event) set(name, value string) {
	switch name {
	case "id":
		e.id = value
	case "type":
		e.kind = value
	case "source":
		e.source = value
	case "time":
		e.time, _ = time.Parse(time.RFC3339Nano, value) // zero where it is none
	case "specversion":
	default:
		e.attributes[name] = value
	}
}

func (e *event) check() error {
	switch {
	case e.kind == "":
		return fmt.Errorf("%w: no type; fix: send ce-type, or application/cloudevents+json", ErrEvent)
	case e.id == "":
		return fmt.Errorf("%w: no id; fix: send ce-id, the same for a request and its response", ErrEvent)
	}
	return nil
}
