package config

import (
	"fmt"
	"net/url"
	"regexp"
	"time"
)

// InferenceLog keeps sampled inferences in Parquet files. It is off where no
// folder is named.
type InferenceLog struct {
	Directory   string      `yaml:"directory"`
	Rate        float64     `yaml:"rate"`         // share of the sampled records
	RotateBytes Bytes       `yaml:"rotate_bytes"` // of rows in memory that make files
	RotateEvery Duration    `yaml:"rotate_every"`
	MaxBytes    Bytes       `yaml:"max_bytes"` // of all files
	MaxAge      Duration    `yaml:"max_age"`   // of a record
	Fields      []LogField  `yaml:"fields"`    // allowed; nothing else is written
	Patterns    []LogRegexp `yaml:"patterns"`  // beside e-mail, card and phone
	HashKeyFile string      `yaml:"hash_key_file"`
	Encryption  Encryption  `yaml:"encryption"`
}

// LogField allows one field and says what becomes of its values.
type LogField struct {
	Name   string  `yaml:"name"`   // feature, * for all others, prediction, probabilities, label, cohort, trace_id, id, metadata.X, tensor.X, output.X
	Redact string  `yaml:"redact"` // keep, drop, hash, mask, bucket
	Last   int     `yaml:"last"`   // characters that mask leaves
	Width  float64 `yaml:"width"`  // of buckets
}

// LogRegexp is a form of personal data, replaced by [name].
type LogRegexp struct {
	Name   string `yaml:"name"`
	Regexp string `yaml:"regexp"`
}

// Encryption is with age: recipients are public keys, identities secret ones.
type Encryption struct {
	RecipientsFile string `yaml:"recipients_file"`
	IdentityFile   string `yaml:"identity_file"`
}

// Tracing sends spans of sampled records by OTLP; off where no endpoint is
// named.
type Tracing struct {
	Endpoint string `yaml:"endpoint"` // a collector's base URL, such as http://collector:4318
}

func (t *Tracing) check(k *checker) {
	if t.Endpoint == "" {
		return
	}
	u, err := url.Parse(t.Endpoint)
	k.that(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", "tracing.endpoint", "write the collector's OTLP/HTTP base URL, such as http://collector:4318", "%q is not an HTTP URL", t.Endpoint)
}

func defaultInferenceLog() InferenceLog {
	return InferenceLog{Rate: 1, RotateBytes: 16 << 20, RotateEvery: Duration(5 * time.Minute), MaxBytes: 1 << 30, MaxAge: Duration(30 * 24 * time.Hour),
		Fields: []LogField{{Name: "prediction"}, {Name: "probabilities"}, {Name: "label"}}}
}

func (l *InferenceLog) check(k *checker) {
	const at = "inference_log."
	for i := range l.Fields {
		f, fat := &l.Fields[i], fmt.Sprintf("%sfields[%d]", at, i)
		if f.Redact == "" {
			f.Redact = "keep"
		}
		k.that(f.Name != "", fat+".name", "name a feature, * for all of them, prediction, probabilities, label, cohort, trace_id, metadata.NAME, tensor.NAME or output.NAME", "is missing")
		k.oneOf(fat+".redact", f.Redact, "keep", "drop", "hash", "mask", "bucket")
		k.that(f.Redact != "bucket" || f.Width > 0, fat+".width", "write the width of a bucket, such as 1000", "is missing")
		k.that(f.Last >= 0, fat+".last", "write the number of characters that stay, such as 4", "is %d", f.Last)
		if f.Redact == "hash" {
			k.that(l.HashKeyFile != "", at+"hash_key_file", "name a file with at least 16 bytes, such as openssl rand -hex 32 prints them", "is missing, and %s is hashed", f.Name)
		}
	}
	for i, p := range l.Patterns {
		_, err := regexp.Compile(p.Regexp)
		k.that(err == nil && p.Regexp != "" && p.Name != "", fmt.Sprintf("%spatterns[%d].regexp", at, i), "write a name and a regular expression in RE2's syntax", "%q is none", p.Regexp)
	}
	for field, path := range map[string]string{"hash_key_file": l.HashKeyFile, "encryption.recipients_file": l.Encryption.RecipientsFile, "encryption.identity_file": l.Encryption.IdentityFile} {
		if path != "" {
			k.file(at+field, path)
		}
	}
	if l.Directory == "" {
		return
	}
	k.that(l.Rate > 0 && l.Rate <= 1, at+"rate", "write a share above 0 and up to 1", "is %v", l.Rate)
	k.that(l.RotateBytes >= 64<<10, at+"rotate_bytes", "write at least 64KiB", "is %d bytes", l.RotateBytes)
	k.that(l.MaxBytes >= l.RotateBytes, at+"max_bytes", "write at least rotate_bytes", "is %d bytes", l.MaxBytes)
	k.duration(at+"rotate_every", l.RotateEvery, Duration(time.Second))
	k.duration(at+"max_age", l.MaxAge, l.RotateEvery)
}
