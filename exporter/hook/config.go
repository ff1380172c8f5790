package hook

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"go.yaml.in/yaml/v3"
)

// Config is the receiver's file.
type Config struct {
	// TokenFile holds the bearer token that Alertmanager sends; it is read at
	// every notification, so that it can be changed.
	TokenFile string `yaml:"token_file"`
	// AuditLog is the file of JSON lines that every decision is written to.
	AuditLog string `yaml:"audit_log"`
	// AuditLimit is the size at which the audit log is put aside as FILE.1.
	AuditLimit config.Bytes `yaml:"audit_limit"`
	BodyLimit  config.Bytes `yaml:"body_limit"` // of one notification
	Queue      int          `yaml:"queue"`      // starts of one job that may wait
	Jobs       []Job        `yaml:"jobs"`
}

// Job is what is started, by which alerts, and how often at most. It has
// either a command or a request.
type Job struct {
	Name   string            `yaml:"name"`
	Alerts []string          `yaml:"alerts"` // names of the alerts that may start it
	Match  map[string]string `yaml:"match"`  // labels that the alert must have
	// GroupBy are the labels that make two starts different ones for Every.
	GroupBy []string        `yaml:"group_by"`
	Every   config.Duration `yaml:"every"`   // between two starts of a group, at least
	PerDay  int             `yaml:"per_day"` // starts of the job within 24 hours, at most
	Timeout config.Duration `yaml:"timeout"` // of one attempt
	Retries *int            `yaml:"retries"` // further attempts of a request

	Command []string `yaml:"command"`
	Request *Request `yaml:"request"`
}

// Request is an HTTP POST of a JSON body.
type Request struct {
	URL       string            `yaml:"url"`
	Headers   map[string]string `yaml:"headers"`
	TokenFile string            `yaml:"token_file"` // of its bearer token
	// Body is sent as JSON; every text in it is a template over Start.
	Body any `yaml:"body"`
}

// Load reads and checks a file. Paths in it start from its folder.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c, err := parse(data)
	if err != nil {
		return nil, inFile(path, err)
	}
	dir := filepath.Dir(path)
	c.resolve(dir)
	return c, inFile(path, errors.Join(c.faults()...))
}

func inFile(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path, err)
}

func parse(data []byte) (*Config, error) {
	c := &Config{AuditLimit: 64 << 20, BodyLimit: 1 << 20, Queue: 16}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s; fix: docs/retraining.md lists the fields", strings.ReplaceAll(err.Error(), "hook.", ""))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("a second YAML document; fix: keep one document in the file")
	}
	for i := range c.Jobs {
		c.Jobs[i].defaults()
	}
	return c, nil
}

func (j *Job) defaults() {
	if j.GroupBy == nil {
		j.GroupBy = []string{"model"}
	}
	if j.Every == 0 {
		j.Every = config.Duration(6 * time.Hour)
	}
	if j.PerDay == 0 {
		j.PerDay = 4
	}
	if j.Timeout == 0 {
		j.Timeout = config.Duration(30 * time.Second)
		if len(j.Command) > 0 {
			j.Timeout = config.Duration(time.Hour)
		}
	}
	if j.Retries == nil {
		three := 3
		if len(j.Command) > 0 { // it may have done half of its work
			three = 0
		}
		j.Retries = &three
	}
}

func (c *Config) resolve(dir string) {
	abs := func(p *string) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	abs(&c.TokenFile)
	abs(&c.AuditLog)
	for i := range c.Jobs {
		j := &c.Jobs[i]
		if j.Request != nil {
			abs(&j.Request.TokenFile)
		}
		if len(j.Command) > 0 && strings.ContainsRune(j.Command[0], filepath.Separator) {
			abs(&j.Command[0])
		}
	}
}

// faults is everything that is wrong, each an *config.Error.
func (c *Config) faults() []error {
	k := &checker{}
	if k.that(c.TokenFile != "", "token_file", "name the file of the bearer token that Alertmanager sends (http_config.authorization.credentials_file)", "is missing") {
		_, err := secret(c.TokenFile)
		k.that(err == nil, "token_file", "write the token into the file, readable for gnomon", "%v", err)
	}
	k.that(c.AuditLog != "", "audit_log", "name the file that every decision is written to", "is missing")
	k.that(c.AuditLimit >= 64<<10, "audit_limit", "write at least 64KiB", "is %d bytes", c.AuditLimit)
	k.that(c.BodyLimit >= 4<<10 && c.BodyLimit <= 64<<20, "body_limit", "write a size from 4KiB to 64MiB", "is %d bytes", c.BodyLimit)
	k.that(c.Queue >= 1 && c.Queue <= 10_000, "queue", "write a number from 1 to 10000", "is %d", c.Queue)
	k.that(len(c.Jobs) > 0, "jobs", "list at least one job", "are missing")
	names := map[string]bool{}
	for i := range c.Jobs {
		j := &c.Jobs[i]
		k.that(!names[j.Name], fmt.Sprintf("jobs[%d].name", i), "give each job a name of its own", "%q is used twice", j.Name)
		names[j.Name] = true
		j.check(k, fmt.Sprintf("jobs[%d]", i))
	}
	return k.faults
}

func (j *Job) check(k *checker, at string) {
	k.that(jobName().MatchString(j.Name), at+".name", "write letters, digits, - and _", "is %q", j.Name)
	k.that(len(j.Alerts) > 0, at+".alerts", "list the names of the alerts that may start the job", "are missing")
	for i, a := range j.Alerts {
		k.that(a != "" && !strings.ContainsAny(a, "*?"), fmt.Sprintf("%s.alerts[%d]", at, i), "write the alert's whole name", "is %q, and patterns are not allowed", a)
	}
	k.that(j.Every >= config.Duration(time.Second), at+".every", "write a duration of at least 1s, such as 6h", "is %v", time.Duration(j.Every))
	k.that(j.PerDay >= 1 && j.PerDay <= 10_000, at+".per_day", "write a number from 1 to 10000", "is %d", j.PerDay)
	k.that(j.Timeout >= config.Duration(100*time.Millisecond) && j.Timeout <= config.Duration(7*24*time.Hour), at+".timeout", "write a duration from 100ms to 7d", "is %v", time.Duration(j.Timeout))
	k.that(*j.Retries >= 0 && *j.Retries <= 10, at+".retries", "write a number from 0 to 10", "is %d", *j.Retries)
	k.that((len(j.Command) > 0) != (j.Request != nil), at, "write either a command or a request", "has %s", map[bool]string{true: "both a command and a request", false: "neither a command nor a request"}[j.Request != nil])
	if r := j.Request; r != nil {
		r.check(k, at+".request")
	}
}

func (r *Request) check(k *checker, at string) {
	u, err := url.Parse(r.URL)
	k.that(err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "", at+".url", "write the URL that is posted to", "%q is not an HTTP URL", r.URL)
	k.that(err != nil || u.Scheme == "https" || r.TokenFile == "" || loopback(u.Hostname()), at+".url", "write https: the token would be readable on its way", "is http, and a token is sent")
	if r.TokenFile != "" {
		_, err := secret(r.TokenFile)
		k.that(err == nil, at+".token_file", "write the token into the file, readable for gnomon", "%v", err)
	}
	for name := range r.Headers {
		k.that(!strings.EqualFold(name, "Authorization"), at+".headers."+name, "put the token into a file and name it as token_file", "is a secret in the configuration")
	}
	if _, err := r.render(Start{}); err != nil {
		k.that(false, at+".body", "correct the template; docs/retraining.md lists what it may use", "%v", err)
	}
}

func loopback(host string) bool {
	return host == "localhost" || strings.HasPrefix(host, "127.") || host == "::1"
}

func jobName() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`) }

// secret is a token's file without the space around it.
func secret(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	s := strings.TrimSpace(string(data))
	if s == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return s, nil
}

type checker struct{ faults []error }

func (c *checker) that(ok bool, field, fix, what string, args ...any) bool {
	if !ok {
		c.faults = append(c.faults, &config.Error{Field: field, What: fmt.Sprintf(what, args...), Fix: fix})
	}
	return ok
}
