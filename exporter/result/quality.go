package result

import "time"

// Metric is a figure with its 95 % interval, or why there is none.
type Metric struct {
	Value     *float64 `json:"value,omitempty"`
	Lower     *float64 `json:"lower,omitempty"`
	Upper     *float64 `json:"upper,omitempty"`
	N         int      `json:"n,omitempty"`
	Undefined string   `json:"undefined,omitempty"`
}

// Window is the metrics over a stretch of labelled predictions.
type Window struct {
	Name    string            `json:"name"` // "2000" by count, "1h" by time, a slice's name
	From    *time.Time        `json:"from,omitempty"`
	To      *time.Time        `json:"to,omitempty"`
	N       int               `json:"n"`
	Metrics map[string]Metric `json:"metrics"`
	Note    string            `json:"note,omitempty"` // why it is shorter than its name, or empty
}

// Maturity says which predictions are judged: those whose labels are complete
// enough.
type Maturity struct {
	AgeSeconds   float64 `json:"age_seconds"`  // predictions younger than this do not count
	Completeness float64 `json:"completeness"` // share of the labels that will come that has come at that age
	Excluded     int     `json:"excluded"`     // labelled predictions that are too young
	Known        bool    `json:"known"`        // false: too few labels to say; nothing is excluded
	Words        string  `json:"words"`
}

// Delay is how long labels take.
type Delay struct {
	P50  *float64 `json:"p50_seconds,omitempty"`
	P90  *float64 `json:"p90_seconds,omitempty"`
	P99  *float64 `json:"p99_seconds,omitempty"`
	N    int      `json:"n"`
	Bins []Count  `json:"bins"` // since start
}

// Count is what was counted up to an edge, and above the edge before it.
type Count struct {
	Name  string   `json:"name"`
	Upper *float64 `json:"upper,omitempty"` // absent: open
	Count uint64   `json:"count"`
}

// Coverage is the share of predictions of an age that are labelled.
type Coverage struct {
	Age         string   `json:"age"` // "1m-5m"
	Predictions uint64   `json:"predictions"`
	Labelled    uint64   `json:"labelled"`
	Ratio       *float64 `json:"ratio,omitempty"` // absent without predictions
}

// LabelDrift compares the classes of labels with what they should be, over
// cohorts whose labels are complete enough.
type LabelDrift struct {
	Labels           int                `json:"labels"`
	Shares           map[string]float64 `json:"shares"`                     // of labels
	Predicted        map[string]float64 `json:"predicted_shares,omitempty"` // of the same cohorts' predictions
	Reference        map[string]float64 `json:"reference_shares,omitempty"`
	PSI              *float64           `json:"psi,omitempty"` // against the reference
	PSIAdjusted      *float64           `json:"psi_adjusted,omitempty"`
	PValue           *float64           `json:"pvalue,omitempty"`
	DesignEffect     *float64           `json:"design_effect,omitempty"`      // of labels that hang together in time; divides chi-square
	PSIOfPredictions *float64           `json:"psi_of_predictions,omitempty"` // labels against predictions
	Drifted          bool               `json:"drifted"`
	Reason           string             `json:"reason"`
}

// Annotators says how far those who label agree.
type Annotators struct {
	Items       int         `json:"items"` // with two labels or more
	FleissKappa Metric      `json:"fleiss_kappa"`
	Agreement   Metric      `json:"agreement"` // share of pairs of labels of an item that agree
	Pairs       []Annotator `json:"pairs"`
}

// Annotator is two annotators' agreement.
type Annotator struct {
	First  string `json:"first"`
	Second string `json:"second"`
	Items  int    `json:"items"`
	Kappa  Metric `json:"cohen_kappa"`
}

// Estimate is what performance is expected to be, by the confidence of
// predictions, without labels.
type Estimate struct {
	Accuracy   Metric      `json:"accuracy"`
	F1         *Metric     `json:"f1,omitempty"`
	AUC        *Metric     `json:"roc_auc,omitempty"`
	N          int         `json:"n"` // predictions
	Reference  int         `json:"reference_rows"`
	Realised   *Metric     `json:"realised_accuracy,omitempty"` // of the labelled ones
	SameRows   *Metric     `json:"estimated_accuracy_of_labelled,omitempty"`
	Error      *float64    `json:"error,omitempty"` // estimated less realised accuracy, of the labelled ones
	ErrorSigma *float64    `json:"error_sigma,omitempty"`
	Baseline   *float64    `json:"baseline_accuracy,omitempty"`
	Fallen     bool        `json:"fallen"` // the estimate's upper end is below the reference's accuracy by more than 0.02
	Valid      bool        `json:"valid"`
	Conditions []Condition `json:"conditions"`
}

// Condition is one thing that an estimate rests on.
type Condition struct {
	Name  string `json:"name"`
	Holds bool   `json:"holds"`
	Words string `json:"words"`
}

// Trust takes calibration apart.
type Trust struct {
	Reliability    *float64 `json:"brier_reliability,omitempty"` // Brier = reliability - resolution + uncertainty + within_bins
	Resolution     *float64 `json:"brier_resolution,omitempty"`
	Uncertainty    *float64 `json:"brier_uncertainty,omitempty"`
	WithinBins     *float64 `json:"brier_within_bins,omitempty"`
	Overconfident  *float64 `json:"overconfidence,omitempty"`  // part of the ECE where confidence is above accuracy
	Underconfident *float64 `json:"underconfidence,omitempty"` // where it is below
	Temperature    *float64 `json:"temperature,omitempty"`     // that would mend it
	MendedECE      *float64 `json:"ece_at_temperature,omitempty"`
}

// LabelStore is where predictions wait for labels.
type LabelStore struct {
	Kind    string `json:"kind"`
	Up      bool   `json:"up"`
	Error   string `json:"error,omitempty"`
	Entries uint64 `json:"entries"`
	Bytes   int64  `json:"bytes"`
	Limit   int64  `json:"limit_bytes"`
	Evicted uint64 `json:"evicted"`
	Expired uint64 `json:"expired"`
	Resets  uint64 `json:"resets"`
	Dropped uint64 `json:"dropped"` // predictions that could not be kept
}
