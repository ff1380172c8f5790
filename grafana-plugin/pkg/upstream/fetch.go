package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
)

// Limits bound what is taken from an upstream.
type Limits struct {
	Bytes  int64 // of one answer, unpacked
	Series int   // of one answer
}

// Endpoint is one HTTP server and how to ask it. Safe for concurrent use.
type Endpoint struct {
	Name   string // as errors call it
	Base   *url.URL
	Client *http.Client
	Limits Limits
}

// ask sends a GET (form nil) or a POST of the form and returns the body of a
// JSON answer, whatever its status, and the server's clock.
func (e *Endpoint) ask(ctx context.Context, path string, query, form url.Values) (body []byte, status int, date time.Time, err error) {
	return e.askInto(ctx, &bytes.Buffer{}, path, query, form)
}

// askInto is ask with a buffer that the body stays in.
func (e *Endpoint) askInto(ctx context.Context, buf *bytes.Buffer, path string, query, form url.Values) (body []byte, status int, date time.Time, err error) {
	u := e.Base.JoinPath(path)
	u.RawQuery = query.Encode()
	method, payload := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, payload = http.MethodPost, strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), payload)
	if err != nil {
		return nil, 0, date, &Fault{Kind: UnexpectedForm, Upstream: e.Name, Ours: true, Detail: err.Error(), cause: err}
	}
	req.Header.Set("Accept", "application/json")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := e.Client.Do(req)
	if err != nil {
		return nil, 0, date, transportFault(e.Name, err)
	}
	defer func() { _ = resp.Body.Close() }()
	date, _ = http.ParseTime(resp.Header.Get("Date")) // without it there is no skew to tell
	body, err = e.read(resp, buf)
	if err != nil {
		return nil, resp.StatusCode, date, err
	}
	if !isJSON(resp, body) {
		return nil, resp.StatusCode, date, e.notJSON(resp.StatusCode, body)
	}
	return body, resp.StatusCode, date, nil
}

func (e *Endpoint) read(resp *http.Response, buf *bytes.Buffer) ([]byte, error) {
	if resp.ContentLength > e.Limits.Bytes {
		return nil, e.tooLarge()
	}
	buf.Reset()
	if resp.ContentLength > 0 {
		buf.Grow(int(resp.ContentLength) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(resp.Body, e.Limits.Bytes+1))
	switch {
	case n > e.Limits.Bytes, errors.Is(err, httpclient.ErrResponseBodyTooLarge):
		return nil, e.tooLarge()
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &Fault{Kind: Truncated, Upstream: e.Name, Status: resp.StatusCode, cause: err}
	case err != nil:
		return nil, transportFault(e.Name, err)
	}
	return buf.Bytes(), nil
}

func (e *Endpoint) tooLarge() error {
	return &Fault{Kind: TooLarge, Upstream: e.Name, Detail: "the cap is " + megabytes(e.Limits.Bytes), Fix: fix(TooLarge)}
}

func isJSON(resp *http.Response, body []byte) bool {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // an unreadable one is none
	first := bytes.TrimLeft(body, " \t\r\n")
	return len(first) > 0 && (first[0] == '{' || first[0] == '[') && kind != "text/html"
}

// notJSON tells a failing server from one that is something else.
func (e *Endpoint) notJSON(status int, body []byte) error {
	if status >= 300 {
		return statusFault(e.Name, status, firstWords(body))
	}
	f := &Fault{Kind: NotJSON, Upstream: e.Name, Status: status, Detail: firstWords(body), Fix: fix(NotJSON)}
	if len(bytes.TrimSpace(body)) == 0 {
		f.Detail = "the answer is empty"
	}
	return f
}

// firstWords of a body that a person may see; of a page, its title.
func firstWords(body []byte) string {
	s := string(body[:min(len(body), 4096)])
	if i := strings.Index(strings.ToLower(s), "<title>"); i >= 0 {
		title, _, _ := strings.Cut(s[i+len("<title>"):], "<")
		return "a page titled " + strings.TrimSpace(title)
	}
	if strings.HasPrefix(strings.TrimSpace(s), "<") {
		return "a page"
	}
	return shorten(s)
}

// decode reads JSON into v, telling a broken-off answer from a strange one.
func (e *Endpoint) decode(body []byte, v any) error {
	err := json.Unmarshal(body, v)
	if err == nil {
		return nil
	}
	return e.unreadable(body, err)
}

func (e *Endpoint) unreadable(body []byte, err error) error {
	f := &Fault{Kind: UnexpectedForm, Upstream: e.Name, Detail: shorten(err.Error()), Fix: "is it the right kind of server?", cause: err}
	trimmed := bytes.TrimRight(body, " \t\r\n")
	if len(trimmed) == 0 || (trimmed[len(trimmed)-1] != '}' && trimmed[len(trimmed)-1] != ']') || !json.Valid(body) {
		f.Kind, f.Fix = Truncated, "a proxy in between may limit the size of answers"
	}
	return f
}

func megabytes(n int64) string {
	const mib = 1 << 20
	if n >= mib {
		return trimFloat(float64(n)/mib) + " MiB"
	}
	return trimFloat(float64(n)/1024) + " KiB"
}
