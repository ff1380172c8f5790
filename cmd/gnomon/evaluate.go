package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/exporter/offline"
)

// evaluateFlags are the flags of gnomon evaluate.
type evaluateFlags struct {
	data, scores string
	reference    string
	gate         string
	options      offline.EvaluateOptions
	in           *input
	out          *output
}

func registerEvaluate(app *kingpin.Application) runner {
	f := &evaluateFlags{}
	o := &f.options
	c := app.Command("evaluate", "Say how good recorded predictions are: performance with intervals, calibration, confusion.")
	c.Flag("data", "Predictions and labels (.csv, .csv.gz, .tsv, .jsonl, .parquet); - is standard input.").Required().StringVar(&f.data)
	c.Flag("label", "Column with what really happened.").Required().StringVar(&o.Label)
	c.Flag("score", "Column with the probability of the positive class; of a ranking, the score.").StringVar(&o.Score)
	c.Flag("scores", "Columns with the probability of every class, comma-separated, in the order of the classes.").StringVar(&f.scores)
	c.Flag("prediction", "Column with the predicted class or value.").StringVar(&o.Prediction)
	c.Flag("positive", "The positive class of two.").Default("1").StringVar(&o.Positive)
	c.Flag("threshold", "Score from which on the positive class is predicted.").Default("0.5").Float64Var(&o.Threshold)
	c.Flag("group-by", "Column by whose values the rows are judged once more each.").StringVar(&o.GroupBy)
	c.Flag("query", "Ranking: column that names the list that a row belongs to.").StringVar(&o.Query)
	c.Flag("depth", "Ranking: depth of NDCG and hit rate; 0 is the whole list.").Default("10").IntVar(&o.Depth)
	c.Flag("ece-bins", "Bins of the calibration errors.").Default("15").IntVar(&o.ECEBins)
	c.Flag("top-k", "Scores of all classes: also the share of rows whose class is among the K highest.").Default("3").IntVar(&o.TopK)
	c.Flag("interval-lower", "Regression: column with the lower end of the prediction interval.").StringVar(&o.Lower)
	c.Flag("interval-upper", "Regression: column with its upper end.").StringVar(&o.Upper)
	c.Flag("interval-alpha", "Share of the values that the intervals should miss.").Default("0.1").Float64Var(&o.IntervalAlpha)
	c.Flag("quantile", "Regression: the level that the prediction is the quantile of, for pinball loss and coverage.").Float64Var(&o.Quantile)
	c.Flag("reference", "Labelled predictions with the same columns: estimate the performance of rows that have no label yet.").StringVar(&f.reference)
	c.Flag("task", "classification, regression or ranking.").Default(offline.Classification).EnumVar(&o.Task, offline.Classification, offline.Regression, offline.Ranking)
	c.Flag("gate", "Conditions on all rows that must hold, such as 'metrics.accuracy.lower > 0.9 and calibration.z < 3'; exit with 3 where one does not.").StringVar(&f.gate)
	f.in, f.out = inputFlags(c), outputFlags(c)
	return f.run
}

func (f *evaluateFlags) run(_ context.Context, io streams) error {
	f.options.Scores = list(f.scores)
	given := 0
	for _, s := range []string{f.options.Score, f.scores, f.options.Prediction} {
		if s != "" {
			given++
		}
	}
	if given != 1 {
		return usageError{errors.New("give exactly one of --score, --scores and --prediction")}
	}
	var gate *offline.Gate
	var err error
	if f.gate != "" {
		if gate, err = offline.ParseGate(f.gate); err != nil {
			return usageError{fmt.Errorf("--gate: %w", err)}
		}
	}
	data, err := f.in.open(f.data, io)
	if err != nil {
		return err
	}
	defer data.Close()
	if f.reference != "" {
		if f.options.Reference, err = f.in.open(f.reference, io); err != nil {
			return err
		}
		defer f.options.Reference.Close()
	}
	e, err := offline.Evaluate(data, f.options)
	if err != nil {
		return err
	}
	if err := f.out.write(e, io); err != nil || gate == nil {
		return err
	}
	failed, err := gate.Check(e.Groups[0])
	if err == nil && len(failed) > 0 {
		err = fmt.Errorf("%w: %s", errTripped, strings.Join(failed, "; "))
	}
	return err
}
