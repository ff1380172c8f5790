package table

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// TestQuotientRoundsLikeStrconv: texts of 16 to 19 digits with the point
// anywhere, among them halfway cases, are bit for bit what strconv makes of
// them.
func TestQuotientRoundsLikeStrconv(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	check := func(text string) {
		t.Helper()
		got, _, ok := number([]byte(text))
		want, err := strconv.ParseFloat(text, 64)
		if err != nil || !ok || math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%s is %v (%v), want %v", text, got, ok, want)
		}
	}
	for range 200_000 {
		digits := strconv.FormatUint(rng.Uint64N(1e19), 10)
		if rng.IntN(4) == 0 { // near a float's halfway point
			v := math.Float64frombits(rng.Uint64N(1<<52) | uint64(1023+rng.IntN(60))<<52)
			digits = strconv.FormatFloat(v+math.Nextafter(v, math.Inf(1))/2-v/2, 'f', 0, 64)
		}
		if len(digits) > 19 {
			digits = digits[:19]
		}
		at := rng.IntN(len(digits) + 1)
		check(digits[:at] + "." + digits[at:])
	}
	for _, s := range []string{"9007199254740993", "9007199254740993.0", "0.9007199254740993", "-9007199254740993.5", "9223372036854775.807", "0.0000000000000000001", "9999999999999999999", "18446744073709551615", "0.30000000000000004"} {
		check(s)
	}
}

// TestDirectIsTheSlowPath: pages of numbers read at once hold what they hold
// value by value, with and without nulls, plain and by dictionary.
func TestDirectIsTheSlowPath(t *testing.T) {
	type row struct {
		Plain    float64  `parquet:"plain"`
		Nulls    *float64 `parquet:"nulls,optional"`
		Dict     float64  `parquet:"dict,dict"`
		DictNull *float64 `parquet:"dict_null,optional,dict"`
		Single   float32  `parquet:"single"`
		Late     *float32 `parquet:"late,optional"`
	}
	rng := rand.New(rand.NewPCG(4, 3))
	rows := make([]row, 3000)
	want := make([][]float64, 6)
	for i := range rows {
		v, w := rng.NormFloat64(), float64(rng.IntN(5))
		s := float32(v)
		r := row{Plain: v, Dict: w, Single: s}
		if rng.IntN(3) > 0 {
			r.Nulls = &v
		}
		if rng.IntN(3) > 0 {
			r.DictNull = &w
		}
		if i > 1500 {
			r.Late = &s
		}
		rows[i] = r
		or := func(p *float64) float64 {
			if p == nil {
				return math.NaN()
			}
			return *p
		}
		late := math.NaN()
		if r.Late != nil {
			late = float64(s)
		}
		for k, x := range []float64{v, or(r.Nulls), w, or(r.DictNull), float64(s), late} {
			want[k] = append(want[k], x)
		}
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b, parquet.PageBufferSize(2000))
	for from := 0; from < len(rows); from += 1000 { // three row groups
		if _, err := w.Write(rows[from : from+1000]); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFrom(&b, Parquet, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for k, c := range got.Columns {
		for i, v := range want[k] {
			if c.IsMissing(i) != math.IsNaN(v) || (v == v && c.Floats[i] != v) {
				t.Fatalf("column %s, row %d: %v (missing %v), want %v", c.Name, i, c.Floats[i], c.IsMissing(i), v)
			}
		}
	}
}
