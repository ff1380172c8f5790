package alertmanager

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/alerts/spec"
)

func file() *spec.File {
	f := spec.Default()
	f.Notify = spec.Notify{
		Page:        []spec.Receiver{{PagerDutyKeyFile: "/etc/pagerduty.key"}, {Webhook: "http://127.0.0.1:9/page"}},
		Ticket:      []spec.Receiver{{SlackURLFile: "/etc/slack.url", SlackChannel: "#models"}, {OpsgenieKeyFile: "/etc/opsgenie.key"}},
		Info:        []spec.Receiver{{Email: "models@example.com"}},
		Teams:       []spec.TeamNotify{{Team: "vision", Page: []spec.Receiver{{Webhook: "http://127.0.0.1:9/vision"}}}},
		TicketHours: spec.Hours{Days: "monday:friday", From: "08:00", To: "18:00", Location: "Europe/Berlin"},
		Smarthost:   "mail.example.com:587", From: "gnomon@example.com",
	}
	return f
}

// amtool is the real one, where there is one.
func amtool(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("amtool"); err == nil {
		return path
	}
	path, err := filepath.Abs("../../.cache/bin/amtool")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("no amtool; make tools builds it")
	}
	return path
}

func write(t *testing.T, f *spec.File) string {
	t.Helper()
	dir := t.TempDir()
	b, err := YAML(f)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"alertmanager.yml": b, "gnomon.tmpl": Template} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "alertmanager.yml")
}

// TestConfigurationIsValid: amtool takes it, with all receivers and with none.
func TestConfigurationIsValid(t *testing.T) {
	tool := amtool(t)
	for name, f := range map[string]*spec.File{"all": file(), "none": spec.Default()} {
		if out, err := exec.Command(tool, "check-config", write(t, f)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

// TestRoutes: amtool says where alerts go.
func TestRoutes(t *testing.T) {
	tool := amtool(t)
	path := write(t, file())
	for labels, want := range map[string]string{
		"alert_class=page team=ml":                        "page",
		"alert_class=ticket team=ml":                      "ticket",
		"alert_class=info":                                "info",
		"alert_class=page team=vision":                    "page-vision",
		"alert_class=ticket team=vision":                  "ticket",
		"alertname=Watchdog alert_class=info":             "watchdog",
		"alertname=Other":                                 "ticket",
		"alert_class=page team=ml model=m root_cause=gpu": "page",
	} {
		args := append([]string{"config", "routes", "test", "--config.file", path}, strings.Fields(labels)...)
		out, err := exec.Command(tool, args...).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%s goes to %q (%v), want %q", labels, got, err, want)
		}
	}
}

// TestNoSecretIsWritten: only the names of files.
func TestNoSecretIsWritten(t *testing.T) {
	b, err := YAML(file())
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"routing_key:", "api_key:", "api_url:", "smtp_auth_password"} {
		if strings.Contains(string(b), field) {
			t.Errorf("the configuration holds %s", field)
		}
	}
	for _, want := range []string{"routing_key_file: /etc/pagerduty.key", "inhibit_rules:", "working-hours", "smtp_require_tls: true"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the configuration lacks %q", want)
		}
	}
}
