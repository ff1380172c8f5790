package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

func resource(t testing.TB, d *Datasource, path string) (int, string) {
	t.Helper()
	code, body := 0, ""
	err := d.CallResource(context.Background(), &backend.CallResourceRequest{Path: strings.SplitN(path, "?", 2)[0], URL: path, Method: http.MethodGet},
		backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error { code, body = r.Status, string(r.Body); return nil }))
	if err != nil {
		t.Fatal(err)
	}
	return code, strings.TrimSpace(body)
}

func TestVariables(t *testing.T) {
	d := newDatasource(t, answering(t, emptyPrometheus(map[string][]string{
		"model gnomon_model_verdict{}":                                                {"iris", "digits"},
		`model_version gnomon_model_verdict{model="digits"}`:                          {"10", "9"},
		`feature gnomon_feature_window_samples{model="digits",model_version=~"9|10"}`: {"std", "mean"},
		"cluster gnomon_model_verdict{}":                                              {"eu"},
	})), nil, clock)
	for path, want := range map[string]string{
		"variables/models":                `200 {"values":["digits","iris"]}`,
		"variables/versions?model=digits": `200 {"values":["9","10"]}`,
		"variables/features?model=digits&model_version=9&model_version=10": `200 {"values":["mean","std"]}`,
		"variables/features?model=$__all":                                  `200 {"values":[]}`,
		"variables/slos":                                                   `200 {"values":["availability","latency","accuracy","agreement","drift"]}`,
		"variables/secrets":                                                `400 {"error":"variable \"secrets\" is none of`,
		"tag-values?key=cluster":                                           `200 {"values":["eu"]}`,
		"tag-values?key=a%20b":                                             `400 {"error":"label`,
		"nothing":                                                          "404 ",
	} {
		if code, body := resource(t, d, path); !strings.HasPrefix(fmt.Sprint(code, " ", body), want) {
			t.Errorf("%s: %d %s, want %s", path, code, body, want)
		}
	}
}

func TestVariablesOfABrokenPrometheus(t *testing.T) {
	d := newDatasource(t, closed(t), nil, clock)
	for _, path := range []string{"variables/models", "tag-keys", "tag-values?key=a"} {
		if code, body := resource(t, d, path); code != 502 || !strings.Contains(body, "cannot be reached") {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

// Fifty panels ask for the same names: one question.
func TestCacheAsksOnce(t *testing.T) {
	var asked atomic.Int64
	d := newDatasource(t, answering(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		says(200, "application/json", `{"status":"success","data":["digits"]}`)(w, r)
	}), nil, clock)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { resource(t, d, "variables/models") })
	}
	wg.Wait()
	if asked.Load() != 1 {
		t.Error("asked ", asked.Load(), " times")
	}
	d.cache.off = true // users with tokens of their own may see different things
	resource(t, d, "variables/models")
	resource(t, d, "variables/models")
	if asked.Load() != 3 {
		t.Error("asked ", asked.Load(), " times")
	}
}

func TestHealth(t *testing.T) {
	p := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "buildinfo"):
			says(200, "application/json", `{"status":"success","data":{"version":"3.15.0"}}`)(w, r)
		case strings.HasSuffix(r.URL.Path, "values"):
			says(200, "application/json", `{"status":"success","data":["digits"]}`)(w, r)
		default:
			says(200, "application/json", `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"metric":"gnomon_feature_bin_total"},"value":[1,"9"]}]}}`)(w, r)
		}
	}
	skewed := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(5*time.Minute).UTC().Format(http.TimeFormat))
		p(w, r)
	}
	thanos := func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "buildinfo") {
			http.NotFound(w, r)
			return
		}
		p(w, r)
	}
	sidecar := answering(t, says(200, "application/json", `{"build":{"version":"0.1.0"},"models":[]}`))
	for name, c := range map[string]struct {
		prometheus http.HandlerFunc
		sidecars   []string
		ok         bool
		says       []string
	}{
		"Prometheus alone":   {p, nil, true, []string{"Prometheus 3.15.0 answers", "Models: digits", "No recorded rows", "No sidecar is configured", "no series of gnomon_shadow_comparisons_total"}},
		"skewed":             {skewed, nil, true, []string{"differs from Grafana's by"}},
		"without a version":  {thanos, nil, true, []string{"does not tell its version"}},
		"with a sidecar":     {p, []string{sidecar}, true, []string{"1 of 1 sidecars answer (0.1.0)"}},
		"one sidecar gone":   {p, []string{sidecar, closed(t)}, true, []string{"1 of 2 sidecars answer", "cannot be reached"}},
		"every sidecar gone": {p, []string{closed(t)}, false, []string{"Prometheus works, the sidecars do not", "cannot be reached"}},
		"no gnomon":          {emptyPrometheus(nil), nil, false, []string{"it has no metrics of gnomon"}},
	} {
		settings := map[string]any{}
		if c.sidecars != nil {
			settings["gnomon"] = map[string]any{"discovery": "list", "urls": c.sidecars}
		}
		d := newDatasource(t, answering(t, c.prometheus), settings, clock)
		h, err := d.CheckHealth(context.Background(), &backend.CheckHealthRequest{})
		if err != nil || (h.Status == backend.HealthStatusOk) != c.ok || !json.Valid(h.JSONDetails) {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
		for _, s := range c.says {
			if !strings.Contains(h.Message, s) {
				t.Errorf("%s: %q does not say %q", name, h.Message, s)
			}
		}
	}
}

// sent collects the frames of a stream.
type sent struct {
	mu     sync.Mutex
	frames []*data.Frame
	first  chan struct{}
}

func (s *sent) Send(p *backend.StreamPacket) error {
	f := &data.Frame{}
	if err := json.Unmarshal(p.Data, f); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frames = append(s.frames, f); len(s.frames) == 1 {
		close(s.first)
	}
	return nil
}

func TestStream(t *testing.T) {
	model := func(name, level string, rate float64) string {
		return fmt.Sprintf(`{"name":%q,"version":"1","verdict":{"level":%q},"requests":{"per_second":%v,"p99_seconds":0.1}}`, name, level, rate)
	}
	a := answering(t, says(200, "application/json", `{"models":[`+model("digits", "healthy", 10)+`,`+model("iris", "healthy", 1)+`]}`))
	b := answering(t, says(200, "application/json", `{"models":[`+model("digits", "critical", 5)+`]}`))
	d := newDatasource(t, closed(t), map[string]any{"gnomon": map[string]any{"discovery": "list", "urls": []string{a, b}}}, clock)
	for path, want := range map[string]backend.SubscribeStreamStatus{"live": 0, "live/digits": 0, "dead": backend.SubscribeStreamStatusNotFound} {
		if r, err := d.SubscribeStream(context.Background(), &backend.SubscribeStreamRequest{Path: path}); err != nil || r.Status != want {
			t.Errorf("%s: %v, %v", path, r, err)
		}
	}
	if r, err := d.PublishStream(context.Background(), nil); err != nil || r.Status != backend.PublishStreamStatusPermissionDenied {
		t.Error(r, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &sent{first: make(chan struct{})}
	ended := make(chan error)
	go func() {
		ended <- d.RunStream(ctx, &backend.RunStreamRequest{Path: "live/digits"}, backend.NewStreamSender(s))
	}()
	select {
	case <-s.first:
	case <-time.After(10 * time.Second):
		t.Fatal("no frame")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	f := s.frames[0]
	row := func(name string) any { field, _ := f.FieldByName(name); v, _ := field.ConcreteAt(0); return v }
	if f.Rows() != 1 || row("model") != "digits" || row("verdict") != "critical" || row("requests") != 15.0 || row("p99") != 0.1 {
		s, _ := f.StringTable(-1, -1)
		t.Error(s)
	}
}

// A stream outlives an upstream that is gone for a while, and ends when nobody
// listens.
func TestStreamWithoutUpstream(t *testing.T) {
	d := newDatasource(t, closed(t), nil, clock)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if err := d.RunStream(ctx, &backend.RunStreamRequest{Path: "live"}, backend.NewStreamSender(&sent{first: make(chan struct{})})); err != nil {
		t.Error(err)
	}
}

// Records of several sidecars are merged, the worst of each
// reason first, with what they rest on; an old sidecar says
// that it is old.
func TestWorst(t *testing.T) {
	a := answering(t, says(200, "application/json", `{"records":[{"id":"r1","score":0.9,"reason":"wrong"},{"id":"r5","score":0.8,"reason":"wrong"},{"id":"r2","score":9,"reason":"outlier","trace_id":"t","explanation":{"class":"3","score":0.4,"attributions":[{"part":"debt","value":0.25},{"part":"age","value":-0.125}]}}]}`))
	b := answering(t, says(200, "application/json", `{"records":[{"id":"r3","score":0.95,"reason":"wrong"},{"id":"r4","reason":"low_confidence"}]}`))
	d := newDatasource(t, closed(t), map[string]any{"gnomon": map[string]any{"discovery": "list", "urls": []string{a, b, closed(t)}}}, clock)
	r := ask(t, d, "worst", map[string]any{"model": "digits", "limit": 4})
	if r.Error != nil {
		t.Fatal(r.Error)
	}
	f := r.Frames[0]
	ids, _ := f.FieldByName("id")
	rests, _ := f.FieldByName("rests_on")
	if f.Rows() != 4 || ids.At(0) != "r3" || ids.At(1) != "r4" || ids.At(2) != "r2" || ids.At(3) != "r1" || rests.At(2) != "debt (+0.25), age (-0.12)" || len(f.Meta.Notices) != 1 || !strings.Contains(f.Meta.Notices[0].Text, "1 of 3 sidecars did not answer") {
		s, _ := f.StringTable(-1, -1)
		t.Error(s, f.Meta)
	}
	old := answering(t, says(404, "application/json", `{"error":"no such resource: GET /api/v1/models/digits/worst"}`))
	d = newDatasource(t, closed(t), map[string]any{"gnomon": map[string]any{"discovery": "list", "urls": []string{old}}}, clock)
	if r := ask(t, d, "worst", map[string]any{"model": "digits"}); r.Error == nil || !strings.Contains(r.Error.Error(), "this gnomon has no list of worst records: update it") {
		t.Error(r.Error)
	}
	if r := ask(t, d, "worst", map[string]any{}); r.Error == nil || !strings.Contains(r.Error.Error(), "choose one model") {
		t.Error(r.Error)
	}
}
