package mutate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gnomon-dev/gnomon/alerts/promql"
	"github.com/gnomon-dev/gnomon/alerts/rules"
	"github.com/gnomon-dev/gnomon/alerts/spec"
)

// Mutant is one change of one rule.
type Mutant struct {
	File, Group string
	Index       int // of the rule in its group
	Rule        rules.Rule
	Kind        string // factor, window, comparison, label, operator
	Change      string
}

// Name of the mutated rule.
func (m Mutant) Name() string {
	if m.Rule.Alert != "" {
		return m.Rule.Alert
	}
	return m.Rule.Record
}

func (m Mutant) String() string {
	return fmt.Sprintf("%s %s: %s: %s", strings.TrimSuffix(m.File, ".yml"), m.Name(), m.Kind, m.Change)
}

// Mutants are all mutants of rule files.
func Mutants(files []rules.File) ([]Mutant, error) {
	var out []Mutant
	for _, f := range files {
		for _, g := range f.Groups {
			for i, r := range g.Rules {
				found, err := of(r)
				if err != nil {
					return nil, fmt.Errorf("%s: %s%s: %w", f.Name, r.Record, r.Alert, err)
				}
				for _, m := range found {
					m.File, m.Group, m.Index = f.Name, g.Name, i
					out = append(out, m)
				}
			}
		}
	}
	return out, nil
}

// of makes the mutants of one rule.
func of(r rules.Rule) ([]Mutant, error) {
	tokens, err := promql.Lex(r.Expr)
	if err != nil {
		return nil, err
	}
	var out []Mutant
	for i, t := range tokens {
		kind, options := change(r.Expr, tokens, i)
		for _, o := range options {
			m := Mutant{Rule: r, Kind: kind, Change: fmt.Sprintf("%s -> %s at %d", t.Text, o, t.Offset)}
			m.Rule.Expr = r.Expr[:t.Offset] + o + r.Expr[t.Offset+len(t.Text):]
			out = append(out, m)
		}
	}
	hold := func(name string, d spec.Duration, set func(*rules.Rule, spec.Duration)) {
		if d > 0 {
			m := Mutant{Rule: r, Kind: "window", Change: fmt.Sprintf("%s: %s -> %s", name, d, d*3/2)}
			set(&m.Rule, d*3/2)
			out = append(out, m)
		}
	}
	hold("for", r.For, func(r *rules.Rule, d spec.Duration) { r.For = d })
	hold("keep_firing_for", r.KeepFiring, func(r *rules.Rule, d spec.Duration) { r.KeepFiring = d })
	for _, k := range slices.Sorted(maps.Keys(r.Labels)) {
		m := Mutant{Rule: r, Kind: "label", Change: fmt.Sprintf("%s: %s -> other", k, r.Labels[k])}
		m.Rule.Labels = maps.Clone(r.Labels)
		m.Rule.Labels[k] = "other"
		out = append(out, m)
	}
	return out, nil
}

// change says how a token can be changed.
func change(expr string, tokens []promql.Token, i int) (kind string, options []string) {
	t := tokens[i]
	switch t.Kind {
	case promql.Number:
		return "factor", factor(t.Text)
	case promql.Duration:
		if i > 0 && tokens[i-1].Text == ":" && !strings.Contains(expr, "sum_over_time(") {
			return "", nil
		}
		d, err := spec.ParseDuration(t.Text)
		if err != nil {
			return "", nil
		}
		return "window", []string{(d * 3 / 2).String()}
	case promql.String:
		return "label", matcher(tokens, i)
	case promql.Operator:
		if t.Text == "!=" && i+1 < len(tokens) && tokens[i+1].Kind == promql.String {
			return "label", []string{"="} // a matcher, not a comparison
		}
		if o := operators()[t.Text]; o.to != "" && !signed(tokens, i) {
			return o.kind, []string{o.to}
		}
	case promql.Identifier:
		if o := words()[t.Text]; o.to != "" {
			return o.kind, []string{o.to}
		}
		if grouped(tokens, i) {
			return "label", []string{"other"}
		}
	}
	return "", nil
}

// factor changes a number by a tenth, and 0 to 1.
func factor(text string) []string {
	v, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || v != 0 && v <= 1e-9:
		return nil
	case v == 0:
		return []string{"1"}
	}
	return []string{strconv.FormatFloat(v*1.1, 'g', 12, 64)}
}

// matcher changes the value of a matcher; of a regular expression it leaves
// each alternative out.
func matcher(tokens []promql.Token, i int) []string {
	if i < 2 || tokens[i-1].Kind != promql.Operator || tokens[i-2].Kind != promql.Identifier {
		return nil
	}
	value := strings.Trim(tokens[i].Text, "\"")
	list := strings.Split(strings.TrimPrefix(strings.SplitN(value, ")", 2)[0], "("), "|")
	if tokens[i-1].Text[len(tokens[i-1].Text)-1] != '~' || len(list) < 2 {
		return []string{strconv.Quote("other-" + value)}
	}
	var out []string
	for k := range list {
		less := strings.Join(slices.Delete(slices.Clone(list), k, k+1), "|")
		out = append(out, strconv.Quote(strings.Replace(value, strings.Join(list, "|"), less, 1)))
	}
	return out
}

type mutation struct{ kind, to string }

func operators() map[string]mutation {
	return map[string]mutation{
		">": {"comparison", "<"}, "<": {"comparison", ">"}, ">=": {"comparison", "<="}, "<=": {"comparison", ">="}, "==": {"comparison", "!="},
		"+": {"operator", "-"}, "-": {"operator", "+"}, "*": {"operator", "/"}, "/": {"operator", "*"},
		"=": {"label", "!="}, "!=": {"comparison", "=="}, "=~": {"label", "!~"}, "!~": {"label", "=~"},
	}
}

func words() map[string]mutation {
	return map[string]mutation{
		"and": {"operator", "or"}, "or": {"operator", "and"}, "unless": {"operator", "and"},
		"sum": {"operator", "min"}, "max": {"operator", "min"}, "min": {"operator", "max"}, "count": {"operator", "min"},
		"avg_over_time": {"operator", "max_over_time"}, "sum_over_time": {"operator", "max_over_time"},
	}
}

// signed says whether an operator is a sign: -1, 1e-4, (-x.
func signed(tokens []promql.Token, i int) bool {
	return i == 0 || tokens[i-1].Kind == promql.Operator || strings.Contains("(,", tokens[i-1].Text) || slices.Contains([]string{"and", "or", "unless", "bool"}, tokens[i-1].Text)
}

// grouped says whether an identifier is a label in by (...) or on (...).
func grouped(tokens []promql.Token, i int) bool {
	for k := i - 1; k > 0; k-- {
		switch t := tokens[k]; {
		case t.Text == "(":
			return slices.Contains([]string{"by", "on", "ignoring", "without"}, tokens[k-1].Text)
		case t.Kind != promql.Identifier && t.Text != ",":
			return false
		}
	}
	return false
}
