package ruletest

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/alerts/rules"
	"github.com/gnomon-dev/gnomon/alerts/spec"
)

// who are the labels of the series that a feed makes.
type who struct {
	model, version, instance string
	resets                   []int
}

func (w who) String() string {
	return fmt.Sprintf(`model=%q, model_version=%q, job="gnomon", instance=%q`, w.model, w.version, w.instance)
}

// at is the same model on another replica.
func (w who) at(instance string) who { w.instance = instance; return w }

// feedFunc makes the series of a model from the level at every scrape.
type feedFunc func(s *scene, w who, level func(i int) float64)

// probe is how an alert of the catalogue is tested: levels of what it watches
// and, in Go and without PromQL, when it must fire for them.
type probe struct {
	alert, class string // class tells the page from the ticket of one name
	why          string // the arithmetic
	step         time.Duration
	segments     []segment
	feed         feedFunc
	holds        func(*history) bool
	slack        int  // evaluations by which a begin or end may be off
	counters     bool // has counters: a restart is tested
	noRedeploy   bool // a new version is what it is about
	quiet        feedFunc
	variants     []variant
	read         []string // rule files beside the alert's own
	labels       map[string]string
}

// variant is a case that differs from its probe in what is given.
type variant struct {
	name, why string
	segments  []segment
	feed      feedFunc
	holds     func(*history) bool
	labels    map[string]string
}

// never is the condition of what must stay quiet.
func never(*history) bool { return false }

// file makes the test file of a probe.
func (p *probe) file(all []rules.File) File {
	rule, from := p.find(all)
	if rule == nil {
		return File{}
	}
	f := File{Name: fmt.Sprintf("alert-%s-%s.test.yml", p.alert, p.class), Rules: pick(all, append(slices.Clone(p.read), from)...), Interval: p.step}
	if p.segments != nil {
		f.Cases = append(f.Cases, p.play(*rule, variant{"fires, holds, resolves", p.why, p.segments, p.feed, p.holds, p.labels}))
	}
	for _, v := range p.variants {
		f.Cases = append(f.Cases, p.play(*rule, v))
	}
	if p.segments == nil {
		return f
	}
	f.Cases = append(f.Cases, p.absent(*rule))
	if p.counters {
		f.Cases = append(f.Cases, p.restart(*rule))
	}
	if !p.noRedeploy {
		f.Cases = append(f.Cases, p.redeploy(*rule))
	}
	if p.quiet != nil {
		c := p.play(*rule, variant{"quiet hours", "The same while nothing is asked: nothing fires and nothing is NaN.", p.segments, p.quiet, never, nil})
		c.Checks = append(c.Checks, Check{At: c.Checks[len(c.Checks)-1].At, Expr: notNumbers, Why: "no NaN anywhere"})
		f.Cases = append(f.Cases, c)
	}
	return f
}

// find returns the probe's rule and the file that has it.
func (p *probe) find(all []rules.File) (*rules.Rule, string) {
	for _, file := range all {
		for _, g := range file.Groups {
			for i := range g.Rules {
				if g.Rules[i].Alert == p.alert && g.Rules[i].Labels["alert_class"] == p.class {
					return &g.Rules[i], file.Name
				}
			}
		}
	}
	return nil, ""
}

var first = who{model: "m", version: "1", instance: "a"}

// play makes a case of a variant: checks around every begin and end, and where
// the level changes.
func (p *probe) play(rule rules.Rule, v variant) Case {
	segments, feed, holds := v.segments, v.feed, v.holds
	if segments == nil {
		segments = p.segments
	}
	if feed == nil {
		feed = p.feed
	}
	if holds == nil {
		holds = p.holds
	}
	level := timeline(p.step, segments)
	s := &scene{step: p.step, n: len(level)}
	feed(s, first, func(i int) float64 { return level[i] })
	fires := fire(p.step, level, rule.For.Std(), rule.KeepFiring.Std(), holds)
	c := Case{Name: v.name, Why: v.why, Interval: p.step, Series: s.series}
	c.Checks = p.checks(rule, fires, level, v.labels)
	return c
}

// checks are taken one evaluation before and at every begin and end (or as far
// off as the slack says), and at the end of every stretch.
func (p *probe) checks(rule rules.Rule, fires []bool, level []float64, labels map[string]string) []Check {
	at := map[int]string{len(fires) - 1: "at the end"}
	for i := 1; i < len(fires); i++ {
		if level[i] != level[i-1] && !(math.IsNaN(level[i]) && math.IsNaN(level[i-1])) {
			at[i-1] = fmt.Sprintf("%.6g for a while", level[i-1])
		}
	}
	for i := 1; i < len(fires); i++ {
		if fires[i] == fires[i-1] {
			continue
		}
		for k := max(0, i-p.slack); k < i+p.slack && k < len(fires); k++ {
			delete(at, k)
		}
		before, after := "not yet", "fires by now"
		if !fires[i] {
			before, after = "held", "resolved"
		}
		if k := i - 1 - p.slack; k >= 0 {
			at[k] = before
		}
		if k := i + p.slack; k < len(fires) {
			at[k] = after
		}
	}
	var out []Check
	for _, i := range slices.Sorted(maps.Keys(at)) {
		out = append(out, p.check(rule, i, fires[i], at[i], labels))
	}
	return out
}

func (p *probe) check(rule rules.Rule, i int, fires bool, why string, labels map[string]string) Check {
	at := time.Duration(i) * p.step
	c := firing(rule.Alert, at, nil)
	if fires {
		model := map[string]string{"model": "m", "model_version": "1"}
		maps.Copy(model, labels)
		c = firing(rule.Alert, at, model, rule)
	}
	c.Expr, c.Why = selector("ALERTS", map[string]string{"alertname": rule.Alert, "alertstate": "firing", "alert_class": rule.Labels["alert_class"]}), why
	return c
}

// worst is the middle of the stretch in which the alert fires for the most part.
func (p *probe) worst(rule rules.Rule) (level []float64, middle int) {
	level = timeline(p.step, p.segments)
	fires := fire(p.step, level, rule.For.Std(), rule.KeepFiring.Std(), p.holds)
	from := slices.Index(fires, true)
	if from < 0 {
		panic(fmt.Sprintf("%s: the timeline does not fire", p.alert)) // a fault of this package
	}
	to := from
	for to < len(level) && (level[to] == level[from] || math.IsNaN(level[to])) {
		to++
	}
	return level, (from + to) / 2
}

// absent: everything ends while the alert fires. What is not seen does not fire
// for ever.
func (p *probe) absent(rule rules.Rule) Case {
	level, middle := p.worst(rule)
	s := &scene{step: p.step, n: len(level)}
	p.feed(s, first, func(i int) float64 {
		if i > middle {
			return gone
		}
		return level[i]
	})
	return Case{Name: "then absent", Why: "Nothing is scraped any more while it fires.", Interval: p.step, Series: s.series, Checks: []Check{
		p.check(rule, middle, true, "before", p.labels), p.check(rule, len(level)-1, false, "absent data is ExporterAbsent's business", nil)}}
}

// restart: every counter restarts while the alert fires, which changes nothing.
func (p *probe) restart(rule rules.Rule) Case {
	level, middle := p.worst(rule)
	s := &scene{step: p.step, n: len(level)}
	w := first
	w.resets = []int{middle}
	p.feed(s, w, func(i int) float64 { return level[i] })
	fires := fire(p.step, level, rule.For.Std(), rule.KeepFiring.Std(), p.holds)
	slack := p.slack
	p.slack = slack + 1
	defer func() { p.slack = slack }()
	return Case{Name: "restart", Why: "Every counter restarts while it fires: that changes nothing.", Interval: p.step, Series: s.series, Checks: p.checks(rule, fires, level, p.labels)}
}

// redeploy: another version replaces the first while the alert fires, at the
// level of the beginning. The alert ends, and does not move to the new one.
func (p *probe) redeploy(rule rules.Rule) Case {
	level, middle := p.worst(rule)
	s := &scene{step: p.step, n: len(level)}
	p.feed(s, first, func(i int) float64 {
		if i > middle {
			return gone
		}
		return level[i]
	})
	p.feed(s, who{model: "m", version: "2", instance: "b"}, func(i int) float64 {
		if i > middle {
			return level[0]
		}
		return gone
	})
	s.series = slices.DeleteFunc(s.series, func(x Series) bool { return strings.HasPrefix(x.Values, "_") && !strings.Contains(x.Values, " ") })
	return Case{Name: "redeployed", Why: "Version 2 replaces version 1 while it fires, and is well.", Interval: p.step, Series: s.series, Checks: []Check{
		p.check(rule, middle, true, "before", p.labels), p.check(rule, len(level)-1, false, "gone with the version", nil)}}
}

// catalogue makes the test files of the alerts that are no SLO's.
func catalogue(f *spec.File, all []rules.File) []File {
	b := &bench{f: f, t: f.Thresholds}
	var out []File
	for _, p := range slices.Concat(b.serving(), b.quality(), b.driftAlerts(), b.data(), b.identity(), b.gpu(), b.capacity(), b.training(), b.selfAlerts(), b.quietSelf()) {
		if file := p.file(all); file.Name != "" {
			out = append(out, file)
		}
	}
	return out
}

// bench makes the probes for a file's thresholds.
type bench struct {
	f *spec.File
	t spec.Thresholds
}

// around is the usual course: well, just under the limit, just over it, well.
func around(well, under, over float64, length time.Duration) []segment {
	return []segment{{length / 2, well}, {length, under}, {length, over}, {length, well}}
}
