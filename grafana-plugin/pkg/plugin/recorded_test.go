package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// The tests of the query types run against answers that a real Prometheus and a
// real gnomon gave. To record them anew, with gnomon demo running for some ten
// minutes and scraped by a Prometheus:
//
//	go test ./pkg/plugin -run Golden -record -prometheus http://127.0.0.1:9090 -gnomon http://127.0.0.1:9464 -update
var (
	record     = flag.Bool("record", false, "record the upstreams' answers anew")
	update     = flag.Bool("update", false, "write the golden frames anew")
	prometheus = flag.String("prometheus", "", "address of the Prometheus to record")
	gnomonAPI  = flag.String("gnomon", "", "address of the gnomon to record")
)

// moments is the time of the recording: its range ends at To.
type moments struct {
	From, To time.Time
}

func recordedMoments(t *testing.T) moments {
	t.Helper()
	path := filepath.Join("testdata", "recorded", "range.json")
	m := moments{}
	if *record && *update {
		if b, err := os.ReadFile(path); err == nil && json.Unmarshal(b, &m) == nil && time.Since(m.To) < time.Hour {
			return m // the tests of one run share a range
		}
		m.To = time.Now().Add(-15 * time.Second).Truncate(time.Minute).UTC()
		m.From = m.To.Add(-10 * time.Minute)
		b, _ := json.Marshal(m)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return m
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// tape answers as an upstream did, or records what it answers.
type tape struct {
	t        *testing.T
	path     string
	upstream string

	mu      sync.Mutex
	answers map[string]json.RawMessage
	asked   int
}

func newTape(t *testing.T, name, upstream string) *httptest.Server {
	t.Helper()
	tp := &tape{t: t, path: filepath.Join("testdata", "recorded", name+".json"), upstream: upstream, answers: map[string]json.RawMessage{}}
	if !*record {
		b, err := os.ReadFile(tp.path)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &tp.answers); err != nil {
			t.Fatal(err)
		}
	}
	s := httptest.NewServer(tp)
	t.Cleanup(func() {
		s.Close()
		if *record {
			tp.save()
		}
	})
	return s
}

func (tp *tape) save() {
	b, err := json.MarshalIndent(tp.answers, "", " ")
	if err == nil {
		err = os.WriteFile(tp.path, b, 0o644)
	}
	if err != nil {
		tp.t.Error(err)
	}
}

func (tp *tape) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	key := r.URL.Path + " " + r.Form.Encode()
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.asked++
	if *record {
		tp.answers[key] = tp.ask(r.URL.Path, r.Form)
	}
	body, ok := tp.answers[key]
	if !ok {
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, `{"error": "not recorded: %s"}`, strings.ReplaceAll(key, `"`, `'`))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

func (tp *tape) ask(path string, form url.Values) json.RawMessage {
	resp, err := http.Get(tp.upstream + path + "?" + form.Encode())
	if err != nil {
		tp.t.Error(err)
		return json.RawMessage(`{}`)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	var small bytes.Buffer
	if json.Compact(&small, b) != nil {
		tp.t.Errorf("%s: %s", path, b)
		return json.RawMessage(`{}`)
	}
	return small.Bytes()
}

// recorded is a data source over two tapes, whose clock stands at the end of
// the recording.
func recorded(t *testing.T, name string, jsonData map[string]any) (*Datasource, moments) {
	t.Helper()
	m := recordedMoments(t)
	p := newTape(t, name+".prometheus", *prometheus)
	data := map[string]any{}
	for k, v := range jsonData {
		data[k] = v
	}
	if jsonData["gnomon"] != true {
		return newDatasource(t, p.URL, data, func() time.Time { return m.To }), m
	}
	data["gnomon"] = map[string]any{"discovery": "list", "urls": []string{"http://sidecar:9464"}}
	d := newDatasource(t, p.URL, data, func() time.Time { return m.To })
	d.gnomon.Client = &http.Client{Transport: elsewhere(newTape(t, name+".gnomon", *gnomonAPI).Listener.Addr().String())}
	return d, m
}

// elsewhere sends every request to one address, so that frames name a sidecar
// that does not change.
type elsewhere string

func (e elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Host = string(e)
	return http.DefaultTransport.RoundTrip(r)
}

func newDatasource(t testing.TB, address string, jsonData map[string]any, now func() time.Time) *Datasource {
	t.Helper()
	raw, err := json.Marshal(jsonData)
	if err != nil {
		t.Fatal(err)
	}
	i, err := New(context.Background(), backend.DataSourceInstanceSettings{UID: "gnomon", Name: "gnomon", Type: ID, URL: address, JSONData: raw})
	if err != nil {
		t.Fatal(err)
	}
	d := i.(*Datasource)
	d.now = now
	t.Cleanup(d.Dispose)
	return d
}

func query(t testing.TB, kind string, from, to time.Time, fields map[string]any) backend.DataQuery {
	t.Helper()
	raw, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return backend.DataQuery{RefID: "A", QueryType: kind, TimeRange: backend.TimeRange{From: from, To: to}, MaxDataPoints: 20, Interval: 30 * time.Second, JSON: raw}
}
