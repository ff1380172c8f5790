package classic

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestMoreAgainstRiver: KSWIN, EDDM and HDDM-A alarm and warn where river's do
// (testdata/oracle.py).
func TestMoreAgainstRiver(t *testing.T) {
	data, err := os.ReadFile("testdata/more.json")
	if err != nil {
		t.Fatal(err)
	}
	var more struct {
		Source string
		Cases  []struct {
			Name, Stream string
			Hits         []int
			Warnings     int
			FirstWarning int `json:"first_warning"`
		}
	}
	if err := json.Unmarshal(data, &more); err != nil {
		t.Fatal(err)
	}
	t.Log(more.Source)
	streams := load(t).Streams
	for _, c := range more.Cases {
		kind, option, _ := strings.Cut(c.Name, " ")
		observe := map[string]func() func(float64) (bool, bool){
			"kswin": func() func(float64) (bool, bool) {
				var seed uint32
				if _, err := fmt.Sscan(option, &seed); err != nil {
					t.Fatal(err)
				}
				d := NewKSWIN(seed)
				return func(v float64) (bool, bool) { return false, d.Observe(v) }
			},
			"eddm": func() func(float64) (bool, bool) {
				d := NewEDDM()
				if option == "late" {
					d.Warning, d.Drift = .8, .75
				}
				return func(v float64) (bool, bool) { return d.Observe(v == 1) }
			},
			"hddm-a": func() func(float64) (bool, bool) {
				d := NewHDDMA()
				d.TwoSided = option == "two-sided"
				return d.Observe
			},
		}[kind]()
		var hits []int
		warnings, first := 0, -1
		for i, v := range streams[c.Stream] {
			warning, drift := observe(v)
			if drift {
				hits = append(hits, i)
			}
			if warning {
				if warnings++; first < 0 {
					first = i
				}
			}
		}
		if !slices.Equal(hits, c.Hits) || warnings != c.Warnings || first != c.FirstWarning {
			t.Errorf("%s of %s: alarms %v, %d warnings from %d; want %v, %d from %d", c.Name, c.Stream, hits, warnings, first, c.Hits, c.Warnings, c.FirstWarning)
		}
	}
}

// TestCUSUMRunLength: Montgomery's table of CUSUM run lengths: 465 in control, 10.4 after a shift of
// one standard deviation.
func TestCUSUMRunLength(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, c := range []struct{ shift, want, within float64 }{{0, 465, 45}, {1, 10.4, .5}} {
		d := NewCUSUMOf(0, 1)
		const alarms = 1000
		values := 0
		for k := 0; k < alarms; {
			values++
			if d.Observe(c.shift + rng.NormFloat64()) {
				k++
			}
		}
		if got := float64(values) / alarms; math.Abs(got-c.want) > c.within {
			t.Errorf("shift %v: run length %.1f, want %v", c.shift, got, c.want)
		}
	}
	d := NewCUSUM()
	for range 100 {
		if d.Observe(3) {
			t.Error("a constant has changed")
		}
	}
	if !d.Observe(3.1) {
		t.Error("a constant that changes is not seen")
	}
}

func FuzzDetectors(f *testing.F) {
	f.Add(1.0, 2.0, uint16(200))
	f.Add(math.NaN(), math.Inf(1), uint16(40))
	f.Add(math.MaxFloat64, -math.MaxFloat64, uint16(300))
	f.Fuzz(func(_ *testing.T, a, b float64, n uint16) {
		adwin, page, cusum, kswin, hddm, eddm, ddm := NewADWIN(), NewPageHinkley(), NewCUSUM(), NewKSWIN(1), NewHDDMA(), NewEDDM(), NewDDM()
		for i := range n % 500 {
			v := a
			if i%3 == 0 {
				v = b * float64(i)
			}
			adwin.Observe(v)
			page.Observe(v)
			cusum.Observe(v)
			kswin.Observe(v)
			hddm.Observe(v)
			eddm.Observe(v > a)
			ddm.Observe(v > a)
		}
		(&KSWIN{}).Observe(a)
	})
}

// step is 100 values around 0 and 100 around 3.
func step() []float64 {
	out := make([]float64, 200)
	for i := range out {
		out[i] = math.Sin(float64(i))
		if i >= 100 {
			out[i] += 3
		}
	}
	return out
}

func first(observe func(float64) bool) int { return slices.IndexFunc(step(), observe) }

func ExampleCUSUM()       { fmt.Println(first(NewCUSUM().Observe)) /* Output: 101 */ }
func ExampleKSWIN()       { fmt.Println(first(NewKSWIN(7).Observe)) /* Output: 113 */ }
func ExampleADWIN()       { fmt.Println(first(NewADWIN().Observe)) /* Output: 127 */ }
func ExamplePageHinkley() { fmt.Println(first(NewPageHinkley().Observe)) /* Output: 117 */ }
func ExampleHDDMA() {
	d := NewHDDMA()
	fmt.Println(first(func(v float64) bool { _, drift := d.Observe(min(max(v/4, 0), 1)); return drift }))
	// Output: 108
}

func ExampleDDM() {
	d := NewDDM()
	fmt.Println(first(func(v float64) bool { _, drift := d.Observe(v > .9); return drift }))
	// Output: 108
}

func ExampleEDDM() {
	d := NewEDDM()
	fmt.Println(first(func(v float64) bool { _, drift := d.Observe(v > .5); return drift }))
	// Output: 108
}
