package metrics

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
)

// Handler serves a registry and a snapshot. The registry goes through promhttp
// on every scrape; the snapshot's text is written once for all scrapes of it.
// Other formats than text and OpenMetrics take promhttp for everything.
func Handler(registry prometheus.Gatherer, s *Snapshot, o promhttp.HandlerOpts) http.Handler {
	whole := promhttp.HandlerFor(Join(registry, s), o)
	o.DisableCompression = true
	own := promhttp.HandlerFor(registry, o)
	zips := &sync.Pool{New: func() any { return gzip.NewWriter(io.Discard) }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind := expfmt.NegotiateIncludingOpenMetrics(r.Header).FormatType()
		if kind != expfmt.TypeTextPlain && kind != expfmt.TypeOpenMetrics {
			whole.ServeHTTP(w, r)
			return
		}
		answer := &answer{header: http.Header{}, status: http.StatusOK}
		own.ServeHTTP(answer, r)
		for k, v := range answer.header {
			w.Header()[k] = v
		}
		if answer.status != http.StatusOK {
			w.WriteHeader(answer.status)
			_, _ = w.Write(answer.body.Bytes())
			return
		}
		w.Header().Del("Content-Length")
		var to io.Writer = w
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.Header().Set("Content-Encoding", "gzip")
			z := zips.Get().(*gzip.Writer)
			z.Reset(w)
			defer func() { _ = z.Close(); zips.Put(z) }() // the scraper has left where this fails
			to = z
		}
		end := []byte("# EOF\n")
		_, _ = to.Write(bytes.TrimSuffix(answer.body.Bytes(), end))
		_, _ = to.Write(s.text(kind == expfmt.TypeOpenMetrics))
		if kind == expfmt.TypeOpenMetrics {
			_, _ = to.Write(end)
		}
	})
}

// answer keeps what promhttp writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }
