package exposition

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const sample = `# HELP a_total Help.
# TYPE a_total counter
a_total{x="a b {"} 1
# TYPE h histogram
# TYPE s summary
g 2 1700000000
# TYPE o counter
`

func TestParse(t *testing.T) {
	n, err := Parse(strings.NewReader(sample))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range strings.Fields("a_total h_bucket h_sum h_count s_sum s_count g o_total") {
		if !n[want] {
			t.Errorf("no %s in %v", want, n)
		}
	}
	if n["s_bucket"] || n["x"] {
		t.Errorf("too much: %v", n)
	}
}

func TestParseRefuses(t *testing.T) {
	if _, err := Parse(strings.NewReader("\n# nothing\n")); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if _, err := Parse(strings.NewReader("a 1\n<html>\n")); err == nil || !strings.Contains(err.Error(), "line 2 is no sample") {
		t.Error(err)
	}
}

func TestLoad(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(sample))
	}))
	defer server.Close()
	if n, err := Load(server.URL + "/metrics"); err != nil || !n["a_total"] {
		t.Error(n, err)
	}
	for _, from := range []string{server.URL, "/no/such/file", "http://127.0.0.1:1/metrics"} {
		if _, err := Load(from); err == nil {
			t.Errorf("%s is read", from)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add("# TYPE")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := Parse(strings.NewReader(s))
		if err == nil && len(n) == 0 {
			t.Error("neither names nor an error")
		}
		for name := range n {
			if err == nil && name == "" {
				t.Error("an empty name")
			}
		}
	})
}
