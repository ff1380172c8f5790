package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/exporter/app"
	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/child"
)

// workerCommand is the hidden subcommand that a shadow's process runs.
const workerCommand = "shadow-worker"

func registerWorker(k *kingpin.Application) runner {
	k.Command(workerCommand, "Run a shadow engine for a parent gnomon.").Hidden()
	return func(context.Context, streams) error {
		return child.ServeInherited(func(raw json.RawMessage) (shadow.Engine, error) {
			var spec app.WorkerSpec
			if err := json.Unmarshal(raw, &spec); err != nil {
				return nil, err
			}
			return spec.Open()
		})
	}
}

// servedModels asks a model server what it serves.
func servedModels(ctx context.Context, upstream string) ([]string, error) {
	u, err := url.Parse(upstream)
	if err != nil {
		return nil, err
	}
	models, err := oip.NewClient(u, &http.Client{Timeout: 5 * time.Second}).Models(ctx)
	var names []string
	for _, m := range models {
		names = append(names, m.Name)
	}
	return names, err
}
