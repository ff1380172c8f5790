package proxy

import (
	"bufio"
	"context"
	"net"
	"net/url"
	"sync"
	"syscall"
	"time"
)

const (
	maxIdle = 256
	// idleTimeout is shorter than the common servers keep idle connections
	// (gunicorn 2 s, uvicorn and Node 5 s): one that the server closes in the
	// instant of its reuse would cost a request, a new one costs microseconds.
	idleTimeout = time.Second
	readSize    = 8 << 10
)

// conns keeps connections to the model server for reuse. Unlike those of
// net/http, they have no goroutine of their own: who uses one reads it.
type conns struct {
	addr   string
	dialer net.Dialer

	mu     sync.Mutex
	idle   []*conn // the last used at the end
	closed bool
}

type conn struct {
	net.Conn
	r      *bufio.Reader
	raw    syscall.RawConn
	since  time.Time // idle
	reused bool
	alive  bool
	probe  func(fd uintptr)
}

func newConns(upstream *url.URL, timeout time.Duration) *conns {
	addr := upstream.Host
	if upstream.Port() == "" {
		addr = net.JoinHostPort(upstream.Hostname(), "80")
	}
	return &conns{addr: addr, dialer: net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second}}
}

// get returns a connection: an idle one that the server has not closed, or a
// new one.
func (c *conns) get(ctx context.Context) (*conn, error) {
	for {
		c.mu.Lock()
		n := len(c.idle)
		if n == 0 {
			c.mu.Unlock()
			return c.dial(ctx)
		}
		k := c.idle[n-1]
		c.idle[n-1] = nil
		c.idle = c.idle[:n-1]
		c.mu.Unlock()
		if time.Since(k.since) < idleTimeout && k.open() {
			k.reused = true
			return k, nil
		}
		k.Close()
	}
}

func (c *conns) dial(ctx context.Context) (*conn, error) {
	n, err := c.dialer.DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return nil, err
	}
	k := &conn{Conn: n, r: bufio.NewReaderSize(n, readSize)}
	if s, ok := n.(syscall.Conn); ok {
		k.raw, _ = s.SyscallConn()
	}
	k.probe = func(fd uintptr) { k.alive = silent(fd) }
	return k, nil
}

// silent reports whether an idle connection has nothing to read, as it should:
// an end, or bytes that nobody asked for, make it useless.
func silent(fd uintptr) bool {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return err == syscall.EAGAIN
}

// open looks whether the server has closed the connection while it was idle:
// a request written to it would be lost, and must not be sent twice.
func (k *conn) open() bool {
	if k.raw == nil {
		return false
	}
	k.alive = false
	return k.raw.Control(k.probe) == nil && k.alive
}

// put keeps a connection for reuse, whose answer was read to its end.
func (c *conns) put(k *conn) {
	k.since = time.Now()
	c.mu.Lock()
	if c.closed || len(c.idle) >= maxIdle || k.r.Buffered() > 0 {
		c.mu.Unlock()
		k.Close()
		return
	}
	c.idle = append(c.idle, k)
	c.mu.Unlock()
}

// close closes the idle connections; later ones are not kept.
func (c *conns) close() {
	c.mu.Lock()
	idle := c.idle
	c.idle, c.closed = nil, true
	c.mu.Unlock()
	for _, k := range idle {
		k.Close()
	}
}
