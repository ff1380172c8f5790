package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/inferencelog"
	"github.com/gnomon-dev/gnomon/exporter/pipeline"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/redact"
	"github.com/gnomon-dev/gnomon/exporter/sampler"
	"github.com/gnomon-dev/gnomon/exporter/tracing"
	"github.com/prometheus/client_golang/prometheus"
)

// monitors hand every observation to each.
type monitors []pipeline.Monitor

// Observe implements pipeline.Monitor.
func (m monitors) Observe(list []record.Observation) {
	for _, x := range m {
		x.Observe(list)
	}
}

// NewRedactor follows the configuration's rules.
func NewRedactor(c *config.InferenceLog) (r *redact.Redactor, key []byte, err error) {
	if c.HashKeyFile != "" {
		if key, err = os.ReadFile(c.HashKeyFile); err != nil {
			return nil, nil, fmt.Errorf("inference_log.hash_key_file: %w", err)
		}
		key = bytes.TrimSpace(key)
	}
	var rules []redact.Rule
	for _, f := range c.Fields {
		rules = append(rules, redact.Rule{Field: f.Name, Action: redact.Action(f.Redact), Last: f.Last, Width: f.Width})
	}
	var own []redact.Pattern
	for _, p := range c.Patterns {
		e, err := regexp.Compile(p.Regexp)
		if err != nil {
			return nil, nil, fmt.Errorf("inference_log.patterns: %w", err)
		}
		own = append(own, redact.Pattern{Name: p.Name, Regexp: e})
	}
	if r, err = redact.New(rules, key, own); err != nil {
		return nil, nil, fmt.Errorf("inference_log: %w", err)
	}
	return r, key, nil
}

// NewStore is the folder of the inference log.
func NewStore(c *config.InferenceLog) (*inferencelog.Store, error) {
	seal, err := inferencelog.NewSeal(c.Encryption.RecipientsFile, c.Encryption.IdentityFile)
	if err != nil {
		return nil, err
	}
	return inferencelog.NewStore(inferencelog.StoreSettings{Directory: c.Directory, MaxBytes: int64(c.MaxBytes), MaxAge: time.Duration(c.MaxAge), Seal: seal}), nil
}

// newLog makes the inference log; nil where it is off.
func (a *App) newLog(registry prometheus.Registerer, key []byte) (*inferencelog.Log, error) {
	c := &a.s.Config.InferenceLog
	if c.Directory == "" {
		return nil, nil
	}
	store, err := NewStore(c)
	if err != nil {
		return nil, err
	}
	// The cohort of the log is a part of the sampled one: same salt, lower rate.
	cohort, err := sampler.New(a.s.Config.Sampling.Rate*c.Rate, a.s.Config.Sampling.Salt)
	if err != nil {
		return nil, fmt.Errorf("inference_log.rate: %w", err)
	}
	return inferencelog.New(inferencelog.Settings{Store: store, Models: a.models, Sampler: cohort, Redactor: a.redactor, DigestKey: key, RotateBytes: int64(c.RotateBytes),
		RotateEvery: time.Duration(c.RotateEvery), Registerer: registry, Logger: a.s.Logger, Now: a.s.Now}), nil
}

// Delete removes a record from the inference log, from what waits for labels,
// and from the worst records. It implements api.Deleter.
func (a *App) Delete(id string) (removed int, err error) {
	removed, err = a.models.Delete(id)
	if a.log == nil {
		return removed, err
	}
	n, logErr := a.log.Delete(id)
	return removed + n, errors.Join(err, logErr)
}

// newTracer sends spans of sampled records to a collector; nil where that is
// off.
func newTracer(s *Settings) (*tracing.Tracer, error) {
	if s.Config.Tracing.Endpoint == "" {
		return nil, nil
	}
	return tracing.Open(context.Background(), s.Config.Tracing.Endpoint, s.Build.Version)
}
