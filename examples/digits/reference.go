package digits

import (
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
)

// ReferenceRows is the size of the reference sample; its images are drawn by
// referenceSeed from the reference split.
const (
	ReferenceRows = 4000
	referenceSeed = 1
)

// LabelColumn is the name of ReferenceCSV's column of labels.
const LabelColumn = "digit"

// ReferenceSample is the demo's reference: ReferenceRows draws of the reference
// split, the same at every call.
func (d *Data) ReferenceSample() ([]Image, error) {
	s, err := NewSampler(d.Reference, rand.NewPCG(referenceSeed, 0))
	if err != nil {
		return nil, err
	}
	out := make([]Image, ReferenceRows)
	for i := range out {
		out[i] = s.Next()
	}
	return out, nil
}

// Tensor lays images out as the models' input: the values of float32
// [len(images), 1, Size, Size], and the labels.
func Tensor(images []Image) (values []float32, labels []int) {
	values = make([]float32, 0, len(images)*Pixels)
	labels = make([]int, len(images))
	for i := range images {
		values = append(values, images[i].Pixels[:]...)
		labels[i] = images[i].Label
	}
	return values, labels
}

// ReferenceCSV writes ReferenceSample as what a user would have: a header, a
// column for every pixel in the order of the model's input, p00 to p63, and the
// label in LabelColumn. Values read back to the same bits.
func (d *Data) ReferenceCSV(w io.Writer) error {
	images, err := d.ReferenceSample()
	if err != nil {
		return err
	}
	cw := csv.NewWriter(w)
	record := make([]string, Pixels+1)
	for i := range Pixels {
		record[i] = fmt.Sprintf("p%02d", i)
	}
	record[Pixels] = LabelColumn
	if err := cw.Write(record); err != nil {
		return err
	}
	for _, img := range images {
		for i, v := range img.Pixels {
			record[i] = strconv.FormatFloat(float64(v), 'g', -1, 32)
		}
		record[Pixels] = strconv.Itoa(img.Label)
		if err := cw.Write(record); err != nil {
			return err
		}
	}
	cw.Flush()
	return cw.Error()
}
