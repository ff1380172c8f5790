// Package performance says how well a model does over labelled predictions, by
// driftlib's definitions: over windows by count and by time, and over slices.
package performance

import (
	"math"
	"slices"
	"time"

	"github.com/gnomon-dev/gnomon/driftlib/performance"
	"github.com/gnomon-dev/gnomon/exporter/record"
)

// Outcome is a prediction with what became of it. It is kept by value, and its
// fields are exported for a checkpoint.
type Outcome struct {
	Seq        uint64 // in the order of arrival of labels
	Predicted  string // class; empty where the answer is a value
	Classes    []string
	Multi      bool    // Classes are the answer, none of them too
	Value      float64 // NaN for a class
	Confidence float64 // NaN where unknown
	Scores     []float32
	Slices     []string
	Others     []string  // what each shadow answered, in configured order
	At         time.Time // of the prediction
	Known      time.Time // of the label

	Truth        bool // the label says what was right; false for business figures alone
	Actual       string
	ActualValue  float64
	ActualLabels []string
	ActualMulti  bool
	Found        []performance.Box // by a detector
	Detects      bool              // the answer is Found, also where nothing was
	Objects      []performance.Box // the truth, of a detector
	Boxes        bool              // the truth is Objects, also where there is none
	Weight       float64
	KPI          map[string]float64

	// Tested: the sequential test has seen it.
	Tested bool
}

// Label puts a label's content in.
func (o *Outcome) Label(l *record.Label) {
	o.Truth, o.Actual, o.ActualValue, o.ActualLabels, o.Weight, o.KPI = l.Truth(), l.Class, math.NaN(), l.Classes, 1, l.KPI
	o.ActualMulti, o.Boxes = l.Classes != nil, l.Boxes != nil
	o.Objects = nil
	for _, b := range l.Boxes {
		o.Objects = append(o.Objects, performance.Box{Class: b.Class, At: b.Box})
	}
	if l.Value != nil {
		o.ActualValue = *l.Value
	}
	if l.Weight != nil {
		o.Weight = *l.Weight
	}
}

// Kind is what an outcome's prediction and truth have in common.
type Kind int

// The kinds. None: they cannot be compared.
const (
	None Kind = iota
	Class
	Number
	MultiLabel
	Boxes
)

// Kind says how prediction and truth are compared.
func (o *Outcome) Kind() Kind {
	switch {
	case !o.Truth:
		return None
	case o.Multi && o.ActualMulti:
		return MultiLabel
	case o.Detects && o.Boxes:
		return Boxes
	case o.Predicted != "" && o.Actual != "":
		return Class
	case !math.IsNaN(o.Value) && !math.IsNaN(o.ActualValue):
		return Number
	}
	return None
}

// Correct reports whether a class, or every label, was right.
func (o *Outcome) Correct() bool {
	if o.Kind() == MultiLabel {
		return slices.Equal(o.Classes, o.ActualLabels)
	}
	return o.Predicted == o.Actual
}
