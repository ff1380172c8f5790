package offline

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/gnomon-dev/gnomon/driftlib/convention"
	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/driftlib/verdict"
	"github.com/gnomon-dev/gnomon/exporter/table"
)

func open(t *testing.T, content string) *table.File {
	t.Helper()
	f, err := table.Open("-", table.Options{Stdin: strings.NewReader(content), Format: table.CSV})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func compareText(t *testing.T, reference, current string) *Drift {
	t.Helper()
	d, err := FindDrift(Known{Table: open(t, reference)}, open(t, current), DriftOptions{Options: verdict.Defaults()})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// shared finds a file of the data that is shared between checkouts.
func shared(t *testing.T, path string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		p := filepath.Join(dir, "shared", "data", path)
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	t.Skipf("shared/data/%s is not here", path)
	return ""
}

// TestBikeTruth: months of bike sharing against the first half of 2011,
// held to values that plain Python found.
func TestBikeTruth(t *testing.T) {
	raw, err := os.ReadFile(shared(t, "vectors/bike_truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	var truth struct {
		Bike struct {
			Windows map[string]struct {
				Features map[string]struct {
					KS  float64 `json:"ks"`
					PSI float64 `json:"psi"`
					KL  float64 `json:"kl_cur_ref"`
					JS  float64 `json:"js_nats"` // the divergence
					W1  float64 `json:"w1"`
				}
			}
		}
	}
	if err := json.Unmarshal(raw, &truth); err != nil {
		t.Fatal(err)
	}
	months := bikeByMonth(t)
	var reference strings.Builder
	for _, m := range []string{"2011-01", "2011-02", "2011-03", "2011-04", "2011-05", "2011-06"} {
		reference.WriteString(months[m])
	}
	checked := 0
	for _, month := range []string{"2011-07", "2011-12", "2012-03", "2012-08", "2012-12"} {
		w := truth.Bike.Windows[month]
		d := compareText(t, months[""]+reference.String(), months[""]+months[month])
		for i := range d.Features {
			f := &d.Features[i]
			want, ok := w.Features[f.Name]
			if !ok {
				continue
			}
			for name, v := range map[string]float64{"ks": want.KS, "psi": want.PSI, "kl": want.KL, "js_distance": math.Sqrt(want.JS / math.Ln2), "wasserstein": want.W1} {
				if got := f.Stats[name]; math.Abs(got-v) > 1e-9*max(1, math.Abs(v)) {
					t.Errorf("%s %s: %s is %v, want %v", month, f.Name, name, got, v)
				}
			}
			checked++
		}
	}
	if checked != 5*7 {
		t.Errorf("%d columns checked", checked)
	}
}

// bikeByMonth is the file's rows by month, and the header under "".
func bikeByMonth(t *testing.T) map[string]string {
	f, err := os.Open(shared(t, "tabular/bike_hour.csv.gz"))
	if err != nil {
		t.Fatal(err)
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
	day := 0
	for i, name := range rows[0] {
		if name == "dteday" {
			day = i
		}
	}
	out := map[string]string{"": strings.Join(rows[0], ",") + "\n"}
	for _, r := range rows[1:] {
		out[r[day][:7]] += strings.Join(r, ",") + "\n"
	}
	return out
}

func numbers(n int, shift float64, seed uint64) string {
	rng := rand.New(rand.NewPCG(seed, 1))
	b := strings.Builder{}
	b.WriteString("x,c,flag,note\n")
	for range n {
		fmt.Fprintf(&b, "%g,%s,%v,a note of %d letters\n", rng.NormFloat64()+shift, []string{"red", "green", "blue"}[rng.IntN(3)], rng.IntN(2) == 0, rng.IntN(1e9))
	}
	return b.String()
}

func TestShiftIsFoundAndNothingElse(t *testing.T) {
	d := compareText(t, numbers(2000, 0, 1), numbers(1000, .5, 2))
	if !d.Drifted || d.DriftedFeatures != 1 || len(d.Features) != 4 {
		t.Fatalf("%+v", d)
	}
	types := map[string]string{"x": "numeric", "c": "categorical", "flag": "boolean", "note": "text"}
	for _, f := range d.Features {
		if f.Type != types[f.Name] || (f.Verdict == verdict.Drift) != (f.Name == "x") {
			t.Errorf("%s: %s, %s, %s", f.Name, f.Type, f.Verdict, f.Reason)
		}
		_, chi := f.Stats["chi2"]
		if _, ks := f.Stats["ks"]; ks == chi {
			t.Errorf("%s: %v", f.Name, f.Stats)
		}
	}
	x := d.Features[0]
	var sum float64
	for _, n := range x.Bins.Current {
		sum += n
	}
	if len(x.Bins.Edges) != len(x.Bins.Current)+1 || sum != 1000 || x.Bins.Special != nil {
		t.Errorf("bins %+v", x.Bins)
	}
}

func TestSpecialValuesAreNeverDropped(t *testing.T) {
	reference := "x,c\n" + strings.Repeat("1,a\n2,b\n3,a\n", 20)
	current := "x,c\n" + strings.Repeat("NaN,new\n+Inf,a\n-Inf,\n,other\n", 10)
	d := compareText(t, reference, current)
	x, c := d.Features[0], d.Features[1]
	if x.Current.Missing != 10 || fmt.Sprint(x.Bins.Special.Labels) != "[-Inf +Inf NaN missing]" || x.Verdict != verdict.Drift {
		t.Errorf("%+v %+v", x, x.Bins.Special)
	}
	if fmt.Sprint(c.Bins.Special.Labels, c.Bins.Special.Current) != "[missing other] [10 20]" {
		t.Errorf("%+v", c.Bins.Special)
	}
	if _, err := json.Marshal(d); err != nil {
		t.Error(err)
	}
}

func TestTypeChangeIsSaid(t *testing.T) {
	d := compareText(t, "x\n"+strings.Repeat("1\n2\n", 30), "x\n"+strings.Repeat("one\ntwo\n", 30))
	if f := d.Features[0]; f.Verdict != verdict.Drift || !strings.Contains(f.Reason, "its type changed from integer to categorical") {
		t.Errorf("%+v", f)
	}
}

func TestTooFewRows(t *testing.T) {
	d := compareText(t, "x\n1\n2\n", "x\n3\n")
	if f := d.Features[0]; f.Verdict != verdict.InsufficientData || d.Drifted {
		t.Errorf("%+v", f)
	}
}

func TestColumnsThatDoNotMatch(t *testing.T) {
	_, err := FindDrift(Known{Table: open(t, "a,b\n1,2\n")}, open(t, "a,c\n1,2\n"), DriftOptions{Options: verdict.Defaults()})
	if !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), `no column "b"`) {
		t.Error(err)
	}
	if d := compareText(t, "a\n1\n", "a,c\n1,2\n"); fmt.Sprint(d.Ignored) != "[c]" {
		t.Errorf("%v", d.Ignored)
	}
}

// TestProfileIsAsGoodAsItsTable: where the profile kept every value, comparing
// with it gives the same figures.
func TestProfileIsAsGoodAsItsTable(t *testing.T) {
	p, err := profileText(numbers(2000, 0, 1), heldCells)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	back, err := profile.Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	current := numbers(1000, .3, 3)
	a := compareText(t, numbers(2000, 0, 1), current)
	d, err := FindDrift(Known{Profile: back}, open(t, current), DriftOptions{Options: verdict.Defaults()})
	if err != nil {
		t.Fatal(err)
	}
	for i := range a.Features {
		for name, v := range a.Features[i].Stats {
			if got := d.Features[i].Stats[name]; math.Abs(got-v) > 1e-12 {
				t.Errorf("%s: %s is %v against the profile, %v against the table", a.Features[i].Name, name, got, v)
			}
		}
	}
	if err := Choose(back, []string{"x"}, []string{"nope"}); !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), `"nope"`) {
		t.Error(err)
	}
}

func TestDocuments(t *testing.T) {
	d := compareText(t, numbers(500, 0, 1), strings.Replace(numbers(500, 1, 2), "x,c", "x,c", 1))
	var text, html bytes.Buffer
	if err := d.WriteTable(&text); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "1 of 4 features have drifted") {
		t.Error(text.String())
	}
	d.Features[0].Name = `</script><b>"x"`
	if err := d.WriteHTML(&html); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(html.String(), `<b>"x"`) || !strings.Contains(html.String(), `data-state="major"`) {
		t.Error("the document is not escaped, or has no verdict")
	}
}

// TestConventions: the figures and the verdicts change, the document's shape
// does not.
func TestConventions(t *testing.T) {
	for _, name := range convention.Names() {
		d, err := FindDrift(Known{Table: open(t, numbers(2000, 0, 1))}, open(t, numbers(1000, .5, 2)), DriftOptions{Options: verdict.Defaults(), Convention: name})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d.Convention != name || len(d.Features) != 4 || d.Features[0].Test == nil || d.Features[0].Reason == "" {
			t.Errorf("%s: %+v", name, d)
		}
		if _, err := json.Marshal(d); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if drifted := d.Features[0].Verdict == verdict.Drift; drifted != (name != "tfdv" && name != "deepchecks" || d.Features[0].Test.Score >= .2 && name == "deepchecks") {
			t.Errorf("%s: x is %s: %s", name, d.Features[0].Verdict, d.Features[0].Reason)
		}
	}
	p, err := profileText("x\n1\n2\n", heldCells)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := FindDrift(Known{Profile: p}, open(t, "x\n1\n"), DriftOptions{Options: verdict.Defaults(), Convention: "alibi"}); !errors.Is(err, ErrInput) {
		t.Error(err)
	}
}
