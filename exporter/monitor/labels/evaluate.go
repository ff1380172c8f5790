package labels

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/monitor/cohort"
	"github.com/gnomon-dev/gnomon/exporter/monitor/performance"
	"github.com/gnomon-dev/gnomon/exporter/result"
	"github.com/prometheus/common/model"
)

// view is a Monitor's state at one moment, to draw conclusions from without
// holding anybody up.
type view struct {
	s       *Settings
	st      state
	recent  []scored
	ref     *Reference
	now     time.Time
	options performance.Options
	mature  cohort.Maturity
	age     time.Duration // from which on predictions count; 0: all of them
	settled bool          // that can be said
}

// Evaluate sums up what was labelled.
func (m *Monitor) Evaluate() *result.Performance {
	v := m.view()
	p := v.totals()
	v.delays(p)
	v.coverage(p)
	v.performance(p)
	p.LabelDrift = v.labelDrift()
	p.Annotators = annotators(v.st.Items)
	p.Estimate = v.estimate()
	return p
}

// view copies the state for conclusions.
func (m *Monitor) view() *view {
	m.mu.Lock()
	m.mature()
	v := &view{s: &m.s, st: m.st.clone(), recent: slices.Clone(m.recent), ref: m.ref, now: m.s.Now()}
	m.mu.Unlock()
	v.options = performance.Options{Positive: m.s.Positive, Classes: v.names()}
	v.mature = v.st.Cohorts.Maturity(v.now, m.s.Complete)
	v.age, v.settled = settled(v.mature, m.s.MinAge)
	return v
}

// Judged is a copy of the outcomes that count, in the order of their
// predictions.
func (m *Monitor) Judged() []*performance.Outcome {
	list, _ := m.view().judged()
	return list
}

// names are the classes by index of the scores.
func (v *view) names() []string {
	n := 0
	for i := range v.st.Outcomes {
		n = max(n, len(v.st.Outcomes[i].Scores))
	}
	out := make([]string, n)
	for i := range out {
		out[i] = v.s.Class(i)
	}
	return out
}

// totals is what was counted since start.
func (v *view) totals() *result.Performance {
	p := &result.Performance{Labels: result.LabelCounts{}, LabelClasses: map[string]uint64{}, Alarm: v.st.Alarm, Predictions: v.st.Predicted,
		CalibrationTotals: v.st.Bins, ConfusionTotal: result.Confusion{Labels: v.st.Classes, Counts: v.st.Confusion}, Windows: []result.Window{}, Slices: []result.Window{}}
	for _, o := range Outcomes() {
		p.Labels[string(o)] = v.st.Counts[o]
	}
	for i, c := range v.st.Classes {
		p.LabelClasses[c] = v.st.ByClass[i]
	}
	if v.ref != nil && v.ref.Detector != nil {
		p.Baseline = &v.ref.Accuracy
	}
	return p
}

// delays are how long labels take: quantiles over the outcomes that are kept,
// bins since start.
func (v *view) delays(p *result.Performance) {
	list := make([]float64, 0, len(v.st.Outcomes))
	for i := range v.st.Outcomes {
		list = append(list, max(v.st.Outcomes[i].Known.Sub(v.st.Outcomes[i].At).Seconds(), 0))
	}
	slices.Sort(list)
	at := func(q float64) *float64 {
		if len(list) == 0 {
			return nil
		}
		return &list[min(int(q*float64(len(list))), len(list)-1)]
	}
	p.Delay = result.Delay{P50: at(.5), P90: at(.9), P99: at(.99), N: len(list), Bins: delayBins(v.st.Delays)}
	if len(list) >= performance.MinOutcomes {
		p.DelayP50 = p.Delay.P50
	}
}

// delayBins sums the fine bins up to those that people read.
func delayBins(counts []uint64) []result.Count {
	edges := ages()
	out := make([]result.Count, len(edges)+1)
	for k := range out {
		out[k].Name = fmt.Sprintf("%02d %s", k+1, ageName(edges, k))
		if k < len(edges) {
			s := edges[k].Seconds()
			out[k].Upper = &s
		}
	}
	for bin, n := range counts {
		k := 0
		for k < len(edges) && cohort.Edge(bin) > edges[k]*3/2 { // edges between two bins go to the nearer
			k++
		}
		out[k].Count += n
	}
	return out
}

// ages are the edges of ages and delays.
func ages() []time.Duration {
	const day = 24 * time.Hour
	return []time.Duration{time.Second, 10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Hour, day, 7 * day, 30 * day, 90 * day}
}

func ageName(edges []time.Duration, k int) string {
	switch k {
	case 0:
		return "up to " + short(edges[0])
	case len(edges):
		return "over " + short(edges[k-1])
	}
	return short(edges[k-1]) + " to " + short(edges[k])
}

// span is a duration as Prometheus writes it.
func span(d time.Duration) string { return model.Duration(d).String() }

func short(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= time.Minute:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

func (v *view) coverage(p *result.Performance) {
	edges := ages()
	var n, labelled uint64
	p.CoverageByAge = []result.Coverage{}
	for k, a := range v.st.Cohorts.Coverage(v.now, edges) {
		c := result.Coverage{Age: fmt.Sprintf("%02d %s", k+1, ageName(edges, k)), Predictions: a.N, Labelled: a.Labelled, Ratio: ratio(a.Labelled, a.N)}
		p.CoverageByAge = append(p.CoverageByAge, c)
		n += a.N
		labelled += a.Labelled
	}
	p.Coverage = ratio(labelled, n)
}

func ratio(k, n uint64) *float64 {
	if n == 0 {
		return nil
	}
	v := min(float64(k)/float64(n), 1) // a label joined to a prediction that the last checkpoint lacks
	return &v
}

// judged are the outcomes that count, in the order of their predictions, and
// how many are too young.
func (v *view) judged() (list []*performance.Outcome, young int) {
	clock := v.st.Cohorts.Clock(v.now)
	for i := range v.st.Outcomes {
		o := &v.st.Outcomes[i]
		if v.mature.Known && !v.settled || v.age > 0 && clock.Sub(o.At) < v.age {
			young++
			continue
		}
		list = append(list, o)
	}
	slices.SortStableFunc(list, func(a, b *performance.Outcome) int { return a.At.Compare(b.At) })
	return list, young
}

func (v *view) performance(p *result.Performance) {
	list, young := v.judged()
	p.Maturity = v.maturity(young)
	last := list[max(0, len(list)-v.s.Window):]
	p.Windows = append(p.Windows, v.window(fmt.Sprint(v.s.Window), last, ""))
	for _, w := range v.s.Windows {
		p.Windows = append(p.Windows, v.timed(list, w))
	}
	p.Slices = v.slices(last)
	p.Confusion = v.confusion(last)
	p.Undefined = performance.Few(len(last))
	p.Accuracy = v.accuracy(last)
	p.Uncorrected = v.accuracy(v.latest())
	switch {
	case p.Accuracy == nil && p.Undefined == "":
		p.Undefined = "predictions and labels are not classes"
	case p.Undefined != "" && young > 0:
		p.Undefined += fmt.Sprintf(" of an age at which labels are complete enough; %d are too young", young)
	}
	p.Calibration, p.Trust = calibrate(last, v.options.Classes)
}

// latest are the outcomes labelled last.
func (v *view) latest() []*performance.Outcome {
	var out []*performance.Outcome
	for i := max(0, len(v.st.Outcomes)-v.s.Window); i < len(v.st.Outcomes); i++ {
		out = append(out, &v.st.Outcomes[i])
	}
	return out
}

func (v *view) accuracy(list []*performance.Outcome) *result.Interval {
	right, n := 0, 0
	for _, o := range list {
		if k := o.Kind(); k == performance.Class || k == performance.MultiLabel {
			n++
			if o.Correct() {
				right++
			}
		}
	}
	if n < performance.MinOutcomes {
		return nil
	}
	lower, upper := Wilson(right, n)
	return &result.Interval{Value: float64(right) / float64(n), Lower: lower, Upper: upper, N: n}
}

func (v *view) maturity(young int) result.Maturity {
	m := result.Maturity{AgeSeconds: v.age.Seconds(), Completeness: v.mature.Share, Excluded: young, Known: v.settled}
	switch {
	case !v.mature.Known:
		m.Words = "too few labels to say how long they take; every labelled prediction counts"
	case !v.settled:
		m.Words = fmt.Sprintf("labels take up to %s so far, and were watched for %s only: later ones, and unlike these, cannot be ruled out; none of the %d labelled predictions counts yet",
			span(v.mature.Longest.Round(time.Second)), span(v.mature.Watched.Round(time.Second)), young)
	case v.age == 0:
		m.Words = "labels come at once; every labelled prediction counts"
	default:
		m.Words = fmt.Sprintf("predictions count from an age of %s on, at which %.0f %% of the labels that will come have come; %d labelled ones are younger and do not count",
			span(v.age.Round(time.Second)), 100*v.mature.Share, young)
	}
	return m
}

func (v *view) window(name string, list []*performance.Outcome, note string) result.Window {
	w := result.Window{Name: name, N: len(list), Metrics: map[string]result.Metric{}, Note: note}
	if len(list) > 0 {
		w.From, w.To = &list[0].At, &list[len(list)-1].At
	}
	if why := performance.Few(len(list)); why != "" {
		w.Note = why
		return w
	}
	w.Metrics = performance.Metrics(list, v.options)
	return w
}

// timed is the window of a length that ends where predictions become old
// enough to count.
func (v *view) timed(list []*performance.Outcome, length time.Duration) result.Window {
	end := v.st.Cohorts.Clock(v.now).Add(-v.age)
	from, _ := slices.BinarySearchFunc(list, end.Add(-length), func(o *performance.Outcome, at time.Time) int { return o.At.Compare(at) })
	note := ""
	if from == 0 && len(list) >= v.s.Keep {
		note = fmt.Sprintf("only the latest %d labelled predictions are kept; they begin later than the window", v.s.Keep)
	}
	return v.window(span(length), list[from:], note)
}

func (v *view) slices(list []*performance.Outcome) []result.Window {
	by := map[string][]*performance.Outcome{}
	for _, o := range list {
		for _, s := range o.Slices {
			by[s] = append(by[s], o)
		}
	}
	names := make([]string, 0, len(by))
	for s := range by {
		names = append(names, s)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := len(by[b]) - len(by[a]); d != 0 {
			return d
		}
		if a < b {
			return -1
		}
		return 1
	})
	out := []result.Window{}
	for _, s := range names[:min(len(names), v.s.Slices)] {
		out = append(out, v.window(s, by[s], ""))
	}
	return out
}

func (v *view) confusion(list []*performance.Outcome) result.Confusion {
	c := result.Confusion{Labels: v.st.Classes, Counts: make([][]int64, len(v.st.Classes))}
	index := map[string]int{}
	for i, name := range v.st.Classes {
		c.Counts[i], index[name] = make([]int64, len(v.st.Classes)), i
	}
	for _, o := range list {
		if o.Kind() != performance.Class {
			continue
		}
		a, ok := index[o.Actual]
		b, also := index[o.Predicted]
		if ok && also {
			c.Counts[a][b]++
		}
	}
	return c
}

// Wilson is the 95 % score interval of a share. Source: Wilson (1927).
func Wilson(right, n int) (lower, upper float64) {
	const z = 1.959963984540054
	if n == 0 {
		return 0, 1
	}
	p, m := float64(right)/float64(n), float64(n)
	mid := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(mid-half, 0), min(mid+half, 1)
}
