// Package digits holds the demo's data and models: 1,797 real handwritten
// digits, split so that training, reference and traffic never share an image,
// and the four ONNX models that train.py makes of them. See MODEL_CARD.md.
//
// The split is a column of the data file and the law of augmentation is tested
// against train.py's vectors, so that the script and this package cannot
// disagree.
package digits

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
)

//go:embed data/digits.csv.gz
var data []byte

// The models' input: Size x Size pixels, channels first; Classes logits come
// out.
const (
	Size    = 8
	Pixels  = Size * Size
	Classes = 10

	InputName  = "image"  // float32 [batch, 1, Size, Size], 0 to 1
	OutputName = "logits" // float32 [batch, Classes]
)

// ErrData: the embedded data cannot be read; the build is broken.
var ErrData = errors.New("digits data unreadable")

// Image is one digit, row by row, 0 to 1.
type Image struct {
	Pixels [Pixels]float32
	Label  int
}

// Data is the images of the three splits, as they were written by hand:
// Sampler augments them.
type Data struct {
	Train, Reference, Traffic []Image
}

// Load decodes the embedded images. Errors are ErrData and name the row.
func Load() (*Data, error) {
	rows, err := table()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrData, err)
	}
	d := &Data{}
	splits := map[string]*[]Image{"train": &d.Train, "reference": &d.Reference, "traffic": &d.Traffic}
	for i, row := range rows {
		img, err := parse(row)
		if err != nil {
			return nil, fmt.Errorf("%w: row %d: %w", ErrData, i+2, err)
		}
		split, ok := splits[row[0]]
		if !ok {
			return nil, fmt.Errorf("%w: row %d: split %q", ErrData, i+2, row[0])
		}
		*split = append(*split, img)
	}
	return d, nil
}

// table is the data file's rows without the header: split, label, pixels.
func table() ([][]string, error) {
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(zr)
	r.FieldsPerRecord = 2 + Pixels
	rows, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errors.New("no header")
	}
	return rows[1:], nil
}

func parse(row []string) (img Image, err error) {
	if img.Label, err = integer(row[1], Classes-1); err != nil {
		return img, fmt.Errorf("label: %w", err)
	}
	for i, s := range row[2:] {
		v, err := integer(s, 16)
		if err != nil {
			return img, fmt.Errorf("pixel %d: %w", i, err)
		}
		img.Pixels[i] = float32(v) / 16
	}
	return img, nil
}

// integer parses a whole number from 0 to most.
func integer(s string, most int) (int, error) {
	v, err := strconv.Atoi(s)
	if err == nil && (v < 0 || v > most) {
		err = fmt.Errorf("%d is not in 0..%d", v, most)
	}
	return v, err
}
