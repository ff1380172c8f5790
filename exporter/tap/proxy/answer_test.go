package proxy

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/queue"
	"github.com/gnomon-dev/gnomon/exporter/tap/exchange"
	"github.com/gnomon-dev/gnomon/exporter/tap/route"
	"github.com/gnomon-dev/gnomon/exporter/tap/taptest"
)

// FuzzAnswer reads any bytes as an answer; where net/http's client reads one
// too, the status and the body are the same.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nX: 1\r\n\r\n",
		"HTTP/1.0 500 Bad\nConnection: close, X-A\nX-A: 1\n\nrest",
		"HTTP/1.1 204 No\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	watcher := exchange.New(exchange.Settings{Sampler: taptest.All{}, Observer: taptest.NewJournal(), Budget: queue.NewBudget(1 << 20), BodyLimit: 1 << 16})
	d := &direct{pool: &conns{}}
	f.Fuzz(func(t *testing.T, in []byte) {
		recorder := httptest.NewRecorder()
		w := &teeWriter{ResponseWriter: recorder, x: watcher.Begin(route.Target{}, "k", "")}
		r := bufio.NewReader(bytes.NewReader(in))
		h, err := readHead(r, w)
		if err != nil {
			return
		}
		whole := func() (ok bool) {
			defer func() {
				if fault := recover(); fault != nil && fault != http.ErrAbortHandler {
					panic(fault)
				}
			}()
			d.answer(w, nil, exchangeEnd{conn: &conn{Conn: nopConn{}, r: r}, stop: func() bool { return false }, head: h})
			return true
		}()
		want, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(in)), &http.Request{Method: http.MethodPost})
		if err != nil || want.StatusCode < 200 || !whole {
			return
		}
		body, err := io.ReadAll(want.Body)
		if err == nil && len(want.TransferEncoding) == 0 && h.chunked {
			return
		}
		if err == nil && (recorder.Code != want.StatusCode || !bytes.Equal(recorder.Body.Bytes(), body)) {
			t.Errorf("%d %q, net/http says %d %q", recorder.Code, recorder.Body.Bytes(), want.StatusCode, body)
		}
	})
}

// nopConn is a connection that only its reader is used of.
type nopConn struct{ net.Conn }

func (nopConn) Close() error { return nil }
