package table

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

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

func TestReadFormats(t *testing.T) {
	type row struct {
		A *float64 `parquet:"a,optional"`
		B string   `parquet:"b"`
	}
	one, inf := 1.5, math.Inf(1)
	pq := filepath.Join(t.TempDir(), "t.parquet")
	if err := parquet.WriteFile(pq, []row{{&one, "x"}, {nil, "y"}, {&inf, "x"}}); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"csv":     write(t, "t.csv", "\ufeffa,b\r\n1.5,x\r\nNA,y\r\n+Inf,x\r\n"),
		"tsv":     write(t, "t.tsv", "a\tb\n1.5\tx\n\ty\nInf\tx\n"),
		"jsonl":   write(t, "t.jsonl", "{\"b\":\"x\",\"a\":1.5}\n{\"a\":null,\"b\":\"y\"}\n{\"a\":1e999,\"b\":\"x\"}\n"),
		"parquet": pq,
	} {
		got, err := Read(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		a, b := got.Column("a"), got.Column("b")
		if got.Rows != 3 || a == nil || b == nil || !a.Numeric || b.Numeric {
			t.Errorf("%s: %+v", name, got)
			continue
		}
		if a.Numbers[0] != 1.5 || !a.Missing[1] || !math.IsInf(a.Numbers[2], 1) || b.Text[1] != "y" {
			t.Errorf("%s: %+v %+v", name, a, b)
		}
	}
}

func TestBadTablesSayWhy(t *testing.T) {
	for name, c := range map[string]struct{ file, content, want string }{
		"no rows":       {"t.csv", "a,b\n", "no rows"},
		"empty":         {"t.csv", "", "no header row"},
		"ragged":        {"t.csv", "a,b\n1,2\n3\n", "line 3 has 1 fields, the header 2"},
		"twice":         {"t.csv", "a,a\n1,2\n", "used twice"},
		"not UTF-8":     {"t.csv", "a\n\xff\xfe\n", "line 2, column \"a\" is not UTF-8"},
		"suffix":        {"t.xlsx", "PK", "unknown suffix"},
		"not gzip":      {"t.csv.gz", "a\n1\n", "not gzip"},
		"nested":        {"t.jsonl", "{\"a\":[1]}\n", "key \"a\" holds a list"},
		"bad JSON":      {"t.jsonl", "{\"a\":1}\n{\n", "object 2"},
		"empty lines":   {"t.jsonl", "", "the file is empty"},
		"not a parquet": {"t.parquet", "hello", "unreadable table"},
	} {
		_, err := Read(write(t, c.file, c.content))
		if !errors.Is(err, ErrTable) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.file) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read("absent.csv"); !errors.Is(err, ErrTable) {
		t.Error(err)
	}
}

func FuzzDelimited(f *testing.F) {
	f.Add("a,b\n1,2\n")
	f.Add("a\n\"x\ny\"\n")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Delimited(strings.NewReader(s), ',')
		if err != nil {
			return
		}
		for _, c := range got.Columns {
			if len(c.Missing) != got.Rows || (c.Numeric && len(c.Numbers) != got.Rows) {
				t.Fatalf("column %q has not %d rows", c.Name, got.Rows)
			}
		}
	})
}

func FuzzJSONLines(f *testing.F) {
	f.Add("{\"a\":1}\n{\"a\":\"x\"}\n")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := JSONLines(strings.NewReader(s))
		if err == nil && len(got.Columns) > 0 && len(got.Columns[0].Missing) != got.Rows {
			t.Fatal("ragged")
		}
	})
}
