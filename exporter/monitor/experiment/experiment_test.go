package experiment

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/monitor/performance"
)

// arm makes labelled records of an arm that is right with a probability.
func arm(rng *rand.Rand, n int, right float64) []Observation {
	out := make([]Observation, n)
	for i := range out {
		o := &performance.Outcome{Truth: true, Predicted: "a", Actual: "b", Value: math.NaN(), KPI: map[string]float64{"before": rng.NormFloat64()}}
		if rng.Float64() < right {
			o.Actual = "a"
		}
		o.KPI["revenue"] = 10 + 5*o.KPI["before"] + rng.NormFloat64()
		out[i].Outcome = o
	}
	return out
}

func TestDecisions(t *testing.T) {
	for _, c := range []struct {
		name           string
		n              int
		control, treat float64
		margin         float64
		want, says     string
	}{
		{"as good", 20_000, .9, .9, .02, Promote, "not worse than by 0.02"},
		{"better", 20_000, .8, .9, .01, Promote, "not worse"},
		{"worse", 5000, .9, .8, .02, RollBack, "worse"},
		{"worse within the margin", 20_000, .9, .88, .1, Promote, "not worse than by 0.1"},
		{"open", 1000, .9, .89, .005, Hold, "not decided yet"},
		{"few", 40, .9, .1, .02, Hold, "too few labelled records yet (40 and 40)"},
	} {
		rng := rand.New(rand.NewPCG(5, 0))
		r := Split(Figure{KPI: Accuracy, Margin: c.margin}, arm(rng, c.n, c.control), arm(rng, c.n, c.treat), "")
		if r.Decision != c.want || !strings.Contains(r.Words, c.says) {
			t.Errorf("%s: %s (%s), want %s", c.name, r.Decision, r.Words, c.want)
		}
	}
}

// TestLookedAtAllTheTime: arms that do not differ, looked at after every 250
// records of each: at most 5 % of the experiments may ever say "worse".
func TestLookedAtAllTheTime(t *testing.T) {
	wrong, runs := 0, 100
	for seed := range uint64(runs) {
		rng := rand.New(rand.NewPCG(seed, 1))
		control, treatment := arm(rng, 3000, .9), arm(rng, 3000, .9)
		for n := 100; n <= 3000; n += 250 {
			if Split(Figure{KPI: Accuracy}, control[:n], treatment[:n], "").Decision == RollBack {
				wrong++
				break
			}
		}
	}
	if wrong > 9 { // 5 % of 100 is 5; above 9 has probability 0.03 at exactly 5 %
		t.Errorf("%d of %d experiments without a difference were rolled back", wrong, runs)
	}
}

// TestPairedNeedsFewer: a shadow on the same records shows a small difference
// that split traffic does not.
func TestPairedNeedsFewer(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 0))
	records := arm(rng, 4000, .9)
	shadow := make([]Observation, len(records))
	for i, o := range records {
		answer := o.Outcome.Predicted
		if rng.Float64() < .02 {
			answer = "c" // wrong where the primary may be right
		}
		shadow[i] = Observation{o.Outcome, &answer}
	}
	paired := Paired(Figure{KPI: Accuracy}, records, shadow)
	if paired.Decision != RollBack || paired.PValue > .05 {
		t.Errorf("paired: %+v", paired)
	}
	if split := Split(Figure{KPI: Accuracy}, records[:2000], shadow[2000:], ""); split.Decision == RollBack {
		t.Errorf("split traffic should not have sufficed here: %+v", split)
	}
}

// TestCovariate: a figure from before the experiment takes its part of the
// variance away.
func TestCovariate(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 0))
	control, treatment := arm(rng, 2000, .5), arm(rng, 2000, .5)
	for _, o := range treatment {
		o.Outcome.KPI["revenue"] -= .5
	}
	f := Figure{KPI: "revenue"}
	plain, with := Split(f, control, treatment, ""), Split(f, control, treatment, "before")
	if with.Reduction < .9 || with.High-with.Low > .5*(plain.High-plain.Low) || with.Decision != RollBack {
		t.Errorf("without %+v\nwith %+v", plain, with)
	}
}

func TestLowerIsBetter(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 0))
	number := func(n int, spread float64) []Observation {
		out := make([]Observation, n)
		for i := range out {
			out[i].Outcome = &performance.Outcome{Truth: true, Value: spread * rng.NormFloat64(), ActualValue: 0}
		}
		return out
	}
	f := Figure{KPI: AbsoluteError, Lower: true, Margin: .01}
	if r := Split(f, number(3000, 1), number(3000, 2), ""); r.Decision != RollBack {
		t.Errorf("%+v", r)
	}
	if r := Split(f, number(3000, 2), number(3000, 1), ""); r.Decision != Promote {
		t.Errorf("%+v", r)
	}
}

func TestSharesAndTogether(t *testing.T) {
	if p, bad := Shares([2]int{5000, 5100}, [2]float64{.5, .5}); bad || p < .1 {
		t.Errorf("p %v", p)
	}
	if p, bad := Shares([2]int{5000, 5600}, [2]float64{.5, .5}); !bad || p > 1e-6 {
		t.Errorf("p %v", p)
	}
	if p, bad := Shares([2]int{1, 2}, [2]float64{}); bad || !math.IsNaN(p) {
		t.Errorf("p %v", p)
	}
	promote, hold, back := Result{Decision: Promote}, Result{Decision: Hold}, Result{Decision: RollBack}
	for _, c := range []struct {
		list []Result
		bad  bool
		want string
	}{{[]Result{promote, promote}, false, Promote}, {[]Result{promote, hold}, false, Hold}, {[]Result{hold, back}, true, RollBack}, {[]Result{promote}, true, Hold}, {nil, false, Hold}} {
		if got := Together(c.list, c.bad); got != c.want {
			t.Errorf("%v: %s, want %s", fmt.Sprint(c.list, c.bad), got, c.want)
		}
	}
}
