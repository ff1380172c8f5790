package performance

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

type boxJSON struct {
	Class string     `json:"class"`
	Score float64    `json:"score"`
	Box   [4]float64 `json:"box"`
}

func boxes(list []boxJSON) (out []Box) {
	for _, b := range list {
		out = append(out, Box{b.Class, b.Score, b.Box})
	}
	return out
}

// TestDetect against pycocotools 2.0.11: testdata/detection.py.
func TestDetect(t *testing.T) {
	raw, err := os.ReadFile("testdata/detection.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name   string
		Images []struct{ Objects, Found []boxJSON }
		Want   map[string]float64
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		var images []Image
		for _, i := range c.Images {
			images = append(images, Image{boxes(i.Found), boxes(i.Objects)})
		}
		d, err := Detect(images)
		if err != nil {
			t.Fatal(err)
		}
		for name, got := range map[string]Metric{"ap_50": d.AP50, "ap": d.AP, "precision": d.Precision, "recall": d.Recall} {
			if math.Abs(got.Value-c.Want[name]) > 1e-12 {
				t.Errorf("%s: %s %.15f, want %.15f", c.Name, name, got.Value, c.Want[name])
			}
			if few := len(images) < groups; few != math.IsInf(got.Upper, 1) || !few && !(got.Lower < got.Value && got.Value < got.Upper) {
				t.Errorf("%s: %s %v", c.Name, name, got)
			}
		}
	}
}

func TestDetectUndefined(t *testing.T) {
	d, err := Detect([]Image{{}, {Found: []Box{{"a", .9, [4]float64{0, 0, 1, 1}}}}})
	if err != nil || d.Recall.Defined() || d.AP.Defined() || d.Precision.Value != 0 || !d.Precision.Defined() {
		t.Errorf("no objects: %+v, %v", d, err)
	}
	if d, err = Detect([]Image{{Objects: []Box{{"a", 0, [4]float64{0, 0, 1, 1}}}}}); err != nil || d.Precision.Defined() || d.Recall.Value != 0 || d.AP.Value != 0 || !d.AP.Defined() {
		t.Errorf("nothing found: %+v, %v", d, err)
	}
	for _, b := range [][4]float64{{1, 0, 0, 1}, {0, 0, math.NaN(), 1}} {
		if _, err = Detect([]Image{{Found: []Box{{"a", .9, b}}}}); !errors.Is(err, ErrValue) {
			t.Errorf("%v: %v", b, err)
		}
	}
}

// TestDetectIntervals: 95 % intervals of a recall hold the truth that often,
// although the boxes of one image are alike.
func TestDetectIntervals(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	held, runs := 0, 200
	for range runs {
		images := make([]Image, 200)
		for i := range images {
			hard := rng.Float64() < .3 // nothing is found in such an image
			for k := range 5 {
				b := Box{"a", rng.Float64(), [4]float64{float64(10 * k), 0, float64(10*k + 5), 5}}
				images[i].Objects = append(images[i].Objects, b)
				if !hard && rng.Float64() < .9 {
					images[i].Found = append(images[i].Found, b)
				}
			}
		}
		d, err := Detect(images)
		if err != nil {
			t.Fatal(err)
		}
		if d.Recall.Lower <= .63 && .63 <= d.Recall.Upper {
			held++
		}
	}
	if held < 180 || held > 199 {
		t.Errorf("%d of %d intervals hold the truth", held, runs)
	}
}
