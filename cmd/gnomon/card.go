package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/exporter/card"
	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// cardFlags are the flags of gnomon card.
type cardFlags struct {
	watchedFlags
	config, format, output string
}

// watchedFlags name a model that a running gnomon watches.
type watchedFlags struct{ url, model, version string }

func (f *watchedFlags) register(c *kingpin.CmdClause) {
	c.Flag("url", "Where that gnomon's pages are.").Default("http://127.0.0.1:9464").StringVar(&f.url)
	c.Flag("model", "The model; may be left out where only one is watched.").StringVar(&f.model)
	c.Flag("model-version", "Its version; the first where left out.").StringVar(&f.version)
}

// ask is that model as it is now, and the gnomon that says so.
func (f *watchedFlags) ask(ctx context.Context) (result.Model, result.Build, error) {
	var status result.Snapshot
	if err := getJSON(ctx, f.url, "api/v1/status", &status); err != nil {
		return result.Model{}, result.Build{}, err
	}
	m, err := f.find(status.Models)
	return m, status.Build, err
}

func registerCard(app *kingpin.Application) runner {
	f := &cardFlags{}
	c := app.Command("card", "Write the model card of a model that a running gnomon watches.")
	f.register(c)
	c.Flag("config", "Configuration file, for what the owner says (models[].card).").StringVar(&f.config)
	c.Flag("format", "markdown or json.").Default("markdown").EnumVar(&f.format, "markdown", "json")
	c.Flag("output", "File to write to; - is standard output.").Default("-").StringVar(&f.output)
	return f.run
}

func (f *cardFlags) run(ctx context.Context, io streams) error {
	m, build, err := f.ask(ctx)
	if err != nil {
		return err
	}
	var statement config.Card
	var shadows []config.Shadow
	if f.config != "" {
		cfg, err := config.Load(f.config)
		if err != nil {
			return err
		}
		for _, c := range cfg.Models {
			if c.Name == m.Name && (c.Version == "" || c.Version == m.Version) {
				statement, shadows = c.Card, c.Shadows
			}
		}
	}
	document := card.New(m, statement, shadows, build, time.Now())
	var b bytes.Buffer
	if f.format == "json" {
		enc := json.NewEncoder(&b)
		enc.SetIndent("", "  ")
		err = enc.Encode(document)
	} else {
		err = document.WriteMarkdown(&b)
	}
	if err != nil {
		return err
	}
	return writeFile(f.output, b.Bytes(), io)
}

func (f *watchedFlags) find(models []result.Model) (result.Model, error) {
	names := []string{}
	for _, m := range models {
		if (f.model == "" && len(models) == 1 || m.Name == f.model) && (f.version == "" || m.Version == f.version) {
			return m, nil
		}
		names = append(names, fmt.Sprintf("%s (version %q)", m.Name, m.Version))
	}
	if f.model == "" {
		return result.Model{}, usageError{fmt.Errorf("give --model: %v are watched", names)}
	}
	return result.Model{}, fmt.Errorf("--model: %q is not watched; there are %v", f.model, names)
}

// mostStatus bounds what is read of a gnomon's answer.
const mostStatus = 64 << 20

// getJSON asks a running gnomon.
func getJSON(ctx context.Context, base, path string, into any) error {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return usageError{fmt.Errorf("--url: %q is no URL; write one such as http://127.0.0.1:9464", base)}
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.JoinPath(path).String(), nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask gnomon: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask gnomon: %s answers %s", req.URL.Redacted(), resp.Status)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, mostStatus)).Decode(into); err != nil {
		return errors.Join(fmt.Errorf("ask gnomon: %s is not a gnomon's API", req.URL.Redacted()), err)
	}
	return nil
}
