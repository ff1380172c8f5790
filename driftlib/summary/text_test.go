package summary

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib"
)

func ExampleText() {
	model := FitTrigrams([]string{"good morning", "good evening"})
	for i, v := range Text(nil, "Good DAY 42 €", model) {
		fmt.Printf("%s %.3f\n", TextNames()[i], v)
	}
	// Output:
	// length 13.000
	// entropy 3.181
	// likelihood -3.244
	// token_length 2.500
	// non_ascii_ratio 0.077
	// upper_ratio 0.308
	// digit_ratio 0.154
	// empty 0.000
}

// TestTextOracle: worked by hand. "aab" after "aab": P(a|^^) = 1.1/1.3,
// P(a|^a) the same, P(b|aa) the same; the alphabet is a, b and the unknown.
func TestTextOracle(t *testing.T) {
	model := FitTrigrams([]string{"aab"})
	got := Text(nil, "aab", model)
	want := []float64{3, math.Log2(3) - 2./3, math.Log2(1.1 / 1.3), 3, 0, 0, 0, 0}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-12 {
			t.Errorf("%s is %v, want %v", TextNames()[i], got[i], want[i])
		}
	}
	got = Text(nil, "", model)
	if got[0] != 0 || got[7] != 1 || !math.IsNaN(got[1]) || !math.IsNaN(got[2]) || !math.IsNaN(got[3]) || !math.IsNaN(got[5]) {
		t.Errorf("of nothing: %v", got)
	}
	if got := Text(nil, " \n ", nil); got[7] != 1 || got[0] != 3 || !math.IsNaN(got[2]) {
		t.Errorf("of white space: %v", got)
	}
	b, err := json.Marshal(model)
	if err != nil {
		t.Fatal(err)
	}
	var back Trigrams
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(&back, model) {
		t.Errorf("%v: %+v, want %+v", err, back, model)
	}
	for _, bad := range []string{`[]`, `{"ab":1}`, `{"abc":0}`, `{"abc":-3}`, `{"abc":99999999999}`} {
		if err := back.UnmarshalJSON([]byte(bad)); !errors.Is(err, ErrModel) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("aab", "Ünïcode \xff text", []byte(`{"abc":1}`))
	f.Fuzz(func(t *testing.T, fit, text string, doc []byte) {
		model := FitTrigrams([]string{fit})
		v := Text(nil, text, model)
		if len(v) != len(TextNames()) {
			t.Fatalf("%d summaries", len(v))
		}
		for i, x := range v {
			if math.IsInf(x, 0) || (i != 2 && x < 0) || (i == 2 && x > 0) || (i >= 4 && x > 1) {
				t.Errorf("%s is %v", TextNames()[i], x)
			}
		}
		if err := model.UnmarshalJSON(doc); err != nil && !errors.Is(err, ErrModel) && json.Valid(doc) {
			t.Error(err)
		}
	})
}

func sms(t *testing.T) (spam, all []string) {
	t.Helper()
	f, err := os.Open("../../../shared/data/text/sms_spam.csv.gz")
	if err != nil {
		t.Skipf("no data: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows = rows[1:]
	r := rand.New(rand.NewPCG(7, 8)) // the file may be ordered
	r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	for _, row := range rows {
		all = append(all, row[1])
		if row[0] == "spam" {
			spam = append(spam, row[1])
		}
	}
	return spam, all
}

// columnsOf are the summaries of texts, sorted; those that are not finite left
// out, as a test on values does.
func columnsOf(texts []string, model *Trigrams) [][]float64 {
	out := make([][]float64, len(TextNames()))
	var row []float64
	for _, s := range texts {
		row = Text(row[:0], s, model)
		for i, v := range row {
			if v-v == 0 {
				out[i] = append(out[i], v)
			}
		}
	}
	for _, c := range out {
		slices.Sort(c)
	}
	return out
}

// seen are the summaries whose KS p-value is below 0.001.
func seen(t *testing.T, ref, cur [][]float64) (names []string) {
	t.Helper()
	for i := range ref {
		if len(cur[i]) == 0 || len(ref[i]) == 0 {
			continue
		}
		r, err := driftlib.KolmogorovSmirnovSorted(ref[i], cur[i])
		if err != nil {
			t.Fatal(err)
		}
		if r.PValue < .001 {
			names = append(names, TextNames()[i])
		}
	}
	return names
}

// TestTextSeesCorruptions: windows of 500 messages, the reference split into
// what the model is fitted on and what is profiled.
func TestTextSeesCorruptions(t *testing.T) {
	spam, all := sms(t)
	fit, profiled, later := all[:1800], all[1800:3600], all[3600:]
	model := FitTrigrams(fit)
	ref := columnsOf(profiled, model)
	r := rand.New(rand.NewPCG(9, 10))
	window := func(change func(s string) string) [][]float64 {
		texts := make([]string, 500)
		for i := range texts {
			texts[i] = change(later[r.IntN(len(later))])
		}
		return columnsOf(texts, model)
	}
	swap := func(s string) string {
		c := []rune(s)
		r.Shuffle(len(c), func(i, j int) { c[i], c[j] = c[j], c[i] })
		return string(c)
	}
	for name, c := range map[string]struct {
		change func(string) string
		by     string // a summary that must see it
	}{
		"cut at 40":            {func(s string) string { return string([]rune(s)[:min(40, len([]rune(s)))]) }, "length"},
		"upper case":           {strings.ToUpper, "upper_ratio"},
		"lower case":           {strings.ToLower, "upper_ratio"},
		"no spaces":            {func(s string) string { return strings.ReplaceAll(s, " ", "") }, "token_length"},
		"characters shuffled":  {swap, "likelihood"},
		"reversed":             {func(s string) string { c := []rune(s); slices.Reverse(c); return string(c) }, "likelihood"},
		"broken encoding":      {func(s string) string { return strings.ReplaceAll(s, "e", "é") }, "non_ascii_ratio"},
		"digits masked":        {strings.NewReplacer("0", "#", "1", "#", "2", "#", "3", "#", "4", "#", "5", "#", "6", "#", "7", "#", "8", "#", "9", "#").Replace, "digit_ratio"},
		"twice":                {func(s string) string { return s + " " + s }, "length"},
		"a template in front":  {func(s string) string { return "Dear customer, please note: " + s }, "likelihood"},
		"vowels masked":        {strings.NewReplacer("a", "x", "e", "x", "i", "x", "o", "x", "u", "x").Replace, "entropy"},
		"spam 13 to 45 %":      {func(s string) string { return map[bool]string{true: spam[r.IntN(len(spam))], false: s}[r.IntN(10) < 4] }, "digit_ratio"},
		"one in five is empty": {func(s string) string { return map[bool]string{true: "", false: s}[r.IntN(5) == 0] }, "empty"},
		"spaces to underscore": {func(s string) string { return strings.ReplaceAll(s, " ", "_") }, "token_length"},
	} {
		found := 0
		for range 4 {
			if slices.Contains(seen(t, ref, window(c.change)), c.by) {
				found++
			}
		}
		if found < 4 {
			t.Errorf("%s: %s sees it in %d of 4 windows", name, c.by, found)
		}
	}
	quiet := 0
	for range 25 {
		quiet += len(seen(t, ref, window(func(s string) string { return s })))
	}
	if quiet > 2 { // 200 p-values
		t.Errorf("%d of 200 summaries of windows without a change below 0.001", quiet)
	}
	// The trap: a model that profiles its own texts.
	if own := seen(t, columnsOf(fit, model), window(func(s string) string { return s })); !slices.Contains(own, "likelihood") {
		t.Errorf("profiled with the texts of the fit only %v alarm; the likelihood ought to", own)
	}
}
