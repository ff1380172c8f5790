package spec

import "time"

// File is a user's SLO file, defaults filled in.
type File struct {
	APIVersion string `yaml:"apiVersion"` // gnomon/v1
	// Job is the scrape job of the exporters (a regular expression).
	Job string `yaml:"job"`
	// Team owns the alerts of SLOs that name none.
	Team string `yaml:"team"`
	// Runbooks and Dashboards are base URLs; an alert's name is appended to
	// the first, the model to the second.
	Runbooks   string `yaml:"runbooks"`
	Dashboards string `yaml:"dashboards"`
	// Interval is how often rules are evaluated; at most a tenth of the
	// shortest window.
	Interval Duration `yaml:"evaluation_interval"`
	// Compress divides every duration in the rules (windows, holds,
	// intervals), so that days can be watched in minutes. 1 in production.
	Compress float64 `yaml:"compress"`
	// Thresholds of the alerts that are no SLO.
	Thresholds Thresholds `yaml:"thresholds"`
	// Disable lists alerts that are left out.
	Disable []string `yaml:"disable"`
	// Notify says who is told.
	Notify Notify `yaml:"notify"`
	SLOs   []SLO  `yaml:"slos"`
}

// SLO is one objective.
type SLO struct {
	Name        string   `yaml:"name"`
	Description string   `yaml:"description"`
	Model       string   `yaml:"model"` // one model; all where empty
	Team        string   `yaml:"team"`
	Kind        string   `yaml:"kind"`
	Objective   float64  `yaml:"objective"` // percent of good events or of good time
	Period      string   `yaml:"period"`    // 7d, 28d, 30d, month
	Threshold   string   `yaml:"threshold"` // duration or number, by kind
	Shadow      string   `yaml:"shadow"`    // agreement: all twins where empty
	Bad         string   `yaml:"bad"`       // ratio: PromQL with {{window}}
	Good        string   `yaml:"good"`      // ratio: instead of bad
	Total       string   `yaml:"total"`     // ratio
	Query       string   `yaml:"query"`     // threshold: PromQL of a gauge
	Op          string   `yaml:"op"`        // threshold: lt, lte, gt, gte: when it is good
	MinFailures *float64 `yaml:"min_failures"`
	Impossible  string   `yaml:"impossible"` // rescale (default) or refuse
	Alerts      Alerts   `yaml:"alerts"`
	Tiers       []Tier   `yaml:"tiers"`

	line int
}

// Alerts names the alerts of an SLO; "off" leaves one out.
type Alerts struct {
	Page   string `yaml:"page"`
	Ticket string `yaml:"ticket"`
}

// Tier is one pair of windows of a multi-window alert.
type Tier struct {
	Name   string   `yaml:"tier"` // fast, medium, slow, trend
	Long   Duration `yaml:"long"`
	Short  Duration `yaml:"short"`
	Factor float64  `yaml:"factor"`
	Class  string   `yaml:"class"` // page or ticket
}

// Notify lists receivers by class of alert.
type Notify struct {
	Page   []Receiver `yaml:"page"`
	Ticket []Receiver `yaml:"ticket"`
	Info   []Receiver `yaml:"info"`
	// Teams overrides the receivers for a team.
	Teams []TeamNotify `yaml:"teams"`
	// TicketHours limits tickets and information to working hours.
	TicketHours Hours `yaml:"ticket_hours"`
	// Smarthost and From are for e-mail; SMTPPlain turns TLS off.
	Smarthost string `yaml:"smtp_smarthost"`
	From      string `yaml:"smtp_from"`
	SMTPPlain bool   `yaml:"smtp_plain"`
}

// TeamNotify is who is told of a team's alerts.
type TeamNotify struct {
	Team   string     `yaml:"team"`
	Page   []Receiver `yaml:"page"`
	Ticket []Receiver `yaml:"ticket"`
}

// Receiver is one way to tell someone. Exactly one field is set. Secrets are
// files: none is ever written into a configuration.
type Receiver struct {
	PagerDutyKeyFile string `yaml:"pagerduty_key_file"`
	OpsgenieKeyFile  string `yaml:"opsgenie_key_file"`
	SlackURLFile     string `yaml:"slack_url_file"`
	SlackChannel     string `yaml:"slack_channel"` // with slack_url_file
	Email            string `yaml:"email"`
	Webhook          string `yaml:"webhook"`
}

// Hours are working hours.
type Hours struct {
	Days     string `yaml:"days"` // monday:friday
	From     string `yaml:"from"` // 08:00
	To       string `yaml:"to"`
	Location string `yaml:"location"`
}

// Thresholds of the alerts that are no SLO. The zero value of a field means
// its default.
type Thresholds struct {
	MinSamples          float64  `yaml:"min_samples"`           // rows that a quality statement needs
	AccuracyFloor       float64  `yaml:"accuracy_floor"`        // catastrophic below it
	AccuracyTarget      float64  `yaml:"accuracy_target"`       // degraded below it
	DriftPSI            float64  `yaml:"drift_psi"`             // a feature drifts above it ...
	DriftPSIClear       float64  `yaml:"drift_psi_clear"`       // ... until below this
	DriftSigma          float64  `yaml:"drift_sigma"`           // evidence, standard normal
	SkewPagePSI         float64  `yaml:"skew_page_psi"`         // predictions this far off page
	CalibrationError    float64  `yaml:"calibration_error"`     // debiased ECE
	CalibrationClear    float64  `yaml:"calibration_clear"`     // clears below it
	Disagreement        float64  `yaml:"disagreement"`          // above the noise floor
	SchemaAnomalyRatio  float64  `yaml:"schema_anomaly_ratio"`  // anomalies a record
	StaleAfter          Duration `yaml:"stale_after"`           // no record while requests come
	StalePageAfter      Duration `yaml:"stale_page_after"`      //
	LabelStaleAfter     Duration `yaml:"label_stale_after"`     //
	RetrainAfter        Duration `yaml:"retrain_after"`         // age of a model
	ColdStart           Duration `yaml:"cold_start"`            // load and warm-up
	CostPer1k           float64  `yaml:"cost_per_1k"`           // in the price model's currency
	ThroughputRatio     float64  `yaml:"throughput_ratio"`      // of what is usual at this hour
	ThroughputMin       float64  `yaml:"throughput_min"`        // requests a second that make it usual
	DropRatio           float64  `yaml:"drop_ratio"`            // records dropped before the monitors
	GPUMemoryRatio      float64  `yaml:"gpu_memory_ratio"`      //
	GPUIdleRatio        float64  `yaml:"gpu_idle_ratio"`        // under-used below it
	HostMemoryRatio     float64  `yaml:"host_memory_ratio"`     //
	MemoryLeft          Duration `yaml:"memory_left"`           // until the limit at the present growth: a ticket below it
	MemoryLeftPage      Duration `yaml:"memory_left_page"`      // a page below it
	ServingFailureRatio float64  `yaml:"serving_failure_ratio"` // of answers while serving counts as down
}

// DefaultThresholds are the thresholds where a file says nothing.
func DefaultThresholds() Thresholds {
	return Thresholds{
		MinSamples: 500, AccuracyFloor: 0.7, AccuracyTarget: 0.9, DriftPSI: 0.2, DriftPSIClear: 0.1, DriftSigma: 4.5, SkewPagePSI: 2,
		CalibrationError: 0.1, CalibrationClear: 0.07, Disagreement: 0.01, SchemaAnomalyRatio: 0.01, StaleAfter: Duration(10 * time.Minute), StalePageAfter: Duration(time.Hour),
		LabelStaleAfter: Duration(6 * time.Hour), RetrainAfter: Duration(90 * 24 * time.Hour), ColdStart: Duration(30 * time.Second), CostPer1k: 1,
		ThroughputRatio: 0.2, ThroughputMin: 0.1, DropRatio: 0.1, GPUMemoryRatio: 0.95, GPUIdleRatio: 0.2, HostMemoryRatio: 0.9, MemoryLeft: Duration(6 * time.Hour), MemoryLeftPage: Duration(30 * time.Minute), ServingFailureRatio: 0.95,
	}
}

// Target is the objective as a share.
func (s *SLO) Target() float64 { return s.Objective / 100 }

// Month says whether the period is the calendar month.
func (s *SLO) Month() bool { return s.Period == "month" }

// Length of the period; 30 days for a calendar month, whose true length the
// rules look up.
func (s *SLO) Length() time.Duration {
	switch s.Period {
	case "7d":
		return 7 * 24 * time.Hour
	case "28d":
		return 28 * 24 * time.Hour
	}
	return 30 * 24 * time.Hour
}
