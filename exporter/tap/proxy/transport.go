package proxy

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"syscall"
)

// roundTripper is the transport of ReverseProxy. It looks whether the server
// has closed a kept connection before a request is written to it, as the
// direct way does: net/http notices an end only when a goroutine gets to run,
// and a request written meanwhile is lost.
type roundTripper struct {
	*http.Transport
	http2 bool
}

func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.http2 || r.Body == nil || r.Body == http.NoBody { // net/http sends these again by itself
		return t.Transport.RoundTrip(r)
	}
	body := &body{ReadCloser: r.Body, length: r.ContentLength}
	dead := false
	trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		if dead = c.Reused && ended(c.Conn); dead {
			body.record = true
			c.Conn.Close() // so that nothing can be written to it
		}
	}}
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), trace))
	r.Body = body
	for {
		response, err := t.Transport.RoundTrip(r)
		if err == nil || !dead || r.Context().Err() != nil {
			return response, err
		}
		body.rewind()
	}
}

// body is a request's body as the transport reads it. The one who made the
// request closes it.
//
// It ends where its length says, without asking the server's body: when the
// answer begins, the server closes that one, and the transport, which looks
// once more whether a body of known length has really ended, would take the
// error for a broken request and break the answer off.
//
// It can be read again from its start when it was read for a connection that
// is known to be dead; only then it keeps what is read, one buffer's worth.
type body struct {
	io.ReadCloser
	length int64 // -1: unknown
	read   int64
	record bool
	kept   []byte // was read for nothing
	again  []byte // of kept: still to be read again
}

func (b *body) Read(p []byte) (int, error) {
	if len(b.again) > 0 {
		n := copy(p, b.again)
		b.again = b.again[n:]
		return n, nil
	}
	if b.read == b.length {
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if b.record {
		b.kept = append(b.kept, p[:n]...)
	}
	return n, err
}

func (b *body) Close() error { return nil }

func (b *body) rewind() { b.again, b.record = b.kept, false }

// ended reports whether the server has ended an idle connection. Over TLS
// bytes may wait that are none of an answer.
func ended(c net.Conn) bool {
	_, encrypted := c.(*tls.Conn)
	if encrypted {
		c = c.(*tls.Conn).NetConn()
	}
	s, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	over := false
	err = raw.Control(func(fd uintptr) { over = !silent(fd) && (!encrypted || closed(fd)) })
	return err == nil && over
}

func closed(fd uintptr) bool {
	var b [1]byte
	n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return err == nil && n == 0
}
