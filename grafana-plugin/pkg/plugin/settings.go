package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/selector"
	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/upstream"
)

// Settings is jsonData of the data source. Its URL is the Prometheus; secrets
// are in secureJsonData: basicAuthPassword, prometheusBearerToken,
// gnomonBasicAuthPassword, gnomonBearerToken and those of TLS.
type Settings struct {
	Gnomon         GnomonSettings `json:"gnomon"`
	MaxResponseMiB float64        `json:"maxResponseMiB"` // of one upstream answer; 64 where 0
	MaxSeries      int            `json:"maxSeries"`      // of one upstream answer; 20,000 where 0
	RecordedRows   string         `json:"recordedRows"`   // auto, always, never: gnomon:feature_bin:rows1m instead of raw counters
	Selector       string         `json:"selector"`       // matchers that every query has, such as {cluster="eu"}
	OAuthPassThru  bool           `json:"oauthPassThru"`  // Grafana's: the user's own token is forwarded
}

// GnomonSettings says how sidecars are found.
type GnomonSettings struct {
	Discovery     string   `json:"discovery"` // none, list, srv, up
	URLs          []string `json:"urls"`
	SRV           string   `json:"srv"`
	UpQuery       string   `json:"upQuery"`
	Scheme        string   `json:"scheme"` // of srv and up; http where empty
	BasicAuthUser string   `json:"basicAuthUser"`
}

const (
	defaultMiB       = 64
	defaultSeries    = 20_000
	discoveryRenewal = 30 * time.Second
)

// parseSettings reads and checks jsonData, naming the field at fault.
func parseSettings(raw json.RawMessage) (s Settings, err error) {
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &s); err != nil {
			return s, fmt.Errorf("settings: %w", err)
		}
	}
	if s.MaxResponseMiB == 0 {
		s.MaxResponseMiB = defaultMiB
	}
	if s.MaxSeries == 0 {
		s.MaxSeries = defaultSeries
	}
	if s.RecordedRows == "" {
		s.RecordedRows = "auto"
	}
	if s.Gnomon.Discovery == "" {
		s.Gnomon.Discovery = "none"
	}
	if s.Gnomon.Scheme == "" {
		s.Gnomon.Scheme = "http"
	}
	switch {
	case s.MaxResponseMiB < 0.001 || s.MaxResponseMiB > 1024:
		return s, fmt.Errorf("settings: maxResponseMiB: %v is not between 0.001 and 1024", s.MaxResponseMiB)
	case s.MaxSeries < 1 || s.MaxSeries > 1_000_000:
		return s, fmt.Errorf("settings: maxSeries: %d is not between 1 and 1,000,000", s.MaxSeries)
	case s.RecordedRows != "auto" && s.RecordedRows != "always" && s.RecordedRows != "never":
		return s, fmt.Errorf("settings: recordedRows: %q is none of auto, always, never", s.RecordedRows)
	case s.Gnomon.Scheme != "http" && s.Gnomon.Scheme != "https":
		return s, fmt.Errorf("settings: gnomon.scheme: %q is neither http nor https", s.Gnomon.Scheme)
	}
	if _, err := selector.Parse(s.Selector); err != nil {
		return s, fmt.Errorf("settings: %w", err)
	}
	return s, nil
}

// parseURL takes an address of an upstream.
func parseURL(field, text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case strings.TrimSpace(text) == "":
		return nil, fmt.Errorf("settings: %s is empty; enter the address, such as http://prometheus:9090", field)
	case err != nil:
		return nil, fmt.Errorf("settings: %s: %.200q is no URL", field, text)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("settings: %s: %.200q must begin with http:// or https:// and name a host", field, text)
	case u.User != nil:
		return nil, fmt.Errorf("settings: %s: user and password do not belong into the URL; use basic authentication", field)
	}
	u.RawQuery, u.Fragment = "", ""
	return u, nil
}

// withoutBrowser drops what a browser has said of itself: with a resource call
// Grafana forwards all of its headers. An Accept-Encoding that is not Go's own
// would bring compressed answers that nobody unpacks.
func withoutBrowser(_ httpclient.Options, next http.RoundTripper) http.RoundTripper {
	return httpclient.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		for name := range r.Header {
			switch {
			case strings.HasPrefix(name, "Sec-"):
				r.Header.Del(name)
			case name == "Accept-Encoding", name == "Accept-Language", name == "Origin", name == "Referer", name == "Connection", name == "Content-Length", name == "Priority",
				name == "Content-Type" && r.Body == nil:
				r.Header.Del(name)
			}
		}
		return next.RoundTrip(r)
	})
}

// options are the HTTP client's, as Grafana configures them. The SDK takes some
// fields of jsonData by type assertion: a wrong type must not stop the plugin.
func options(ctx context.Context, is backend.DataSourceInstanceSettings) (opts httpclient.Options, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("settings: a field of the HTTP settings has the wrong type: %v", r)
		}
	}()
	opts, err = is.HTTPClientOptions(ctx)
	if err != nil {
		return opts, fmt.Errorf("settings: %w", err)
	}
	opts.ConfigureClient = func(_ httpclient.Options, c *http.Client) {
		// An upstream that can send us elsewhere could send us anywhere.
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return opts, nil
}

func prometheusClient(ctx context.Context, is backend.DataSourceInstanceSettings, s Settings) (*upstream.Prometheus, error) {
	base, err := parseURL("url", is.URL)
	if err != nil {
		return nil, err
	}
	opts, err := options(ctx, is)
	if err != nil {
		return nil, err
	}
	opts.Middlewares = append(httpclient.DefaultMiddlewares(), httpclient.MiddlewareFunc(withoutBrowser))
	opts.ForwardHTTPHeaders = true // cookies and OAuth tokens, as far as the data source's settings allow them
	if token := is.DecryptedSecureJSONData["prometheusBearerToken"]; token != "" {
		opts.Header = opts.Header.Clone()
		opts.Header.Set("Authorization", "Bearer "+token)
	}
	client, err := httpclient.New(opts)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return &upstream.Prometheus{Endpoint: upstream.Endpoint{Name: "Prometheus " + base.Host, Base: base, Client: client, Limits: s.limits()}}, nil
}

func (s Settings) limits() upstream.Limits {
	return upstream.Limits{Bytes: int64(s.MaxResponseMiB * (1 << 20)), Series: s.MaxSeries}
}

// gnomonClient has TLS, timeouts and proxy in common with Prometheus, but none
// of its credentials: a sidecar must not learn them. Nil without sidecars.
func gnomonClient(ctx context.Context, is backend.DataSourceInstanceSettings, s Settings, p *upstream.Prometheus) (*upstream.Gnomon, error) {
	finder, err := s.Gnomon.finder(p)
	if err != nil || finder == nil {
		return nil, err
	}
	opts, err := options(ctx, is)
	if err != nil {
		return nil, err
	}
	opts.BasicAuth, opts.SigV4, opts.ForwardHTTPHeaders, opts.Header = nil, nil, false, http.Header{}
	if s.Gnomon.BasicAuthUser != "" {
		opts.BasicAuth = &httpclient.BasicAuthOptions{User: s.Gnomon.BasicAuthUser, Password: is.DecryptedSecureJSONData["gnomonBasicAuthPassword"]}
	}
	if token := is.DecryptedSecureJSONData["gnomonBearerToken"]; token != "" {
		opts.Header.Set("Authorization", "Bearer "+token)
	}
	client, err := httpclient.New(opts)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return &upstream.Gnomon{Targets: finder, Client: client, Limits: s.limits()}, nil
}

func (g GnomonSettings) finder(p *upstream.Prometheus) (upstream.Finder, error) {
	cached := func(f upstream.Finder) upstream.Finder {
		return &upstream.Cached{Finder: f, For: discoveryRenewal, Now: time.Now}
	}
	switch g.Discovery {
	case "none":
		return nil, nil
	case "list":
		var list upstream.List
		for i, text := range g.URLs {
			u, err := parseURL(fmt.Sprintf("gnomon.urls[%d]", i), text)
			if err != nil {
				return nil, err
			}
			list = append(list, u)
		}
		if len(list) == 0 {
			return nil, errors.New("settings: gnomon.urls is empty; name a sidecar or choose another discovery")
		}
		return list, nil
	case "srv":
		if g.SRV == "" {
			return nil, errors.New("settings: gnomon.srv is empty; enter a record such as _http._tcp.gnomon.monitoring.svc.cluster.local")
		}
		return cached(upstream.SRV{Name: g.SRV, Scheme: g.Scheme, Lookup: net.DefaultResolver.LookupSRV}), nil
	case "up":
		expr := g.UpQuery
		if expr == "" {
			expr = `up{job="gnomon"} == 1`
		}
		return cached(upstream.Up{Prometheus: p, Expr: expr, Scheme: g.Scheme}), nil
	}
	return nil, fmt.Errorf("settings: gnomon.discovery: %q is none of none, list, srv, up", g.Discovery)
}
