package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type bench struct {
	*Receiver
	t     *testing.T
	clock *clock
	stop  func()
}

// receiver is one on a configuration, not running yet.
func receiver(t *testing.T, dir string, c *clock, jobs ...Job) *bench {
	t.Helper()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range jobs {
		jobs[i].defaults()
	}
	cfg := &Config{TokenFile: token, AuditLog: filepath.Join(dir, "audit.jsonl"), AuditLimit: 1 << 20, BodyLimit: 1 << 16, Queue: 4, Jobs: jobs}
	r, err := New(Settings{Config: cfg, Registerer: prometheus.NewPedanticRegistry(), Pause: time.Millisecond, Now: c.now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return &bench{Receiver: r, t: t, clock: c, stop: func() {}}
}

func (b *bench) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := b.Run(ctx); err != nil {
			b.t.Error(err)
		}
	}()
	b.stop = sync.OnceFunc(func() { cancel(); <-done })
	b.t.Cleanup(b.stop)
}

func alert(name, model, fingerprint, status string) Alert {
	return Alert{Status: status, Labels: map[string]string{"alertname": name, "model": model, "model_version": "3"}, StartsAt: time.Unix(1_700_000_000, 0).UTC(), Fingerprint: fingerprint}
}

func (b *bench) post(alerts ...Alert) (int, string) {
	b.t.Helper()
	body, err := json.Marshal(notification{Version: "4", Alerts: alerts})
	if err != nil {
		b.t.Fatal(err)
	}
	return b.send("secret", body)
}

func (b *bench) send(token string, body []byte) (int, string) {
	req := httptest.NewRequest(http.MethodPost, "/api/v1/alerts", bytes.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	b.ServeHTTP(w, req)
	var answer struct{ Decisions []decision }
	if json.Unmarshal(w.Body.Bytes(), &answer) != nil || answer.Decisions == nil {
		return w.Code, w.Body.String()
	}
	var words []string
	for _, d := range answer.Decisions {
		words = append(words, d.Decision)
	}
	return w.Code, strings.Join(words, " ")
}

func (b *bench) expect(code int, words string) func(int, string) {
	b.t.Helper()
	return func(gotCode int, got string) {
		b.t.Helper()
		if gotCode != code || got != words {
			b.t.Errorf("%d %q, want %d %q", gotCode, got, code, words)
		}
	}
}

// ended waits until a job has ended so many times.
func (b *bench) ended(job, outcome string, n float64) {
	b.t.Helper()
	for deadline := time.Now().Add(time.Minute); testutil.ToFloat64(b.metrics.jobs.WithLabelValues(job, outcome)) < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("%s has not ended in %s %v times", job, outcome, n)
		}
	}
}

func entries(t *testing.T, path string) (out []entry) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out = append(out, e)
	}
	return out
}

func TestDecisions(t *testing.T) {
	b := receiver(t, t.TempDir(), &clock{at: time.Unix(1_700_000_100, 0)}, Job{Name: "retrain", Alerts: []string{"RetrainWanted"}, Match: map[string]string{"model_version": "3"}, PerDay: 3, Command: []string{"true"}})
	b.expect(200, "queued")(b.post(alert("RetrainWanted", "digits", "1", "firing")))
	b.expect(200, "duplicate not_listed resolved")(b.post(alert("RetrainWanted", "digits", "1", "firing"), alert("Watchdog", "digits", "2", "firing"), alert("RetrainWanted", "digits", "1", "resolved")))
	b.expect(200, "rate_limited queued")(b.post(alert("RetrainWanted", "digits", "3", "firing"), alert("RetrainWanted", "credit", "4", "firing")))
	other := alert("RetrainWanted", "x", "5", "firing")
	other.Labels["model_version"] = "2"
	b.expect(200, "not_listed")(b.post(other))
	b.clock.pass(7 * time.Hour) // a repeat of what was limited is a start now; the day's limit is three
	b.expect(200, "queued rate_limited")(b.post(alert("RetrainWanted", "digits", "3", "firing"), alert("RetrainWanted", "other", "6", "firing")))
	b.clock.pass(24 * time.Hour)
	b.expect(200, "queued")(b.post(alert("RetrainWanted", "other", "6", "firing")))
	b.expect(503, "queue_full")(b.post(alert("RetrainWanted", "fifth", "7", "firing"))) // nothing runs, four wait
	if e := entries(t, b.s.Config.AuditLog); len(e) != 11 || e[0].Event != "queued" || e[2].Reason != "not_listed" || e[10].Reason != "queue_full" {
		t.Errorf("audit log: %d entries, %+v", len(e), e)
	}
}

func TestRefused(t *testing.T) {
	b := receiver(t, t.TempDir(), &clock{}, Job{Name: "retrain", Alerts: []string{"A"}, Command: []string{"true"}})
	for name, c := range map[string]struct {
		token, body string
		code        int
	}{
		"no token":   {"", `{}`, 401},
		"wrong":      {"secret2", `{}`, 401},
		"no JSON":    {"secret", `nonsense`, 400},
		"version":    {"secret", `{"version":"3","alerts":[]}`, 400},
		"no alerts":  {"secret", `{"version":"4"}`, 400},
		"status":     {"secret", `{"version":"4","alerts":[{"labels":{"alertname":"A"},"fingerprint":"1"}]}`, 400},
		"no name":    {"secret", `{"version":"4","alerts":[{"status":"firing","fingerprint":"1"}]}`, 400},
		"too long":   {"secret", strings.Repeat(" ", 1<<17), 413},
		"no episode": {"secret", `{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"A"}}]}`, 400},
	} {
		if code, words := b.send(c.token, []byte(c.body)); code != c.code {
			t.Errorf("%s: %d %s, want %d", name, code, words, c.code)
		}
	}
	if err := os.WriteFile(b.s.Config.TokenFile, []byte("next"), 0o600); err != nil { // turned over while it runs
		t.Fatal(err)
	}
	if code, _ := b.send("secret", nil); code != 401 {
		t.Errorf("the old token still works: %d", code)
	}
	if code, _ := b.send("next", nil); code != 400 {
		t.Errorf("the new token does not work: %d", code)
	}
}

// TestCommand runs a real program: it gets the alert on its standard input and
// in its environment, and nothing in the alert reaches a shell.
func TestCommand(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	b := receiver(t, dir, &clock{at: time.Unix(1_700_000_100, 0)},
		Job{Name: "retrain", Alerts: []string{"A"}, Command: []string{"sh", "-c", `cat > "` + out + `"; echo "$GNOMON_ALERT $GNOMON_MODEL $GNOMON_MODEL_VERSION"`}},
		Job{Name: "fails", Alerts: []string{"B"}, Command: []string{"sh", "-c", "echo broken >&2; exit 7"}})
	b.run()
	b.post(alert("A", "$(touch owned)", "1", "firing"))
	b.post(alert("B", "digits", "2", "firing"))
	b.ended("retrain", "success", 1)
	b.ended("fails", "failure", 1)
	b.expect(200, "queued")(b.post(alert("B", "digits", "2", "firing"))) // what failed may be tried again
	b.ended("fails", "failure", 2)
	b.stop()
	var s Start
	if data, err := os.ReadFile(out); err != nil || json.Unmarshal(data, &s) != nil || s.Labels["model"] != "$(touch owned)" || s.Job != "retrain" {
		t.Errorf("standard input: %+v %v", s, err)
	}
	var last entry
	for _, e := range entries(t, b.s.Config.AuditLog) {
		if e.Event == "succeeded" && e.Output != "A $(touch owned) 3\n" {
			t.Errorf("environment: %q", e.Output)
		}
		last = e
	}
	if last.Event != "failed" || last.ExitCode == nil || *last.ExitCode != 7 || last.Output != "broken\n" {
		t.Errorf("%+v", last)
	}
}

// TestRequest: a body of templates stays JSON whatever the labels hold; busy
// servers are asked again, redirects are not followed.
func TestRequest(t *testing.T) {
	var mu sync.Mutex
	var bodies []string
	answers := []int{503, 429, 204, 302}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		data, _ := io.ReadAll(r.Body)
		bodies = append(bodies, r.Header.Get("Authorization")+" "+r.Header.Get("Accept")+" "+string(data))
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(answers[min(len(bodies), len(answers))-1])
	}))
	defer server.Close()
	dir := t.TempDir()
	b := receiver(t, dir, &clock{at: time.Unix(1_700_000_100, 0)}, Job{Name: "dispatch", Alerts: []string{"A"}, Request: &Request{URL: server.URL, TokenFile: filepath.Join(dir, "token"), Headers: map[string]string{"Accept": "x"},
		Body: map[string]any{"event_type": "retrain", "client_payload": map[string]any{"model": "{{ .Labels.model }}", "n": 1, "of": []any{"{{ .Alert }}"}, "team": "{{ .Labels.team }}"}}}})
	b.run()
	b.post(alert("A", `di"gits\`, "1", "firing"))
	b.ended("dispatch", "success", 1)
	b.clock.pass(24 * time.Hour)
	b.post(alert("A", "digits", "2", "firing"))
	b.ended("dispatch", "failure", 1)
	b.stop()
	want := `Bearer secret x {"client_payload":{"model":"di\"gits\\","n":1,"of":["A"],"team":""},"event_type":"retrain"}`
	if len(bodies) != 4 || bodies[0] != want || bodies[2] != want {
		t.Errorf("%d requests: %q", len(bodies), bodies)
	}
	all := entries(t, b.s.Config.AuditLog)
	if e := all[2]; e.Event != "succeeded" || e.Attempts != 3 || e.Status != 204 {
		t.Errorf("%+v", e)
	}
	if e := all[len(all)-1]; e.Event != "failed" || e.Attempts != 1 || e.Status != 302 {
		t.Errorf("%+v", e)
	}
}

// TestNeverWaits: a job that hangs keeps no notification waiting, and ends when
// its time or the receiver's is up.
func TestNeverWaits(t *testing.T) {
	hung := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hung }))
	defer server.Close()
	defer close(hung)
	none := 0
	b := receiver(t, t.TempDir(), &clock{at: time.Unix(1_700_000_100, 0)}, Job{Name: "hangs", Alerts: []string{"A"}, GroupBy: []string{"model"}, PerDay: 100, Timeout: config.Duration(time.Hour), Retries: &none, Request: &Request{URL: server.URL}},
		Job{Name: "late", Alerts: []string{"B"}, Timeout: config.Duration(100 * time.Millisecond), Command: []string{"sleep", "3600"}})
	b.run()
	full := false
	for i := range 10 {
		code, _ := b.post(alert("A", fmt.Sprint(i), fmt.Sprint(i), "firing"))
		full = full || code == 503
	}
	if !full {
		t.Error("ten starts found room in a queue of four")
	}
	b.post(alert("B", "digits", "99", "firing"))
	b.ended("late", "failure", 1)
	b.stop()
}

// TestRestart: what a former run has started is not started again; what only
// waited, or failed, is.
func TestRestart(t *testing.T) {
	dir, c := t.TempDir(), &clock{at: time.Unix(1_700_000_100, 0)}
	job := Job{Name: "retrain", Alerts: []string{"A"}, PerDay: 10, Command: []string{"true"}}
	b := receiver(t, dir, c, job)
	b.run()
	b.post(alert("A", "done", "1", "firing"))
	b.ended("retrain", "success", 1)
	b.stop()
	b = receiver(t, dir, c, job) // never runs: the start waits, and is lost
	b.expect(200, "duplicate queued")(b.post(alert("A", "done", "1", "firing"), alert("A", "waits", "2", "firing")))
	if err := os.WriteFile(b.s.Config.AuditLog, append(must(os.ReadFile(b.s.Config.AuditLog)), []byte(`{"time":"20`)...), 0o600); err != nil { // cut by a crash
		t.Fatal(err)
	}
	b = receiver(t, dir, c, job)
	b.expect(200, "duplicate queued rate_limited")(b.post(alert("A", "done", "1", "firing"), alert("A", "waits", "2", "firing"), alert("A", "done", "3", "firing")))
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestAuditTurnsOver(t *testing.T) {
	c := &clock{}
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	a, err := openAudit(path, 2000, c.now)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := a.write(entry{Event: "queued", Fingerprint: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{path, path + ".1"} {
		if st, err := os.Stat(p); err != nil || st.Size() > 2000 {
			t.Errorf("%s: %v %v", p, st, err)
		}
	}
	if e := entries(t, path); e[len(e)-1].Fingerprint != "99" {
		t.Errorf("the newest entry is %+v", e[len(e)-1])
	}
	// Nothing is started where nothing can be written.
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	b := receiver(t, t.TempDir(), c, Job{Name: "retrain", Alerts: []string{"A"}, Command: []string{"true"}})
	_ = b.audit.close()
	b.expect(503, "error")(b.post(alert("A", "digits", "1", "firing")))
}

func TestMemoryIsBounded(t *testing.T) {
	m := map[string]time.Time{}
	for i := range 100 {
		put(m, fmt.Sprint(i), time.Unix(int64(i), 0), 10)
	}
	if len(m) != 10 || m["99"].IsZero() {
		t.Errorf("%v", m)
	}
}

func FuzzNotification(f *testing.F) {
	f.Add([]byte(`{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"A"},"startsAt":"2024-01-01T00:00:00Z","fingerprint":"1"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if n, err := decode(data); err == nil && len(n.Alerts) == 0 {
			t.Error("no alerts, and no error")
		}
	})
}

func FuzzAudit(f *testing.F) {
	f.Add([]byte(`{"event":"queued","job":"a","fingerprint":"1"}` + "\n" + `{"event":"failed","job":"a","fingerprint":"1"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := replay(bytes.NewReader(data), newMemory(), map[string]*Start{}); err != nil {
			t.Error(err)
		}
	})
}
