package alertmanager

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/alerts/spec"
	"go.yaml.in/yaml/v3"
)

// sink keeps what Alertmanager sends, by receiver: the path of a request, or
// "mail".
type sink struct {
	mu  sync.Mutex
	got map[string][]string
	url string
	// smtp is the address of the mail server.
	smtp string
}

func (s *sink) add(from, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got[from] = append(s.got[from], text)
}

// find returns the first message of a receiver that has all of the texts.
func (s *sink) find(from string, texts ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.got[from] {
		all := true
		for _, x := range texts {
			all = all && strings.Contains(m, x)
		}
		if all {
			return true
		}
	}
	return false
}

func newSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{got: map[string][]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.add(r.URL.Path, string(body))
		if strings.Contains(r.URL.Path, "enqueue") {
			w.WriteHeader(http.StatusAccepted)
		}
		answer := `{"status": "success"}`
		if r.URL.Path == "/slack" {
			answer = "ok"
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go s.mail(c)
		}
	}()
	s.url, s.smtp = server.URL, listener.Addr().String()
	return s
}

// mail speaks as much SMTP as a delivery takes.
func (s *sink) mail(c net.Conn) {
	defer c.Close()
	lines := bufio.NewReader(c)
	say := func(text string) { fmt.Fprintf(c, "%s\r\n", text) }
	say("220 sink")
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(strings.Fields(line + " x")[0]); verb {
		case "DATA":
			say("354 go on")
			var text strings.Builder
			for {
				line, err := lines.ReadString('\n')
				if err != nil {
					return
				}
				if strings.TrimRight(line, "\r\n") == "." {
					break
				}
				text.WriteString(line)
			}
			s.add("mail", text.String())
			say("250 kept")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}

// start starts the real one with the generated configuration; only the
// addresses of the services are the sink's.
func start(t *testing.T, s *sink, f *spec.File) (url string) {
	t.Helper()
	tool, err := exec.LookPath("alertmanager")
	if err != nil {
		if tool, err = filepath.Abs("../../.cache/bin/alertmanager"); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(tool); err != nil {
			t.Skip("no alertmanager; make tools builds it")
		}
	}
	path := write(t, f)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	global := config["global"].(map[string]any)
	global["pagerduty_url"], global["opsgenie_api_url"] = s.url+"/v2/enqueue", s.url+"/opsgenie/"
	if text, err = yaml.Marshal(config); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	var log bytes.Buffer
	cmd := exec.Command(tool, "--config.file", path, "--storage.path", t.TempDir(), "--web.listen-address", address, "--cluster.listen-address", "", "--log.level", "warn")
	cmd.Stderr, cmd.Stdout = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("alertmanager says: %s", log.String())
		}
	})
	until(t, "alertmanager is ready", func() bool {
		resp, err := http.Get("http://" + address + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return "http://" + address
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("not in 90 seconds: %s", what)
}

func post(t *testing.T, url string, body any) {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(url, "application/json", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s: %s %s", url, resp.Status, text)
	}
}

// alert is one as the generated rules make it.
func alert(name, class, cause, model string, ends time.Time) map[string]any {
	a := map[string]any{
		"labels": map[string]string{"alertname": name, "alert_class": class, "root_cause": cause, "model": model, "model_version": "3", "slo": "drift", "burn_tier": "fast", "team": "ml"},
		"annotations": map[string]string{"summary": model + " is not well", "description": "12.5 % of all answers are wrong.",
			"runbook_url": "https://example.com/runbooks/" + name + ".md", "dashboard_url": "https://example.com/d?var-model=" + model},
	}
	if !ends.IsZero() {
		a["startsAt"], a["endsAt"] = ends.Add(-time.Minute), ends
	}
	return a
}

// TestDelivery: pages and tickets arrive by every way there is, with figures and
// links; what is inhibited or silenced does not; the end is told too.
func TestDelivery(t *testing.T) {
	s := newSink(t)
	dir := t.TempDir()
	secret := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	f := spec.Default()
	f.Compress = 120 // of the waits
	f.Notify = spec.Notify{
		Page:      []spec.Receiver{{PagerDutyKeyFile: secret("pagerduty", "the-routing-key")}, {Webhook: s.url + "/hook"}},
		Ticket:    []spec.Receiver{{SlackURLFile: secret("slack", s.url+"/slack"), SlackChannel: "#models"}, {OpsgenieKeyFile: secret("opsgenie", "the-key")}, {Email: "ml@example.com"}},
		Smarthost: s.smtp, From: "gnomon@example.com", SMTPPlain: true,
	}
	url := start(t, s, f)
	post(t, url+"/api/v2/silences", map[string]any{"matchers": []map[string]any{{"name": "model", "value": "quiet", "isRegex": false, "isEqual": true}},
		"startsAt": time.Now().Add(-time.Second), "endsAt": time.Now().Add(time.Hour), "createdBy": "test", "comment": "known"})
	post(t, url+"/api/v2/alerts", []any{alert("VersionMismatch", "page", "version", "digits", time.Time{}), alert("SilentRegression", "ticket", "model", "digits", time.Time{}),
		alert("FeatureDrift", "ticket", "data", "fraud", time.Time{}), alert("FeatureDrift", "ticket", "data", "quiet", time.Time{})})
	until(t, "PagerDuty is paged", func() bool {
		return s.find("/v2/enqueue", `"routing_key":"the-routing-key"`, `"event_action":"trigger"`, "[FIRING 1] digits 3: VersionMismatch", "12.5 % of all answers", "https://example.com/runbooks/VersionMismatch.md", "var-model=digits")
	})
	until(t, "the webhook is told", func() bool { return s.find("/hook", `"status":"firing"`, "VersionMismatch") })
	until(t, "Slack is told", func() bool {
		return s.find("/slack", `#models`, "[FIRING 1] fraud 3: FeatureDrift", "12.5 % of all answers", "runbooks/FeatureDrift.md")
	})
	until(t, "Opsgenie is told", func() bool { return s.find("/opsgenie/v2/alerts", "[FIRING 1] fraud 3: FeatureDrift", "12.5 %") })
	until(t, "a mail arrives", func() bool {
		return s.find("mail", "Subject: [FIRING 1] fraud 3: FeatureDrift", "To: ml@example.com", "runbooks/FeatureDrift.md")
	})
	end := time.Now().Add(-time.Second)
	post(t, url+"/api/v2/alerts", []any{alert("VersionMismatch", "page", "version", "digits", end), alert("SilentRegression", "ticket", "model", "digits", end), alert("FeatureDrift", "ticket", "data", "fraud", end)})
	until(t, "the page is resolved", func() bool { return s.find("/v2/enqueue", `"event_action":"resolve"`) })
	until(t, "Slack is told of the end", func() bool { return s.find("/slack", "[RESOLVED] fraud 3: FeatureDrift") })
	until(t, "a mail tells of the end", func() bool { return s.find("mail", "Subject: [RESOLVED] fraud 3: FeatureDrift") })
	for _, from := range []string{"/v2/enqueue", "/hook", "/slack", "/opsgenie/v2/alerts", "mail"} {
		if s.find(from, "SilentRegression") {
			t.Errorf("%s is told of a symptom beside its cause", from)
		}
		if s.find(from, "quiet") {
			t.Errorf("%s is told of what is silenced", from)
		}
	}
}
