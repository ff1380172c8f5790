package inferencelog

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/gnomon-dev/gnomon/exporter/feature"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/redact"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// row is one record, redacted: what is not allowed is not in it.
type row struct {
	id     string
	size   int64 // bytes in memory, about
	values map[string]any
}

// The columns that are none of a model's features.
const (
	columnID, columnTime, columnModel, columnVersion, columnTap = "id", "time", "model", "version", "tap"
	columnOutcome, columnLatency, columnDigest                  = "outcome", "latency_seconds", "input_digest"
	columnPrediction, columnConfidence, columnValue             = "prediction", "confidence", "value"
	columnProbabilities, columnLabel                            = "probabilities", "label"
	columnCohort, columnTrace, columnMetadata                   = "cohort", "trace_id", "metadata"
	tensorPrefix, outputPrefix, shapeSuffix                     = "tensor_", "output_", "_shape"
)

func reserved(name string) bool {
	return slices.Contains([]string{columnID, columnTime, columnModel, columnVersion, columnTap, columnOutcome, columnLatency, columnDigest, columnPrediction, columnConfidence, columnValue,
		columnProbabilities, columnLabel, columnCohort, columnTrace, columnMetadata}, name) || strings.HasPrefix(name, tensorPrefix) || strings.HasPrefix(name, outputPrefix)
}

// Column is the column of a feature: its name, unless that is taken.
func Column(name string) string {
	if reserved(name) {
		return "feature_" + name
	}
	return name
}

func (l *Log) row(o *record.Observation) row {
	re := l.s.Redactor
	r := row{id: re.ID(o.ID), values: map[string]any{}}
	v := r.values
	v[columnID], v[columnTime], v[columnModel], v[columnVersion], v[columnTap] = r.id, o.Time.UTC(), re.Text(o.Model), re.Text(o.Version), o.Tap
	v[columnOutcome], v[columnLatency], v[columnDigest] = o.Outcome.String(), o.Latency.Seconds(), digest(l.s.DigestKey, o.Inputs)
	l.answer(v, o)
	l.context(v, o)
	l.features(v, o)
	l.tensors(v, "tensor.", tensorPrefix, o.Inputs)
	l.tensors(v, "output.", outputPrefix, o.Outputs)
	r.size = 512
	for name, x := range v {
		r.size += int64(len(name)) + sizeOf(x)
	}
	return r
}

func sizeOf(v any) int64 {
	switch v := v.(type) {
	case string:
		return int64(len(v)) + 32
	case []float64:
		return int64(8*len(v)) + 40
	case []int64:
		return int64(8*len(v)) + 40
	case [][]byte:
		n := int64(40)
		for _, b := range v {
			n += int64(len(b)) + 24
		}
		return n
	}
	return 40
}

// text puts a text into a column by the rule of a field, if it has one.
func (l *Log) text(v map[string]any, field, column, s string) {
	if rule, ok := l.s.Redactor.Rule(field); ok && s != "" {
		if s, ok := l.s.Redactor.String(rule, s); ok {
			v[column] = s
		}
	}
}

func (l *Log) answer(v map[string]any, o *record.Observation) {
	re := l.s.Redactor
	if o.Label != nil {
		l.text(v, columnLabel, columnLabel, o.Label.Class)
	}
	p := o.Primary
	if p == nil {
		return
	}
	if rule, ok := re.Rule(columnPrediction); ok {
		if p.Class >= 0 {
			l.text(v, columnPrediction, columnPrediction, l.s.Models.ClassName(o.Model, p.Class))
			put(v, columnConfidence, p.Confidence)
		} else {
			v[columnValue] = re.Number(rule, p.Value)
		}
	}
	if rule, ok := re.Rule(columnProbabilities); ok && rule.Action == redact.Keep && len(p.Probabilities) > 0 {
		v[columnProbabilities] = slices.Clone(p.Probabilities)
	}
}

func put(v map[string]any, column string, x float64) {
	if !math.IsNaN(x) {
		v[column] = x
	}
}

func (l *Log) context(v map[string]any, o *record.Observation) {
	l.text(v, columnCohort, columnCohort, o.Key)
	if len(o.TraceParent) >= 35 {
		l.text(v, columnTrace, columnTrace, o.TraceParent[3:35])
	}
	kept := map[string]string{}
	for name, s := range o.Metadata {
		if rule, ok := l.s.Redactor.Rule("metadata." + name); ok {
			if s, ok := l.s.Redactor.String(rule, s); ok {
				kept[name] = s
			}
		}
	}
	if len(kept) > 0 {
		b, _ := json.Marshal(kept) // strings always marshal
		v[columnMetadata] = string(b)
	}
}

func (l *Log) features(v map[string]any, o *record.Observation) {
	e := l.s.Models.Features(o.Model)
	if e == nil {
		return
	}
	values, err := e.Extract(nil, o.Inputs)
	if err != nil {
		return // schema anomalies count it
	}
	for i, name := range e.Names() {
		column := Column(name)
		rule, ok := l.s.Redactor.Feature(column)
		if !ok || rule.Action == redact.Drop {
			continue
		}
		if x := l.value(rule, values[i]); x != nil {
			v[column] = x
		}
	}
}

func (l *Log) value(rule redact.Rule, x feature.Value) any {
	switch {
	case x.Missing:
		return nil
	case x.IsText:
		if s, ok := l.s.Redactor.String(rule, x.Text); ok {
			return s
		}
		return nil
	}
	return l.s.Redactor.Number(rule, x.Number)
}

// tensors puts whole tensors in, those that are allowed by name.
func (l *Log) tensors(v map[string]any, field, prefix string, list []tensor.Tensor) {
	for i := range list {
		t := &list[i]
		rule, ok := l.s.Redactor.Rule(field + t.Name)
		if !ok || rule.Action != redact.Keep {
			continue
		}
		v[prefix+t.Name+shapeSuffix] = slices.Clone(t.Shape)
		switch {
		case t.Type == tensor.Bytes:
			out := make([][]byte, len(t.Strings))
			for k, s := range t.Strings {
				out[k] = []byte(l.s.Redactor.Text(string(s)))
			}
			v[prefix+t.Name] = out
		case integer(t.Type):
			v[prefix+t.Name] = integers(t)
		default:
			values, _ := t.AppendFloat64s(nil) // numeric: it has them
			v[prefix+t.Name] = values
		}
	}
}

// integer: types whose values a float64 may not hold.
func integer(t tensor.DataType) bool { return t == tensor.Int64 || t == tensor.Uint64 }

func integers(t *tensor.Tensor) []int64 {
	out := make([]int64, len(t.Data)/8)
	for i := range out {
		out[i] = int64(binary.LittleEndian.Uint64(t.Data[8*i:])) // a UINT64 keeps its bits
	}
	return out
}

// digest is a keyed HMAC-SHA256 of the inputs, 32 hexadecimal digits: equal
// inputs have equal ones, and nobody without the key can try values.
func digest(key []byte, inputs []tensor.Tensor) string {
	h := hmac.New(sha256.New, key)
	var n [8]byte
	length := func(v int) {
		binary.LittleEndian.PutUint64(n[:], uint64(v))
		h.Write(n[:])
	}
	for _, t := range inputs {
		length(len(t.Name))
		h.Write([]byte(t.Name))
		h.Write([]byte(t.Type.String()))
		for _, d := range t.Shape {
			length(int(d))
		}
		length(len(t.Data))
		h.Write(t.Data)
		for _, s := range t.Strings {
			length(len(s))
			h.Write(s)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func putInteger(b []byte, v int64) { binary.LittleEndian.PutUint64(b, uint64(v)) }
