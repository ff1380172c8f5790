package watch

import (
	"math"

	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// mostPaired is how many records wait for a label that shadows are judged by.
const mostPaired = 20_000

// pair notes what the primary and its shadows answered to a record.
func (m *Model) pair(o *record.Observation) {
	if len(o.Shadows) == 0 || o.ID == "" || o.Primary == nil || o.Supplied || o.Primary.Class < 0 {
		return
	}
	classes := make([]string, len(o.Shadows))
	for i, s := range o.Shadows {
		if s.Prediction != nil && s.Prediction.Class >= 0 {
			classes[i] = m.spec.ClassName(s.Prediction.Class)
		}
	}
	m.paired.Predict(o.ID, m.spec.ClassName(o.Primary.Class), classes)
	if o.Label != nil {
		m.paired.Label(o.ID, m.spec.classNamed(o.Label.Class))
	}
}

// judge hands labels to the models whose shadows they may judge.
func (s *Set) judge(list []record.Label) {
	for _, m := range s.list() {
		if len(m.spec.Replay.Shadows) == 0 {
			continue
		}
		for _, l := range list {
			if l.Model == "" || l.Model == m.spec.Config.Name {
				m.paired.Label(l.ID, m.spec.classNamed(l.Class))
			}
		}
	}
}

// delta fills in a shadow's accuracy less the primary's.
func (m *Model) delta(s *result.Shadow, i int) {
	p := m.paired.Pair(i)
	if s.Labelled = uint64(p.N()); p.N() == 0 {
		return
	}
	delta, lower, upper, pvalue := p.Delta()
	s.AccuracyDelta, s.AccuracyDeltaPValue = &delta, &pvalue
	if !math.IsInf(lower, 0) {
		s.AccuracyDeltaLower, s.AccuracyDeltaUpper = &lower, &upper
	}
}
