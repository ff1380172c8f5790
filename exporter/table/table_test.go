package table

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
)

func write(t *testing.T, name, content string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func zipped(t *testing.T, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

type parquetRow struct {
	A *float64  `parquet:"a,optional"`
	B string    `parquet:"b,dict"`
	N int32     `parquet:"n"`
	U uint64    `parquet:"u"`
	O bool      `parquet:"o"`
	T time.Time `parquet:"t,timestamp"`
}

func writeParquet[T any](t *testing.T, rows []T) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "t.parquet")
	if err := parquet.WriteFile(p, rows); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestReadFormats: the same table in every format is the same table.
func TestReadFormats(t *testing.T) {
	one, inf := 1.5, math.Inf(1)
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	csvText := "\ufeffa,b,n,u,o,t\r\n1.5,x,1,7,true,2026-02-03T04:05:06Z\r\nNA,y,-2,8,false,2026-02-03 04:05:06\r\n+Inf,x,3,9,True,2026-02-03T04:05:06+00:00\r\n"
	for name, path := range map[string]string{
		"csv":    write(t, "t.csv", csvText),
		"csv.gz": write(t, "t.csv.gz", zipped(t, csvText)),
		"tsv":    write(t, "t.tsv", strings.ReplaceAll(csvText, ",", "\t")),
		"jsonl": write(t, "t.jsonl", `{"a":1.5,"b":"x","n":1,"u":7,"o":true,"t":"2026-02-03T04:05:06Z"}
{"b":"y","n":-2,"a":null,"u":8,"o":false,"t":"2026-02-03T04:05:06Z"}
{"a":"Infinity","b":"x","n":3,"u":9,"o":true,"t":"2026-02-03T04:05:06Z"}
`),
		"parquet": writeParquet(t, []parquetRow{{&one, "x", 1, 7, true, at}, {nil, "y", -2, 8, false, at}, {&inf, "x", 3, 9, true, at}}),
	} {
		got, err := Read(path, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := map[string]struct {
			kind   Kind
			values []string
		}{
			"a": {Numeric, []string{"1.5", "", "+Inf"}}, "b": {Categorical, []string{"x", "y", "x"}},
			"n": {Integer, []string{"1", "-2", "3"}}, "u": {Integer, []string{"7", "8", "9"}}, "o": {Boolean, []string{"true", "false", "true"}},
			"t": {Datetime, []string{"2026-02-03T04:05:06Z", "2026-02-03T04:05:06Z", "2026-02-03T04:05:06Z"}},
		}
		if got.Rows != 3 || len(got.Columns) != len(want) {
			t.Errorf("%s: %d rows, columns %v", name, got.Rows, got.Names())
		}
		for column, w := range want {
			if c := got.Column(column); c == nil || c.Kind != w.kind || !slices.Equal(c.Values(), w.values) {
				t.Errorf("%s: column %s is %+v, want %v %q", name, column, c, w.kind, w.values)
			}
		}
	}
}

// TestLateText: a column that looks like numbers until a text comes keeps the
// texts of its first rows as they were.
func TestLateText(t *testing.T) {
	content := "id,x\n" + strings.Repeat("007,1\n", 200) + "agent,2\n"
	got, err := Read(write(t, "t.csv", content), Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := got.Column("id")
	if c.Kind != Categorical || c.Value(0) != "007" || c.Value(200) != "agent" || got.Column("x").Kind != Integer {
		t.Errorf("%v %q %q", c.Kind, c.Value(0), c.Value(200))
	}
}

func TestOptions(t *testing.T) {
	path := write(t, "t.csv", "a,b,c\n1,2,x\n3,4,y\n")
	got, err := Read(path, Options{Columns: []string{"c", "a"}, Exclude: []string{"c"}, Kinds: map[string]Kind{"a": Categorical}})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Columns) != 1 || got.Column("a").Kind != Categorical {
		t.Errorf("%+v", got)
	}
	if _, err := Read(path, Options{Columns: []string{"d"}}); err == nil || !strings.Contains(err.Error(), `no column "d"; there are a, b, c`) {
		t.Error(err)
	}
	stdin, err := Read("-", Options{Stdin: strings.NewReader("a\n1\n"), Format: CSV})
	if err != nil || stdin.Rows != 1 {
		t.Errorf("%+v, %v", stdin, err)
	}
	if _, err := Read("-", Options{Stdin: strings.NewReader("a\n1\n")}); err == nil || !strings.Contains(err.Error(), "name its format") {
		t.Error(err)
	}
	if _, err := Read(path, Options{MaxBytes: 5}); err == nil || !strings.Contains(err.Error(), "limit of 5 bytes") {
		t.Error(err)
	}
}

func TestBadTablesSayWhy(t *testing.T) {
	type list struct {
		A []int64 `parquet:"a,list"`
	}
	for name, c := range map[string]struct{ file, content, want string }{
		"no rows":       {"t.csv", "a,b\n", "no rows"},
		"empty":         {"t.csv", "", "the file is empty"},
		"ragged":        {"t.csv", "a,b\n1,2\n3\n", "line 3 has 1 fields, the header has 2"},
		"twice":         {"t.csv", "a,a\n1,2\n", `columns 1 and 2 are both named "a"`},
		"no name":       {"t.csv", "a,\n1,2\n", "column 2 has no name"},
		"not UTF-8":     {"t.csv", "a\n\xff\xfe\n", `line 2, column "a"`},
		"UTF-16":        {"t.csv", "\xff\xfea\x00\n\x00", "UTF-16"},
		"open quote":    {"t.csv", "a,b\n1,2\n\"x,3\n", "line 3: a quote is opened and never closed"},
		"suffix":        {"t.xlsx", "PK", "its suffix is not known"},
		"not gzip":      {"t.csv.gz", "a\n1\n", "not gzip"},
		"nested":        {"t.jsonl", "{\"a\":[1]}\n", `line 1: key "a": a list`},
		"bad JSON":      {"t.jsonl", "{\"a\":1}\n{\n", "line 2: not valid JSON"},
		"no object":     {"t.jsonl", "[1]\n", "is no object"},
		"empty lines":   {"t.jsonl", "\n\n", "the file is empty"},
		"not a parquet": {"t.parquet", "hello", "no Parquet file"},
	} {
		_, err := Read(write(t, c.file, c.content), Options{})
		if !errors.Is(err, ErrTable) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.file) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read(writeParquet(t, []list{{[]int64{1, 2}}}), Options{}); err == nil || !strings.Contains(err.Error(), "holds lists") {
		t.Error(err)
	}
	if _, err := Read("absent.csv", Options{}); !errors.Is(err, ErrTable) {
		t.Error(err)
	}
}

// fuzzText: a table is refused or rectangular, and never a panic.
func fuzzText(t *testing.T, format Format, s string) *Table {
	got, err := ReadFrom(strings.NewReader(s), format, Options{MaxBytes: 1 << 20})
	if err != nil {
		if !errors.Is(err, ErrTable) {
			t.Fatalf("an error of another kind: %v", err)
		}
		return nil
	}
	for i := range got.Columns {
		c := &got.Columns[i]
		if c.Len() != got.Rows || (c.Missing != nil && len(c.Missing) != got.Rows) {
			t.Fatalf("column %q has %d of %d rows", c.Name, c.Len(), got.Rows)
		}
		c.Values()
	}
	return got
}

// FuzzDelimited holds the scanner to encoding/csv.
func FuzzDelimited(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a\n\"x\ny\"\n", "a\r\n\"1\"\"2\"\r\n", "a,b\n1,2\nx,y\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := fuzzText(t, CSV, s)
		if got == nil {
			return
		}
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(s, "\ufeff"))).ReadAll()
		if err != nil || len(rows) != got.Rows+1 {
			t.Fatalf("%d rows; encoding/csv: %d, %v", got.Rows, len(rows)-1, err)
		}
	})
}

func FuzzJSONLines(f *testing.F) {
	for _, s := range []string{"{\"a\":1}\n{\"a\":\"x\"}\n", "{\"a\":null}\n{\"b\":true}", "{\"a\\u0062\":1e999}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { fuzzText(t, JSONLines, s) })
}

func FuzzParquet(f *testing.F) {
	var b bytes.Buffer
	one := 1.5
	if err := parquet.Write(&b, []parquetRow{{&one, "x", 1, 7, true, time.Unix(0, 0)}, {nil, "y", -2, 8, false, time.Unix(1, 0)}}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) { fuzzText(t, Parquet, string(data)) })
}
