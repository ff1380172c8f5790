package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/exporter/app"
	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/inferencelog"
)

// logFlags are the flags of gnomon log.
type logFlags struct {
	config, identity, output string
	ids                      []string
}

func (f *logFlags) common(c *kingpin.CmdClause) {
	c.Flag("config", "Configuration file with the inference_log.").Required().StringVar(&f.config)
	c.Flag("identity", "File with the identity that encrypted files are read with; that of the configuration where left out.").StringVar(&f.identity)
}

func logCommand(k *kingpin.Application) *kingpin.CmdClause {
	if c := k.GetCommand("log"); c != nil {
		return c
	}
	return k.Command("log", "The inference log: sampled inferences in Parquet files.")
}

func registerLogDelete(k *kingpin.Application) runner {
	f := &logFlags{}
	c := logCommand(k).Command("delete", "Delete records by id from every file. A running gnomon has DELETE /api/v1/records/ID for what it has not written yet.")
	f.common(c)
	c.Flag("id", "A record's id, as the client sent it; the rows of a batch go with it. May be repeated.").Required().StringsVar(&f.ids)
	return func(_ context.Context, io streams) error {
		cfg, store, err := f.open()
		if err != nil {
			return err
		}
		r, _, err := app.NewRedactor(&cfg.InferenceLog)
		if err != nil {
			return err
		}
		n, err := store.Delete(r, f.ids...)
		if err == nil {
			_, err = fmt.Fprintf(io.out, "%d records deleted\n", n)
		}
		return err
	}
}

func registerLogDecrypt(k *kingpin.Application) runner {
	f := &logFlags{}
	c := logCommand(k).Command("decrypt", "Write every file, decrypted, to another folder.")
	f.common(c)
	c.Flag("output", "The folder.").Required().StringVar(&f.output)
	return func(_ context.Context, io streams) error {
		cfg, store, err := f.open()
		if err != nil {
			return err
		}
		from, _ := filepath.Abs(cfg.InferenceLog.Directory)
		if to, _ := filepath.Abs(f.output); to == from {
			return usageError{errors.New("--output is the log itself")}
		}
		n, err := store.Decrypt(f.output)
		if err == nil {
			_, err = fmt.Fprintf(io.out, "%d files written\n", n)
		}
		return err
	}
}

func (f *logFlags) open() (*config.Config, *inferencelog.Store, error) {
	cfg, err := config.Load(f.config)
	if err != nil {
		return nil, nil, err
	}
	if cfg.InferenceLog.Directory == "" {
		return nil, nil, fmt.Errorf("%s: inference_log.directory is missing; there is no log", f.config)
	}
	if f.identity != "" {
		cfg.InferenceLog.Encryption.IdentityFile = f.identity
	}
	store, err := app.NewStore(&cfg.InferenceLog)
	return cfg, store, err
}
