package offline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/driftlib/verdict"
	"github.com/gnomon-dev/gnomon/exporter/table"
)

func profileText(csv string, held int) (*profile.Profile, error) {
	return profileWithin("-", table.Options{Stdin: strings.NewReader(csv), Format: table.CSV}, profile.Options{}, held)
}

// everyKind is a table with a column of every kind, some of which promise
// something else in their first rows.
func everyKind(rows int) (csv, jsonl string) {
	r := rand.New(rand.NewPCG(1, 2))
	var c, j strings.Builder
	c.WriteString("n,i,b,when,city,text,late,none,turns\n")
	for k := range rows {
		row := []string{fmt.Sprint(float64(r.IntN(900)) / 7), fmt.Sprint(r.IntN(50)), fmt.Sprint(r.IntN(3) > 0),
			time.Unix(int64(86400*r.IntN(200)), 0).UTC().Format(time.RFC3339), []string{"Bonn", "Oslo", "Rome", "Lima"}[r.IntN(4)],
			strings.Repeat("é", r.IntN(30)) + fmt.Sprint(k), "", "", fmt.Sprint(r.IntN(9))}
		if k > rows/2 {
			row[6] = fmt.Sprint(r.IntN(5))
		}
		if k > rows*3/4 {
			row[8] = []string{"7", "eight"}[r.IntN(2)]
		}
		if r.IntN(10) == 0 {
			row[r.IntN(6)] = ""
		}
		c.WriteString(strings.Join(row, ",") + "\n")
		object := map[string]any{}
		for i, name := range strings.Split("n,i,b,when,city,text,late,none,turns", ",") {
			switch {
			case row[i] == "":
				object[name] = nil
			case i < 3 || i == 6 || (i == 8 && row[8] != "eight"):
				object[name] = json.RawMessage(row[i])
			default:
				object[name] = row[i]
			}
		}
		line, _ := json.Marshal(object)
		j.Write(append(line, '\n'))
	}
	return c.String(), j.String()
}

// whole is the profile of a table that is held whole.
func whole(t *testing.T, path string) (out []profile.Feature) {
	t.Helper()
	f, err := table.Open(path, table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, name := range f.Names() {
		c, err := f.Column(name)
		if err != nil {
			t.Fatal(err)
		}
		kind := c.Kind.String()
		if c.Kind == table.Integer {
			kind = "numeric"
		}
		p, err := profile.FromColumns([]profile.Column{column(c, kind)}, profile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p.Features[0])
	}
	return out
}

// TestProfileStreams: what is read in chunks has the profile of the table held
// whole, exactly where the values are held; where they are not, bins and counts,
// since no column has more different values than a sketch holds.
func TestProfileStreams(t *testing.T) {
	csv, jsonl := everyKind(11_000)
	for name, content := range map[string]string{"t.csv": csv, "t.jsonl": jsonl} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		want := whole(t, path)
		p, err := Profile(path, table.Options{}, profile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		logical := map[string]profile.Logical{}
		for i := range p.Features {
			if l := p.Features[i].Logical; l != "" {
				logical[p.Features[i].Name] = l
			}
			p.Features[i].Logical = ""
		}
		if !maps.Equal(logical, map[string]profile.Logical{"i": profile.Integer, "b": profile.Boolean, "when": profile.Datetime, "text": profile.Text, "late": profile.Integer}) {
			t.Errorf("%s: logical kinds %v", name, logical)
		}
		if !reflect.DeepEqual(p.Features, want) {
			t.Errorf("%s: the profile is not that of the whole table", name)
		}
		for _, held := range []int{0, 50_000} {
			p, err := profileWithin(path, table.Options{}, profile.Options{}, held)
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range p.Features {
				if f.Name != want[i].Name || f.Kind != want[i].Kind || f.Missing != want[i].Missing || !reflect.DeepEqual(f.Bins, want[i].Bins) {
					t.Errorf("%s, %d held: %q is\n%+v, of the whole table\n%+v", name, held, f.Name, f.Bins, want[i].Bins)
				}
			}
		}
	}
}

// TestProfileStreamsParquet: pages of columns, likewise.
func TestProfileStreamsParquet(t *testing.T) {
	numbers, texts := make([]any, 9000), make([]any, 9000)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range numbers {
		if r.IntN(9) > 0 {
			numbers[i] = float64(r.IntN(1000)) / 3
		}
		texts[i] = []string{"a", "bb", "ccc"}[r.IntN(3)]
	}
	var b bytes.Buffer
	if err := table.WriteColumns(&b, []table.Field{{Name: "x", Kind: table.DoubleField, Values: numbers}, {Name: "s", Values: texts}}, nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "t.parquet")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	want := whole(t, path)
	for _, held := range []int{0, 1 << 20} {
		p, err := profileWithin(path, table.Options{}, profile.Options{}, held)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range p.Features {
			if f.Name != want[i].Name || f.Kind != want[i].Kind || !reflect.DeepEqual(f.Bins, want[i].Bins) {
				t.Errorf("%d held: %q is %+v, of the whole table %+v", held, f.Name, f.Bins, want[i].Bins)
			}
		}
	}
}

func TestProfileRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"a,b\n":        "no rows",
		"a,b\n1\n":     "line 2 has 1 fields",
		"a,a\n1,2\n":   "both named",
		"a\n1\n\xff\n": "not UTF-8",
	} {
		if _, err := profileText(text, 0); !errors.Is(err, table.ErrTable) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, which does not say %q", text, err, says)
		}
	}
	options := table.Options{Stdin: strings.NewReader("a\n1\n"), Format: table.CSV, Columns: []string{"b"}}
	if _, err := Profile("-", options, profile.Options{}); err == nil || !strings.Contains(err.Error(), `no column "b"; there are a`) {
		t.Error(err)
	}
}

// TestProfileKnowsKinds: a profile of times and texts is compared with times and
// texts, says how much later the newest is, and takes the kinds it is told.
func TestProfileKnowsKinds(t *testing.T) {
	reference := "when,text,id\n2026-01-01,aa,1\n2026-01-03,bbb,2\n"
	options := table.Options{Stdin: strings.NewReader(reference), Format: table.CSV, Kinds: map[string]table.Kind{"text": table.Text, "id": table.Categorical}}
	p, err := Profile("-", options, profile.Options{MinCount: 1})
	if err != nil {
		t.Fatal(err)
	}
	if f := p.Features; f[0].Logical != profile.Datetime || f[1].Logical != profile.Text || f[1].Moments.Mean != 2.5 || f[2].Kind != profile.Categorical {
		t.Errorf("%+v", p.Features)
	}
	d, err := FindDrift(Known{Profile: p}, open(t, "when,text,id\n2026-01-01,cc,1\n2026-01-02T12:00:00Z,dd,2\n"), DriftOptions{Options: verdict.Defaults()})
	if err != nil {
		t.Fatal(err)
	}
	if f := d.Features; f[0].Type != "datetime" || f[0].Stats["newest_shift_seconds"] != -43200 || f[1].Type != "text" {
		t.Errorf("%+v", d.Features)
	}
	options = table.Options{Stdin: strings.NewReader("a\n1\n"), Format: table.CSV, Kinds: map[string]table.Kind{"b": table.Text}}
	if _, err := Profile("-", options, profile.Options{}); !errors.Is(err, table.ErrTable) || !strings.Contains(err.Error(), `no column "b"`) {
		t.Error(err)
	}
}
