package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// directLimit is the longest request body that the direct way takes: it must
// fit the socket's buffers, because the answer is read only when the request
// is written.
const directLimit = 64 << 10

// direct is the fast way of plain inference requests: it writes the request
// and reads the answer on connections of its own, in the handler's goroutine,
// where net/http's client has two more a connection. Whatever is not plain
// (streams, long bodies, upgrades, expectations, trailers, HTTP/2) takes
// ReverseProxy instead.
type direct struct {
	p       *Proxy
	pool    *conns
	scratch sync.Pool
}

func newDirect(p *Proxy) *direct {
	d := &direct{p: p, pool: newConns(p.s.Upstream, p.s.DialTimeout)}
	d.scratch.New = func() any { b := make([]byte, 0, 4<<10); return &b }
	return d
}

// takes reports whether the request is plain.
func (d *direct) takes(r *http.Request) bool {
	if r.ProtoMajor != 1 || r.ContentLength < 0 || r.ContentLength > directLimit || len(r.Trailer) > 0 || len(r.TransferEncoding) > 0 ||
		!strings.HasPrefix(r.RequestURI, "/") {
		return false
	}
	h := r.Header
	for _, name := range [...]string{"Expect", "Upgrade", "Te", "Trailer", "Proxy-Connection"} {
		if _, ok := h[name]; ok {
			return false
		}
	}
	for _, v := range h["Connection"] {
		if !strings.EqualFold(v, "keep-alive") && !strings.EqualFold(v, "close") {
			return false
		}
	}
	return true
}

// serve passes one request on and its answer back.
func (d *direct) serve(t *teeWriter, r *http.Request) {
	scratch := d.scratch.Get().(*[]byte)
	defer func() {
		*scratch = (*scratch)[:0]
		d.scratch.Put(scratch)
	}()
	b := appendHead((*scratch)[:0], r)
	head := len(b)
	b, err := readBody(b, r)
	*scratch = b
	if err != nil {
		t.requestBroken = true
		panic(http.ErrAbortHandler) // the client is gone, or not to be understood
	}
	if len(b) > head {
		t.x.Request(b[head:])
		t.x.RequestEnd()
	}
	k, err := d.roundTrip(t, r, b)
	if err != nil {
		d.p.upstreamFailed(t, r, err)
		return
	}
	d.answer(t, r, k)
}

func appendHead(b []byte, r *http.Request) []byte {
	b = append(append(append(b, r.Method...), ' '), r.RequestURI...)
	b = append(append(b, " HTTP/1.1\r\nHost: "...), r.Host...)
	for name, values := range r.Header {
		switch name {
		case "Connection", "Keep-Alive", "Content-Length", "Proxy-Authenticate", "Proxy-Authorization", "Host":
			continue
		}
		for _, v := range values {
			b = append(append(append(append(b, "\r\n"...), name...), ": "...), v...)
		}
	}
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, r.ContentLength, 10)
	return append(b, "\r\n\r\n"...)
}

func readBody(b []byte, r *http.Request) ([]byte, error) {
	n := int(r.ContentLength)
	if n == 0 {
		return b, nil
	}
	at := len(b)
	if cap(b)-at < n {
		b = append(make([]byte, 0, at+n), b...)
	}
	b = b[:at+n]
	_, err := io.ReadFull(r.Body, b[at:])
	return b, err
}

// exchangeEnd is a round trip that must still be ended: the connection goes
// back to the pool or is closed.
type exchangeEnd struct {
	*conn
	stop func() bool // ends the watch over the client
	head head
}

// roundTrip writes the request and reads the answer's head. A request that a
// connection from the pool did not take whole is sent again on a new one: the
// server cannot have acted on it.
func (d *direct) roundTrip(t *teeWriter, r *http.Request, request []byte) (exchangeEnd, error) {
	for {
		k, err := d.pool.get(r.Context())
		if err != nil {
			return exchangeEnd{}, err
		}
		e := exchangeEnd{conn: k}
		e.stop = context.AfterFunc(r.Context(), func() { _ = k.SetDeadline(time.Unix(1, 0)) })
		n, wrote := k.Write(request)
		e.head, err = readHead(k.r, t)
		if err == nil {
			if wrote != nil { // answered and closed before it had read all
				e.head.close = true
			}
			return e, nil
		}
		e.stop()
		k.Close()
		if wrote == nil || n == len(request) || !k.reused || r.Context().Err() != nil {
			return exchangeEnd{}, err
		}
	}
}

var errUpstream = errors.New("answer of the model server")

// answer passes the answer on. An answer that breaks off is broken off for the
// client too.
func (d *direct) answer(t *teeWriter, r *http.Request, k exchangeEnd) {
	whole := false
	defer func() {
		if k.stop() && whole && !k.head.close {
			d.pool.put(k.conn)
		} else {
			k.Close()
		}
	}()
	k.head.copyTo(t.Header())
	t.WriteHeader(k.head.status)
	var err error
	switch {
	case k.head.status == http.StatusNoContent || k.head.status == http.StatusNotModified:
	case k.head.chunked:
		err = copyChunks(t, k.r, k.head.declared)
	case k.head.length >= 0:
		err = copyLength(t, k.r, k.head.length, false)
	default:
		k.head.close = true
		err = copyAll(t, k.r)
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	whole = true
}
