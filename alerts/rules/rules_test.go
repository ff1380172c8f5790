package rules

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/alerts/promql"
	"github.com/gnomon-dev/gnomon/alerts/spec"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"
)

// each calls f for every rule that a file makes.
func each(f *spec.File, visit func(Group, Rule)) {
	for _, file := range New(f).Files() {
		for _, g := range file.Groups {
			for _, r := range g.Rules {
				visit(g, r)
			}
		}
	}
}

// TestAlertsSayEverything: labels and annotations that each must have.
func TestAlertsSayEverything(t *testing.T) {
	n := 0
	each(spec.Default(), func(_ Group, r Rule) {
		if r.Alert == "" {
			return
		}
		n++
		for _, l := range []string{"slo", "burn_tier", "root_cause", "alert_class", "severity", "team"} {
			if r.Labels[l] == "" || strings.Contains(r.Labels[l], "$") {
				t.Errorf("%s: label %s is %q", r.Alert, l, r.Labels[l])
			}
		}
		for _, a := range []string{"summary", "description", "runbook_url", "dashboard_url"} {
			if r.Annotations[a] == "" {
				t.Errorf("%s: no %s", r.Alert, a)
			}
		}
		if !strings.ContainsAny(r.Annotations["description"], "0123456789") && !strings.Contains(r.Annotations["description"], "value") && r.Alert != "Watchdog" {
			t.Errorf("%s: no figure in %q", r.Alert, r.Annotations["description"])
		}
		if !slices.Contains([]string{"page", "ticket", "info"}, r.Labels["alert_class"]) || !slices.Contains([]string{"fast", "medium", "slow", "trend"}, r.Labels["burn_tier"]) {
			t.Errorf("%s: %v", r.Alert, r.Labels)
		}
	})
	if n < 50 {
		t.Errorf("%d alerts", n)
	}
}

// TestCatalogue: every alert of the catalogue is there.
func TestCatalogue(t *testing.T) {
	names := New(spec.Default()).Names()
	for _, want := range strings.Fields(`AvailabilityBudgetBurn AvailabilitySlowBurn BudgetExhausted ServingDown ExporterAbsent LatencyP99Burn LatencyP95SlowBurn
		ThroughputCollapse AccuracyCatastrophic AccuracyDegraded SilentRegression ABDeltaNegative FeatureDrift LabelDrift PredictionSkew CalibrationDrift PipelineStale
		LabelPipelineStale GPUOOM GPUMemoryHigh GPUXidFatal GPUECC GPUThermal GPUUnderused ColdStart HostMemoryHigh VersionMismatch ModelPoisoningSuspected RetrainOverdue RetrainWanted
		RetrainCompleted CostPer1k MonitorBlind Watchdog`) {
		if !slices.Contains(names, want) {
			t.Errorf("no %s", want)
		}
	}
}

// TestMetricsExist: every metric that a rule reads is exported (the golden
// exposition and the taps' own metrics), recorded by another rule, or listed as
// planned.
func TestMetricsExist(t *testing.T) {
	known := append(Planned(), "ALERTS", "gnomon_requests_total", "gnomon_request_duration_seconds_count", "gnomon_request_duration_seconds_bucket",
		"gnomon_records_dropped_total", "gnomon_records_sampled_total", "gnomon_build_info")
	golden, err := os.Open("../../exporter/metrics/testdata/exposition.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer golden.Close()
	for lines := bufio.NewScanner(golden); lines.Scan(); {
		if f := strings.Fields(lines.Text()); len(f) > 2 && f[1] == "TYPE" {
			known = append(known, f[2])
		}
	}
	each(spec.Default(), func(_ Group, r Rule) { known = append(known, r.Record) })
	each(spec.Default(), func(_ Group, r Rule) {
		metrics, err := promql.Metrics(r.Expr)
		if err != nil {
			t.Errorf("%s%s: %v in %s", r.Record, r.Alert, err, r.Expr)
		}
		for _, m := range metrics {
			if !slices.Contains(known, m) {
				t.Errorf("%s%s reads %s, which nothing exports", r.Record, r.Alert, m)
			}
		}
	})
}

// TestCompress: the same templates with every duration divided.
func TestCompress(t *testing.T) {
	f := spec.Default()
	f.Compress = 30
	var exprs strings.Builder
	each(f, func(g Group, r Rule) {
		if g.Interval.Std() > 20e9 {
			t.Errorf("group %s every %s", g.Name, g.Interval)
		}
		exprs.WriteString(r.Record + r.Expr + "\n")
	})
	for _, want := range []string{"gnomon:slo_burn:ratio2m{", "[10s]", "offset 2s", "time() - 12", "[119967ms]"} {
		if !strings.Contains(exprs.String(), want) {
			t.Errorf("no %s", want)
		}
	}
	for _, not := range []string{"[5m]", "[1h]", "<1h>", "<<"} {
		if strings.Contains(exprs.String(), not) {
			t.Errorf("%s is not compressed", not)
		}
	}
}

// TestDisable and models of their own.
func TestDisable(t *testing.T) {
	f := spec.Default()
	f.Disable = []string{"Watchdog", "BudgetExhausted", "AvailabilityBudgetBurn"}
	for _, n := range New(f).Names() {
		if slices.Contains(f.Disable, n) {
			t.Errorf("%s is still there", n)
		}
	}
	f.SLOs[0].Model = "m"
	each(f, func(_ Group, r Rule) {
		if r.Labels["slo"] == "availability" && r.Record != "" && (r.Labels["model"] != "m" || !strings.Contains(r.Expr, `model="m"`)) {
			t.Errorf("%+v", r)
		}
	})
}

func BenchmarkGenerate100x9(b *testing.B) {
	f := Fleet(100)
	for b.Loop() {
		for _, file := range New(f).Files() {
			file.YAML()
		}
	}
}

// TestYAML: what is written by hand is read as it was.
func TestYAML(t *testing.T) {
	for _, file := range New(spec.Default()).Files() {
		var got File
		if err := yaml.Unmarshal(file.YAML(), &got); err != nil {
			t.Fatal(err)
		}
		got.Name = file.Name
		if d := cmp.Diff(file, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s: %s", file.Name, d)
		}
	}
	for _, s := range []string{"", "on", "a: b", "1", "-", "é\u2028", "it's", " x", "a #b", "{}", "x\ty", "a:"} {
		var got string
		if err := yaml.Unmarshal([]byte(quote(s)), &got); err != nil || got != s {
			t.Errorf("%q is written %s and read %q, %v", s, quote(s), got, err)
		}
	}
}

// Fleet is a file of nine SLOs for each of n models.
func Fleet(n int) *spec.File {
	f := spec.Default()
	slos := f.SLOs[:9]
	f.SLOs = nil
	for i := range n {
		for _, s := range slos {
			s.Model = "model-" + string(rune('a'+i%26)) + string(rune('a'+i/26))
			f.SLOs = append(f.SLOs, s)
		}
	}
	return f
}
