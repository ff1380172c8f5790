package mutate

import (
	"slices"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/alerts/promql"
	"github.com/gnomon-dev/gnomon/alerts/rules"
	"github.com/gnomon-dev/gnomon/alerts/spec"
)

// TestMutants: one small change each, of every kind, and still PromQL.
func TestMutants(t *testing.T) {
	r := rules.Rule{Alert: "A", Expr: `sum by (model) (rate(a_total{x=~"p|q"}[5m] offset 1m)) / b > 0.5 and c == 0`, For: spec.Duration(60e9), Labels: map[string]string{"team": "ml"}}
	got, err := of(r)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range got {
		all = append(all, m.Kind+" "+m.Rule.Expr+" "+m.Rule.For.String()+" "+m.Rule.Labels["team"])
	}
	for _, want := range []string{
		`label sum by (other) (rate(a_total{x=~"p|q"}[5m] offset 1m)) / b > 0.5 and c == 0 1m ml`,
		`label sum by (model) (rate(a_total{x=~"q"}[5m] offset 1m)) / b > 0.5 and c == 0 1m ml`,
		`window sum by (model) (rate(a_total{x=~"p|q"}[450s] offset 1m)) / b > 0.5 and c == 0 1m ml`,
		`window sum by (model) (rate(a_total{x=~"p|q"}[5m] offset 90s)) / b > 0.5 and c == 0 1m ml`,
		`comparison sum by (model) (rate(a_total{x=~"p|q"}[5m] offset 1m)) / b < 0.5 and c == 0 1m ml`,
		`factor sum by (model) (rate(a_total{x=~"p|q"}[5m] offset 1m)) / b > 0.55 and c == 0 1m ml`,
		`operator sum by (model) (rate(a_total{x=~"p|q"}[5m] offset 1m)) * b > 0.5 and c == 0 1m ml`,
		`window ` + r.Expr + ` 90s ml`, `label ` + r.Expr + ` 1m other`,
	} {
		if !slices.Contains(all, want) {
			t.Errorf("no %s in\n%s", want, strings.Join(all, "\n"))
		}
	}
	// Every mutant of the default is PromQL, or the tests would only find that.
	mutants, err := Mutants(rules.New(spec.Default()).Files())
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, m := range mutants {
		kinds[m.Kind]++
		if err := promql.Check(m.Rule.Expr); err != nil {
			t.Errorf("%s: %v", m, err)
		}
	}
	t.Logf("%d mutants: %v", len(mutants), kinds)
	if len(mutants) < 1000 || len(kinds) != 5 {
		t.Errorf("%d mutants: %v", len(mutants), kinds)
	}
}
