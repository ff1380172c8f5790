package main

import (
	"errors"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/exporter/config"
)

// trainFlags are those of gnomon run --train: one job without a file.
type trainFlags struct {
	on  bool
	job config.Training
	// prices is a price file.
	prices string
}

func (f *trainFlags) register(c *kingpin.CmdClause) {
	c.Flag("train", "Watch a training job instead of a model server; the flags that begin with train say where it writes.").BoolVar(&f.on)
	c.Flag("train.metrics", "File that the job appends to: JSON Lines or CSV with step and loss.").StringVar(&f.job.Metrics)
	c.Flag("train.tensorboard", "Folder with the job's TensorBoard event files.").StringVar(&f.job.TensorBoard)
	c.Flag("train.mlflow", "URL of an MLflow tracking server, with --train.run.").StringVar(&f.job.MLflow.URL)
	c.Flag("train.run", "Id of the MLflow run.").StringVar(&f.job.MLflow.Run)
	c.Flag("train.checkpoints", "Pattern of the job's checkpoints, such as 'out/*.ckpt'.").StringVar(&f.job.Checkpoints)
	c.Flag("train.log", "File with what the job prints, read for running out of memory.").StringVar(&f.job.Log)
	c.Flag("train.loss", "Name of the loss among the metrics.").Default("loss").StringVar(&f.job.LossKey)
	c.Flag("train.pid", "The job's process, for its GPUs and its cost.").IntVar(&f.job.PID)
	c.Flag("train.prices", "Price file, for what the job costs.").StringVar(&f.prices)
}

// config is the configuration of a watched job alone.
func (f *trainFlags) config(job, model string) (*config.Config, error) {
	cfg := config.Default()
	f.job.Job, f.job.Model = job, model
	config.TrainingDefaults(&f.job)
	cfg.Training = []config.Training{f.job}
	cfg.Discover.Enabled = false
	if f.prices != "" {
		prices, err := config.LoadPrices(f.prices)
		if err != nil {
			return nil, err
		}
		cfg.Cost.Currency, cfg.Cost.Prices = prices.Currency, prices.Prices
	}
	return &cfg, cfg.Complete()
}

func (f *trainFlags) check(other bool) error {
	if f.on && other {
		return usageError{errors.New("--train watches a job and no server: leave --upstream, --config and --once out, or put a training block into the file")}
	}
	return nil
}
