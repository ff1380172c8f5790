package verdict

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/result"
)

func errorsRule(j *Judge, m *result.Model, _ time.Time) (result.Level, string) {
	e := m.Requests.ErrorRate
	if e == nil || *e < j.settings.ErrorRatio || m.Requests.Recent < j.settings.MinErrors {
		return "", ""
	}
	return result.Critical, percent(*e) + " of the requests fail in the model or the server"
}

func identityRule(_ *Judge, m *result.Model, _ time.Time) (result.Level, string) {
	id := m.Identity
	switch {
	case id == nil || id.Checked.IsZero() || id.Match:
		return "", ""
	case id.Like != "":
		return result.Critical, fmt.Sprintf("wrong version served: golden inputs are answered as by %q (%s), not as by the registered model", id.Like, id.LikeRole)
	default:
		return result.Critical, "unknown model served: golden inputs are answered like no registered model"
	}
}

// triggerRule is about inputs whose answers were known beforehand.
func triggerRule(_ *Judge, m *result.Model, _ time.Time) (result.Level, string) {
	if m.Identity == nil || m.Identity.Triggers == nil || m.Identity.Triggers.Failed == 0 {
		return "", ""
	}
	t := m.Identity.Triggers
	return result.Critical, fmt.Sprintf("poisoning suspected: %d of %d inputs of the trigger set are answered otherwise than expected (%s)", t.Failed, t.Inputs, t.First)
}

// suspectRule is about inputs that look made on purpose.
func suspectRule(_ *Judge, m *result.Model, _ time.Time) (result.Level, string) {
	words := map[string]string{"outlier": "far from everything in the reference", "near_duplicate": "nearly the same as another shortly before", "low_margin": "on the border between two classes"}
	var found []string
	for _, s := range m.Suspects {
		if s.Alarm {
			found = append(found, fmt.Sprintf("%s are %s (%s in the reference)", percent(s.Ratio), words[s.Kind], percent(s.Baseline)))
		}
	}
	if len(found) == 0 {
		return "", ""
	}
	return result.Warning, "unusual inputs: " + strings.Join(found, ", ")
}

// disagreementRule is about shadows that should agree. Where everything that
// infrastructure sees is fine, it is a silent regression, and said so.
func disagreementRule(_ *Judge, m *result.Model, _ time.Time) (result.Level, string) {
	for _, s := range m.Shadows {
		if !s.Alarm || s.Disagreement == nil || s.NoiseFloor == nil || (s.Role != "twin" && s.Role != "reference-precision") {
			continue
		}
		words := fmt.Sprintf("shadow disagrees: %s against a noise floor of %s", percent(*s.Disagreement), percent(*s.NoiseFloor))
		quiet := m.Requests.ErrorRate == nil || *m.Requests.ErrorRate < .01
		if quiet && !anyDrift(m) && (m.Identity == nil || m.Identity.Match || m.Identity.Like == "") {
			words = "silent regression: the inputs and the error rate are as before, but the " + words
		}
		return result.Critical, words
	}
	return "", ""
}

func anyDrift(m *result.Model) bool {
	return slices.ContainsFunc(m.Features, drifted)
}

func drifted(f result.Feature) bool {
	return f.State == "minor" || f.State == "major" || f.State == "alarm"
}

func accuracyRule(_ *Judge, m *result.Model, _ time.Time) (result.Level, string) {
	p := m.Performance
	if p == nil || !p.Alarm || p.Accuracy == nil {
		return "", ""
	}
	words := fmt.Sprintf("accuracy has fallen to %.3f [%.3f, %.3f] over %d labels", p.Accuracy.Value, p.Accuracy.Lower, p.Accuracy.Upper, p.Accuracy.N)
	if p.Baseline != nil {
		words += fmt.Sprintf(", from %.3f", *p.Baseline)
	}
	return result.Critical, words
}

// schemaRule says what the data pipeline has broken; it is the cause of what
// drift the same features show.
func schemaRule(_ *Judge, m *result.Model, _ time.Time) (result.Level, string) {
	var found []string
	level := result.Warning
	for _, f := range m.Schema.Faults {
		if f.Kind != "out_of_range" && f.Kind != "unseen_category" { // values that were rare may become frequent
			level = result.Critical
		}
		words := f.Feature + " " + f.Words
		if f.Odd > 0 {
			words += fmt.Sprintf(" (%d of the last %d records)", f.Odd, f.Records)
		}
		found = append(found, words)
	}
	if len(found) == 0 {
		return "", ""
	}
	return level, "the inputs are not what they were: " + list(found)
}

// estimateRule speaks while there are no labels that could say it better.
func estimateRule(_ *Judge, m *result.Model, _ time.Time) (result.Level, string) {
	p := m.Performance
	if p == nil || p.Estimate == nil || !p.Estimate.Fallen || !p.Estimate.Valid || p.Estimate.Accuracy.Value == nil || p.Estimate.Baseline == nil {
		return "", ""
	}
	if p.Alarm {
		return "", "" // known already
	}
	e := p.Estimate.Accuracy
	return result.Warning, fmt.Sprintf("accuracy is expected to have fallen to %.3f, from %.3f: by the confidence of the predictions, without labels", *e.Value, *p.Estimate.Baseline)
}

func labelRule(_ *Judge, m *result.Model, _ time.Time) (result.Level, string) {
	p := m.Performance
	if p == nil || p.LabelDrift == nil || !p.LabelDrift.Drifted || p.LabelDrift.PSI == nil {
		return "", ""
	}
	return result.Warning, fmt.Sprintf("the mix of classes in the labels has changed (PSI %.2f over %d labels)", *p.LabelDrift.PSI, p.LabelDrift.Labels)
}

func labelStoreRule(_ *Judge, m *result.Model, _ time.Time) (result.Level, string) {
	p := m.Performance
	if p == nil || p.Store == nil || p.Store.Up {
		return "", ""
	}
	return result.Warning, "labels are refused: the label store is down: " + p.Store.Error
}

func inputRule(_ *Judge, m *result.Model, _ time.Time) (result.Level, string) {
	var names []string
	level := result.Warning
	for _, f := range m.Features {
		if f.State == "minor" || f.State == "major" {
			names = append(names, f.Name)
		}
		if f.State == "major" {
			level = result.Critical
		}
	}
	if len(names) == 0 {
		return "", ""
	}
	size := "small"
	if level == result.Critical {
		size = "large"
	}
	provisional := ""
	if m.Reference.Provisional {
		provisional = " (against a provisional reference)"
	}
	return level, fmt.Sprintf("%s input drift in %d of %d features%s: %s", size, len(names), len(m.Features), provisional, list(names))
}

func list(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

func predictionRule(_ *Judge, m *result.Model, _ time.Time) (result.Level, string) {
	return derived(m.Prediction, "the mix of predicted classes has changed")
}

func confidenceRule(_ *Judge, m *result.Model, _ time.Time) (result.Level, string) {
	return derived(m.Confidence, "the confidence of the predictions has changed")
}

func derived(f *result.Feature, words string) (result.Level, string) {
	if f == nil || (f.State != "minor" && f.State != "major") {
		return "", ""
	}
	if f.PSI != nil {
		words += fmt.Sprintf(" (PSI %.2f)", *f.PSI)
	}
	return result.Warning, words
}

func calibrationRule(_ *Judge, m *result.Model, _ time.Time) (result.Level, string) {
	if m.Performance == nil || m.Performance.Calibration == nil {
		return "", ""
	}
	c := m.Performance.Calibration
	if !c.Alarm || c.ECEDebiased == nil {
		return "", ""
	}
	return result.Warning, fmt.Sprintf("confidence and accuracy have come apart: calibration error %.3f (debiased)", *c.ECEDebiased)
}

func staleRule(j *Judge, m *result.Model, now time.Time) (result.Level, string) {
	last := m.Freshness.LastRecord
	if last == nil || now.Sub(*last) < j.settings.StaleAfter {
		return "", ""
	}
	return result.Warning, "no record for " + now.Sub(*last).Round(time.Second).String()
}

func shadowDownRule(_ *Judge, m *result.Model, _ time.Time) (result.Level, string) {
	var down []string
	for _, s := range m.Shadows {
		if !s.Up && !s.Loading {
			down = append(down, fmt.Sprintf("shadow %q is down: %s", s.Name, s.Error))
		}
	}
	return result.Warning, strings.Join(down, "; ")
}

func loadingRule(_ *Judge, m *result.Model, _ time.Time) (result.Level, string) {
	var names []string
	for _, s := range m.Shadows {
		if s.Loading {
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 {
		return "", ""
	}
	return result.Learning, "loading the shadows: " + strings.Join(names, ", ")
}

func learningRule(_ *Judge, m *result.Model, _ time.Time) (result.Level, string) {
	if m.Reference.Digest != "" || m.Reference.Wanted == 0 {
		return "", ""
	}
	return result.Learning, fmt.Sprintf("learning a provisional reference: %d of %d records", m.Reference.Rows, m.Reference.Wanted)
}

func noTrafficRule(_ *Judge, m *result.Model, _ time.Time) (result.Level, string) {
	if m.Freshness.LastRecord != nil {
		return "", ""
	}
	return result.Unknown, "no record yet"
}
