package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/driftlib/convention"
	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/driftlib/verdict"
	"github.com/gnomon-dev/gnomon/exporter/offline"
)

// driftFlags are the flags of gnomon drift.
type driftFlags struct {
	reference, current string
	bins               int
	convention         string
	fail, texts        bool
	limits             verdict.Options
	in                 *input
	out                *output
}

func registerDrift(app *kingpin.Application) runner {
	f := &driftFlags{limits: verdict.Defaults()}
	c := app.Command("drift", "Compare two tables column by column: has the data drifted?")
	c.Flag("reference", "The table of when all was well (.csv, .csv.gz, .tsv, .jsonl, .parquet), or a profile (.json).").Required().StringVar(&f.reference)
	c.Flag("current", "The table to judge; - is standard input.").Required().StringVar(&f.current)
	c.Flag("bins", "Reference-quantile bins of PSI, KL, JS, Hellinger and total variation.").Default("10").IntVar(&f.bins)
	c.Flag("convention", "Whose definitions and default verdicts: gnomon, or those of "+strings.Join(convention.Names(), ", ")+".").Default(offline.Gnomon).EnumVar(&f.convention, append(convention.Names(), offline.Gnomon)...)
	c.Flag("alpha", "Limit of the p-value, adjusted over the features.").Default("0.05").Float64Var(&f.limits.Alpha)
	c.Flag("min-psi", "Least PSI, its bias taken off, that is drift.").Default("0.01").Float64Var(&f.limits.MinPSI)
	c.Flag("min-rows", "Rows that both sides must have for a verdict.").Default("30").IntVar(&f.limits.MinRows)
	c.Flag("major-psi", "Lower bound of PSI above which drift is major.").Default("0.1").Float64Var(&f.limits.Major)
	c.Flag("fail-on-drift", "Exit with 3 where a feature has drifted.").BoolVar(&f.fail)
	c.Flag("text-summaries", "Compare columns of text by entropy, likelihood, tokens and shares of characters besides their length; of two tables.").BoolVar(&f.texts)
	f.in, f.out = inputFlags(c), outputFlags(c)
	return f.run
}

func (f *driftFlags) run(_ context.Context, io streams) error {
	switch {
	case f.bins < 2 || f.bins > 1000:
		return usageError{fmt.Errorf("--bins is %d; give 2 to 1000", f.bins)}
	case f.limits.Alpha <= 0 || f.limits.Alpha >= 1:
		return usageError{fmt.Errorf("--alpha is %g; give a number between 0 and 1", f.limits.Alpha)}
	case f.texts && (f.convention != offline.Gnomon || strings.HasSuffix(f.reference, ".json")):
		return usageError{errors.New("--text-summaries needs the table of --reference and the convention gnomon; a profile knows lengths only")}
	case f.reference == "-" && f.current == "-":
		return usageError{errors.New("--reference and --current cannot both be standard input")}
	}
	known, err := f.known(io)
	if err != nil {
		return err
	}
	if known.Table != nil {
		defer known.Table.Close()
	}
	current, err := f.in.open(f.current, io)
	if err != nil {
		return err
	}
	defer current.Close()
	d, err := offline.FindDrift(known, current, offline.DriftOptions{Bins: f.bins, Options: f.limits, Convention: f.convention, Texts: f.texts})
	if err != nil {
		return err
	}
	if err := f.out.write(d, io); err != nil {
		return err
	}
	if f.fail && d.Drifted {
		return fmt.Errorf("%w: %d of %d features have drifted", errTripped, d.DriftedFeatures, len(d.Features))
	}
	return nil
}

// known opens the reference: a profile, or a table.
func (f *driftFlags) known(io streams) (offline.Known, error) {
	if !strings.HasSuffix(f.reference, ".json") {
		t, err := f.in.open(f.reference, io)
		return offline.Known{Table: t}, err
	}
	file, err := os.Open(f.reference)
	if err != nil {
		return offline.Known{}, err
	}
	defer file.Close()
	p, err := profile.Read(file)
	if err != nil {
		return offline.Known{}, fmt.Errorf("%s: %w", f.reference, err)
	}
	return offline.Known{Profile: p}, offline.Choose(p, list(f.in.columns), list(f.in.exclude))
}
