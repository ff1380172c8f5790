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
	t.x.Note(r.Header)
	t.x.RequestHead(exchange.BodyOf(r.Header), r.ContentLength)
	if r.ContentLength == 0 {
		t.x.RequestEnd()
	}
	returned := false
	body := &teeReader{ReadCloser: r.Body, w: t, length: r.ContentLength}
	defer func() {
		// Not a recover: an answer is broken off by a panic with
		// http.ErrAbortHandler, and the server must see that.
		body.detach()
		t.x.Finish(t.end(r, returned))
	}()
	switch {
	case p.direct != nil && p.direct.takes(r):
		p.direct.serve(t, r)
	case p.grpc:
		p.pass(t, r, body)
	default:
		// A copy: the server looks at the type of its own request's body when
		// it decides what to do with the part of it that nobody read.
		out := *r
		out.Body = body
		p.reverse.ServeHTTP(t, &out)
	}
	returned = true
}

// faithful keeps the server from adding heads that the model server did not
// send: it would guess a Content-Type, and date the answer.
type faithful struct{ http.ResponseWriter }

// Unwrap lets http.ResponseController flush and hijack.
func (f faithful) Unwrap() http.ResponseWriter { return f.ResponseWriter }

func (f faithful) WriteHeader(status int) {
	addNothing(f.Header(), status)
	f.ResponseWriter.WriteHeader(status)
}

func addNothing(h http.Header, status int) {
	if status < 200 {
		return
	}
	for _, name := range [...]string{"Content-Type", "Date"} {
		if _, ok := h[name]; !ok {
			h[name] = nil
		}
	}
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
			t.x.ResponseHead(exchange.BodyOf(h), contentLength(h))
		}
	}
	addNothing(t.Header(), status)
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
		return int64(exchange.Number(v[0]))
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
	if code, ok := grpcStatus(t.Header()); ok {
		return exchange.End{Status: t.status, Outcome: ClassifyGRPC(code)}
	}
	return exchange.End{Status: t.status, Outcome: Classify(t.status, t.x.ErrorMessage())}
}
