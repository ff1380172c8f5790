package result

// Skew is what serving gives the model, held against the logged rows of
// training for the same entities.
type Skew struct {
	Source    string            `json:"source"`
	Rows      int               `json:"rows"`      // entities of the file
	Duplicate int               `json:"duplicate"` // rows whose entity comes again later, which counts
	Fault     string            `json:"fault,omitempty"`
	Records   map[string]uint64 `json:"records"` // joined, unmatched (no such entity), no_key
	Features  []SkewFeature     `json:"features"`
}

// SkewFeature is one feature's comparisons.
type SkewFeature struct {
	Name        string   `json:"name"`
	Comparisons uint64   `json:"comparisons"` // since start
	Mismatches  uint64   `json:"mismatches"`
	Window      int      `json:"window"` // comparisons in the window
	Ratio       *float64 `json:"ratio,omitempty"`
	Lower       *float64 `json:"ratio_lower,omitempty"` // 95 % Wilson
	Upper       *float64 `json:"ratio_upper,omitempty"`
	// Factor is the median of served over logged among the differing numbers:
	// 1000 where the pipeline has changed grams for kilograms.
	Factor *float64   `json:"factor,omitempty"`
	Missed uint64     `json:"missing"`         // mismatches of which one side is missing
	Pairs  []SkewPair `json:"pairs,omitempty"` // the most frequent; only of fields that inference_log.fields allows
}

// SkewPair is a logged and a served value that differ.
type SkewPair struct {
	Logged string `json:"logged"`
	Served string `json:"served"`
	Count  uint64 `json:"count"` // at least so many
}
