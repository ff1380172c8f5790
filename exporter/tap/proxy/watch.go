package proxy

import (
	"net/http"

	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/tap/exchange"
	"github.com/gnomon-dev/gnomon/exporter/tap/route"
)

// watch passes an inference on and shows it to an exchange.
func (p *Proxy) watch(w http.ResponseWriter, r *http.Request, target route.Target) {
	header := ""
	if p.s.KeyHeader != "" {
		header = r.Header.Get(p.s.KeyHeader)
	}
	t := &teeWriter{ResponseWriter: w, x: p.watcher.Begin(target, header, r.Header.Get("Traceparent"))}
	body := &teeReader{ReadCloser: r.Body, w: t, length: r.ContentLength}
	t.x.RequestHead(bodyOf(r.Header), r.ContentLength)
	if r.ContentLength == 0 {
		t.x.RequestEnd()
	}
	r.Body = body
	returned := false
	defer func() {
		// Not a recover: ReverseProxy panics with http.ErrAbortHandler to break
		// off an answer, and the server must see that.
		body.detach()
		t.x.Finish(t.end(r, returned))
	}()
	p.reverse.ServeHTTP(t, r)
	returned = true
}

// teeWriter shows the exchange the answer on its way to the client.
type teeWriter struct {
	http.ResponseWriter
	x             *exchange.Exchange
	status        int
	clientGone    bool
	failed        bool // there was no answer
	requestBroken bool // the client's body broke off; read after detach
}

// Unwrap lets http.ResponseController flush and hijack.
func (t *teeWriter) Unwrap() http.ResponseWriter { return t.ResponseWriter }

func (t *teeWriter) WriteHeader(status int) {
	if status >= 200 && t.status == 0 {
		t.status = status
		if status < 300 {
			h := t.Header()
			t.x.ResponseHead(bodyOf(h), contentLength(h))
		}
	}
	t.ResponseWriter.WriteHeader(status)
}

func (t *teeWriter) Write(b []byte) (int, error) {
	if t.status == 0 {
		t.WriteHeader(http.StatusOK)
	}
	n, err := t.ResponseWriter.Write(b)
	if err != nil {
		t.clientGone = true
	}
	if t.status < 300 {
		t.x.Response(b[:n])
	} else {
		t.x.Message(b[:n])
	}
	return n, err
}

func contentLength(h http.Header) int64 {
	if v := h["Content-Length"]; len(v) == 1 {
		return int64(jsonLength(v[0]))
	}
	return -1
}

// end classes how the exchange ended; returned is false where the handler
// broke the answer off.
func (t *teeWriter) end(r *http.Request, returned bool) exchange.End {
	gone := t.clientGone || t.requestBroken || (r.Context().Err() != nil && (t.failed || !returned))
	switch {
	case gone:
		return exchange.End{Status: t.status, Outcome: record.Cancelled}
	case t.failed || !returned || t.status == 0:
		return exchange.End{Status: t.status, Outcome: record.InfraError}
	}
	return exchange.End{Status: t.status, Outcome: Classify(t.status, t.x.ErrorMessage())}
}
