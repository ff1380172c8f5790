// Package plugin is the data source: per query type one file with one handler,
// and one table that names them. A handler asks the upstreams, computes with
// driftlib and hands back frames; what went wrong it says in words.
package plugin

import (
	"context"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/selector"
	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/upstream"
)

// ID is the plugin's, as plugin.json says.
const ID = "gnomon-gnomon-datasource"

// handler answers one query type.
type handler func(ctx context.Context, in *input) (data.Frames, error)

// handlers is the query types: a new one is a file and a row.
func handlers() map[string]handler {
	return map[string]handler{
		"drift":        drift,
		"distribution": distribution,
		"calibration":  calibration,
		"performance":  performance,
		"confusion":    confusion,
		"shadows":      shadows,
		"experiments":  experiments,
		"slo":          slo,
		"worst":        worst,
		"traces":       traces,
		"events":       events,
		"logs":         logs,
		"status":       status,
	}
}

// Datasource is one configured data source. Safe for concurrent use.
type Datasource struct {
	backend.CallResourceHandler
	settings   Settings
	base       selector.Set
	prometheus *upstream.Prometheus
	gnomon     *upstream.Gnomon // nil where no sidecar is configured
	log        log.Logger
	now        func() time.Time
	cache      *cache
}

var (
	_ backend.QueryDataHandler      = (*Datasource)(nil)
	_ backend.CheckHealthHandler    = (*Datasource)(nil)
	_ backend.StreamHandler         = (*Datasource)(nil)
	_ backend.CallResourceHandler   = (*Datasource)(nil)
	_ instancemgmt.InstanceDisposer = (*Datasource)(nil)
)

// New makes a data source of Grafana's settings; Grafana calls it anew when
// they change.
func New(ctx context.Context, is backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
	s, err := parseSettings(is.JSONData)
	if err != nil {
		return nil, backend.DownstreamError(err)
	}
	p, err := prometheusClient(ctx, is, s)
	if err != nil {
		return nil, backend.DownstreamError(err)
	}
	g, err := gnomonClient(ctx, is, s, p)
	if err != nil {
		return nil, backend.DownstreamError(err)
	}
	base, err := selector.Parse(s.Selector)
	if err != nil {
		return nil, backend.DownstreamError(err)
	}
	d := &Datasource{settings: s, base: base, prometheus: p, gnomon: g, log: backend.NewLoggerWith("datasource", is.UID), now: time.Now, cache: newCache(time.Now)}
	d.cache.off = s.OAuthPassThru
	d.CallResourceHandler = httpadapter.New(d.resources())
	return d, nil
}

// Dispose lets go of the connections.
func (d *Datasource) Dispose() {
	d.prometheus.Client.CloseIdleConnections()
	if d.gnomon != nil {
		d.gnomon.Client.CloseIdleConnections()
	}
}

// queriesAtOnce bounds what one request asks of the upstreams at a time.
const queriesAtOnce = 8

// QueryData answers the queries of a request, some at once.
func (d *Datasource) QueryData(ctx context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	out := backend.NewQueryDataResponse()
	alert := req.Headers["FromAlert"] == "true"
	slots := make(chan struct{}, queriesAtOnce)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, q := range req.Queries {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			r := d.dispatch(ctx, q, alert)
			mu.Lock()
			defer mu.Unlock()
			out.Responses[q.RefID] = r
		})
	}
	wg.Wait()
	return out, nil
}
