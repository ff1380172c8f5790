package upstream

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Gnomon is the API of one or many sidecars. Safe for concurrent use.
type Gnomon struct {
	Targets Finder
	Client  *http.Client
	Limits  Limits
}

// Finder names the sidecars. Implementations are safe for concurrent use.
type Finder interface {
	Find(ctx context.Context) ([]*url.URL, error)
}

// atOnce bounds the sidecars that are asked at the same time.
const atOnce = 8

// Status is what a sidecar concluded last.
type Status struct {
	Time  time.Time `json:"time"`
	Build struct {
		Version string `json:"version"`
	} `json:"build"`
	Models []Model `json:"models"`
}

// Model is the part of a model's results that the data source reads.
type Model struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Verdict struct {
		Level    string    `json:"level"`
		Findings []Finding `json:"findings"`
	} `json:"verdict"`
	Requests struct {
		PerSecond float64  `json:"per_second"`
		ErrorRate *float64 `json:"error_ratio"`
		P50       *float64 `json:"p50_seconds"`
		P99       *float64 `json:"p99_seconds"`
	} `json:"requests"`
}

// Finding is one statement in words.
type Finding struct {
	Kind  string `json:"kind"`
	Words string `json:"words"`
}

// Event is something that happened once.
type Event struct {
	Time    time.Time `json:"time"`
	Kind    string    `json:"kind"`
	Level   string    `json:"level"`
	Model   string    `json:"model"`
	Version string    `json:"version"`
	Words   string    `json:"words"`
	Sidecar string    `json:"-"`
}

// Record is one of the records that a sidecar keeps as the worst. Fields that
// the sidecar does not tell, for privacy or because it is old, are absent.
type Record struct {
	ID         string    `json:"id"`
	Time       time.Time `json:"time"`
	Model      string    `json:"model"`
	Version    string    `json:"version"`
	Reason     string    `json:"reason"`
	Score      *float64  `json:"score"`
	Predicted  string    `json:"predicted"`
	Actual     string    `json:"actual"`
	Confidence *float64  `json:"confidence"`
	Words      string    `json:"words"`
	TraceID    string    `json:"trace_id"`
	// Explanation is there where the sidecar has explained the record.
	Explanation *struct {
		Attributions []Attribution `json:"attributions"` // the largest first
	} `json:"explanation"`
	Sidecar string `json:"-"`
}

// Attribution is how much the score of an answer falls without a part of the
// input.
type Attribution struct {
	Part  string  `json:"part"`
	Value float64 `json:"value"`
}

// Reply is one sidecar's part of an answer.
type Reply[T any] struct {
	Sidecar string
	Value   T
	Took    time.Duration
	Skew    time.Duration
	Err     error
}

// Statuses asks every sidecar for its results.
func (g *Gnomon) Statuses(ctx context.Context) ([]Reply[Status], error) {
	return fan[Status](ctx, g, "api/v1/status", nil)
}

// Events asks every sidecar for what happened since.
func (g *Gnomon) Events(ctx context.Context, since time.Time) ([]Reply[[]Event], error) {
	replies, err := fan[struct {
		Events []Event `json:"events"`
	}](ctx, g, "api/v1/events", url.Values{"since": {since.UTC().Format(time.RFC3339Nano)}})
	out := make([]Reply[[]Event], len(replies))
	for i, r := range replies {
		for j := range r.Value.Events {
			r.Value.Events[j].Sidecar = r.Sidecar
		}
		out[i] = Reply[[]Event]{r.Sidecar, r.Value.Events, r.Took, r.Skew, r.Err}
	}
	return out, err
}

// Worst asks every sidecar for the records of a model that it keeps as the
// worst by a reason.
func (g *Gnomon) Worst(ctx context.Context, model, version, reason string, limit string) ([]Reply[[]Record], error) {
	query := url.Values{"limit": {limit}}
	if version != "" {
		query.Set("version", version)
	}
	if reason != "" {
		query.Set("reason", reason)
	}
	replies, err := fan[struct {
		Records []Record `json:"records"`
	}](ctx, g, "api/v1/models/"+url.PathEscape(model)+"/worst", query)
	out := make([]Reply[[]Record], len(replies))
	for i, r := range replies {
		for j := range r.Value.Records {
			r.Value.Records[j].Sidecar = r.Sidecar
		}
		out[i] = Reply[[]Record]{r.Sidecar, r.Value.Records, r.Took, r.Skew, r.Err}
	}
	return out, err
}

// fan asks all sidecars, some at once. It fails only where none answers: one
// that is gone must not hide what the others say.
func fan[T any](ctx context.Context, g *Gnomon, path string, query url.Values) ([]Reply[T], error) {
	targets, err := g.Targets.Find(ctx)
	if err != nil {
		return nil, err
	}
	replies := make([]Reply[T], len(targets))
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, target := range targets {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			replies[i] = one[T](ctx, g, target, path, query)
		})
	}
	wg.Wait()
	var first error
	for _, r := range replies {
		if r.Err == nil {
			return replies, nil
		}
		if first == nil {
			first = r.Err
		}
	}
	return replies, first
}

func one[T any](ctx context.Context, g *Gnomon, target *url.URL, path string, query url.Values) (r Reply[T]) {
	e := Endpoint{Name: "gnomon " + target.Host, Base: target, Client: g.Client, Limits: g.Limits}
	r.Sidecar = target.Host
	start := time.Now()
	body, status, date, err := e.ask(ctx, path, query, nil)
	r.Took = time.Since(start)
	if !date.IsZero() {
		r.Skew = date.Sub(time.Now()).Round(time.Second)
	}
	switch {
	case err != nil:
		r.Err = err
	case status != http.StatusOK:
		r.Err = statusFault(e.Name, status, message(body))
	default:
		r.Err = e.decode(body, &r.Value)
	}
	return r
}
