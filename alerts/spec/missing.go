package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gnomon-dev/gnomon/alerts/promql"
)

// Missing reports the metrics that an SLO reads and nothing exports: an SLO
// without its metric is never broken and never kept. name is for messages.
func (f *File) Missing(name string, exported map[string]bool) error {
	var faults Faults
	for i := range f.SLOs {
		s := &f.SLOs[i]
		kind, ok := Kinds()[s.Kind]
		if !ok {
			continue
		}
		seen := map[string]bool{}
		for _, q := range []string{kind.Bad(s), kind.Total(s)} {
			metrics, err := promql.Metrics(strings.ReplaceAll(q, Window, "5m"))
			if err != nil {
				return err // validated before
			}
			for _, m := range metrics {
				if exported[m] || seen[m] {
					continue
				}
				seen[m] = true
				faults = append(faults, Fault{name, max(s.line, 1), fmt.Sprintf("slos[%d] %s", i, s.Name), fmt.Sprintf("reads %s, which is not in the exposition", m), remedy(s.Kind, m, exported)})
			}
		}
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// remedy says what makes a metric appear.
func remedy(kind, metric string, exported map[string]bool) string {
	switch {
	case kind == "ratio" || kind == "threshold":
		names := make([]string, 0, len(exported))
		for n := range exported {
			names = append(names, n)
		}
		slices.Sort(names)
		best := ""
		for _, n := range names {
			if best == "" || distance(metric, n) < distance(metric, best) {
				best = n
			}
		}
		return "correct the name (" + best + " is the nearest), or scrape what exports it"
	case strings.HasPrefix(metric, "gnomon_cost"):
		return "give the sidecar a price, or remove the SLO"
	case strings.HasPrefix(metric, "gnomon_shadow"):
		return "configure a shadow and send a request, or remove the SLO"
	case strings.HasPrefix(metric, "gnomon_calibration") || strings.HasPrefix(metric, "gnomon_accuracy"):
		return "send labels, or remove the SLO"
	}
	return "send a request through gnomon first, or remove the SLO"
}
