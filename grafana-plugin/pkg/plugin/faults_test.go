package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return noon }

// ask runs one query over the hour before noon.
func ask(t testing.TB, d *Datasource, kind string, fields map[string]any) backend.DataResponse {
	t.Helper()
	return askContext(t, context.Background(), d, kind, fields)
}

func askContext(t testing.TB, ctx context.Context, d *Datasource, kind string, fields map[string]any) backend.DataResponse {
	t.Helper()
	out, err := d.QueryData(ctx, &backend.QueryDataRequest{Queries: []backend.DataQuery{query(t, kind, noon.Add(-time.Hour), noon, fields)}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Responses["A"]
}

func answering(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func says(code int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

// closed is an address where nothing listens.
func closed(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// Every way in which a Prometheus can fail is a message with the cause, and who
// is to blame.
func TestFaultsOfPrometheus(t *testing.T) {
	truncated := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, `{"status":"success","data":{`)
	}
	many := `{"status":"success","data":{"resultType":"vector","result":[` + strings.Repeat(`{"metric":{},"value":[1,"1"]},`, 100) + `{"metric":{},"value":[1,"1"]}]}}`
	for name, c := range map[string]struct {
		handler http.HandlerFunc // nil: nothing listens
		says    string
		status  backend.Status
		source  backend.ErrorSource
	}{
		"gone":              {nil, "cannot be reached: connection refused", 502, backend.ErrorSourceDownstream},
		"401":               {says(401, "text/plain", "no"), "does not accept the credentials (401 Unauthorized)", 401, backend.ErrorSourceDownstream},
		"403":               {says(403, "text/plain", "no"), "forbids this", 403, backend.ErrorSourceDownstream},
		"404":               {says(404, "text/plain", "404 page not found"), "has nothing at this address (404 Not Found): 404 page not found (check the URL's path", 404, backend.ErrorSourceDownstream},
		"429":               {says(429, "application/json", `{"status":"error","error":"slow down"}`), "limits the rate of queries (429 Too Many Requests): slow down", 429, backend.ErrorSourceDownstream},
		"500":               {says(500, "text/plain", "oh"), "failed (500 Internal Server Error): oh", 502, backend.ErrorSourceDownstream},
		"502 of a proxy":    {says(502, "text/html", "<html><head><title>502 Bad Gateway</title></head></html>"), "failed (502 Bad Gateway): a page titled 502 Bad Gateway", 502, backend.ErrorSourceDownstream},
		"our fault":         {says(400, "application/json", `{"status":"error","errorType":"bad_data","error":"parse error"}`), "refused the query (400 Bad Request): parse error", 400, backend.ErrorSourcePlugin},
		"execution":         {says(422, "application/json", `{"status":"error","errorType":"execution","error":"query processing would load too many samples"}`), "too many samples", 400, backend.ErrorSourceDownstream},
		"its own timeout":   {says(503, "application/json", `{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}`), "did not answer in time", 504, backend.ErrorSourceDownstream},
		"HTML":              {says(200, "text/html", "<html><title>Sign in</title></html>"), "something that is not JSON (200 OK): a page titled Sign in (the URL probably leads to a login page", 502, backend.ErrorSourceDownstream},
		"empty":             {says(200, "application/json", ""), "the answer is empty", 502, backend.ErrorSourceDownstream},
		"broken off":        {truncated, "broke off its answer", 502, backend.ErrorSourceDownstream},
		"half a JSON":       {says(200, "application/json", `{"status":"success","data":{"resultType":"vector","result":[{"metric":{`), "broke off its answer", 502, backend.ErrorSourceDownstream},
		"another JSON":      {says(200, "application/json", `{"hello":"world"}`), "unexpected form", 502, backend.ErrorSourceDownstream},
		"native histograms": {says(200, "application/json", `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{}]}]}}`), "native histograms", 502, backend.ErrorSourceDownstream},
		"too large":         {says(200, "application/json", `{"pad":"`+strings.Repeat("x", 20_000)+`"}`), "answered with more than the data source takes: the cap is 10 KiB (choose fewer features", 400, backend.ErrorSourceDownstream},
		"too many series":   {says(200, "application/json", many), "more series than the data source takes: the cap is 100", 400, backend.ErrorSourceDownstream},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
		}, "302 Found", 502, backend.ErrorSourceDownstream},
		"without metrics of ours": {says(200, "application/json", `{"status":"success","data":[]}`), "", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			address := closed(t)
			if c.handler != nil {
				address = answering(t, c.handler)
			}
			d := newDatasource(t, address, map[string]any{"maxResponseMiB": 10. / 1024, "maxSeries": 100}, clock)
			for kind := range handlers() {
				if kind == "worst" || kind == "traces" {
					continue // the first asks no Prometheus, the second asks in another form
				}
				r := ask(t, d, kind, map[string]any{"model": "digits"})
				if r.Error == nil {
					t.Fatalf("%s: no error, but %d frames", kind, len(r.Frames))
				}
				if !strings.Contains(r.Error.Error(), c.says) || (c.status != 0 && r.Status != c.status) || (c.source != "" && r.ErrorSource != c.source) {
					t.Errorf("%s: %v, status %d, source %s; want %q, %d, %s", kind, r.Error, r.Status, r.ErrorSource, c.says, c.status, c.source)
				}
			}
			h, err := d.CheckHealth(context.Background(), &backend.CheckHealthRequest{})
			if err != nil || h.Status != backend.HealthStatusError || h.Message == "" || !json.Valid(h.JSONDetails) {
				t.Errorf("health: %+v, %v", h, err)
			}
		})
	}
}

// emptyPrometheus has the series that it is told, and answers every query with
// nothing.
func emptyPrometheus(values map[string][]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = r.ParseForm()
		key := r.URL.Path[strings.LastIndex(strings.TrimSuffix(r.URL.Path, "/values"), "/")+1:] + " " + r.Form.Get("match[]")
		if strings.HasSuffix(r.URL.Path, "/values") {
			_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": append([]string{}, values[strings.ReplaceAll(key, "/values", "")]...)})
			return
		}
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[]}}`)
	}
}

// A panel is never empty without a reason.
func TestEmptyHasAReason(t *testing.T) {
	some := map[string][]string{"model gnomon_model_verdict{}": {"digits", "iris"}, "model " + metricBins + "{}": {"digits"}, "version gnomon_build_info{}": {"0.0.1"}}
	for name, c := range map[string]struct {
		values map[string][]string
		kind   string
		query  map[string]any
		says   string
	}{
		"no gnomon":       {nil, "drift", map[string]any{}, "has no metrics of gnomon between 2026-03-01 11:00:00 and"},
		"unknown model":   {some, "drift", map[string]any{"model": "churn"}, `no series with model="churn" in this range; there are: digits`},
		"older gnomon":    {some, "confusion", map[string]any{}, "gnomon 0.0.1 exports no gnomon_confusion_total"},
		"nothing at all":  {some, "drift", map[string]any{"filters": []Filter{{"cluster", "=~", "x"}}}, `no series of gnomon_feature_bin_total{cluster=~"x"}`},
		"no model change": {some, "drift", map[string]any{"reference": map[string]any{"kind": "before_change"}}, "no change of the selected models is known"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDatasource(t, answering(t, emptyPrometheus(c.values)), nil, clock)
			r := ask(t, d, c.kind, c.query)
			if r.Error == nil || !strings.Contains(r.Error.Error(), c.says) || r.ErrorSource != backend.ErrorSourceDownstream {
				t.Errorf("%v (%s), want %q", r.Error, r.ErrorSource, c.says)
			}
		})
	}
}

// What a person can write wrong is named by its field.
func TestBadQueries(t *testing.T) {
	d := newDatasource(t, answering(t, emptyPrometheus(nil)), nil, clock)
	for _, c := range []struct {
		kind  string
		query map[string]any
		says  string
	}{
		{"nothing", nil, `query type "nothing" is not known`},
		{"drift", map[string]any{"mode": "code", "selector": `{model="a"} or vector(1)`}, "closing brace"},
		{"drift", map[string]any{"filters": []Filter{{"a b", "=", "c"}}}, "ad hoc filter"},
		{"drift", map[string]any{"filters": []Filter{{"a", "=~", "("}}}, "no regular expression"},
		{"drift", map[string]any{"filters": []Filter{{"a", "<", "1"}}}, "none of =, !=, =~, !~"},
		{"drift", map[string]any{"format": "pie"}, "format:"},
		{"drift", map[string]any{"format": "timeseries", "statistic": "mean"}, "statistic:"},
		{"drift", map[string]any{"format": "timeseries", "window": "soon"}, "window:"},
		{"drift", map[string]any{"reference": Reference{Kind: "dream"}}, "reference.kind:"},
		{"drift", map[string]any{"reference": Reference{Kind: "offset", Offset: "-1d"}}, "reference.offset:"},
		{"drift", map[string]any{"reference": Reference{Kind: "range", From: "yesterday"}}, "reference.from:"},
		{"drift", map[string]any{"reference": Reference{Kind: "range", From: "2026-01-02T00:00:00Z", To: "2026-01-01T00:00:00Z"}}, "reference.to:"},
		{"drift", map[string]any{"model": map[string]any{"a": 1}}, "query:"},
		{"distribution", map[string]any{"format": "pie"}, "format:"},
		{"calibration", map[string]any{"format": "pie"}, "format:"},
		{"performance", map[string]any{"metric": "joy"}, "metric:"},
		{"slo", map[string]any{"slo": "joy"}, "slo:"},
		{"slo", map[string]any{"objective": 99.9}, "objective:"},
		{"slo", map[string]any{"period": "long"}, "period:"},
		{"worst", map[string]any{"model": "a"}, "tell the data source's settings how sidecars are found"},
	} {
		r := ask(t, d, c.kind, c.query)
		if r.Error == nil || !strings.Contains(r.Error.Error(), c.says) || r.ErrorSource != backend.ErrorSourceDownstream || r.Status >= 500 {
			t.Errorf("%s %v: %v, status %d, source %s; want %q", c.kind, c.query, r.Error, r.Status, r.ErrorSource, c.says)
		}
	}
}

// Grafana's cancel reaches the upstream, and the answer says so.
func TestCancelReachesTheUpstream(t *testing.T) {
	var left atomic.Bool
	arrived := make(chan struct{}, 10)
	released := make(chan struct{})
	address := answering(t, func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // the server notices a lost client only once the body is read
		arrived <- struct{}{}
		select {
		case <-r.Context().Done():
			left.Store(true)
		case <-time.After(10 * time.Second):
		}
		close(released)
	})
	d := newDatasource(t, address, map[string]any{"recordedRows": "never"}, clock)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-arrived; cancel() }()
	r := askContext(t, ctx, d, "confusion", map[string]any{})
	if r.Error == nil || !strings.Contains(r.Error.Error(), "was cancelled") || r.Status != 499 {
		t.Errorf("%v, %d", r.Error, r.Status)
	}
	<-released
	if !left.Load() {
		t.Error("the upstream went on working")
	}
}

func TestSlowUpstream(t *testing.T) {
	address := answering(t, func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		select {
		case <-r.Context().Done():
		case <-time.After(10 * time.Second):
		}
	})
	d := newDatasource(t, address, map[string]any{"timeout": 1}, clock)
	start := time.Now()
	r := ask(t, d, "status", map[string]any{})
	if r.Error == nil || !strings.Contains(r.Error.Error(), "did not answer in time") || r.Status != backend.StatusTimeout || time.Since(start) > 5*time.Second {
		t.Errorf("%v, %d after %s", r.Error, r.Status, time.Since(start))
	}
}

// One broken query does not take the others with it, and a panic is an error of
// the plugin.
func TestQueriesAreApart(t *testing.T) {
	d := newDatasource(t, answering(t, emptyPrometheus(nil)), nil, clock)
	d.prometheus = nil // every handler that asks it panics
	req := &backend.QueryDataRequest{}
	for i := range 50 {
		q := query(t, "status", noon.Add(-time.Hour), noon, map[string]any{"hide": i%2 == 0})
		q.RefID = fmt.Sprint(i)
		req.Queries = append(req.Queries, q)
	}
	out, err := d.QueryData(context.Background(), req)
	if err != nil || len(out.Responses) != 50 {
		t.Fatal(len(out.Responses), err)
	}
	for i := range 50 {
		r := out.Responses[fmt.Sprint(i)]
		if hidden := i%2 == 0; hidden != (r.Error == nil) || (!hidden && r.ErrorSource != backend.ErrorSourcePlugin) {
			t.Errorf("%d: %v, %s", i, r.Error, r.ErrorSource)
		}
	}
	d.prometheus = newDatasource(t, "http://127.0.0.1:1", nil, clock).prometheus // Dispose needs one
}

// The newest value of an alert rule is that of now, whatever the step.
func TestAlertsSeeNow(t *testing.T) {
	in := &input{from: noon.Add(-10 * time.Minute), to: noon.Add(25 * time.Second)}
	if last := in.grid(time.Minute).to(); !last.Equal(noon) {
		t.Errorf("a panel's last point is at %s", last)
	}
	in.alert = true
	g := in.grid(time.Minute)
	if last := g.to(); !last.Equal(in.to) || g.from.Before(in.from) || g.n != 11 {
		t.Errorf("an alert's points are %d from %s to %s", g.n, g.from, last)
	}
}

// A hundred thousand series are more than the default takes: the panel says so
// and what to do, and reading stops there.
func TestHundredThousandSeries(t *testing.T) {
	var written atomic.Int64
	d := newDatasource(t, answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[`)
		for i := range 100_000 {
			n, err := fmt.Fprintf(w, `{"metric":{"model":"m","model_version":"1","feature":"f%d","bin":"01"},"value":[1,"1"]},`, i)
			if err != nil {
				return // the plugin has heard enough
			}
			written.Add(int64(n))
		}
		fmt.Fprint(w, `{"metric":{},"value":[1,"1"]}]}}`)
	}), map[string]any{"recordedRows": "never"}, clock)
	r := ask(t, d, "drift", map[string]any{})
	if r.Error == nil || !strings.Contains(r.Error.Error(), "more series than the data source takes: the cap is 20000") || r.ErrorSource != backend.ErrorSourceDownstream {
		t.Errorf("%v (%s) after %d bytes", r.Error, r.ErrorSource, written.Load())
	}
}
