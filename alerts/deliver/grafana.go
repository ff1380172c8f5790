package deliver

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"

	"github.com/gnomon-dev/gnomon/alerts/rules"
)

// provisioning is a file for Grafana's provisioning/alerting folder.
type provisioning struct {
	APIVersion int         `yaml:"apiVersion"`
	Groups     []ruleGroup `yaml:"groups"`
}

type ruleGroup struct {
	OrgID    int         `yaml:"orgId"`
	Name     string      `yaml:"name"`
	Folder   string      `yaml:"folder"`
	Interval string      `yaml:"interval"`
	Rules    []alertRule `yaml:"rules"`
}

type alertRule struct {
	UID           string            `yaml:"uid"`
	Title         string            `yaml:"title"`
	Condition     string            `yaml:"condition"`
	Data          []query           `yaml:"data"`
	NoDataState   string            `yaml:"noDataState"`
	ExecErrState  string            `yaml:"execErrState"`
	For           string            `yaml:"for"`
	KeepFiringFor string            `yaml:"keepFiringFor,omitempty"`
	Annotations   map[string]string `yaml:"annotations"`
	Labels        map[string]string `yaml:"labels"`
	IsPaused      bool              `yaml:"isPaused"`
}

type query struct {
	RefID             string    `yaml:"refId"`
	RelativeTimeRange timeRange `yaml:"relativeTimeRange"`
	DatasourceUID     string    `yaml:"datasourceUid"`
	Model             any       `yaml:"model"`
}

type timeRange struct {
	From int `yaml:"from"`
	To   int `yaml:"to"`
}

// grafana makes alerts that Grafana evaluates itself. Recording rules stay with
// Prometheus, Mimir or Cortex; these alerts read what they record.
//
// Grafana fires where a condition's value is not 0, Prometheus where there is a
// value: hence the second expression. Grafana has no query in its templates, so
// the figures that others look up there are left out; and no ALERTS in
// Prometheus, so that an alert whose hysteresis reads them ends at its upper
// threshold.
func grafana(files []rules.File, s Settings) (map[string][]byte, error) {
	if s.DataSource == "" {
		return nil, fmt.Errorf("the form grafana needs the uid of the Prometheus data source; give --datasource-uid")
	}
	p := provisioning{APIVersion: 1}
	folder := s.Namespace
	if folder == "" {
		folder = "gnomon"
	}
	titles := map[string]int{}
	for _, f := range files {
		for _, g := range f.Groups {
			group := ruleGroup{OrgID: 1, Name: g.Name, Folder: folder, Interval: g.Interval.String()}
			for _, r := range g.Rules {
				if r.Alert != "" {
					group.Rules = append(group.Rules, managed(r, s.DataSource, titles))
				}
			}
			if len(group.Rules) > 0 {
				p.Groups = append(p.Groups, group)
			}
		}
	}
	text, err := encode(p)
	return map[string][]byte{"grafana/gnomon-alerts.yaml": text}, err
}

// managed is one alert. Titles are unique within a folder.
func managed(r rules.Rule, source string, titles map[string]int) alertRule {
	title := r.Alert + " " + r.Labels["slo"] + " " + r.Labels["burn_tier"]
	titles[title]++
	if n := titles[title]; n > 1 {
		title = fmt.Sprintf("%s %d", title, n)
	}
	annotations := map[string]string{}
	for k, v := range r.Annotations {
		annotations[k] = template(v)
	}
	// The name that routes and inhibitions know; Grafana's own alertname is the title.
	labels := map[string]string{"alert": r.Alert}
	for k, v := range r.Labels {
		labels[k] = v
	}
	a := alertRule{UID: fmt.Sprintf("gnomon%x", sha256.Sum256([]byte(title)))[:24], Title: title, Condition: "B", NoDataState: "OK", ExecErrState: "Error", For: r.For.String(),
		Annotations: annotations, Labels: labels, Data: []query{
			{"A", timeRange{From: 600}, source, map[string]any{"refId": "A", "expr": r.Expr, "instant": true, "range": false, "editorMode": "code"}},
			{"B", timeRange{From: 600}, "__expr__", map[string]any{"refId": "B", "type": "math", "expression": "is_number($A) || is_inf($A)", "datasource": map[string]string{"type": "__expr__", "uid": "__expr__"}}},
		}}
	if r.For == 0 {
		a.For = "0s"
	}
	if r.KeepFiring > 0 {
		a.KeepFiringFor = r.KeepFiring.String()
	}
	return a
}

// template turns a Prometheus template into Grafana's.
func template(s string) string {
	s = regexp.MustCompile(`( Budget left: )?\{\{ with printf .*?\| query \}\}.*\{\{ end \}\}\.?`).ReplaceAllString(s, "")
	return strings.ReplaceAll(s, "$value", "$values.A.Value")
}
