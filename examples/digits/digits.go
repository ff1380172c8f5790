// Package digits holds the demo's data and models: 1,797 real handwritten
// digits, split so that training, reference and traffic never share an image,
// and the four ONNX models that train.py makes of them. See MODEL_CARD.md.
package digits

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
)

//go:embed data/digits.csv.gz
var data []byte

//go:embed models/*.onnx
var models embed.FS

// Size is the side of an image; Pixels its number of pixels; Classes the
// number of digits.
const (
	Size    = 8
	Pixels  = Size * Size
	Classes = 10
)

// The law of augmentation that train.py uses too.
const (
	maxShift = 0.6
	maxGain  = 0.1
)

// Image is one digit, row by row, 0 to 1.
type Image struct {
	Pixels [Pixels]float32
	Label  int
}

// Data is the images of the three splits.
type Data struct {
	Train, Reference, Traffic []Image
}

// ErrData: the embedded data cannot be read; the build is broken.
var ErrData = errors.New("digits data unreadable")

// Load decodes the embedded images.
func Load() (*Data, error) {
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrData, err)
	}
	rows, err := csv.NewReader(zr).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrData, err)
	}
	d := &Data{}
	for i, row := range rows[1:] {
		img, err := parse(row)
		if err != nil {
			return nil, fmt.Errorf("%w: row %d: %w", ErrData, i+2, err)
		}
		switch row[0] {
		case "train":
			d.Train = append(d.Train, img)
		case "reference":
			d.Reference = append(d.Reference, img)
		case "traffic":
			d.Traffic = append(d.Traffic, img)
		default:
			return nil, fmt.Errorf("%w: row %d: split %q", ErrData, i+2, row[0])
		}
	}
	return d, nil
}

func parse(row []string) (img Image, err error) {
	if len(row) != 2+Pixels {
		return img, fmt.Errorf("%d columns", len(row))
	}
	if img.Label, err = strconv.Atoi(row[1]); err != nil {
		return img, err
	}
	for i, s := range row[2:] {
		v, err := strconv.Atoi(s)
		if err != nil {
			return img, err
		}
		img.Pixels[i] = float32(v) / 16
	}
	return img, nil
}

// Model is the bytes of one of the models: digits-fp32, digits-int8,
// digits-worse, digits-v1.
func Model(name string) ([]byte, error) {
	b, err := models.ReadFile("models/" + name + ".onnx")
	if err != nil {
		return nil, fmt.Errorf("no model %q in the demo: %w", name, err)
	}
	return b, nil
}

// Digest is "sha256:" and the hexadecimal digest of a model's bytes.
func Digest(model []byte) string {
	sum := sha256.Sum256(model)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Augment moves an image by up to 0.6 pixels and changes its brightness by up
// to a tenth: the law that training, reference and traffic share.
func Augment(img Image, rng *rand.Rand) Image {
	dx, dy := (2*rng.Float64()-1)*maxShift, (2*rng.Float64()-1)*maxShift
	out := Shift(img, dx, dy)
	gain := float32(1 + (2*rng.Float64()-1)*maxGain)
	for i := range out.Pixels {
		out.Pixels[i] *= gain
	}
	return out
}

// Shift moves an image by (dx, dy) pixels, bilinear, zero outside.
func Shift(img Image, dx, dy float64) Image {
	out := Image{Label: img.Label}
	at := func(y, x int) float64 {
		if y < 0 || y >= Size || x < 0 || x >= Size {
			return 0
		}
		return float64(img.Pixels[y*Size+x])
	}
	for y := range Size {
		for x := range Size {
			sy, sx := float64(y)-dy, float64(x)-dx
			y0, x0 := math.Floor(sy), math.Floor(sx)
			fy, fx := sy-y0, sx-x0
			iy, ix := int(y0), int(x0)
			v := at(iy, ix)*(1-fy)*(1-fx) + at(iy, ix+1)*(1-fy)*fx + at(iy+1, ix)*fy*(1-fx) + at(iy+1, ix+1)*fy*fx
			out.Pixels[y*Size+x] = float32(v)
		}
	}
	return out
}

// HalfScale is what a client sends that normalises pixels wrongly.
func HalfScale(img Image) Image {
	for i := range img.Pixels {
		img.Pixels[i] /= 2
	}
	return img
}

// Blur is a 3x3 box blur, zero outside: a camera out of focus.
func Blur(img Image) Image {
	out := Image{Label: img.Label}
	for y := range Size {
		for x := range Size {
			var sum float32
			for dy := -1; dy <= 1; dy++ {
				for dx := -1; dx <= 1; dx++ {
					if yy, xx := y+dy, x+dx; yy >= 0 && yy < Size && xx >= 0 && xx < Size {
						sum += img.Pixels[yy*Size+xx]
					}
				}
			}
			out.Pixels[y*Size+x] = sum / 9
		}
	}
	return out
}

// WriteReference writes rows augmented images of the reference split as CSV,
// one column a pixel and the column "digit": what a user's training sample
// looks like.
func (d *Data) WriteReference(w io.Writer, rows int, seed uint64) error {
	cw := csv.NewWriter(w)
	record := make([]string, Pixels+1)
	for i := range Pixels {
		record[i] = fmt.Sprintf("p%02d", i)
	}
	record[Pixels] = "digit"
	if err := cw.Write(record); err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	for i := range rows {
		img := Augment(d.Reference[i%len(d.Reference)], rng)
		for k, v := range img.Pixels {
			record[k] = strconv.FormatFloat(float64(v), 'g', -1, 32)
		}
		record[Pixels] = strconv.Itoa(img.Label)
		if err := cw.Write(record); err != nil {
			return err
		}
	}
	cw.Flush()
	return cw.Error()
}
