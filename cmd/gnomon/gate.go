package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/exporter/result"
	"github.com/prometheus/common/model"
)

// gateFlags are the flags of gnomon gate.
type gateFlags struct {
	watchedFlags
	experiment, format, wait string
}

// decision is what gnomon gate answers.
type decision struct {
	Model    string   `json:"model"`
	Version  string   `json:"version,omitempty"`
	Decision string   `json:"decision"` // promote, hold, roll_back
	Reasons  []string `json:"reasons"`
}

func registerGate(app *kingpin.Application) runner {
	f := &gateFlags{}
	c := app.Command("gate", "Say of a model that a running gnomon watches: promote, hold or roll back; exit with 3 unless it is promote.")
	f.register(c)
	c.Flag("experiment", "Only this experiment; all where left out.").StringVar(&f.experiment)
	c.Flag("wait", "How long to wait for a decision other than hold, such as 30m.").Default("0s").StringVar(&f.wait)
	c.Flag("format", "text or json.").Default("text").EnumVar(&f.format, "text", "json")
	return f.run
}

func (f *gateFlags) run(ctx context.Context, io streams) error {
	wait, err := model.ParseDuration(f.wait)
	if err != nil {
		return usageError{fmt.Errorf("--wait: %q is no duration; write one such as 30m", f.wait)}
	}
	deadline := time.Now().Add(time.Duration(wait))
	for {
		m, _, err := f.ask(ctx)
		if err != nil {
			return err
		}
		d, err := decide(m, f.experiment)
		if err != nil {
			return err
		}
		if d.Decision != "hold" || time.Now().After(deadline) {
			return f.answer(d, io.out)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(5*time.Second, time.Until(deadline)+time.Millisecond)):
		}
	}
}

// decide puts the experiments and the verdict together: what is critical rolls
// back, whatever the figures say; what is a warning, or is still learned, holds.
func decide(m result.Model, only string) (decision, error) {
	d := decision{Model: m.Name, Version: m.Version, Decision: "promote", Reasons: []string{}}
	worse := func(to, reason string) {
		d.Reasons = append(d.Reasons, reason)
		if d.Decision != "roll_back" && to != "promote" {
			d.Decision = to
		}
	}
	found := false
	for _, e := range m.Experiments {
		if only == "" || e.Name == only {
			found = true
			worse(e.Decision, fmt.Sprintf("experiment %s (%s against %s): %s", e.Name, e.Treatment, e.Control, e.Words))
		}
	}
	if only != "" && !found {
		return d, fmt.Errorf("--experiment: %q is not an experiment of %s", only, m.Name)
	}
	for _, x := range m.Verdict.Findings {
		switch x.Level {
		case result.Critical:
			worse("roll_back", x.Words)
		case result.Warning, result.Learning, result.Unknown:
			worse("hold", x.Words)
		}
	}
	if len(d.Reasons) == 0 {
		d.Reasons = append(d.Reasons, "healthy")
	}
	return d, nil
}

func (f *gateFlags) answer(d decision, out io.Writer) error {
	if f.format == "json" {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(d); err != nil {
			return err
		}
	} else if _, err := fmt.Fprintf(out, "%s: %s\n  %s\n", d.Model, strings.ReplaceAll(d.Decision, "_", " "), strings.Join(d.Reasons, "\n  ")); err != nil {
		return err
	}
	if d.Decision != "promote" {
		return fmt.Errorf("%w: %s", errTripped, strings.ReplaceAll(d.Decision, "_", " "))
	}
	return nil
}
