package calibration

import (
	"fmt"
	"math"
	"slices"
	"sort"
)

// Stream is the calibration of predictions as they come, in memory that does not
// grow: counts and sums of each bin. Not safe for concurrent use.
type Stream struct {
	edges  []float64 // inner; nil for equal width
	bins   []Bin
	n      int
	losses float64
}

// NewStream returns a stream over bins of equal width; its Report is that of
// EqualWidth.
func NewStream(bins int) (*Stream, error) {
	if bins < 1 {
		return nil, fmt.Errorf("%w: %d bins", ErrLength, bins)
	}
	s := &Stream{bins: make([]Bin, bins)}
	for i := range s.bins {
		s.bins[i].Lower, s.bins[i].Upper = float64(i)/float64(bins), float64(i+1)/float64(bins)
	}
	return s, nil
}

// NewStreamOver returns a stream over bins with these inner edges, right-closed:
// those of EqualMass on a reference make a streaming form of it. ErrConfidence
// where they do not ascend inside [0, 1].
func NewStreamOver(edges []float64) (*Stream, error) {
	s := &Stream{edges: append([]float64{}, edges...), bins: make([]Bin, len(edges)+1)}
	lower := 0.0
	for i, e := range edges {
		if !(e >= lower && e <= 1) || (i > 0 && e == lower) {
			return nil, fmt.Errorf("%w: edge %v after %v", ErrConfidence, e, lower)
		}
		s.bins[i].Lower, s.bins[i].Upper = lower, e
		lower = e
	}
	s.bins[len(edges)].Lower, s.bins[len(edges)].Upper = lower, 1
	return s, nil
}

// Edges are the inner edges of a report's bins, for NewStreamOver.
func (r Report) Edges() []float64 {
	var edges []float64
	for _, b := range r.Bins[:max(len(r.Bins)-1, 0)] {
		edges = append(edges, b.Upper)
	}
	return edges
}

// Observe folds in a prediction. ErrConfidence where it is not in [0, 1]; it is
// then left out.
func (s *Stream) Observe(confidence float64, correct bool) error {
	if !(confidence >= 0 && confidence <= 1) {
		return fmt.Errorf("%w: %v", ErrConfidence, confidence)
	}
	k := 0
	if s.edges == nil {
		k = Index(confidence, len(s.bins))
	} else {
		k = sort.SearchFloat64s(s.edges, confidence)
	}
	s.bins[k].add(confidence, correct)
	s.n++
	s.losses += logLoss(confidence, correct)
	return nil
}

// Merge adds another stream of the same bins up; the order does not matter.
// ErrLength where the bins differ.
func (s *Stream) Merge(o *Stream) error {
	same := func(a, b Bin) bool { return a.Lower == b.Lower && a.Upper == b.Upper }
	if !slices.EqualFunc(s.bins, o.bins, same) {
		return fmt.Errorf("%w: streams over different bins", ErrLength)
	}
	for i := range s.bins {
		a, b := &s.bins[i], &o.bins[i]
		a.Count, a.Correct = a.Count+b.Count, a.Correct+b.Correct
		a.Confidence, a.variance, a.squared = a.Confidence+b.Confidence, a.variance+b.variance, a.squared+b.squared
	}
	s.n += o.n
	s.losses += o.losses
	return nil
}

// Report is the calibration of everything observed; ErrEmpty where that is
// nothing.
func (s *Stream) Report() (Report, error) {
	if s.n == 0 {
		return Report{}, ErrEmpty
	}
	return report(slices.Clone(s.bins), s.n), nil
}

// LogLoss is that of everything observed, NaN where that is nothing.
func (s *Stream) LogLoss() float64 {
	if s.n == 0 {
		return math.NaN()
	}
	return s.losses / float64(s.n)
}
