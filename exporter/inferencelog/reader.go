package inferencelog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/table"
	"github.com/gnomon-dev/gnomon/exporter/tap/jsonl"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// ErrReplay: a file whose records cannot be run again. The message says why.
var ErrReplay = errors.New("cannot be replayed")

// IsLog reports whether a path is an inference log, a folder or one file.
func IsLog(path string) bool {
	if strings.HasSuffix(path, parquetSuffix) || strings.HasSuffix(path, sealedSuffix) {
		return true
	}
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// Reader reads the records of a log, the oldest file first, with the labels
// that came late. It has the form of file.Reader. Not safe for concurrent use.
type Reader struct {
	store  *Store
	files  []string
	labels map[string]string // by id

	fields  map[string]table.Field
	inputs  []layoutInput
	outputs []string
	row     int
	rows    int
}

// NewReader opens a folder or one file; seal decrypts.
func NewReader(path string, seal *Seal) (*Reader, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	r := &Reader{store: NewStore(StoreSettings{Directory: path, Seal: seal}), labels: map[string]string{}}
	if !st.IsDir() {
		r.files = []string{path}
		return r, nil
	}
	all, err := r.store.list()
	if err != nil {
		return nil, err
	}
	labels := filepath.Join(path, "labels") + string(filepath.Separator)
	for _, f := range all {
		switch {
		case f.half:
		case strings.HasPrefix(f.path, labels):
			if err := r.addLabels(f.path); err != nil {
				return nil, err
			}
		default:
			r.files = append(r.files, f.path)
		}
	}
	if len(r.files) == 0 {
		return nil, fmt.Errorf("%s: no file of an inference log", path)
	}
	return r, nil
}

func (r *Reader) addLabels(path string) error {
	fields, _, err := r.store.read(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	by := index(fields)
	for i, id := range by[columnID].Values {
		id, _ := id.(string)
		if label, ok := at[string](by, columnLabel, i); ok {
			r.labels[id] = label
		}
	}
	return nil
}

func index(fields []table.Field) map[string]table.Field {
	out := map[string]table.Field{}
	for _, f := range fields {
		out[f.Name] = f
	}
	return out
}

// at is a value of a column by its type; ok is false where there is none.
func at[T any](fields map[string]table.Field, column string, row int) (T, bool) {
	var none T
	f, ok := fields[column]
	if !ok || row >= len(f.Values) {
		return none, false
	}
	v, ok := f.Values[row].(T)
	return v, ok
}

// Next is the next record as a capture; io.EOF at the end, jsonl.ErrLine for a
// record without its inputs, ErrReplay for a file whose inputs were not kept.
func (r *Reader) Next() (*record.Capture, error) {
	for r.row >= r.rows {
		if len(r.files) == 0 {
			return nil, io.EOF
		}
		if err := r.open(r.files[0]); err != nil {
			return nil, fmt.Errorf("%s: %w", r.files[0], err)
		}
		r.files = r.files[1:]
	}
	i := r.row
	r.row++
	rec, err := r.record(i)
	if err != nil {
		return nil, fmt.Errorf("row %d: %w: %w", i, jsonl.ErrLine, err)
	}
	return &record.Capture{Tap: "file", Model: rec.Model, Version: rec.Version, ID: rec.ID, Time: rec.Time, Records: []record.Record{rec}}, nil
}

func (r *Reader) open(path string) error {
	fields, metadata, err := r.store.read(path)
	if err != nil {
		return err
	}
	r.fields, r.row, r.rows, r.inputs, r.outputs = index(fields), 0, 0, nil, nil
	if len(fields) > 0 {
		r.rows = len(fields[0].Values)
	}
	if err := json.Unmarshal([]byte(metadata[metaInputs]), &r.inputs); err != nil || len(r.inputs) == 0 {
		return fmt.Errorf("%w: it does not say what the model's inputs were", ErrReplay)
	}
	redacted := strings.Split(metadata[metaRedacted], "\n")
	for _, in := range r.inputs {
		if _, whole := r.fields[tensorPrefix+in.Name]; whole {
			continue
		}
		if in.Columns == nil {
			return fmt.Errorf("%w: input %q was not kept; allow the field tensor.%s", ErrReplay, in.Name, in.Name)
		}
		for _, c := range in.Columns {
			if slices.Contains(redacted, c) {
				return fmt.Errorf("%w: %q of input %q was redacted or not allowed", ErrReplay, c, in.Name)
			}
		}
	}
	for name := range r.fields {
		if output, ok := strings.CutPrefix(name, outputPrefix); ok && !strings.HasSuffix(output, shapeSuffix) {
			r.outputs = append(r.outputs, output)
		}
	}
	slices.Sort(r.outputs)
	return nil
}

func (r *Reader) record(i int) (record.Record, error) {
	rec := record.Record{Tap: "file", Outcome: record.Success, Weight: 1}
	rec.ID, _ = at[string](r.fields, columnID, i)
	rec.Model, _ = at[string](r.fields, columnModel, i)
	rec.Version, _ = at[string](r.fields, columnVersion, i)
	rec.Time, _ = at[time.Time](r.fields, columnTime, i)
	seconds, _ := at[float64](r.fields, columnLatency, i)
	rec.Latency = time.Duration(seconds * float64(time.Second))
	for _, in := range r.inputs {
		t, err := r.input(in, i)
		if err != nil {
			return rec, err
		}
		rec.Inputs = append(rec.Inputs, t)
	}
	for _, name := range r.outputs {
		t, err := r.whole(outputPrefix, name, tensor.Float32, i)
		if err != nil {
			rec.Outputs = nil
			break
		}
		rec.Outputs = append(rec.Outputs, t)
	}
	label, ok := r.labels[rec.ID]
	if !ok {
		label, ok = at[string](r.fields, columnLabel, i)
	}
	if ok {
		rec.Label = &record.Label{ID: rec.ID, Model: rec.Model, Class: label}
		if v, err := strconv.ParseFloat(label, 64); err == nil {
			rec.Label.Value = &v
		}
	}
	return rec, nil
}

func (r *Reader) input(in layoutInput, i int) (tensor.Tensor, error) {
	kind, ok := tensor.ParseDataType(in.DataType)
	if !ok {
		return tensor.Tensor{}, fmt.Errorf("input %q: datatype %q is not known", in.Name, in.DataType)
	}
	if _, whole := r.fields[tensorPrefix+in.Name]; whole {
		return r.whole(tensorPrefix, in.Name, kind, i)
	}
	t, err := tensor.New(in.Name, kind, in.Shape...)
	if err != nil || t.Len() != len(in.Columns) {
		return t, fmt.Errorf("input %q of shape %v has %d columns", in.Name, in.Shape, len(in.Columns))
	}
	for k, c := range in.Columns {
		if kind == tensor.Bytes {
			s, _ := at[string](r.fields, c, i)
			t.Strings[k] = []byte(s)
			continue
		}
		v, ok := at[float64](r.fields, c, i)
		if !ok {
			return t, fmt.Errorf("%q has no number", c)
		}
		t.SetFloat64(k, v)
	}
	return t, nil
}

// whole makes a tensor of its column. It has the type that the values have,
// where that is not the one asked for.
func (r *Reader) whole(prefix, name string, kind tensor.DataType, i int) (tensor.Tensor, error) {
	shape, ok := at[[]int64](r.fields, prefix+name+shapeSuffix, i)
	if !ok {
		return tensor.Tensor{}, fmt.Errorf("tensor %q is not there", name)
	}
	if list, ok := at[[][]byte](r.fields, prefix+name, i); ok {
		t := tensor.Tensor{Name: name, Type: tensor.Bytes, Shape: shape, Strings: list}
		return t, t.Validate()
	}
	integers, ok := at[[]int64](r.fields, prefix+name, i)
	if ok && !integer(kind) {
		kind = tensor.Int64
	}
	floats, _ := at[[]float64](r.fields, prefix+name, i)
	n, err := tensor.Elements(shape)
	if err != nil || n != max(len(integers), len(floats)) {
		return tensor.Tensor{}, fmt.Errorf("tensor %q of shape %v has %d elements", name, shape, max(len(integers), len(floats)))
	}
	t, err := tensor.New(name, kind, shape...)
	if err != nil {
		return t, err
	}
	for k, v := range integers {
		putInteger(t.Data[8*k:], v)
	}
	for k, v := range floats {
		t.SetFloat64(k, v)
	}
	return t, nil
}
