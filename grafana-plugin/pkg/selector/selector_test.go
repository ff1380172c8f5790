package selector

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		``:                               `m{}`,
		`{}`:                             `m{}`,
		`model="digits"`:                 `m{model="digits"}`,
		`{model="a",feature=~"x|y"}`:     `m{model="a",feature=~"x|y"}`,
		` { a = "b" , c != "d" } `:       `m{a="b",c!="d"}`,
		`{a="quote \" and \\ and }, b"}`: `m{a="quote \" and \\ and }, b"}`,
		"{a=`raw`}":                      `m{a="raw"}`,
		`{a="1",}`:                       `m{a="1"}`,
		`{model="größe"}`:                `m{model="größe"}`,
		`{a!~"x.*"}`:                     `m{a!~"x.*"}`,
	} {
		set, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := set.Of("m"); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{model="a"`:           "closing brace",
		`model`:                "is no matcher",
		`{a=b}`:                "double quotes",
		`{a='b'}`:              "double quotes",
		`{a="b" c="d"}`:        "comma",
		`{a=~"("}`:             "no regular expression",
		`{__name__="up"}`:      "no name of a label",
		`{a="b"} or vector(1)`: "closing brace",
		`{a="b"} or {c="d"}`:   "comma",
		`{a="b"}[5m]`:          "closing brace",
		`{a>"b"}`:              "is no matcher",
	} {
		if set, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v; want an error with %q", text, set, err, want)
		}
	}
}

func TestOneOf(t *testing.T) {
	for _, c := range []struct {
		values []string
		want   string
	}{
		{nil, `m{}`},
		{[]string{"a.b"}, `m{l="a.b"}`},
		{[]string{"a.b", `c"|d`}, `m{l=~"a\\.b|c\"\\|d"}`},
	} {
		if got := Set(OneOf("l", c.values)).Of("m"); got != c.want {
			t.Errorf("%q: %s, want %s", c.values, got, c.want)
		}
	}
}

func TestSetIsNotShared(t *testing.T) {
	base := make(Set, 0, 8)
	a, b := base.With(Matcher{"a", Equal, "1"}), base.With(Matcher{"b", Equal, "2"})
	if a.Of("") != `{a="1"}` || b.Of("") != `{b="2"}` || a.Without("a").Of("") != `{}` {
		t.Error(a, b)
	}
}

// Whatever is accepted is written so that it reads as the same set again: no
// text can leave its quotes.
func FuzzParse(f *testing.F) {
	f.Add(`{model="digits",feature=~"a|b"}`)
	f.Add(`{a="\"} or vector(1) or {b=\""}`)
	f.Add("a=`x`")
	f.Fuzz(func(t *testing.T, text string) {
		set, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(set.Of(""))
		if err != nil || again.Of("") != set.Of("") {
			t.Fatalf("%q: %s, again %v, %v", text, set.Of(""), again, err)
		}
	})
}
