package hook

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestInvalid: one file for every rule; the error names the field and the fix.
func TestInvalid(t *testing.T) {
	want := map[string]string{
		"unknown-field": "comand not found", "no-token": "token_file: is missing", "no-audit": "audit_log: is missing", "audit-limit": "audit_limit: is 1024",
		"body-limit": "body_limit: is 1024", "queue": "queue: is 0", "no-jobs": "jobs: are missing", "twice": "jobs[1].name", "name": "jobs[0].name", "no-alerts": "jobs[0].alerts:",
		"pattern": "jobs[0].alerts[0]", "every": "jobs[0].every", "per-day": "jobs[0].per_day", "timeout": "jobs[0].timeout", "retries": "jobs[0].retries", "neither": "neither a command nor a request",
		"both": "both a command and a request", "url": "jobs[0].request.url", "plain-token": "write https", "request-token": "request.token_file", "secret-header": "request.headers.authorization",
		"template": "jobs[0].request.body", "documents": "second YAML document",
	}
	files, err := filepath.Glob("testdata/invalid/*.yaml")
	if err != nil || len(files) != len(want) {
		t.Fatalf("%d files for %d rules: %v", len(files), len(want), err)
	}
	for _, f := range files {
		_, err := Load(f)
		if words := want[strings.TrimSuffix(filepath.Base(f), ".yaml")]; err == nil || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "fix: ") {
			t.Errorf("%s: %v; want %q and a fix", f, err, words)
		}
	}
}

func TestDefaults(t *testing.T) {
	c, err := parse([]byte("jobs: [{name: a, alerts: [A], command: [x]}, {name: b, alerts: [A], request: {url: u}, group_by: []}]"))
	if err != nil {
		t.Fatal(err)
	}
	if j := c.Jobs[0]; *j.Retries != 0 || j.PerDay != 4 || len(j.GroupBy) != 1 {
		t.Errorf("a command: %+v", j)
	}
	if j := c.Jobs[1]; *j.Retries != 3 || len(j.GroupBy) != 0 {
		t.Errorf("a request: %+v", j)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte("token_file: a\njobs: [{name: a, alerts: [A], request: {url: 'http://x', body: {a: ['{{ .Alert }}', 1]}}}]"))
	f.Add([]byte("jobs: [{request: {body: {1: 2}}}]"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if c, err := parse(data); err == nil {
			for i := range c.Jobs {
				if r := c.Jobs[i].Request; r != nil && !strings.Contains(string(data), "{{") {
					_, _ = r.render(Start{}) // must not crash
				}
			}
		}
	})
}
