package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"sync"
)

// reverseProxy passes everything on as it is: the client's Host, its
// forwarding headers and its query, also where it cannot be parsed. It adds
// nothing: a sidecar is no hop that anyone should see.
func (p *Proxy) reverseProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Transport:  roundTripper{p.transport, p.grpc},
		BufferPool: &copyBuffers{},
		ErrorLog:   Server(nil, p.s.Logger).ErrorLog,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(p.s.Upstream)
			r.Out.Host = r.In.Host
			r.Out.Trailer = r.In.Trailer // filled when the body has been read
			r.Out.URL.RawQuery = joinQuery(p.s.Upstream.RawQuery, r.In.URL.RawQuery)
			for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				if v, ok := r.In.Header[h]; ok {
					r.Out.Header[h] = v
				}
			}
		},
		ErrorHandler: p.upstreamFailed,
	}
}

func joinQuery(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "&" + b
}

// upstreamFailed answers for a model server that gave no answer.
func (p *Proxy) upstreamFailed(w http.ResponseWriter, r *http.Request, err error) {
	t, watched := w.(*teeWriter)
	if clientLeft(r, err) {
		if watched {
			t.clientGone = true
		}
	} else {
		p.s.Logger.Debug("upstream failed", "err", err)
	}
	if watched {
		t.failed = true
	}
	if p.grpc {
		grpcFailed(w, r, err)
		return
	}
	badGateway(w)
}

func badGateway(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadGateway)
	_, _ = io.WriteString(w, `{"error":"model server did not answer"}`)
}

// clientLeft reports whether an exchange broke because of the client:
// ReverseProxy reports that as a 502 too.
func clientLeft(r *http.Request, err error) bool {
	return r.Context().Err() != nil || errors.Is(err, context.Canceled)
}

// copyBuffers lends ReverseProxy its copy buffers.
type copyBuffers struct{ pool sync.Pool }

func (b *copyBuffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, 32<<10)
}

func (b *copyBuffers) Put(p []byte) { b.pool.Put(&p) }

// teeReader shows the exchange the request's body as the transport reads it.
// The transport may go on reading after the answer has begun, even after the
// handler has returned: detach ends the watching.
type teeReader struct {
	io.ReadCloser
	mu     sync.Mutex
	w      *teeWriter // nil: detached
	length int64      // -1: unknown
	seen   int64
	whole  bool
	ended  bool // by the answer's end
}

// end ends the body because the answer has ended: that is no fault of the
// client's.
func (t *teeReader) end() {
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	_ = t.Close() // fails only where it has ended already
}

func (t *teeReader) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.w == nil || t.whole {
		return n, err
	}
	t.seen += int64(n)
	t.w.x.Request(p[:n])
	switch {
	case err == io.EOF || t.seen == t.length:
		t.whole = true
		t.w.x.RequestEnd()
	case err != nil && !t.ended:
		t.w.requestBroken = true
	}
	return n, err
}

func (t *teeReader) detach() {
	t.mu.Lock()
	t.w = nil
	t.mu.Unlock()
}
