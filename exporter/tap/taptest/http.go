package taptest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// HTTP runs the suite over an HTTP tap.
func HTTP(t *testing.T, start Start) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Start)
	}{
		{"answers pass unchanged", answersPass},
		{"requests pass unchanged", requestsPass},
		{"captures are whole and paired", captures},
		{"cohort keys", keys},
		{"outcomes", outcomes},
		{"bodies beyond the limit", oversize},
		{"an exhausted budget", exhausted},
		{"chunked bodies", chunked},
		{"streams are not held back", streams},
		{"1xx answers", interim},
		{"expect 100-continue", expectContinue},
		{"expectation refused", expectationRefused},
		{"upgrade", upgrade},
		{"client cancels", clientCancels},
		{"client leaves in its body", clientLeavesInBody},
		{"slow client", slowClient},
		{"half-closed client", halfClosed},
		{"upstream is down", upstreamDown},
		{"upstream resets", upstreamResets},
		{"upstream answers early", answersEarly},
		{"upstream closes idle connections", staleConnections},
		{"keep-alive", keepAlive},
		{"pipelined requests", pipelined},
		{"HTTP/2 cleartext", cleartextHTTP2},
		{"IPv6", ipv6},
		{"odd heads", oddHeads},
		{"huge bodies", hugeBodies},
		{"faults of ours", ownFaults},
		{"many at once", manyAtOnce},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, start) })
	}
}

const inferPath = "/v2/models/m/infer"

// answer is one answer as raw text after a request for /name; the suite asks
// for it directly and through the tap and wants the same.
func rawAnswers() map[string]string {
	return map[string]string{
		"plain":             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
		"no type, no date":  "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html>x</html",
		"own date":          "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: s\r\nContent-Length: 0\r\n\r\n",
		"odd names":         "HTTP/1.1 200 OK\r\nx-lower: 1\r\nX_Under: 2\r\nX-EMPTY:\r\nX-Space:   padded \t\r\nContent-Length: 1\r\n\r\nx",
		"repeated":          "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nVary: x\r\nVary: y\r\nContent-Length: 1\r\n\r\nx",
		"binary extension":  "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nInference-Header-Content-Length: 2\r\nContent-Length: 6\r\n\r\n{}\x00\x01\x02\xff",
		"encoded":           "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
		"not found":         "HTTP/1.1 404 Nope\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n{\"error\"}",
		"server error":      "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 3\r\n\r\nbad",
		"unavailable":       "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n",
		"odd status":        "HTTP/1.1 299 Odd\r\nContent-Length: 1\r\n\r\nx",
		"no content":        "HTTP/1.1 204 No Content\r\n\r\n",
		"not modified":      "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n",
		"chunked":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\n\r\n",
		"trailers":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n",
		"undeclared":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Late: 7\r\n\r\n",
		"until close":       "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of this",
		"http/1.0":          "HTTP/1.0 200 OK\r\nX-A: 1\r\n\r\nold",
		"redirect":          "HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
		"connection option": "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 1\r\n\r\nx",
		"long head":         "HTTP/1.1 200 OK\r\nX-Long: " + strings.Repeat("a", 20_000) + "\r\nContent-Length: 1\r\n\r\nx",
		"large":             "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("0123456789", 10_000),
	}
}

// seen is an answer as a client sees it, without what concerns the connection.
type seen struct {
	Status  int
	Header  http.Header
	Body    string
	Trailer http.Header
	Length  int64
}

func fetch(t testing.TB, client *http.Client, request *http.Request) seen {
	t.Helper()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, hop := range append([]string{"Connection", "Keep-Alive"}, response.Header.Values("Connection")...) {
		response.Header.Del(hop)
	}
	return seen{response.StatusCode, response.Header, string(body), response.Trailer, response.ContentLength}
}

func answersPass(t *testing.T, start Start) {
	for name, text := range rawAnswers() {
		for _, path := range []string{inferPath, "/v2/health/ready"} {
			t.Run(name+path, func(t *testing.T) {
				upstream := Raw(t, "127.0.0.1:0", func(c net.Conn) {
					if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
						_, _ = io.Copy(io.Discard, r.Body)
						_, _ = io.WriteString(c, text)
					}
				})
				rig := NewRig(t, start, upstream, nil)
				rig.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				var got [2]seen
				for i, base := range []string{upstream, rig.URL} {
					request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+path, strings.NewReader(`{"id":"x"}`))
					if err != nil {
						t.Fatal(err)
					}
					got[i] = fetch(t, rig.Client, request)
					if name == "until close" || name == "http/1.0" || name == "chunked" || name == "undeclared" {
						got[i].Length = -1 // framing is the connection's business
					}
					if len(got[i].Header["Content-Length"]) > 0 && (name == "http/1.0" || name == "until close" || name == "chunked" || name == "undeclared") {
						got[i].Header.Del("Content-Length")
					}
				}
				if d := cmp.Diff(got[0], got[1]); d != "" {
					t.Errorf("through the tap (-direct +tap):\n%s", d)
				}
				rig.Settled(t)
			})
		}
	}
}

func requestsPass(t *testing.T, start Start) {
	type arrived struct {
		Method, URI, Host, Body string
		Length                  int64
		Header, Trailer         http.Header
	}
	var last arrived
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		last = arrived{r.Method, r.RequestURI, r.Host, string(body), r.ContentLength, r.Header, r.Trailer}
	}))
	defer upstream.Close()
	rig := NewRig(t, start, upstream.URL, nil)
	head := "Host: model.example:81\r\nUser-Agent: odd/1\r\nx-lower: 1\r\nX-Two: a\r\nX-Two: b\r\nX-Empty:\r\nX-Forwarded-For: 10.0.0.1\r\nForwarded: for=1\r\nTraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nAccept-Encoding: br\r\nAuthorization: Bearer x\r\n"
	for name, text := range map[string]string{
		"infer":            "POST " + inferPath + " HTTP/1.1\r\n" + head + "Content-Length: 2\r\n\r\n{}",
		"odd uri":          "POST /v2/models/a%2fb%20c/infer?x=1;y=%zz&z HTTP/1.1\r\n" + head + "Content-Length: 2\r\n\r\n{}",
		"no body":          "POST " + inferPath + " HTTP/1.1\r\n" + head + "Content-Length: 0\r\n\r\n",
		"no length":        "POST " + inferPath + " HTTP/1.1\r\n" + head + "\r\n",
		"chunked":          "POST " + inferPath + " HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"trailers":         "POST " + inferPath + " HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\n{}\r\n0\r\nX-Sum: 5\r\n\r\n",
		"get":              "GET /v2/models/m HTTP/1.1\r\n" + head + "\r\n",
		"delete with body": "DELETE /any//path/../x HTTP/1.1\r\n" + head + "Content-Length: 3\r\n\r\nabc",
		"options":          "OPTIONS * HTTP/1.1\r\n" + head + "\r\n",
		"old client":       "POST " + inferPath + " HTTP/1.0\r\n" + head + "Content-Length: 2\r\n\r\n{}",
		"hop by hop":       "POST " + inferPath + " HTTP/1.1\r\n" + head + "Connection: close\r\nKeep-Alive: 5\r\nContent-Length: 2\r\n\r\n{}",
		"no user agent":    "POST " + inferPath + " HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}",
		"large":            "POST " + inferPath + " HTTP/1.1\r\n" + head + "Content-Length: 300000\r\n\r\n" + strings.Repeat("abc", 100_000),
	} {
		if name == "options" {
			continue // net/http answers that itself
		}
		t.Run(name, func(t *testing.T) {
			var got [2]arrived
			for i, base := range []string{upstream.URL, rig.URL} {
				c := dial(t, base)
				if _, err := io.WriteString(c, text); err != nil {
					t.Fatal(err)
				}
				response, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				if response.StatusCode != 200 {
					t.Fatalf("status %d", response.StatusCode)
				}
				response.Body.Close()
				got[i] = last
				for _, hop := range []string{"Connection", "Keep-Alive"} {
					got[i].Header.Del(hop)
				}
				if got[i].Body == "" { // a request without a body may or may not say so
					got[i].Header.Del("Content-Length")
				}
			}
			if d := cmp.Diff(got[0], got[1]); d != "" {
				t.Errorf("through the tap (-direct +tap):\n%s", d)
			}
		})
	}
}

func dial(t testing.TB, base string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// echo answers with what it got, under the same type and extension headers.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	for _, h := range []string{"Content-Type", "Content-Encoding", "Inference-Header-Content-Length"} {
		if v := r.Header.Get(h); v != "" {
			w.Header().Set(h, v)
		}
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(body)+1))
	_, _ = w.Write(append([]byte("<"), body...))
}

func echoServer(t testing.TB) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(echo))
	t.Cleanup(s.Close)
	return s.URL
}

// post sends an inference and returns the answer's body.
func (r *Rig) post(t testing.TB, path, body string, header ...string) (int, string) {
	t.Helper()
	status, text, err := r.try(t, path, strings.NewReader(body), header...)
	if err != nil {
		t.Fatal(err)
	}
	return status, text
}

func (r *Rig) try(t testing.TB, path string, body io.Reader, header ...string) (int, string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := r.Client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

func captures(t *testing.T, start Start) {
	rig := NewRig(t, start, echoServer(t), nil)
	for _, n := range []int{0, 1, 314, 4096, 15_600, 65_536, 65_537, 600_000, 3 << 20} {
		body := strings.Repeat("x", n)
		trace := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		status, text := rig.post(t, "/v2/models/mn%20ist/versions/3/infer", body, "X-Request-Id", fmt.Sprint("r", n), "Traceparent", trace,
			"Content-Type", "application/x", "Content-Encoding", "gzip", "Inference-Header-Content-Length", "7")
		if status != 200 || text != "<"+body {
			t.Fatalf("%d bytes: status %d, %d bytes back", n, status, len(text))
		}
		c := rig.Capture(t)
		if !bytes.Equal(c.Request.Bytes, []byte(body)) || string(c.Response.Bytes) != "<"+body {
			t.Errorf("%d bytes: %d and %d captured", n, len(c.Request.Bytes), len(c.Response.Bytes))
		}
		if c.Model != "mn ist" || c.Version != "3" || c.Key != fmt.Sprint("r", n) || c.TraceParent != trace || c.Status != 200 || c.Format != "oip" || c.Tap != "http" {
			t.Errorf("capture of %q %q, key %q, format %q", c.Model, c.Version, c.Key, c.Format)
		}
		for _, b := range []record.Body{c.Request, c.Response} {
			if b.ContentType != "application/x" || b.Encoding != "gzip" || b.JSONLength != 7 || b.Truncated {
				t.Errorf("body %q %q %d", b.ContentType, b.Encoding, b.JSONLength)
			}
		}
		if c.Latency <= 0 || c.Time.IsZero() || c.Charged != c.Size() {
			t.Errorf("latency %v, time %v, charged %d of %d", c.Latency, c.Time, c.Charged, c.Size())
		}
		c.Release()
	}
	for _, d := range rig.Journal.Done(t, 9) {
		if d.Outcome != record.Success || d.Model != "mn ist" || d.Version != "3" || d.Tap != "http" || d.TraceParent == "" {
			t.Errorf("done %+v", d)
		}
	}
	rig.post(t, "/v2/models/m/load", "{}")
	rig.post(t, "/v2/repository/index", "{}")
	rig.Settled(t)
	if n := len(rig.Journal.Done(t, 9)); n != 9 {
		t.Errorf("%d requests counted, want the 9 inferences alone", n)
	}
}

// pick keeps one key.
type pick string

func (p pick) Keep(key string) bool { return key == string(p) }
func (pick) Rate() float64          { return .5 }

func keys(t *testing.T, start Start) {
	upstream := echoServer(t)
	long := strings.Repeat(" ", 100_000)
	for _, c := range []struct {
		name, header, body, key string
	}{
		{"header", "h1", `{"id":"body"}`, "h1"},
		{"id in the body", "", `{"id":"body"}`, "body"},
		{"id behind others", "", ` { "parameters":null, "x":1, "id" : "b\u0061" }`, "ba"},
		{"id of a long body", "", `{"id":"body","pad":"` + long + `"}`, "body"},
		{"id too deep: the digest", "", `{"a":{"id":"no"}}`, ""},
		{"no id: the digest", "", `{"inputs":[]}`, ""},
		{"not JSON: the digest", "", "\x00\x01", ""},
		{"empty: the digest", "", "", ""},
	} {
		all := NewRig(t, start, upstream, nil)
		var header []string
		if c.header != "" {
			header = []string{"X-Request-Id", c.header}
		}
		if status, text := all.post(t, inferPath, c.body, header...); status != 200 || text != "<"+c.body {
			t.Errorf("%s: %d %q", c.name, status, text)
		}
		key := all.Capture(t).Key
		if c.key != "" && key != c.key || key == "" {
			t.Errorf("%s: key %q, want %q", c.name, key, c.key)
		}
		// The decision by that key: kept here, not kept there.
		one := NewRig(t, start, upstream, func(s *Config) { s.Sampler = pick(key) })
		one.post(t, inferPath, c.body, header...)
		if got := one.Capture(t); got.Key != key || string(got.Request.Bytes) != c.body || got.Weight != 2 {
			t.Errorf("%s: key %q, weight %v", c.name, got.Key, got.Weight)
		}
		none := NewRig(t, start, upstream, func(s *Config) { s.Sampler = pick("another") })
		if _, text := none.post(t, inferPath, c.body, header...); text != "<"+c.body {
			t.Errorf("%s: %q", c.name, text)
		}
		none.Journal.Done(t, 1)
		none.NoCapture(t)
		none.Settled(t)
		if d := none.Journal.Drops(); len(d) > 0 {
			t.Errorf("%s: not sampled but dropped: %v", c.name, d)
		}
	}
}

func outcomes(t *testing.T, start Start) {
	status, message := 200, ""
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, message)
	}))
	defer upstream.Close()
	rig := NewRig(t, start, upstream.URL, nil)
	for i, c := range []struct {
		status  int
		message string
		want    record.Outcome
	}{
		{200, "", record.Success}, {400, "", record.ClientError}, {404, "", record.ClientError}, {422, "", record.ClientError},
		{500, `{"error":"CUDA out of memory"}`, record.ModelError},
		{500, `{"error":"failed to parse the request JSON buffer: x"}`, record.ClientError},
		{503, "", record.InfraError}, {504, "", record.InfraError},
	} {
		status, message = c.status, c.message
		if got, _ := rig.post(t, inferPath, "{}"); got != c.status {
			t.Errorf("status %d passed on as %d", c.status, got)
		}
		done := rig.Journal.Done(t, i+1)[i]
		if done.Outcome != c.want || done.Status != c.status {
			t.Errorf("%d %s: %v %d, want %v", c.status, c.message, done.Outcome, done.Status, c.want)
		}
	}
	rig.Capture(t)
	rig.NoCapture(t)
}

func oversize(t *testing.T, start Start) {
	rig := NewRig(t, start, echoServer(t), func(c *Config) { c.BodyLimit = 1000 })
	for i, n := range []int{1001, 100_000, 2 << 20} {
		body := strings.Repeat("y", n)
		if status, text := rig.post(t, inferPath, body); status != 200 || text != "<"+body {
			t.Errorf("%d bytes: %d, %d bytes back", n, status, len(text))
		}
		rig.Journal.WaitDropped(t, "oversize", i+1)
	}
	rig.post(t, inferPath, strings.Repeat("y", 1000)) // the answer is one byte longer
	rig.Journal.WaitDropped(t, "oversize", 4)
	rig.post(t, inferPath, strings.Repeat("y", 999))
	rig.Capture(t).Release()
	rig.Settled(t)
}

func exhausted(t *testing.T, start Start) {
	rig := NewRig(t, start, echoServer(t), nil)
	if !rig.Queue.Budget().Acquire(rig.Queue.Capacity() - 2000) {
		t.Fatal("budget")
	}
	for i, n := range []int{5000, 50_000, 500_000} {
		body := strings.Repeat("z", n)
		if status, text := rig.post(t, inferPath, body); status != 200 || text != "<"+body {
			t.Errorf("%d bytes: %d, %d bytes back", n, status, len(text))
		}
		rig.Journal.WaitDropped(t, "memory", i+1)
	}
	rig.Queue.Budget().Release(rig.Queue.Capacity() - 2000)
	rig.Settled(t)
	rig.NoCapture(t)
}

func chunked(t *testing.T, start Start) {
	rig := NewRig(t, start, echoServer(t), nil)
	for _, n := range []int{1, 1000, 1 << 20} {
		body := strings.Repeat("c", n)
		status, text, err := rig.try(t, inferPath, struct{ io.Reader }{strings.NewReader(body)})
		if err != nil || status != 200 || text != "<"+body {
			t.Fatalf("%d bytes: %d %v, %d bytes back", n, status, err, len(text))
		}
		if c := rig.Capture(t); string(c.Request.Bytes) != body || string(c.Response.Bytes) != "<"+body {
			t.Errorf("%d bytes: %d, %d captured", n, len(c.Request.Bytes), len(c.Response.Bytes))
		}
	}
}

func manyAtOnce(t *testing.T, start Start) {
	rig := NewRig(t, start, echoServer(t), nil)
	const clients, each = 16, 60
	errs := make(chan error, clients)
	for k := range clients {
		go func() {
			for i := range each {
				body := fmt.Sprintf(`{"id":"%d-%d","pad":%q}`, k, i, strings.Repeat("p", (i*997)%90_000))
				status, text, err := rig.try(t, inferPath, strings.NewReader(body))
				if err == nil && (status != 200 || text != "<"+body) {
					err = fmt.Errorf("%d-%d: status %d, %d bytes back", k, i, status, len(text))
				}
				if err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	got := []string{}
	for len(got) < clients*each {
		c := rig.Capture(t)
		if string(c.Response.Bytes) != "<"+string(c.Request.Bytes) || !strings.Contains(string(c.Request.Bytes[:30]), `"`+c.ID+`"`) {
			t.Errorf("capture %s is not paired", c.ID)
		}
		got = append(got, c.ID)
		c.Release()
	}
	var err error
	for range clients {
		err = errors.Join(err, <-errs)
	}
	if err != nil {
		t.Error(err)
	}
	sort.Strings(got)
	for i := 1; i < len(got); i++ {
		if got[i] == got[i-1] {
			t.Errorf("%s was captured twice", got[i])
		}
	}
	rig.Settled(t)
}
