package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/exporter/report"
	"github.com/prometheus/common/model"
)

// reportFlags are the flags of gnomon report.
type reportFlags struct {
	prometheus, kind, span, end, model, format, output string
}

func registerReport(app *kingpin.Application) runner {
	f := &reportFlags{}
	c := app.Command("report", "Review the models of a Prometheus over a range: performance, drift, alerts, budgets, or cost.")
	c.Flag("prometheus", "Base URL of the Prometheus.").Default("http://127.0.0.1:9090").StringVar(&f.prometheus)
	c.Flag("kind", "weekly or cost.").Default(report.Weekly).EnumVar(&f.kind, report.Weekly, report.Cost)
	c.Flag("range", "How far back, such as 7d.").Default("7d").StringVar(&f.span)
	c.Flag("end", "End of the range (RFC 3339); now where left out.").StringVar(&f.end)
	c.Flag("model", "Only this model.").StringVar(&f.model)
	c.Flag("format", "html, markdown or json.").Default("html").EnumVar(&f.format, "html", "markdown", "json")
	c.Flag("output", "File to write to; - is standard output.").Default("-").StringVar(&f.output)
	return f.run
}

func (f *reportFlags) run(ctx context.Context, io streams) error {
	o := report.Options{Kind: f.kind, Model: f.model, End: time.Now()}
	span, err := model.ParseDuration(f.span)
	if err != nil || span <= 0 {
		return usageError{fmt.Errorf("--range: %q is no duration; write one such as 7d", f.span)}
	}
	o.Range = time.Duration(span)
	if f.end != "" {
		if o.End, err = time.Parse(time.RFC3339, f.end); err != nil {
			return usageError{fmt.Errorf("--end: %q is no time; write one such as 2026-03-01T00:00:00Z", f.end)}
		}
	}
	if u, err := url.Parse(f.prometheus); err != nil || u.Host == "" {
		return usageError{fmt.Errorf("--prometheus: %q is no URL; write one such as http://127.0.0.1:9090", f.prometheus)}
	}
	q, err := report.Connect(f.prometheus)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	r, err := report.New(ctx, q, o)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	switch f.format {
	case "json":
		enc := json.NewEncoder(&b)
		enc.SetIndent("", "  ")
		err = enc.Encode(r)
	case "markdown":
		err = r.WriteMarkdown(&b)
	default:
		err = r.WriteHTML(&b)
	}
	if err != nil {
		return err
	}
	return writeFile(f.output, b.Bytes(), io)
}
