// Package postmortem fills the template of a postmortem with what Prometheus
// recorded: when it began, when somebody was told, when it ended, and what it
// cost of the budgets.
package postmortem

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Settings of a report.
type Settings struct {
	Prometheus string // base URL
	Model      string
	From, To   time.Time
	Step       time.Duration
	Client     *http.Client
}

// Firing is one alert's stretch.
type Firing struct {
	Alert, Class, Version string
	From, To              time.Time
}

// Report is what Prometheus knows of an incident.
type Report struct {
	Model, Versions           string
	Began, Detected, Resolved time.Time
	Alerts                    []Firing
	Budgets                   map[string]float64 // spent, by SLO, as a share of the whole
	Requests                  float64
}

// Series of a range query: values by time.
type series struct {
	Metric map[string]string   `json:"metric"`
	Values [][]json.RawMessage `json:"values"`
}

// Write asks Prometheus and writes the page.
func Write(ctx context.Context, w io.Writer, s Settings) error {
	r, err := Ask(ctx, s)
	if err != nil {
		return err
	}
	return r.write(w)
}

// Ask collects the figures. It is an error where no alert of the model fired.
func Ask(ctx context.Context, s Settings) (*Report, error) {
	r := &Report{Model: s.Model, Budgets: map[string]float64{}}
	model := strconv.Quote(s.Model)
	fired, err := s.query(ctx, `ALERTS{alertstate="firing", alert_class=~"page|ticket", model=`+model+`}`)
	if err != nil {
		return nil, err
	}
	for _, x := range fired {
		times := x.times(func(float64) bool { return true })
		r.Alerts = append(r.Alerts, Firing{x.Metric["alertname"], x.Metric["alert_class"], x.Metric["model_version"], times[0], times[len(times)-1]})
	}
	if len(r.Alerts) == 0 {
		return nil, fmt.Errorf("no page and no ticket of model %q fired between %s and %s; widen --from and --to, or look at the names of models in Prometheus", s.Model, stamp(s.From), stamp(s.To))
	}
	sort.Slice(r.Alerts, func(i, j int) bool {
		return r.Alerts[i].From.Before(r.Alerts[j].From) || r.Alerts[i].From.Equal(r.Alerts[j].From) && r.Alerts[i].Alert < r.Alerts[j].Alert
	})
	r.Detected = r.Alerts[0].From
	versions := map[string]bool{}
	for _, a := range r.Alerts {
		if a.To.After(r.Resolved) {
			r.Resolved = a.To
		}
		if !versions[a.Version] {
			versions[a.Version] = true
			r.Versions = strings.TrimPrefix(r.Versions+", "+a.Version, ", ")
		}
	}
	if err := r.begin(ctx, s); err != nil {
		return nil, err
	}
	return r, r.cost(ctx, s)
}

// begin finds when it began: from the moment of detection back through every
// evaluation at which a budget burned faster than it lasts or an alert was
// pending.
func (r *Report) begin(ctx context.Context, s Settings) error {
	model := strconv.Quote(s.Model)
	signs, err := s.query(ctx, `count({__name__=~"gnomon:slo_burn:ratio.+", model=`+model+`} > 1) or count(ALERTS{alert_class=~"page|ticket", model=`+model+`})`)
	if err != nil {
		return err
	}
	r.Began = r.Detected
	for _, x := range signs {
		times := x.times(func(v float64) bool { return v > 0 })
		for i := len(times) - 1; i >= 0; i-- {
			if t := times[i]; t.Before(r.Began) && r.Began.Sub(t) <= 2*s.Step {
				r.Began = t
			}
		}
	}
	return nil
}

// cost is what is gone of the budgets, and how many requests were answered
// meanwhile.
func (r *Report) cost(ctx context.Context, s Settings) error {
	model := strconv.Quote(s.Model)
	left, err := s.query(ctx, `min by (slo) (gnomon:slo_budget_remaining:ratio{model=`+model+`})`)
	if err != nil {
		return err
	}
	for _, x := range left {
		before, after := math.NaN(), math.NaN()
		for _, v := range x.Values {
			t, value := sample(v)
			if !t.After(r.Began) || math.IsNaN(before) {
				before = value
			}
			if !t.After(r.Resolved) {
				after = value
			}
		}
		if spent := before - after; !math.IsNaN(spent) {
			r.Budgets[x.Metric["slo"]] = spent
		}
	}
	length := max(int(r.Resolved.Sub(r.Began).Seconds()), 1)
	s.From, s.To = r.Resolved, r.Resolved
	requests, err := s.query(ctx, fmt.Sprintf("sum(increase(gnomon_requests_total{model=%s}[%ds]))", model, length))
	if err != nil {
		return err
	}
	for _, x := range requests {
		for _, v := range x.Values {
			_, r.Requests = sample(v)
		}
	}
	return nil
}

func sample(v []json.RawMessage) (time.Time, float64) {
	var at float64
	var text string
	if len(v) != 2 || json.Unmarshal(v[0], &at) != nil || json.Unmarshal(v[1], &text) != nil {
		return time.Time{}, math.NaN()
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return time.Time{}, math.NaN()
	}
	return time.UnixMilli(int64(at * 1000)).UTC(), value
}

// times at which a series has a value that counts.
func (x *series) times(counts func(float64) bool) []time.Time {
	var out []time.Time
	for _, v := range x.Values {
		if t, value := sample(v); counts(value) {
			out = append(out, t)
		}
	}
	return out
}

// query is a range query over the whole time.
func (s Settings) query(ctx context.Context, expr string) ([]series, error) {
	values := url.Values{"query": {expr}, "start": {unix(s.From)}, "end": {unix(s.To)}, "step": {fmt.Sprintf("%gs", s.Step.Seconds())}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(s.Prometheus, "/")+"/api/v1/query_range?"+values.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("ask Prometheus: %w", err)
	}
	resp, err := s.Client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask Prometheus: %w", err)
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct{ Result []series }
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<20)).Decode(&answer); err != nil {
		return nil, fmt.Errorf("ask Prometheus: %s does not answer as Prometheus does: %w", s.Prometheus, err)
	}
	if answer.Status != "success" {
		return nil, fmt.Errorf("ask Prometheus: %s", answer.Error)
	}
	return answer.Data.Result, nil
}

func unix(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }
