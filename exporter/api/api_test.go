package api

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/history"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

type labelList []record.Label

func (l *labelList) Accept(x []record.Label) []error {
	*l = append(*l, x...)
	return make([]error, len(x))
}
func (*labelList) Rejected(int) {}

func server(t *testing.T) (*httptest.Server, *history.Store, *labelList) {
	t.Helper()
	store, labels := history.New(10, 10), &labelList{}
	store.Publish(&result.Snapshot{Time: time.Unix(100, 0), Models: []result.Model{{Name: "digits", Version: "2", Features: []result.Feature{{Name: "mean"}}}}},
		[]result.Event{{Time: time.Unix(100, 0), Kind: "input_drift"}})
	s := httptest.NewServer(New(Settings{State: store, Labels: labels, Records: http.NotFoundHandler(), Logger: slog.New(slog.DiscardHandler), MaxStreams: 1}))
	t.Cleanup(s.Close)
	return s, store, labels
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func TestReads(t *testing.T) {
	s, _, _ := server(t)
	for path, c := range map[string]struct {
		code int
		want string
	}{
		"/api/v1/status":                            {200, `"name":"digits"`},
		"/api/v1/models":                            {200, `{"models":[{"name":"digits"`},
		"/api/v1/models/digits":                     {200, `"features":[{"name":"mean"`},
		"/api/v1/models/digits?version=2":           {200, `"version":"2"`},
		"/api/v1/models/digits?version=3":           {404, `watched are: digits (version \"2\")`},
		"/api/v1/models/digits/history":             {200, `{"points":[{"time"`},
		"/api/v1/models/digits/history?since=x":     {400, "RFC 3339"},
		"/api/v1/models/digits/features/mean":       {200, `"name":"mean"`},
		"/api/v1/models/digits/features/x":          {404, `has no feature \"x\"`},
		"/api/v1/events":                            {200, "input_drift"},
		"/api/v1/events?since=2030-01-01T00:00:00Z": {200, `{"events":[]}`},
		"/api/v1/nothing":                           {404, "no such resource"},
	} {
		if code, body := get(t, s.URL+path); code != c.code || !strings.Contains(body, c.want) || !json.Valid([]byte(body)) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

func TestLabels(t *testing.T) {
	for name, c := range map[string]struct {
		kind, body string
		code       int
		accepted   int
		want       string
	}{
		"object":         {"application/json", `{"id":"a","label":3}`, 200, 1, `"accepted":1`},
		"array":          {"application/json", `[{"id":"a","label":"x"},{"id":"b","label":true}]`, 200, 2, `"accepted":2`},
		"lines":          {"application/x-ndjson", "{\"id\":\"a\",\"label\":1}\n\n{\"id\":\"b\",\"label\":2}\n", 200, 2, `"accepted":2`},
		"one line bad":   {"", "{\"id\":\"a\",\"label\":1}\n{\"label\":2}\n", 200, 1, `"line":2,"error":"id: missing`},
		"csv":            {"text/csv", "id,label,time\na,1,2026-01-01T00:00:00Z\nb,2,\n", 200, 2, `"accepted":2`},
		"csv bad time":   {"text/csv", "id,label,time\na,1,yesterday\n", 400, 0, "is no time"},
		"csv bad header": {"text/csv", "key,truth\na,1\n", 400, 0, "must have the columns id and label"},
		"empty":          {"", "", 400, 0, "body: empty"},
		"not JSON":       {"", "hello", 400, 0, "not a label object"},
		"nested label":   {"", `{"id":"a","label":[1]}`, 400, 0, "neither a string nor a number"},
		"no label":       {"", `{"id":"a"}`, 400, 0, "label: missing"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, labels := server(t)
			r, err := http.Post(s.URL+"/api/v1/labels", c.kind, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			defer r.Body.Close()
			b, _ := io.ReadAll(r.Body)
			if r.StatusCode != c.code || len(*labels) != c.accepted || !strings.Contains(string(b), c.want) {
				t.Errorf("%d, %d accepted: %s", r.StatusCode, len(*labels), b)
			}
		})
	}
}

func TestStream(t *testing.T) {
	s, store, _ := server(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/v1/stream", nil)
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	lines := bufio.NewScanner(r.Body)
	next := func() string {
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "data: ") {
				return lines.Text()
			}
		}
		t.Fatal("the stream ended: ", lines.Err())
		return ""
	}
	if got := next(); !strings.Contains(got, "digits") {
		t.Error(got)
	}
	if code, body := get(t, s.URL+"/api/v1/stream"); code != http.StatusServiceUnavailable {
		t.Errorf("a second client: %d %s", code, body)
	}
	store.Publish(&result.Snapshot{Models: []result.Model{{Name: "other"}}}, nil)
	if got := next(); !strings.Contains(got, "other") {
		t.Error(got)
	}
}
