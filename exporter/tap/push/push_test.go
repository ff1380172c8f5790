package push

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/sampler"
)

func line(id string) string {
	return fmt.Sprintf(`{"id":%q,"request":{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}}`, id)
}

func post(t *testing.T, h http.Handler, body string, header ...string) (int, Answer) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/api/v1/records", strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var a Answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return w.Code, a
}

func TestForms(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	fmt.Fprint(z, line("z"))
	z.Close()
	for _, c := range []struct {
		name, body string
		header     []string
		status     int
		ids        string
		rejected   int
	}{
		{"one", line("a"), nil, 202, "a", 0},
		{"pretty", strings.ReplaceAll(line("a"), ",", ",\n "), nil, 202, "a", 0},
		{"list", "[" + line("a") + "," + line("b") + "]", nil, 202, "ab", 0},
		{"lines", line("a") + "\n" + line("b") + "\n\n" + line("c"), nil, 202, "abc", 0},
		{"a bad line among them", line("a") + "\nbad\n" + line("c"), nil, 202, "ac", 1},
		{"gzip", b.String(), []string{"Content-Encoding", "gzip"}, 202, "z", 0},
		{"nothing", " ", nil, 400, "", 0},
		{"empty list", "[]", nil, 400, "", 0},
		{"no record", `{"a":1}`, nil, 400, "", 1},
		{"broken list", `[{]`, nil, 400, "", 1},
		{"no gzip", "x", []string{"Content-Encoding", "gzip"}, 415, "", 0},
		{"too large", strings.Repeat(" ", 5000), nil, 413, "", 0},
	} {
		ids := ""
		h := New(Settings{BodyLimit: 4096, Emit: func(c *record.Capture) { ids += c.ID }})
		status, a := post(t, h, c.body, c.header...)
		if status != c.status || ids != c.ids || a.Rejected != c.rejected || a.Accepted != len(c.ids) {
			t.Errorf("%s: %d %+v, ids %q", c.name, status, a, ids)
		}
		if status >= 400 && a.Message == "" && len(a.Errors) == 0 {
			t.Errorf("%s: refused without a reason", c.name)
		}
	}
}

func TestOnlyTheCohortIsEmitted(t *testing.T) {
	s, err := sampler.New(.5, "")
	if err != nil {
		t.Fatal(err)
	}
	emitted := 0
	h := New(Settings{Sampler: s, Emit: func(c *record.Capture) {
		emitted++
		if r := c.Records[0]; r.Weight != 2 || r.TraceParent != "tp" {
			t.Errorf("record %+v", r)
		}
	}})
	var b strings.Builder
	for i := range 200 {
		b.WriteString(line(fmt.Sprint(i)) + "\n")
	}
	if status, a := post(t, h, b.String(), "Traceparent", "tp"); status != 202 || a.Accepted != 200 || emitted < 60 || emitted > 140 {
		t.Errorf("%d %+v, %d emitted", status, a, emitted)
	}
}

func TestMethod(t *testing.T) {
	w := httptest.NewRecorder()
	New(Settings{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != 405 || w.Header().Get("Allow") != "POST" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func FuzzTake(f *testing.F) {
	f.Add([]byte(line("a") + "\nbad\n" + line("b")))
	f.Add([]byte("[" + line("a") + "]"))
	f.Fuzz(func(t *testing.T, body []byte) {
		emitted := 0
		a := New(Settings{Emit: func(c *record.Capture) { emitted += len(c.Records) }}).take(body, "")
		if a.Accepted != emitted {
			t.Errorf("accepted %d, emitted %d", a.Accepted, emitted)
		}
	})
}
