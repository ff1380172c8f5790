package labels

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// format is the version of the bytes in a store.
const format = 2

// errFormat: bytes that this package did not write.
var errFormat = errors.New("label store holds bytes of another format")

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendStrings(b []byte, list []string) []byte {
	if list == nil {
		return binary.AppendUvarint(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(list))+1)
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.AppendVarint(b, math.MinInt64)
	}
	return binary.AppendVarint(b, t.UnixNano())
}

func appendFloat(b []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

func appendLabel(b []byte, l *record.Label) []byte {
	if l == nil {
		return binary.AppendUvarint(b, 0)
	}
	text, err := json.Marshal(l)
	if err != nil { // its numbers are finite, by label.Check
		return binary.AppendUvarint(b, 0)
	}
	return appendString(b, string(text))
}

// The flags that end a prediction.
const (
	wasLogged = 1 << iota
	hasBoxes
)

func appendPrediction(b []byte, p *Prediction) []byte {
	b = append(b, format)
	for _, s := range []string{p.ID, p.Model, p.Version, p.Class} {
		b = appendString(b, s)
	}
	b = appendStrings(b, p.Classes)
	b = appendTime(appendTime(b, p.Time), p.came)
	b = appendFloat(appendFloat(b, p.Value), p.Confidence)
	b = binary.AppendUvarint(b, uint64(len(p.Scores)))
	for _, s := range p.Scores {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(s))
	}
	b = appendStrings(appendStrings(b, p.Slices), p.Others)
	b = appendLabel(b, p.label)
	b = binary.AppendUvarint(b, p.seq)
	var flags byte
	if p.logged {
		flags |= wasLogged
	}
	if p.Boxes == nil {
		return append(b, flags)
	}
	b = binary.AppendUvarint(append(b, flags|hasBoxes), uint64(len(p.Boxes)))
	for _, x := range p.Boxes {
		b = appendFloat(appendString(b, x.Class), x.Score)
		for _, v := range x.At {
			b = appendFloat(b, v)
		}
	}
	return b
}

func encodeEntry(list []*Prediction) []byte {
	b := binary.AppendUvarint(make([]byte, 0, 160), uint64(len(list)))
	for _, p := range list {
		b = appendPrediction(b, p)
	}
	return b
}

func encodeEvent(e *event) []byte {
	b := append(make([]byte, 0, 256), format, byte(e.kind))
	if e.prediction != nil {
		b = appendPrediction(append(b, 1), e.prediction)
	} else {
		b = append(b, 0)
	}
	b = appendLabel(appendLabel(b, &e.label), e.was)
	b = appendString(appendString(b, e.model), e.version)
	b = binary.AppendUvarint(b, e.n)
	return appendTime(b, e.at)
}

// reader takes bytes apart; its first fault stays.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail() { r.b, r.err = nil, errFormat }

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) string() string {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.fail()
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *reader) strings() []string {
	n := r.uint()
	if n == 0 {
		return nil
	}
	if n-1 > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	out := make([]string, 0, n-1)
	for range n - 1 {
		out = append(out, r.string())
	}
	return out
}

func (r *reader) time() time.Time {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return time.Time{}
	}
	r.b = r.b[n:]
	if v == math.MinInt64 {
		return time.Time{}
	}
	return time.Unix(0, v)
}

func (r *reader) float() float64 {
	if len(r.b) < 8 {
		r.fail()
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
	r.b = r.b[8:]
	return v
}

func (r *reader) label() *record.Label {
	text := r.string()
	if text == "" {
		return nil
	}
	var l record.Label
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		r.fail()
		return nil
	}
	return &l
}

func (r *reader) prediction() *Prediction {
	if r.byte() != format {
		r.fail()
		return nil
	}
	p := &Prediction{ID: r.string(), Model: r.string(), Version: r.string(), Class: r.string(), Classes: r.strings(), Time: r.time(), came: r.time()}
	p.Value, p.Confidence = r.float(), r.float()
	n := r.uint()
	if n*4 > uint64(len(r.b)) || n > maxScores {
		r.fail()
		return nil
	}
	for range n {
		p.Scores = append(p.Scores, math.Float32frombits(binary.LittleEndian.Uint32(r.b)))
		r.b = r.b[4:]
	}
	p.Slices, p.Others, p.label, p.seq = r.strings(), r.strings(), r.label(), r.uint()
	flags := r.byte()
	p.logged = flags&wasLogged != 0
	if flags&hasBoxes != 0 {
		p.Boxes = r.boxes()
	}
	return p
}

func (r *reader) boxes() []Box {
	n := r.uint()
	if n > MaxBoxes {
		r.fail()
		return nil
	}
	out := make([]Box, 0, n)
	for range n {
		x := Box{Class: r.string(), Score: r.float()}
		for k := range x.At {
			x.At[k] = r.float()
		}
		out = append(out, x)
	}
	return out
}

func decodeEntry(b []byte) ([]*Prediction, error) {
	if b == nil {
		return nil, nil
	}
	r := &reader{b: b}
	n := r.uint()
	if n > maxPerID {
		r.fail()
	}
	var out []*Prediction
	for range n {
		if r.err != nil {
			break
		}
		out = append(out, r.prediction())
	}
	if r.err != nil {
		return nil, fmt.Errorf("entry: %w", r.err)
	}
	return out, nil
}

func decodeEvent(b []byte) (*event, error) {
	r := &reader{b: b}
	if r.byte() != format {
		r.fail()
	}
	e := &event{kind: kind(r.byte())}
	if r.byte() == 1 {
		e.prediction = r.prediction()
	}
	if l := r.label(); l != nil {
		e.label = *l
	}
	e.was, e.model, e.version, e.n, e.at = r.label(), r.string(), r.string(), r.uint(), r.time()
	if r.err != nil {
		return nil, fmt.Errorf("event: %w", r.err)
	}
	return e, nil
}
