package alerts

import (
	"slices"

	"github.com/gnomon-dev/gnomon/alerts/promql"
	"github.com/gnomon-dev/gnomon/alerts/rules"
	"github.com/gnomon-dev/gnomon/alerts/spec"
)

// Quiet is an alert that can never fire with what is exported.
type Quiet struct{ Alert, Metric string }

// QuietAlerts lists the alerts that read a metric which is neither exported nor
// recorded by a rule: those of a GPU where there is none. That is no fault, but
// one should know.
func QuietAlerts(f *spec.File, exported map[string]bool) ([]Quiet, error) {
	files := rules.New(f).Files()
	known := map[string]bool{"ALERTS": true}
	var alerts []rules.Rule
	for _, file := range files {
		for _, g := range file.Groups {
			for _, r := range g.Rules {
				if r.Record != "" {
					known[r.Record] = true
				} else {
					alerts = append(alerts, r)
				}
			}
		}
	}
	var out []Quiet
	for _, r := range alerts {
		metrics, err := promql.Metrics(r.Expr)
		if err != nil {
			return nil, err
		}
		for _, m := range metrics {
			if q := (Quiet{r.Alert, m}); !exported[m] && !known[m] && !slices.Contains(out, q) {
				out = append(out, q)
			}
		}
	}
	return out, nil
}
