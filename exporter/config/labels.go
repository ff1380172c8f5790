package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	commonconfig "github.com/prometheus/common/config"
)

// Labels bounds what waits for late labels, and says where they come from
// beside POST /api/v1/labels.
type Labels struct {
	TTL        Duration   `yaml:"ttl"`         // from a prediction to its label, at most
	MaxPending int        `yaml:"max_pending"` // predictions that wait in memory, where no store is set
	Window     int        `yaml:"window"`      // labelled predictions that accuracy is taken over
	Windows    []Duration `yaml:"windows"`     // by time, beside it
	Keep       int        `yaml:"keep"`        // labelled predictions kept for all windows
	Complete   float64    `yaml:"complete"`    // share of the labels to come that a cohort must have to count
	MinAge     Duration   `yaml:"min_age"`     // of predictions that count, where it is known how long labels take
	MaxSlices  int        `yaml:"max_slices"`  // slices a model that metrics are made of

	Store  LabelStore  `yaml:"store"`
	Kafka  LabelKafka  `yaml:"kafka"`
	Folder LabelFolder `yaml:"folder"`
}

// LabelStore is where predictions wait for labels on disk.
type LabelStore struct {
	Path       string   `yaml:"path"`       // folder; in memory where empty
	MaxBytes   Bytes    `yaml:"max_bytes"`  // of its files
	Checkpoint Duration `yaml:"checkpoint"` // between checkpoints of counters and windows
}

// LabelKafka is topics that hold labels.
type LabelKafka struct {
	Brokers    []string                `yaml:"brokers"`
	Topics     []string                `yaml:"topics"`
	Group      string                  `yaml:"group"`
	DeadLetter string                  `yaml:"dead_letter"` // topic for what is no label
	TLS        *commonconfig.TLSConfig `yaml:"tls"`
	SASL       SASL                    `yaml:"sasl"`
}

// LabelFolder is a folder that files of labels are put into.
type LabelFolder struct {
	Path     string   `yaml:"path"`
	Interval Duration `yaml:"interval"` // between looks
}

// Slice is a part of the traffic that performance is also taken of.
type Slice struct {
	Name    string `yaml:"name"`    // of a condition
	Feature string `yaml:"feature"` // a slice for each value
	Header  string `yaml:"header"`  // a slice for each value, of the request's or the record's metadata
	When    string `yaml:"when"`    // such as amount > 1000 and region == north
}

func defaultLabels() Labels {
	return Labels{TTL: Duration(24 * time.Hour), MaxPending: 200_000, Window: 2000, Windows: []Duration{Duration(time.Hour), Duration(24 * time.Hour)},
		Keep: 20_000, Complete: .9, MaxSlices: 20,
		Store: LabelStore{MaxBytes: 1 << 30, Checkpoint: Duration(time.Minute)}, Kafka: LabelKafka{Group: "gnomon-labels"},
		Folder: LabelFolder{Interval: Duration(5 * time.Second)}}
}

func (c *Config) checkLabels(k *checker) {
	l := &c.Labels
	k.duration("labels.ttl", l.TTL, Duration(time.Second))
	k.positive("labels.max_pending", l.MaxPending)
	k.that(l.Window >= 30, "labels.window", "write at least 30", "is %d, too few for an interval", l.Window)
	k.that(l.Keep >= l.Window && l.Keep <= 1_000_000, "labels.keep", "write at least labels.window and at most 1000000", "is %d with a window of %d", l.Keep, l.Window)
	k.that(l.Complete > 0 && l.Complete < 1, "labels.complete", "write a share between 0 and 1, such as 0.9", "is %v", l.Complete)
	k.that(l.MinAge >= 0 && l.MinAge < l.TTL, "labels.min_age", "write a duration shorter than labels.ttl", "is %v with a time to live of %v", time.Duration(l.MinAge), time.Duration(l.TTL))
	k.that(l.MaxSlices >= 0 && l.MaxSlices <= 1000, "labels.max_slices", "write a number from 0 to 1000", "is %d", l.MaxSlices)
	k.that(len(l.Windows) <= 8, "labels.windows", "keep the eight that matter", "has %d", len(l.Windows))
	for i, w := range l.Windows {
		k.duration(fmt.Sprintf("labels.windows[%d]", i), w, Duration(time.Second))
	}
	k.that(l.Store.MaxBytes >= 64<<20, "labels.store.max_bytes", "write at least 64MiB", "is %d bytes", l.Store.MaxBytes)
	k.duration("labels.store.checkpoint", l.Store.Checkpoint, Duration(time.Second))
	k.duration("labels.folder.interval", l.Folder.Interval, Duration(100*time.Millisecond))
	if len(l.Kafka.Brokers) > 0 || len(l.Kafka.Topics) > 0 {
		k.that(len(l.Kafka.Brokers) > 0, "labels.kafka.brokers", `write host:port of at least one, such as ["kafka:9092"]`, "is empty")
		k.that(len(l.Kafka.Topics) > 0, "labels.kafka.topics", "name at least one topic", "is empty")
		k.that(l.Kafka.Group != "", "labels.kafka.group", "name the consumer group, such as gnomon-labels", "is empty")
		k.oneOf("labels.kafka.sasl.mechanism", l.Kafka.SASL.Mechanism, "", "plain", "scram-sha-256", "scram-sha-512")
	}
}

// Headers are the headers of requests that some model is sliced by.
func (c *Config) Headers() []string {
	var out []string
	for i := range c.Models {
		for _, s := range c.Models[i].Slices {
			if s.Header != "" && !slices.Contains(out, s.Header) {
				out = append(out, s.Header)
			}
		}
		if h := c.Models[i].Skew.Header; h != "" && !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}

func (s *Slice) check(k *checker, at string) {
	set := 0
	for _, text := range []string{s.Feature, s.Header, s.When} {
		if text != "" {
			set++
		}
	}
	k.that(set == 1, at, "write one of feature, header and when", "has %d of them", set)
	if s.When == "" {
		return
	}
	comparison := regexp.MustCompile(`^\s*\S+\s*(==|!=|>=|<=|>|<)\s*.*\S\s*$`)
	for _, part := range strings.Split(s.When, " and ") {
		k.that(comparison.MatchString(part), at+".when", `write comparisons such as "amount > 1000", joined by "and"`, "%q is no comparison", part)
	}
}
