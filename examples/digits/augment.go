package digits

import (
	"errors"
	"math"
	"math/rand/v2"
)

// The law of augmentation, train.py's too (data/law.json).
const (
	maxShift         = 0.6
	minGain, maxGain = 0.8, 1.0
	pixelScale       = 0.5
)

// ErrNoImages: there is nothing to draw from.
var ErrNoImages = errors.New("no images to draw from")

// Sampler draws images of one split, with replacement, each augmented. The same
// seed gives the same images in the same order. Not safe for concurrent use.
type Sampler struct {
	images []Image
	rng    *rand.Rand
}

// NewSampler returns a Sampler over a split. The source is the caller's choice:
// rand.NewPCG(seed, 0) repeats the same story. Without images it is
// ErrNoImages.
func NewSampler(images []Image, src rand.Source) (*Sampler, error) {
	if len(images) == 0 {
		return nil, ErrNoImages
	}
	return &Sampler{images: images, rng: rand.New(src)}, nil
}

// Next is the next image.
func (s *Sampler) Next() Image {
	return Augment(s.images[s.rng.IntN(len(s.images))], s.rng)
}

// Augment moves an image by up to 0.6 pixels in both directions and multiplies
// it by 0.8 to 1: the law that training, reference and traffic share. Pixels
// stay in 0 to 1.
func Augment(img Image, rng *rand.Rand) Image {
	dx := (2*rng.Float64() - 1) * maxShift
	dy := (2*rng.Float64() - 1) * maxShift
	gain := minGain + rng.Float64()*(maxGain-minGain)
	return shift(img, dx, dy, gain)
}

// shift moves an image by (dx, dy) pixels, right and down, bilinear, zero
// outside, and multiplies it by gain.
func shift(img Image, dx, dy, gain float64) Image {
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
			out.Pixels[y*Size+x] = float32(v * gain)
		}
	}
	return out
}

// PixelScale is what a client sends that divides pixels by 32 where 16 is
// right: half of everything. The model still answers nearly everything rightly.
func PixelScale(img Image) Image {
	for i := range img.Pixels {
		img.Pixels[i] *= pixelScale
	}
	return img
}

// Blur is a 3x3 box blur, zero outside: a camera out of focus. The model
// answers a quarter wrongly.
func Blur(img Image) Image {
	out := Image{Label: img.Label}
	for y := range Size {
		for x := range Size {
			var sum float32
			for yy := max(y-1, 0); yy <= min(y+1, Size-1); yy++ {
				for xx := max(x-1, 0); xx <= min(x+1, Size-1); xx++ {
					sum += img.Pixels[yy*Size+xx]
				}
			}
			out.Pixels[y*Size+x] = sum / 9
		}
	}
	return out
}
