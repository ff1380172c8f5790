package config

import (
	"fmt"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"
)

func structTypes() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[Config](), reflect.TypeFor[Sampling](), reflect.TypeFor[Queue](), reflect.TypeFor[Budget](), reflect.TypeFor[Evaluation](),
		reflect.TypeFor[Runtime](), reflect.TypeFor[Labels](), reflect.TypeFor[LabelStore](), reflect.TypeFor[LabelKafka](), reflect.TypeFor[LabelFolder](), reflect.TypeFor[Slice](), reflect.TypeFor[Discover](), reflect.TypeFor[Model](),
		reflect.TypeFor[Reference](), reflect.TypeFor[Output](), reflect.TypeFor[Shadow](), reflect.TypeFor[Provider](), reflect.TypeFor[Padding](), reflect.TypeFor[Input](), reflect.TypeFor[Identity](), reflect.TypeFor[NoiseFloor](), reflect.TypeFor[Explain](), reflect.TypeFor[Card](), reflect.TypeFor[Retrain](), reflect.TypeFor[Skew](), reflect.TypeFor[Experiment](), reflect.TypeFor[Arm](), reflect.TypeFor[Figure](),
		reflect.TypeFor[Taps](), reflect.TypeFor[GRPC](), reflect.TypeFor[Mirror](), reflect.TypeFor[CloudEvents](),
		reflect.TypeFor[Kafka](), reflect.TypeFor[SASL](), reflect.TypeFor[File](), reflect.TypeFor[Body](),
		reflect.TypeFor[Primary](), reflect.TypeFor[GPU](), reflect.TypeFor[Memory](), reflect.TypeFor[Cost](),
		reflect.TypeFor[Price](), reflect.TypeFor[Reserved](), reflect.TypeFor[Capacity](), reflect.TypeFor[ColdStart](),
		reflect.TypeFor[Device](), reflect.TypeFor[Training](), reflect.TypeFor[MLflow](), reflect.TypeFor[priceFile](),
		reflect.TypeFor[Signature](), reflect.TypeFor[Registry](),
		reflect.TypeFor[InferenceLog](), reflect.TypeFor[LogField](), reflect.TypeFor[LogRegexp](), reflect.TypeFor[Encryption](), reflect.TypeFor[Tracing](),
	}
}

// checker collects faults.
type checker struct{ faults []*Error }

func (c *checker) that(ok bool, field, fix, what string, args ...any) {
	if !ok {
		c.faults = append(c.faults, &Error{Field: field, What: fmt.Sprintf(what, args...), Fix: fix})
	}
}

func (c *checker) oneOf(field, got string, allowed ...string) {
	c.that(slices.Contains(allowed, got), field, "write one of: "+strings.Join(allowed, ", "), "%q is not known", got)
}

func (c *checker) positive(field string, v int) {
	c.that(v > 0, field, "write a whole number above 0", "is %d", v)
}

func (c *checker) duration(field string, v, least Duration) {
	c.that(v >= least, field, fmt.Sprintf("write a duration of at least %v, such as 30s, 5m or 30d", time.Duration(least)), "is %v", time.Duration(v))
}

// faults is every fault of the configuration, in the order of the file.
func (c *Config) faults() []*Error {
	k := &checker{}
	c.checkWire(k)
	c.Budget.check(k)
	c.checkEvaluation(k)
	c.checkRegistry(k)
	c.InferenceLog.check(k)
	c.Tracing.check(k)
	c.checkLabels(k)
	k.that(c.Discover.Provisional >= 200, "discover.provisional_records", "write at least 200", "is %d, too few for a reference", c.Discover.Provisional)
	seen := map[string]int{}
	for i := range c.Models {
		m := &c.Models[i]
		id := m.Name + "\x00" + m.Version
		if first, dup := seen[id]; dup {
			k.that(false, fmt.Sprintf("models[%d].name", i), "give it another name or version, or merge the two", "%q is listed twice (first as models[%d])", m.Name, first)
		}
		seen[id] = i
		m.check(k, fmt.Sprintf("models[%d]", i))
	}
	c.checkDevices(k)
	c.checkMachine(k)
	return k.faults
}

func (c *Config) checkWire(k *checker) {
	if c.Upstream != "" || !c.Taps.any() && len(c.Training) == 0 {
		u, err := url.Parse(c.Upstream)
		k.that(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", "upstream",
			"write the model server's base URL, such as http://127.0.0.1:8000, or turn another tap on", "%q is not an HTTP URL", c.Upstream)
	}
	c.checkTaps(k)
	k.that(c.Sampling.Rate >= 0 && c.Sampling.Rate <= 1, "sampling.rate", "write a share from 0 to 1, such as 0.1", "is %v", c.Sampling.Rate)
	k.that(c.Queue.MaxBytes >= 1<<20, "queue.max_bytes", "write at least 1MiB", "is %d bytes", c.Queue.MaxBytes)
	k.that(c.Queue.BodyLimit > 0 && c.Queue.BodyLimit <= c.Queue.MaxBytes, "queue.body_limit",
		"write a size above 0 and at most queue.max_bytes", "is %d bytes with a queue of %d", c.Queue.BodyLimit, c.Queue.MaxBytes)
	if c.Runtime.Library != "" {
		k.file("onnxruntime.library", c.Runtime.Library)
	}
}

func (b Budget) check(k *checker) {
	k.duration("budget.interval", b.Interval, Duration(100*time.Millisecond))
	k.duration("budget.max_lag", b.MaxLag, Duration(time.Second))
	k.that(b.DutyCycle > 0 && b.DutyCycle <= 1, "budget.duty_cycle", "write a share above 0 and at most 1, such as 0.2", "is %v", b.DutyCycle)
	k.that(b.MaxGPUUtilisation > 0 && b.MaxGPUUtilisation <= 1, "budget.max_gpu_utilisation", "write a share above 0 and at most 1, such as 0.9", "is %v", b.MaxGPUUtilisation)
	k.that(b.MaxLatencyIncrease > 0, "budget.max_latency_increase", "write a share above 0, such as 0.25 for a quarter more", "is %v", b.MaxLatencyIncrease)
	k.that(b.MinRate >= 0 && b.MinRate <= 1, "budget.min_rate", "write a share from 0 to 1, such as 0.01", "is %v", b.MinRate)
}

func (c *Config) checkRegistry(k *checker) {
	if m := c.MLflow; m.URL != "" {
		u, err := url.Parse(m.URL)
		k.that(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", "mlflow.url", "write the tracking server's URL, such as http://mlflow:5000", "%q is not an HTTP URL", m.URL)
		k.that(m.PasswordFile == "" || m.TokenFile == "", "mlflow.token_file", "keep one of token_file and password_file", "there is a password as well")
	}
	for field, path := range map[string]string{"mlflow.password_file": c.MLflow.PasswordFile, "mlflow.token_file": c.MLflow.TokenFile} {
		if path != "" {
			k.file(field, path)
		}
	}
}

func (c *Config) checkEvaluation(k *checker) {
	e := c.Evaluation
	k.duration("evaluation.interval", e.Interval, Duration(100*time.Millisecond))
	k.that(e.Window >= 100 && e.Window <= 10_000, "evaluation.window", "write a number of samples from 100 to 10000", "is %d", e.Window)
	k.duration("evaluation.recent_span", e.RecentSpan, Duration(time.Second))
	k.duration("evaluation.tick", e.Tick, Duration(100*time.Millisecond))
	k.that(e.FalseAlarm >= 100*e.Tick, "evaluation.false_alarm", "write at least 100 times evaluation.tick", "is %v with a tick of %v", time.Duration(e.FalseAlarm), time.Duration(e.Tick))
	k.positive("evaluation.replicas", e.Replicas)
	k.duration("evaluation.stale_after", e.StaleAfter, Duration(time.Second))
	k.positive("evaluation.max_models", e.MaxModels)
}

func (m *Model) check(k *checker, at string) {
	k.that(m.Name != "", at+".name", "write the model's name as clients call it in /v2/models/NAME", "is missing")
	if m.Reference.File != "" {
		k.file(at+".reference.file", m.Reference.File)
		k.that(referenceSuffix(m.Reference.File), at+".reference.file", "give a .csv, .csv.gz, .tsv, .jsonl, .parquet file or a profile.json",
			"%q has no known suffix", m.Reference.File)
	}
	m.Output.check(k, at+".output")
	k.that(m.Identity.Interval == 0 || m.Identity.Interval >= Duration(time.Second), at+".identity.interval", "write at least 1s, or 0 for off", "is %v", time.Duration(m.Identity.Interval))
	k.positive(at+".identity.inputs", m.Identity.Inputs)
	k.duration(at+".noise_floor.interval", m.NoiseFloor.Interval, Duration(time.Second))
	k.duration(at+".explain.interval", m.Explain.Interval, Duration(10*time.Millisecond))
	k.that(m.Explain.DutyCycle > 0 && m.Explain.DutyCycle <= 1, at+".explain.duty_cycle", "write a share above 0 and at most 1, such as 0.01", "is %v", m.Explain.DutyCycle)
	if t := m.Identity.TriggerSet; t.File != "" {
		k.file(at+".identity.trigger_set.file", t.File)
		k.that(t.Label != "", at+".identity.trigger_set.label", "name the column with the answers that are expected", "is missing")
		k.that(m.Identity.Interval > 0, at+".identity.interval", "write how often the primary is probed, such as 1m", "is 0, and a trigger set is given")
	}
	m.Body.check(k, at+".body")
	m.Retrain.check(k, at+".retrain")
	m.Skew.check(k, at+".skew")
	for i := range m.Experiments {
		m.Experiments[i].check(k, fmt.Sprintf("%s.experiments[%d]", at, i), m)
	}
	for i := range m.Slices {
		m.Slices[i].check(k, fmt.Sprintf("%s.slices[%d]", at, i))
	}
	names := map[string]bool{}
	for i := range m.Shadows {
		s := &m.Shadows[i]
		sat := fmt.Sprintf("%s.shadows[%d]", at, i)
		k.that(!names[s.Name], sat+".name", "give each shadow of a model a name of its own", "%q is used twice", s.Name)
		names[s.Name] = true
		s.check(k, sat)
	}
}

func (k *checker) file(field, path string) {
	st, err := os.Stat(path)
	switch {
	case os.IsNotExist(err):
		k.that(false, field, "check the path; relative paths start from the configuration file's folder", "no such file: %s", path)
	case err != nil:
		k.that(false, field, "make the file readable for gnomon", "%v", err)
	default:
		k.that(!st.IsDir(), field, "name a file, not a folder", "%s is a folder", path)
	}
}

func referenceSuffix(path string) bool {
	for _, s := range []string{".csv", ".csv.gz", ".tsv", ".tsv.gz", ".jsonl", ".jsonl.gz", ".parquet", ".json"} {
		if strings.HasSuffix(path, s) {
			return true
		}
	}
	return false
}
