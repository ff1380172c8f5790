package slice

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/feature"
)

func TestNames(t *testing.T) {
	s, err := New([]Rule{{Feature: "region"}, {Header: "X-Tenant"}, {When: "amount > 1000 and region == north", Name: "large, north"}, {When: "amount <= 10"}}, 3)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"region", "amount"}
	row := func(region string, amount float64) []feature.Value {
		return []feature.Value{{Text: region, IsText: true, Missing: region == ""}, {Number: amount}}
	}
	for _, c := range []struct {
		row    []feature.Value
		tenant map[string]string
		want   []string
	}{
		{row("north", 2000), map[string]string{"x-tenant": "a"}, []string{"region=north", "X-Tenant=a", "large, north"}},
		{row("south", 2000), nil, []string{"region=south"}},
		{row("west", 10), nil, []string{"region=other", "amount <= 10"}}, // the fourth value
		{row("", 11), nil, []string{"region=other"}},
		{nil, nil, nil},
	} {
		if got := s.Names(names, c.row, c.tenant); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.row, got, c.want)
		}
	}
}

func TestComparisons(t *testing.T) {
	for when, want := range map[string]bool{"x > 1": true, "x >= 2": true, "x < 2": false, "x <= 2": true, "x == 2.0": true, "x != 2": false,
		"x == two": false, "x != two": true, `t == "b c"`: true, "t != b": true, "t > 5": false, "y == 1": false, "x>1 and t == b c": true} {
		s, err := New([]Rule{{When: when, Name: "it"}}, 1)
		if err != nil {
			t.Fatal(when, err)
		}
		got := len(s.Names([]string{"x", "t"}, []feature.Value{{Number: 2}, {Text: "b c", IsText: true}}, nil)) == 1
		if got != want {
			t.Errorf("%s: %v", when, got)
		}
	}
	for _, when := range []string{"", "x", "x >", "x > north", "x = 1 or y = 2", "and"} {
		if err := Check(when); !errors.Is(err, ErrRule) {
			t.Errorf("%q: %v", when, err)
		}
	}
}

func TestBounded(t *testing.T) {
	s, _ := New([]Rule{{Feature: "x"}}, 10)
	all := map[string]bool{}
	for i := range 1000 {
		for _, n := range s.Names([]string{"x"}, []feature.Value{{Number: float64(i)}}, nil) {
			all[n] = true
		}
	}
	if len(all) != 11 || !all["x=other"] {
		t.Errorf("%d slices", len(all))
	}
}

// FuzzCondition: whatever is written, it is refused or answers.
func FuzzCondition(f *testing.F) {
	f.Add("amount > 1000 and region == north", "north", 3.0)
	f.Fuzz(func(t *testing.T, when, text string, number float64) {
		s, err := New([]Rule{{When: when, Feature: ""}}, 4)
		if err != nil || when == "" {
			return
		}
		_ = fmt.Sprint(s.Names([]string{"amount", "region"}, []feature.Value{{Number: number}, {Text: text, IsText: true}}, nil))
	})
}
