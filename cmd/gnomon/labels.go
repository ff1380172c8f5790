package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/gnomon-dev/gnomon/exporter/labelstore"
)

// labelsCommand is the group that the commands on labels are in.
func labelsCommand(app *kingpin.Application) *kingpin.CmdClause {
	if c := app.GetCommand("labels"); c != nil {
		return c
	}
	return app.Command("labels", "Labels that come late, and what waits for them.")
}

func registerLabelsBackup(app *kingpin.Application) runner {
	c := labelsCommand(app).Command("backup", "Copy the label store of a gnomon that runs into a tar file; it goes on working.")
	url := c.Flag("url", "Where its pages are.").Default("http://127.0.0.1:9464").String()
	output := c.Flag("output", "File to write; - is standard output.").Default("labels.tar").String()
	return func(ctx context.Context, io streams) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(*url, "/")+"/api/v1/labels/backup", nil)
		if err != nil {
			return usageError{err}
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		return saveBackup(answer, *output, io)
	}
}

func saveBackup(answer *http.Response, output string, s streams) error {
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 4096)) // the status says enough
		return fmt.Errorf("%s: %s", answer.Status, strings.TrimSpace(string(text)))
	}
	if output == "-" {
		_, err := io.Copy(s.out, answer.Body)
		return err
	}
	part := output + ".part" // a backup that broke off never has the name of a whole one
	f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, answer.Body)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, output); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s: %d bytes\n", output, n)
	return err
}

func registerLabelsRestore(app *kingpin.Application) runner {
	c := labelsCommand(app).Command("restore", "Put a backup of the label store into an empty folder, for labels.store.path.")
	input := c.Flag("input", "Backup; - is standard input.").Required().String()
	store := c.Flag("store", "Folder to put it into.").Required().String()
	return func(_ context.Context, s streams) error {
		in := s.in
		if *input != "-" {
			f, err := os.Open(*input)
			if err != nil {
				return err
			}
			defer f.Close()
			in = f
		}
		if err := labelstore.ReadBackup(in, *store); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "%s holds the backup; set labels.store.path to it\n", *store)
		return err
	}
}
