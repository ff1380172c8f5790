// Package detection compares answers that are boxes around objects.
package detection

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Kind implements compare.Kind. Boxes whose score is at least Threshold (0.5)
// count. A box of the primary and one of the shadow are the same object where
// their class is the same and their intersection over union is at least IoU
// (0.5); pairs are matched one to one, the largest overlap first. The
// similarity is the F1 of the matching, 2 matched / (primary's + shadow's), 1
// where neither has a box; answers agree where it is at least 1 - Tolerance.
// The value of a prediction is how many boxes count.
type Kind struct{ o compare.Options }

// New returns a Kind.
func New(o compare.Options) compare.Kind {
	if o.Threshold == 0 {
		o.Threshold = .5
	}
	if o.IoU == 0 {
		o.IoU = .5
	}
	return Kind{o}
}

// Decision says in words how outputs are read.
func (k Kind) Decision() string {
	if k.o.Boxes == "" {
		return "boxes: rows of four coordinates, score and class"
	}
	return fmt.Sprintf("boxes: %q with scores %q and classes %q", k.o.Boxes, k.o.Scores, k.o.Classes)
}

// box is a counted box by its corners.
type box struct {
	x1, y1, x2, y2 float64
	class          float64
	score          float64
}

// Read counts the boxes.
func (k Kind) Read(outputs []tensor.Tensor) (compare.Prediction, error) {
	boxes, err := k.boxes(outputs)
	if err != nil {
		return compare.Prediction{}, err
	}
	p := compare.Prediction{Class: -1, Confidence: math.NaN(), Value: float64(len(boxes)), Boxes: []compare.Box{}}
	for _, b := range boxes {
		p.Boxes = append(p.Boxes, compare.Box{Class: int(b.class), Score: b.score, At: [4]float64{b.x1, b.y1, b.x2, b.y2}})
	}
	return p, nil
}

// Compare matches the boxes.
func (k Kind) Compare(primary, shadow compare.Answer) compare.Delta {
	d := compare.Delta{JS: math.NaN()} // rows are in no order: raw differences say nothing
	a, errA := k.boxes(primary.Outputs)
	b, errB := k.boxes(shadow.Outputs)
	if errA != nil || errB != nil {
		return d
	}
	d.Similarity = 1
	if n := len(a) + len(b); n > 0 {
		d.Similarity = 2 * float64(k.matched(a, b)) / float64(n)
	}
	d.Agree = d.Similarity >= 1-k.o.Tolerance
	return d
}

// boxes are those that count.
func (k Kind) boxes(outputs []tensor.Tensor) ([]box, error) {
	if k.o.Boxes == "" {
		t, err := compare.Pick(outputs, k.o.Output)
		if err != nil {
			return nil, err
		}
		v, err := t.AppendFloat64s(nil)
		if err != nil || len(t.Shape) < 2 || t.Shape[len(t.Shape)-1] != 6 {
			return nil, fmt.Errorf("%w: %q has shape %v, boxes are rows of 6; name boxes, scores and classes where they are apart", compare.ErrOutput, t.Name, t.Shape)
		}
		var out []box
		for row := range slices.Chunk(v, 6) {
			out = k.add(out, row[:4], row[4], row[5])
		}
		return out, nil
	}
	rows, err := numbers(outputs, k.o.Boxes)
	if err != nil {
		return nil, err
	}
	scores, err := numbers(outputs, k.o.Scores)
	if err != nil {
		return nil, err
	}
	classes := make([]float64, len(scores))
	if k.o.Classes != "" {
		if classes, err = numbers(outputs, k.o.Classes); err != nil {
			return nil, err
		}
	}
	if len(rows) != 4*len(scores) || len(classes) != len(scores) {
		return nil, fmt.Errorf("%w: %d coordinates, %d scores and %d classes are no list of boxes", compare.ErrOutput, len(rows), len(scores), len(classes))
	}
	var out []box
	for i := range scores {
		out = k.add(out, rows[4*i:4*i+4], scores[i], classes[i])
	}
	return out, nil
}

func numbers(outputs []tensor.Tensor, name string) ([]float64, error) {
	t, err := compare.Pick(outputs, name)
	if err != nil {
		return nil, err
	}
	v, err := t.AppendFloat64s(nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", compare.ErrOutput, err)
	}
	return v, nil
}

// add appends a box that counts; a score that is no number does not.
func (k Kind) add(to []box, c []float64, score, class float64) []box {
	if !(score >= k.o.Threshold) {
		return to
	}
	b := box{c[0], c[1], c[2], c[3], class, score}
	if k.o.Centres {
		b = box{c[0] - c[2]/2, c[1] - c[3]/2, c[0] + c[2]/2, c[1] + c[3]/2, class, score}
	}
	return append(to, b)
}

// matched is how many boxes of a and b are the same, one to one.
func (k Kind) matched(a, b []box) int {
	type pair struct {
		i, j int
		iou  float64
	}
	var pairs []pair
	for i := range a {
		for j := range b {
			if v := iou(a[i], b[j]); a[i].class == b[j].class && v >= k.o.IoU {
				pairs = append(pairs, pair{i, j, v})
			}
		}
	}
	slices.SortStableFunc(pairs, func(x, y pair) int { return cmp.Compare(y.iou, x.iou) })
	usedA, usedB := make([]bool, len(a)), make([]bool, len(b))
	n := 0
	for _, p := range pairs {
		if !usedA[p.i] && !usedB[p.j] {
			usedA[p.i], usedB[p.j] = true, true
			n++
		}
	}
	return n
}

// iou is the area of the intersection over that of the union; 1 for the same
// box, also without an area.
func iou(a, b box) float64 {
	if a.x1 == b.x1 && a.y1 == b.y1 && a.x2 == b.x2 && a.y2 == b.y2 {
		return 1
	}
	w := min(a.x2, b.x2) - max(a.x1, b.x1)
	h := min(a.y2, b.y2) - max(a.y1, b.y1)
	if !(w > 0 && h > 0) {
		return 0
	}
	area := func(x box) float64 { return (x.x2 - x.x1) * (x.y2 - x.y1) }
	return w * h / (area(a) + area(b) - w*h)
}
