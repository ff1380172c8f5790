package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/exporter/inferencelog"
	"github.com/gnomon-dev/gnomon/exporter/offline"
	"github.com/gnomon-dev/gnomon/exporter/tap/file"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/adapt"
	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/compare/kinds"
	"github.com/gnomon-dev/gnomon/shadow/onnx"
	"github.com/gnomon-dev/gnomon/shadow/provider"
)

// replayFlags are the flags of gnomon replay.
type replayFlags struct {
	model, requests, provider, library, gate string
	identity                                 string
	output, softmax, kind, classes           string
	tolerance                                float64
	batch, bins                              int
	out                                      *output
	cost                                     costFlags
	source                                   sourceFlags
}

func registerReplay(app *kingpin.Application) runner {
	f := &replayFlags{}
	c := app.Command("replay", "Run recorded traffic on a model: does it answer as the recorded one did, is it right, how fast is it?")
	c.Flag("model", "The model: an .onnx file, a folder in Triton's or KServe's layout, an https:// URL, models:/NAME@ALIAS or models:/NAME/VERSION.").Required().StringVar(&f.model)
	c.Flag("requests", "Recorded traffic: JSON Lines, plain or gzip, - for standard input; or an inference log, a folder or a .parquet file of it.").Required().StringVar(&f.requests)
	c.Flag("identity", "File with the identity that an encrypted inference log is read with.").StringVar(&f.identity)
	c.Flag("provider", "Execution providers in the order of preference, comma-separated.").Default("cpu").StringVar(&f.provider)
	c.Flag("gate", "Conditions that must hold, such as 'agreement >= 0.99 and latency_seconds.p99 < 0.05'; exit with 3 where one does not.").StringVar(&f.gate)
	c.Flag("batch", "Rows of one inference.").Default("1").IntVar(&f.batch)
	c.Flag("output-name", "Output to read; the widest numeric one where left out.").StringVar(&f.output)
	c.Flag("kind", "What the answers are: "+strings.Join(kinds.Names(), ", ")+".").Default("classification").EnumVar(&f.kind, kinds.Names()...)
	c.Flag("softmax", "auto, always or never: whether the output is logits.").Default("auto").EnumVar(&f.softmax, "auto", "always", "never")
	c.Flag("classes", "Names of the classes, comma-separated, where labels use names.").StringVar(&f.classes)
	c.Flag("tolerance", "Relative difference up to which two values agree.").Default("0.001").Float64Var(&f.tolerance)
	c.Flag("ece-bins", "Bins of the calibration errors.").Default("15").IntVar(&f.bins)
	c.Flag("onnxruntime.library", "Path of the ONNX Runtime library; found by itself where left out.").StringVar(&f.library)
	f.source.register(c)
	f.cost.register(c)
	f.out = outputFlags(c)
	return f.run
}

func (f *replayFlags) run(ctx context.Context, io streams) error {
	var gate *offline.Gate
	var err error
	if f.gate != "" {
		if gate, err = offline.ParseGate(f.gate); err != nil {
			return usageError{fmt.Errorf("--gate: %w", err)}
		}
	}
	if f.batch < 1 || f.bins < 1 {
		return usageError{errors.New("--batch and --ece-bins must be at least 1")}
	}
	if err := f.cost.check(f.requests); err != nil {
		return err
	}
	records, done, err := f.open(io)
	if err != nil {
		return err
	}
	defer done()
	engine, err := f.load(ctx, f.model, true)
	if err != nil {
		return err
	}
	defer engine.Close()
	kind, err := kinds.New(compare.Options{Kind: f.kind, Output: f.output, Softmax: compare.Softmax(f.softmax), Tolerance: f.tolerance, Pad: -1})
	if err != nil {
		return usageError{err}
	}
	r, err := offline.Run(ctx, records, offline.ReplayOptions{Engine: engine, Reader: kind, Comparer: kind, Classes: list(f.classes), Batch: f.batch, ECEBins: f.bins})
	if err != nil {
		return err
	}
	if f.cost.prices != "" {
		if r.Cost, err = f.compareCost(ctx, engine, kind, io); err != nil {
			return err
		}
	}
	if err := f.out.write(r, io); err != nil || gate == nil {
		return err
	}
	failed, err := gate.Check(r)
	if err == nil && len(failed) > 0 {
		err = fmt.Errorf("%w: %s", errTripped, strings.Join(failed, "; "))
	}
	return err
}

// load brings a model here and loads it.
func (f *replayFlags) load(ctx context.Context, ref string, pinned bool) (shadow.Engine, error) {
	found, err := f.source.find(ctx, ref, pinned)
	if err != nil {
		return nil, err
	}
	batch := f.batch
	if most := found.Hints.MaxBatch; most > 0 {
		batch = min(batch, most)
	}
	model, err := onnx.Open(onnx.Settings{Library: f.library, Path: found.Path, Digest: found.Digest, Providers: providers(f.provider), MaxBatch: batch})
	if err != nil {
		return nil, err
	}
	return adapt.New(model, adapt.Settings{}) // half precision takes what single precision was asked
}

// providers are named on the command line without options.
func providers(names string) []provider.Spec {
	var out []provider.Spec
	for _, name := range list(names) {
		out = append(out, provider.Spec{Name: name})
	}
	return out
}

// open opens the recorded traffic.
func (f *replayFlags) open(s streams) (offline.Records, func(), error) {
	var in io.Reader = s.in
	done := func() {}
	if f.requests != "-" && inferencelog.IsLog(f.requests) {
		seal, err := inferencelog.NewSeal("", f.identity)
		if err != nil {
			return nil, nil, err
		}
		r, err := inferencelog.NewReader(f.requests, seal)
		return r, done, err
	}
	if f.requests != "-" {
		opened, err := os.Open(f.requests)
		if err != nil {
			return nil, nil, err
		}
		in, done = opened, func() { opened.Close() }
	}
	r, err := file.NewReader(in, nil, 0, time.Now)
	if err != nil {
		done()
		return nil, nil, fmt.Errorf("%s: %w", f.requests, err)
	}
	return r, done, nil
}
