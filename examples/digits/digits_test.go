package digits

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

func load(t *testing.T) *Data {
	t.Helper()
	d, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSplitsNeverShareAnImage(t *testing.T) {
	d := load(t)
	if n := len(d.Train) + len(d.Reference) + len(d.Traffic); n != 1797 {
		t.Errorf("%d images, want 1797", n)
	}
	seen := map[[Pixels]float32]string{}
	for name, split := range map[string][]Image{"train": d.Train, "reference": d.Reference, "traffic": d.Traffic} {
		for _, img := range split {
			if other, ok := seen[img.Pixels]; ok && other != name {
				t.Errorf("an image is in both %s and %s", name, other)
			}
			seen[img.Pixels] = name
		}
	}
}

func TestDigestsMatch(t *testing.T) {
	f, err := os.Open("SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	files := 0
	for sc := bufio.NewScanner(f); sc.Scan(); files++ {
		want, name, _ := strings.Cut(sc.Text(), "  ")
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s is not what SHA256SUMS says; run train.py", name)
		}
	}
	if files != 6 {
		t.Errorf("%d files listed, want 6", files)
	}
}

// TestShiftIsTheScripts: the vectors are train.py's own.
func TestShiftIsTheScripts(t *testing.T) {
	b, err := os.ReadFile("data/shift_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Image  int
		Dx, Dy float64
		Want   []float64
	}
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		got := Shift(nth(t, v.Image), v.Dx, v.Dy)
		for i, w := range v.Want {
			if math.Abs(float64(got.Pixels[i])-w) > 1e-6 {
				t.Fatalf("image %d shifted by %v, %v: pixel %d is %v, want %v", v.Image, v.Dx, v.Dy, i, got.Pixels[i], w)
			}
		}
	}
}

// nth is image i in the data set's own order.
func nth(t *testing.T, i int) Image {
	zr, err := gunzip()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(zr).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	img, err := parse(rows[i+1])
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// TestTrafficIsLikeTheReference: healthy traffic must not look like drift, and
// the corruptions must. KS of four summaries at n = 1,000, over seeds.
func TestTrafficIsLikeTheReference(t *testing.T) {
	d := load(t)
	limit := 1.95 * math.Sqrt(2.0/1000) // p < 0.001
	summary := []func(Image) float64{mean, std, zeros, border}
	same := func(img Image) Image { return img }
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 1))
		reference := draw(d.Reference, rng, same)
		for name, change := range map[string]func(Image) Image{"healthy": same, "half scale": HalfScale, "blur": Blur} {
			traffic := draw(d.Traffic, rng, change)
			worst := 0.0
			for _, s := range summary {
				worst = max(worst, ks(apply(reference, s), apply(traffic, s)))
			}
			if (worst > limit) == (name == "healthy") {
				t.Errorf("seed %d: %s: largest KS %.3f, limit %.3f", seed, name, worst, limit)
			}
		}
	}
}

func draw(from []Image, rng *rand.Rand, change func(Image) Image) []Image {
	out := make([]Image, 1000)
	for i := range out {
		out[i] = change(Augment(from[rng.IntN(len(from))], rng))
	}
	return out
}

func apply(images []Image, f func(Image) float64) []float64 {
	out := make([]float64, len(images))
	for i, img := range images {
		out[i] = f(img)
	}
	slices.Sort(out)
	return out
}

func mean(img Image) float64 {
	var s float64
	for _, v := range img.Pixels {
		s += float64(v)
	}
	return s / Pixels
}

func std(img Image) float64 {
	m, s := mean(img), 0.0
	for _, v := range img.Pixels {
		s += (float64(v) - m) * (float64(v) - m)
	}
	return math.Sqrt(s / Pixels)
}

func zeros(img Image) float64 {
	n := 0.0
	for _, v := range img.Pixels {
		if v == 0 {
			n++
		}
	}
	return n
}

func border(img Image) float64 {
	s := 0.0
	for y := range Size {
		for x := range Size {
			if y == 0 || x == 0 || y == Size-1 || x == Size-1 {
				s += float64(img.Pixels[y*Size+x])
			}
		}
	}
	return s
}

// ks is the two-sample statistic of sorted samples.
func ks(a, b []float64) float64 {
	var i, j int
	var d float64
	for i < len(a) && j < len(b) {
		x := min(a[i], b[j])
		for i < len(a) && a[i] == x {
			i++
		}
		for j < len(b) && b[j] == x {
			j++
		}
		d = max(d, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	return d
}

func TestWriteReference(t *testing.T) {
	d := load(t)
	var b bytes.Buffer
	if err := d.WriteReference(&b, 500, 7); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 501 || len(rows[0]) != Pixels+1 || rows[0][Pixels] != "digit" {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func gunzip() (*gzip.Reader, error) { return gzip.NewReader(bytes.NewReader(data)) }
