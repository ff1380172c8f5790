package result

import "time"

// Suspect is one sign of an attack: a share of records, and what it is in the
// reference.
type Suspect struct {
	Kind     string  `json:"kind"` // outlier, near_duplicate, low_margin
	Total    uint64  `json:"total"`
	Records  uint64  `json:"records"` // that Total is of
	Ratio    float64 `json:"ratio"`   // of the window
	Baseline float64 `json:"baseline_ratio"`
	Alarm    bool    `json:"alarm"`
}

// Record is one of the worst records.
type Record struct {
	ID         string    `json:"id"`
	Time       time.Time `json:"time"`
	Model      string    `json:"model"`
	Version    string    `json:"version"`
	Reason     string    `json:"reason"` // wrong, disagreement, low_confidence, outlier
	Score      float64   `json:"score"`  // higher is worse; comparable within a reason
	Predicted  string    `json:"predicted,omitempty"`
	Actual     string    `json:"actual,omitempty"`
	Confidence *float64  `json:"confidence,omitempty"`
	Words      string    `json:"words,omitempty"`
	TraceID    string    `json:"trace_id,omitempty"`

	Explanation *Explanation `json:"explanation,omitempty"`
}

// Explanation is what an answer rests on.
type Explanation struct {
	Class        string        `json:"class,omitempty"` // whose probability the score is; "" for a value
	Score        float64       `json:"score"`
	Attributions []Attribution `json:"attributions"` // the largest first
}

// Attribution is how much the score falls when a part of the input is replaced
// by what is typical of the reference.
type Attribution struct {
	Part  string  `json:"part"`
	Value float64 `json:"value"`
}

// Attributions is how much each part of the input decides.
type Attributions struct {
	Records    int                `json:"records"`               // live ones that were explained
	JSDistance *float64           `json:"js_distance,omitempty"` // of the two sets of shares, base 2
	Parts      []AttributionShare `json:"parts"`
}

// AttributionShare is a part's share of the mean absolute attribution.
type AttributionShare struct {
	Part      string  `json:"part"`
	Reference float64 `json:"reference_ratio"`
	Current   float64 `json:"ratio"`
}
