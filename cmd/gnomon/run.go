package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/exporter/app"
	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/page"
	"github.com/gnomon-dev/gnomon/exporter/queue"
	"github.com/gnomon-dev/gnomon/exporter/result"
	"github.com/prometheus/exporter-toolkit/web"
)

// runFlags are the flags of gnomon run.
type runFlags struct {
	config, model, name, upstream, reference, label, listen, library, logLevel string
	exclude                                                                    []string
	provider, mlflow                                                           string
	web                                                                        *web.FlagConfig
	once                                                                       onceFlags
	train                                                                      trainFlags
}

func registerRun(app *kingpin.Application) runner {
	f := &runFlags{}
	c := app.Command("run", "Watch models: stand between the clients and the model server.")
	c.Flag("config", "Configuration file; the flags below are for one model without a file.").StringVar(&f.config)
	c.Flag("upstream", "Base URL of the model server, such as http://127.0.0.1:8000.").StringVar(&f.upstream)
	c.Flag("model", "The model, replayed as a twin: an .onnx file, a folder in KServe's or Triton's layout, a URL, models:/NAME@ALIAS of MLflow.").StringVar(&f.model)
	c.Flag("mlflow.url", "Tracking server that models:/ is looked up in.").Envar("MLFLOW_TRACKING_URI").StringVar(&f.mlflow)
	c.Flag("name", "The model's name in /v2/models/NAME; the server is asked where it is left out.").StringVar(&f.name)
	c.Flag("reference", "A sample of what the model should see: .csv, .csv.gz, .tsv, .jsonl, .parquet or a profile.json.").StringVar(&f.reference)
	c.Flag("label", "The reference's column with the truth.").StringVar(&f.label)
	c.Flag("exclude", "A column of the reference that is no input; may be repeated.").StringsVar(&f.exclude)
	c.Flag("provider", "What executes the twin: cpu, cuda, tensorrt, webgpu, coreml, directml.").Default("cpu").StringVar(&f.provider)
	c.Flag("listen", "Address that clients talk to.").Default(":8080").StringVar(&f.listen)
	c.Flag("onnxruntime.library", "Path of the ONNX Runtime library; found by itself where left out.").StringVar(&f.library)
	f.web = webFlags(c, ":9464")
	f.once.register(c)
	f.train.register(c)
	c.Flag("log.level", "debug, info, warn or error.").Default("info").EnumVar(&f.logLevel, "debug", "info", "warn", "error")
	return func(ctx context.Context, io streams) error {
		if err := f.once.check(); err != nil || f.once.on {
			if err == nil {
				err = f.once.run(ctx, f.name, io)
			}
			return err
		}
		cfg, err := f.load(ctx)
		if err != nil {
			return err
		}
		return serve(ctx, cfg, f.web, newLogger(io, f.logLevel), nil)
	}
}

// webFlags are exporter-toolkit's flags on one subcommand.
func webFlags(c *kingpin.CmdClause, address string) *web.FlagConfig {
	return &web.FlagConfig{
		WebListenAddresses: c.Flag("web.listen-address", "Address of /metrics, the API and the page; may be repeated.").Default(address).Strings(),
		WebSystemdSocket:   c.Flag("web.systemd-socket", "Use systemd socket activation instead of an address.").Bool(),
		WebConfigFile:      c.Flag("web.config.file", "File with TLS and authentication of these pages, as exporter-toolkit describes it.").Default("").String(),
	}
}

func newLogger(io streams, level string) *slog.Logger {
	var l slog.Level
	_ = l.UnmarshalText([]byte(level)) // one of the flag's values
	return slog.New(slog.NewTextHandler(io.err, &slog.HandlerOptions{Level: l}))
}

// load makes the configuration of the file or of the flags.
func (f *runFlags) load(ctx context.Context) (*config.Config, error) {
	if err := f.train.check(f.upstream != "" || f.config != ""); err != nil {
		return nil, err
	}
	if f.train.on {
		return f.train.config(cmp.Or(f.once.job, "training"), f.name)
	}
	if f.config != "" {
		if f.upstream != "" || f.model != "" || f.reference != "" {
			return nil, usageError{fmt.Errorf("--config stands alone: put upstream, model and reference into the file")}
		}
		cfg, err := config.Load(f.config)
		if err == nil && cfg.MLflow.URL == "" {
			cfg.MLflow.URL = f.mlflow
		}
		return cfg, err
	}
	if f.upstream == "" {
		return nil, usageError{fmt.Errorf("give --config FILE or --upstream URL")}
	}
	cfg := config.Default()
	cfg.Listen, cfg.Upstream, cfg.Runtime.Library, cfg.MLflow.URL = f.listen, f.upstream, f.library, f.mlflow
	if f.model != "" || f.reference != "" {
		m, err := f.oneModel(ctx)
		if err != nil {
			return nil, err
		}
		cfg.Models = []config.Model{m}
	}
	return &cfg, cfg.Complete()
}

func (f *runFlags) oneModel(ctx context.Context) (config.Model, error) {
	name := f.name
	if name == "" {
		var err error
		if name, err = onlyModel(ctx, f.upstream); err != nil {
			return config.Model{}, err
		}
	}
	m := config.Model{Name: name, Reference: config.Reference{File: f.reference, Label: f.label, Exclude: f.exclude}}
	if f.model != "" {
		twin := config.Shadow{Model: f.model, Providers: []config.Provider{{Name: f.provider}}}
		if _, err := os.Stat(f.model); err != nil && twin.Local() {
			return m, fmt.Errorf("--model: %w", err)
		}
		m.Shadows = []config.Shadow{twin}
	}
	return m, nil
}

// onlyModel asks the server for the one model that it serves.
func onlyModel(ctx context.Context, upstream string) (string, error) {
	names, err := servedModels(ctx, upstream)
	if err != nil {
		return "", fmt.Errorf("the model server does not say what it serves (%w); give --name", err)
	}
	if len(names) != 1 {
		return "", usageError{fmt.Errorf("the model server serves %d models (%s); give --name", len(names), strings.Join(names, ", "))}
	}
	return names[0], nil
}

// serve runs gnomon until ctx ends. started, where given, is called once it is
// assembled.
func serve(ctx context.Context, cfg *config.Config, flags *web.FlagConfig, logger *slog.Logger, started func()) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find gnomon's own binary: %w", err)
	}
	a, err := app.New(app.Settings{Config: cfg, Worker: []string{exe, workerCommand}, GPUWorker: []string{exe, gpuCommand}, Logger: logger, Now: time.Now, Page: page.New(),
		Build: result.Build{Version: version, Revision: revision(), Go: goVersion()},
		Serve: func(s *http.Server) error { return web.ListenAndServe(s, flags, logger) }})
	if err != nil {
		return err
	}
	boundMemory(int64(cfg.Queue.MaxBytes))
	logger.Info("gnomon "+version, "doing", a.Start(), "clients", cfg.Listen, "upstream", cfg.Upstream, "pages", strings.Join(*flags.WebListenAddresses, " "))
	if started != nil {
		started()
	}
	return a.Run(ctx)
}

// boundMemory tells the garbage collector what the queue may hold, unless the
// environment has said something else.
func boundMemory(maxBytes int64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(queue.GCPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(queue.MemoryLimit(maxBytes))
	}
}

func registerCheck(app *kingpin.Application) runner {
	var file string
	c := app.Command("check", "Check a configuration file.")
	c.Flag("config", "Configuration file.").Required().StringVar(&file)
	return func(_ context.Context, io streams) error {
		cfg, err := config.Load(file)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(io.out, "%s is valid: %d models in front of %s\n", filepath.Base(file), len(cfg.Models), cfg.Upstream)
		return err
	}
}
