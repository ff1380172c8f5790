package rules

import (
	"fmt"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/alerts/spec"
)

func (g *Generator) sloAlerts(s *spec.SLO) []Rule {
	var out []Rule
	for _, t := range Tiers(s) {
		name := s.Alerts.Page
		if t.Class == "ticket" {
			name = s.Alerts.Ticket
		}
		if name != "off" && !g.disabled(name) {
			out = append(out, g.tierAlert(s, t, name))
		}
	}
	if len(out) > 0 && !g.disabled("BudgetExhausted") {
		out = append(out, g.exhausted(s))
	}
	return out
}

// tierAlert fires while both windows burn faster than the factor, and, where
// events are counted, the long one holds enough failures to mean something.
// The short window ends it; it is held a little longer so that a burn at the
// threshold does not flap.
func (g *Generator) tierAlert(s *spec.SLO, t Tier, name string) Rule {
	sel := g.selector(s)
	expr := fmt.Sprintf("%s%s > %s and %s%s > %s", g.name("burn:ratio", t.Long), sel, number(t.Factor), g.name("burn:ratio", t.Short), sel, number(t.Factor))
	if !g.kinds[s.Kind].Slice && *s.MinFailures > 0 {
		expr += fmt.Sprintf(" and %s%s * %s >= %s", g.name("bad:rate", t.Long), sel, g.seconds(t.Long), number(*s.MinFailures))
	}
	return g.alert(s.Team, name, expr, alertMeta{
		slo: s.Name, tier: t.Name, class: t.Class, cause: g.kinds[s.Kind].RootCause,
		keep:    t.Short,
		summary: "{{ $labels.model }} burns its " + s.Name + " budget",
		description: fmt.Sprintf(`Version {{ $labels.model_version }} burns the error budget of %s (%.6g %% over %s) {{ $value | printf "%%.1f" }} times as fast as it lasts; this alert fires above %s over %s and %s. Budget left: {{ with printf "gnomon:slo_budget_remaining:ratio{slo='%s',model='%%s'}" $labels.model | query }}{{ . | first | value | humanizePercentage }}{{ else }}not known yet{{ end }}.`,
			s.Name, s.Objective, s.Period, number(t.Factor), g.duration(t.Long), g.duration(t.Short), s.Name),
	})
}

// exhausted: nothing is left, and it still burns.
func (g *Generator) exhausted(s *spec.SLO) Rule {
	sel, hour := g.selector(s), 12*Base(s)
	class := "ticket"
	for _, t := range Tiers(s) {
		if t.Class == "page" && s.Alerts.Page != "off" {
			class = "page"
		}
	}
	long := hour
	if ts := Tiers(s); len(ts) > 0 {
		long = ts[0].Long
	}
	return g.alert(s.Team, "BudgetExhausted", fmt.Sprintf("%s%s > 1 and on (slo, model) gnomon:slo_budget_remaining:ratio%s <= 0", g.name("burn:ratio", long), sel, sel), alertMeta{
		slo: s.Name, tier: "trend", class: class, cause: g.kinds[s.Kind].RootCause, hold: 5 * time.Minute, keep: 30 * time.Minute,
		summary:     "{{ $labels.model }} has no " + s.Name + " budget left",
		description: fmt.Sprintf(`The error budget of %s (%.6g %% over %s) is spent and version {{ $labels.model_version }} still burns it {{ $value | printf "%%.1f" }} times as fast as it lasts.`, s.Name, s.Objective, s.Period),
	})
}

// alertMeta is what an alert says beside its expression.
type alertMeta struct {
	slo, tier, class, cause string
	hold, keep              time.Duration
	summary, description    string
}

// alert makes an alert with all labels and annotations that each must have.
func (g *Generator) alert(team, name, expr string, m alertMeta) Rule {
	severity := map[string]string{"page": "critical", "ticket": "warning", "info": "info"}[m.class]
	return Rule{Alert: name, Expr: expr, For: g.compress(m.hold), KeepFiring: g.compress(m.keep),
		Labels: map[string]string{"slo": m.slo, "burn_tier": m.tier, "root_cause": m.cause, "alert_class": m.class, "severity": severity, "team": team},
		Annotations: map[string]string{"summary": m.summary, "description": m.description, "runbook_url": strings.TrimSuffix(g.f.Runbooks, "/") + "/" + name + ".md",
			"dashboard_url": g.f.Dashboards + "?var-model={{ $labels.model }}&var-model_version={{ $labels.model_version }}"}}
}
