package digits

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

// TestLawIsTheScripts: constants and vectors are train.py's own.
func TestLawIsTheScripts(t *testing.T) {
	b, err := os.ReadFile("data/law.json")
	if err != nil {
		t.Fatal(err)
	}
	var law struct {
		MaxShift   float64 `json:"max_shift"`
		MinGain    float64 `json:"min_gain"`
		MaxGain    float64 `json:"max_gain"`
		PixelScale float64 `json:"pixel_scale"`
		Vectors    []struct {
			Image        int
			Dx, Dy, Gain float64
			Augmented    []float64
			PixelScale   []float64 `json:"pixel_scale"`
			Blur         []float64
		}
	}
	if err := json.Unmarshal(b, &law); err != nil {
		t.Fatal(err)
	}
	if law.MaxShift != maxShift || law.MinGain != minGain || law.MaxGain != maxGain || law.PixelScale != pixelScale {
		t.Errorf("constants differ from the script's: %+v", law)
	}
	if len(law.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	rows, err := table()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range law.Vectors {
		original, err := parse(rows[v.Image])
		if err != nil {
			t.Fatal(err)
		}
		moved := shift(original, v.Dx, v.Dy, v.Gain)
		near(t, "shift and gain", moved, v.Augmented)
		near(t, "PixelScale", PixelScale(moved), v.PixelScale)
		near(t, "Blur", Blur(moved), v.Blur)
	}
}

func near(t *testing.T, what string, got Image, want []float64) {
	t.Helper()
	if len(want) != Pixels {
		t.Fatalf("%s: vector of %d values", what, len(want))
	}
	for i, w := range want {
		if math.Abs(float64(got.Pixels[i])-w) > 1e-6 {
			t.Fatalf("%s: pixel %d is %v, the script has %v", what, i, got.Pixels[i], w)
		}
	}
}

func TestSamplerRepeats(t *testing.T) {
	d := load(t)
	a, b := sampler(t, d.Traffic, 3), sampler(t, d.Traffic, 3)
	other := sampler(t, d.Traffic, 4)
	same := 0
	for range 1000 {
		img := a.Next()
		if img != b.Next() {
			t.Fatal("the same seed gives other images")
		}
		if img == other.Next() {
			same++
		}
		for _, v := range img.Pixels {
			if v < 0 || v > 1 {
				t.Fatalf("pixel %v outside 0 to 1", v)
			}
		}
	}
	if same > 0 {
		t.Errorf("%d of 1000 images are alike under another seed", same)
	}
	if _, err := NewSampler(nil, rand.NewPCG(1, 0)); !errors.Is(err, ErrNoImages) {
		t.Errorf("an empty split: %v", err)
	}
}

// TestAugmentDrawsTheLaw: the mass of a dot in the middle tells its shift and
// gain, which must fill their ranges evenly.
func TestAugmentDrawsTheLaw(t *testing.T) {
	var dot Image
	dot.Pixels[3*Size+4] = 1
	rng := rand.New(rand.NewPCG(5, 0))
	const n = 20000
	var xs, ys, gains [n]float64
	for i := range n {
		img := Augment(dot, rng)
		for k, v := range img.Pixels {
			gains[i] += float64(v)
			xs[i] += float64(v) * float64(k%Size-4)
			ys[i] += float64(v) * float64(k/Size-3)
		}
		xs[i] /= gains[i]
		ys[i] /= gains[i]
	}
	evenly(t, "dx", xs[:], -maxShift, maxShift)
	evenly(t, "dy", ys[:], -maxShift, maxShift)
	evenly(t, "gain", gains[:], minGain, maxGain)
}

// evenly compares values with the uniform law: 20 cells, chi-square of 19
// degrees of freedom, p = 0.001 at 43.8.
func evenly(t *testing.T, what string, values []float64, low, high float64) {
	t.Helper()
	var cells [20]float64
	for _, v := range values {
		if v < low-1e-6 || v > high+1e-6 {
			t.Fatalf("%s %v is outside %v to %v", what, v, low, high)
		}
		cells[min(max(int((v-low)/(high-low)*20), 0), 19)]++
	}
	expect, chi2 := float64(len(values))/20, 0.0
	for _, c := range cells {
		chi2 += (c - expect) * (c - expect) / expect
	}
	if chi2 > 43.8 {
		t.Errorf("%s is not uniform: chi-square %.1f", what, chi2)
	}
}

func sampler(t *testing.T, images []Image, seed uint64) *Sampler {
	t.Helper()
	s, err := NewSampler(images, rand.NewPCG(seed, 0))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
