package spec

import (
	"bytes"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// OpenSLO writes the SLOs as OpenSLO v1 documents with the queries that their
// kinds stand for, an AlertPolicy for each SLO that has tiers of its own, and
// an AlertNotificationTarget for each receiver of pages and tickets. Reading
// them again gives the same SLOs: what OpenSLO has no word for travels in
// annotations.
func OpenSLO(f *File) ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	targets := map[string][]openTargetRef{}
	for class, list := range map[string][]Receiver{"page": f.Notify.Page, "ticket": f.Notify.Ticket} {
		for i := range list {
			targets[class] = append(targets[class], openTargetRef{fmt.Sprintf("%s-%d", class, i)})
		}
	}
	for i := range f.SLOs {
		s := &f.SLOs[i]
		if err := e.Encode(openOf(s)); err != nil {
			return nil, fmt.Errorf("write OpenSLO of %s: %w", s.Name, err)
		}
		if len(s.Tiers) > 0 {
			if err := e.Encode(policyOf(s, targets)); err != nil {
				return nil, fmt.Errorf("write OpenSLO of %s: %w", s.Name, err)
			}
		}
	}
	for _, class := range []string{"page", "ticket"} {
		list := f.Notify.Page
		if class == "ticket" {
			list = f.Notify.Ticket
		}
		for i, r := range list {
			if err := e.Encode(targetOf(fmt.Sprintf("%s-%d", class, i), r)); err != nil {
				return nil, fmt.Errorf("write OpenSLO targets: %w", err)
			}
		}
	}
	return out.Bytes(), e.Close()
}

func openOf(s *SLO) openSLO {
	notes := map[string]string{annotation + "kind": s.Kind, annotation + "page": s.Alerts.Page, annotation + "ticket": s.Alerts.Ticket}
	for k, v := range map[string]string{"threshold": s.Threshold, "model": s.Model, "shadow": s.Shadow, "team": s.Team} {
		if v != "" {
			notes[annotation+k] = v
		}
	}
	out := openSLO{APIVersion: "openslo/v1", Kind: "SLO", Metadata: openMeta{Name: s.Name, Annotations: notes}}
	out.Spec = openSLOSpec{Description: s.Description, Service: "models", Budgeting: "Occurrences", TimeWindow: []openWindow{{Duration: s.Period, Rolling: true}}}
	if s.Month() {
		out.Spec.TimeWindow = []openWindow{{Duration: "1M", Calendar: &openCalendar{"2024-01-01 00:00:00", "UTC"}}}
	}
	if s.Model != "" {
		out.Spec.Service = s.Model
	}
	kind := Kinds()[s.Kind]
	if kind.Slice {
		out.Spec.Budgeting = "Timeslices"
	}
	objective := openObjective{TargetPercent: s.Objective}
	metric := func(q string) *openMetric { return &openMetric{openSource{Type: "Prometheus", Spec: openSpec{q}}} }
	sli := openSLISpec{Description: kind.Says}
	switch s.Kind {
	case "threshold":
		v := s.Limit()
		objective.Op, objective.Value = s.Op, &v
		sli.Threshold = metric(s.Query)
		delete(notes, annotation+"kind")
		delete(notes, annotation+"threshold")
	case "ratio":
		sli.Ratio = &openRatio{Counter: true, Total: metric(s.Total)}
		if s.Good != "" {
			sli.Ratio.Good = metric(s.Good)
		} else {
			sli.Ratio.Bad = metric(s.Bad)
		}
		delete(notes, annotation+"kind")
	default:
		sli.Ratio = &openRatio{Counter: true, Bad: metric(kind.Bad(s)), Total: metric(kind.Total(s))}
	}
	out.Spec.Objectives = []openObjective{objective}
	out.Spec.Indicator = &openSLI{Metadata: openMeta{Name: s.Name}, Spec: sli}
	if len(s.Tiers) > 0 {
		out.Spec.Policies = []openPolicyEntry{{Ref: s.Name}}
	}
	return out
}

func policyOf(s *SLO, targets map[string][]openTargetRef) openPolicy {
	p := openPolicy{APIVersion: "openslo/v1", Kind: "AlertPolicy", Metadata: openMeta{Name: s.Name}, Spec: openPolicySpec{Breaching: true, Resolved: true}}
	var classes []string
	for _, t := range s.Tiers {
		c := openCondition{Kind: "AlertCondition", Metadata: openMeta{Name: s.Name + "-" + t.Name}}
		c.Spec.Severity = t.Class
		c.Spec.Condition.Kind, c.Spec.Condition.Op, c.Spec.Condition.Threshold, c.Spec.Condition.Lookback = "burnrate", "gt", t.Factor, t.Long.String()
		p.Spec.Conditions = append(p.Spec.Conditions, c)
		if !slices.Contains(classes, t.Class) {
			classes = append(classes, t.Class)
			p.Spec.Destinations = append(p.Spec.Destinations, targets[t.Class]...)
		}
	}
	return p
}

func targetOf(name string, r Receiver) openTarget {
	t := openTarget{APIVersion: "openslo/v1", Kind: "AlertNotificationTarget", Metadata: openMeta{Name: name, Annotations: map[string]string{}}}
	for kind, address := range map[string]string{"pagerduty": r.PagerDutyKeyFile, "opsgenie": r.OpsgenieKeyFile, "slack": r.SlackURLFile, "email": r.Email, "webhook": r.Webhook} {
		if address != "" {
			t.Spec.Target = kind
			t.Metadata.Annotations[annotation+"address"] = address
		}
	}
	if r.SlackChannel != "" {
		t.Metadata.Annotations[annotation+"channel"] = r.SlackChannel
	}
	return t
}
