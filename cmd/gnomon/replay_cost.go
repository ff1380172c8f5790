package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/cost"
	"github.com/gnomon-dev/gnomon/exporter/offline"
	"github.com/gnomon-dev/gnomon/exporter/replay"
	"github.com/gnomon-dev/gnomon/shadow"
)

// costFlags are those of gnomon replay --cost.
type costFlags struct {
	prices, against, gpu, at string
	save, lose, perMonth     float64
	records                  int
	time                     time.Duration
}

func (f *costFlags) register(c *kingpin.CmdClause) {
	c.Flag("cost", "Price file: also say what the model costs against --against, saves and loses.").StringVar(&f.prices)
	c.Flag("against", "The model that serves now, as --model takes it, for --cost.").StringVar(&f.against)
	c.Flag("cost-gpu", "Type of the GPU that both run on, as in the price file; cores alone are charged where left out.").StringVar(&f.gpu)
	c.Flag("cost-at", "Day whose prices are in effect, such as 2026-07-01; today where left out.").StringVar(&f.at)
	c.Flag("save", "Share of the cost that must be saved, for the decision.").Default("0.8").Float64Var(&f.save)
	c.Flag("lose", "Accuracy that may be lost, for the decision.").Default("0.02").Float64Var(&f.lose)
	c.Flag("requests-per-month", "For the projection; none where 0.").Default("0").Float64Var(&f.perMonth)
	c.Flag("cost-records", "The first so many records are replayed for the cost.").Default("10000").IntVar(&f.records)
	c.Flag("cost-time", "Time that each of the two is measured for, at least.").Default("1s").DurationVar(&f.time)
}

func (f *costFlags) check(requests string) error {
	switch {
	case f.prices == "" && f.against != "":
		return usageError{errors.New("--against is for --cost PRICES")}
	case f.prices == "":
		return nil
	case f.against == "":
		return usageError{errors.New("--cost compares with the model that serves now: give --against MODEL.onnx")}
	case requests == "-":
		return usageError{errors.New("--cost reads the records twice: give --requests a file")}
	case f.records < 1:
		return usageError{errors.New("--cost-records must be at least 1")}
	}
	return nil
}

func (f *replayFlags) compareCost(ctx context.Context, candidate shadow.Engine, reader replay.Reader, io streams) (*offline.CostReport, error) {
	prices, err := config.LoadPrices(f.cost.prices)
	if err != nil {
		return nil, fmt.Errorf("--cost: %w", err)
	}
	at := time.Now()
	if f.cost.at != "" {
		if at, err = time.Parse(time.DateOnly, f.cost.at); err != nil {
			return nil, usageError{fmt.Errorf("--cost-at: %q is no day such as 2026-07-01", f.cost.at)}
		}
	}
	primary, err := f.load(ctx, f.cost.against, false)
	if err != nil {
		return nil, fmt.Errorf("--against: %w", err)
	}
	defer primary.Close()
	records, done, err := f.open(io)
	if err != nil {
		return nil, err
	}
	defer done()
	return offline.CompareCost(ctx, records, offline.CostOptions{Candidate: candidate, Primary: primary, Reader: reader, Classes: list(f.classes), Batch: f.batch, Records: f.cost.records, Time: f.cost.time,
		Prices: cost.NewPrices(*prices), At: at, GPU: f.cost.gpu, PerMonth: f.cost.perMonth, Save: f.cost.save, Lose: f.cost.lose, Now: time.Now, CPU: cost.CPUTime})
}
