package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/memory"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/child"
	"github.com/gnomon-dev/gnomon/shadow/provider"
	"github.com/gnomon-dev/gnomon/shadow/share"
	"github.com/gnomon-dev/gnomon/shadow/source"
)

// openEngine starts a shadow, in a process of its own unless told otherwise.
// The engine is held to the digest of the bytes that were verified.
func (a *App) openEngine(ctx context.Context, s config.Shadow, m source.Model, restarted func(reason string, lost int)) (shadow.Engine, error) {
	spec := workerSpec(a.s.Config.Runtime, &s)
	spec.Path, spec.Digest = m.Path, m.Digest
	spec.Providers = provider.WithMemory(spec.Providers, a.shares)
	if m.Hints.MaxBatch > 0 {
		spec.MaxBatch = min(spec.MaxBatch, m.Hints.MaxBatch)
	}
	e, err := a.startEngine(ctx, spec, s.Name, restarted)
	if err != nil {
		a.machine.failed(memory.Shadow, err.Error(), slices.ContainsFunc(s.Providers, func(p config.Provider) bool { return p.Name == "cuda" }))
		return nil, err
	}
	return a.machine.watch(a.devices.Limit(e, spec.Providers)), nil
}

// newDevices is what all shadows share: turns on each device, and the memory
// of each GPU.
func newDevices(c *config.Config) (*share.Devices, map[string]int64, error) {
	shares := map[string]int64{}
	if c.Runtime.DeviceMemory > 0 {
		var err error
		if shares, err = provider.SplitMemory(int64(c.Runtime.DeviceMemory), c.Providers()); err != nil {
			return nil, nil, fmt.Errorf("onnxruntime.device_memory: %w", err)
		}
	}
	return share.New(c.Runtime.DeviceConcurrency), shares, nil
}

func (a *App) startEngine(ctx context.Context, spec WorkerSpec, name string, restarted func(reason string, lost int)) (shadow.Engine, error) {
	if a.s.Config.Runtime.InProcess {
		return spec.Open()
	}
	return child.Start(ctx, child.Settings{Command: a.s.Worker, Spec: spec, StartTimeout: time.Minute, HangTimeout: replayLimit,
		Logger: a.s.Logger.With("shadow", name), Restarted: restarted})
}

// openSource finds where a shadow's model is kept.
func (a *App) openSource(s config.Shadow) (source.Source, error) {
	c := a.s.Config
	settings := source.Settings{Cache: c.ShadowCache, Digest: s.Digest, MLflow: source.MLflow{URL: c.MLflow.URL, Username: c.MLflow.Username}}
	if s.Signature != nil {
		settings.Signature = &source.Signature{Key: s.Signature.Key, File: s.Signature.File}
	}
	if settings.Cache == "" && !s.Local() {
		dir, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("%w; fix: set shadow_cache", err)
		}
		settings.Cache = filepath.Join(dir, "gnomon")
	}
	for path, secret := range map[string]*string{c.MLflow.PasswordFile: &settings.MLflow.Password, c.MLflow.TokenFile: &settings.MLflow.Token} {
		if path == "" {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read secret: %w", err)
		}
		*secret = strings.TrimSpace(string(data))
	}
	return source.Open(s.Model, settings)
}
