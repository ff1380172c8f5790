package promql

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestMetrics(t *testing.T) {
	for expr, want := range map[string][]string{
		`1`:    nil,
		`up`:   {"up"},
		`-up`:  {"up"},
		`0x1f`: nil,
		`sum by (model) (rate(a_total{x!~"a|b"}[5m])) or 0 * sum(b_total) by (model,)`: {"a_total", "b_total"},
		`a / on (m) group_left () (b > 0)`:                                             {"a", "b"},
		`sum_over_time((a and on () (month() == on () (c @ end())))[31d:30m]) / 1440`:  {"a", "c"},
		`a offset 5m unless b offset -1h30m # why`:                                     {"a", "b"},
		`topk(3, a) and {__name__="b", x="y"}`:                                         {"a", "b"},
		`(a > bool 0.2 and b >= 500 unless last_over_time(c[15m]) == 1) or 0 * d`:      {"a", "b", "c", "d"},
		`label_replace(a, "x", "$1", "y", "(.*)")`:                                     {"a"},
		`gnomon:slo_bad:rate5m{slo="x"}[1h:]`:                                          {"gnomon:slo_bad:rate5m"},
		`clamp_min(q, 1e-4) * ln(q ^ -1)`:                                              {"q"},
	} {
		got, err := Metrics(expr)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Metrics(%s) = %v, %v, want %v", expr, got, err, want)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	for expr, want := range map[string]string{
		``:                          "want an operand, found the end",
		`sum(rate(a[5m])`:           `want "," , found the end`,
		`rate(a[5m]))`:              `unexpected ")"`,
		`rate(a[5])`:                "want a duration",
		`rate(a[5m1h])`:             "bad number or duration",
		`rat(a[5m])`:                `unknown function "rat"`,
		`a{x=y}`:                    "want a quoted value",
		`a{x="y}`:                   "not closed",
		`{}`:                        "needs a name",
		`a + `:                      "the end",
		`a and on (x) group_left b`: "no grouping",
		`a + bool b`:                "bool goes with",
		`sum(a)[5m]`:                "subquery",
		`clamp_max(a)`:              "takes 2 arguments, given 1",
		`5[5m]`:                     "does not go with a number",
		`a $ b`:                     "unexpected character",
		`a b`:                       "after the expression",
		`and`:                       "keyword",
		strings.Repeat("(", 300):    "nested deeper",
	} {
		err := Check(expr)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(strings.ReplaceAll(err.Error(), `", `, `" , `), want) {
			t.Errorf("Check(%s) = %v, want %q", expr, err, want)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{"sum by (a) (rate(b{c=~\"d\"}[5m]))", "a[5m:", "`", "0x", "@end(", "a offset"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		err := Check(s)
		var syntax *SyntaxError
		if err != nil && (!errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(s)) {
			t.Errorf("%q: %v", s, err)
		}
	})
}
