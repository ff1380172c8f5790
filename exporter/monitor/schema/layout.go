package schema

import (
	"slices"
	"strings"

	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

const (
	learning = 16   // records that the layout is learned from
	accept   = 2000 // records in a row that make another layout the usual one
	variable = 3    // sizes of one dimension that make it an open one
)

// layout is the tensors that records usually have.
type layout struct {
	records int // learned from so far
	known   map[string]*input
	odd     int  // records in a row that were none of it
	changed bool // another layout has become the usual one
}

// input is one usual tensor.
type input struct {
	kind  tensor.DataType
	mixed bool // several datatypes are usual
	shape []int64
	sizes []map[int64]bool // seen, by dimension
	ranks bool             // several ranks are usual
	seen  int
}

func (l *layout) forget() { *l = layout{known: map[string]*input{}} }

// look compares a record's tensors with the usual ones, or learns from them.
func (l *layout) look(inputs []tensor.Tensor) map[subject]bool {
	if l.records < learning {
		l.learn(inputs)
		return nil
	}
	odd := map[subject]bool{}
	var extra []*tensor.Tensor
	present := map[string]bool{}
	for i := range inputs {
		t := &inputs[i]
		present[t.Name] = true
		if in := l.known[t.Name]; in == nil {
			extra = append(extra, t)
		} else {
			in.compare(t, odd)
		}
	}
	var gone []string
	for name, in := range l.known {
		if in.seen == l.records && !present[name] {
			gone = append(gone, name)
		}
	}
	l.names(gone, extra, odd)
	if l.odd++; len(odd) == 0 {
		l.odd = 0
	}
	if l.odd >= accept {
		l.forget()
		l.changed = true
		l.learn(inputs)
	}
	return odd
}

// names tells an input that was renamed from one that is gone.
func (l *layout) names(gone []string, extra []*tensor.Tensor, odd map[subject]bool) {
	if len(gone) == 1 && len(extra) == 1 && l.known[gone[0]].like(extra[0]) {
		odd[subject{gone[0], Renamed}] = true
		return
	}
	for _, name := range gone {
		odd[subject{name, Missing}] = true
	}
	for _, t := range extra {
		odd[subject{clean(t.Name), Unexpected}] = true
	}
}

// clean makes a name from the wire fit for a label.
func clean(name string) string {
	name = strings.ToValidUTF8(name, "?")
	if r := []rune(name); len(r) > 80 {
		name = string(r[:80])
	}
	return name
}

func (l *layout) learn(inputs []tensor.Tensor) {
	l.records++
	for i := range inputs {
		t := &inputs[i]
		in := l.known[t.Name]
		if in == nil {
			if len(l.known) >= MaxLabelled {
				continue
			}
			in = &input{kind: t.Type, shape: slices.Clone(t.Shape), sizes: make([]map[int64]bool, len(t.Shape))}
			for d := range in.sizes {
				in.sizes[d] = map[int64]bool{}
			}
			l.known[t.Name] = in
		}
		in.seen++
		in.mixed = in.mixed || in.kind != t.Type
		in.size(t, true)
	}
}

// size notes the sizes of a tensor's dimensions; it reports whether they are
// usual. A dimension that has had several sizes is an open one.
func (in *input) size(t *tensor.Tensor, learning bool) bool {
	if len(t.Shape) != len(in.shape) {
		in.ranks = in.ranks || learning
		return in.ranks
	}
	usual := true
	for d, n := range t.Shape {
		if len(in.sizes[d]) < variable {
			in.sizes[d][n] = true
		}
		open := len(in.sizes[d]) >= variable || in.shape[d] == -1
		if open || learning && n != in.shape[d] {
			in.shape[d] = -1
		}
		usual = usual && (in.shape[d] == -1 || in.shape[d] == n)
	}
	return usual
}

func (in *input) compare(t *tensor.Tensor, odd map[subject]bool) {
	if !in.mixed && t.Type != in.kind {
		odd[subject{t.Name, DataType}] = true
	}
	if !in.size(t, false) {
		odd[subject{t.Name, Shape}] = true
	}
}

// like reports whether a tensor could be this input under another name.
func (in *input) like(t *tensor.Tensor) bool {
	if (in.kind == tensor.Bytes) != (t.Type == tensor.Bytes) || len(t.Shape) != len(in.shape) {
		return false
	}
	for d, n := range t.Shape {
		if in.shape[d] != -1 && in.shape[d] != n {
			return false
		}
	}
	return true
}
