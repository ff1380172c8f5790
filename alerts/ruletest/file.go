package ruletest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/alerts/rules"
	"github.com/gnomon-dev/gnomon/alerts/spec"
)

// File is a test file for promtool test rules.
type File struct {
	Name     string
	Rules    []rules.File // in the order of their evaluation
	Interval time.Duration
	Cases    []Case
}

// Case is one run of the rules over input series.
type Case struct {
	Name     string
	Why      string // the arithmetic, as a comment
	Interval time.Duration
	Series   []Series
	Checks   []Check
}

// Series is an input series in promtool's notation.
type Series struct{ Name, Values string }

// Check is what an expression gives at a time.
type Check struct {
	At   time.Duration
	Expr string
	Want []Sample
	Why  string
}

// Sample is an expected sample.
type Sample struct {
	Labels string
	Value  float64
}

// YAML writes the file.
func (f *File) YAML() []byte {
	var out bytes.Buffer
	out.WriteString(rules.Header + "rule_files:\n")
	for _, r := range f.Rules {
		fmt.Fprintf(&out, "  - ../rules/%s\n", r.Name)
	}
	out.WriteString("group_eval_order:\n")
	for _, name := range f.order() {
		fmt.Fprintf(&out, "  - %s\n", name)
	}
	fmt.Fprintf(&out, "evaluation_interval: %s\ntests:\n", spec.Duration(f.Interval))
	for i := range f.Cases {
		f.Cases[i].write(&out)
	}
	return out.Bytes()
}

// order is the order of evaluation: records before what reads them. In a server
// groups run beside each other, and what this orders lags by an interval.
func (f *File) order() []string {
	var out []string
	for _, stage := range []string{"-base-", "-windows-", "-calendar", "-budgets", "-rows", "-drift-1", "-records", "-labels", ""} {
		for _, r := range f.Rules {
			for _, g := range r.Groups {
				if strings.Contains(g.Name, stage) && !slices.Contains(out, g.Name) {
					out = append(out, g.Name)
				}
			}
		}
	}
	return out
}

func (c *Case) write(out *bytes.Buffer) {
	for _, line := range strings.Split(c.Why, "\n") {
		if line != "" {
			fmt.Fprintf(out, "  # %s\n", line)
		}
	}
	fmt.Fprintf(out, "  - name: %s\n    interval: %s\n    input_series:\n", yamlString(c.Name), spec.Duration(c.Interval))
	for _, s := range c.Series {
		fmt.Fprintf(out, "      - series: %s\n        values: %s\n", yamlString(s.Name), yamlString(s.Values))
	}
	out.WriteString("    promql_expr_test:\n")
	for _, k := range c.Checks {
		if k.Why != "" {
			fmt.Fprintf(out, "      # %s\n", k.Why)
		}
		fmt.Fprintf(out, "      - expr: %s\n        eval_time: %s\n", yamlString(k.Expr), spec.Duration(k.At))
		if len(k.Want) > 0 {
			out.WriteString("        exp_samples:\n")
		}
		for _, w := range k.Want {
			fmt.Fprintf(out, "          - labels: %s\n            value: %s\n", yamlString(w.Labels), strconv.FormatFloat(w.Value, 'g', -1, 64))
		}
	}
}

func yamlString(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// firing is the check that exactly these rules' alerts fire under a name, with
// all their labels; none where there are no rules.
func firing(name string, at time.Duration, model map[string]string, which ...rules.Rule) Check {
	c := Check{At: at, Expr: fmt.Sprintf(`ALERTS{alertname=%q, alertstate="firing"}`, name)}
	for _, r := range which {
		labels := map[string]string{"alertname": name, "alertstate": "firing"}
		maps.Copy(labels, r.Labels)
		maps.Copy(labels, model)
		c.Want = append(c.Want, Sample{selector("ALERTS", labels), 1})
	}
	return c
}

func selector(name string, labels map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, fmt.Sprintf("%s=%q", k, labels[k]))
	}
	return name + "{" + strings.Join(parts, ", ") + "}"
}

// pick returns the named rule files.
func pick(all []rules.File, names ...string) []rules.File {
	var out []rules.File
	for _, n := range names {
		for _, f := range all {
			if f.Name == n {
				out = append(out, f)
			}
		}
	}
	return out
}
