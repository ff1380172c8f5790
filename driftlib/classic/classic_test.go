package classic

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

type recorded struct {
	Source  string
	Streams map[string][]float64
	Cases   []struct {
		Name, Stream string
		Hits         []int
		Width        *float64
		Estimation   float64
		Variance     float64
		FirstWarning *int `json:"first_warning"`
		Warnings     int
	}
}

func load(t testing.TB) recorded {
	t.Helper()
	b, err := os.ReadFile("testdata/river.json")
	if err != nil {
		t.Fatal(err)
	}
	var r recorded
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAgainstRiver: the same alarms at the same values, the same windows.
func TestAgainstRiver(t *testing.T) {
	r := load(t)
	t.Log(r.Source)
	for _, c := range r.Cases {
		var observe func(float64) bool
		warnings, first := 0, -1
		adwin := NewADWIN()
		at := 0
		switch kind := strings.Fields(c.Name)[0]; kind {
		case "adwin":
			observe = adwin.Observe
		case "page-hinkley":
			observe = NewPageHinkley().Observe
		case "ddm":
			d := NewDDM()
			observe = func(v float64) bool {
				warning, drift := d.Observe(v == 1)
				if warning {
					if warnings++; first < 0 {
						first = at
					}
				}
				return drift
			}
		}
		var hits []int
		for i, v := range r.Streams[c.Stream] {
			at = i
			if observe(v) {
				hits = append(hits, i)
			}
		}
		if !slices.Equal(hits, c.Hits) {
			t.Errorf("%s: alarms at %v, want %v", c.Name, hits, c.Hits)
		}
		if c.Width != nil && (float64(adwin.Width()) != *c.Width || math.Abs(adwin.Mean()-c.Estimation) > 1e-9) {
			t.Errorf("%s: window %d, mean %v; want %v, %v", c.Name, adwin.Width(), adwin.Mean(), *c.Width, c.Estimation)
		}
		if c.FirstWarning != nil && (first != *c.FirstWarning || warnings != c.Warnings) {
			t.Errorf("%s: %d warnings from %d, want %d from %d", c.Name, warnings, first, c.Warnings, *c.FirstWarning)
		}
	}
}

func TestOddValues(t *testing.T) {
	a, p := NewADWIN(), NewPageHinkley()
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if a.Observe(v) || p.Observe(v) || a.Width() != 0 {
			t.Errorf("%v is taken", v)
		}
	}
	if a.Mean() != 0 {
		t.Error("an empty window has a mean")
	}
}

func BenchmarkADWIN(b *testing.B) {
	s := load(b).Streams["gauss"]
	d := NewADWIN()
	i := 0
	for b.Loop() {
		d.Observe(s[i%1500])
		i++
	}
}
