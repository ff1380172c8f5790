package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/examples/digits"
	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/demo"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/onnx"
	"github.com/prometheus/exporter-toolkit/web"
	"golang.org/x/sync/errgroup"
)

// demoFlags are the flags of gnomon demo.
type demoFlags struct {
	phases, listen, library, logLevel string
	duration                          time.Duration
	rate                              float64
	once                              bool
	web                               *web.FlagConfig
}

func registerDemo(app *kingpin.Application) runner {
	f := &demoFlags{}
	c := app.Command("demo", "Watch a real classifier of handwritten digits while things go wrong.")
	c.Flag("phases", "Phases to play, comma-separated; all where left out: healthy,drift,settle,regression,version,recovery.").StringVar(&f.phases)
	c.Flag("phase-duration", "Length of a phase.").Default("20s").DurationVar(&f.duration)
	c.Flag("once", "Play the phases once and end.").BoolVar(&f.once)
	c.Flag("rate", "Requests a second.").Default("200").Float64Var(&f.rate)
	c.Flag("listen", "Address that the demo's client talks to.").Default("127.0.0.1:8080").StringVar(&f.listen)
	c.Flag("onnxruntime.library", "Path of the ONNX Runtime library; found by itself where left out.").StringVar(&f.library)
	c.Flag("log.level", "debug, info, warn or error.").Default("error").EnumVar(&f.logLevel, "debug", "info", "warn", "error")
	f.web = webFlags(c, "127.0.0.1:9464")
	return func(ctx context.Context, io streams) error { return f.run(ctx, io) }
}

// run brings up the primary, gnomon and the traffic, and tells the story.
func (f *demoFlags) run(ctx context.Context, io streams) error {
	phases, err := demo.Select(f.phases)
	if err != nil {
		return usageError{err}
	}
	if f.rate <= 0 || f.duration < time.Second {
		return usageError{errors.New("--rate must be above 0 and --phase-duration at least 1s")}
	}
	library, err := onnx.FindLibrary(f.library)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "gnomon-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	data, err := digits.Load()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	primary, err := startPrimary(ctx, library, io)
	if err != nil {
		return err
	}
	cfg, err := demoConfig(dir, data, primary, f.listen, library)
	if err != nil {
		return err
	}
	pages := "http://" + reachable((*f.web.WebListenAddresses)[0])
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	traffic := &demo.Traffic{Front: "http://" + reachable(f.listen), Pages: pages, Images: data.Traffic, Rate: f.rate, Delay: 2 * time.Second, Seed: uint64(time.Now().UnixNano()), Client: client}
	story := &demo.Story{Primary: primary, Pages: pages, Traffic: traffic, Phases: phases, Duration: f.duration, Once: f.once, Out: io.out, Client: client}

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serve(ctx, cfg, f.web, newLogger(io, f.logLevel), nil) })
	g.Go(func() error {
		if err := waitReady(ctx, pages, client); err != nil {
			return err
		}
		fmt.Fprintf(io.out, "page     %s/\nmetrics  %s/metrics\nCtrl-C ends it\n", pages, pages)
		g.Go(func() error { return traffic.Run(ctx) })
		err := story.Run(ctx)
		cancel() // the story is told
		return err
	})
	return g.Wait()
}

// reachable turns a listening address into one that can be called.
func reachable(address string) string {
	if strings.HasPrefix(address, ":") {
		return "127.0.0.1" + address
	}
	return address
}

// demoConfig is gnomon's configuration for the demo, with the reference and
// the shadows' models in dir. Its times are those of a story: a tick a second.
func demoConfig(dir string, data *digits.Data, primary, listen, library string) (*config.Config, error) {
	reference := filepath.Join(dir, "reference.csv")
	f, err := os.Create(reference)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(data.ReferenceCSV(f), f.Close()); err != nil {
		return nil, err
	}
	models, err := digits.Models()
	if err != nil {
		return nil, err
	}
	for _, name := range []string{digits.Int8, digits.V1} {
		if err := os.WriteFile(filepath.Join(dir, name+".onnx"), models[name].ONNX, 0o600); err != nil {
			return nil, err
		}
	}
	cfg := config.Default()
	cfg.Listen, cfg.Upstream, cfg.Runtime.Library = listen, primary, library
	cfg.Discover.Enabled = false
	e := &cfg.Evaluation
	e.Interval, e.Tick, e.RecentSpan, e.Window = config.Duration(time.Second), config.Duration(time.Second), config.Duration(10*time.Second), 1000
	e.FalseAlarm, e.StaleAfter = config.Duration(12*time.Hour), config.Duration(5*time.Second)
	cfg.Labels.Window = 1000
	// Of examples/cost/prices.yaml: euros for an hour of a core and of a gigabyte.
	cfg.Cost = config.Cost{Currency: "EUR", Prices: []config.Price{{CPUHour: 0.04, GBHour: 0.005}}}
	cfg.Models = []config.Model{{Name: demo.ModelName, Version: demo.ModelVersion,
		Reference: config.Reference{File: reference, Label: digits.LabelColumn},
		Identity:  config.Identity{Interval: config.Duration(2 * time.Second)},
		Shadows: []config.Shadow{
			{Name: "twin", Role: "twin", Model: filepath.Join(dir, digits.Int8+".onnx")},
			{Name: "version-1", Role: "baseline", Model: filepath.Join(dir, digits.V1+".onnx")},
		},
		// Would the quantised twin do as well?
		Experiments: []config.Experiment{{Name: "quantised", Treatment: config.Arm{Shadow: "twin"}, Figures: []config.Figure{{KPI: "accuracy", Margin: 0.01}}}}}}
	return &cfg, cfg.Complete()
}

// waitReady waits until gnomon serves and its shadows and reference are there.
func waitReady(ctx context.Context, pages string, client *http.Client) error {
	for deadline := time.Now().Add(time.Minute); ctx.Err() == nil; {
		if resp, err := client.Get(pages + "/-/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		if time.Now().After(deadline) {
			return errors.New("gnomon did not become ready within a minute")
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

// primaryCommand is the hidden subcommand that the demo's primary runs.
const primaryCommand = "demo-primary"

// startPrimary starts the primary as a process of its own and returns its URL.
// It ends with ctx.
func startPrimary(ctx context.Context, library string, io streams) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := l.Addr().String()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		return "", err
	}
	defer file.Close()
	l.Close() // the child has the socket
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, exe, primaryCommand, "--onnxruntime.library", library)
	cmd.ExtraFiles, cmd.Stderr = []*os.File{file}, io.err
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("start the primary: %w", err)
	}
	go func() { _ = cmd.Wait() }() // it ends when the demo does
	return "http://" + address, nil
}

func registerPrimary(app *kingpin.Application) runner {
	var library string
	c := app.Command(primaryCommand, "Serve the demo's model on an inherited socket.").Hidden()
	c.Flag("onnxruntime.library", "Path of the ONNX Runtime library.").StringVar(&library)
	return func(ctx context.Context, _ streams) error {
		l, err := net.FileListener(os.NewFile(3, "socket"))
		if err != nil {
			return fmt.Errorf("no socket from a parent: this command is started by gnomon demo: %w", err)
		}
		dir, err := os.MkdirTemp("", "gnomon-primary-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		p, err := demo.NewPrimary(func(name string) (shadow.Engine, error) { return openDigits(dir, name, library) }, digits.FP32)
		if err != nil {
			return err
		}
		server := &http.Server{Handler: p.Handler(), ReadHeaderTimeout: 5 * time.Second}
		go func() { <-ctx.Done(); _ = server.Close() }()
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}

func openDigits(dir, name, library string) (shadow.Engine, error) {
	models, err := digits.Models()
	if err != nil {
		return nil, err
	}
	m, ok := models[name]
	if !ok {
		return nil, fmt.Errorf("the demo has no model %q", name)
	}
	path := filepath.Join(dir, name+".onnx")
	if err := os.WriteFile(path, m.ONNX, 0o600); err != nil {
		return nil, err
	}
	return onnx.Open(onnx.Settings{Library: library, Path: path, Providers: onnx.CPU(), MaxBatch: 1})
}
