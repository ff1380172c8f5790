package spec

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/alerts/promql"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestInvalid holds every file of testdata/invalid to the message beside it:
// with file, line, field, reason and fix.
func TestInvalid(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid/*.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			want, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".want")
			if err != nil {
				t.Fatal(err)
			}
			_, err = Load(file)
			var faults Faults
			if !errors.As(err, &faults) {
				t.Fatalf("got %v, want faults", err)
			}
			if !strings.Contains(err.Error(), strings.TrimSpace(string(want))) {
				t.Errorf("got\n%v\nwant %s", err, want)
			}
			for _, f := range faults {
				if f.File != file || f.Line < 1 || f.Field == "" || f.Reason == "" || f.Fix == "" {
					t.Errorf("incomplete: %#v", f)
				}
			}
		})
	}
}

func TestDefault(t *testing.T) {
	f := Default()
	kinds := map[string]bool{}
	for i := range f.SLOs {
		kinds[f.SLOs[i].Kind] = true
	}
	for k := range Kinds() {
		if !kinds[k] && k != "ratio" && k != "threshold" {
			t.Errorf("no SLO of kind %s by default", k)
		}
	}
	if f.SLOs[0].Alerts.Page != "AvailabilityBudgetBurn" || f.SLOs[0].Alerts.Ticket != "AvailabilitySlowBurn" || *f.SLOs[0].MinFailures != 10 {
		t.Errorf("%+v", f.SLOs[0])
	}
}

// TestKindsArePromQL: every kind's queries, for one model and for all.
func TestKindsArePromQL(t *testing.T) {
	for name, k := range Kinds() {
		for _, model := range []string{"", `quo"te`} {
			s := &SLO{Kind: name, Model: model, Threshold: k.Threshold, Bad: "rate(b[{{window}}])", Total: "rate(t[{{window}}])", Query: "g", Op: "lt"}
			for _, q := range []string{k.Bad(s), k.Total(s)} {
				if err := promql.Check(strings.ReplaceAll(q, Window, "5m")); err != nil {
					t.Errorf("%s: %s: %v", name, q, err)
				}
				if name != "ratio" && name != "threshold" && strings.Contains(q, "model=") != (model != "") {
					t.Errorf("%s: model %q in %s", name, model, q)
				}
			}
		}
	}
}

func TestOpenSLO(t *testing.T) {
	f, err := Load("testdata/openslo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ten := 10.0
	want := []SLO{
		{Name: "resnet-availability", Description: "The model answers.", Team: "ml", Kind: "ratio", Objective: 99.9, Period: "28d",
			Bad: `rate(http_requests_total{model="resnet", code=~"5.."}[{{window}}])`, Total: `rate(http_requests_total{model="resnet"}[{{window}}])`,
			MinFailures: &ten, Impossible: "rescale", Alerts: Alerts{"ResnetAvailabilityBudgetBurn", "ResnetAvailabilitySlowBurn"},
			Tiers: []Tier{{Name: "fast", Long: 3600e9, Short: 300e9, Factor: 10, Class: "page"}}},
		{Name: "resnet-queue", Team: "ml", Kind: "threshold", Objective: 99, Period: "month", Threshold: "20", Query: "max by (model) (queue_length)", Op: "lte",
			MinFailures: &ten, Impossible: "rescale", Alerts: Alerts{"ResnetQueueBudgetBurn", "ResnetQueueSlowBurn"}},
	}
	if d := cmp.Diff(want, f.SLOs, cmpopts.IgnoreUnexported(SLO{})); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Receiver{{PagerDutyKeyFile: "/etc/alertmanager/pagerduty.key"}}, f.Notify.Page); d != "" {
		t.Error(d)
	}
}

// TestOpenSLORoundTrip: what is written is read again as it was.
func TestOpenSLORoundTrip(t *testing.T) {
	read, err := Load("testdata/openslo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []*File{Default(), read} {
		text, err := OpenSLO(f)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("again.yaml", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if d := cmp.Diff(f.SLOs, again.SLOs, cmpopts.IgnoreUnexported(SLO{})); d != "" {
			t.Errorf("%s\n%s", d, text)
		}
	}
}

func TestSloth(t *testing.T) {
	f, err := Load("testdata/sloth.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := f.SLOs[0]
	if s.Name != "requests-availability" || s.Model != "recommender" || s.Objective != 99.9 || s.Alerts != (Alerts{"RecommenderAvailability", "off"}) ||
		s.Total != `sum(rate(http_requests_total{job="recommender"}[{{window}}]))` {
		t.Errorf("%+v", s)
	}
	if raw := f.SLOs[1]; !strings.HasPrefix(raw.Total, "0 * (") {
		t.Errorf("%+v", raw)
	}
}

func TestDuration(t *testing.T) {
	for s, want := range map[string]string{"5m": "5m", "300s": "5m", "1h30m": "90m", "500ms": "500ms", "1w": "7d", "36h": "36h"} {
		d, err := ParseDuration(s)
		if err != nil || d.String() != want {
			t.Errorf("%s: %v, %v, want %s", s, d, err, want)
		}
	}
	for _, s := range []string{"", "5", "m", "-5m", "5x", "99999999999d", "9999d", "0s", "1.5h"} {
		if d, err := ParseDuration(s); err == nil {
			t.Errorf("%q is %v", s, d)
		}
	}
}

// FuzzParse: no input crashes it; an accepted one is complete and its own
// OpenSLO form is accepted too.
func FuzzParse(f *testing.F) {
	f.Add([]byte(DefaultText()))
	for _, pattern := range []string{"testdata/*.yaml", "testdata/invalid/*.yaml"} {
		files, _ := filepath.Glob(pattern) // the pattern is constant
		for _, file := range files {
			if data, err := os.ReadFile(file); err == nil {
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("f.yaml", data)
		var faults Faults
		if err != nil {
			if !errors.As(err, &faults) || len(faults) == 0 {
				t.Fatalf("%v is no fault of the file", err)
			}
			return
		}
		if reflect.DeepEqual(file.Thresholds, Thresholds{}) || len(file.SLOs) == 0 {
			t.Fatalf("incomplete: %+v", file)
		}
		if _, err := OpenSLO(file); err != nil {
			t.Fatal(err)
		}
	})
}
