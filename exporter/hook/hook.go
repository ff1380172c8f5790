// Package hook starts jobs when Alertmanager says so: a retraining, mostly. It
// receives webhooks, decides by an allow-list, by what has run before and by
// rate limits, and runs a command or posts a JSON body.
//
// An answer to Alertmanager waits for the decision, never for a job. Every
// decision is in the audit log before it is acted on; the log is also the
// memory that a restart reads, so that nothing is started twice.
package hook

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Settings is the wiring.
type Settings struct {
	Config     *Config
	Registerer prometheus.Registerer
	Client     *http.Client  // redirects are never followed
	Pause      time.Duration // before a request's second attempt, doubled each time; 2 s where 0
	Now        func() time.Time
	Logger     *slog.Logger
}

// Receiver decides and runs. It is an http.Handler for Alertmanager's
// webhooks, safe for concurrent use.
type Receiver struct {
	s       Settings
	client  http.Client
	metrics *metrics
	audit   *audit

	mu     sync.Mutex // of memory, and of deciding and queueing as one step
	memory *memory
	queues []chan Start // by job
}

// New opens the audit log and recalls from it what has been started.
func New(s Settings) (*Receiver, error) {
	m, err := recall(s.Config.AuditLog)
	if err != nil {
		return nil, err
	}
	a, err := openAudit(s.Config.AuditLog, int64(s.Config.AuditLimit), s.Now)
	if err != nil {
		return nil, err
	}
	r := &Receiver{s: s, audit: a, memory: m, metrics: newMetrics(s.Registerer, s.Config.Jobs)}
	if s.Client != nil {
		r.client = *s.Client
	}
	r.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if r.s.Pause == 0 {
		r.s.Pause = 2 * time.Second
	}
	for range s.Config.Jobs {
		r.queues = append(r.queues, make(chan Start, s.Config.Queue))
	}
	return r, nil
}

// Run performs what is queued, one start of a job at a time, until ctx ends.
// What waits then comes again when Alertmanager repeats the alert.
func (r *Receiver) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for i := range r.s.Config.Jobs {
		all.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case s := <-r.queues[i]:
					if ctx.Err() == nil {
						r.perform(ctx, &r.s.Config.Jobs[i], s)
					}
				}
			}
		})
	}
	all.Wait()
	return r.audit.close()
}

func (r *Receiver) perform(ctx context.Context, j *Job, s Start) {
	log := r.s.Logger.With("job", j.Name, "alert", s.Alert, "model", s.Labels["model"])
	r.metrics.waiting.WithLabelValues(j.Name).Dec()
	begin := r.s.Now()
	var o outcome
	if o.err = r.audit.write(entryOf("started", &s)); o.err == nil {
		r.metrics.started.WithLabelValues(j.Name).Set(float64(begin.UnixNano()) / 1e9)
		o = j.perform(ctx, &r.client, s, r.s.Pause)
	}
	e := entryOf("succeeded", &s)
	e.Attempts, e.Seconds, e.Status, e.ExitCode, e.Output = o.attempts, r.s.Now().Sub(begin).Seconds(), o.status, o.exitCode, o.output
	word := "success"
	if o.err != nil {
		e.Event, e.Error, word = "failed", o.err.Error(), "failure"
		r.mu.Lock()
		r.memory.forget(&s)
		r.mu.Unlock()
		log.Error("job failed", "error", o.err, "attempts", o.attempts)
	} else {
		log.Info("job done", "seconds", e.Seconds)
	}
	if err := r.audit.write(e); err != nil {
		log.Error("the end of a job is not in the audit log", "error", err)
	}
	r.metrics.jobs.WithLabelValues(j.Name, word).Inc()
}

// decision is what is answered of one alert and job.
type decision struct {
	Alert    string `json:"alert"`
	Job      string `json:"job,omitempty"`
	Decision string `json:"decision"`
}

// ServeHTTP takes one notification. 503 says that a queue is full or a
// decision could not be written: Alertmanager then sends it again.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	reply := func(code int, outcome string, v any) {
		r.metrics.notifications.WithLabelValues(outcome).Inc()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(v) // the client has gone: nothing to do
	}
	fault := func(code int, outcome, words string) { reply(code, outcome, map[string]string{"error": words}) }
	token, err := secret(r.s.Config.TokenFile)
	if err != nil {
		r.s.Logger.Error("the token cannot be read; every notification is refused", "error", err)
		fault(http.StatusServiceUnavailable, "error", "the receiver's token cannot be read")
		return
	}
	given, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	if !ok || subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
		w.Header().Set("WWW-Authenticate", "Bearer")
		fault(http.StatusUnauthorized, "unauthorized", "the bearer token is missing or wrong")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, int64(r.s.Config.BodyLimit)))
	var long *http.MaxBytesError
	if errors.As(err, &long) {
		fault(http.StatusRequestEntityTooLarge, "invalid", "the notification is longer than body_limit")
		return
	}
	var n *notification
	if err == nil {
		n, err = decode(body)
	}
	if err != nil {
		fault(http.StatusBadRequest, "invalid", err.Error())
		return
	}
	decisions := r.decide(n, req.RemoteAddr)
	code, word := http.StatusOK, "accepted"
	for _, d := range decisions {
		switch d.Decision {
		case "queue_full":
			code, word = http.StatusServiceUnavailable, "busy"
		case "error":
			code, word = http.StatusServiceUnavailable, "error"
		}
	}
	reply(code, word, map[string]any{"decisions": decisions})
}

// decide judges every alert for every job.
func (r *Receiver) decide(n *notification, from string) []decision {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []decision
	for i := range n.Alerts {
		a := &n.Alerts[i]
		s := Start{Alert: a.Labels["alertname"], Labels: a.Labels, Annotations: a.Annotations, StartsAt: a.StartsAt, Fingerprint: a.Fingerprint, GeneratorURL: a.GeneratorURL, Alertmanager: n.ExternalURL}
		listed := false
		for k := range r.s.Config.Jobs {
			if j := &r.s.Config.Jobs[k]; j.listed(a) {
				listed = true
				s.Job, s.group = j.Name, group(j, a.Labels)
				out = append(out, r.one(k, a, s, from))
			}
		}
		if !listed {
			s.Job = ""
			out = append(out, r.settle(&s, "not_listed", from))
		}
	}
	return out
}

// listed reports whether the job is for such an alert.
func (j *Job) listed(a *Alert) bool {
	for k, v := range j.Match {
		if a.Labels[k] != v {
			return false
		}
	}
	return slices.Contains(j.Alerts, a.Labels["alertname"])
}

// one judges an alert for a job; r.mu is held, and only it adds to the queue.
func (r *Receiver) one(k int, a *Alert, s Start, from string) decision {
	if a.Status == "resolved" {
		return r.settle(&s, "resolved", from)
	}
	now := r.s.Now()
	if why := r.memory.refusal(&r.s.Config.Jobs[k], &s, now); why != "" {
		return r.settle(&s, why, from)
	}
	if len(r.queues[k]) == cap(r.queues[k]) {
		return r.settle(&s, "queue_full", from)
	}
	d := r.settle(&s, "queued", from)
	if d.Decision == "queued" {
		r.memory.note(&s, now)
		r.metrics.waiting.WithLabelValues(s.Job).Inc()
		r.queues[k] <- s // there is room
	}
	return d
}

// settle writes a decision down; "error" where that is not possible.
func (r *Receiver) settle(s *Start, word, from string) decision {
	e := entryOf("skipped", s)
	e.From = from
	if word == "queued" {
		e.Event = "queued"
	} else {
		e.Reason = word
	}
	if err := r.audit.write(e); err != nil {
		r.s.Logger.Error("a decision cannot be written, and nothing is started", "job", s.Job, "alert", s.Alert, "error", err)
		word = "error"
	}
	r.metrics.alerts.WithLabelValues(word).Inc()
	return decision{Alert: s.Alert, Job: s.Job, Decision: word}
}
