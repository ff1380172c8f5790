package skew

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/feature"
	"github.com/gnomon-dev/gnomon/exporter/table"
)

func monitor(tolerance float64) *Monitor {
	return New(Settings{Tolerance: func(string) float64 { return tolerance }, Interval: func(k, n int) (float64, float64) { return float64(k) / float64(n), 1 },
		Shown: func(f, v string) (string, bool) { return v, f != "fnlwgt" }})
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func num(v float64) feature.Value { return feature.Value{Number: v} }
func word(s string) feature.Value { return feature.Value{Text: s, IsText: true} }

func TestDiffer(t *testing.T) {
	m := monitor(1e-6)
	missing, nan := feature.Nothing(), num(math.NaN())
	for name, c := range map[string]struct {
		a, b feature.Value
		want bool
	}{
		"the same": {num(1), num(1), false}, "of 32 bits": {num(.1), num(float64(float32(.1))), false}, "another": {num(1), num(1.001), true},
		"both missing": {missing, missing, false}, "one missing": {num(0), missing, true}, "NaN is missing": {nan, missing, false}, "empty text is missing": {word(""), nan, false},
		"text": {word("a"), word("b"), true}, "number as text": {num(3), word("3.0"), false}, "text and number": {word("a"), num(3), true},
		"zero": {num(0), num(1e-300), true}, "minus zero": {num(0), num(math.Copysign(0, -1)), false}, "infinite": {num(math.Inf(1)), num(math.Inf(1)), false}, "opposite": {num(math.Inf(1)), num(math.Inf(-1)), true}, "infinite and not": {num(math.Inf(1)), num(1), true},
	} {
		if got := m.differ("f", &c.a, &c.b); got != c.want || m.differ("f", &c.b, &c.a) != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestJoin(t *testing.T) {
	table, err := Load(write(t, "rows.csv", "id,a,b\n007,1,x\n8,2,y\n7,5,z\n8,3,y\n,9,q\n"), "id")
	if err != nil {
		t.Fatal(err)
	}
	if table.Rows() != 3 || table.Duplicate != 1 {
		t.Errorf("%d entities, %d twice", table.Rows(), table.Duplicate)
	}
	m := monitor(0)
	m.Observe("007", []string{"a"}, []feature.Value{num(1)}) // no rows yet: nothing
	m.SetTable(table)
	names := []string{"b", "unknown", "a"}
	for _, id := range []string{"007", "9", ""} {
		m.Observe(id, names, []feature.Value{word("x"), num(0), num(1)})
	}
	m.Observe("8", names, []feature.Value{word("y"), num(0), num(2)}) // the last row counts: 3
	r := m.Evaluate()
	if r.Records[Joined] != 2 || r.Records[Unmatched] != 1 || r.Records[NoKey] != 1 {
		t.Errorf("%v", r.Records)
	}
	if len(r.Features) != 2 || r.Features[0].Name != "a" || r.Features[0].Mismatches != 1 || *r.Features[0].Ratio != .5 || r.Features[1].Mismatches != 0 {
		t.Errorf("%+v", r.Features)
	}
	if p := r.Features[0].Pairs; len(p) != 1 || p[0].Logged != "3" || p[0].Served != "2" {
		t.Errorf("%+v", p)
	}
	other := monitor(0)
	other.SetTable(table)
	other.Observe("8", []string{"mean"}, []feature.Value{num(1)})
	if r := other.Evaluate(); !strings.Contains(r.Fault, "mean") {
		t.Errorf("no feature is a column: %+v", r)
	}
	m.SetTable(table) // the file has changed: what was counted stays
	m.Observe("8", names, []feature.Value{word("y"), num(0), num(3)})
	if f := m.Evaluate().Features[0]; f.Comparisons != 3 || f.Mismatches != 1 {
		t.Errorf("%+v", f)
	}
}

func TestUnusable(t *testing.T) {
	for name, path := range map[string]string{"absent": "nowhere.csv", "no column": write(t, "a.csv", "x,y\n1,2\n"), "no ids": write(t, "b.csv", "id,y\n,2\n")} {
		if _, err := Load(path, "id"); !errors.Is(err, ErrTable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBounded: pairs never outgrow their bound, and the frequent one stays.
func TestBounded(t *testing.T) {
	f := &column{pairs: map[[2]string]uint64{}}
	for i := range 10_000 {
		f.pair([2]string{"a", "b"})
		f.pair([2]string{"a", strconv.Itoa(i)})
	}
	if len(f.pairs) > mostPair || f.pairs[[2]string{"a", "b"}] < 5000 {
		t.Errorf("%d pairs, the frequent one %d times", len(f.pairs), f.pairs[[2]string{"a", "b"}])
	}
}

// TestAdult: 48,842 real rows are logged, then served. A sound pipeline differs
// nowhere, though it sends 32-bit numbers; one that gives hours per day is found
// in that column alone, with its factor; one that writes categories otherwise,
// with its pairs.
func TestAdult(t *testing.T) {
	const file = "../../../../shared/data/tabular/adult_census.csv.gz"
	if _, err := os.Stat(file); err != nil {
		t.Skip("no adult census data beside the repository")
	}
	data, err := table.Read(file, table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ids := table.Column{Name: "id", Kind: table.Text}
	for i := range data.Rows {
		ids.Codes, ids.Dict = append(ids.Codes, uint32(i)), append(ids.Dict, fmt.Sprintf("person-%d", i))
	}
	logged := tableOf(&ids, data)
	names := data.Names()
	serve := func(change func(name string, v *feature.Value)) *Monitor {
		m := monitor(1e-6)
		m.SetTable(logged)
		row := make([]feature.Value, len(names))
		for i := 0; i < data.Rows; i += 5 {
			for k := range names {
				c := &data.Columns[k]
				row[k] = feature.Value{Missing: c.IsMissing(i)}
				if c.Numeric() {
					row[k].Number = float64(float32(c.Floats[i]))
				} else {
					row[k].Text, row[k].IsText = c.Value(i), true
				}
				change(names[k], &row[k])
			}
			m.Observe(ids.Value(i), names, row)
		}
		return m
	}
	for _, f := range serve(func(string, *feature.Value) {}).Evaluate().Features {
		if f.Mismatches != 0 || f.Comparisons != 9769 {
			t.Errorf("sound: %+v", f)
		}
	}
	r := serve(func(name string, v *feature.Value) {
		switch name {
		case "hours-per-week":
			v.Number /= 5
		case "sex":
			v.Text = map[string]string{"Male": "M", "Female": "F"}[v.Text]
		}
	}).Evaluate()
	for i, f := range r.Features {
		switch f.Name {
		case "hours-per-week":
			if *f.Ratio != 1 || f.Factor == nil || math.Abs(*f.Factor-.2) > 1e-9 {
				t.Errorf("%+v", f)
			}
		case "sex":
			if *f.Ratio != 1 || len(f.Pairs) != 2 || f.Pairs[0].Logged != "Male" || f.Pairs[0].Served != "M" || f.Pairs[0].Count+f.Pairs[1].Count != 9769 {
				t.Errorf("%+v", f)
			}
		default:
			if f.Mismatches != 0 || i < 2 {
				t.Errorf("place %d: %+v", i, f)
			}
		}
	}
}

// tableOf is what Load makes of a file with these columns.
func tableOf(ids *table.Column, data *table.Table) *Table {
	t, _ := index("adult", ids, data)
	return t
}
