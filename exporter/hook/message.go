package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// notification is Alertmanager's webhook, version 4.
type notification struct {
	Version     string  `json:"version"`
	ExternalURL string  `json:"externalURL"`
	Alerts      []Alert `json:"alerts"`
}

// Alert is one alert of a notification.
type Alert struct {
	Status       string            `json:"status"` // firing, resolved
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// Start is what a job is told: as JSON on a command's standard input, and as
// what the templates of a request's body may use.
type Start struct {
	Job          string            `json:"job"`
	Alert        string            `json:"alert"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"starts_at"`
	Fingerprint  string            `json:"fingerprint"`
	GeneratorURL string            `json:"generator_url,omitempty"`
	Alertmanager string            `json:"alertmanager,omitempty"`

	group string // values of the job's group_by
}

// episode is one time that one alert fires: Alertmanager repeats it, a job is
// started once.
func (s *Start) episode() string {
	return s.Job + "\x00" + s.Fingerprint + "\x00" + s.StartsAt.UTC().Format(time.RFC3339Nano)
}

func decode(body []byte) (*notification, error) {
	n := &notification{}
	if err := json.Unmarshal(body, n); err != nil {
		return nil, fmt.Errorf("not Alertmanager's webhook: %w", err)
	}
	if n.Version != "4" {
		return nil, fmt.Errorf("not Alertmanager's webhook: version is %q, not \"4\"", n.Version)
	}
	for i := range n.Alerts {
		a := &n.Alerts[i]
		switch {
		case a.Status != "firing" && a.Status != "resolved":
			return nil, fmt.Errorf("alerts[%d].status is %q, neither firing nor resolved", i, a.Status)
		case a.Labels["alertname"] == "":
			return nil, fmt.Errorf("alerts[%d].labels.alertname is missing", i)
		case a.Fingerprint == "":
			return nil, fmt.Errorf("alerts[%d].fingerprint is missing", i)
		}
	}
	if len(n.Alerts) == 0 {
		return nil, errors.New("alerts are missing")
	}
	return n, nil
}
