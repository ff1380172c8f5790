package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/alerts/spec"
)

func slo(t testing.TB, objective float64, period string) *spec.SLO {
	t.Helper()
	f, err := spec.Parse("t.yaml", fmt.Appendf(nil, "slos: [{name: a, kind: availability, objective: %v, period: %s}]", objective, period))
	if err != nil {
		t.Fatal(err)
	}
	return &f.SLOs[0]
}

// TestTiers: the workbook's table at 30 days, and windows of a seventh.
func TestTiers(t *testing.T) {
	for _, c := range []struct {
		objective float64
		period    string
		want      string
	}{
		{99.9, "30d", "fast 1h/5m x14.4 page, medium 6h/30m x6 page, slow 1d/2h x3 ticket, trend 3d/6h x1 ticket"},
		{99.9, "month", "fast 1h/5m x14.4 page, medium 6h/30m x6 page, slow 1d/2h x3 ticket, trend 3d/6h x1 ticket"},
		{99.9, "7d", "fast 14m/2m x14.4 page, medium 84m/8m x6 page, slow 336m/28m x3 ticket, trend 1008m/84m x1 ticket"},
		// 14.4 x 5 % = 72 % bad: possible, and said in Explain.
		{95, "30d", "fast 1h/5m x14.4 page, medium 6h/30m x6 page, slow 1d/2h x3 ticket, trend 3d/6h x1 ticket"},
		// 14.4 x 10 % = 144 %: all times 0.5 / 0.1 / 14.4 = 0.3472.
		{90, "30d", "fast 1h/5m x5 page, medium 6h/30m x2.083 page, slow 1d/2h x1.042 ticket, trend 3d/6h x1 ticket"},
	} {
		var got []string
		for _, x := range Tiers(slo(t, c.objective, c.period)) {
			got = append(got, fmt.Sprintf("%s %s/%s x%g %s", x.Name, spec.Duration(x.Long), spec.Duration(x.Short), x.Factor, x.Class))
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%v %s: got\n%s\nwant\n%s", c.objective, c.period, s, c.want)
		}
	}
}

// TestTiersArePossible: no objective and period leave a tier that a complete
// outage could not fire, and no slower tier asks for more than a faster one.
func TestTiersArePossible(t *testing.T) {
	for objective := 50.5; objective < 99.99; objective += .37 {
		for _, period := range []string{"7d", "28d", "30d", "month"} {
			s := slo(t, objective, period)
			last := 1e9
			for _, x := range Tiers(s) {
				if _, ok := x.Detection(s.Target(), 1); !ok || x.Factor > last || x.Factor < 1 || x.Long%Base(s) != 0 || x.Short%Base(s) != 0 {
					t.Errorf("%v %s: %+v", objective, period, x)
				}
				last = x.Factor
			}
		}
	}
}

func TestDetection(t *testing.T) {
	fast := Tier{Long: time.Hour, Factor: 14.4}
	for share, want := range map[float64]time.Duration{1: time.Minute, .1: 518400 * time.Millisecond, .0145: 59*time.Minute + 35172*time.Millisecond/1000} {
		d, ok := fast.Detection(.999, share)
		if !ok || share == .1 && d.Round(time.Millisecond) != want {
			t.Errorf("%v bad: %v %v, want %v", share, d, ok, want)
		}
	}
	if _, ok := fast.Detection(.999, .0144); ok {
		t.Error("exactly the factor is not above it")
	}
	if s := fast.Spent(30 * 24 * time.Hour); s < .01999 || s > .02001 {
		t.Errorf("1h at 14.4 spends %v of 30 days, want 2 %%", s)
	}
}

func TestExplain(t *testing.T) {
	var out strings.Builder
	if err := Explain(&out, spec.Default()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"availability: 99.9 %", "fast    page      14.4    1h/5m         1m0s       8m38s      never", "2.0 %", "rescaled", "needs 30d of retention"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
