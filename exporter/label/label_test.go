package label

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

func read(t testing.TB, body string, f Format) (good []record.Label, bad map[int]string, err error) {
	t.Helper()
	bad = map[int]string{}
	err = Read(strings.NewReader(body), f, func(line int, l record.Label, err error) {
		if err != nil {
			bad[line] = err.Error()
			return
		}
		good = append(good, l)
	})
	return good, bad, err
}

// TestForms: every form of a label, as JSON of what it is read as.
func TestForms(t *testing.T) {
	for body, want := range map[string]string{
		`{"id":"a","label":7}`:                                 `{"id":"a","class":"7","value":7}`,
		`{"id":"a","label":7.0}`:                               `{"id":"a","class":"7","value":7}`,
		`{"id":"a","label":"cat","model":"m"}`:                 `{"id":"a","model":"m","class":"cat"}`,
		`{"id":"a","class":true}`:                              `{"id":"a","class":"true","value":1}`,
		`{"id":"a","value":1.5,"weight":2}`:                    `{"id":"a","value":1.5,"weight":2}`,
		`{"id":"a","classes":["dog","cat","dog"]}`:             `{"id":"a","classes":["cat","dog"]}`,
		`{"id":"a","kpi":{"revenue":12.3}}`:                    `{"id":"a","kpi":{"revenue":12.3}}`,
		`{"id":"a","boxes":[{"class":"cat","box":[1,2,3,4]}]}`: `{"id":"a","boxes":[{"class":"cat","box":[1,2,3,4]}]}`,
		`{"id":"a","label":1,"annotator":"ann"}`:               `{"id":"a","class":"1","value":1,"votes":[{"annotator":"ann","class":"1"}]}`,
		`{"id":"a","label":1,"time":"2026-03-01T12:00:00Z"}`:   `{"id":"a","class":"1","value":1,"time":"2026-03-01T12:00:00Z"}`,
		"id,label\na,7\n":                                      `{"id":"a","class":"7","value":7}`,
		"\xef\xbb\xbfid,label,annotator\r\na,cat,bob\r\n":      `{"id":"a","class":"cat","votes":[{"annotator":"bob","class":"cat"}]}`,
		"id, value, kpi.revenue, weight\na, 2.5, 3, 0.5\n":     `{"id":"a","value":2.5,"kpi":{"revenue":3},"weight":0.5}`,
		`[{"id":"a","labels":[{"annotator":"x","label":"b"},{"annotator":"y","label":"c"},{"annotator":"z","label":"c"}]}]`: `{"id":"a","class":"c","votes":[{"annotator":"x","class":"b"},{"annotator":"y","class":"c"},{"annotator":"z","class":"c"}]}`,
	} {
		good, bad, err := read(t, body, Auto)
		if err != nil || len(bad) > 0 || len(good) != 1 {
			t.Errorf("%q: %d read, %v, %v", body, len(good), bad, err)
			continue
		}
		if got, _ := json.Marshal(good[0]); string(got) != want {
			t.Errorf("%q:\n got %s\nwant %s", body, got, want)
		}
	}
}

func TestBadLinesAreNamedAndTheOthersCount(t *testing.T) {
	good, bad, err := read(t, `{"id":"a","label":1}
{"id":"","label":1}
{"id":"b"}
nonsense
{"id":"c","label":1,"time":"yesterday"}

{"id":"d","label":1}
{"id":"e","label":[1]}
{"id":"f","boxes":[{"box":[3,0,1,1]}]}
{"id":"g","label":1,"weight":-1}
{"id":"h","labels":[{"label":1}]}
`, Auto)
	if err != nil || len(good) != 2 {
		t.Errorf("%d good, %v", len(good), err)
	}
	for line, want := range map[int]string{2: "id: missing", 3: "label: missing", 4: "not a label object", 5: "time:", 8: "neither a string nor a number",
		9: "left, top", 10: "weight", 11: "annotator: missing"} {
		if !strings.Contains(bad[line], want) {
			t.Errorf("line %d: %q does not contain %q", line, bad[line], want)
		}
	}
	good, bad, err = read(t, "id,label,time\na,1,\nb,,\nc,1,now\n\"d\n", CSV)
	if len(good) != 1 || !strings.Contains(bad[3], "label: missing") || !strings.Contains(bad[4], "time:") {
		t.Errorf("CSV: %v, %v, %v", good, bad, err)
	}
}

func TestWholeBodyFaults(t *testing.T) {
	for body, f := range map[string]Format{"": Auto, "  \n": Auto, "a,b\n1,2\n": CSV, "id,time\na,b\n": CSV, `[{"id":"a","label":1}`: Auto} {
		if _, _, err := read(t, body, f); err == nil {
			t.Errorf("%q is accepted", body)
		}
	}
}

// FuzzRead: whatever comes, labels that are accepted pass Check, and nothing
// crashes.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"id":"a","label":7}`), false)
	f.Add([]byte("id,label,kpi.x\na,1,2\n"), true)
	f.Add([]byte(`[{"id":"a","labels":[{"annotator":"x","label":"b"}]},{"id":"b","boxes":[{"box":[1,2,3,4]}]}]`), false)
	f.Fuzz(func(t *testing.T, body []byte, csv bool) {
		format := Auto
		if csv {
			format = CSV
		}
		_ = Read(strings.NewReader(string(body)), format, func(_ int, l record.Label, err error) {
			if err == nil && Check(&l) != nil {
				t.Errorf("accepted and not valid: %+v", l)
			}
			if _, merr := json.Marshal(l); err == nil && merr != nil {
				t.Errorf("does not marshal: %v", merr)
			}
		})
	})
}
