package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/exporter/hook"
	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/exporter-toolkit/web"
)

func registerHook(app *kingpin.Application) runner {
	var file, level string
	var check bool
	c := app.Command("hook", "Start jobs, such as a retraining, when Alertmanager says so.")
	c.Flag("config", "Configuration file; docs/retraining.md lists its fields.").Required().StringVar(&file)
	c.Flag("check", "Only check the file.").BoolVar(&check)
	c.Flag("log.level", "debug, info, warn or error.").Default("info").EnumVar(&level, "debug", "info", "warn", "error")
	flags := webFlags(c, ":9465")
	return func(ctx context.Context, io streams) error {
		cfg, err := hook.Load(file)
		if err != nil {
			return err
		}
		if check {
			_, err := fmt.Fprintf(io.out, "%s is valid: %d jobs\n", file, len(cfg.Jobs))
			return err
		}
		return receive(ctx, cfg, flags, io, level)
	}
}

// receive serves until ctx ends; jobs that run then are stopped.
func receive(ctx context.Context, cfg *hook.Config, flags *web.FlagConfig, io streams, level string) error {
	logger := newLogger(io, level)
	reg := client.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r, err := hook.New(hook.Settings{Config: cfg, Registerer: reg, Now: time.Now, Logger: logger})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /api/v1/alerts", r)
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "gnomon hook is healthy") })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() {
		err := web.ListenAndServe(server, flags, logger)
		stop() // without a listener there is nothing to run for
		served <- err
	}()
	go func() {
		<-ctx.Done()
		late, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(late) // who is slower than that is cut off
	}()
	ran := r.Run(ctx)
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(ran, err)
	}
	return ran
}
