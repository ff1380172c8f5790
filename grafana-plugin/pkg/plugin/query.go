package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/gtime"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/selector"
)

// Names is one name or several; JSON may be a string or a list. "$__all", ".*"
// and "" stand for all of them.
type Names []string

// UnmarshalJSON takes both forms.
func (n *Names) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*n = Names{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(n))
}

// list drops what stands for all.
func (n Names) list() []string {
	var out []string
	for _, s := range n {
		switch s {
		case "":
		case "$__all", ".*", "All":
			return nil
		default:
			out = append(out, s)
		}
	}
	return out
}

// Query is what the editor saves. Every query type reads some of it.
type Query struct {
	Mode     string   `json:"mode"` // builder, code
	Selector string   `json:"selector"`
	Model    Names    `json:"model"`
	Version  Names    `json:"modelVersion"`
	Feature  Names    `json:"feature"`
	Shadow   Names    `json:"shadow"`
	SLO      Names    `json:"slo"`
	Filters  []Filter `json:"filters"` // ad hoc

	Format    string    `json:"format"`    // timeseries, table, and what else a type has
	Statistic string    `json:"statistic"` // of drift
	Reference Reference `json:"reference"`
	Window    string    `json:"window"` // of rolling values; auto where empty

	Metric    string  `json:"metric"` // of performance
	Normalise bool    `json:"normalise"`
	Objective float64 `json:"objective"`
	Latency   float64 `json:"latencySeconds"`
	Period    string  `json:"period"`
	Reason    string  `json:"reason"`
	Limit     int     `json:"limit"`
	Hide      bool    `json:"hide"`
}

// Filter is an ad hoc filter of the dashboard.
type Filter struct {
	Key      string `json:"key"`
	Operator string `json:"operator"`
	Value    string `json:"value"`
}

// Reference is what the panel's range is held against.
type Reference struct {
	Kind   string `json:"kind"`   // training, offset, before_change, range
	Offset string `json:"offset"` // of offset: 1d, 7d
	From   string `json:"from"`   // of range: RFC 3339 or Unix milliseconds
	To     string `json:"to"`
}

// badQuery is a query that a person has to change.
type badQuery struct{ err error }

func (b badQuery) Error() string                    { return b.err.Error() }
func (b badQuery) Unwrap() error                    { return b.err }
func (b badQuery) ErrorSource() backend.ErrorSource { return backend.ErrorSourceDownstream }
func (b badQuery) DataStatus() backend.Status       { return backend.StatusBadRequest }

func bad(format string, args ...any) error { return badQuery{fmt.Errorf(format, args...)} }

// input is a query with everything that its handler needs.
type input struct {
	*Datasource
	Query
	sel      selector.Set // of the settings, the builder or the code, and the ad hoc filters
	from, to time.Time
	points   int           // wanted at most
	interval time.Duration // suggested between points
	alert    bool          // an alert rule asks: what its labels are must not change

	mu      sync.Mutex
	notices []data.Notice
}

// read makes an input of a request.
func (d *Datasource) read(q backend.DataQuery, alert bool) (*input, error) {
	in := &input{Datasource: d, alert: alert, from: q.TimeRange.From, to: q.TimeRange.To, points: int(q.MaxDataPoints), interval: q.Interval}
	if err := json.Unmarshal(q.JSON, &in.Query); err != nil {
		return nil, bad("query: %v", err)
	}
	if !in.to.After(in.from) {
		return nil, bad("query: the time range is empty")
	}
	if in.points <= 0 {
		in.points = 500
	}
	in.interval = max(in.interval, time.Second)
	var err error
	if in.sel, err = in.matchers(); err != nil {
		return nil, badQuery{err}
	}
	return in, nil
}

func (in *input) matchers() (selector.Set, error) {
	set := in.base
	if in.Mode == "code" {
		coded, err := selector.Parse(in.Query.Selector)
		if err != nil {
			return nil, err
		}
		set = set.With(coded...)
	} else {
		set = set.With(selector.OneOf("model", in.Model.list())...)
		set = set.With(selector.OneOf("model_version", in.Version.list())...)
		set = set.With(selector.OneOf("feature", in.Feature.list())...)
		set = set.With(selector.OneOf("shadow", in.Shadow.list())...)
	}
	for _, f := range in.Filters {
		m, err := adHoc(f)
		if err != nil {
			return nil, err
		}
		set = set.With(m...)
	}
	return set, nil
}

func adHoc(f Filter) ([]selector.Matcher, error) {
	switch f.Operator {
	case "=|", "!=|": // one of several
		op := selector.Match
		if f.Operator[0] == '!' {
			op = selector.NotMatch
		}
		one := selector.OneOf(f.Key, strings.Split(f.Value, "|"))[0]
		if one.Op == selector.Equal && op == selector.Match {
			op = selector.Equal
		} else if one.Op == selector.Equal {
			op = selector.NotEqual
		}
		m, err := selector.New(f.Key, op, one.Value)
		return []selector.Matcher{m}, err
	}
	m, err := selector.New(f.Key, selector.Op(f.Operator), f.Value)
	if err != nil {
		return nil, fmt.Errorf("ad hoc filter: %w", err)
	}
	return []selector.Matcher{m}, nil
}

// span is the length of the range, whole seconds, at least one.
func (in *input) span() time.Duration { return max(in.to.Sub(in.from).Round(time.Second), time.Second) }

// promDuration writes a duration as PromQL reads it.
func promDuration(d time.Duration) string {
	return strconv.FormatInt(int64(d/time.Second), 10) + "s"
}

// parseDuration reads 90s, 5m, 1h, 1d, 1w and Grafana's own variables.
func (in *input) parseDuration(field, text string) (time.Duration, error) {
	switch strings.TrimSpace(text) {
	case "$__range", "${__range}":
		return in.span(), nil
	case "$__interval", "${__interval}", "$__rate_interval", "${__rate_interval}":
		return max(in.interval, time.Minute), nil
	}
	d, err := gtime.ParseDuration(strings.TrimSpace(text))
	if err != nil || d < time.Second {
		return 0, bad("%s: %.50q is no duration of a second or more; write 5m, 1h, 1d", field, text)
	}
	return d.Round(time.Second), nil
}

// window is the width of a rolling value: what the user says, else a twelfth of
// the range, at least five minutes where the range is that long.
func (in *input) window() (time.Duration, error) {
	if in.Window != "" && in.Window != "auto" {
		return in.parseDuration("window", in.Window)
	}
	w := in.span() / 12
	if w < 5*time.Minute {
		w = min(5*time.Minute, max(in.span()/4, 10*time.Second))
	}
	return w.Round(time.Second), nil
}

// step is the distance of points: the suggested one, but no more points than
// wanted, and no more than most for the number of series.
func (in *input) step(series int) time.Duration {
	const most = 400_000 // points of one upstream answer
	points := max(min(in.points, most/max(series, 1), 10_000), 1)
	return max(in.interval.Round(time.Second), roundUp(in.span()/time.Duration(points)), time.Second)
}

func roundUp(d time.Duration) time.Duration {
	if r := d % time.Second; r > 0 {
		return d - r + time.Second
	}
	return d
}

func (in *input) notice(severity data.NoticeSeverity, format string, args ...any) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.notices = append(in.notices, data.Notice{Severity: severity, Text: fmt.Sprintf(format, args...)})
}

// dispatch runs one query: it never panics, and what it returns always holds a
// frame or an error.
func (d *Datasource) dispatch(ctx context.Context, q backend.DataQuery, alert bool) (resp backend.DataResponse) {
	defer func() {
		if r := recover(); r != nil {
			d.log.Error("a query panicked", "queryType", q.QueryType, "panic", r)
			resp = backend.ErrDataResponseWithSource(backend.StatusInternal, backend.ErrorSourcePlugin, fmt.Sprintf("query type %q: an error of the plugin: %v", q.QueryType, r))
		}
	}()
	in, err := d.read(q, alert)
	if err != nil {
		return failed(err)
	}
	if in.Hide {
		return backend.DataResponse{Frames: data.Frames{}}
	}
	h, ok := handlers()[q.QueryType]
	if !ok {
		return failed(bad("query type %.50q is not known; choose one in the editor", q.QueryType))
	}
	frames, err := h(ctx, in)
	if err != nil {
		return failed(err)
	}
	if len(frames) > 0 && len(in.notices) > 0 {
		if frames[0].Meta == nil {
			frames[0].Meta = &data.FrameMeta{}
		}
		frames[0].Meta.Notices = append(frames[0].Meta.Notices, in.notices...)
	}
	return backend.DataResponse{Frames: frames}
}

// failed makes a response of an error, with its source and status.
func failed(err error) backend.DataResponse {
	source, status := backend.ErrorSourcePlugin, backend.StatusInternal
	var s interface {
		ErrorSource() backend.ErrorSource
		DataStatus() backend.Status
	}
	if errors.As(err, &s) {
		source, status = s.ErrorSource(), s.DataStatus()
	}
	return backend.DataResponse{Error: err, ErrorSource: source, Status: status}
}
