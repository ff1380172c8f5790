// Package pusher pushes metrics once, for processes that end before anybody
// scrapes them: by Prometheus remote write, OTLP over HTTP, or to a
// Pushgateway. A target is a row of Kinds.
package pusher

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// ErrTarget: a target that cannot be pushed to.
var ErrTarget = errors.New("push target")

// Metric is one series with its value. Counters only grow between pushes of
// one instance.
type Metric struct {
	Name, Help string
	Counter    bool
	Labels     []Label
	Value      float64
}

// Label is one label.
type Label struct{ Name, Value string }

// Batch is what one push sends.
type Batch struct {
	Job, Instance string
	Metrics       []Metric
	Start         time.Time // since when the counters count
	Time          time.Time
}

// Kind is a protocol.
type Kind struct {
	Name    string
	Path    string // of the endpoint where the URL has none
	request func(url string, b Batch) (*http.Request, error)
}

// Kinds is the table of protocols.
func Kinds() []Kind {
	return []Kind{
		{"remote-write", "/api/v1/write", remoteWrite},
		{"otlp", "/v1/metrics", otlp},
		{"pushgateway", "", pushgateway},
	}
}

// Target is where to push to.
type Target struct {
	Kind, URL string
	// Header is added, such as Authorization.
	Header http.Header
}

// Push sends a batch within ctx. An answer that asks to try again (429, 5xx) and
// a connection that fails are tried again until ctx ends.
func Push(ctx context.Context, client *http.Client, t Target, b Batch) error {
	for _, k := range Kinds() {
		if k.Name != t.Kind {
			continue
		}
		for pause := 50 * time.Millisecond; ; pause *= 2 {
			again, err := push(ctx, client, k, t, b)
			if err == nil || !again {
				return err
			}
			select {
			case <-ctx.Done():
				return err
			case <-time.After(pause):
			}
		}
	}
	return fmt.Errorf("%w: %q is not known", ErrTarget, t.Kind)
}

func push(ctx context.Context, client *http.Client, k Kind, t Target, b Batch) (again bool, err error) {
	req, err := k.request(endpoint(t.URL, k.Path), b)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrTarget, err)
	}
	for name, values := range t.Header {
		req.Header[name] = values
	}
	resp, err := client.Do(req.WithContext(ctx))
	if err != nil {
		return ctx.Err() == nil, fmt.Errorf("%w: %w", ErrTarget, err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 500)) // for the message only
	if resp.StatusCode/100 == 2 {
		return false, nil
	}
	return resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500,
		fmt.Errorf("%w: %s answers %s: %s", ErrTarget, req.URL.Redacted(), resp.Status, strings.TrimSpace(string(text)))
}

// endpoint adds a protocol's path to a URL that has none.
func endpoint(url, path string) string {
	_, rest, _ := strings.Cut(url, "://")
	if strings.Trim(strings.TrimLeft(rest, "/"), "/") == strings.TrimRight(rest, "/") && !strings.Contains(strings.TrimRight(rest, "/"), "/") {
		return strings.TrimRight(url, "/") + path
	}
	return url
}

func post(url, contentType string, body []byte) (*http.Request, error) {
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "gnomon")
	return req, nil
}
