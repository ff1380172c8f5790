package watch

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/monitor/experiment"
	"github.com/gnomon-dev/gnomon/exporter/monitor/performance"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// exposures counts the records of every arm that is a slice or a version, for
// the check of the split.
type exposures struct {
	mu sync.Mutex
	by map[string]uint64 // by arm
}

func (e *exposures) add(arm string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.by == nil {
		e.by = map[string]uint64{}
	}
	e.by[arm]++
}

func (e *exposures) of(arm string) uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.by[arm]
}

// expose counts an observation at the arms that it is in.
func (m *Model) expose(o *record.Observation, in []string) {
	for _, e := range m.spec.Config.Experiments {
		for _, a := range []config.Arm{e.Control, e.Treatment} {
			if a.Version != "" && a.Version == o.Version || a.Slice != "" && slices.Contains(in, a.Slice) {
				m.spec.exposures.add(e.Name + "/" + a.String())
			}
		}
	}
}

// others is what each shadow answers, in configured order.
func (m *Model) others(o *record.Observation) []string {
	if len(m.spec.Config.Experiments) == 0 {
		return nil
	}
	out := make([]string, len(o.Shadows))
	for i := range o.Shadows {
		out[i] = m.answer(o.Shadows[i].Prediction)
	}
	return out
}

// experiments compares the arms of a model. versions finds the monitors of its
// other versions.
func (m *Model) experiments(versions func(version string) *Model) []result.Experiment {
	if len(m.spec.Config.Experiments) == 0 {
		return nil
	}
	var out []result.Experiment
	own := m.labels.Judged()
	m.mu.Lock()
	version := m.version
	m.mu.Unlock()
	for _, e := range m.spec.Config.Experiments {
		if e.Treatment.Version != "" && e.Treatment.Version != version {
			continue // it is shown at the treatment
		}
		control := own
		if v := e.Control.Version; v != "" && v != version {
			control = nil
			if other := versions(v); other != nil {
				control = other.labels.Judged()
			}
		}
		out = append(out, m.spec.compare(e, m.spec.arm(e.Control, control), m.spec.arm(e.Treatment, own)))
	}
	return out
}

// arm picks an arm's records and answers.
func (s *Spec) arm(a config.Arm, list []*performance.Outcome) []experiment.Observation {
	shadow := slices.IndexFunc(s.Config.Shadows, func(c config.Shadow) bool { return a.Shadow != "" && c.Name == a.Shadow })
	var out []experiment.Observation
	for _, o := range list {
		x := experiment.Observation{Outcome: o}
		switch {
		case a.Slice != "" && !slices.Contains(o.Slices, a.Slice):
			continue
		case a.Shadow != "":
			unknown := ""
			if x.Answer = &unknown; shadow >= 0 && shadow < len(o.Others) {
				x.Answer = &o.Others[shadow]
			}
		}
		out = append(out, x)
	}
	return out
}

func (s *Spec) compare(e config.Experiment, control, treatment []experiment.Observation) result.Experiment {
	out := result.Experiment{Name: e.Name, Control: e.Control.String(), Treatment: e.Treatment.String(), Figures: []result.ExperimentFigure{}}
	paired := e.Control.Shadow != "" || e.Treatment.Shadow != ""
	var all []experiment.Result
	for _, f := range e.Figures {
		figure := experiment.Figure{KPI: f.KPI, Lower: f.Better == "lower", Margin: f.Margin}
		var r experiment.Result
		if paired {
			r = experiment.Paired(figure, control, treatment)
		} else {
			r = experiment.Split(figure, control, treatment, e.Covariate)
		}
		all = append(all, r)
		out.Figures = append(out.Figures, described(r))
	}
	out.Exposures = [2]uint64{s.exposures.of(e.Name + "/" + out.Control), s.exposures.of(e.Name + "/" + out.Treatment)}
	if len(e.Shares) == 2 {
		p, mismatched := experiment.Shares([2]int{int(out.Exposures[0]), int(out.Exposures[1])}, [2]float64{e.Shares[0], e.Shares[1]})
		out.Shares, out.Mismatched = result.Known(p), mismatched
	}
	out.Decision = experiment.Together(all, out.Mismatched)
	var words []string
	if out.Mismatched {
		words = append(words, fmt.Sprintf("the traffic is not split as it should be (%d and %d records, p %.2g): nothing can be concluded", out.Exposures[0], out.Exposures[1], *out.Shares))
	}
	for _, r := range all {
		words = append(words, r.Words)
	}
	out.Words = strings.Join(words, "; ")
	return out
}

func described(r experiment.Result) result.ExperimentFigure {
	return result.ExperimentFigure{KPI: r.KPI, Control: result.Known(r.ControlMean), Treatment: result.Known(r.TreatmentMean), N: [2]int{r.Control, r.Treatment},
		Delta: result.Known(r.Delta), Lower: result.Known(r.Low), Upper: result.Known(r.High), PValue: r.PValue, Margin: r.Margin, Decision: r.Decision, Words: r.Words}
}
