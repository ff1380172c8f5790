// Package labels joins late labels to predictions by request id and folds what
// becomes of them into every model's performance: windows, counters, cohorts.
//
// A Joiner owns the join: it asks the store for the prediction, decides what
// the label is (matched, duplicate, corrected, ...), commits the decision as an
// event, and then folds the event into the Monitor of the model. A Monitor is
// nothing but a fold of events: after a restart the store's checkpoint and the
// events after it give the same Monitor again, so that nothing acknowledged is
// lost and nothing counts twice.
package labels

import (
	"time"

	driftperformance "github.com/gnomon-dev/gnomon/driftlib/performance"
	"github.com/gnomon-dev/gnomon/exporter/record"
)

// Outcome is what became of a label.
type Outcome string

// The outcomes, in the order of their metric labels.
const (
	Matched   Outcome = "matched"   // the first of its prediction
	Added     Outcome = "added"     // adds to an earlier one: another annotator, a business figure
	Corrected Outcome = "corrected" // contradicts an earlier one, and replaces it
	Duplicate Outcome = "duplicate" // repeats an earlier one
	Late      Outcome = "late"      // beyond the time to live
	Orphan    Outcome = "orphan"    // no such prediction came
)

// Outcomes lists every outcome, for pre-created series.
func Outcomes() []Outcome { return []Outcome{Matched, Added, Corrected, Duplicate, Late, Orphan} }

// maxScores is the most probabilities that are kept with a prediction.
const maxScores = 32

// MaxBoxes is the most boxes that are kept with a prediction, those with the
// highest scores.
const MaxBoxes = 100

// Box is an object that was found.
type Box = driftperformance.Box

// Prediction waits for its label, and afterwards for corrections.
type Prediction struct {
	ID         string
	Model      string
	Version    string
	Time       time.Time
	Class      string   // empty where the answer is a value or several labels
	Classes    []string // of a multi-label answer, sorted; nil otherwise
	Boxes      []Box    // of a detector, at most MaxBoxes; nil otherwise
	Value      float64  // NaN for classes
	Confidence float64  // NaN where unknown
	Scores     []float32
	Slices     []string // names of the slices that it is in
	Others     []string // what each shadow answers, in configured order: a class, a value, "" unknown

	came time.Time // when it was seen here: recorded traffic is older than that

	// What was joined so far.
	label  *record.Label
	seq    uint64 // of the outcome
	logged bool   // an event says that it was made: its entry does not
}

// event is something to fold.
type event struct {
	kind       kind
	prediction *Prediction  // before the event
	label      record.Label // joined with what was there
	was        *record.Label
	model      string // of an orphan
	version    string
	n          uint64    // orphans
	at         time.Time // that the label was known, or came
	late       bool      // an orphan that came too late to be one
}

type kind uint8

const (
	predicted kind = iota + 1
	matched
	changed // corrected or added
	repeated
	tooLate
	orphaned
	waiting // a label that has come before its prediction
)
