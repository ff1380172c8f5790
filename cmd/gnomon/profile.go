package main

import (
	"bytes"
	"context"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/exporter/offline"
)

// profileFlags are the flags of gnomon profile.
type profileFlags struct {
	data, output string
	options      profile.Options
	in           *input
}

func registerProfile(app *kingpin.Application) runner {
	f := &profileFlags{}
	c := app.Command("profile", "Make a reference profile of a table: bins, counts, moments and a sample of every column, as JSON.")
	c.Flag("data", "The table (.csv, .csv.gz, .tsv, .jsonl, .parquet); - is standard input.").Required().StringVar(&f.data)
	c.Flag("output", "File to write to; - is standard output.").Default("-").StringVar(&f.output)
	c.Flag("bins", "Reference-quantile bins.").Default("10").IntVar(&f.options.Bins)
	c.Flag("categories", "Most categories with a bin of their own.").Default("50").IntVar(&f.options.Categories)
	c.Flag("min-count", "Categories with fewer rows are folded into \"other\": a rare name does not leave the house.").Default("5").IntVar(&f.options.MinCount)
	c.Flag("sample", "Most values kept of a numeric column.").Default("10000").IntVar(&f.options.Sample)
	f.in = inputFlags(c)
	return f.run
}

func (f *profileFlags) run(_ context.Context, io streams) error {
	in, err := f.in.options(f.data, io)
	if err != nil {
		return err
	}
	p, err := offline.Profile(f.data, in, f.options)
	if err != nil {
		return err
	}
	p.Created = time.Now().UTC().Truncate(time.Second)
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		return err
	}
	return writeFile(f.output, b.Bytes(), io)
}
