package upstream

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

func trimFloat(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// Prometheus is the query API of Prometheus, Thanos or Mimir. Safe for
// concurrent use.
type Prometheus struct {
	Endpoint
	bodies sync.Pool // *bytes.Buffer: an answer of a week has megabytes, and nothing keeps them
}

// mostKept is the largest body whose memory waits for the next answer.
const mostKept = 16 << 20

func (p *Prometheus) buffer() (*bytes.Buffer, func()) {
	b, ok := p.bodies.Get().(*bytes.Buffer)
	if !ok {
		b = &bytes.Buffer{}
	}
	return b, func() {
		if b.Cap() <= mostKept {
			p.bodies.Put(b)
		}
	}
}

// Series is one series of an answer.
type Series struct {
	Labels map[string]string
	Points []Point
}

// Point is one sample; Millis is Unix time.
type Point struct {
	Millis int64
	Value  float64
}

// Last is the value of the newest point. A series of an answer has one.
func (s *Series) Last() float64 { return s.Points[len(s.Points)-1].Value }

// Answer is the result of a query.
type Answer struct {
	Series   []Series
	Warnings []string
}

// Instant evaluates an expression at one moment.
func (p *Prometheus) Instant(ctx context.Context, expr string, at time.Time) (*Answer, error) {
	return p.query(ctx, "api/v1/query", url.Values{"query": {expr}, "time": {seconds(at)}})
}

// Range evaluates an expression at every step from one moment to another.
func (p *Prometheus) Range(ctx context.Context, expr string, from, to time.Time, step time.Duration) (*Answer, error) {
	return p.query(ctx, "api/v1/query_range", url.Values{
		"query": {expr}, "start": {seconds(from)}, "end": {seconds(to)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	})
}

// query posts, since selectors can be long, and falls back to GET where a proxy
// allows nothing else.
func (p *Prometheus) query(ctx context.Context, path string, form url.Values) (*Answer, error) {
	buf, release := p.buffer()
	defer release() // what is decoded has no part of it
	body, status, _, err := p.askInto(ctx, buf, path, nil, form)
	if status == http.StatusMethodNotAllowed {
		body, status, _, err = p.askInto(ctx, buf, path, form, nil)
	}
	if err != nil {
		return nil, err
	}
	d := newDecoder(body, p.Limits.Series)
	a, err := d.answer()
	if f, ok := d.refusal(status); ok {
		f.Upstream = p.Name
		return nil, f
	}
	if err != nil {
		if tooMany := (tooManySeries{}); asTooMany(err, &tooMany) {
			return nil, &Fault{Kind: TooManySeries, Upstream: p.Name, Detail: fmt.Sprintf("the cap is %d", p.Limits.Series), Fix: fix(TooManySeries)}
		}
		return nil, p.unreadable(body, err)
	}
	return a, nil
}

func seconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64)
}

// LabelValues lists the values that a label has in a range, over the series of
// a selector.
func (p *Prometheus) LabelValues(ctx context.Context, label, match string, from, to time.Time) ([]string, error) {
	return p.strings(ctx, "api/v1/label/"+url.PathEscape(label)+"/values", match, from, to)
}

// LabelNames lists the labels of the series of a selector.
func (p *Prometheus) LabelNames(ctx context.Context, match string, from, to time.Time) ([]string, error) {
	return p.strings(ctx, "api/v1/labels", match, from, to)
}

func (p *Prometheus) strings(ctx context.Context, path, match string, from, to time.Time) ([]string, error) {
	query := url.Values{"start": {seconds(from)}, "end": {seconds(to)}}
	if match != "" {
		query.Set("match[]", match)
	}
	var out struct {
		Data []string `json:"data"`
	}
	if _, err := p.get(ctx, path, query, &out); err != nil {
		return nil, err
	}
	if len(out.Data) > p.Limits.Series {
		return nil, &Fault{Kind: TooManySeries, Upstream: p.Name, Detail: fmt.Sprintf("%d values, the cap is %d", len(out.Data), p.Limits.Series), Fix: fix(TooManySeries)}
	}
	return out.Data, nil
}

// get reads a JSON answer of the API's plain resources.
func (p *Prometheus) get(ctx context.Context, path string, query url.Values, v any) (time.Time, error) {
	body, status, date, err := p.ask(ctx, path, query, nil)
	if err != nil {
		return date, err
	}
	if status != http.StatusOK {
		return date, statusFault(p.Name, status, message(body))
	}
	return date, p.decode(body, v)
}

// Build is what a Prometheus-compatible server says it is.
type Build struct {
	Version string
	// Known is whether the server tells: Thanos and Mimir may not.
	Known bool
	// Skew is the server's clock less ours, as far as its Date header tells
	// (whole seconds).
	Skew time.Duration
}

// Build asks for version and clock.
func (p *Prometheus) Build(ctx context.Context) (Build, error) {
	var out struct {
		Data struct {
			Version string `json:"version"`
		} `json:"data"`
	}
	date, err := p.get(ctx, "api/v1/status/buildinfo", nil, &out)
	b := Build{Version: out.Data.Version, Known: err == nil && out.Data.Version != ""}
	if !date.IsZero() {
		b.Skew = date.Sub(time.Now()).Round(time.Second)
	}
	if f, ok := err.(*Fault); ok && (f.Kind == NotFound || f.Kind == NotJSON && f.Status == http.StatusOK) {
		// Not every compatible server has the resource: what counts is that it
		// evaluates.
		if _, err := p.Instant(ctx, "vector(1)", time.Now()); err == nil {
			return b, nil
		}
	}
	return b, err
}

// Exemplar is one traced observation.
type Exemplar struct {
	Series map[string]string `json:"seriesLabels"`
	Points []struct {
		Labels map[string]string `json:"labels"`
		Value  string            `json:"value"`
		Time   float64           `json:"timestamp"`
	} `json:"exemplars"`
}

// Exemplars lists the exemplars of an expression's series.
func (p *Prometheus) Exemplars(ctx context.Context, expr string, from, to time.Time) ([]Exemplar, error) {
	var out struct {
		Data []Exemplar `json:"data"`
	}
	_, err := p.get(ctx, "api/v1/query_exemplars", url.Values{"query": {expr}, "start": {seconds(from)}, "end": {seconds(to)}}, &out)
	return out.Data, err
}
