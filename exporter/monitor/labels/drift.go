package labels

import (
	"fmt"

	"github.com/gnomon-dev/gnomon/driftlib"
	"github.com/gnomon-dev/gnomon/exporter/monitor/cohort"
	"github.com/gnomon-dev/gnomon/exporter/result"
	"gonum.org/v1/gonum/stat/distuv"
)

// Label drift needs both: a test that says so in one of a thousand looks by
// chance, and a change that matters, as for features.
const (
	labelAlpha  = .001
	labelMinPSI = .01
	labelFloor  = 1e-4
)

// labelDrift compares classes over the cohorts whose labels are complete
// enough: the labels of young cohorts are those that come fast. nil without
// labels that are classes.
func (v *view) labelDrift() *result.LabelDrift {
	if v.mature.Known && !v.settled {
		return nil
	}
	age := max(v.age, cohort.Edge(0))
	predicted, actual, _, _ := v.st.Cohorts.Shares(v.now, age)
	labels, total := v.counts(actual)
	if total == 0 {
		return nil
	}
	d := &result.LabelDrift{Labels: int(total), Shares: v.shares(labels, total)}
	if p, n := v.counts(predicted); n > 0 {
		d.Predicted = v.shares(p, n)
		if psi, err := driftlib.PSI(p, labels, labelFloor); err == nil {
			d.PSIOfPredictions = &psi
		}
	}
	if v.ref == nil || len(v.ref.Labels) == 0 {
		d.Reason = "the reference has no labels to compare with"
		return d
	}
	reference, rows := make([]float64, len(v.st.Classes)), 0.0
	for i, c := range v.st.Classes {
		reference[i] = float64(v.ref.Labels[c])
		rows += reference[i]
	}
	d.Reference = v.shares(reference, rows)
	v.judge(d, reference, rows, labels, total)
	return d
}

// judge fills in PSI, its part beyond chance, (B - 1)(1/n + 1/m) d, and the
// two-sample chi-square test, whose statistic is divided by d. d is the design
// effect of labels that hang together in time (Rao and Scott 1981).
func (v *view) judge(d *result.LabelDrift, reference []float64, rows float64, labels []float64, n float64) {
	const least = 30
	if n < least || rows < least {
		d.Reason = fmt.Sprintf("%.0f labels against %.0f in the reference: too few to compare", n, rows)
		return
	}
	psi, err := driftlib.PSI(reference, labels, labelFloor)
	if err != nil {
		d.Reason = err.Error()
		return
	}
	seen := 0
	for i := range labels {
		if labels[i]+reference[i] > 0 {
			seen++
		}
	}
	effect := v.dependence()
	adjusted := max(0, psi-float64(seen-1)*(1/n+1/rows)*effect)
	d.PSI, d.PSIAdjusted, d.DesignEffect = &psi, &adjusted, &effect
	a, b := driftlib.PoolSmall(reference, labels, 5)
	test, err := driftlib.ChiSquareTest(a, b)
	if err != nil {
		d.Reason = "one class on both sides"
		return
	}
	p := distuv.ChiSquared{K: float64(test.DoF)}.Survival(test.Statistic / effect)
	d.PValue = &p
	d.Drifted = p < labelAlpha && adjusted >= labelMinPSI
	d.Reason = fmt.Sprintf("PSI %.4f, %.4f beyond chance; chi-square p %.3g over %.0f labels", psi, adjusted, p, n)
	if effect > 1.1 {
		d.Reason += fmt.Sprintf(", which hang together in time: they say as much as %.0f independent ones", n/effect)
	}
}

func (v *view) counts(list []uint32) (out []float64, total float64) {
	out = make([]float64, len(v.st.Classes))
	for i := range min(len(out), len(list)) {
		out[i] = float64(list[i])
		total += out[i]
	}
	return out, total
}

func (v *view) shares(counts []float64, total float64) map[string]float64 {
	out := map[string]float64{}
	if total == 0 {
		return out
	}
	for i, n := range counts {
		out[v.st.Classes[i]] = n / total
	}
	return out
}
