package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/upstream"
)

func TestSettingsNameTheFault(t *testing.T) {
	for name, c := range map[string]struct{ url, data, says string }{
		"no URL":          {"", `{}`, "url is empty"},
		"no scheme":       {"prometheus:9090", `{}`, "must begin with http:// or https://"},
		"file":            {"file:///etc/passwd", `{}`, "must begin with http:// or https://"},
		"password in URL": {"http://a:b@c", `{}`, "do not belong into the URL"},
		"not JSON":        {"http://p", `{`, "settings:"},
		"bytes":           {"http://p", `{"maxResponseMiB":-1}`, "maxResponseMiB"},
		"series":          {"http://p", `{"maxSeries":-1}`, "maxSeries"},
		"rows":            {"http://p", `{"recordedRows":"perhaps"}`, "recordedRows"},
		"discovery":       {"http://p", `{"gnomon":{"discovery":"magic"}}`, "gnomon.discovery"},
		"empty list":      {"http://p", `{"gnomon":{"discovery":"list"}}`, "gnomon.urls is empty"},
		"bad list":        {"http://p", `{"gnomon":{"discovery":"list","urls":["http://a","b"]}}`, "gnomon.urls[1]"},
		"no SRV":          {"http://p", `{"gnomon":{"discovery":"srv"}}`, "gnomon.srv is empty"},
		"scheme":          {"http://p", `{"gnomon":{"discovery":"up","scheme":"gopher"}}`, "gnomon.scheme"},
		"selector":        {"http://p", `{"selector":"{a=b}"}`, "selector"},
		"wrong type":      {"http://p", `{"sigV4Auth":true,"sigV4Region":7}`, "wrong type"},
	} {
		_, err := New(context.Background(), backend.DataSourceInstanceSettings{URL: c.url, JSONData: json.RawMessage(c.data)})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
		if err != nil && !backend.IsDownstreamError(err) {
			t.Errorf("%s: a wrong setting is not the plugin's error", name)
		}
	}
}

// Prometheus gets its own credentials and the user's, a sidecar only its own.
func TestCredentialsStayApart(t *testing.T) {
	var toPrometheus, toSidecar http.Header
	p := answering(t, func(w http.ResponseWriter, r *http.Request) {
		toPrometheus = r.Header.Clone()
		says(200, "application/json", `{"status":"success","data":[]}`)(w, r)
	})
	s := answering(t, func(w http.ResponseWriter, r *http.Request) {
		toSidecar = r.Header.Clone()
		says(200, "application/json", `{"events":[]}`)(w, r)
	})
	data, _ := json.Marshal(map[string]any{"httpHeaderName1": "X-Scope-OrgID", "gnomon": map[string]any{"discovery": "list", "urls": []string{s}, "basicAuthUser": "gnomon"}})
	i, err := New(context.Background(), backend.DataSourceInstanceSettings{URL: p, JSONData: data, BasicAuthEnabled: true, BasicAuthUser: "prom",
		DecryptedSecureJSONData: map[string]string{"basicAuthPassword": "p1", "httpHeaderValue1": "tenant", "gnomonBasicAuthPassword": "p2"}})
	if err != nil {
		t.Fatal(err)
	}
	d := i.(*Datasource)
	defer d.Dispose()
	_, _ = d.prometheus.LabelValues(context.Background(), "model", "", noon, noon)
	if _, err := d.gnomon.Events(context.Background(), noon); err != nil {
		t.Fatal(err)
	}
	basic := func(h http.Header) string {
		user, password, _ := (&http.Request{Header: h}).BasicAuth()
		return user + ":" + password
	}
	if basic(toPrometheus) != "prom:p1" || toPrometheus.Get("X-Scope-OrgID") != "tenant" {
		t.Error(toPrometheus)
	}
	if basic(toSidecar) != "gnomon:p2" || toSidecar.Get("X-Scope-OrgID") != "" {
		t.Error(toSidecar)
	}
}

func TestBearerTokens(t *testing.T) {
	var got string
	p := answering(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		says(200, "application/json", `{"status":"success","data":[]}`)(w, r)
	})
	i, err := New(context.Background(), backend.DataSourceInstanceSettings{URL: p, JSONData: []byte(`{}`), DecryptedSecureJSONData: map[string]string{"prometheusBearerToken": "t0ken"}})
	if err != nil {
		t.Fatal(err)
	}
	d := i.(*Datasource)
	defer d.Dispose()
	if _, err := d.prometheus.LabelValues(context.Background(), "model", "", noon, noon); err != nil || got != "Bearer t0ken" {
		t.Error(got, err)
	}
}

func TestMutualTLS(t *testing.T) {
	s := httptest.NewTLSServer(says(200, "application/json", `{"status":"success","data":["digits"]}`))
	defer s.Close()
	ask := func(data string, secure map[string]string) error {
		i, err := New(context.Background(), backend.DataSourceInstanceSettings{URL: s.URL, JSONData: []byte(data), DecryptedSecureJSONData: secure})
		if err != nil {
			return err
		}
		defer i.(*Datasource).Dispose()
		_, err = i.(*Datasource).prometheus.LabelValues(context.Background(), "model", "", noon, noon)
		return err
	}
	if err := ask(`{}`, nil); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Error("an unknown certificate must be refused, by name: ", err)
	}
	if err := ask(`{"tlsSkipVerify":true}`, nil); err != nil {
		t.Error(err)
	}
	if err := ask(`{"tlsAuth":true}`, map[string]string{"tlsClientCert": "x", "tlsClientKey": "y"}); err == nil {
		t.Error("a broken client certificate must be an error of the settings")
	}
}

type found []*net.SRV

func (f found) lookup(context.Context, string, string, string) (string, []*net.SRV, error) {
	if f == nil {
		return "", nil, errors.New("no such host")
	}
	return "", f, nil
}

func TestDiscovery(t *testing.T) {
	up := func(instances ...string) *upstream.Prometheus {
		var series []string
		for _, i := range instances {
			series = append(series, `{"metric":{"instance":"`+i+`"},"value":[1,"1"]}`)
		}
		address := answering(t, says(200, "application/json", `{"status":"success","data":{"resultType":"vector","result":[`+strings.Join(series, ",")+`]}}`))
		return newDatasource(t, address, nil, clock).prometheus
	}
	for name, c := range map[string]struct {
		finder     upstream.Finder
		want, says string
	}{
		"SRV":            {upstream.SRV{Scheme: "https", Lookup: found{{Target: "b.", Port: 9464}, {Target: "a.", Port: 9464}, {Target: "a.", Port: 9464}}.lookup}, "https://a:9464 https://b:9464", ""},
		"no SRV":         {upstream.SRV{Name: "x", Lookup: found(nil).lookup}, "", `SRV record "x": no such host`},
		"empty SRV":      {upstream.SRV{Name: "x", Lookup: found{}.lookup}, "", "has no targets"},
		"up":             {upstream.Up{Prometheus: up("10.0.0.2:9464", "10.0.0.1:9464"), Scheme: "http"}, "http://10.0.0.1:9464 http://10.0.0.2:9464", ""},
		"nothing is up":  {upstream.Up{Prometheus: up(), Expr: "up", Scheme: "http"}, "", "no target is up by up"},
		"cloud metadata": {upstream.Up{Prometheus: up("169.254.169.254:80"), Scheme: "http"}, "", "no address of a sidecar"},
		"mapped":         {upstream.Up{Prometheus: up("[::ffff:169.254.169.254]:80"), Scheme: "http"}, "", "no address of a sidecar"},
		"path":           {upstream.Up{Prometheus: up("a/b?:80"), Scheme: "http"}, "", "is not host:port"},
		"user":           {upstream.Up{Prometheus: up("a@b:80"), Scheme: "http"}, "", "is not host:port"},
		"no port":        {upstream.Up{Prometheus: up("a"), Scheme: "http"}, "", "is not host:port"},
	} {
		list, err := c.finder.Find(context.Background())
		var got []string
		for _, u := range list {
			got = append(got, u.String())
		}
		if strings.Join(got, " ") != c.want || (err == nil) != (c.says == "") || (err != nil && !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

type counting struct{ n int }

func (c *counting) Find(context.Context) ([]*url.URL, error) { c.n++; return []*url.URL{{}}, nil }

func TestCachedDiscovery(t *testing.T) {
	now, c := noon, &counting{}
	f := &upstream.Cached{Finder: c, For: time.Minute, Now: func() time.Time { return now }}
	for range 3 {
		_, _ = f.Find(context.Background())
	}
	now = now.Add(2 * time.Minute)
	_, _ = f.Find(context.Background())
	if c.n != 2 {
		t.Error("asked ", c.n)
	}
}

// With a resource call Grafana forwards the browser's headers: credentials must
// reach Prometheus, what the browser says of itself must not.
func TestBrowserHeadersStayBehind(t *testing.T) {
	got := make(chan http.Header, 1)
	d := newDatasource(t, answering(t, func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Clone()
		says(200, "application/json", `{"status":"success","data":[]}`)(w, r)
	}), nil, clock)
	forwarded := http.Header{"Accept-Encoding": {"br"}, "Origin": {"http://grafana"}, "Sec-Fetch-Mode": {"cors"}, "Content-Type": {"application/json"}, "Authorization": {"Bearer user"}}
	ctx := httpclient.WithContextualMiddleware(context.Background(), httpclient.MiddlewareFunc(func(_ httpclient.Options, next http.RoundTripper) http.RoundTripper {
		return httpclient.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			for k, v := range forwarded {
				r.Header[k] = v
			}
			return next.RoundTrip(r)
		})
	}))
	if _, err := d.values(ctx, "model", "gnomon_model_verdict{}", noon.Add(-time.Hour), noon); err != nil {
		t.Fatal(err)
	}
	h := <-got
	if h.Get("Authorization") != "Bearer user" || h.Get("Origin") != "" || h.Get("Sec-Fetch-Mode") != "" || h.Get("Content-Type") != "" || strings.Contains(h.Get("Accept-Encoding"), "br") {
		t.Error(h)
	}
}
