package tapbench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/queue"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/sampler"
	"github.com/gnomon-dev/gnomon/exporter/tap/proxy"
)

// TestMain plays the role that self started it for.
func TestMain(m *testing.M) {
	role := os.Getenv("TAPBENCH_ROLE")
	if role == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := play(ctx, role, os.Getenv("TAPBENCH_LISTEN"), os.Getenv("TAPBENCH_UPSTREAM")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func play(ctx context.Context, role, listen, upstream string) error {
	if f := os.Getenv("TAPBENCH_PROFILE"); f != "" && (role == "tap" || role == "grpc tap") {
		w, err := os.Create(f + "." + os.Getenv("TAPBENCH_RATE"))
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(w); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	u := &url.URL{Scheme: "http", Host: upstream}
	var h http.Handler
	switch role {
	case "upstream":
		go serveUpstream(l)
		<-ctx.Done()
		return nil
	case "grpc upstream":
		return serveGRPC(ctx, l)
	case "ReverseProxy":
		h = &httputil.ReverseProxy{
			Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true},
			Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(u) },
		}
	default:
		if h, err = tap(ctx, u, role); err != nil {
			return err
		}
	}
	server := proxy.Server(h, slog.New(slog.DiscardHandler))
	go func() { <-ctx.Done(); server.Close() }()
	if err := server.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}

func tap(ctx context.Context, u *url.URL, role string) (http.Handler, error) {
	rate, err := strconv.ParseFloat(os.Getenv("TAPBENCH_RATE"), 64)
	if err != nil {
		return nil, err
	}
	s, err := sampler.New(rate, "bench")
	if err != nil {
		return nil, err
	}
	const budget = 64 << 20
	debug.SetGCPercent(queue.GCPercent)
	debug.SetMemoryLimit(budget + queue.Fixed)
	q := queue.New(budget)
	go func() {
		for {
			c, err := q.Pop(ctx)
			if err != nil {
				return
			}
			c.Release()
		}
	}()
	settings := proxy.Settings{
		Upstream: u, Sampler: s, Observer: counters{}, Budget: q.Budget(), KeyHeader: "X-Request-Id", Plain: role == "tap over ReverseProxy",
		Emit: func(c *record.Capture) {
			if !q.Push(c) {
				c.Release()
			}
		},
	}
	if role == "grpc tap" {
		return proxy.NewGRPC(settings)
	}
	return proxy.New(settings)
}

type counters struct{}

func (counters) Begin() func()       { return func() {} }
func (counters) Request(record.Done) {}
func (counters) Dropped(string)      {}

// serveUpstream answers every request with the same 300 bytes, as cheaply as
// can be.
func serveUpstream(l net.Listener) {
	body := bytes.Repeat([]byte("a"), 200)
	answer := append([]byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"), body...)
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			r := bufio.NewReaderSize(c, 64<<10)
			for discardMessage(r) == nil {
				if _, err := c.Write(answer); err != nil {
					return
				}
			}
		}()
	}
}

// discardMessage reads a head and the body that its Content-Length states.
func discardMessage(r *bufio.Reader) error {
	n := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if len(line) > 16 && bytes.EqualFold(line[:15], []byte("content-length:")) {
			n, _ = strconv.Atoi(string(bytes.TrimSpace(line[15:])))
		}
	}
	_, err := io.CopyN(io.Discard, r, int64(n))
	return err
}
