// Package config is the user's YAML: strict, with defaults, checked before
// anything starts. An error names the file, the line, the field and the fix.
package config

import (
	"fmt"
	"strconv"
	"time"

	"github.com/alecthomas/units"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// Config is the whole file.
type Config struct {
	// Listen is the address of the proxy that clients talk to.
	Listen string `yaml:"listen"`
	// Upstream is the model server's base URL; without it the HTTP proxy is off,
	// and another tap must be on.
	Upstream string `yaml:"upstream"`

	Sampling   Sampling   `yaml:"sampling"`
	Queue      Queue      `yaml:"queue"`
	Budget     Budget     `yaml:"budget"`
	Evaluation Evaluation `yaml:"evaluation"`
	Runtime    Runtime    `yaml:"onnxruntime"`
	Labels     Labels     `yaml:"labels"`
	Models     []Model    `yaml:"models"`
	Taps       Taps       `yaml:"taps"`

	// ShadowCache is the folder of models that came over a network; the user's
	// cache folder where empty.
	ShadowCache  string       `yaml:"shadow_cache"`
	MLflow       Registry     `yaml:"mlflow"`
	InferenceLog InferenceLog `yaml:"inference_log"`
	Tracing      Tracing      `yaml:"tracing"`

	// Discover watches models that are not listed: request metrics at once,
	// drift against a provisional reference.
	Discover Discover `yaml:"discover"`

	// What runs the models: machine.go and cost.go.
	Primary   Primary    `yaml:"primary"`
	GPU       GPU        `yaml:"gpu"`
	Memory    Memory     `yaml:"memory"`
	Cost      Cost       `yaml:"cost"`
	Capacity  Capacity   `yaml:"capacity"`
	ColdStart ColdStart  `yaml:"cold_start"`
	Device    Device     `yaml:"devices"`
	Training  []Training `yaml:"training"`
}

// Sampling says which requests are recorded.
type Sampling struct {
	Rate      float64 `yaml:"rate"`       // 0..1
	KeyHeader string  `yaml:"key_header"` // the cohort key; the request id or a digest of the body where absent
	Salt      string  `yaml:"salt"`       // same salt, same cohort
}

// Queue bounds what waits for the shadow.
type Queue struct {
	MaxBytes  Bytes `yaml:"max_bytes"`
	BodyLimit Bytes `yaml:"body_limit"` // a longer body is not recorded, but counted
}

// Budget is what gnomon may cost the primary's machine. While a limit is
// passed the sampling rate is lowered, and raised again when all is calm.
type Budget struct {
	Interval           Duration `yaml:"interval"`             // between looks
	DutyCycle          float64  `yaml:"duty_cycle"`           // share of the time that replay may run, above 0 to 1
	MaxLag             Duration `yaml:"max_lag"`              // of replay behind the traffic
	MaxGPUUtilisation  float64  `yaml:"max_gpu_utilisation"`  // 0..1
	MaxLatencyIncrease float64  `yaml:"max_latency_increase"` // of the primary's p99 over its own baseline; 0.5 is half more
	MinRate            float64  `yaml:"min_rate"`             // the sampling rate is never lowered below it
}

// Evaluation is when conclusions are drawn, and at what rate of false alarms.
type Evaluation struct {
	Interval   Duration `yaml:"interval"`    // between evaluations
	Window     int      `yaml:"window"`      // samples a feature that exact statistics are taken over
	RecentSpan Duration `yaml:"recent_span"` // of rates, latency and agreement
	Tick       Duration `yaml:"tick"`        // of the sequential detectors
	FalseAlarm Duration `yaml:"false_alarm"` // mean time between false alarms of one model
	Replicas   int      `yaml:"replicas"`    // gnomons that watch this model; the stated rate holds for all of them together
	StaleAfter Duration `yaml:"stale_after"` // without a record
	MaxModels  int      `yaml:"max_models"`  // model and version pairs watched at once
}

// Runtime is where ONNX Runtime is and how it is run.
type Runtime struct {
	Library   string `yaml:"library"`    // path; found by itself where empty
	InProcess bool   `yaml:"in_process"` // run engines here, not in a child process (a crash then ends gnomon)
	CacheDir  string `yaml:"cache_dir"`  // optimised models; none where empty

	// What all shadows of one device may do together.
	DeviceConcurrency int   `yaml:"device_concurrency"` // batches at once; 0: as many as come
	DeviceMemory      Bytes `yaml:"device_memory"`      // of each CUDA device, divided among the shadows without gpu_mem_limit; 0: no limit
}

// Discover is for models that the file does not list.
type Discover struct {
	Enabled     bool `yaml:"enabled"`
	Provisional int  `yaml:"provisional_records"` // records that make the provisional reference
}

// Model is one model to watch.
type Model struct {
	Name    string `yaml:"name"`
	Version string `yaml:"version"` // only this version, where set

	Reference Reference `yaml:"reference"`
	Output    Output    `yaml:"output"`
	Shadows   []Shadow  `yaml:"shadows"`
	Identity  Identity  `yaml:"identity"`

	NoiseFloor NoiseFloor `yaml:"noise_floor"`

	Explain Explain `yaml:"explain"`
	Card    Card    `yaml:"card"`
	Retrain Retrain `yaml:"retrain"`
	Skew    Skew    `yaml:"skew"`

	Experiments []Experiment `yaml:"experiments"`

	Slices []Slice `yaml:"slices"` // parts of the traffic that performance is also taken of
	Body   *Body   `yaml:"body"`   // of a protocol of its own
}

// Reference is the sample of what the model should see.
type Reference struct {
	File    string   `yaml:"file"`    // .csv, .csv.gz, .tsv, .jsonl, .parquet, or a profile.json
	Label   string   `yaml:"label"`   // column with the truth
	Exclude []string `yaml:"exclude"` // columns that are no input
}

// Signature is what a model must be signed with before it is loaded.
type Signature struct {
	Key  string `yaml:"key"`  // PEM file of the public key, such as cosign.pub
	File string `yaml:"file"` // signature or cosign bundle, path or URL; the model's with .sig behind it where empty
}

// Registry is the MLflow registry that models:/ references are looked up in.
type Registry struct {
	URL          string `yaml:"url"` // of the tracking server
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`
	TokenFile    string `yaml:"token_file"`
}

// Card is what the model's owner says of it, for the model card.
type Card struct {
	Owner        string `yaml:"owner" json:"owner,omitempty"`
	Contact      string `yaml:"contact" json:"contact,omitempty"`
	Licence      string `yaml:"licence" json:"licence,omitempty"`
	IntendedUse  string `yaml:"intended_use" json:"intended_use,omitempty"`
	OutOfScope   string `yaml:"out_of_scope" json:"out_of_scope,omitempty"`
	TrainingData string `yaml:"training_data" json:"training_data,omitempty"`
	Limitations  string `yaml:"limitations" json:"limitations,omitempty"`
}

// Explain is the budget of explanations, on the engine of the model that ought
// to be served.
type Explain struct {
	Interval  Duration `yaml:"interval"`   // between explanations, at least
	DutyCycle float64  `yaml:"duty_cycle"` // share of the time that they may take, above 0 to 1
}

// NoiseFloor is how often it is measured how much correct runs differ.
type NoiseFloor struct {
	Interval Duration `yaml:"interval"` // between rounds, beside the one of each new model
}

// Identity is the slow probe of golden inputs through the primary.
type Identity struct {
	Interval Duration `yaml:"interval"` // 0: off
	Inputs   int      `yaml:"inputs"`   // golden inputs, from the reference's first rows
	// TriggerSet is rows with the answers that a sound model gives to them.
	TriggerSet Reference `yaml:"trigger_set"`
}

// Default is what an empty file means.
func Default() Config {
	c := Config{
		Listen:   ":8080",
		Sampling: Sampling{Rate: 1, KeyHeader: "X-Request-Id"},
		Queue:    Queue{MaxBytes: 64 << 20, BodyLimit: 8 << 20},
		Budget:   Budget{Interval: Duration(10 * time.Second), DutyCycle: 1, MaxLag: Duration(time.Minute), MaxGPUUtilisation: .95, MaxLatencyIncrease: .5, MinRate: .01},
		Evaluation: Evaluation{
			Interval: Duration(10 * time.Second), Window: 2000, RecentSpan: Duration(5 * time.Minute),
			Tick: Duration(time.Minute), FalseAlarm: Duration(30 * 24 * time.Hour), Replicas: 1,
			StaleAfter: Duration(10 * time.Minute), MaxModels: 16,
		},
		Labels:   defaultLabels(),
		Discover: Discover{Enabled: true, Provisional: 1000},
		Taps: Taps{
			CloudEvents: CloudEvents{TTL: Duration(time.Minute), MaxPending: 10_000},
			Kafka:       Kafka{Group: "gnomon", TTL: Duration(time.Minute)},
		},
		InferenceLog: defaultInferenceLog(),
	}
	machineDefaults(&c)
	return c
}

// modelDefaults fills what a listed model leaves out.
func modelDefaults(m *Model) {
	m.Output.defaults()
	m.Retrain.defaults()
	for i := range m.Experiments {
		experimentDefaults(&m.Experiments[i])
	}
	if m.Explain.Interval == 0 {
		m.Explain.Interval = Duration(time.Second)
	}
	if m.Explain.DutyCycle == 0 {
		m.Explain.DutyCycle = .01
	}
	if m.NoiseFloor.Interval == 0 {
		m.NoiseFloor.Interval = Duration(time.Hour)
	}
	if m.Identity.Inputs == 0 {
		m.Identity.Inputs = 16
	}
	for i := range m.Shadows {
		m.Shadows[i].defaults()
	}
}

// Duration is a time.Duration that YAML writes as Prometheus does: 30s, 5m,
// 1h30m, 30d.
type Duration time.Duration

// UnmarshalYAML reads "90s", "1h30m", "30d"; 0 is zero.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	if n.Value == "0" {
		*d = 0
		return nil
	}
	v, err := model.ParseDuration(n.Value)
	if err != nil {
		return scalarError(n, "is no duration", "a duration such as 30s, 5m or 30d")
	}
	*d = Duration(v)
	return nil
}

// MarshalYAML writes what UnmarshalYAML reads.
func (d Duration) MarshalYAML() (any, error) { return model.Duration(d).String(), nil }

// Bytes is a size that YAML writes as 64MiB.
type Bytes int64

// UnmarshalYAML reads "64MiB", "512KiB", or a plain number of bytes.
func (b *Bytes) UnmarshalYAML(n *yaml.Node) error {
	if plain, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
		*b = Bytes(plain)
		return nil
	}
	v, err := units.ParseBase2Bytes(n.Value)
	if err != nil {
		return scalarError(n, "is no size", "a size such as 64MiB or a number of bytes")
	}
	*b = Bytes(v)
	return nil
}

// MarshalYAML writes what UnmarshalYAML reads.
func (b Bytes) MarshalYAML() (any, error) { return units.Base2Bytes(b).String(), nil }

// scalarError is a yaml.TypeError, so that yaml joins it with its own.
func scalarError(n *yaml.Node, what, fix string) error {
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %q %s; fix: write %s", n.Line, n.Value, what, fix)}}
}
