package watch

import (
	"fmt"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// trainedKeys are the keys under which training programs write the time into
// an .onnx file, the first that is there counts.
func trainedKeys() []string {
	return []string{"trained_at", "trained", "training_time", "training_date", "train_date", "trained_timestamp"}
}

// trained is when the model was trained, and who says so. A time to come is
// nobody's.
func (s *Spec) trained(now time.Time) (*time.Time, string) {
	if t, err := config.ParseTime(s.Config.Retrain.Trained); err == nil && !t.After(now) {
		return &t, "configuration"
	}
	i := s.registeredShadow()
	if i < 0 {
		return nil, ""
	}
	if engine, err := s.Replay.Shadows[i].Engine(); err == nil {
		keys := trainedKeys()
		if k := s.Config.Retrain.MetadataKey; k != "" {
			keys = []string{k}
		}
		for _, k := range keys {
			if t, err := config.ParseTime(engine.Model().Metadata[k]); err == nil && !t.After(now) {
				return &t, "model"
			}
		}
	}
	o := s.Origins[i]
	o.mu.Lock()
	created := o.model.Created
	o.mu.Unlock()
	if !created.IsZero() && !created.After(now) {
		return &created, "registry"
	}
	return nil, ""
}

// registeredShadow is the place of the shadow that stands for what ought to be
// served; -1: there is none.
func (s *Spec) registeredShadow() int {
	for i := range s.Config.Shadows {
		if role := s.Config.Shadows[i].Role; role == "twin" || role == "reference-precision" {
			return i
		}
	}
	return -1
}

// retrain judges whether the model should be trained again. Only evaluate
// calls it.
func (m *Model) retrain(r *result.Model, now time.Time) *result.Retrain {
	c := &m.spec.Config.Retrain
	out := &result.Retrain{Reasons: []result.RetrainReason{}}
	out.Trained, out.TrainedFrom = m.spec.trained(now)
	since := map[string]time.Time{}
	because := func(signal, words string) {
		if words == "" || !c.Has(signal) {
			return
		}
		began, ok := m.wanted[signal]
		if !ok {
			began = now
		}
		since[signal] = began
		out.Reasons = append(out.Reasons, result.RetrainReason{Signal: signal, Since: began, Words: words})
		if out.Since == nil || began.Before(*out.Since) {
			out.Since = &began
		}
	}
	because("accuracy", accuracyFell(r.Performance))
	drift, held := drifted(r, c)
	because("drift", drift)
	if c.Has("drift") {
		out.Held = held
	}
	if c.MaxAge != nil && *c.MaxAge > 0 && out.Trained != nil && now.Sub(*out.Trained) > time.Duration(*c.MaxAge) {
		because("age", fmt.Sprintf("trained %s ago (at most %s)", days(now.Sub(*out.Trained)), days(time.Duration(*c.MaxAge))))
	}
	m.wanted, out.Wanted = since, len(out.Reasons) > 0
	return out
}

func accuracyFell(p *result.Performance) string {
	switch {
	case p == nil || !p.Alarm:
		return ""
	case p.Accuracy == nil:
		return "accuracy has fallen"
	case p.Baseline == nil:
		return fmt.Sprintf("accuracy has fallen to %.3f", p.Accuracy.Value)
	}
	return fmt.Sprintf("accuracy has fallen to %.3f, from %.3f", p.Accuracy.Value, *p.Baseline)
}

// drifted words the major drift of the inputs, or says why it does not count.
func drifted(r *result.Model, c *config.Retrain) (words, held string) {
	faulty := map[string]bool{}
	for _, f := range r.Schema.Faults {
		faulty[f.Feature] = true
	}
	if r.Skew != nil {
		for i := range r.Skew.Features {
			if f := &r.Skew.Features[i]; f.Window >= 100 && f.Lower != nil && *f.Lower > .01 {
				faulty[f.Name] = true
			}
		}
	}
	var names, broken []string
	for i := range r.Features {
		switch f := &r.Features[i]; {
		case f.State != "major":
		case faulty[f.Name]:
			broken = append(broken, f.Name)
		default:
			names = append(names, f.Name)
		}
	}
	if len(broken) > 0 {
		held = "drift of " + strings.Join(first(broken, 5), ", ") + " is a fault of the pipeline (schema, or served otherwise than logged): mend the pipeline first"
	}
	switch {
	case len(names) < c.Features || len(names) == 0:
		return "", held
	case r.Reference.Provisional:
		return "", "the reference is provisional: it is not what the model was trained on"
	case r.Identity != nil && !r.Identity.Checked.IsZero() && !r.Identity.Match:
		return "", "another model is served than the registered one: put that right first"
	}
	return fmt.Sprintf("major drift in %d of %d features: %s", len(names), len(r.Features), strings.Join(first(names, 5), ", ")), held
}

func first(names []string, most int) []string { return names[:min(len(names), most)] }

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return d.Round(time.Minute).String()
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
