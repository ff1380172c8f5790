package taptest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// streams: the first bytes of an answer arrive before the last are sent.
func streams(t *testing.T, start Start) {
	next := make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for range 3 {
			_, _ = io.WriteString(w, "event\n")
			w.(http.Flusher).Flush()
			<-next
		}
	}))
	defer upstream.Close()
	rig := NewRig(t, start, upstream.URL, nil)
	for _, path := range []string{inferPath, "/v2/models/m/generate_stream"} {
		response, err := rig.Client.Post(rig.URL+path, "", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(response.Body)
		for range 3 {
			if line, err := lines.ReadString('\n'); line != "event\n" || err != nil {
				t.Fatalf("%s: %q, %v", path, line, err)
			}
			next <- struct{}{}
		}
		if rest, err := io.ReadAll(lines); len(rest) > 0 || err != nil { // to the end: who leaves before it has cancelled
			t.Fatalf("%s: %q, %v", path, rest, err)
		}
		response.Body.Close()
	}
	if c := rig.Capture(t); string(c.Response.Bytes) != "event\nevent\nevent\n" {
		t.Errorf("captured %q", c.Response.Bytes)
	}
}

func interim(t *testing.T, start Start) {
	upstream := Raw(t, "127.0.0.1:0", func(c net.Conn) {
		if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	rig := NewRig(t, start, upstream, nil)
	var hints []int
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		if code == 103 && h.Get("Link") != "</x>" {
			t.Errorf("103 without its fields: %v", h)
		}
		hints = append(hints, code)
		return nil
	}}
	request, _ := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodPost, rig.URL+inferPath, strings.NewReader("{}"))
	got := fetch(t, rig.Client, request)
	if got.Body != "ok" || got.Header.Get("Link") != "" || fmt.Sprint(hints) != "[103 102]" {
		t.Errorf("%+v, interim %v", got, hints)
	}
}

func expectContinue(t *testing.T, start Start) {
	rig := NewRig(t, start, echoServer(t), nil)
	c := dial(t, rig.URL)
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n", inferPath)
	r := bufio.NewReader(c)
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if line, err := r.ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 100") || err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	_, _ = r.ReadString('\n')
	_, _ = io.WriteString(c, "body")
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(response.Body); string(body) != "<body" {
		t.Errorf("%q", body)
	}
	if c := rig.Capture(t); string(c.Request.Bytes) != "body" {
		t.Errorf("captured %q", c.Request.Bytes)
	}
}

func expectationRefused(t *testing.T, start Start) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusExpectationFailed) // without a look at the body
	}))
	defer upstream.Close()
	rig := NewRig(t, start, upstream.URL, nil)
	c := dial(t, rig.URL)
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n", inferPath)
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || response.StatusCode != 417 {
		t.Fatalf("%+v, %v", response, err)
	}
	if d := rig.Journal.Done(t, 1)[0]; d.Outcome != record.ClientError {
		t.Errorf("%+v", d)
	}
	c.Close()
	rig.Settled(t)
	rig.NoCapture(t)
}

func upgrade(t *testing.T, start Start) {
	upstream := Raw(t, "127.0.0.1:0", func(c net.Conn) {
		r := bufio.NewReader(c)
		request, err := http.ReadRequest(r)
		if err != nil || request.Header.Get("Upgrade") != "echo" {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.Copy(c, r)
	})
	rig := NewRig(t, start, upstream, nil)
	for _, path := range []string{"/stream", inferPath} {
		c := dial(t, rig.URL)
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\nContent-Length: 0\r\n\r\n", path)
		r := bufio.NewReader(c)
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		response, err := http.ReadResponse(r, nil)
		if err != nil || response.StatusCode != 101 {
			t.Fatalf("%s: %+v, %v", path, response, err)
		}
		_, _ = io.WriteString(c, "ping\n")
		if line, err := r.ReadString('\n'); line != "ping\n" {
			t.Errorf("%s: %q, %v", path, line, err)
		}
		c.Close()
	}
}

func clientCancels(t *testing.T, start Start) {
	arrived, left := make(chan struct{}, 1), make(chan struct{}, 1)
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-r.Context().Done()
		left <- struct{}{}
	}))
	defer upstream.Close()
	rig := NewRig(t, start, upstream.URL, nil)
	for i, n := range []int{10, 1 << 20} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-arrived; cancel() }()
		request, _ := http.NewRequestWithContext(ctx, http.MethodPost, rig.URL+inferPath, strings.NewReader(strings.Repeat("x", n)))
		if response, err := rig.Client.Do(request); err == nil {
			response.Body.Close()
			t.Error("an answer to a cancelled request")
		}
		if d := rig.Journal.Done(t, i+1)[i]; d.Outcome != record.Cancelled {
			t.Errorf("%d bytes: %+v, want cancelled", n, d)
		}
		select {
		case <-left:
		case <-time.After(20 * time.Second):
			t.Fatal("the model server was not told")
		}
		rig.Journal.WaitDropped(t, "incomplete", i+1)
	}
	rig.Settled(t)
}

func clientLeavesInBody(t *testing.T, start Start) {
	rig := NewRig(t, start, echoServer(t), nil)
	for i, n := range []int{1000, 1_000_000} {
		c := dial(t, rig.URL)
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\nstart", inferPath, n)
		time.Sleep(5 * time.Millisecond)
		c.Close()
		if d := rig.Journal.Done(t, i+1)[i]; d.Outcome != record.Cancelled {
			t.Errorf("%+v, want cancelled", d)
		}
	}
	rig.Settled(t)
	rig.NoCapture(t)
}

func slowClient(t *testing.T, start Start) {
	rig := NewRig(t, start, echoServer(t), nil)
	c := dial(t, rig.URL)
	body := `{"id":"slow"}`
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", inferPath, len(body))
	for _, b := range []byte(body) {
		time.Sleep(2 * time.Millisecond)
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(response.Body); string(text) != "<"+body {
		t.Errorf("%q", text)
	}
	if got := rig.Capture(t); got.ID != "slow" || string(got.Request.Bytes) != body {
		t.Errorf("captured %q %q", got.ID, got.Request.Bytes)
	}
}

// halfClosed: a client that shuts its sending side after the request. Proxies
// differ in whether they answer it; nothing may hang, leak or be miscounted.
func halfClosed(t *testing.T, start Start) {
	rig := NewRig(t, start, echoServer(t), nil)
	c := dial(t, rig.URL)
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", inferPath)
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadAll(c); err != nil {
		t.Errorf("the connection stays open: %v", err)
	}
	if d := rig.Journal.Done(t, 1)[0]; d.Outcome != record.Cancelled && d.Outcome != record.Success {
		t.Errorf("%+v", d)
	}
	rig.Settled(t)
}

func upstreamDown(t *testing.T, start Start) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	l.Close()
	rig := NewRig(t, start, url, nil)
	for i, n := range []int{2, 100_000} {
		if status, text := rig.post(t, inferPath, strings.Repeat("x", n)); status != 502 || !strings.Contains(text, "error") {
			t.Errorf("%d %q", status, text)
		}
		if d := rig.Journal.Done(t, i+1)[i]; d.Outcome != record.InfraError {
			t.Errorf("%+v", d)
		}
	}
	rig.Settled(t)
}

func upstreamResets(t *testing.T, start Start) {
	for name, text := range map[string]string{
		"before the answer":   "",
		"in the head":         "HTTP/1.1 200 OK\r\nContent-",
		"no HTTP":             "hello\r\n\r\n",
		"in the body":         "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
		"in a chunk":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nabc",
		"before a chunk":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"in place of a chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n",
	} {
		upstream := Raw(t, "127.0.0.1:0", func(c net.Conn) {
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(c, text)
				_ = c.(*net.TCPConn).SetLinger(0)
			}
		})
		rig := NewRig(t, start, upstream, nil)
		status, body, err := rig.try(t, inferPath, strings.NewReader("{}"))
		if headSent := strings.Contains(text, "\r\n\r\n") && name != "no HTTP"; headSent && err == nil {
			t.Errorf("%s: a broken answer (%d %q) looks whole to the client", name, status, body)
		} else if !headSent && status != 502 {
			t.Errorf("%s: status %d, %v", name, status, err)
		}
		if d := rig.Journal.Done(t, 1)[0]; d.Outcome != record.InfraError {
			t.Errorf("%s: %+v, want infra_error", name, d)
		}
		rig.Settled(t)
		rig.NoCapture(t)
	}
}

// answersEarly: an upstream that answers and closes without reading the body.
func answersEarly(t *testing.T, start Start) {
	upstream := Raw(t, "127.0.0.1:0", func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig")
			time.Sleep(50 * time.Millisecond)
		}
	})
	rig := NewRig(t, start, upstream, nil)
	for i, n := range []int{60_000, 8 << 20} {
		status, text, err := rig.try(t, inferPath, strings.NewReader(strings.Repeat("x", n)))
		// A client that still writes may see the connection break before the
		// answer: that is so without a tap too.
		if err == nil && (status != 413 || text != "big") {
			t.Errorf("%d bytes: %d %q", n, status, text)
		}
		rig.Journal.Done(t, i+1)
	}
	rig.Settled(t)
	rig.NoCapture(t)
}

// staleConnections: the upstream closes every connection after one answer,
// without saying so. No request may be lost to that.
func staleConnections(t *testing.T, start Start) {
	upstream := Raw(t, "127.0.0.1:0", func(c net.Conn) {
		if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	rig := NewRig(t, start, upstream, nil)
	for i := range 30 {
		if status, text := rig.post(t, inferPath, "{}"); status != 200 || text != "ok" {
			t.Fatalf("request %d: %d %q", i, status, text)
		}
		time.Sleep(2 * time.Millisecond) // the end arrives while the connection is idle
	}
}

func keepAlive(t *testing.T, start Start) {
	var opened atomic.Int64
	upstream := httptest.NewUnstartedServer(http.HandlerFunc(echo))
	upstream.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	upstream.Start()
	defer upstream.Close()
	rig := NewRig(t, start, upstream.URL, nil)
	c := dial(t, rig.URL)
	r := bufio.NewReader(c)
	for i := range 50 {
		body := strings.Repeat("k", i)
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", inferPath, len(body), body)
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := io.ReadAll(response.Body); string(text) != "<"+body {
			t.Fatalf("request %d: %q", i, text)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for 50 requests in a row", n)
	}
	rig.Settled(t)
}

func cleartextHTTP2(t *testing.T, start Start) {
	rig := NewRig(t, start, echoServer(t), nil)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, DisableCompression: true}
	defer transport.CloseIdleConnections()
	rig.Client = &http.Client{Transport: transport}
	for _, n := range []int{0, 10, 1 << 20} {
		body := strings.Repeat("h", n)
		if status, text := rig.post(t, inferPath, body, "X-Request-Id", "h2"); status != 200 || text != "<"+body {
			t.Errorf("%d bytes: %d, %d back", n, status, len(text))
		}
		if c := rig.Capture(t); string(c.Request.Bytes) != body || c.Key != "h2" {
			t.Errorf("%d bytes: %d captured", n, len(c.Request.Bytes))
		}
	}
}

func ipv6(t *testing.T, start Start) {
	upstream := Raw(t, "[::1]:0", func(c net.Conn) {
		if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nv6")
		}
	})
	rig := NewRig(t, start, upstream, nil)
	if status, text := rig.post(t, inferPath, "{}"); status != 200 || text != "v6" {
		t.Errorf("%d %q", status, text)
	}
}

func oddHeads(t *testing.T, start Start) {
	rig := NewRig(t, start, echoServer(t), nil)
	// The header's case does not matter, and a header twice is the first.
	c := dial(t, rig.URL)
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHOST: x\r\nx-request-ID: first\r\nX-REQUEST-id: second\r\ninference-HEADER-content-LENGTH: 2\r\ncontent-length: 2\r\nCONTENT-type: a/b\r\n\r\n{}", inferPath)
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || response.StatusCode != 200 {
		t.Fatalf("%+v, %v", response, err)
	}
	if got := rig.Capture(t); got.Key != "first" || got.Request.JSONLength != 2 || got.Request.ContentType != "a/b" {
		t.Errorf("key %q, JSON %d, type %q", got.Key, got.Request.JSONLength, got.Request.ContentType)
	}
	for _, odd := range []string{"-1", "2x", "", "99999999999999999999", "0x2"} {
		rig.post(t, inferPath, "{}", "Inference-Header-Content-Length", odd, "Traceparent", "nonsense")
		if got := rig.Capture(t); got.Request.JSONLength != -1 {
			t.Errorf("%q was read as %d", odd, got.Request.JSONLength)
		}
	}
}

// zeros is n zero bytes.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.n)
	clear(p[:n])
	z.n -= n
	return int(n), nil
}

// hugeBodies: two GiB each way, in bounded memory.
func hugeBodies(t *testing.T, start Start) {
	size := int64(2 << 30)
	if testing.Short() {
		size = 64 << 20
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", fmt.Sprint(n))
		_, _ = io.Copy(w, &zeros{n})
	}))
	defer upstream.Close()
	rig := NewRig(t, start, upstream.URL, nil)
	rig.Client.Timeout = 0
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, rig.URL+inferPath, &zeros{size})
	request.ContentLength = size
	response, err := rig.Client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, response.Body)
	response.Body.Close()
	if n != size || err != nil {
		t.Errorf("%d of %d bytes, %v", n, size, err)
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 64<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	rig.Journal.WaitDropped(t, "oversize", 1)
	rig.Settled(t)
}

// broken fails in every way an observer of ours could.
type broken struct{}

func (broken) Begin() func()       { panic("begin") }
func (broken) Request(record.Done) { panic("request") }
func (broken) Dropped(string)      { panic("dropped") }
func (broken) Keep(string) bool    { panic("keep") }
func (broken) Rate() float64       { return .5 }

// ownFaults: nothing of ours may reach the request.
func ownFaults(t *testing.T, start Start) {
	upstream := echoServer(t)
	for name, change := range map[string]func(*Config){
		"observer": func(c *Config) { c.Observer = broken{} },
		"sampler":  func(c *Config) { c.Sampler = broken{} },
		"emit":     func(c *Config) { c.Emit = func(*record.Capture) { panic("emit") } },
	} {
		for _, n := range []int{2, 100_000} {
			rig := NewRig(t, start, upstream, change)
			for range 3 {
				body := strings.Repeat("f", n)
				if status, text := rig.post(t, inferPath, body); status != 200 || text != "<"+body {
					t.Errorf("%s, %d bytes: %d, %d back", name, n, status, len(text))
				}
			}
		}
	}
}
