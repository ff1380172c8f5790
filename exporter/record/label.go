package record

import (
	"maps"
	"slices"
	"time"
)

// Label is the truth about a record, now or late: a class, a value, several
// classes, boxes, what annotators said, business figures, or some of these.
type Label struct {
	ID    string `json:"id"`
	Model string `json:"model,omitempty"`
	// Class is the truth of a classification, by name or index.
	Class string   `json:"class,omitempty"`
	Value *float64 `json:"value,omitempty"` // regression
	// Classes are the truth of a multi-label classification; empty and not nil
	// where none holds.
	Classes []string `json:"classes,omitzero"`
	Boxes   []Box    `json:"boxes,omitzero"`
	// Votes are what annotators said. Class is then what most of them said, the
	// first of those that are level.
	Votes []Vote `json:"votes,omitempty"`
	// KPI are business figures of the record, such as revenue.
	KPI    map[string]float64 `json:"kpi,omitempty"`
	Weight *float64           `json:"weight,omitempty"` // in weighted metrics; 1 where absent
	Time   time.Time          `json:"time,omitzero"`    // when the truth was known
}

// Box is an object in an image: left, top, right, bottom in pixels.
type Box struct {
	Class string     `json:"class,omitempty"`
	Box   [4]float64 `json:"box"`
}

// Vote is one annotator's opinion.
type Vote struct {
	Annotator string `json:"annotator"`
	Class     string `json:"class"`
}

// Truth reports whether the label says what the right answer was.
func (l *Label) Truth() bool {
	return l.Class != "" || l.Value != nil || l.Classes != nil || l.Boxes != nil
}

// Addition is what a label does to the one before it.
type Addition int

// A label repeats, adds to, or contradicts the one before it.
const (
	Repeats Addition = iota
	Adds
	Corrects
)

// Join merges a later label into an earlier one and says what it did. Neither
// is changed.
func (l Label) Join(later Label) (Label, Addition) {
	out, does := l, Repeats
	note := func(had, same bool) {
		switch {
		case same:
		case had:
			does = Corrects
		case does == Repeats:
			does = Adds
		}
	}
	if len(later.Votes) > 0 {
		var changed Addition
		out.Votes, changed = votes(l.Votes, later.Votes)
		does = max(does, changed)
		out.Class = Majority(out.Votes)
	} else if later.Class != "" {
		note(l.Class != "", l.Class == later.Class)
		out.Class, out.Votes = later.Class, nil
	}
	if later.Value != nil {
		note(l.Value != nil, l.Value != nil && *l.Value == *later.Value)
		out.Value = later.Value
	}
	if later.Classes != nil {
		note(l.Classes != nil, l.Classes != nil && slices.Equal(l.Classes, later.Classes))
		out.Classes = later.Classes
	}
	if later.Boxes != nil {
		note(l.Boxes != nil, l.Boxes != nil && slices.Equal(l.Boxes, later.Boxes))
		out.Boxes = later.Boxes
	}
	if later.Weight != nil {
		note(l.Weight != nil, l.Weight != nil && *l.Weight == *later.Weight)
		out.Weight = later.Weight
	}
	if len(later.KPI) > 0 {
		out.KPI = maps.Clone(l.KPI)
		if out.KPI == nil {
			out.KPI = map[string]float64{}
		}
		for k, v := range later.KPI {
			old, had := l.KPI[k]
			note(had, had && old == v)
			out.KPI[k] = v
		}
	}
	if does != Repeats && !later.Time.IsZero() {
		out.Time = later.Time
	}
	return out, does
}

func votes(old, later []Vote) ([]Vote, Addition) {
	out, does := slices.Clone(old), Repeats
	for _, v := range later {
		i := slices.IndexFunc(out, func(o Vote) bool { return o.Annotator == v.Annotator })
		switch {
		case i < 0:
			out = append(out, v)
			does = max(does, Adds)
		case out[i].Class != v.Class:
			out[i].Class = v.Class
			does = Corrects
		}
	}
	return out, does
}

// Majority is the class that most votes name; of those that are level, the one
// that was named first.
func Majority(list []Vote) string {
	counts := map[string]int{}
	for _, v := range list {
		counts[v.Class]++
	}
	best := ""
	for _, v := range list {
		if best == "" || counts[v.Class] > counts[best] {
			best = v.Class
		}
	}
	return best
}
