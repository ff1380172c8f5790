package postmortem

import (
	_ "embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/template"
)

// page is the template; alerts/runbooks/postmortem.md says what to do with it.
//
//go:embed page.tmpl
var page string

func (r *Report) write(w io.Writer) error {
	t, err := template.New("postmortem").Parse(page)
	if err != nil {
		return err
	}
	var budgets []string
	for _, slo := range slices.Sorted(maps.Keys(r.Budgets)) {
		budgets = append(budgets, fmt.Sprintf("%s %.1f %%", slo, 100*r.Budgets[slo]))
	}
	var alerts []string
	for _, a := range r.Alerts {
		alerts = append(alerts, fmt.Sprintf("| %s | %s | %s | %s | %s |", a.Alert, a.Class, a.Version, stamp(a.From), stamp(a.To)))
	}
	return t.Execute(w, map[string]string{
		"Model": r.Model, "Versions": r.Versions, "Date": r.Began.UTC().Format("2006-01-02"), "Began": stamp(r.Began), "Detected": stamp(r.Detected), "Resolved": stamp(r.Resolved),
		"First": r.Alerts[0].Alert, "TimeToDetect": r.Detected.Sub(r.Began).String(), "TimeToResolve": r.Resolved.Sub(r.Began).String(),
		"Budgets": strings.Join(budgets, ", "), "Requests": fmt.Sprintf("%.0f", r.Requests), "Alerts": strings.Join(alerts, "\n"),
	})
}
