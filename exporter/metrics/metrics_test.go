package metrics

import (
	"bytes"
	"flag"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

func expose(t testing.TB, families []*dto.MetricFamily) []byte {
	var b bytes.Buffer
	enc := expfmt.NewEncoder(&b, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// TestGoldenExposition fixes names, labels and HELP. Rewrite with
// go test ./exporter/metrics -update.
func TestGoldenExposition(t *testing.T) {
	update := flag.Lookup("update").Value.String() == "true"
	got := expose(t, Families(sample(1, 2)))
	const file = "testdata/exposition.txt"
	if update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("exposition changed (-want +got):\n%s", diff)
	}
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "rewrite golden files")
	flag.Parse()
	os.Exit(m.Run())
}

func TestPromlint(t *testing.T) {
	problems, err := promlint.New(bytes.NewReader(expose(t, Families(sample(2, 3))))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestPedantic holds the snapshot to what a pedantic registry would check on
// every scrape: consistent labels, sorted and unique series.
func TestPedantic(t *testing.T) {
	families := Families(sample(3, 4))
	gathered, err := prometheus.Gatherers{prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, nil })}.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if len(gathered) != len(families) {
		t.Errorf("%d families gathered of %d", len(gathered), len(families))
	}
	for i, f := range families {
		if i > 0 && families[i-1].GetName() >= f.GetName() {
			t.Errorf("%s is not sorted", f.GetName())
		}
		names := labelNames(f.Metric[0])
		for j, m := range f.Metric {
			if got := labelNames(m); got != names {
				t.Errorf("%s: labels %s beside %s", f.GetName(), got, names)
			}
			if j > 0 && compareLabels(f.Metric[j-1], m) >= 0 {
				t.Errorf("%s: series %d is not sorted or not unique", f.GetName(), j)
			}
		}
	}
}

func labelNames(m *dto.Metric) string {
	var names []string
	for _, l := range m.Label {
		names = append(names, l.GetName())
	}
	return strings.Join(names, ",")
}

func TestNoNaNNoInf(t *testing.T) {
	s := sample(1, 2)
	f := &s.Models[0].Features[0]
	f.KS, f.PSI = ptr(math.NaN()), ptr(math.Inf(1))
	s.Models[0].Shadows[0].LagSeconds = math.NaN()
	text := string(expose(t, Families(s)))
	for _, bad := range []string{"NaN", "Inf\n"} {
		if strings.Contains(text, " "+bad) {
			t.Errorf("the exposition holds %s", bad)
		}
	}
	if strings.Contains(text, `gnomon_feature_ks_statistic{feature="f000"`) {
		t.Error("an undefined value was exported")
	}
}

func TestJoinKeepsOrder(t *testing.T) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "gnomon_g", Help: "g"}), prometheus.NewGauge(prometheus.GaugeOpts{Name: "zzz", Help: "z"}))
	var s Snapshot
	s.Publish(Families(sample(1, 2)))
	got, err := Join(reg, &s).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(got); i++ {
		if got[i-1].GetName() >= got[i].GetName() {
			t.Fatalf("%s before %s", got[i-1].GetName(), got[i].GetName())
		}
	}
}
