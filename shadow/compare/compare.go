// Package compare reads what a model's outputs mean and says how two answers
// to the same input differ.
package compare

import "github.com/gnomon-dev/gnomon/shadow/tensor"

// Prediction is an output once it has been read: a class with its
// probabilities, or a value. Kinds that have neither give a value that can be
// watched for drift: how many labels or boxes, how many tokens, how long a
// vector.
type Prediction struct {
	Class         int       // index of the top class; -1 for a value
	Confidence    float64   // probability of the top class; NaN where unknown
	Probabilities []float64 // nil where the output holds none
	Value         float64   // regression; NaN otherwise
	// Labels are the indices of a multi-label answer, ascending; empty where
	// none holds, nil where the answer is no such.
	Labels []int
	// Boxes are what a detector found; empty where nothing, nil where the answer
	// is no such.
	Boxes []Box
}

// Box is an object that was found: left, top, right, bottom.
type Box struct {
	Class int
	Score float64
	At    [4]float64
}

// Delta is how two answers to the same input differ.
type Delta struct {
	Agree   bool    // same top class, values within tolerance, or the kind's own rule
	JS      float64 // Jensen-Shannon distance of the probabilities, base 2, 0..1; NaN without probabilities
	MaxAbs  float64 // largest absolute difference of raw output elements
	MeanAbs float64 // mean absolute difference of raw output elements
	// Similarity is the kind's own measure, 1 for equal answers: cosine, Jaccard
	// index of labels, F1 of matched boxes, share of equal tokens; NaN without.
	Similarity float64
	MaxRel     float64 // largest relative difference of raw elements; of the raw kind alone
	MaxULP     uint64  // most representable numbers between raw elements; of the raw kind alone
}

// Answer is one model's answer to one input: what it means, and the raw
// outputs that it was read from.
type Answer struct {
	Prediction Prediction
	Outputs    []tensor.Tensor
}
