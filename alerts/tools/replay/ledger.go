package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/rules"
	"go.yaml.in/yaml/v3"
)

// ledger keeps what a set of rules tells people: a notification is a group that
// begins to have alerts, as a pager merges what belongs to one group.
type ledger struct {
	name     string
	groupBy  []string
	inhibits []inhibition
	open     map[string]*notification
	all      []*notification
}

type notification struct {
	class, group string
	alerts       []string
	from, to     time.Time
}

// inhibition is a rule of Alertmanager's configuration.
type inhibition struct {
	Source []string `yaml:"source_matchers"`
	Target []string `yaml:"target_matchers"`
	Equal  []string `yaml:"equal"`
}

// newLedger reads how alerts are grouped and inhibited. Rules that bring no
// configuration are grouped by model, which is generous: both objectives of a
// model then make one notification.
func newLedger(name, dir string) (*ledger, error) {
	l := &ledger{name: name, groupBy: []string{"model"}, open: map[string]*notification{}}
	text, err := os.ReadFile(filepath.Join(dir, "alertmanager", "alertmanager.yml"))
	if os.IsNotExist(err) {
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	var c struct {
		Route struct {
			GroupBy []string `yaml:"group_by"`
		}
		Inhibit []inhibition `yaml:"inhibit_rules"`
	}
	if err := yaml.Unmarshal(text, &c); err != nil {
		return nil, err
	}
	l.groupBy, l.inhibits = c.Route.GroupBy, c.Inhibit
	return l, nil
}

// class of an alert: page, ticket or none, by the labels of each project.
func class(a *rules.Alert) string {
	for _, label := range []string{"alert_class", "sloth_severity", "severity"} {
		switch a.Labels.Get(label) {
		case "page", "critical":
			return "page"
		case "ticket", "warning":
			return "ticket"
		}
	}
	return ""
}

var matcher = regexp.MustCompile(`^(\w+)(=~|=)"(.*)"$`)

// matches says whether an alert matches all of Alertmanager's matchers.
func matches(a *rules.Alert, matchers []string) bool {
	for _, m := range matchers {
		g := matcher.FindStringSubmatch(m)
		if g == nil {
			return false
		}
		v := a.Labels.Get(g[1])
		if g[2] == "=" && v != g[3] || g[2] == "=~" && !regexp.MustCompile("^(?:"+g[3]+")$").MatchString(v) {
			return false
		}
	}
	return true
}

// inhibited: another alert that fires says more.
func (l *ledger) inhibited(a *rules.Alert, firing []*rules.Alert) bool {
	for _, rule := range l.inhibits {
		if !matches(a, rule.Target) || matches(a, rule.Source) {
			continue
		}
		for _, s := range firing {
			if matches(s, rule.Source) && !slices.ContainsFunc(rule.Equal, func(k string) bool { return s.Labels.Get(k) != a.Labels.Get(k) }) {
				return true
			}
		}
	}
	return false
}

// merged is how long a group may be quiet and still be the same notification:
// Alertmanager's group_interval.
const merged = 5 * time.Minute

// tell opens and prolongs notifications.
func (l *ledger) tell(t time.Time, firing []*rules.Alert) {
	for _, a := range firing {
		c := class(a)
		if c == "" || l.inhibited(a, firing) {
			continue
		}
		key := c
		for _, k := range l.groupBy {
			key += "/" + a.Labels.Get(k)
		}
		n := l.open[key]
		if n == nil || t.Sub(n.to) > merged {
			n = &notification{class: c, group: key, from: t}
			l.open[key], l.all = n, append(l.all, n)
		}
		n.to = t
		if name := a.Labels.Get("alertname") + " " + a.Labels.Get("slo") + a.Labels.Get("sloth_slo"); !slices.Contains(n.alerts, name) {
			n.alerts = append(n.alerts, name)
		}
	}
}

// of are the notifications of a class that an incident explains: they begin
// while it lasts or within an hour after.
func (l *ledger) of(i incident, classes ...string) []*notification {
	var out []*notification
	for _, n := range l.all {
		if slices.Contains(classes, n.class) && !n.from.Before(i.from) && n.from.Before(i.to.Add(time.Hour)) {
			out = append(out, n)
		}
	}
	return out
}

// wrong are those that no incident explains.
func (l *ledger) wrong(class string) (out []*notification) {
	for _, n := range l.all {
		explained := slices.ContainsFunc(incidents(), func(i incident) bool { return slices.Contains(l.of(i, class), n) })
		if n.class == class && !explained {
			out = append(out, n)
		}
	}
	return out
}

// table prints the comparison in Markdown.
func table(w io.Writer, all []*ledger, days int) error {
	row := func(what string, cell func(*ledger) string) {
		fmt.Fprintf(w, "| %s |", what)
		for _, l := range all {
			fmt.Fprintf(w, " %s |", cell(l))
		}
		fmt.Fprintln(w)
	}
	row(fmt.Sprintf("%d days", days), func(l *ledger) string { return l.name })
	row("---", func(*ledger) string { return "---" })
	end := begin.AddDate(0, 0, days)
	missed := map[*ledger]int{}
	for _, i := range incidents() {
		if i.to.After(end) {
			continue
		}
		if !i.page {
			row("first told of: "+i.name, func(l *ledger) string { return first(l, i, missed, "page", "ticket") })
			continue
		}
		row("paged after: "+i.name, func(l *ledger) string { return first(l, i, missed, "page") })
		row("pages and tickets for it", func(l *ledger) string {
			return fmt.Sprintf("%d + %d", len(l.of(i, "page")), len(l.of(i, "ticket")))
		})
	}
	row("incidents missed", func(l *ledger) string { return fmt.Sprint(missed[l]) })
	row("pages without an incident", func(l *ledger) string { return fmt.Sprint(len(l.wrong("page"))) })
	row("tickets without an incident", func(l *ledger) string { return fmt.Sprint(len(l.wrong("ticket"))) })
	for _, l := range all {
		fmt.Fprintf(w, "\n%s told:\n", l.name)
		for _, n := range l.all {
			fmt.Fprintf(w, "  %-6s %s to %s: %s\n", n.class, n.from.Format("Mon 02 15:04"), n.to.Format("Mon 02 15:04"), strings.Join(n.alerts, ", "))
		}
	}
	return nil
}

func first(l *ledger, i incident, missed map[*ledger]int, classes ...string) string {
	told := l.of(i, classes...)
	if len(told) == 0 {
		missed[l]++
		return "never"
	}
	return told[0].from.Sub(i.from).String()
}
