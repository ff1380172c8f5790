// Package proxy is the HTTP tap: a reverse proxy that stands between clients
// and a model server, passes everything through as it is, and keeps a copy of
// the sampled inferences.
//
// The request path never decodes a body, never waits for gnomon and cannot
// fail because of it: heads are read, bodies stream through and are copied
// into buffers that are charged to a budget beforehand.
package proxy

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/tap/buffer"
	"github.com/gnomon-dev/gnomon/exporter/tap/exchange"
	"github.com/gnomon-dev/gnomon/exporter/tap/route"
)

// ErrSettings: the proxy cannot be built from what was given.
var ErrSettings = errors.New("proxy settings")

// The taps' names in metrics and records.
const (
	Name     = "http"
	NameGRPC = "grpc"
)

// Settings is what a Proxy is made of. Upstream, Sampler, Emit, Budget and
// Observer are required.
type Settings struct {
	Upstream *url.URL // http://host:port, or https; a path is put before the request's
	Sampler  exchange.Sampler
	Observer exchange.Observer
	// Emit takes a sampled exchange. It never blocks and owns the capture.
	Emit func(*record.Capture)
	// Budget is what captured bodies are charged to while they are received:
	// queue.Queue.Budget().
	Budget    buffer.Budget
	BodyLimit int64    // of each body; a longer one is passed on, not captured; 8 MiB where 0
	KeyHeader string   // the cohort key; the request's id, else a digest of its body, where empty or absent
	Headers   []string // of requests, that records keep as metadata
	// Route says which requests are inferences; route.HTTP where nil.
	Route func(method, escapedPath string) (route.Target, bool)
	// Plain makes every request take httputil.ReverseProxy. Otherwise simple
	// inference requests take the faster path.
	Plain       bool
	DialTimeout time.Duration // 5 s where 0
	Logger      *slog.Logger
	Now         func() time.Time
}

func (s *Settings) defaults() error {
	switch {
	case s.Upstream == nil || s.Upstream.Host == "":
		return fmt.Errorf("%w: no upstream; fix: give the model server's URL, such as http://127.0.0.1:8000", ErrSettings)
	case s.Upstream.Scheme != "http" && s.Upstream.Scheme != "https":
		return fmt.Errorf("%w: upstream scheme %q; fix: use http or https", ErrSettings, s.Upstream.Scheme)
	case s.Sampler == nil || s.Observer == nil || s.Emit == nil || s.Budget == nil:
		return fmt.Errorf("%w: sampler, observer, emit and budget are required", ErrSettings)
	}
	if s.BodyLimit <= 0 {
		s.BodyLimit = 8 << 20
	}
	if s.Route == nil {
		s.Route = route.HTTP
	}
	if s.DialTimeout <= 0 {
		s.DialTimeout = 5 * time.Second
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	return nil
}

// Proxy is the handler. Safe for concurrent use.
type Proxy struct {
	s         Settings
	watcher   *exchange.Watcher
	transport *http.Transport
	reverse   *httputil.ReverseProxy
	direct    *direct // nil: everything takes reverse
	grpc      bool
}

// New returns a proxy in front of s.Upstream. It connects when the first
// request comes, so the model server may start later.
func New(s Settings) (*Proxy, error) {
	if err := s.defaults(); err != nil {
		return nil, err
	}
	p := &Proxy{s: s, transport: transport(s)}
	p.watcher = exchange.New(exchange.Settings{Headers: s.Headers,
		Tap: Name, Sampler: s.Sampler, Observer: s.Observer, Emit: s.Emit,
		Budget: s.Budget, BodyLimit: s.BodyLimit, Logger: s.Logger, Now: s.Now,
	})
	p.reverse = p.reverseProxy()
	if !s.Plain && s.Upstream.Scheme == "http" && (s.Upstream.Path == "" || s.Upstream.Path == "/") && s.Upstream.RawQuery == "" {
		p.direct = newDirect(p)
	}
	return p, nil
}

func transport(s Settings) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	dialer := &net.Dialer{Timeout: s.DialTimeout, KeepAlive: 30 * time.Second}
	return &http.Transport{
		DialContext:           dialer.DialContext,
		Protocols:             protocols,
		DisableCompression:    true, // bodies stay as they are
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       idleTimeout,
		TLSHandshakeTimeout:   s.DialTimeout,
		ExpectContinueTimeout: 5 * time.Second,
	}
}

// NewGRPC returns a proxy of gRPC calls, over HTTP/2 in cleartext on both
// sides. Calls pass as the bytes that they are: metadata, deadlines, trailers,
// status details, compression, streams of any kind, reflection and health
// need no knowledge of ours. Only inferences are watched.
func NewGRPC(s Settings) (*Proxy, error) {
	s.Plain = true
	if s.Route == nil {
		s.Route = func(_, path string) (route.Target, bool) { return route.GRPC(path) }
	}
	if err := s.defaults(); err != nil {
		return nil, err
	}
	p := &Proxy{s: s, transport: transport(s), grpc: true}
	p.transport.Protocols = new(http.Protocols)
	p.transport.Protocols.SetHTTP2(s.Upstream.Scheme == "https")
	p.transport.Protocols.SetUnencryptedHTTP2(s.Upstream.Scheme == "http")
	p.watcher = exchange.New(exchange.Settings{Headers: s.Headers,
		Tap: NameGRPC, Sampler: s.Sampler, Observer: s.Observer, Emit: s.Emit,
		Budget: s.Budget, BodyLimit: s.BodyLimit, Logger: s.Logger, Now: s.Now,
	})
	p.reverse = p.reverseProxy()
	return p, nil
}

// ServeHTTP passes a request on, watched where it is an inference.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	target, inference := p.s.Route(r.Method, r.URL.EscapedPath())
	switch {
	case !inference && p.grpc:
		p.pass(faithful{w}, r, callBody{r.Body})
		return
	case !inference:
		p.reverse.ServeHTTP(faithful{w}, r)
		return
	}
	p.watch(w, r, target)
}

// Close gives the idle connections to the model server back.
func (p *Proxy) Close() {
	p.transport.CloseIdleConnections()
	if p.direct != nil {
		p.direct.pool.close()
	}
}

// Server returns an HTTP server for a proxy: HTTP/1.1 and HTTP/2, also in
// cleartext, without time limits on bodies (they are the client's and the
// model server's business) but with one on heads.
func Server(h http.Handler, logger *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           h,
		Protocols:         protocols,
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}
