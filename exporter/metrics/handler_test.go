package metrics

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// TestTextIsExpfmts: our own writing is expfmt's, byte for byte.
func TestTextIsExpfmts(t *testing.T) {
	families := Families(sample(12, 7))
	odd := newBuilder()
	f := odd.family("odd", "a \"help\" with \\ and\na line", families[0].GetType())
	for _, v := range []float64{0, -1, 1e6, 123456789, 1e21, .1, -2.5e-7, 999999} {
		add(f, v, labels(nil, "value", strings.Repeat("x", int(v)%3+3)+"\\ \"\n é"))
	}
	families = append(families, odd.done()...)
	for _, c := range []struct {
		format expfmt.Format
		open   bool
	}{{expfmt.NewFormat(expfmt.TypeTextPlain), false}, {expfmt.NewFormat(expfmt.TypeOpenMetrics), true}} {
		var want bytes.Buffer
		enc := expfmt.NewEncoder(&want, c.format)
		for _, f := range families {
			if err := enc.Encode(f); err != nil {
				t.Fatal(err)
			}
		}
		got := string(appendText(nil, families, c.open))
		if got != want.String() {
			a, b := strings.Split(got, "\n"), strings.Split(want.String(), "\n")
			for i := range a {
				if i >= len(b) || a[i] != b[i] {
					t.Errorf("%s, line %d: %q, want %q", c.format, i+1, a[i], b[i])
					break
				}
			}
		}
	}
}

// TestHandler: every format parses and holds the series of both sides.
func TestHandler(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "of_the_registry", Help: "x"}, func() float64 { return 1 }))
	var s Snapshot
	s.Publish(Families(sample(3, 5)))
	server := httptest.NewServer(Handler(registry, &s, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	defer server.Close()
	for _, accept := range []string{"", "text/plain;version=0.0.4", "application/openmetrics-text;version=1.0.0", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"} {
		for _, encoding := range []string{"identity", "gzip"} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Accept", accept)
			request.Header.Set("Accept-Encoding", encoding)
			resp, err := server.Client().Do(request)
			if err != nil {
				t.Fatal(err)
			}
			body := read(t, resp)
			names := map[string]bool{}
			switch kind := resp.Header.Get("Content-Type"); {
			case strings.HasPrefix(kind, "application/openmetrics-text"):
				if !bytes.HasSuffix(body, []byte("# EOF\n")) || bytes.Count(body, []byte("# EOF")) != 1 {
					t.Errorf("%s: no end, or more than one", accept)
				}
				for _, n := range []string{"of_the_registry", "gnomon_feature_psi"} {
					names[n] = bytes.Contains(body, []byte("\n"+n)) || bytes.HasPrefix(body, []byte("# HELP "+n))
				}
			case strings.HasPrefix(kind, "text/plain"):
				parser := expfmt.NewTextParser(model.UTF8Validation)
				families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
				if err != nil {
					t.Errorf("%s: %v", accept, err)
				}
				for n := range families {
					names[n] = true
				}
			default:
				names["of_the_registry"], names["gnomon_feature_psi"] = bytes.Contains(body, []byte("of_the_registry")), bytes.Contains(body, []byte("gnomon_feature_psi"))
			}
			if !names["of_the_registry"] || !names["gnomon_feature_psi"] {
				t.Errorf("%q %s (%s): not both sides: %.200q", accept, encoding, resp.Header.Get("Content-Type"), body)
			}
		}
	}
}

func read(t *testing.T, resp *http.Response) []byte {
	t.Helper()
	defer resp.Body.Close()
	var r io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		r = z
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
