package watch

import (
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/feature"
	"github.com/gnomon-dev/gnomon/exporter/monitor/labels"
	"github.com/gnomon-dev/gnomon/exporter/monitor/suspect"
	"github.com/gnomon-dev/gnomon/exporter/monitor/worst"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/result"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

const (
	worstEach  = 20
	worstAge   = 24 * time.Hour
	worstBytes = 1 << 20 // of one record's inputs

	// Reference rows that the signs of attack are taken from: so many values,
	// and no more rows than that.
	suspectValues = 200_000
	suspectRows   = 4000
)

func newKeeper(now func() time.Time) *worst.Keeper {
	return worst.New(worst.Settings{Each: worstEach, MaxAge: worstAge, InputBytes: worstBytes, Now: now})
}

// thin keeps so many reference rows as the signs of attack need.
func thin(rows []suspect.Row) []suspect.Row {
	if len(rows) == 0 {
		return nil
	}
	most := min(suspectRows, suspectValues/max(len(rows[0].Values), 1))
	if len(rows) <= most {
		return rows
	}
	out := make([]suspect.Row, most)
	for i := range out {
		out[i] = rows[i*len(rows)/most]
	}
	return out
}

// margin is the difference of the two highest probabilities; NaN where an
// answer has none.
func margin(p *compare.Prediction) float64 {
	if p == nil || len(p.Probabilities) < 2 {
		return math.NaN()
	}
	first, second := math.Inf(-1), math.Inf(-1)
	for _, v := range p.Probabilities {
		switch {
		case v > first:
			first, second = v, first
		case v > second:
			second = v
		}
	}
	return first - second
}

// watchSuspects starts looking for signs of attack; a reference that is too
// small for that is simply not used for it. m.mu is held.
func (m *Model) watchSuspects(b *Baseline) {
	m.suspect = nil
	if len(b.Suspect) == 0 {
		return
	}
	s, err := suspect.New(suspect.Settings{Reference: b.Suspect, Window: m.s.Evaluation.Window, Threshold: m.s.runLength() * float64(m.s.Evaluation.Replicas)})
	if err == nil {
		m.suspect = s
	}
}

// inspect looks at records one by one: signs of attack, and the worst ones.
// rows are the records' features in the extractor's order.
func (m *Model) inspect(list []*record.Observation, rows [][]feature.Value) {
	m.mu.Lock()
	signs, width := m.suspect, len(m.spec.features().Names())
	m.mu.Unlock()
	for i, o := range list {
		if signs != nil {
			distance, p := signs.Observe(suspect.Row{Values: rows[i][:min(width, len(rows[i]))], Margin: margin(o.Primary)})
			if p <= suspect.Alpha && m.worst.Wants(worst.Outlier, distance) {
				m.keep(o, worst.Outlier, distance, fmt.Sprintf("far from the reference: distance %.1f, p %.4f", distance, p))
			}
		}
		if p := o.Primary; p != nil && p.Class >= 0 && m.worst.Wants(worst.LowConfidence, 1-p.Confidence) { // false for NaN
			m.keep(o, worst.LowConfidence, 1-p.Confidence, fmt.Sprintf("confidence %.3f", p.Confidence))
		}
		m.disagreed(o)
	}
	m.spec.offerSample(list)
}

// disagreed keeps a record that a shadow which should agree answers otherwise.
func (m *Model) disagreed(o *record.Observation) {
	for i := range o.Shadows {
		a := &o.Shadows[i]
		if !a.Compared || a.Delta.Agree || a.Role == "candidate" || a.Role == "baseline" {
			continue
		}
		score := a.Delta.JS
		if math.IsNaN(score) {
			score = a.Delta.MaxAbs
		}
		if m.worst.Wants(worst.Disagreement, score) {
			m.keep(o, worst.Disagreement, score, fmt.Sprintf("shadow %q says %s", a.Shadow, m.answer(a.Prediction)))
		}
	}
}

// wrong keeps a prediction that its label contradicts, the surer the worse.
func (m *Model) wrong(p *labels.Prediction, actual string) {
	if math.IsNaN(p.Confidence) || !m.worst.Wants(worst.Wrong, p.Confidence) {
		return
	}
	m.worst.Offer(worst.Record{ID: p.ID, Time: p.Time, Reason: worst.Wrong, Score: p.Confidence, Predicted: p.Class, Actual: actual, Confidence: p.Confidence,
		Words: fmt.Sprintf("said %s with confidence %.3f, it was %s", p.Class, p.Confidence, actual)})
}

func (m *Model) answer(p *compare.Prediction) string {
	switch {
	case p == nil:
		return ""
	case p.Class < 0:
		return fmt.Sprintf("%.6g", p.Value)
	}
	return m.spec.ClassName(p.Class)
}

func (m *Model) keep(o *record.Observation, reason worst.Reason, score float64, words string) {
	r := worst.Record{ID: o.ID, TraceID: record.TraceID(o.TraceParent), Time: o.Time, Reason: reason, Score: score, Predicted: m.answer(o.Primary), Confidence: math.NaN(), Words: words, Inputs: clone(o.Inputs)}
	if o.Primary != nil {
		r.Confidence = o.Primary.Confidence
	}
	if o.Label != nil {
		r.Actual = o.Label.Class
		if m.s.Text != nil {
			r.Actual = m.s.Text(r.Actual)
		}
	}
	m.worst.Offer(r)
}

// clone copies inputs out of the capture that lent them; too large ones are
// not worth it.
func clone(inputs []tensor.Tensor) shadow.Sample {
	n := 0
	for _, t := range inputs {
		n += t.Bytes()
	}
	if n > worstBytes {
		return nil
	}
	out := make(shadow.Sample, len(inputs))
	for i, t := range inputs {
		out[i] = t.Clone()
	}
	return out
}

// suspects is what the signs of attack show.
func (m *Model) suspects() []result.Suspect {
	m.mu.Lock()
	signs := m.suspect
	m.mu.Unlock()
	if signs == nil {
		return nil
	}
	var out []result.Suspect
	for _, r := range signs.Evaluate() {
		out = append(out, result.Suspect{Kind: string(r.Kind), Total: r.Total, Records: r.Seen, Ratio: r.Share, Baseline: r.Baseline, Alarm: r.Alarm})
	}
	return out
}

// Worst lists a model's worst records, by reason ("" for all).
func (s *Set) Worst(name, version, reason string, limit int) []result.Record {
	out := []result.Record{}
	for v, m := range s.versions(name, version) {
		for _, r := range m.worst.List(worst.Reason(reason), limit) {
			out = append(out, m.described(r, v))
		}
	}
	return out
}

// versions are the monitors of a model, with the version that each is of; ""
// asks for all.
func (s *Set) versions(name, version string) iter.Seq2[string, *Model] {
	return func(yield func(string, *Model) bool) {
		for _, m := range s.list() {
			m.mu.Lock()
			v := m.version
			m.mu.Unlock()
			if m.spec.Config.Name == name && (version == "" || v == version) && !yield(v, m) {
				return
			}
		}
	}
}

func (m *Model) described(r worst.Record, version string) result.Record {
	out := result.Record{ID: r.ID, Time: r.Time, Model: m.spec.Config.Name, Version: version, Reason: string(r.Reason), Score: r.Score,
		Predicted: r.Predicted, Actual: r.Actual, Words: r.Words, TraceID: r.TraceID}
	if !math.IsNaN(r.Confidence) {
		out.Confidence = &r.Confidence
	}
	if r.Explanation != nil {
		e := m.spec.worded(*r.Explanation)
		out.Explanation = &e
	}
	return out
}
