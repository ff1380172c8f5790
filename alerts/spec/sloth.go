package spec

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The part of Sloth's prometheus/v1 that says something about rules.
type slothFile struct {
	Version string            `yaml:"version"`
	Service string            `yaml:"service"`
	Labels  map[string]string `yaml:"labels"`
	SLOs    []slothSLO        `yaml:"slos"`
}

type slothSLO struct {
	Name        string            `yaml:"name"`
	Description string            `yaml:"description"`
	Objective   float64           `yaml:"objective"`
	Labels      map[string]string `yaml:"labels"`
	SLI         slothSLI          `yaml:"sli"`
	Alerting    slothAlerting     `yaml:"alerting"`
}

type slothSLI struct {
	Raw *struct {
		Query string `yaml:"error_ratio_query"`
	} `yaml:"raw"`
	Events *struct {
		Error string `yaml:"error_query"`
		Total string `yaml:"total_query"`
	} `yaml:"events"`
	Plugin *struct {
		ID      string            `yaml:"id"`
		Options map[string]string `yaml:"options"`
	} `yaml:"plugin"`
}

type slothAlerting struct {
	Name        string            `yaml:"name"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
	Page        slothAlert        `yaml:"page_alert"`
	Ticket      slothAlert        `yaml:"ticket_alert"`
}

type slothAlert struct {
	Disable     bool              `yaml:"disable"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// readSloth imports Sloth's specification. The service becomes the model; its
// extra labels and annotations are left behind, as ours are fixed.
func readSloth(file string, docs []*yaml.Node, f *File) Faults {
	c := &checker{file: file, root: docs[0]}
	var in slothFile
	c.decode(&in)
	if in.Version != "prometheus/v1" {
		c.add("version", "write prometheus/v1", "%q is not read", in.Version)
	}
	if in.Service == "" {
		c.add("service", "write the model's name", "is missing")
	}
	for i, s := range in.SLOs {
		at := fmt.Sprintf("slos[%d]", i)
		out := SLO{Name: strings.ReplaceAll(strings.ToLower(s.Name), "_", "-"), Model: in.Service, Description: s.Description, Objective: s.Objective, Kind: "ratio", line: c.at(at)}
		switch {
		case s.SLI.Events != nil:
			out.Bad, out.Total = slothQuery(s.SLI.Events.Error), slothQuery(s.SLI.Events.Total)
		case s.SLI.Raw != nil: // a ratio carries no weight: every minute counts alike
			out.Bad = slothQuery(s.SLI.Raw.Query)
			out.Total = "0 * (" + out.Bad + ") + 1"
		default:
			c.add(at+".sli", "write sli.events with error_query and total_query", "a plugin's code cannot be imported")
		}
		if name := s.Alerting.Name; name != "" {
			out.Alerts.Page, out.Alerts.Ticket = name, name
		}
		if s.Alerting.Page.Disable {
			out.Alerts.Page = "off"
		}
		if s.Alerting.Ticket.Disable {
			out.Alerts.Ticket = "off"
		}
		f.SLOs = append(f.SLOs, out)
	}
	if len(c.faults) > 0 {
		return c.faults
	}
	f.complete()
	c.validate(f)
	return c.faults
}

func slothQuery(q string) string {
	return strings.TrimSpace(strings.NewReplacer("{{.window}}", Window, "{{ .window }}", Window).Replace(q))
}
