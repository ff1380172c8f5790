// Package verdict puts a model's results into words: what is wrong, how much,
// since when. The page shows them, the events log them, and a person on call
// reads them first.
package verdict

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/result"
)

// Settings are the limits that are not a detector's business.
type Settings struct {
	StaleAfter time.Duration
	ErrorRatio float64 // of model and infra errors, above which requests "fail"
	MinErrors  uint64  // fewer requests than this in the window say nothing
}

// Judge words the verdicts of one model and remembers since when each finding
// holds. Not safe for concurrent use.
type Judge struct {
	settings Settings
	since    map[string]time.Time
	about    map[string]string // what each finding is about
	level    result.Level
	changed  time.Time
}

// New returns a Judge for one model.
func New(s Settings) *Judge {
	return &Judge{settings: s, since: map[string]time.Time{}, about: map[string]string{}}
}

// rule looks for one kind of finding. An empty Words means that there is
// nothing to say.
type rule struct {
	kind  string
	over  string // what is said when it has ended
	judge func(j *Judge, m *result.Model, now time.Time) (level result.Level, words string)
}

// rules is the table of what can be wrong, in the order in which equals are
// shown: causes before symptoms.
func rules() []rule {
	return []rule{
		{"errors", "requests succeed again", errorsRule},
		{"identity", "the registered model is served again", identityRule},
		{"poisoning", "the trigger set is answered as expected again", triggerRule},
		{"disagreement", "the shadow agrees again", disagreementRule},
		{"accuracy", "accuracy is back", accuracyRule},
		{"schema", "the inputs' schema is as before again", schemaRule},
		{"skew", "what is served is what was logged for training again", skewRule},
		{"input_drift", "the inputs are as before again", inputRule},
		{"expected_accuracy", "accuracy is expected to be what it was again", estimateRule},
		{"label_drift", "the mix of classes in the labels is as before again", labelRule},
		{"prediction_drift", "the mix of predicted classes is as before again", predictionRule},
		{"confidence_drift", "the confidence is as before again", confidenceRule},
		{"suspect", "the inputs look usual again", suspectRule},
		{"calibration", "confidence and accuracy agree again", calibrationRule},
		{"stale", "records come again", staleRule},
		{"label_store", "the label store takes labels again", labelStoreRule},
		{"shadow_down", "all shadows run", shadowDownRule},
		{"loading", "the shadows are in place", loadingRule},
		{"learning", "the provisional reference is learned", learningRule},
		{"no_traffic", "records come in", noTrafficRule},
	}
}

// Model fills in the model's verdict and returns what is new since the last
// call, as events.
func (j *Judge) Model(m *result.Model, now time.Time) []result.Event {
	var findings []result.Finding
	var events []result.Event
	for _, r := range rules() {
		level, words := r.judge(j, m, now)
		since, held := j.since[r.kind]
		if held && words != "" && j.about[r.kind] != about(words) {
			held = false // another finding of the same kind, since now
		}
		if words == "" {
			if held {
				delete(j.since, r.kind)
				events = append(events, event(m, now, r.kind, result.Healthy, r.over))
			}
			continue
		}
		if !held {
			since = now
			j.since[r.kind], j.about[r.kind] = now, about(words)
			events = append(events, event(m, now, r.kind, level, words))
		}
		findings = append(findings, result.Finding{Kind: r.kind, Level: level, Words: words + sinceWords(since, now), Since: since})
	}
	slices.SortStableFunc(findings, func(a, b result.Finding) int { return rank(b.Level) - rank(a.Level) })
	if len(findings) == 0 {
		findings = []result.Finding{{Kind: "healthy", Level: result.Healthy, Words: "healthy", Since: now}}
	}
	level := findings[0].Level
	if level != j.level {
		j.level, j.changed = level, now
	}
	m.Verdict = result.Verdict{Level: level, Since: j.changed, Findings: findings}
	return events
}

// about is what a finding is about, without its figures: the words up to the
// first colon. "wrong version served: ..." is another finding than "unknown
// model served: ...", but a growing number is the same one.
func about(words string) string {
	if head, _, ok := strings.Cut(words, " served: "); ok {
		return head
	}
	return ""
}

func event(m *result.Model, now time.Time, kind string, level result.Level, words string) result.Event {
	return result.Event{Time: now, Kind: kind, Level: level, Model: m.Name, Version: m.Version, Words: words}
}

func rank(l result.Level) int {
	return slices.Index([]result.Level{result.Healthy, result.Unknown, result.Learning, result.Warning, result.Critical}, l)
}

// sinceWords says since when, to the second while it is fresh.
func sinceWords(since, now time.Time) string {
	switch d := now.Sub(since); {
	case d < time.Hour:
		return " since " + since.Format("15:04:05")
	case d < 24*time.Hour:
		return " since " + since.Format("15:04")
	default:
		return " since " + since.Format("2 Jan 15:04")
	}
}

// percent writes a share with as many digits as it is worth: 0.4 %, 31 %.
func percent(v float64) string {
	switch {
	case v == 0:
		return "0 %"
	case v < .001:
		return fmt.Sprintf("%.2g %%", 100*v)
	case v < .1:
		return fmt.Sprintf("%.1f %%", 100*v)
	default:
		return fmt.Sprintf("%.0f %%", 100*v)
	}
}
