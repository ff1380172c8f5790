package spec

import (
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// annotation carries our kind and threshold through OpenSLO, which has no
// notion of either.
const annotation = "gnomon.dev/"

type openMeta struct {
	Name        string            `yaml:"name"`
	DisplayName string            `yaml:"displayName,omitempty"`
	Labels      map[string]any    `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

type openSource struct {
	Ref  string   `yaml:"metricSourceRef,omitempty"`
	Type string   `yaml:"type,omitempty"`
	Spec openSpec `yaml:"spec"`
}

type openSpec struct {
	Query string `yaml:"query"`
}

type openMetric struct {
	Source openSource `yaml:"metricSource"`
}

type openRatio struct {
	Counter bool        `yaml:"counter"`
	Good    *openMetric `yaml:"good,omitempty"`
	Bad     *openMetric `yaml:"bad,omitempty"`
	Total   *openMetric `yaml:"total,omitempty"`
}

type openSLISpec struct {
	Description string      `yaml:"description,omitempty"`
	Ratio       *openRatio  `yaml:"ratioMetric,omitempty"`
	Threshold   *openMetric `yaml:"thresholdMetric,omitempty"`
}

type openSLI struct {
	APIVersion string      `yaml:"apiVersion,omitempty"`
	Kind       string      `yaml:"kind,omitempty"`
	Metadata   openMeta    `yaml:"metadata"`
	Spec       openSLISpec `yaml:"spec"`
}

type openObjective struct {
	DisplayName   string   `yaml:"displayName,omitempty"`
	Op            string   `yaml:"op,omitempty"`
	Value         *float64 `yaml:"value,omitempty"`
	Target        float64  `yaml:"target,omitempty"`
	TargetPercent float64  `yaml:"targetPercent,omitempty"`
}

type openCalendar struct {
	StartTime string `yaml:"startTime"`
	TimeZone  string `yaml:"timeZone"`
}

type openWindow struct {
	Duration string        `yaml:"duration"`
	Rolling  bool          `yaml:"isRolling"`
	Calendar *openCalendar `yaml:"calendar,omitempty"`
}

type openSLOSpec struct {
	Description  string            `yaml:"description,omitempty"`
	Service      string            `yaml:"service"`
	Indicator    *openSLI          `yaml:"indicator,omitempty"`
	IndicatorRef string            `yaml:"indicatorRef,omitempty"`
	TimeWindow   []openWindow      `yaml:"timeWindow"`
	Budgeting    string            `yaml:"budgetingMethod"`
	Objectives   []openObjective   `yaml:"objectives"`
	Policies     []openPolicyEntry `yaml:"alertPolicies,omitempty"`
}

// openPolicyEntry is a name, a reference or a policy written out.
type openPolicyEntry struct {
	Ref      string         `yaml:"alertPolicyRef,omitempty"`
	Kind     string         `yaml:"kind,omitempty"`
	Metadata openMeta       `yaml:"metadata,omitempty"`
	Spec     openPolicySpec `yaml:"spec,omitempty"`
}

// UnmarshalYAML accepts a bare name, as OpenSLO's examples have it.
func (e *openPolicyEntry) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		e.Ref = n.Value
		return nil
	}
	type plain openPolicyEntry
	return n.Decode((*plain)(e))
}

type openSLO struct {
	APIVersion string      `yaml:"apiVersion"`
	Kind       string      `yaml:"kind"`
	Metadata   openMeta    `yaml:"metadata"`
	Spec       openSLOSpec `yaml:"spec"`
}

type openPolicySpec struct {
	Description  string          `yaml:"description,omitempty"`
	NoData       bool            `yaml:"alertWhenNoData,omitempty"`
	Resolved     bool            `yaml:"alertWhenResolved,omitempty"`
	Breaching    bool            `yaml:"alertWhenBreaching,omitempty"`
	Conditions   []openCondition `yaml:"conditions,omitempty"`
	Destinations []openTargetRef `yaml:"notificationTargets,omitempty"`
}

type openTargetRef struct {
	Ref string `yaml:"targetRef"`
}

type openCondition struct {
	APIVersion string            `yaml:"apiVersion,omitempty"`
	Ref        string            `yaml:"conditionRef,omitempty"`
	Kind       string            `yaml:"kind,omitempty"`
	Metadata   openMeta          `yaml:"metadata,omitempty"`
	Spec       openConditionSpec `yaml:"spec,omitempty"`
}

type openConditionSpec struct {
	Description string `yaml:"description,omitempty"`
	Severity    string `yaml:"severity,omitempty"`
	Condition   struct {
		Kind      string  `yaml:"kind"`
		Op        string  `yaml:"op,omitempty"`
		Threshold float64 `yaml:"threshold"`
		Lookback  string  `yaml:"lookbackWindow"`
		After     string  `yaml:"alertAfter,omitempty"`
	} `yaml:"condition"`
}

type openPolicy struct {
	APIVersion string         `yaml:"apiVersion"`
	Kind       string         `yaml:"kind"`
	Metadata   openMeta       `yaml:"metadata"`
	Spec       openPolicySpec `yaml:"spec"`
}

type openTarget struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Metadata   openMeta `yaml:"metadata"`
	Spec       struct {
		Target      string `yaml:"target"`
		Description string `yaml:"description,omitempty"`
	} `yaml:"spec"`
}

// open is a set of OpenSLO documents on its way into a File.
type open struct {
	file       string
	faults     Faults
	slos       []openSLO
	checkers   []*checker
	indicators map[string]openSLISpec
	policies   map[string]openPolicySpec
	conditions map[string]openCondition
	targets    map[string]openTarget
}

func readOpenSLO(file string, docs []*yaml.Node, f *File) Faults {
	o := &open{file: file, indicators: map[string]openSLISpec{}, policies: map[string]openPolicySpec{}, conditions: map[string]openCondition{}, targets: map[string]openTarget{}}
	for _, d := range docs {
		o.document(d)
	}
	for i := range o.slos {
		s, c := o.convert(&o.slos[i], o.checkers[i], f)
		if s != nil {
			s.line = c.root.Line
			f.SLOs = append(f.SLOs, *s)
		}
		o.faults = append(o.faults, c.faults...)
		c.faults = nil
	}
	if len(o.slos) == 0 && len(o.faults) == 0 {
		o.faults = append(o.faults, Fault{file, 1, "kind", "no document of kind SLO", "add one"})
	}
	return o.finish(f)
}

// finish validates what came out, with the faults at the SLO's document.
func (o *open) finish(f *File) Faults {
	if len(o.faults) > 0 {
		return o.faults
	}
	f.complete()
	root := &yaml.Node{Kind: yaml.MappingNode, Line: 1, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: "slos"}, {Kind: yaml.SequenceNode, Line: 1}}}
	for i := range f.SLOs {
		root.Content[1].Content = append(root.Content[1].Content, &yaml.Node{Kind: yaml.MappingNode, Line: f.SLOs[i].line})
	}
	c := &checker{file: o.file, root: root}
	c.validate(f)
	return c.faults
}

func (o *open) document(d *yaml.Node) {
	c := &checker{file: o.file, root: d}
	if v := scalar(d, "apiVersion"); v != "openslo/v1" {
		c.add("apiVersion", "write openslo/v1 (v1alpha differs)", "%q is not read", v)
	}
	switch kind := scalar(d, "kind"); kind {
	case "SLO":
		var s openSLO
		c.decode(&s)
		o.slos, o.checkers = append(o.slos, s), append(o.checkers, c)
		return // its faults are taken when it is converted
	case "SLI":
		var s openSLI
		c.decode(&s)
		o.indicators[s.Metadata.Name] = s.Spec
	case "AlertPolicy":
		var p openPolicy
		c.decode(&p)
		o.policies[p.Metadata.Name] = p.Spec
	case "AlertCondition":
		var a openCondition
		c.decode(&a)
		o.conditions[a.Metadata.Name] = a
	case "AlertNotificationTarget":
		var t openTarget
		c.decode(&t)
		o.targets[t.Metadata.Name] = t
	case "Service", "DataSource": // nothing in them changes a rule
	default:
		c.add("kind", "write SLO, SLI, AlertPolicy, AlertCondition, AlertNotificationTarget, Service or DataSource", "%q is not a kind of OpenSLO", kind)
	}
	o.faults = append(o.faults, c.faults...)
}

func (o *open) convert(in *openSLO, c *checker, f *File) (*SLO, *checker) {
	s := &SLO{Name: in.Metadata.Name, Description: in.Spec.Description, Kind: in.Metadata.Annotations[annotation+"kind"],
		Threshold: in.Metadata.Annotations[annotation+"threshold"], Shadow: in.Metadata.Annotations[annotation+"shadow"],
		Model: in.Metadata.Annotations[annotation+"model"], Team: in.Metadata.Annotations[annotation+"team"],
		Alerts: Alerts{in.Metadata.Annotations[annotation+"page"], in.Metadata.Annotations[annotation+"ticket"]}}
	if len(in.Spec.Objectives) != 1 {
		c.add("spec.objectives", "write one SLO for each objective", "%d objectives", len(in.Spec.Objectives))
		return nil, c
	}
	objective := in.Spec.Objectives[0]
	switch {
	case objective.Target != 0 && objective.TargetPercent != 0:
		c.add("spec.objectives[0].target", "write target or targetPercent", "both are there")
	case objective.Target >= 1:
		c.add("spec.objectives[0].target", "write a share below 1, or targetPercent", "%v is not a share", objective.Target)
	case objective.Target != 0:
		s.Objective = percent(objective.Target)
	default:
		s.Objective = objective.TargetPercent
	}
	o.period(in, s, c)
	if s.Kind == "" {
		o.indicator(in, s, c)
	}
	for i, p := range in.Spec.Policies {
		o.policy(fmt.Sprintf("spec.alertPolicies[%d]", i), p, s, c, f)
	}
	return s, c
}

// percent avoids 99.90000000000001.
func percent(share float64) float64 {
	return float64(int64(share*1e10+0.5)) / 1e8
}

func (o *open) period(in *openSLO, s *SLO, c *checker) {
	if len(in.Spec.TimeWindow) != 1 {
		c.add("spec.timeWindow", "write one", "%d windows", len(in.Spec.TimeWindow))
		return
	}
	switch w := in.Spec.TimeWindow[0]; {
	case w.Duration == "1M" && !w.Rolling:
		s.Period = "month"
	case w.Rolling && (w.Duration == "4w" || w.Duration == "28d"):
		s.Period = "28d"
	case w.Rolling && (w.Duration == "1w" || w.Duration == "7d"):
		s.Period = "7d"
	case w.Rolling && (w.Duration == "30d" || w.Duration == "1M"):
		s.Period = "30d"
	default:
		c.add("spec.timeWindow[0].duration", "write 7d, 28d or 30d with isRolling: true, or 1M with isRolling: false", "%q is not a period that is supported", w.Duration)
	}
}

func (o *open) indicator(in *openSLO, s *SLO, c *checker) {
	var sli openSLISpec
	switch {
	case in.Spec.Indicator != nil:
		sli = in.Spec.Indicator.Spec
	case in.Spec.IndicatorRef != "":
		found, ok := o.indicators[in.Spec.IndicatorRef]
		if !ok {
			c.add("spec.indicatorRef", "add a document of kind SLI with that name", "there is no SLI %q in the file", in.Spec.IndicatorRef)
			return
		}
		sli = found
	default:
		c.add("spec.indicator", "write indicator: or indicatorRef:", "is missing")
		return
	}
	switch {
	case sli.Ratio != nil && sli.Ratio.Total != nil && (sli.Ratio.Good != nil || sli.Ratio.Bad != nil):
		s.Kind = "ratio"
		s.Total = windowed(sli.Ratio.Total.Source.Spec.Query)
		if sli.Ratio.Bad != nil {
			s.Bad = windowed(sli.Ratio.Bad.Source.Spec.Query)
		} else {
			s.Good = windowed(sli.Ratio.Good.Source.Spec.Query)
		}
		if !sli.Ratio.Counter {
			c.add("spec.indicator", "write counter: true, with queries of counters", "ratioMetric of gauges is not supported: they cannot be added up over time")
		}
	case sli.Threshold != nil:
		s.Kind, s.Query, s.Op = "threshold", sli.Threshold.Source.Spec.Query, in.Spec.Objectives[0].Op
		if v := in.Spec.Objectives[0].Value; v != nil {
			s.Threshold = fmt.Sprint(*v)
		}
	default:
		c.add("spec.indicator", "write ratioMetric with total and good or bad, or thresholdMetric", "no metric in it")
	}
}

// windowed makes a rate of a counter's selector; a query with a window in it
// stays.
func windowed(q string) string {
	if strings.Contains(q, "[") {
		return q
	}
	return "rate(" + q + "[" + Window + "])"
}

func (o *open) policy(at string, e openPolicyEntry, s *SLO, c *checker, f *File) {
	p := e.Spec
	if e.Ref != "" {
		found, ok := o.policies[e.Ref]
		if !ok {
			c.add(at, "add a document of kind AlertPolicy with that name", "there is no AlertPolicy %q in the file", e.Ref)
			return
		}
		p = found
	}
	classes := map[string]bool{}
	for i, cond := range p.Conditions {
		if cond.Ref != "" {
			found, ok := o.conditions[cond.Ref]
			if !ok {
				c.add(at, "add a document of kind AlertCondition with that name", "there is no AlertCondition %q in the file", cond.Ref)
				continue
			}
			cond = found
		}
		t, err := tierOf(cond.Spec)
		if err != nil {
			c.add(fmt.Sprintf("%s.spec.conditions[%d]", at, i), "write kind: burnrate with threshold and lookbackWindow", "%v", err)
			continue
		}
		classes[t.Class] = true
		s.Tiers = append(s.Tiers, t)
	}
	for _, d := range p.Destinations {
		t, ok := o.targets[d.Ref]
		if !ok {
			c.add(at, "add a document of kind AlertNotificationTarget with that name", "there is no AlertNotificationTarget %q in the file", d.Ref)
			continue
		}
		r, err := receiverOf(t)
		if err != nil {
			c.add(at, "write target: slack, pagerduty, opsgenie, email or webhook with its address in metadata.annotations (gnomon.dev/address)", "%v", err)
			continue
		}
		if classes["page"] || len(classes) == 0 {
			f.Notify.Page = append(f.Notify.Page, r)
		}
		if classes["ticket"] {
			f.Notify.Ticket = append(f.Notify.Ticket, r)
		}
	}
}

// tierOf makes a tier of a burn-rate condition: the name by the window's
// length, the short window a twelfth.
func tierOf(s openConditionSpec) (Tier, error) {
	if !strings.EqualFold(s.Condition.Kind, "burnrate") {
		return Tier{}, fmt.Errorf("a condition of kind %q is not supported", s.Condition.Kind)
	}
	if op := s.Condition.Op; op != "" && op != "gt" && op != "gte" {
		return Tier{}, fmt.Errorf("op %q of a burn rate is not supported", op)
	}
	long, err := ParseDuration(s.Condition.Lookback)
	if err != nil {
		return Tier{}, fmt.Errorf("lookbackWindow: %w", err)
	}
	t := Tier{Long: long, Short: long / 12, Factor: s.Condition.Threshold, Class: "ticket", Name: "trend"}
	if severity := strings.ToLower(s.Severity); severity == "page" || severity == "critical" {
		t.Class = "page"
	}
	for _, n := range []struct {
		name string
		most time.Duration
	}{{"slow", 36 * time.Hour}, {"medium", 12 * time.Hour}, {"fast", 2 * time.Hour}} {
		if long.Std() <= n.most {
			t.Name = n.name
		}
	}
	return t, nil
}

func receiverOf(t openTarget) (Receiver, error) {
	address := t.Metadata.Annotations[annotation+"address"]
	if address == "" {
		return Receiver{}, fmt.Errorf("target %q has no address", t.Metadata.Name)
	}
	switch strings.ToLower(t.Spec.Target) {
	case "slack":
		return Receiver{SlackURLFile: address, SlackChannel: t.Metadata.Annotations[annotation+"channel"]}, nil
	case "pagerduty":
		return Receiver{PagerDutyKeyFile: address}, nil
	case "opsgenie":
		return Receiver{OpsgenieKeyFile: address}, nil
	case "email":
		return Receiver{Email: address}, nil
	case "webhook":
		return Receiver{Webhook: address}, nil
	}
	return Receiver{}, fmt.Errorf("target %q is of unknown kind %q", t.Metadata.Name, t.Spec.Target)
}
