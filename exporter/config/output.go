package config

import (
	"math"

	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/compare/kinds"
)

// Output says what the model's answer means.
type Output struct {
	Kind    string   `yaml:"kind"`    // classification, regression, multilabel, embedding, detection, sequence, raw
	Name    string   `yaml:"name"`    // which output; the widest numeric one where empty
	Softmax string   `yaml:"softmax"` // auto, always, never
	Classes []string `yaml:"classes"` // names by index
	// Positive is the class that precision, recall and AUC are of where there
	// are two; the second where empty.
	Positive string `yaml:"positive"`
	// Tolerance is the relative difference up to which two values agree; of a
	// similarity, how far it may be from 1.
	Tolerance float64 `yaml:"tolerance"`

	AbsoluteTolerance float64 `yaml:"absolute_tolerance"` // raw: absolute difference up to which elements agree
	ULPs              uint64  `yaml:"ulps"`               // raw: representable numbers apart
	Threshold         float64 `yaml:"threshold"`          // multilabel, detection: probability from which a label or box counts
	IoU               float64 `yaml:"iou"`                // detection: overlap from which two boxes are the same
	Boxes             string  `yaml:"boxes"`              // detection: output with the coordinates
	Scores            string  `yaml:"scores"`
	BoxClasses        string  `yaml:"box_classes"`
	Centres           bool    `yaml:"centres"` // detection: centre x, centre y, width, height
	Pad               *int64  `yaml:"pad"`     // sequence: token that fills up
}

// defaults fills what the file leaves out.
func (o *Output) defaults() {
	if o.Kind == "" {
		o.Kind = "classification"
	}
	if o.Softmax == "" {
		o.Softmax = "auto"
	}
	if o.Tolerance == 0 {
		o.Tolerance = 1e-3
	}
	if o.Threshold == 0 {
		o.Threshold = .5
	}
	if o.IoU == 0 {
		o.IoU = .5
	}
}

// Options are the output as the comparison takes it.
func (o *Output) Options() compare.Options {
	out := compare.Options{Kind: o.Kind, Output: o.Name, Softmax: compare.Softmax(o.Softmax), Tolerance: o.Tolerance, Absolute: o.AbsoluteTolerance, ULPs: o.ULPs,
		Threshold: o.Threshold, IoU: o.IoU, Boxes: o.Boxes, Scores: o.Scores, Classes: o.BoxClasses, Centres: o.Centres, Pad: -1}
	if o.Pad != nil {
		out.Pad = *o.Pad
	}
	return out
}

func (o *Output) check(k *checker, at string) {
	k.oneOf(at+".kind", o.Kind, kinds.Names()...)
	k.oneOf(at+".softmax", o.Softmax, "auto", "always", "never")
	k.that(o.Tolerance > 0, at+".tolerance", "write a relative difference above 0, such as 0.001", "is %v", o.Tolerance)
	k.that(o.AbsoluteTolerance >= 0 && !math.IsInf(o.AbsoluteTolerance, 0), at+".absolute_tolerance", "write a difference of at least 0", "is %v", o.AbsoluteTolerance)
	k.that(o.Threshold > 0 && o.Threshold < 1, at+".threshold", "write a probability between 0 and 1", "is %v", o.Threshold)
	k.that(o.IoU > 0 && o.IoU <= 1, at+".iou", "write an overlap above 0, at most 1", "is %v", o.IoU)
	k.that((o.Boxes == "") == (o.Scores == "") && (o.BoxClasses == "" || o.Boxes != ""), at+".boxes", "name boxes and scores together, or neither", "is %q with scores %q", o.Boxes, o.Scores)
	k.that(o.Pad == nil || *o.Pad >= 0, at+".pad", "write the number of a token, 0 or more", "is negative")
}
