// Package result holds what the evaluator concludes: plain values that the
// metrics, the API and the page read. A Snapshot is immutable once published;
// it marshals to the JSON of /api/v1.
//
// A number that cannot be given is absent (a nil pointer, an empty list),
// never NaN, and where a person would ask why, a field says so.
package result

import "time"

// Level orders how bad things are.
type Level string

// The levels, from the best to the worst. Learning means that there is no
// reference yet, unknown that nothing was seen.
const (
	Healthy  Level = "healthy"
	Learning Level = "learning"
	Unknown  Level = "unknown"
	Warning  Level = "warning"
	Critical Level = "critical"
)

// Snapshot is one evaluation of everything.
type Snapshot struct {
	Time   time.Time `json:"time"`
	Build  Build     `json:"build"`
	Models []Model   `json:"models"`
	Tap    Tap       `json:"tap"`
}

// Build says which gnomon this is.
type Build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go,omitempty"`
}

// Tap is the health of the path from traffic to monitors.
type Tap struct {
	Upstream      string            `json:"upstream,omitempty"`
	SampleRate    float64           `json:"sample_rate"`
	Sampled       uint64            `json:"sampled"`
	Dropped       map[string]uint64 `json:"dropped"` // by reason; every reason present
	QueueBytes    int64             `json:"queue_bytes"`
	QueueCapacity int64             `json:"queue_capacity_bytes"`
	Anomalies     map[string]uint64 `json:"anomalies"` // by kind
}

// Model is everything about one model and version.
type Model struct {
	Name    string  `json:"name"`
	Version string  `json:"version"`
	Verdict Verdict `json:"verdict"`

	Reference   Reference    `json:"reference"`
	Requests    Requests     `json:"requests"`
	Features    []Feature    `json:"features"`
	Prediction  *Feature     `json:"prediction,omitempty"` // shares of the predicted class
	Confidence  *Feature     `json:"confidence,omitempty"`
	Shadows     []Shadow     `json:"shadows"`
	Performance *Performance `json:"performance,omitempty"`
	Identity    *Identity    `json:"identity,omitempty"`
	Freshness   Freshness    `json:"freshness"`
	Schema      Schema       `json:"schema"`
	Suspects    []Suspect    `json:"suspects,omitempty"` // signs of attack

	Attributions *Attributions `json:"attributions,omitempty"`
	Retrain      *Retrain      `json:"retrain,omitempty"`
	Skew         *Skew         `json:"skew,omitempty"`
	Experiments  []Experiment  `json:"experiments,omitempty"`

	Metadata   map[string]string `json:"metadata,omitempty"` // what that file says of its making: producer, opset, licence
	Digest     string            `json:"digest,omitempty"`   // of the registered model's file: the twin's, else the first shadow's
	Changes    uint64            `json:"changes"`            // of what the primary serves, since start
	LastChange *time.Time        `json:"last_change,omitempty"`
}

// Verdict is what a person reads first.
type Verdict struct {
	Level    Level     `json:"level"`
	Since    time.Time `json:"since"`
	Findings []Finding `json:"findings"` // the worst first; one "healthy" finding when there is nothing to say
}

// Finding is one statement in words, with the kind that alerts and the page
// key on.
type Finding struct {
	Kind  string    `json:"kind"` // input_drift, prediction_drift, confidence_drift, disagreement, identity, accuracy, calibration, schema, expected_accuracy, label_drift, label_store, stale, shadow_down, errors, drops, healthy, learning, no_traffic
	Level Level     `json:"level"`
	Words string    `json:"words"` // "input drift in 3 of 9 features since 12:03"
	Since time.Time `json:"since"`
}

// Reference is what the current data is held against.
type Reference struct {
	Source      string     `json:"source"` // file name, "provisional", or ""
	Rows        int        `json:"rows"`
	Provisional bool       `json:"provisional"` // learned from the first records, not from training data
	Wanted      int        `json:"wanted,omitempty"`
	Digest      string     `json:"digest,omitempty"`
	Loaded      *time.Time `json:"loaded,omitempty"`
	Note        string     `json:"note,omitempty"`
}

// Requests is the traffic at the tap, over the evaluation's window.
type Requests struct {
	Total     map[string]uint64 `json:"total"`  // by outcome, since start
	Recent    uint64            `json:"recent"` // requests in the window
	PerSecond float64           `json:"per_second"`
	ErrorRate *float64          `json:"error_ratio,omitempty"`
	P50       *float64          `json:"p50_seconds,omitempty"`
	P95       *float64          `json:"p95_seconds,omitempty"`
	P99       *float64          `json:"p99_seconds,omitempty"`
}

// Feature is one monitored distribution: an input column, an input summary,
// the predicted class or the confidence.
type Feature struct {
	Name     string    `json:"name"`
	Kind     string    `json:"kind"`               // numeric, categorical, ...
	State    string    `json:"state"`              // quiet, alarm, minor, major, learning
	Verdict  string    `json:"verdict"`            // of the window: drift, no_drift, insufficient_data
	Severity string    `json:"severity,omitempty"` // minor, major
	Reason   string    `json:"reason"`
	Since    time.Time `json:"since,omitzero"` // of the present alarm

	Samples int      `json:"samples"`        // in the window
	Mean    *float64 `json:"mean,omitempty"` // of the window's finite values
	Bins    []Bin    `json:"bins"`

	KS              *float64 `json:"ks,omitempty"`
	KSPValue        *float64 `json:"ks_pvalue,omitempty"`
	KSAdjusted      *float64 `json:"ks_pvalue_adjusted,omitempty"`
	PSI             *float64 `json:"psi,omitempty"`
	PSILower        *float64 `json:"psi_lower,omitempty"`
	PSIUpper        *float64 `json:"psi_upper,omitempty"`
	KL              *float64 `json:"kl,omitempty"` // nats, current against reference
	JSDistance      *float64 `json:"js_distance,omitempty"`
	Wasserstein     *float64 `json:"wasserstein_normalized,omitempty"`
	ChiSquare       *float64 `json:"chi2,omitempty"`
	ChiSquarePValue *float64 `json:"chi2_pvalue,omitempty"`

	DesignEffect *float64 `json:"design_effect,omitempty"`

	Evidence  float64 `json:"evidence"`  // of the e-detector
	Threshold float64 `json:"threshold"` // at which it alarms
	Alarms    uint64  `json:"alarms"`    // since start
}

// Bin is one bin of a distribution. Code and Label are stable: they are the
// bin label of the fleet's counters.
type Bin struct {
	Label     string   `json:"label"`
	Lower     *float64 `json:"lower,omitempty"` // absent: open or not numeric
	Upper     *float64 `json:"upper,omitempty"`
	Reference float64  `json:"reference"` // share
	Current   float64  `json:"current"`   // share of the window
	Total     uint64   `json:"total"`     // counted since start
}

// Schema is what the inputs are found to be, beside what they should be.
type Schema struct {
	Anomalies []SchemaAnomaly `json:"anomalies"` // since start
	Faults    []SchemaFault   `json:"faults"`    // at present, the oldest first
}

// SchemaAnomaly counts one kind of anomaly of one feature or input.
type SchemaAnomaly struct {
	Feature string `json:"feature"`
	Kind    string `json:"kind"` // missing, renamed, datatype, shape, ...
	Count   uint64 `json:"count"`
}

// SchemaFault is a kind of anomaly that chance does not explain.
type SchemaFault struct {
	Feature string    `json:"feature"`
	Kind    string    `json:"kind"`
	Since   time.Time `json:"since"`
	Words   string    `json:"words"`             // "is outside of the reference's range [0, 1]"
	Odd     int       `json:"odd,omitempty"`     // records with it
	Records int       `json:"records,omitempty"` // among the last so many
}

// Shadow is one shadow engine and how its answers compare.
type Shadow struct {
	Name     string `json:"name"`
	Role     string `json:"role"`
	Provider string `json:"provider,omitempty"`
	Digest   string `json:"digest,omitempty"`
	Up       bool   `json:"up"`
	Loading  bool   `json:"loading,omitempty"` // not up yet, and nothing is wrong
	Error    string `json:"error,omitempty"`   // why it is not
	Restarts uint64 `json:"restarts"`

	// Where its model comes from, and how it was kept up to date.
	Origin     string     `json:"origin,omitempty"`
	Version    string     `json:"version,omitempty"` // as the repository or registry numbers it
	Stale      string     `json:"stale,omitempty"`   // why the last good copy is in use and not the newest
	Reloads    uint64     `json:"reloads"`
	Failed     uint64     `json:"reloads_failed"`
	LastReload *time.Time `json:"last_reload,omitempty"`

	Metadata map[string]string `json:"metadata,omitempty"` // what the model's file says of its making

	RestartsByReason map[string]uint64 `json:"restarts_by_reason,omitempty"`
	LoadSeconds      *float64          `json:"load_seconds,omitempty"`
	Start            *Start            `json:"start,omitempty"`    // what the start took
	Fallback         string            `json:"fallback,omitempty"` // why a preferred provider is not in use
	CPUNodes         *float64          `json:"cpu_nodes_ratio,omitempty"`

	Inferences    uint64   `json:"inferences"`
	Failures      uint64   `json:"failures"`
	Comparisons   uint64   `json:"comparisons"`
	Disagreements uint64   `json:"disagreements"`
	Window        int      `json:"window"` // comparisons in the window
	Disagreement  *float64 `json:"disagreement_ratio,omitempty"`
	Lower         *float64 `json:"disagreement_lower,omitempty"` // 95 % Wilson
	Upper         *float64 `json:"disagreement_upper,omitempty"`
	NoiseFloor    *float64 `json:"noise_floor_ratio,omitempty"`
	JSMean        *float64 `json:"js_distance_mean,omitempty"`
	Similarity    *float64 `json:"similarity_mean,omitempty"` // of the kinds that have one: cosine, Jaccard, F1 of boxes, share of equal tokens
	// On the same records, once they are labelled: its accuracy less the
	// primary's, with a 95 % interval that may be looked at at any time.
	Labelled            uint64   `json:"labelled"`
	AccuracyDelta       *float64 `json:"accuracy_delta,omitempty"`
	AccuracyDeltaLower  *float64 `json:"accuracy_delta_lower,omitempty"`
	AccuracyDeltaUpper  *float64 `json:"accuracy_delta_upper,omitempty"`
	AccuracyDeltaPValue *float64 `json:"accuracy_delta_pvalue,omitempty"`
	// Two runs of the shadow itself, against each other.
	SelfComparisons   uint64   `json:"self_comparisons"`
	SelfDisagreements uint64   `json:"self_disagreements"`
	SelfMaxAbs        *float64 `json:"self_max_abs,omitempty"`
	// It against the primary on golden inputs, while that is the right model.
	GoldenComparisons   uint64   `json:"golden_comparisons"`
	GoldenDisagreements uint64   `json:"golden_disagreements"`
	GoldenMaxAbs        *float64 `json:"golden_max_abs,omitempty"`
	MaxAbs              *float64 `json:"max_abs,omitempty"`
	MeanAbs             *float64 `json:"mean_abs,omitempty"`
	Evidence            float64  `json:"evidence"`
	Threshold           float64  `json:"threshold"`
	Alarm               bool     `json:"alarm"`
	LagSeconds          float64  `json:"lag_seconds"`
	Decision            string   `json:"decision,omitempty"` // how the outputs are read: "logits: softmax applied, because ..."
}

// Start is what a shadow's start took, in seconds.
type Start struct {
	Kind           string  `json:"kind"` // cold, cached
	Load           float64 `json:"load"`
	WarmUp         float64 `json:"warm_up"`
	FirstInference float64 `json:"first_inference"`
	WarmInference  float64 `json:"warm_inference"`
}

// Performance is what late labels say.
type Performance struct {
	Accuracy    *Interval    `json:"accuracy,omitempty"`  // over the window by count, of predictions whose labels are complete enough
	Undefined   string       `json:"undefined,omitempty"` // why there is no accuracy
	Baseline    *float64     `json:"baseline_accuracy,omitempty"`
	Coverage    *float64     `json:"coverage_ratio,omitempty"` // share of predictions labelled so far
	DelayP50    *float64     `json:"delay_p50_seconds,omitempty"`
	Labels      LabelCounts  `json:"labels"`
	Alarm       bool         `json:"alarm"` // the sequential test found a drop
	Confusion   Confusion    `json:"confusion"`
	Calibration *Calibration `json:"calibration,omitempty"`

	Uncorrected   *Interval   `json:"accuracy_uncorrected,omitempty"` // of whatever was labelled last, fast labels first
	Windows       []Window    `json:"windows"`
	Slices        []Window    `json:"slices"`
	Maturity      Maturity    `json:"maturity"`
	Delay         Delay       `json:"delay"`
	CoverageByAge []Coverage  `json:"coverage_by_age"`
	LabelDrift    *LabelDrift `json:"label_drift,omitempty"`
	Annotators    *Annotators `json:"annotators,omitempty"`
	Trust         *Trust      `json:"trust,omitempty"`
	Estimate      *Estimate   `json:"estimate,omitempty"`
	Store         *LabelStore `json:"store,omitempty"`

	// Since start, for counters that a fleet can add up.
	Predictions       uint64             `json:"predictions"` // that wait or waited for a label
	ConfusionTotal    Confusion          `json:"confusion_total"`
	LabelClasses      map[string]uint64  `json:"label_classes"`
	CalibrationTotals []CalibrationTotal `json:"calibration_totals"`
}

// CalibrationTotal is one equal-width confidence bin since start.
type CalibrationTotal struct {
	Lower      float64 `json:"lower"`
	Upper      float64 `json:"upper"`
	Count      uint64  `json:"count"`
	Correct    uint64  `json:"correct"`
	Confidence float64 `json:"confidence"` // sum
}

// Interval is an estimate with its confidence interval.
type Interval struct {
	Value float64 `json:"value"`
	Lower float64 `json:"lower"`
	Upper float64 `json:"upper"`
	N     int     `json:"n"`
}

// LabelCounts counts labels by what became of them.
type LabelCounts map[string]uint64

// Confusion is the confusion matrix of the window: Counts[actual][predicted].
type Confusion struct {
	Labels []string  `json:"labels"`
	Counts [][]int64 `json:"counts"`
}

// Calibration says how far confidence and accuracy agree.
type Calibration struct {
	ECEEqualWidth *float64         `json:"ece_equal_width,omitempty"`
	ECEEqualMass  *float64         `json:"ece_equal_mass,omitempty"`
	ECEDebiased   *float64         `json:"ece_debiased,omitempty"`
	MCE           *float64         `json:"mce,omitempty"`
	Brier         *float64         `json:"brier,omitempty"`
	Alarm         bool             `json:"alarm"` // the error is more than a calibrated model would show
	Bins          int              `json:"bins"`
	Reliability   []ReliabilityBin `json:"reliability"`
}

// ReliabilityBin is one bin of the reliability diagram.
type ReliabilityBin struct {
	Lower          float64 `json:"lower"`
	Upper          float64 `json:"upper"`
	Count          int64   `json:"count"`
	MeanConfidence float64 `json:"mean_confidence"`
	Accuracy       float64 `json:"accuracy"`
}

// Identity is what the fingerprint of golden inputs says about the model that
// the primary serves.
type Identity struct {
	Match     bool      `json:"match"`
	Like      string    `json:"like,omitempty"` // the known model that it answers like, if not the registered one
	LikeRole  string    `json:"like_role,omitempty"`
	Checked   time.Time `json:"checked,omitzero"`
	Probes    uint64    `json:"probes"`
	Error     string    `json:"error,omitempty"`
	Distance  *float64  `json:"distance,omitempty"` // to the registered model's answers
	Agreement *float64  `json:"agreement_ratio,omitempty"`
	Triggers  *Triggers `json:"triggers,omitempty"`
}

// Triggers is what the primary answers to the inputs of the trigger set.
type Triggers struct {
	Inputs   int    `json:"inputs"`
	Failed   int    `json:"failed"` // at the last probe
	Probes   uint64 `json:"probes"`
	Failures uint64 `json:"failures"`        // all so far
	First    string `json:"first,omitempty"` // of the failed ones, in words
}

// Freshness is when things were last seen.
type Freshness struct {
	LastRecord *time.Time `json:"last_record,omitempty"`
	LastEvent  *time.Time `json:"last_event,omitempty"`
	LastLabel  *time.Time `json:"last_label,omitempty"`
}

// Point is one moment of a model's history, for the small plots.
type Point struct {
	Time           time.Time `json:"time"`
	Level          Level     `json:"level"`
	PerSecond      float64   `json:"per_second"`
	ErrorRate      *float64  `json:"error_ratio,omitempty"`
	P50            *float64  `json:"p50_seconds,omitempty"`
	P99            *float64  `json:"p99_seconds,omitempty"`
	Drifted        int       `json:"drifted_features"`
	WorstFeature   string    `json:"worst_feature,omitempty"`
	WorstPSI       *float64  `json:"worst_psi,omitempty"`
	Disagreement   *float64  `json:"disagreement_ratio,omitempty"` // of the first twin
	NoiseFloor     *float64  `json:"noise_floor_ratio,omitempty"`
	Accuracy       *float64  `json:"accuracy,omitempty"`
	MeanConfidence *float64  `json:"mean_confidence,omitempty"`
	CalibrationErr *float64  `json:"ece,omitempty"`
}

// Event is something that happened once: an alarm, a restart, a change of
// model.
type Event struct {
	Time    time.Time `json:"time"`
	Kind    string    `json:"kind"`
	Level   Level     `json:"level"`
	Model   string    `json:"model"`
	Version string    `json:"version"`
	Words   string    `json:"words"`
}
