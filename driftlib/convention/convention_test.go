package convention

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// samples are the columns of testdata/evidently.json, which all oracles were
// asked about.
type sample struct {
	Name, Kind         string
	Reference, Current json.RawMessage
	Expected           map[string]float64
	Test               string
	Score, Threshold   float64
	Drifted            bool
}

func load[T any](t testing.TB, name string) (source string, cases []T) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Source string
		Cases  []T
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	return file.Source, file.Cases
}

func column(t testing.TB, kind string, raw json.RawMessage) Column {
	t.Helper()
	var c Column
	if kind == "numeric" {
		if err := json.Unmarshal(raw, &c.Numbers); err != nil {
			t.Fatal(err)
		}
		c.Integer = true
		for _, v := range c.Numbers {
			c.Integer = c.Integer && v == math.Trunc(v)
		}
		return c
	}
	if err := json.Unmarshal(raw, &c.Strings); err != nil {
		t.Fatal(err)
	}
	return c
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance*max(1, math.Abs(want)) && math.Abs(got-want) > 1e-3*math.Abs(want)*tolerance/1e-9 {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// TestEvidently holds every figure and the default verdict to Evidently's own.
func TestEvidently(t *testing.T) {
	source, cases := load[sample](t, "evidently")
	t.Log(source)
	for _, c := range cases {
		r, err := Compare("evidently", column(t, c.Kind, c.Reference), column(t, c.Kind, c.Current), 1)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range c.Expected {
			if name == "z_pvalue" || name == "chi2_pvalue" && c.Name == "two" {
				continue // held by the score; chi-square is not its test of two values
			}
			got, ok := r.Statistics[name]
			if !ok {
				t.Errorf("%s: no %s", c.Name, name)
				continue
			}
			near(t, c.Name+" "+name, got, want, 1e-9)
		}
		near(t, c.Name+" score", r.Score, c.Score, 1e-9)
		if r.Drifted != c.Drifted || r.Threshold != c.Threshold {
			t.Errorf("%s: drifted %v at %v, want %v at %v (%s)", c.Name, r.Drifted, r.Threshold, c.Drifted, c.Threshold, r.Reason)
		}
	}
}

// TestOthers holds the other tools' figures to their own. A p-value of the law
// of one sample is asymptotic here and exact there.
func TestOthers(t *testing.T) {
	_, samples := load[sample](t, "evidently")
	byName := map[string]sample{}
	for _, s := range samples {
		byName[s.Name] = s
	}
	for _, c := range []struct {
		tool string
		// tolerance of each statistic; 1e-9 where it is not named
		tolerance map[string]float64
	}{
		{"nannyml", nil},
		{"alibi", map[string]float64{"ks": 1e-7, "ks_pvalue": 2e-4, "chi2": 1e-6, "chi2_pvalue": 1e-6}}, // single precision
		{"deepchecks", nil},
		{"whylogs", map[string]float64{"ks": .01, "ks_pvalue": .02, "hellinger": .02}}, // of a sketch
	} {
		source, cases := load[struct {
			Name     string
			Expected map[string]any
		}](t, c.tool)
		t.Log(source)
		for _, k := range cases {
			s := byName[k.Name]
			r, err := Compare(c.tool, column(t, s.Kind, s.Reference), column(t, s.Kind, s.Current), 1)
			if err != nil {
				t.Fatal(err)
			}
			for name, raw := range k.Expected {
				want, ok := raw.(float64)
				if strings.HasSuffix(name, "_error") {
					t.Errorf("%s %s: the oracle failed: %v", c.tool, k.Name, raw)
				}
				tolerance := 1e-9
				if v, named := c.tolerance[name]; named {
					tolerance = v
				}
				switch {
				case name == "threshold":
					near(t, c.tool+" "+k.Name+" threshold", r.Threshold, want, tolerance)
				case name == "drifted":
					if r.Drifted != raw.(bool) {
						t.Errorf("%s %s: drifted %v: %s", c.tool, k.Name, r.Drifted, r.Reason)
					}
				case ok:
					near(t, c.tool+" "+k.Name+" "+name, r.Statistics[name], want, tolerance)
				}
			}
		}
	}
}

// TestTFDV: values that TensorFlow Data Validation's own tests assert.
func TestTFDV(t *testing.T) {
	p, q := rebucket([]float64{2, 2}, []float64{1, 2, 3}, []float64{2, 2}, []float64{2, 4, 6})
	d := jensenShannon(p, q, 2)
	near(t, "divergence of different buckets", d*d, 0.65563906222, 1e-5)
	words := func(hello, world int) Column {
		return Column{Strings: append(strings.Fields(strings.Repeat("hello ", hello)), strings.Fields(strings.Repeat("world ", world))...)}
	}
	r, err := Compare("tfdv", words(10, 90), words(30, 70), 1)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "L-infinity", r.Score, .2, 1e-9)
	if r.Drifted {
		t.Error("TFDV has no threshold")
	}
}

// TestCramersV: a value that Deepchecks' own tests assert.
func TestCramersV(t *testing.T) {
	near(t, "V", cramersV(counted{[]float64{200, 800}, []float64{400, 600}}), .21, .01)
}

func TestRefusals(t *testing.T) {
	one := Column{Numbers: []float64{1}}
	for _, c := range []struct {
		got  error
		want error
	}{
		{second(Compare("frouros", one, one, 1)), ErrUnknown},
		{second(Compare("alibi", one, Column{}, 1)), ErrEmpty},
		{second(Compare("alibi", one, Column{Strings: []string{"a"}}, 1)), ErrKind},
		{second(Dataset("nothing", 1, 2)), ErrUnknown},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%v, want %v", c.got, c.want)
		}
	}
	if d, err := Dataset("evidently", 1, 3); d || err != nil {
		t.Error("a third of the columns is no dataset drift of Evidently's")
	}
}

func second[T any](_ T, err error) error { return err }

func FuzzCompare(f *testing.F) {
	f.Add([]byte{1, 2, 3}, []byte{3, 4})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a) == 0 || len(b) == 0 {
			return
		}
		var x, y, s, u Column
		for _, v := range a {
			x.Numbers, s.Strings = append(x.Numbers, float64(v)*1e-3), append(s.Strings, string(rune('a'+v%5)))
		}
		for _, v := range b {
			y.Numbers, u.Strings = append(y.Numbers, float64(v)), append(u.Strings, string(rune('a'+v%7)))
		}
		for _, name := range Names() {
			for _, pair := range [2][2]Column{{x, y}, {s, u}} {
				r, err := Compare(name, pair[0], pair[1], 3)
				if err != nil {
					t.Fatal(err)
				}
				for k, v := range r.Statistics {
					if math.IsNaN(v) || math.IsInf(v, 0) {
						t.Fatalf("%s: %s is %v", name, k, v)
					}
				}
			}
		}
	})
}
