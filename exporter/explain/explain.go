// Package explain says which inputs an answer rests on, by occlusion (feature
// ablation): each part of the input is replaced by what is typical of the
// reference, and the fall of the model's score is the part's attribution. It
// needs nothing but the model itself, and costs one batch of inferences.
//
// Source: M. Zeiler, R. Fergus (2014), Visualizing and understanding
// convolutional networks; M. Robnik-Sikonja, I. Kononenko (2008).
package explain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// ErrExplain: an answer that cannot be explained; the message says why.
var ErrExplain = errors.New("cannot be explained")

// Engine is the model that is asked. shadow.Engine is one.
type Engine interface {
	Infer(ctx context.Context, batch []shadow.Sample) ([]shadow.Result, error)
}

// Reader says what outputs mean.
type Reader interface {
	Read(outputs []tensor.Tensor) (compare.Prediction, error)
}

// Part is what is replaced at once: an element of a tabular input, a patch of
// an image.
type Part struct {
	Name     string
	Input    int   // which input
	Elements []int // of it
}

// MaxParts bounds the inferences that one explanation costs.
const MaxParts = 64

// patches is how many an image's side is cut into: 8 x 8 parts at most.
const patches = 8

// Parts cuts inputs of fixed shapes into at most MaxParts parts: elements, under
// columns' names where their number fits; patches of images; runs of elements
// of wide inputs.
func Parts(inputs []shadow.IO, columns []string) ([]Part, error) {
	widths, total := make([]int, len(inputs)), 0
	for i, in := range inputs {
		widths[i] = 1
		for _, d := range in.Shape[min(1, len(in.Shape)):] {
			if d <= 0 {
				return nil, fmt.Errorf("%w: input %q has the open shape %v", ErrExplain, in.Name, in.Shape)
			}
			widths[i] *= int(d)
		}
		total += widths[i]
	}
	var out []Part
	for i, in := range inputs {
		switch {
		case len(in.Shape) >= 3 && in.Type != tensor.Bytes:
			out = append(out, grid(i, in)...)
		case total <= MaxParts:
			for k := range widths[i] {
				name := fmt.Sprintf("%s[%d]", in.Name, k)
				if widths[i] == 1 {
					name = in.Name
				}
				if len(columns) == total {
					name = columns[len(out)]
				}
				out = append(out, Part{name, i, []int{k}})
			}
		default:
			out = append(out, runs(i, in.Name, widths[i], max(1, MaxParts*widths[i]/total))...)
		}
	}
	if len(out) > MaxParts {
		return nil, fmt.Errorf("%w: %d inputs have %d parts, more than %d", ErrExplain, len(inputs), len(out), MaxParts)
	}
	return out, nil
}

// grid cuts the last two dimensions; planes are replaced together.
func grid(input int, in shadow.IO) []Part {
	n := len(in.Shape)
	h, w, planes := int(in.Shape[n-2]), int(in.Shape[n-1]), 1
	for _, d := range in.Shape[1 : n-2] {
		planes *= int(d)
	}
	rows, columns := min(h, patches), min(w, patches)
	var out []Part
	for r := range rows {
		for c := range columns {
			r0, r1, c0, c1 := r*h/rows, (r+1)*h/rows, c*w/columns, (c+1)*w/columns
			p := Part{Name: fmt.Sprintf("%s[%d:%d,%d:%d]", in.Name, r0, r1, c0, c1), Input: input}
			for k := range planes {
				for y := r0; y < r1; y++ {
					for x := c0; x < c1; x++ {
						p.Elements = append(p.Elements, (k*h+y)*w+x)
					}
				}
			}
			out = append(out, p)
		}
	}
	return out
}

func runs(input int, name string, width, parts int) []Part {
	parts = min(parts, width)
	out := make([]Part, parts)
	for i := range out {
		from, to := i*width/parts, (i+1)*width/parts
		out[i] = Part{Name: fmt.Sprintf("%s[%d:%d]", name, from, to), Input: input}
		for k := from; k < to; k++ {
			out[i].Elements = append(out[i].Elements, k)
		}
	}
	return out
}

// Typical is what stands for "not there": the median of each element over
// samples, the most frequent text of an input of texts.
func Typical(samples []shadow.Sample) (shadow.Sample, error) {
	if len(samples) == 0 {
		return nil, fmt.Errorf("%w: there is no reference sample", ErrExplain)
	}
	out := make(shadow.Sample, len(samples[0]))
	for i, first := range samples[0] {
		if first.Type == tensor.Bytes {
			out[i] = frequent(samples, i)
			continue
		}
		t, err := tensor.New(first.Name, first.Type, first.Shape...)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrExplain, err)
		}
		for k := range t.Len() {
			medianElement(t, samples, i, k)
		}
		out[i] = t
	}
	return out, nil
}

// medianElement copies the element that is the lower median of the samples, so
// that every type keeps a value of its own.
func medianElement(t tensor.Tensor, samples []shadow.Sample, input, element int) {
	order := make([]int, len(samples))
	values := make([]float64, len(samples))
	for i, s := range samples {
		order[i], values[i] = i, s[input].Float64At(element)
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	size := t.Type.Size()
	from := samples[order[(len(order)-1)/2]][input].Data[element*size : (element+1)*size]
	copy(t.Data[element*size:], from)
}

func frequent(samples []shadow.Sample, input int) tensor.Tensor {
	t := samples[0][input]
	t.Strings = slices.Clone(t.Strings)
	for k := range t.Strings {
		counts := map[string]int{}
		best := ""
		for _, s := range samples {
			text := string(s[input].Strings[k])
			counts[text]++
			if n, m := counts[text], counts[best]; n > m || n == m && text < best {
				best = text
			}
		}
		t.Strings[k] = []byte(best)
	}
	return t
}

// Attribution is a part's share in an answer.
type Attribution struct {
	Part  string
	Value float64 // score - score without the part
}

// Explanation is why a model answered as it did.
type Explanation struct {
	Class        int     // whose probability the score is; -1 for a value
	Score        float64 // of the whole input
	Attributions []Attribution
}

// Explainer explains one model's answers. Immutable, safe for concurrent use.
type Explainer struct {
	Engine  Engine
	Inputs  []shadow.IO // of the engine's model
	Reader  Reader
	Parts   []Part
	Typical shadow.Sample
}

// Explain asks the model once with the whole sample and once without each part,
// in one batch. The score is the probability of the answered class, or the
// value; attributions are in the order of the parts. Errors: ErrExplain, and
// the engine's.
func (e *Explainer) Explain(ctx context.Context, sample shadow.Sample) (Explanation, error) {
	batch, err := e.occluded(sample)
	if err != nil {
		return Explanation{}, err
	}
	results, err := e.Engine.Infer(ctx, batch)
	if err != nil {
		return Explanation{}, err
	}
	whole, err := e.read(results[0])
	if err != nil {
		return Explanation{}, err
	}
	out := Explanation{Class: whole.Class, Score: score(whole, whole.Class), Attributions: make([]Attribution, len(e.Parts))}
	for i, p := range e.Parts {
		without, err := e.read(results[i+1])
		if err != nil {
			return Explanation{}, err
		}
		out.Attributions[i] = Attribution{p.Name, out.Score - score(without, whole.Class)}
	}
	return out, nil
}

func (e *Explainer) read(r shadow.Result) (compare.Prediction, error) {
	if r.Err != nil {
		return compare.Prediction{}, r.Err
	}
	return e.Reader.Read(r.Outputs)
}

// score is the probability of a class, or the value.
func score(p compare.Prediction, class int) float64 {
	switch {
	case class < 0:
		return p.Value
	case class < len(p.Probabilities):
		return p.Probabilities[class]
	case p.Class == class && !math.IsNaN(p.Confidence):
		return p.Confidence
	}
	return 0
}

// occluded is the sample, and the sample without each part.
func (e *Explainer) occluded(sample shadow.Sample) ([]shadow.Sample, error) {
	if len(sample) != len(e.Typical) {
		return nil, fmt.Errorf("%w: %d inputs, the reference has %d", ErrExplain, len(sample), len(e.Typical))
	}
	for i, t := range e.Typical {
		if sample[i].Type != t.Type || sample[i].Len() != t.Len() {
			return nil, fmt.Errorf("%w: input %q is %v of %d elements, the reference's is %v of %d", ErrExplain, t.Name, sample[i].Type, sample[i].Len(), t.Type, t.Len())
		}
	}
	batch := make([]shadow.Sample, 0, len(e.Parts)+1)
	batch = append(batch, sample)
	for _, p := range e.Parts {
		s := slices.Clone(sample)
		t, typical := s[p.Input], e.Typical[p.Input]
		t.Data, t.Strings = slices.Clone(t.Data), slices.Clone(t.Strings)
		size := t.Type.Size()
		for _, k := range p.Elements {
			if t.Type == tensor.Bytes {
				t.Strings[k] = typical.Strings[k]
			} else {
				copy(t.Data[k*size:(k+1)*size], typical.Data[k*size:])
			}
		}
		s[p.Input] = t
		batch = append(batch, s)
	}
	return batch, nil
}

// Shares are the parts' shares of the mean absolute attribution of
// explanations: 0 to 1 each, 1 together; nil where nothing has any.
func Shares(list []Explanation) []float64 {
	if len(list) == 0 {
		return nil
	}
	out := make([]float64, len(list[0].Attributions))
	var sum float64
	for _, e := range list {
		for i, a := range e.Attributions {
			out[i] += math.Abs(a.Value)
			sum += math.Abs(a.Value)
		}
	}
	if sum == 0 {
		return nil
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}
