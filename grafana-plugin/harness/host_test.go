package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
)

// log collects what the parts say, for when a test fails.
type log struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

func root(t testing.TB) string {
	t.Helper()
	path, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// real is the real parts, or a reason to skip.
func real(t testing.TB, phases string, duration time.Duration) *Stack {
	t.Helper()
	if testing.Short() {
		t.Skip("starts gnomon demo and a Prometheus")
	}
	dir := root(t)
	prometheus := filepath.Join(dir, ".cache", "bin", "prometheus")
	if _, err := os.Stat(prometheus); err != nil {
		var missing error
		if prometheus, missing = exec.LookPath("prometheus"); missing != nil {
			t.Skip("no Prometheus; make tools builds it")
		}
	}
	gnomon, err := build(filepath.Join(dir, "cmd", "gnomon"), filepath.Join(t.TempDir(), "gnomon"))
	if err != nil {
		t.Fatal(err)
	}
	l := &log{}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	st, err := Up(ctx, Settings{Gnomon: gnomon, PrometheusBinary: prometheus, Root: dir, Dir: t.TempDir(), Phases: phases, Duration: duration, Log: l})
	if err != nil {
		if strings.Contains(l.String(), "ONNX Runtime") {
			t.Skip("no ONNX Runtime; make deps fetches it")
		}
		t.Fatalf("%v\n%s", err, l)
	}
	t.Cleanup(func() {
		st.Close()
		if t.Failed() {
			t.Log(l)
		}
	})
	return st
}

// launched is the plugin's binary, running: the one of dist where it was
// packaged, else a fresh one.
func launched(t testing.TB) *Host {
	t.Helper()
	binary, err := build(filepath.Join(root(t), "grafana-plugin", "pkg"), filepath.Join(t.TempDir(), "gpx_gnomon"))
	if err != nil {
		t.Fatal(err)
	}
	l := &log{}
	h, err := Launch(binary, l)
	if err != nil {
		t.Fatalf("%v\n%s", err, l)
	}
	t.Cleanup(func() {
		h.Close()
		if !h.Exited() {
			t.Error("the plugin's process still runs")
		}
		if t.Failed() {
			t.Log(l)
		}
	})
	return h
}

// scraped waits until Prometheus has seen labelled traffic, what the queries
// below are about.
func scraped(t testing.TB, st *Stack) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for _, expr := range []string{
		`sum(increase(gnomon_feature_bin_total[1m])) > 1000`, `sum(increase(gnomon_calibration_bin_total[1m])) > 200`,
		`sum(increase(gnomon_shadow_comparisons_total[1m])) > 500`, `gnomon_model_verdict{level="healthy"} == 1`,
		`count_over_time(gnomon_feature_psi{feature="mean"}[1m]) > 14`,
	} {
		if err := Until(ctx, func() error { _, err := st.Value(ctx, expr); return err }); err != nil {
			t.Fatal(err)
		}
	}
}

// asked is every query type and format; what its first frame must be.
var asked = []struct {
	query string
	kind  data.FrameType
	empty bool // there may be no rows in a healthy minute
}{
	{`{"queryType":"drift"}`, data.FrameTypeNumericLong, false},
	{`{"queryType":"drift","format":"timeseries","statistic":"ks","feature":["mean"],"window":"10s"}`, data.FrameTypeTimeSeriesMulti, false},
	{`{"queryType":"drift","reference":{"kind":"offset","offset":"10s"}}`, data.FrameTypeNumericLong, true},
	{`{"queryType":"distribution","feature":"mean"}`, data.FrameTypeTable, false},
	{`{"queryType":"distribution","feature":"mean","format":"histogram"}`, "histogram", false},
	{`{"queryType":"distribution","feature":"mean","format":"heatmap","window":"10s"}`, "heatmap-rows", false},
	{`{"queryType":"calibration"}`, data.FrameTypeTable, false},
	{`{"queryType":"calibration","format":"confidence"}`, data.FrameTypeTable, false},
	{`{"queryType":"calibration","format":"timeseries","window":"10s"}`, data.FrameTypeTimeSeriesMulti, false},
	{`{"queryType":"performance","window":"10s"}`, data.FrameTypeTimeSeriesMulti, false},
	{`{"queryType":"performance","metric":"classes"}`, data.FrameTypeTable, false},
	{`{"queryType":"performance","metric":"f1","window":"10s"}`, data.FrameTypeTimeSeriesMulti, false},
	{`{"queryType":"confusion","normalise":true}`, data.FrameTypeTable, false},
	{`{"queryType":"shadows"}`, data.FrameTypeNumericLong, false},
	{`{"queryType":"shadows","format":"timeseries","window":"10s"}`, data.FrameTypeTimeSeriesMulti, false},
	{`{"queryType":"experiments"}`, data.FrameTypeNumericLong, false},
	{`{"queryType":"experiments","format":"timeseries"}`, data.FrameTypeTimeSeriesMulti, false},
	{`{"queryType":"performance","metric":"slices","format":"table"}`, data.FrameTypeNumericLong, false},
	{`{"queryType":"performance","metric":"slices"}`, data.FrameTypeTimeSeriesMulti, false},
	{`{"queryType":"worst","model":"digits"}`, data.FrameTypeTable, false},
	{`{"queryType":"slo","period":"1h"}`, data.FrameTypeNumericLong, false},
	{`{"queryType":"slo","format":"timeseries","window":"10s"}`, data.FrameTypeTimeSeriesMulti, false},
	{`{"queryType":"status"}`, data.FrameTypeNumericLong, false},
	{`{"queryType":"events"}`, data.FrameTypeTable, true},
	{`{"queryType":"logs"}`, data.FrameTypeLogLines, true},
	{`{"queryType":"traces"}`, data.FrameTypeTable, true},
	{`{"queryType":"drift","mode":"code","selector":"{model=\"digits\",feature=~\"mean|std\"}","filters":[{"key":"cluster","operator":"=","value":"eu"}]}`, data.FrameTypeNumericLong, false},
}

// TestHost drives every call of the plugin protocol through the built binary,
// against a real Prometheus that scrapes a real gnomon.
func TestHost(t *testing.T) {
	st := real(t, "healthy", 10*time.Minute)
	s := &Source{Host: launched(t), UID: "gnomon", URL: st.Prometheus, JSONData: map[string]any{"gnomon": map[string]any{"discovery": "list", "urls": []string{st.Gnomon}}}, Updated: time.Now()}
	scraped(t, st)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	t.Run("CheckHealth", func(t *testing.T) { checkHealth(t, ctx, s, st) })
	t.Run("QueryData", func(t *testing.T) { queryData(t, ctx, s) })
	t.Run("QueryData for an alert rule", func(t *testing.T) { alertQuery(t, ctx, s) })
	t.Run("provisioned alert rules", func(t *testing.T) { provisionedRules(t, ctx, s) })
	t.Run("PromQL of the dashboards", func(t *testing.T) { promQL(t, ctx, st) })
	t.Run("families of the dashboards", func(t *testing.T) { exported(t, ctx, st) })
	t.Run("50 panels at once", func(t *testing.T) { panelsAtOnce(t, ctx, s) })
	t.Run("CallResource", func(t *testing.T) { callResource(t, ctx, s) })
	t.Run("Stream", func(t *testing.T) { stream(t, ctx, s) })
	t.Run("CollectMetrics", func(t *testing.T) {
		m, err := s.Metrics(ctx)
		if err != nil || !bytes.Contains(m, []byte("go_goroutines")) {
			t.Errorf("%v: %.200s", err, m)
		}
	})
}

func checkHealth(t *testing.T, ctx context.Context, s *Source, st *Stack) {
	for name, c := range map[string]struct {
		source Source
		ok     bool
		says   []string
	}{
		"both upstreams":   {Source{URL: s.URL, JSONData: s.JSONData}, true, []string{"answers in", "Models: digits", "1 of 1 sidecars answer (dev)"}},
		"Prometheus alone": {Source{URL: s.URL}, true, []string{"No sidecar is configured"}},
		"found by up":      {Source{URL: s.URL, JSONData: map[string]any{"gnomon": map[string]any{"discovery": "up"}}}, true, []string{"1 of 1 sidecars answer"}},
		"wrong URL":        {Source{URL: st.Gnomon}, false, []string{"has nothing at this address"}},
		"no URL":           {Source{}, false, []string{"url is empty"}},
	} {
		c.source.Host, c.source.UID, c.source.Updated = s.Host, name, s.Updated
		r, err := c.source.Health(ctx)
		if err != nil {
			// A data source that cannot be made is an error of the call: Grafana shows
			// its words.
			r = &pluginv2.CheckHealthResponse{Status: pluginv2.CheckHealthResponse_ERROR, Message: err.Error()}
		}
		if (r.Status == pluginv2.CheckHealthResponse_OK) != c.ok {
			t.Errorf("%s: %s", name, r.Message)
		}
		for _, words := range c.says {
			if !strings.Contains(r.Message, words) {
				t.Errorf("%s: %q does not say %q", name, r.Message, words)
			}
		}
	}
}

// request lays all queries of the table into one, with ids of their own.
func request(t *testing.T) (out []json.RawMessage) {
	t.Helper()
	for i, a := range asked {
		q := map[string]any{}
		if err := json.Unmarshal([]byte(a.query), &q); err != nil {
			t.Fatal(err)
		}
		q["refId"] = fmt.Sprint("Q", i)
		raw, _ := json.Marshal(q)
		out = append(out, raw)
	}
	return out
}

func queryData(t *testing.T, ctx context.Context, s *Source) {
	now := time.Now()
	out, err := s.Query(ctx, now.Add(-time.Minute), now, nil, request(t)...)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range asked {
		checkAnswer(t, a.query, out.Responses[fmt.Sprint("Q", i)], a.kind, a.empty)
	}
	r := out.Responses["Q0"].Frames[0]
	features, _ := r.FieldByName("feature")
	if features.Len() != 7 {
		t.Errorf("%d features in the ranking, want the demo's 7", features.Len())
	}
	worstKept(t, out)
	// One look in twenty may call a healthy minute drift; none may call it large.
	psi, _ := r.FieldByName("psi")
	for i := range psi.Len() {
		if v, ok := psi.ConcreteAt(i); !ok || v.(float64) > .25 {
			t.Errorf("PSI of %v is %v in the healthy phase", features.At(i), v)
		}
	}
	out, err = s.Query(ctx, now.Add(-5*time.Second), now, nil, json.RawMessage(`{"refId":"A","queryType":"drift","reference":{"kind":"offset","offset":"4s"}}`))
	if err != nil {
		t.Fatal(err)
	}
	checkAnswer(t, "against an earlier range", out.Responses["A"], data.FrameTypeNumericLong, false)
	if bad, err := s.Query(ctx, now.Add(-time.Minute), now, nil, json.RawMessage(`{"refId":"A","queryType":"nothing"}`)); err != nil || bad.Responses["A"].ErrorSource != backend.ErrorSourceDownstream {
		t.Errorf("an unknown query type: %+v, %v", bad, err)
	}
}

// worstKept: what the real sidecar keeps as the worst comes with a reason and
// words, and with what the answer rests on where it was explained.
func worstKept(t *testing.T, out *backend.QueryDataResponse) {
	for i, a := range asked {
		if !strings.Contains(a.query, `"worst"`) {
			continue
		}
		f := out.Responses[fmt.Sprint("Q", i)].Frames[0]
		explained := 0
		for row := range f.Rows() {
			r := map[string]any{}
			for _, field := range f.Fields {
				r[field.Name], _ = field.ConcreteAt(row)
			}
			if r["id"] == "" || r["reason"] == "" || r["words"] == "" || r["score"] == nil || r["sidecar"] == "" {
				t.Errorf("a worst record without reason, words or score: %v", r)
			}
			if r["rests_on"] != "" {
				explained++
			}
		}
		t.Logf("%d worst records, %d of them explained", f.Rows(), explained)
	}
}

func checkAnswer(t *testing.T, query string, r backend.DataResponse, kind data.FrameType, empty bool) {
	t.Helper()
	if r.Error != nil || len(r.Frames) == 0 || r.Frames[0].Meta == nil || r.Frames[0].Meta.Type != kind {
		t.Errorf("%s: %v, %d frames", query, r.Error, len(r.Frames))
		return
	}
	for _, f := range r.Frames {
		if f.Rows() == 0 && !empty {
			t.Errorf("%s: frame %q has no rows: %v", query, f.Name, f.Meta.Notices)
		}
	}
	if kind == data.FrameTypeTimeSeriesMulti && !hasValue(r.Frames) {
		t.Errorf("%s: every value is null", query)
	}
}

func hasValue(frames data.Frames) bool {
	for _, f := range frames {
		for i := range f.Rows() {
			if v, ok := f.Fields[len(f.Fields)-1].ConcreteAt(i); ok && v != nil {
				return true
			}
		}
	}
	return false
}

// alertQuery asks as Grafana's alerting does: no editor, a header, instants of
// a few points.
func alertQuery(t *testing.T, ctx context.Context, s *Source) {
	now := time.Now()
	out, err := s.Query(ctx, now.Add(-30*time.Second), now, map[string]string{"FromAlert": "true"},
		json.RawMessage(`{"refId":"A","queryType":"drift","format":"timeseries","statistic":"psi","window":"10s","maxDataPoints":43200,"intervalMs":1000}`))
	if err != nil {
		t.Fatal(err)
	}
	r := out.Responses["A"]
	if r.Error != nil || len(r.Frames) != 7 {
		t.Fatalf("%v, %d frames", r.Error, len(r.Frames))
	}
	for _, f := range r.Frames {
		if len(f.Fields) != 2 || f.Fields[1].Labels["feature"] == "" || f.Meta.Type != data.FrameTypeTimeSeriesMulti {
			t.Errorf("%s cannot be alerted on: %v", f.Name, f.Fields)
		}
	}
}

func panelsAtOnce(t *testing.T, ctx context.Context, s *Source) {
	now := time.Now()
	var wg sync.WaitGroup
	for i := range 50 {
		a := asked[i%len(asked)]
		wg.Go(func() {
			q := map[string]any{"refId": "A"}
			_ = json.Unmarshal([]byte(a.query), &q)
			raw, _ := json.Marshal(q)
			out, err := s.Query(ctx, now.Add(-time.Minute), now, nil, raw)
			if err != nil {
				t.Errorf("panel %d: %v", i, err)
			} else if r := out.Responses["A"]; r.Error != nil || len(r.Frames) == 0 {
				t.Errorf("panel %d, %s: %v", i, a.query, r.Error)
			}
		})
	}
	wg.Wait()
}

func callResource(t *testing.T, ctx context.Context, s *Source) {
	browsers := http.Header{"Accept-Encoding": {"gzip, deflate, br, zstd"}, "Content-Type": {"application/json"}, "Origin": {"http://localhost:3000"}, "Sec-Fetch-Mode": {"cors"}}
	for path, want := range map[string]string{
		"variables/models":                                 `200 {"values":["digits"]}`,
		"variables/versions?model=digits":                  `200 {"values":["2"]}`,
		"variables/shadows?model=digits":                   `200 {"values":["twin","version-1"]}`,
		"variables/clusters":                               `200 {"values":["eu"]}`,
		"variables/namespaces?cluster=eu":                  `200 {"values":["models"]}`,
		"variables/features?model=digits&model_version=99": `200 {"values":[]}`,
		"variables/features?model=digits&model_version=2":  `200 {"values":["border_mean",`,
		"tag-values?key=namespace":                         `200 {"values":["models"]}`,
		"variables/passwords":                              `400 {"error":`,
	} {
		path := strings.SplitN(path, "?", 2)[0] + "?" + strings.Join(strings.SplitN(path, "?", 2)[1:], "")
		code, _, body, err := s.Resource(ctx, http.MethodGet, strings.SplitN(path, "?", 2)[0], path, browsers, nil)
		if got := fmt.Sprint(code, " ", strings.TrimSpace(string(body))); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, %v; want %s", path, got, err, want)
		}
	}
}

// stream listens until two frames came, then leaves: the call must end.
func stream(t *testing.T, ctx context.Context, s *Source) {
	for path, want := range map[string]pluginv2.SubscribeStreamResponse_Status{"live": pluginv2.SubscribeStreamResponse_OK, "live/digits": pluginv2.SubscribeStreamResponse_OK, "secrets": pluginv2.SubscribeStreamResponse_NOT_FOUND} {
		if got, err := s.Subscribe(ctx, path); err != nil || got != want {
			t.Errorf("subscribe to %s: %v, %v", path, got, err)
		}
	}
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	var frames []*data.Frame
	err := s.Stream(ctx, "live/digits", func(packet []byte) error {
		f := &data.Frame{}
		if err := json.Unmarshal(packet, f); err != nil {
			return err
		}
		if frames = append(frames, f); len(frames) == 2 {
			leave()
		}
		return nil
	})
	if err == nil || ctx.Err() == nil || len(frames) != 2 {
		t.Fatalf("%d frames, %v", len(frames), err)
	}
	for _, f := range frames {
		rate, _ := f.FieldByName("requests")
		verdict, _ := f.FieldByName("verdict")
		if f.Rows() != 1 || rate == nil || rate.At(0).(float64) <= 0 || verdict.At(0) != "healthy" {
			table, _ := f.StringTable(-1, -1)
			t.Error(table)
		}
	}
}
