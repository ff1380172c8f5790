package labels

import (
	"cmp"
	"slices"

	"github.com/gnomon-dev/gnomon/driftlib/performance"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// item is a prediction that annotators have labelled.
type item struct {
	ID    string
	Votes []record.Vote
}

const (
	maxItems      = 2000 // the latest, that agreement is taken over
	maxAnnotators = 8    // whose pairs are looked at, those with most labels
)

// annotate notes what annotators said of a prediction.
func (m *Monitor) annotate(id string, l *record.Label) {
	if len(l.Votes) == 0 {
		return
	}
	for i := len(m.st.Items) - 1; i >= 0; i-- {
		if m.st.Items[i].ID == id {
			m.st.Items[i].Votes = slices.Clone(l.Votes)
			return
		}
	}
	m.st.Items = append(m.st.Items, item{id, slices.Clone(l.Votes)})
	if n := len(m.st.Items); n > maxItems+maxItems/4 {
		m.st.Items = append(make([]item, 0, n), m.st.Items[n-maxItems:]...)
	}
}

// annotators says how far those who label agree; nil where no prediction has
// several labels.
func annotators(items []item) *result.Annotators {
	several := items[:0:0]
	for _, i := range items {
		if len(i.Votes) > 1 {
			several = append(several, i)
		}
	}
	if len(several) == 0 {
		return nil
	}
	out := &result.Annotators{Items: len(several), Pairs: []result.Annotator{}}
	out.FleissKappa, out.Agreement = fleiss(several)
	names := who(several)
	for i, a := range names {
		for _, b := range names[i+1:] {
			if p, ok := pair(several, a, b); ok {
				out.Pairs = append(out.Pairs, p)
			}
		}
	}
	return out
}

// who are the annotators with most labels, by name.
func who(items []item) []string {
	counts := map[string]int{}
	for _, i := range items {
		for _, v := range i.Votes {
			counts[v.Annotator]++
		}
	}
	var names []string
	for n := range counts {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	names = names[:min(len(names), maxAnnotators)]
	slices.Sort(names)
	return names
}

func pair(items []item, a, b string) (result.Annotator, bool) {
	c, _ := performance.NewConfusion() // no labels were given that could be too many
	for _, i := range items {
		x, y := "", ""
		for _, v := range i.Votes {
			switch v.Annotator {
			case a:
				x = v.Class
			case b:
				y = v.Class
			}
		}
		if x != "" && y != "" {
			_ = c.Observe(x, y) // one class too many is left out
		}
	}
	if c.N() == 0 {
		return result.Annotator{}, false
	}
	return result.Annotator{First: a, Second: b, Items: c.N(), Kappa: metric(c.Kappa())}, true
}

func metric(v performance.Metric) result.Metric {
	if !v.Defined() {
		return result.Metric{Undefined: v.Undefined}
	}
	return result.Metric{Value: result.Known(v.Value), Lower: result.Known(v.Lower), Upper: result.Known(v.Upper), N: v.N}
}

// fleiss is Fleiss' kappa, (P - P_e) / (1 - P_e), in the form for items of
// unequal numbers of labels: P is the mean over items of the share of pairs of
// labels that agree, P_e the sum of the squared shares of classes among all
// labels. Its interval is that of the mean P, with P_e taken as known.
//
// Source: Fleiss, "Measuring nominal scale agreement among many raters",
// Psychol. Bull. 76 (1971).
func fleiss(items []item) (kappa, agreement result.Metric) {
	classes := map[string]float64{}
	var labels float64
	shares := make([]float64, len(items))
	for k, i := range items {
		own := map[string]float64{}
		for _, v := range i.Votes {
			own[v.Class]++
			classes[v.Class]++
			labels++
		}
		n := float64(len(i.Votes))
		for _, c := range own {
			shares[k] += c * (c - 1) / (n * (n - 1))
		}
	}
	p, err := performance.Mean(shares)
	if err != nil {
		return result.Metric{Undefined: err.Error()}, result.Metric{Undefined: err.Error()}
	}
	agreement = metric(p)
	chance := 0.0
	for _, c := range classes {
		chance += c / labels * c / labels
	}
	if chance >= 1 {
		return result.Metric{Undefined: "only one class was named: agreement by chance is certain"}, agreement
	}
	beyond := func(v float64) *float64 { return result.Known(max((v-chance)/(1-chance), -1)) }
	return result.Metric{Value: beyond(p.Value), Lower: beyond(p.Lower), Upper: result.Known(min(*orZero(beyond(p.Upper)), 1)), N: p.N}, agreement
}

func orZero(v *float64) *float64 {
	if v == nil {
		one := 1.0
		return &one
	}
	return v
}
