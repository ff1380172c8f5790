package performance

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Box is an object in an image: left, top, right, bottom.
type Box struct {
	Class string
	Score float64 // of a detection; not read of an object
	At    [4]float64
}

// Image is what a detector found in one image, and what is there.
type Image struct{ Found, Objects []Box }

// Detection is how well a detector does.
type Detection struct {
	// Precision is the share of found boxes that are objects, Recall the share of
	// objects that were found, at an intersection over union of 0.5, F1 their
	// harmonic mean. Intervals are of ratios over images, by the delete-a-group
	// jackknife; N is the number of boxes found, of objects, of both.
	Precision, Recall, F1 Metric
	// AP50 is COCO's average precision at an intersection over union of 0.5, AP
	// the mean over 0.5, 0.55, ..., 0.95, each the mean over the classes that
	// there are objects of. N is the number of images.
	AP50, AP Metric
}

const (
	maxFound = 100 // of a class and an image, those with the highest scores
	overlaps = 10
	groups   = 20 // of images, that the jackknife leaves out in turn
)

// found is one box: in which group of images, and at which overlaps it is an
// object.
type found struct {
	score float64
	group int
	hit   [overlaps]bool
}

// ofClass is all that is known of a class.
type ofClass struct {
	found   []found // highest scores first
	objects [groups]int
}

// Detect values a detector by COCO's rules: in each image and for each class
// boxes take objects in the order of their scores, the object of the largest
// overlap that is free; at most 100 boxes of a class count. Average precision is
// the mean of the interpolated precision at the recalls 0, 0.01, ..., 1. ErrValue
// where a number is not finite or a box ends before it begins. Intervals are
// undefined (infinite) with fewer than 20 images.
//
// Source: Lin et al., "Microsoft COCO: Common objects in context" (2014) and its
// pycocotools; Kott, "The delete-a-group jackknife", J. Official Statistics 17
// (2001).
func Detect(images []Image) (Detection, error) {
	classes := map[string]*ofClass{}
	of := func(name string) *ofClass {
		if classes[name] == nil {
			classes[name] = &ofClass{}
		}
		return classes[name]
	}
	for i, image := range images {
		for _, b := range slices.Concat(image.Found, image.Objects) {
			if err := b.Check(); err != nil {
				return Detection{}, fmt.Errorf("image %d: %w", i, err)
			}
			of(b.Class)
		}
		for name, c := range classes {
			c.match(image, name, i%groups)
		}
	}
	names := make([]string, 0, len(classes))
	for name, c := range classes {
		names = append(names, name)
		slices.SortStableFunc(c.found, func(a, b found) int { return cmp.Compare(b.score, a.score) })
	}
	slices.Sort(names) // sums in one order
	list := make([]*ofClass, len(names))
	for i, name := range names {
		list[i] = classes[name]
	}
	return detection(list, len(images)), nil
}

// Check is ErrValue where a box is none.
func (b Box) Check() error {
	for _, v := range append(b.At[:], b.Score) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%w: a box %v with score %v", ErrValue, b.At, b.Score)
		}
	}
	if b.At[2] < b.At[0] || b.At[3] < b.At[1] {
		return fmt.Errorf("%w: a box %v is not left, top, right, bottom", ErrValue, b.At)
	}
	return nil
}

// match gives boxes of one image to its objects, at every overlap.
func (c *ofClass) match(image Image, class string, group int) {
	is := func(b Box) bool { return b.Class != class }
	boxes := slices.DeleteFunc(slices.Clone(image.Found), is)
	objects := slices.DeleteFunc(slices.Clone(image.Objects), is)
	c.objects[group] += len(objects)
	slices.SortStableFunc(boxes, func(a, b Box) int { return cmp.Compare(b.Score, a.Score) })
	var taken [overlaps][]bool
	for t := range taken {
		taken[t] = make([]bool, len(objects))
	}
	for _, b := range boxes[:min(len(boxes), maxFound)] {
		f := found{score: b.Score, group: group}
		for t := range overlaps {
			best, at := .5+.05*float64(t)-1e-10, -1
			for k, o := range objects {
				if v := IoU(b.At, o.At); !taken[t][k] && v >= best {
					best, at = v, k
				}
			}
			if at >= 0 {
				f.hit[t], taken[t][at] = true, true
			}
		}
		c.found = append(c.found, f)
	}
}

// IoU is the area of the intersection of two boxes over that of their union; 0
// where neither has an area.
func IoU(a, b [4]float64) float64 {
	w, h := min(a[2], b[2])-max(a[0], b[0]), min(a[3], b[3])-max(a[1], b[1])
	if !(w > 0 && h > 0) {
		return 0
	}
	return w * h / ((a[2]-a[0])*(a[3]-a[1]) + (b[2]-b[0])*(b[3]-b[1]) - w*h)
}

// detection draws the figures from all images and, for the intervals, from all
// but one group of them.
func detection(list []*ofClass, images int) Detection {
	all := figures(list, -1)
	var without [groups][5]float64
	if images >= groups {
		for g := range groups {
			without[g] = figures(list, g)
		}
	}
	boxes, objects := 0, 0
	for _, c := range list {
		boxes += len(c.found)
		for _, n := range c.objects {
			objects += n
		}
	}
	metric := func(i, n int, why string) Metric {
		if math.IsNaN(all[i]) {
			return undefined(why)
		}
		m := Metric{Value: all[i], Lower: math.Inf(-1), Upper: math.Inf(1), N: n}
		sum := 0.0
		for g := range without {
			d := without[g][i] - all[i]
			sum += d * d
		}
		if images >= groups && !math.IsNaN(sum) {
			half := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: groups - 1}.Quantile((1+Level)/2) * math.Sqrt(sum*(groups-1)/groups)
			m.Lower, m.Upper = max(m.Value-half, 0), min(m.Value+half, 1)
		}
		return m
	}
	const noObjects = "no objects"
	return Detection{Precision: metric(0, boxes, "no boxes were found"), Recall: metric(1, objects, noObjects), F1: metric(2, boxes+objects, "neither boxes nor objects"),
		AP50: metric(3, images, noObjects), AP: metric(4, images, noObjects)}
}

// figures are precision, recall, F1, AP50 and AP without one group of images.
func figures(list []*ofClass, without int) (out [5]float64) {
	hits, boxes, objects, classes := 0.0, 0.0, 0.0, 0.0
	var ap50, ap float64
	for _, c := range list {
		n := 0.0
		for g, k := range c.objects {
			if g != without {
				n += float64(k)
			}
		}
		for i := range c.found {
			if f := &c.found[i]; f.group != without {
				boxes++
				if f.hit[0] {
					hits++
				}
			}
		}
		objects += n
		if n == 0 {
			continue
		}
		classes++
		for t := range overlaps {
			v := c.average(t, without, n)
			ap += v / overlaps
			if t == 0 {
				ap50 += v
			}
		}
	}
	return [5]float64{hits / boxes, hits / objects, 2 * hits / (boxes + objects), ap50 / classes, ap / classes}
}

// average is the average precision of a class at an overlap.
func (c *ofClass) average(overlap, without int, objects float64) float64 {
	var precision, recall []float64
	hits, n := 0.0, 0.0
	for i := range c.found {
		f := &c.found[i]
		if f.group == without {
			continue
		}
		n++
		if f.hit[overlap] {
			hits++
		}
		precision, recall = append(precision, hits/n), append(recall, hits/objects)
	}
	for i := len(precision) - 2; i >= 0; i-- { // the best at this recall or a higher one
		precision[i] = max(precision[i], precision[i+1])
	}
	sum, at := 0.0, 0
	for k := range 101 {
		for at < len(recall) && recall[at] < float64(k)/100 {
			at++
		}
		if at < len(recall) {
			sum += precision[at]
		}
	}
	return sum / 101
}
